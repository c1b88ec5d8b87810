"""The networks of the lab: fast operations against plain ones, laws of what comes out, shapes."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from probablyexists.basis.errors import InputError

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from probablyexists.lab import losses  # noqa: E402
from probablyexists.networks import augment, dcgan, frames, operations, r3gan, stylegan2  # noqa: E402
from probablyexists.networks.fast.fast import Fast, twice_differentiable  # noqa: E402
from probablyexists.networks.operations import PLAIN, Operations  # noqa: E402

SIZES = (16, 32, 48, 64, 128)
ONCE, TWICE = Fast(), Fast(twice=True)
ADVERSARIAL = {"r3gan": r3gan, "stylegan2": stylegan2}

each_network = pytest.mark.parametrize("network", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
each_form = pytest.mark.parametrize("ops", [PLAIN, ONCE, TWICE], ids=["plain", "fast", "twice"])
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def normal(*shape: int, dtype: Any = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype)


def close(here: Tensor, there: Tensor) -> None:
    assert here.dtype == there.dtype
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5 if here.dtype == torch.float32 else 1e-9)


def everyday(network: nn.Module) -> nn.Module:
    """Away from the start, where zeros hide what a parameter does."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)
    return network


# --- frames and the filter --------------------------------------------------------------------------------------


