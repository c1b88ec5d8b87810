"""Every attack against a slow rewrite of its formula in plain Python, and laws that hold for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from probablyexists.attacks.attack import Attack, Faces, Photos, Reference
from probablyexists.attacks.ball import NEAREST, MonteCarloBall
from probablyexists.attacks.classifier import LearnedClassifier
from probablyexists.attacks.density import DensityRatio, KernelDensity, concentration
from probablyexists.attacks.gan_leaks import GanLeaks
from probablyexists.attacks.nearest import NearestSample, NearestSamples, PhotoSet
from probablyexists.attacks.plda import Plda, fit
from probablyexists.attacks.snorm import AdaptiveSNorm
from probablyexists.basis.errors import InputError
from probablyexists.matching import cosines as matching_cosines
from probablyexists.matching import neighbours

DIM = 16
ATTACKS: Sequence[Attack] = (
    NearestSample(),
    NearestSamples(3),
    PhotoSet(),
    MonteCarloBall(percentile=2),
    MonteCarloBall(percentile=2, weighted=False),
    KernelDensity(),
    DensityRatio(),
    GanLeaks(calibrated=False),
    GanLeaks(),
    GanLeaks("pixels", calibrated=False),
    GanLeaks("pixels"),
    AdaptiveSNorm(top=5),
    Plda(),
    LearnedClassifier(),
)
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)


def unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def pictures(draw: np.random.Generator, *shape: int) -> NDArray[np.uint8]:
    return draw.integers(0, 256, (*shape, 8, 8), dtype=np.uint8)


def world(seed: int = 0, k: int = 2) -> tuple[Faces, Photos, Reference]:
    """12 people with k photos; 40 samples; 15 reference people with 3 photos."""
    draw = np.random.default_rng(seed)
    people, others = draw.normal(0, 1, (12, 1, DIM)), draw.normal(0, 1, (15, 1, DIM))
    asked = Faces(unit(people + draw.normal(0, 0.4, (12, k, DIM))), pictures(draw, 12, k))
    samples = Photos(unit(draw.normal(0.2, 1, (40, DIM))), pictures(draw, 40))
    reference = unit(others + draw.normal(0, 0.4, (15, 3, DIM))).reshape(45, DIM)
    return asked, samples, Reference(reference, pictures(draw, 45), np.repeat(np.arange(15), 3))


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def template(photos: NDArray[np.float32]) -> list[float]:
    mean = [sum(float(p[d]) for p in photos) / len(photos) for d in range(photos.shape[1])]
    length = math.sqrt(sum(x * x for x in mean))
    return [x / length for x in mean]


def cosines(x: Sequence[float], points: NDArray[np.float32]) -> list[float]:
    return [cosine(np.array(x), p) for p in points]


def rewritten(  # noqa: PLR0911
    attack: Attack, photos: NDArray[np.float32], samples: Photos, reference: Reference
) -> float:
    """The score of one person by loops over photos and samples."""
    x = template(photos)
    alike = cosines(x, samples.embeddings)
    if isinstance(attack, NearestSample):
        return max(alike)
    if isinstance(attack, NearestSamples):
        return sum(sorted(alike)[-attack.k :]) / attack.k
    if isinstance(attack, PhotoSet):
        return sum(max(cosines(list(p), samples.embeddings)) for p in photos) / len(photos)
    if isinstance(attack, KernelDensity):
        kappa = concentration(samples.embeddings)
        return math.log(sum(math.exp(kappa * (c - 1)) for c in alike) / len(alike))
    if isinstance(attack, DensityRatio):
        kappa = concentration(samples.embeddings)
        real = cosines(x, reference.embeddings)
        return math.log(
            (sum(math.exp(kappa * c) for c in alike) / len(alike))
            / (sum(math.exp(kappa * c) for c in real) / len(real))
        )
    if isinstance(attack, GanLeaks):
        near = min(math.dist(x, g) for g in samples.embeddings)
        return -near + (min(math.dist(x, r) for r in reference.embeddings) if attack.calibrated else 0.0)
    if isinstance(attack, AdaptiveSNorm):
        of_x = sorted(cosines(x, reference.embeddings))[-attack.top :]
        found = []
        for g, s in zip(samples.embeddings, alike, strict=True):
            of_g = sorted(cosines(list(g), reference.embeddings))[-attack.top :]
            found.append(sum((s - np.mean(c)) / np.std(c, ddof=1) for c in (of_x, of_g)) / 2)
        return max(found)
    raise AssertionError(attack)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(
    "attack",
    [a for a in ATTACKS if not isinstance(a, MonteCarloBall | Plda | LearnedClassifier) and "pixels" not in a.id],
    ids=lambda attack: attack.id,
)
def test_by_loops(attack: Attack, k: int) -> None:
    asked, samples, reference = world(k=k)
    found = attack.prepare(samples, reference)(asked)
    assert found == pytest.approx(
        [rewritten(attack, p, samples, reference) for p in asked.embeddings], rel=1e-3, abs=1e-4
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_ball_by_loops(weighted: bool) -> None:
    """The radius is the one that a tenth of the pairs of reference photos and samples reach."""
    asked, samples, reference = world()
    attack = MonteCarloBall(percentile=10, weighted=weighted)
    distances = sorted(math.dist(r, g) for r in reference.embeddings for g in samples.embeddings)
    radius = distances[len(distances) // 10]
    near = [[math.dist(template(p), g) for g in samples.embeddings] for p in asked.embeddings]
    worth = [sum((math.log(radius / max(d, NEAREST)) if weighted else 1.0) for d in ds if d <= radius) for ds in near]
    # a distance at the very edge may fall on either side of the histogram's radius
    assert attack.prepare(samples, reference)(asked) == pytest.approx(
        [w / 40 for w in worth], abs=0.002 if weighted else 1.001 / 40
    )


def test_pixels_by_loops() -> None:
    asked, samples, reference = world(k=3)
    wanted = []
    for photos in asked.pictures:
        apart = 0.0
        for known, sign in ((samples, -1), (reference, 1)):
            for photo in photos:
                differences = [photo.astype(float) - g for g in known.pictures]
                apart += sign * min(math.sqrt(float((d**2).mean())) for d in differences) / len(photos)
        wanted.append(apart)
    assert GanLeaks("pixels").prepare(samples, reference)(asked) == pytest.approx(wanted)


def test_pixels_are_exact_however_many_people_are_scored() -> None:
    """Processors multiply matrices of other shapes in another order; whole numbers come out the same."""
    asked, samples, reference = world(k=3)
    for calibrated in (False, True):
        score = GanLeaks("pixels", calibrated=calibrated).prepare(samples, reference)
        alone = [score(asked.take(np.array([i])))[0] for i in range(len(asked))]
        assert score(asked).tolist() == alone


@pytest.mark.parametrize("k", [1, 3])
def test_plda_is_the_ratio_of_normal_densities(k: int) -> None:
    """By whole covariance matrices, in the space of the embeddings, without a basis in which they are diagonal."""
    asked, samples, reference = world(k=k)
    model = fit(reference)
    back = np.linalg.inv(model.basis)
    within, between = back.T @ back, back.T @ np.diag(model.between) @ back
    wanted = []
    for photos in asked.embeddings:
        x = photos.mean(axis=0).astype(float) - model.mean
        alone_x, alone_g = between + within / k, between + within
        together = np.block([[alone_x, between], [between, alone_g]])
        ratios = []
        for sample in samples.embeddings:
            g = sample.astype(float) - model.mean
            same = multivariate_normal.logpdf(np.concatenate([x, g]), cov=together)
            ratios.append(
                same - multivariate_normal.logpdf(x, cov=alone_x) - multivariate_normal.logpdf(g, cov=alone_g)
            )
        wanted.append(math.log(sum(map(math.exp, ratios)) / len(ratios)))
    assert Plda().prepare(samples, reference)(asked) == pytest.approx(wanted, abs=1e-6)


def test_plda_learns_what_lies_within_and_between_people() -> None:
    draw = np.random.default_rng(5)
    spread, noise = np.array([2.0, 1.0, 0.3, 0.0]), np.array([0.2, 0.5, 0.4, 0.6])
    x = draw.normal(0, spread, (3000, 1, 4)) + draw.normal(0, noise, (3000, 4, 4))
    model = fit(Reference(x.reshape(-1, 4).astype(np.float32), pictures(draw, 1), np.repeat(np.arange(3000), 4)))
    within = np.linalg.inv(model.basis @ model.basis.T)
    shrunk = 0.9 * noise**2 + 0.1 * (noise**2).mean()
    assert np.diagonal(within) == pytest.approx(shrunk, rel=0.05)
    assert np.sort(model.between)[::-1] == pytest.approx(np.sort(spread**2 / shrunk)[::-1], rel=0.1, abs=0.02)


def test_concentration_is_the_likeliest() -> None:
    """Points drawn around one direction with kappa 32, whose own density is nearly uniform at that scale: by loops."""
    draw = np.random.default_rng(3)
    points = unit(draw.normal(0, 1, (60, 3)) + np.array([2.0, 0, 0]))

    def likelihood(kappa: float) -> float:
        """On the ordinary sphere the constant is kappa / (4 pi sinh kappa)."""
        constant = math.log(kappa) - kappa - math.log((1 - math.exp(-2 * kappa)) / 2)
        total = 0.0
        for i, p in enumerate(points):
            others = [math.exp(kappa * cosine(p, q)) for j, q in enumerate(points) if j != i]
            total += math.log(sum(others)) + constant
        return total

    from probablyexists.attacks.density import KAPPAS

    assert concentration(points) == max(KAPPAS, key=likelihood)


def test_the_classifier_takes_a_face_like_the_samples_for_generated() -> None:
    draw = np.random.default_rng(4)
    samples = Photos(unit(draw.normal(0, 1, (300, DIM)) + 2 * np.eye(DIM)[0]), pictures(draw, 300))
    reference = Reference(unit(draw.normal(0, 1, (300, DIM)) + 2 * np.eye(DIM)[1]), pictures(draw, 300), np.arange(300))
    asked = Faces(np.eye(DIM, dtype=np.float32)[:2, None], pictures(draw, 2, 1))
    odds = LearnedClassifier().prepare(samples, reference)(asked)
    assert odds[0] > 1
    assert odds[1] < -1


@every_attack
def test_nobodys_score_depends_on_who_else_is_asked(attack: Attack) -> None:
    asked, samples, reference = world()
    score = attack.prepare(samples, reference)
    some = np.array([7, 2, 5])
    assert score(asked.take(some)) == pytest.approx(score(asked)[some], abs=1e-12)


@every_attack
def test_the_order_of_samples_reference_and_photos_changes_nothing(attack: Attack) -> None:
    asked, samples, reference = world()
    turned = attack.prepare(
        Photos(samples.embeddings[::-1], samples.pictures[::-1]),
        Reference(reference.embeddings[::-1], reference.pictures[::-1], reference.people[::-1]),
    )(Faces(asked.embeddings[:, ::-1], asked.pictures[:, ::-1]))
    assert turned == pytest.approx(attack.prepare(samples, reference)(asked), abs=1e-5)


@every_attack
def test_a_sample_of_a_person_raises_their_score_above_everybodys(attack: Attack) -> None:
    asked, samples, reference = world()
    many = 1 if not isinstance(attack, LearnedClassifier | KernelDensity | DensityRatio | NearestSamples) else 12
    shown = Photos(np.repeat(asked.embeddings[4, :1], many, 0), np.repeat(asked.pictures[4, :1], many, 0))
    after = attack.prepare(samples.and_(shown), reference)(asked)
    before = attack.prepare(samples, reference)(asked)
    assert after[4] > before[4]
    assert (after - before)[4] >= (after - before).max() - 1e-9


@every_attack
def test_planted_photos_count_as_all_in_one_array_do(attack: Attack) -> None:
    asked, samples, reference = world()
    planted = Photos(asked.embeddings[:5, 0], asked.pictures[:5, 0])
    at_once = Photos(
        *(np.concatenate([getattr(p, of) for p in (samples, planted)]) for of in ("embeddings", "pictures"))
    )
    apart = attack.prepare(samples.and_(planted), reference)(asked)
    assert np.array_equal(apart, attack.prepare(at_once, reference)(asked))


@every_attack
def test_blocks_change_nothing(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, samples, reference = world()
    whole = attack.prepare(samples, reference)(asked)
    monkeypatch.setattr(matching_cosines, "WIDE", 7)
    for module in (matching_cosines, neighbours):
        monkeypatch.setattr(module, "BLOCK_CELLS", 21)
    assert attack.prepare(samples, reference)(asked) == pytest.approx(whole, abs=1e-12)


@every_attack
def test_what_an_attack_cannot_do_without_is_told(attack: Attack) -> None:
    asked, samples, _ = world()
    if attack.needs_reference:
        with pytest.raises(InputError, match="reference"):
            attack.prepare(samples, None)
    else:
        assert np.isfinite(attack.prepare(samples, None)(asked)).all()


def test_names_are_distinct_and_tell_settings() -> None:
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)
    assert replace(AdaptiveSNorm(), top=7).id == "adaptive-s-norm-7/1"


# --- attacks that open the victim ------------------------------------------------------------------------------


def test_latent_search_of_a_linear_generator_ends_at_its_least_squares() -> None:
    torch = pytest.importorskip("torch")
    from probablyexists.lab.white_box.latent_search import reconstruction_errors

    class Linear(torch.nn.Module):  # type: ignore[name-defined, misc]
        latent_shape = (3,)

        def __init__(self) -> None:
            super().__init__()
            self.matrix = torch.nn.Parameter(torch.randn(3, 48, generator=torch.Generator().manual_seed(0)) / 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return (z @ self.matrix).view(-1, 3, 4, 4)

    generator = Linear()
    photos = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    matrix = generator.matrix.detach().double().numpy()
    wanted = photos.transpose(0, 3, 1, 2).reshape(5, 48) / 127.5 - 1
    best = wanted - wanted @ matrix.T @ np.linalg.inv(matrix @ matrix.T) @ matrix
    found = reconstruction_errors(generator, photos, pool=8, steps=600)
    assert found == pytest.approx(127.5 * np.sqrt((best**2).mean(axis=1)), rel=1e-4)
    assert reconstruction_errors(generator, photos[:2], pool=8, steps=600) == pytest.approx(found[:2], rel=1e-6)
    made = ((generator(torch.tensor([[0.1, -0.2, 0.3]])).detach().numpy() + 1) * 127.5).round().astype(np.uint8)
    assert reconstruction_errors(generator, made.transpose(0, 2, 3, 1), pool=8, steps=600)[0] < 0.5


def test_logan_is_the_logit_of_each_photo_alone() -> None:
    torch = pytest.importorskip("torch")
    from probablyexists.lab.white_box.logan import logits
    from probablyexists.networks import stylegan2

    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    discriminator = stylegan2.Discriminator(32, 8).eval()  # one that looks at groups of images
    x = torch.from_numpy(photos.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
    one_by_one = [discriminator(x[i : i + 1]).item() for i in range(3)]
    assert logits(discriminator, photos) == pytest.approx(one_by_one, rel=1e-4, abs=1e-5)
    assert logits(discriminator, photos[::-1]) == pytest.approx(one_by_one[::-1], rel=1e-4, abs=1e-5)


class _Knows:
    """A denoiser for which there is one clean picture alone: it predicts the noise that is on it."""

    def __init__(self, clean: Any, kept: Any) -> None:
        self.clean, self.kept = clean, kept

    def __call__(self, images: Any, level: int) -> Any:
        kept = self.kept[level]
        return SimpleNamespace(sample=(images - kept.sqrt() * self.clean) / (1 - kept).sqrt())


def _model_that_knows(photo: np.ndarray) -> Any:
    """A diffusion model of 8 x 8 pixels that remembers this photo, and nothing else."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from probablyexists.networks.diffusion import Diffusion

    model = Diffusion(8, base=8).eval()
    clean = torch.from_numpy(photo.transpose(2, 0, 1).copy()).float() / 127.5 - 1
    del model.unet
    model.unet = _Knows(clean, model.schedule.alphas_cumprod)
    return model


