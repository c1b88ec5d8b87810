"""The diffusion network: its schedule, its loss and its sampler, by hand and against a plain rewrite."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, MissingExtraError
from probablyexists.networks.build import build_generator

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from probablyexists.networks.diffusion import Diffusion  # noqa: E402

Noise = Callable[["torch.Tensor", int], "torch.Tensor"]


class Denoiser(torch.nn.Module):
    """Replaces the U-Net: returns a given noise and remembers its input."""

    def __init__(self, finds: Noise) -> None:
        super().__init__()
        self.finds = finds
        self.seen: list[tuple[torch.Tensor, list[int]]] = []

    def forward(self, images: torch.Tensor, t: int | torch.Tensor) -> SimpleNamespace:
        self.seen.append((images, torch.as_tensor(t).flatten().tolist()))
        return SimpleNamespace(sample=self.finds(images, t))


def with_denoiser(finds: Noise, size: int = 8, **arguments: int) -> tuple[Diffusion, Denoiser]:
    network, denoiser = Diffusion(size, 16, **arguments), Denoiser(finds)
    network.unet = denoiser
    return network, denoiser


def awake(size: int = 32, **arguments: int) -> Diffusion:
    """With the weights that begin at zero drawn too, so that every part takes part."""
    torch.manual_seed(0)
    network = Diffusion(size, 16, **arguments)
    for weights in network.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, 0, 0.05)
    return network.eval()


def kept(t: int, steps: int = 1000) -> float:
    """Share of the image's variance left at level t: Nichol & Dhariwal, equation 17, levels counted from 0."""

    def f(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    return f((t + 1) / steps) / f(0)


# --- the schedule and the loss --------------------------------------------------------------------------------------


def test_schedule_by_hand() -> None:
    """Half way the angle is 0.508 / 1.008 of 90 degrees, 45.357: cos^2 is 0.49377; over f(0) = 0.99984: 0.49384."""
    alphas = Diffusion(8, 16).schedule.alphas_cumprod
    assert float(alphas[499]) == pytest.approx(0.49384, abs=2e-5)
    for t in (0, 19, 250, 979):
        assert float(alphas[t]) == pytest.approx(kept(t), rel=1e-3)


def test_loss_noises_as_the_paper_and_asks_for_the_noise() -> None:
    """x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) eps; a denoiser that says 0.5 is wrong by eps - 0.5."""
    network, denoiser = with_denoiser(lambda images, t: torch.full_like(images, 0.5))
    images = torch.rand(6, 3, 8, 8) * 2 - 1
    torch.manual_seed(3)
    loss = network.loss(images)
    torch.manual_seed(3)
    levels, noise = torch.randint(1000, (6,)).tolist(), torch.randn(6, 3, 8, 8)
    seen, t = denoiser.seen[0]
    assert t == levels
    for i, level in enumerate(levels):
        expected = math.sqrt(kept(level)) * images[i] + math.sqrt(1 - kept(level)) * noise[i]
        assert seen[i].numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    assert float(loss) == pytest.approx(float(((noise - 0.5) ** 2).mean()), rel=1e-6)


def test_levels_are_all_drawn() -> None:
    network, denoiser = with_denoiser(lambda images, t: images, steps=5, sampling_steps=1)
    torch.manual_seed(0)
    network.loss(torch.zeros(200, 3, 8, 8))
    assert set(denoiser.seen[0][1]) == set(range(5))


def test_loss_begins_at_one() -> None:
    """The noise found is zero at first, and the noise has variance one."""
    torch.manual_seed(0)
    loss = Diffusion(32, 16).loss(torch.rand(8, 3, 32, 32) * 2 - 1)
    assert float(loss.detach()) == pytest.approx(1, abs=0.03)


def test_layout_of_the_images_changes_nothing() -> None:
    network, images = awake(), torch.rand(4, 3, 32, 32) * 2 - 1
    losses = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        losses.append(float(network.loss(images.contiguous(memory_format=layout)).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_every_weight_learns() -> None:
    network = awake(16)
    network.loss(torch.rand(2, 3, 16, 16) * 2 - 1).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


# --- the sampler ----------------------------------------------------------------------------------------------------


def ddim(
    noise: Callable[[NDArray[np.float64], int], NDArray[np.float64]], x: NDArray[np.float64], levels: list[int]
) -> NDArray[np.float64]:
    """Song et al., equation 12 with sigma = 0, the foreseen image clipped."""
    for t, following in zip(levels, [*levels[1:], None], strict=True):
        a, b = kept(t), 1.0 if following is None else kept(following)
        found = noise(x, t)
        foreseen = np.clip((x - np.sqrt(1 - a) * found) / np.sqrt(a), -1, 1)
        x = np.sqrt(b) * foreseen + np.sqrt(1 - b) * found
    return x


@pytest.mark.parametrize(("sampling_steps", "levels"), [(4, [875, 625, 375, 125]), (3, [832, 499, 166]), (1, [500])])
def test_sampler_against_a_plain_rewrite(sampling_steps: int, levels: list[int]) -> None:
    network, denoiser = with_denoiser(
        lambda x, t: torch.tanh(1.5 * x) * (0.5 + t / 1000), sampling_steps=sampling_steps
    )
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    images = network(torch.from_numpy(x).float())
    plain = ddim(lambda x, t: np.tanh(1.5 * x) * (0.5 + t / 1000), x, levels)
    assert [t for _, (t,) in denoiser.seen] == levels
    assert images.numpy() == pytest.approx(plain, abs=1e-3)
    assert 0.05 < (np.abs(plain) == 1).mean() < 0.95  # some pixels were clipped, some were not


def test_sampler_finds_the_image_that_the_denoiser_knows() -> None:
    truth = torch.rand(2, 3, 8, 8) * 2 - 1
    network, _ = with_denoiser(lambda x, t: (x - math.sqrt(kept(t)) * truth) / math.sqrt(1 - kept(t)))
    images = network(torch.randn(2, 3, 8, 8))
    assert images.numpy() == pytest.approx(truth.numpy(), abs=1e-4)


def test_images_stay_in_range_and_take_no_gradient() -> None:
    images = awake(sampling_steps=3)(torch.randn(2, 3, 32, 32))
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert float(images.abs().max()) <= 1


def test_batch_and_order_change_nothing() -> None:
    network, latents = awake(sampling_steps=4), torch.randn(5, 3, 32, 32)
    together = network(latents)
    alone = torch.cat([network(latent[None]) for latent in latents])
    assert together.numpy() == pytest.approx(alone.numpy(), abs=1e-4)
    assert network(latents.flip(0)).flip(0).numpy() == pytest.approx(together.numpy(), abs=1e-4)
    assert float((together[0] - together[1]).abs().mean()) > 0.1


def test_chance_has_no_part_in_sampling() -> None:
    network, latents = awake(sampling_steps=2), torch.randn(1, 3, 32, 32)
    torch.manual_seed(1)
    one, state = network(latents), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one, network.train()(latents))


# --- the network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "base", "smallest"), [(32, 32, 8), (48, 24, 6), (64, 40, 8), (128, 16, 8)])
def test_sizes(size: int, base: int, smallest: int) -> None:
    """Attention on the smallest frame alone; norm groups divide every width."""
    network = build_generator({"name": "diffusion", "size": size, "base": base})
    assert network.latent_shape == (3, size, size)
    frames: list[int] = []
    for name, module in network.named_modules():
        if name.endswith(".group_norm"):  # an attention's own
            module.register_forward_hook(lambda m, inputs, output: frames.append(inputs[0].shape[-1]))
    with torch.no_grad():
        loss = network.loss(torch.zeros(1, 3, size, size))
    assert math.isfinite(float(loss))
    assert frames == [smallest**2]


def test_eval_mode_of_the_unet_is_its_training_mode() -> None:
    network, images = awake().train(), torch.rand(2, 3, 32, 32)
    assert network.training
    assert not network.unet.training
    found = network.unet(images, 500).sample
    assert torch.allclose(found, network.unet.train()(images, 500).sample, atol=1e-6)


def test_bfloat16_channels_last_is_the_same_network() -> None:
    network, images = awake(), torch.rand(4, 3, 32, 32) * 2 - 1
    found = network.unet(images, 300).sample.detach()
    network = network.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network.unet(images.contiguous(memory_format=torch.channels_last), 300).sample
        loss = network.loss(images)
    assert rounded.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    assert float((rounded.detach().float() - found).norm() / found.norm()) < 0.03


def test_weights_go_through_a_file_and_copies(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    network, latents = awake(sampling_steps=2), torch.randn(1, 3, 32, 32)
    safetensors.save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other = Diffusion(32, 16, sampling_steps=2).eval()
    other.load_state_dict(safetensors.load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(other(latents), network(latents))
    assert torch.equal(copy.deepcopy(network)(latents), network(latents))


def test_it_learns_one_image() -> None:
    """Trained on one image alone, red from left to right and green from top to bottom, it draws nothing else."""
    ramp = torch.linspace(-0.8, 0.8, 8)
    image = torch.stack([ramp.expand(8, 8), ramp[:, None].expand(8, 8), torch.full((8, 8), 0.5)])
    torch.manual_seed(0)
    network = Diffusion(8, 16)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    latents = torch.randn(4, 3, 8, 8)

    def distance() -> float:
        return float((network(latents) - image).abs().mean())

    assert distance() > 0.8
    for _ in range(150):
        optimiser.zero_grad()
        network.loss(image.expand(16, -1, -1, -1)).backward()
        optimiser.step()
    assert distance() < 0.3


# --- what it refuses ------------------------------------------------------------------------------------------------


def test_refusals() -> None:
    with pytest.raises(InputError, match="size 36 cannot be halved down to 8 pixels"):
        Diffusion(36)
    for sampling_steps in (0, 1001):
        with pytest.raises(InputError, match=f"sampling_steps {sampling_steps} is not within 1 to 1000"):
            Diffusion(32, sampling_steps=sampling_steps)


def test_without_diffusers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"diffusers is not installed; run: pip install .*'diffusers"):
        Diffusion(32)