def fir(x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
    """The filter as it is written down: a two-dimensional kernel, zeros around, every pixel."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 8
    kernel = gain * torch.outer(taps, taps)
    n, c, h, w = x.shape
    return F.conv2d(x.reshape(n * c, 1, h, w), kernel[None, None], padding=padding).unflatten(0, (n, c))[:, :, 0]


@each_dtype
def test_doubling_is_zeros_between_the_pixels_and_the_filter(dtype: Any) -> None:
    x = normal(2, 3, 6, 6, dtype=dtype)
    spread = torch.zeros(2, 3, 12, 12, dtype=dtype)
    spread[:, :, ::2, ::2] = x
    plain = fir(F.pad(spread, (2, 1, 2, 1)), padding=0, gain=4.0)
    inner = (..., slice(1, -1), slice(1, -1))
    close(frames.double(x)[inner], plain[inner])
    assert frames.double(torch.ones(1, 1, 4, 4)).eq(1).all()


@each_form
@each_dtype
def test_halving_is_the_filter_and_every_second_pixel(dtype: Any, ops: Operations) -> None:
    x = normal(2, 3, 8, 8, dtype=dtype)
    plain = fir(F.pad(x, (1, 1, 1, 1), mode="replicate"), padding=0)[..., ::2, ::2]
    close(ops.halve(x), plain)


def test_halving_is_the_adjoint_of_doubling() -> None:
    small, large = normal(2, 3, 4, 4), normal(2, 3, 8, 8)
    close((frames.double(small) * large).sum(), 4 * (small * ONCE.halve(large)).sum())
    assert gradgradcheck(ONCE.halve, [large[:1, :1].requires_grad_()])


@each_dtype
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_blur_is_the_filter(padding: int, dtype: Any) -> None:
    x = normal(2, 3, 6, 6, dtype=dtype)
    close(operations.blur(x, padding), fir(x, padding))
    assert (operations.blur(x.bfloat16(), padding).to(dtype) - fir(x.bfloat16().to(dtype), padding)).abs().max() < 0.01


def test_frames_by_hand() -> None:
    assert frames.sides(32) == [4, 8, 16, 32]
    assert frames.sides(48) == [3, 6, 12, 24, 48]
    assert frames.widths(128, 16) == [128, 128, 128, 64, 32, 16]
    for size in (4, 34, 44):
        with pytest.raises(InputError, match=rf"size {size}: .*take 32"):
            frames.sides(size)


# --- operations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding", "groups", "side"), [(1, 1, 1, 4), (2, 0, 2, 5), (2, 1, 1, 4)])
def test_convolution_is_the_ordinary_one(stride: int, padding: int, groups: int, side: int) -> None:
    how = {"stride": stride, "padding": padding, "groups": groups}
    x, weight, bias = normal(2, 4, side, side), normal(2, 4 // groups, 3, 3), normal(2)
    given = [t.requires_grad_() for t in (x[:1], weight, bias)]
    for fast in (ONCE, TWICE):
        close(fast.conv(x, weight, bias, **how), PLAIN.conv(x, weight, bias, **how))
        close(fast.conv(x, weight, **how), PLAIN.conv(x, weight, **how))
        with torch.no_grad():
            close(fast.conv(x, weight, bias, **how), PLAIN.conv(x, weight, bias, **how))
        assert gradcheck(lambda *t, fast=fast: fast.conv(*t, **how), given)
    assert gradgradcheck(lambda *t: TWICE.conv(*t, **how), given)


def test_a_second_derivative_must_be_asked_for() -> None:
    x, weight = normal(1, 2, 4, 4).requires_grad_(), normal(2, 2, 3, 3)
    (gradient,) = torch.autograd.grad(ONCE.conv(x, weight).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_transposed_convolution_is_the_ordinary_one() -> None:
    x, weight, bias = normal(2, 4, 3, 3), normal(4, 2, 4, 4), normal(2)
    close(
        ONCE.conv_transpose(x, weight, bias, stride=2, padding=1),
        PLAIN.conv_transpose(x, weight, bias, stride=2, padding=1),
    )
    given = [t.requires_grad_() for t in (x[:1], weight, bias)]
    assert gradcheck(lambda *t: ONCE.conv_transpose(*t, stride=2, padding=1), given)


@pytest.mark.parametrize("ops", [ONCE, TWICE], ids=["fast", "twice"])
@pytest.mark.parametrize(
    ("n", "here", "there", "side"), [(4, 3, 32, 16), (4, 32, 3, 16), (1, 64, 16, 4), (1, 16, 64, 8)]
)
def test_the_fast_forms_of_bfloat16_are_the_ordinary_ones(
    n: int, here: int, there: int, side: int, ops: Operations
) -> None:
    """Three channels on one side, and few pixels with many weights: each where it is taken and where it is not."""
    for ours, plain, shape in (
        (ops.conv, PLAIN.conv, (there, here, 4, 4)),
        (ops.conv_transpose, PLAIN.conv_transpose, (here, there, 4, 4)),
    ):
        x, weight, bias = (
            t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t
            for t in (normal(n, here, side, side), normal(*shape) / 10, normal(there))
        )
        fast = [t.bfloat16().requires_grad_() for t in (x, weight, bias)]
        exact = [t.detach().double().requires_grad_() for t in fast]
        y = ours(*fast, stride=2, padding=1)
        z = plain(*exact, stride=2, padding=1)
        grad = torch.randn_like(y)
        found = [y, *torch.autograd.grad(y, fast, grad)]
        wanted = [z, *torch.autograd.grad(z, exact, grad.double())]
        for a, b in zip(found, wanted, strict=True):
            assert (a.double() - b).abs().max() <= 0.01 * b.abs().max()
        assert all(t.is_contiguous(memory_format=torch.channels_last) for t in found[:3])


def test_leaky_relu_is_the_ordinary_one() -> None:
    x = normal(40).requires_grad_()
    for fast in (ONCE, TWICE):
        close(fast.leaky_relu(x), PLAIN.leaky_relu(x))
        assert gradcheck(fast.leaky_relu, [x])
    assert gradgradcheck(TWICE.leaky_relu, [x])


def penalty(network: nn.Module, images: Tensor) -> Tensor:
    """R1 times two: the mean square of the gradient of the logits by the images."""
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


@pytest.mark.parametrize(("kind", "more"), [(dcgan, {"norm": "none"}), (r3gan, {}), (stylegan2, {})])
def test_a_network_with_fast_operations_is_the_plain_one(kind: Any, more: dict[str, str]) -> None:
    """Logits, their gradients, and those of a gradient penalty, in double precision."""
    plain = everyday(kind.Discriminator(32, 8, **more)).double()
    fast = operations.use(copy.deepcopy(plain), Fast())
    images = normal(4, 3, 32, 32)
    close(fast(images), plain(images))
    (fast(images).mean() + penalty(twice_differentiable(fast), images)).backward()
    (plain(images).mean() + penalty(plain, images)).backward()
    for here, there in zip(fast.parameters(), plain.parameters(), strict=True):
        close(here.grad, there.grad)


def test_a_twice_differentiable_network_shares_its_weights() -> None:
    once = operations.use(dcgan.Discriminator(32, 8), Fast())
    twice = twice_differentiable(once)
    for here, there in zip(once.state_dict().values(), twice.state_dict().values(), strict=True):
        assert here.data_ptr() == there.data_ptr()
    assert [p.requires_grad_(False).requires_grad for p in once.parameters()] == [
        p.requires_grad for p in twice.parameters()
    ]
    assert {layer.ops.twice for layer in once.layers if isinstance(layer, operations.Layer)} == {False}
    assert {layer.ops.twice for layer in twice.layers if isinstance(layer, operations.Layer)} == {True}


# --- spectral norm ---------------------------------------------------------------------------------------------


def test_the_power_method_finds_the_first_singular_vector() -> None:
    weight = normal(6, 4, 3, 3)
    u = operations.power_iteration(weight, normal(6), 200)
    left, values, _ = torch.linalg.svd(weight.flatten(1))
    assert u @ left[:, 0] == pytest.approx(math.copysign(1, u @ left[:, 0]))
    close(operations.spectrally_normal(weight, u), weight / values[0])


def test_spectral_norm_by_hand() -> None:
    weight = torch.tensor([[3.0, 4.0], [0.0, 0.0]])[:, :, None, None]
    u = operations.power_iteration(weight, torch.tensor([1.0, 1.0]))  # v = (0.6, 0.8), u = (1, 0), u' W v = 5
    close(u, torch.tensor([1.0, 0.0]))
    close(operations.spectrally_normal(weight, u)[0].flatten(), torch.tensor([0.6, 0.8]))


@pytest.mark.parametrize("ops", [PLAIN, ONCE], ids=["plain", "fast"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_spectral_norm_is_pytorchs_and_so_is_its_derivative(layout: torch.memory_format, ops: Operations) -> None:
    ours, plain = dcgan.SpectralConv(3, 8, 4, 2, 1).double(), nn.Conv2d(3, 8, 4, 2, 1).double()
    plain.load_state_dict({"weight": ours.weight, "bias": ours.bias})
    plain = nn.utils.parametrizations.spectral_norm(plain)
    theirs = plain.parametrizations.weight[0]
    operations.use(ours.to(memory_format=layout), ops).draw_vector()
    theirs._u.copy_(ours.u)
    theirs._v.copy_(F.normalize(ours.weight.flatten(1).T @ ours.u, dim=0))
    ours.eval()
    plain.eval()
    x, grad = normal(2, 3, 8, 8), normal(2, 8, 4, 4)
    close(ours(x), plain(x))
    (ours(x) * grad).sum().backward()
    (plain(x) * grad).sum().backward()
    close(ours.weight.grad, plain.parametrizations.weight.original.grad)
    assert ours.weight.grad.is_contiguous(memory_format=layout)


def test_each_pass_in_training_takes_the_power_method_one_step_further() -> None:
    layer = dcgan.SpectralConv(3, 8, 4, 2, 1).double()
    layer.u.copy_(start := F.normalize(normal(8), dim=0))
    with torch.no_grad():
        layer.train()(normal(1, 3, 8, 8))
        close(layer.u, operations.power_iteration(layer.weight, start))
        layer.eval()(normal(1, 3, 8, 8))
        close(layer.u, operations.power_iteration(layer.weight, start))


# --- StyleGAN2 -------------------------------------------------------------------------------------------------


def modulated_plainly(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, up: bool) -> Tensor:
    """Each image with weights of its own, image by image."""
    results = []
    for image, s in zip(x, style, strict=True):
        w = weight * s[None, :, None, None]
        if demodulate:
            w = w / (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            side = 2 * image.shape[-1] + 3
            spread = torch.zeros(1, len(image), side, side, dtype=x.dtype)
            spread[:, :, 2:-2:2, 2:-2:2] = image
            results.append(fir(F.conv2d(spread, w.flip(2, 3)), padding=1, gain=4.0))
        else:
            results.append(F.conv2d(image[None], w, padding=w.shape[-1] // 2))
    return torch.cat(results)


@each_dtype
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_modulation_scales_the_weights_of_each_image(demodulate: bool, up: bool, dtype: Any) -> None:
    x, weight, style = normal(3, 4, 5, 5, dtype=dtype), normal(6, 4, 3, 3, dtype=dtype), normal(3, 4, dtype=dtype)
    found = stylegan2.modulated(x, weight, style, demodulate=demodulate, up=up)
    assert found.shape == (3, 6, 10, 10) if up else (3, 6, 5, 5)
    close(found, modulated_plainly(x, weight, style, demodulate=demodulate, up=up))


def test_the_two_orders_of_an_up_convolution_are_the_same_inside() -> None:
    x, weight, style = normal(2, 4, 8, 8), normal(6, 4, 3, 3), normal(2, 4)
    first = stylegan2.modulated(frames.double(x), weight.flip(2, 3), style)
    inner = (..., slice(3, -3), slice(3, -3))
    close(stylegan2.modulated(x, weight, style, up=True)[inner], first[inner])


def active(x: Tensor) -> Tensor:
    """The activation, its gain after it, as the paper's code has it."""
    return torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def affine(layer: Any, x: Tensor, rate: float = 1.0) -> Tensor:
    return x @ (layer.weight * rate / math.sqrt(x.shape[1])).T + layer.bias * rate


def drawn_plainly(network: Any, latent: Tensor, moved: Tensor) -> Tensor:
    """Figure 7's skip generator with constant noise, from its weights, not bounded: gains where the paper has them.

    `moved`: (layers + 1, latent), added to the style of each layer, so that it matters which one a layer takes.
    """
    w = latent / latent.square().mean(1, keepdim=True).sqrt()
    for layer in network.mapping:
        w = active(affine(layer, w, rate=0.01))
    x, image = network.constant.repeat(len(latent), 1, 1, 1), torch.zeros(len(latent), 3, 2, 2, dtype=latent.dtype)
    for number, layer in enumerate(network.layers):
        scaled, up = layer.weight / math.sqrt(9 * layer.weight.shape[1]), number % 2 == 1
        y = modulated_plainly(x, scaled, affine(layer.style, w + moved[number]), demodulate=True, up=up)
        x = active(y + layer.strength * layer.noise + layer.bias[:, None, None])
        if not up:  # the last layer of a frame
            rgb = network.to_rgb[number // 2]
            scaled = rgb.weight / math.sqrt(rgb.weight.shape[1])
            style = affine(rgb.style, w + moved[number + 1])
            part = modulated_plainly(x, scaled, style, demodulate=False, up=False)
            image = F.interpolate(image, scale_factor=2, mode="bilinear") + part + rgb.bias[:, None, None]
    return image


def judged_plainly(network: Any, images: Tensor) -> Tensor:
    """Figure 7's residual discriminator on one batch of four."""

    def convolved(weight: Tensor, x: Tensor, **how: int) -> Tensor:
        return F.conv2d(x, weight / math.sqrt(weight[0].numel()), **how)

    first = network.from_rgb
    x = active(convolved(first.weight, images) + first.bias[:, None, None])
    for block in network.blocks:
        y = active(convolved(block.first.weight, x, padding=1) + block.first.bias[:, None, None])
        y = convolved(block.second.weight, fir(y, padding=2), stride=2)
        y = active(y + block.second.bias[:, None, None])
        side = convolved(block.skip, fir(F.pad(x, (1, 1, 1, 1), mode="replicate"), padding=0)[..., ::2, ::2])
        x = (y + side) / math.sqrt(2)
    spread = x.var(0, correction=0).sqrt().mean().expand(4, 1, *x.shape[2:])
    x = active(convolved(network.last.weight, torch.cat([x, spread], 1), padding=1) + network.last.bias[:, None, None])
    return affine(network.logit, active(affine(network.hidden, x.flatten(1)))).flatten()


def test_the_generator_is_the_papers_drawn_plainly_and_so_are_its_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = everyday(operations.use(stylegan2.Generator(32, 8, 16), Fast())).double().eval()
    with torch.no_grad():
        for rgb in ours.to_rgb:  # images stay inside [-1, 1], where nothing is clamped
            rgb.weight.mul_(0.01)
    plain, latent, moved = copy.deepcopy(ours), normal(3, 16), normal(8, 16)
    monkeypatch.setattr(ours, "layer_styles", lambda latent: ours.styles(latent)[:, None] + moved)
    images = ours(latent)
    assert images.abs().max() < 1
    close(images, drawn_plainly(plain, latent, moved))
    grad = normal(*images.shape)
    (images * grad).sum().backward()
    (drawn_plainly(plain, latent, moved) * grad).sum().backward()
    for here, there in zip(ours.parameters(), plain.parameters(), strict=True):
        close(here.grad, there.grad)


def test_the_discriminator_is_the_papers_judged_plainly_and_so_are_its_derivatives() -> None:
    """Those of the penalty too, at its weight: half the mean square of the gradient."""
    ours = everyday(operations.use(stylegan2.Discriminator(32, 8), Fast())).double()
    plain, images = copy.deepcopy(ours), normal(4, 3, 32, 32)
    close(ours(images), judged_plainly(plain, images))
    (F.softplus(-ours(images)).mean() + losses.zero_centred_penalty(twice_differentiable(ours), images)).backward()
    images = images.detach().requires_grad_()
    logits = judged_plainly(plain, images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    (-torch.log(torch.sigmoid(logits)).mean() + gradient.square().sum() / (2 * 4)).backward()
    for here, there in zip(ours.parameters(), plain.parameters(), strict=True):
        close(here.grad, there.grad)


def test_demodulated_features_have_variance_one() -> None:
    x, weight, style = normal(64, 16, 12, 12), 7 * normal(8, 16, 3, 3), 5 * normal(64, 16)
    y = stylegan2.modulated(x, weight, style)[..., 1:-1, 1:-1]
    assert y.var((0, 2, 3)).sub(1).abs().max() < 0.05


def test_the_scale_of_a_latent_does_not_matter() -> None:
    network = stylegan2.Generator(32, 8, 16).eval()
    latent = normal(2, 16, dtype=torch.float32)
    close(network(latent), network(3 * latent))


def test_noise_is_constant_in_eval_and_fresh_in_training() -> None:
    network, latent = everyday(stylegan2.Generator(32, 8, 16)), normal(2, 16, dtype=torch.float32)
    network.eval()
    assert network(latent).equal(network(latent))
    assert network(latent[:1].expand(2, -1))[0].equal(network(latent[:1].expand(2, -1))[1])
    again = stylegan2.Generator(32, 8, 16).eval()
    again.load_state_dict(network.state_dict())
    assert again(latent).equal(network(latent))
    layer = network.layers[0].train()
    x, w = normal(2, 64, 4, 4, dtype=torch.float32), latent
    assert not layer(x, w).equal(layer(x, w))


def test_nine_images_in_ten_mix_styles() -> None:
    network = stylegan2.Generator(32, 8, 16)
    latent = torch.randn(2000, 16)
    own = network.styles(latent)
    pure = network.layer_styles(latent).eq(own[:, None]).all(2)
    assert pure.shape == (2000, 8)
    assert pure[:, 0].all()
    assert pure.diff(dim=1).sum(1).max() <= 1  # changes once, and not back
    shares = pure.float().mean(0)
    expected = 1 - 0.9 * torch.arange(8) / 7  # the first foreign layer is any of 1 to 7
    torch.testing.assert_close(shares, expected, atol=0.04, rtol=0)
    assert network.eval().layer_styles(latent).eq(own[:, None]).all()


def test_mixing_and_the_mapping_network_can_be_left_out_or_made_shallow() -> None:
    network = stylegan2.Generator(32, 8, 16, mapping_layers=2, mixing=0.0)
    latent = torch.randn(50, 16)
    assert len(network.mapping) == 2
    assert network.training
    assert network.layer_styles(latent).eq(network.styles(latent)[:, None]).all()


def test_deviation_of_a_minibatch_by_hand() -> None:
    x = torch.zeros(8, 2, 1, 1)
    x[[0, 4]] = 1.0  # groups are images 0, 2, 4, 6 and 1, 3, 5, 7
    found = stylegan2.minibatch_deviation(x).flatten()
    torch.testing.assert_close(found[0::2], torch.full((4,), 0.5))
    assert found[1::2].max() < 1e-3
    assert stylegan2.minibatch_deviation(x[:1]).item() < 1e-3


# --- R3GAN -----------------------------------------------------------------------------------------------------


def test_a_fresh_block_does_nothing() -> None:
    x = normal(2, 16, 4, 4, dtype=torch.float32)
    assert r3gan.Block(16, 8)(x).equal(x)


def test_weights_of_a_block_have_the_scale_of_fixup() -> None:
    block = r3gan.Block(64, 16)
    gain = math.sqrt(2 / 1.04) / 2  # 16 ** (1 / 4)
    assert float(block.wider.detach().std()) == pytest.approx(gain / 8, rel=0.05)
    assert float(block.grouped.detach().std()) == pytest.approx(gain / math.sqrt(16 * 9), rel=0.05)
    assert block.grouped.shape == (128, 16, 3, 3)


def test_a_base_that_makes_no_groups_is_refused() -> None:
    with pytest.raises(InputError, match="multiple of 8"):
        r3gan.Generator(32, 12)


def test_logits_of_r3gan_are_of_their_own_image() -> None:
    network, images = everyday(r3gan.Discriminator(32, 8)), normal(3, 3, 32, 32, dtype=torch.float32)
    close(network(images), torch.cat([network(image[None]) for image in images]))


# --- all -------------------------------------------------------------------------------------------------------


@each_network
@pytest.mark.parametrize("size", SIZES)
def test_shapes(network: Any, size: int) -> None:
    generator, discriminator = network.Generator(size=size, base=8, latent=16), network.Discriminator(size=size, base=8)
    assert generator.latent_shape == (16,)
    images = generator(torch.randn(2, 16))
    assert images.shape == (2, 3, size, size)
    assert images.dtype == torch.float32
    assert discriminator(images).shape == (2,)


@pytest.mark.parametrize(
    ("kind", "more"),
    [(dcgan, {"norm": norm}) for norm in ("batch", "none", "spectral")] + [(r3gan, {}), (stylegan2, {})],
)
def test_batches_that_go_through_together_are_judged_as_if_alone(kind: Any, more: dict[str, str]) -> None:
    together = everyday(kind.Discriminator(32, 8, **more))
    alone = copy.deepcopy(together)
    real, fake = torch.randn(8, 3, 32, 32), torch.randn(8, 3, 32, 32) + 1
    if more.get("norm") == "spectral":  # one step of the power method a pass
        together.eval(), alone.eval()
    logits, apart = together(real, fake), torch.cat([alone(real), alone(fake)])
    close(logits, apart)
    logits.square().sum().backward()
    apart.square().sum().backward()
    for here, there in zip(together.parameters(), alone.parameters(), strict=True):
        assert (here.grad - there.grad).norm() <= 1e-3 * there.grad.norm() + 1e-6
    for here, there in zip(together.buffers(), alone.buffers(), strict=True):
        close(here, there)


@each_network
def test_an_image_is_a_function_of_its_latent_alone(network: Any) -> None:
    generator = everyday(network.Generator(32, 8)).eval()
    latent = torch.randn(3, *generator.latent_shape)
    images = generator(latent)
    close(images, torch.cat([generator(row[None]) for row in latent]))
    close(images.flip(0), generator(latent.flip(0)))
    assert images.abs().max() <= 1
    assert images[0].sub(images[1]).abs().max() > 0.01


@each_network
def test_every_parameter_learns(network: Any) -> None:
    generator, discriminator = everyday(network.Generator(32, 8)), everyday(network.Discriminator(32, 8))
    discriminator(generator(torch.randn(4, *generator.latent_shape))).sum().backward()
    for module in (generator, discriminator):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


@each_network
@pytest.mark.parametrize("fast", [False, True])
def test_gradient_penalty_is_finite_and_moves_the_weights(network: Any, fast: bool) -> None:
    discriminator = operations.use(everyday(network.Discriminator(32, 8)), Fast()).to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=fast):
        logits = discriminator(images)
        penalised = penalty(twice_differentiable(discriminator), images)
    assert logits.dtype == torch.float32
    assert not logits.equal(logits.bfloat16().float())
    penalised.backward()
    assert penalised.item() > 0
    weights = [p for name, p in discriminator.named_parameters() if p.dim() > 1]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in weights)


@each_network
def test_bfloat16_changes_the_picture_little(network: Any) -> None:
    generator = operations.use(network.Generator(32, 16), Fast()).eval()
    latent = torch.randn(4, *generator.latent_shape)
    with torch.no_grad():
        exact = generator(latent)
        with torch.autocast("cpu", torch.bfloat16):
            fast = generator.to(memory_format=torch.channels_last)(latent)
    assert fast.dtype == torch.float32
    assert float((fast - exact).square().mean().sqrt()) < 0.02


# --- augmentation ----------------------------------------------------------------------------------------------


def test_brightness_moves_a_whole_image_by_one_number() -> None:
    images = normal(5, 3, 8, 8)
    moved = augment.brighten(images) - images
    close(moved, moved[:, :1, :1, :1].expand_as(moved))
    numbers = moved[:, 0, 0, 0]
    assert len(set(numbers.tolist())) == 5
    assert numbers.abs().max() <= 0.5


def test_saturation_keeps_each_grey_and_contrast_each_mean() -> None:
    images = normal(5, 3, 8, 8)
    for change, axes, low, high in ((augment.saturate, (1,), 0, 2), (augment.contrast, (1, 2, 3), 0.5, 1.5)):
        changed = change(images)
        mean = images.mean(axes, keepdim=True)
        close(changed.mean(axes, keepdim=True), mean)
        factors = (changed - mean) / (images - mean)
        close(factors, factors[:, :1, :1, :1].expand_as(factors))
        assert low <= factors.min() < factors.max() <= high


def test_translation_by_hand() -> None:
    images = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).expand(3, 1, 2, 2)
    found = augment.shifted(images, torch.tensor([0, 1, 0]), torch.tensor([0, 0, -1]))
    assert found[:, 0].tolist() == [[[1, 2], [3, 4]], [[0, 0], [1, 2]], [[2, 0], [4, 0]]]