def test_a_model_that_remembers_one_photo_makes_it_of_every_photo_and_denoises_it_best() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    model = _model_that_knows(photos[0])
    from probablyexists.lab.white_box.denoising import pia, plain_loss
    from probablyexists.lab.white_box.steering import LEVELS, NOISES, redrawn

    made = redrawn(model, photos)
    assert made.shape == (4, len(LEVELS) * NOISES, 8, 8, 3)
    assert np.abs(made.astype(int) - photos[0]).max() <= 1
    for attack, nothing in ((plain_loss, 1e-4), (pia, 1e-2)):
        found = attack(model, photos)
        assert -nothing < found[0] <= 0, attack.__name__
        assert (found[1:] < 100 * -nothing).all(), attack.__name__
        assert attack(model, photos[::-1]) == pytest.approx(found[::-1], rel=1e-3, abs=nothing)


def test_secmi_is_the_error_of_a_step_up_and_down_again() -> None:
    """The predicted noise is the picture times a number of the level: each step multiplies by a number, too."""
    from probablyexists.lab.white_box.denoising import secmi

    photos = np.random.default_rng(2).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    model = _model_that_knows(photos[0])
    model.unet = lambda images, level: SimpleNamespace(sample=images * (0.3 + level / 200))
    kept = model.schedule.alphas_cumprod.double().numpy()

    def step(level: int, to: int) -> float:
        noise = 0.3 + level / 200
        return float(
            np.sqrt(kept[to]) * (1 - np.sqrt(1 - kept[level]) * noise) / np.sqrt(kept[level])
            + np.sqrt(1 - kept[to]) * noise
        )

    there = np.prod([step(level, level + 10) for level in range(0, 100, 10)])
    off = there * (step(100, 110) * step(110, 100) - 1)
    lengths = np.square(photos / 127.5 - 1).sum(axis=(1, 2, 3))
    assert secmi(model, photos) == pytest.approx(-lengths * off**2, rel=1e-3)


