"""Each loss against a value worked by hand, and the way it points; penalties on a discriminator with a known gradient.

With s(x) = log(1 + e^x), the softplus: s(0) = log 2 = 0.693147, s(1) = 1.313262, s(-1) = s(1) - 1 = 0.313262,
s(2) = 2.126928, s(-2) = 0.126928, s(3) = 3.048587, s(-3) = 0.048587. -log sigma(x) is s(-x).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

from probablyexists.lab import losses  # noqa: E402

DLoss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
GLoss = Callable[["torch.Tensor"], "torch.Tensor"]

REAL, FAKE = [2.0, 0.0], [-1.0, 1.0]

D_BY_HAND = [
    # Goodfellow et al. 2014, eq. 1: -log sigma(real) - log(1 - sigma(fake))
    # (s(-2) + s(0)) / 2 + (s(-1) + s(1)) / 2 = (0.126928 + 0.693147) / 2 + (0.313262 + 1.313262) / 2
    (losses.non_saturating_d, 0.4100375 + 0.813262),
    # Mao et al. 2017, eq. 9: (real - 1)^2 / 2 + fake^2 / 2 = (1 + 1) / 2 / 2 + (1 + 1) / 2 / 2
    (losses.least_squares_d, 0.5 + 0.5),
    # Arjovsky et al. 2017, eq. 3: fake - real = (-1 + 1) / 2 - (2 + 0) / 2
    (losses.wasserstein_d, 0.0 - 1.0),
    # Miyato et al. 2018, eq. 16: max(0, 1 - real) + max(0, 1 + fake) = (0 + 1) / 2 + (0 + 2) / 2
    (losses.hinge_d, 0.5 + 1.0),
    # Huang et al. 2024, eq. 2, pair by pair: -log sigma(real - fake); the differences are 3 and -1
    # (s(-3) + s(1)) / 2 = (0.048587 + 1.313262) / 2
    (losses.relativistic_d, 0.6809245),
]

G_BY_HAND = [
    # Goodfellow et al. 2014, section 3: -log sigma(fake): (s(1) + s(-1)) / 2
    (losses.non_saturating_g, 0.813262),
    # Mao et al. 2017, eq. 9: (fake - 1)^2 / 2 = (4 + 0) / 2 / 2
    (losses.least_squares_g, 1.0),
    # Arjovsky et al. 2017, algorithm 1, and Miyato et al. 2018, eq. 17: -fake
    (losses.wasserstein_g, 0.0),
    (losses.hinge_g, 0.0),
    # Huang et al. 2024, eq. 2 with the sides exchanged: -log sigma(fake - real): (s(3) + s(-1)) / 2
    (lambda fake: losses.relativistic_g(torch.tensor(REAL), fake), (3.048587 + 0.313262) / 2),
]

NAMES_D = ["non-saturating", "least squares", "wasserstein", "hinge", "relativistic"]


@pytest.mark.parametrize(("loss", "by_hand"), D_BY_HAND, ids=NAMES_D)
def test_discriminator_by_hand(loss: DLoss, by_hand: float) -> None:
    found = loss(torch.tensor(REAL), torch.tensor(FAKE))
    assert found.shape == ()
    assert float(found) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(("loss", "by_hand"), G_BY_HAND, ids=NAMES_D)
def test_generator_by_hand(loss: GLoss, by_hand: float) -> None:
    found = loss(torch.tensor(FAKE))
    assert found.shape == ()
    assert float(found) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("loss", [loss for loss, _ in D_BY_HAND], ids=NAMES_D)
def test_a_better_discriminator_has_a_lower_loss(loss: DLoss) -> None:
    """From mistaken over undecided to right, inside the range where every one of them still rewards it."""
    values = [float(loss(torch.tensor([m + 0.5]), torch.tensor([0.5 - m]))) for m in (-0.4, -0.2, 0.0, 0.2, 0.4)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("loss", [loss for loss, _ in G_BY_HAND], ids=NAMES_D)
def test_generator_gains_where_its_images_look_more_real(loss: GLoss) -> None:
    fake = torch.tensor([-0.5, 0.5], requires_grad=True)
    loss(fake).backward()
    assert bool((fake.grad < 0).all())


@pytest.mark.parametrize("loss", [loss for loss, _ in D_BY_HAND], ids=NAMES_D)
def test_discriminator_pushes_real_up_and_fake_down(loss: DLoss) -> None:
    real, fake = torch.tensor([0.3, 0.6], requires_grad=True), torch.tensor([0.2, 0.7], requires_grad=True)
    loss(real, fake).backward()
    assert bool((real.grad < 0).all())
    assert bool((fake.grad > 0).all())


def test_losses_that_stop_or_turn() -> None:
    """Hinge stops at the margin of 1; least squares wants exactly 1 and 0, and pulls back what goes beyond."""
    assert float(losses.hinge_d(torch.tensor([1.0, 9.0]), torch.tensor([-1.0, -9.0]))) == 0
    assert float(losses.least_squares_d(torch.tensor([1.0]), torch.tensor([0.0]))) == 0
    assert float(losses.least_squares_d(torch.tensor([3.0]), torch.tensor([0.0]))) == 2
    assert float(losses.least_squares_g(torch.tensor([1.0]))) == 0


def test_undecided_discriminator() -> None:
    """At D = 0 everywhere the original game has the value 2 log 2 = log 4 (Goodfellow et al. 2014, theorem 1)."""
    zero = torch.zeros(7)
    assert float(losses.non_saturating_d(zero, zero)) == pytest.approx(math.log(4))
    assert float(losses.relativistic_d(zero, zero)) == pytest.approx(math.log(2))
    assert float(losses.wasserstein_d(zero, zero)) == 0
    assert float(losses.hinge_d(zero, zero)) == 2


@pytest.mark.parametrize("loss", [loss for loss, _ in D_BY_HAND], ids=NAMES_D)
def test_logits_of_any_size_stay_finite(loss: DLoss) -> None:
    real, fake = torch.tensor([-1e4], requires_grad=True), torch.tensor([1e4], requires_grad=True)
    value = loss(real, fake)
    value.backward()
    assert math.isfinite(float(value.detach()))
    assert math.isfinite(float(real.grad))
    assert math.isfinite(float(fake.grad))


def test_relativistic_looks_at_differences_alone() -> None:
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    assert float(losses.relativistic_d(real + 5, fake + 5)) == pytest.approx(float(losses.relativistic_d(real, fake)))
    assert float(losses.relativistic_g(real, fake)) == pytest.approx(float(losses.relativistic_d(fake, real)))
    # pair by pair: another partner is another loss
    assert float(losses.relativistic_d(real, fake.flip(0))) != pytest.approx(float(losses.relativistic_d(real, fake)))


# --- penalties ------------------------------------------------------------------------------------------------------


class Linear(torch.nn.Module):
    """D(x) = w . x: its gradient is w, wherever x is."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.full((3, 2, 2), norm / math.sqrt(12)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images * self.w).sum(dim=(1, 2, 3))