def test_translation_stays_within_an_eighth() -> None:
    images = torch.zeros(500, 1, 16, 16)
    images[:, :, 8, 8] = 1
    places = augment.translate(images).nonzero()[:, 2:] - 8
    assert len(places) == 500
    for along in places.unbind(1):
        assert sorted(set(along.tolist())) == [-2, -1, 0, 1, 2]


def test_a_cut_is_a_square_of_half_the_side() -> None:
    kept = augment.cut_out(torch.ones(300, 3, 8, 8))
    assert kept.eq(kept[:, :1]).all()
    for mask in kept[:, 0].eq(0):
        rows, columns = mask.any(1), mask.any(0)
        assert mask.equal(rows[:, None] & columns)
        assert 2 <= int(rows.sum()) <= 4
        assert 2 <= int(columns.sum()) <= 4
    # Centres 0 and 8 leave 2 rows, 1 and 7 leave 3, the five between leave 4, of 9 places.
    assert float(kept.eq(0)[:, 0].any(2).sum(1).float().mean()) == pytest.approx(30 / 9, abs=0.15)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_augmentation_keeps_shape_and_kind(dtype: Any) -> None:
    images = torch.randn(4, 3, 16, 16, dtype=dtype).to(memory_format=torch.channels_last)
    changed = augment.diff_augment(images)
    assert changed.shape == images.shape
    assert changed.dtype == dtype


def test_augmentation_is_repeated_by_its_seed_and_passes_gradients() -> None:
    images = normal(1, 3, 4, 4).requires_grad_()

    def seeded(images: Tensor) -> Tensor:
        torch.manual_seed(3)
        return augment.diff_augment(images)

    assert seeded(images).equal(seeded(images))
    assert gradcheck(seeded, [images])
    assert gradgradcheck(seeded, [images])