def test_the_plain_loss_is_the_mean_squared_error_over_levels_and_noises() -> None:
    """The predicted noise is wrong by what another picture, scaled, adds to it: worked out by hand."""
    from probablyexists.lab.white_box.denoising import LEVELS, plain_loss

    photos = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    model = _model_that_knows(photos[0])
    between = np.square((photos[1].astype(float) - photos[0]) / 127.5).mean()
    kept = model.schedule.alphas_cumprod.numpy()[list(LEVELS)]
    assert plain_loss(model, photos)[1] == pytest.approx(-(between * kept / (1 - kept)).mean(), rel=1e-3)


def test_a_projection_starts_at_the_nearest_of_the_pool_and_comes_nearer() -> None:
    torch = pytest.importorskip("torch")
    from probablyexists.lab.white_box import steering
    from probablyexists.networks.stylegan2 import Generator

    torch.manual_seed(0)
    generator = Generator(16, 8).eval()
    photos = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    latents = torch.randn(steering.POOL, 128, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        pool = ((torch.cat([generator(part) for part in latents.split(256)]) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    distances = np.square(pool[None] - photos[:, None].astype(float)).mean(axis=(2, 3, 4))
    found = steering.projected(generator, photos, seed=5)
    assert found.shape == (3, len(steering.AFTER), 16, 16, 3)
    errors = np.square(found.astype(float) - photos[:, None]).mean(axis=(2, 3, 4))
    assert errors[:, 0] == pytest.approx(distances.min(axis=1), rel=0.02)
    assert (np.diff(errors, axis=1) < 0).all()
    assert np.abs(steering.projected(generator, photos[1:2], seed=5).astype(int) - found[1]).max() <= 1


def test_the_score_of_steered_pictures_is_the_nearest_to_the_template() -> None:
    from probablyexists.attacks.attack import Faces
    from probablyexists.lab.white_box.scores import nearest_of

    one, other, between = np.array([[1.0, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    of_photos = np.stack([[np.concatenate([one, other, between]), np.concatenate([other, other, other])]])
    faces = Faces(of_photos, np.empty((1, 2, 48, 48), np.uint8))
    # the template of `one` and `other` is their mean; `between` is nearest to it
    assert nearest_of(2)(faces) == pytest.approx([1.4 / np.sqrt(2)])