class Bowl(torch.nn.Module):
    """D(x) = |x|^2 / 2: its gradient at x is x."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.square().sum(dim=(1, 2, 3)) / 2


@pytest.mark.parametrize("norm", [0.5, 1.0, 3.0])
def test_penalties_of_a_linear_discriminator(norm: float) -> None:
    """(|w| - 1)^2: 0.25, 0, 4 (Gulrajani et al. 2017, eq. 3); |w|^2 / 2: 0.125, 0.5, 4.5 (Mescheder et al. 2018, 9).

    Their gradients by w, along w: 2 (|w| - 1) and |w|. A step against them leads to slope 1, and to slope 0.
    """
    draw = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(5, 3, 2, 2, generator=draw) for _ in range(2))
    discriminator = Linear(norm)
    along = discriminator.w.detach() / norm

    one = losses.one_centred_penalty(discriminator, real, fake, torch.rand(5, generator=draw))
    assert float(one.detach()) == pytest.approx((norm - 1) ** 2, abs=1e-6)
    one.backward()
    assert float((discriminator.w.grad * along).sum()) == pytest.approx(2 * (norm - 1), abs=1e-5)

    discriminator.w.grad = None
    zero = losses.zero_centred_penalty(discriminator, real)
    assert float(zero.detach()) == pytest.approx(norm**2 / 2)
    zero.backward()
    assert float((discriminator.w.grad * along).sum()) == pytest.approx(norm)


def test_one_centred_penalty_looks_between_the_images() -> None:
    """Real images of norm 2, fake ones of norm 0: at shares 1, 1/2 and 0 the slope of |x|^2 / 2 is 2, 1 and 0.

    (2 - 1)^2, (1 - 1)^2 and (0 - 1)^2: 2/3 in the mean. With real ones of norm 4, shares 3/4 and 1/2: slopes 3 and 2.
    """
    real, fake = torch.full((3, 3, 2, 2), 2 / math.sqrt(12)), torch.zeros(3, 3, 2, 2)
    found = losses.one_centred_penalty(Bowl(), real, fake, torch.tensor([1.0, 0.5, 0.0]))
    assert float(found.detach()) == pytest.approx(2 / 3)
    found = losses.one_centred_penalty(Bowl(), 2 * real[:2], fake[:2], torch.tensor([0.75, 0.5]))
    assert float(found.detach()) == pytest.approx((4 + 1) / 2)


def test_zero_centred_penalty_is_a_mean_over_images() -> None:
    """Norms 2 and 0, slopes 2 and 0: (4 + 0) / 2 / 2."""
    images = torch.stack([torch.full((3, 2, 2), 2 / math.sqrt(12)), torch.zeros(3, 2, 2)])
    assert float(losses.zero_centred_penalty(Bowl(), images).detach()) == pytest.approx(1.0)


def test_penalties_send_nothing_to_the_generator() -> None:
    """The points are taken as they are: neither penalty has a gradient by the images, nor marks them."""
    real, made = torch.randn(2, 3, 2, 2), torch.randn(2, 3, 2, 2, requires_grad=True)
    fake = 2 * made
    losses.one_centred_penalty(Bowl(), real, fake, torch.rand(2)).backward()
    losses.zero_centred_penalty(Bowl(), fake).backward()
    losses.zero_centred_penalty(Bowl(), real)
    assert made.grad is None
    assert not real.requires_grad
