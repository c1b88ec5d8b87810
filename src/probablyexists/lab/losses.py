"""Losses of generator and discriminator, each as its paper writes it.

`real` and `fake` are (n,) logits of the discriminator, higher = more real; every loss is a scalar to minimise.
Penalties need a discriminator that can be differentiated twice (`networks.fast.fast.twice_differentiable`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def non_saturating_d(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """-log sigma(D(x)) - log(1 - sigma(D(G(z)))): Goodfellow et al. 2014 (arXiv 1406.2661), equation 1."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_g(fake: torch.Tensor) -> torch.Tensor:
    """-log sigma(D(G(z))): the same paper, end of section 3."""
    return F.softplus(-fake).mean()


def least_squares_d(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """(D(x) - 1)^2 / 2 + D(G(z))^2 / 2: Mao et al. 2017 (arXiv 1611.04076), equation 9."""
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def least_squares_g(fake: torch.Tensor) -> torch.Tensor:
    """(D(G(z)) - 1)^2 / 2: the same equation."""
    return ((fake - 1) ** 2).mean() / 2


def wasserstein_d(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """D(G(z)) - D(x): Arjovsky, Chintala & Bottou 2017 (arXiv 1701.07875), equation 3."""
    return fake.mean() - real.mean()


def wasserstein_g(fake: torch.Tensor) -> torch.Tensor:
    """-D(G(z)): the same paper, algorithm 1."""
    return -fake.mean()


def hinge_d(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))): Miyato et al. 2018 (arXiv 1802.05957), equation 16."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


hinge_g = wasserstein_g
"""-D(G(z)): the same paper, equation 17."""


def relativistic_d(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """-log sigma(D(x) - D(G(z))), pair by pair: Huang et al. 2024, R3GAN (arXiv 2501.05441), equation 2.

    The pairing is Jolicoeur-Martineau's 2018 (arXiv 1807.00734).
    """
    return F.softplus(fake - real).mean()


def relativistic_g(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """-log sigma(D(G(z)) - D(x)): the same with real and fake exchanged."""
    return F.softplus(real - fake).mean()


def one_centred_penalty(
    discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor, between: torch.Tensor
) -> torch.Tensor:
    """(|grad D(x^)| - 1)^2 at x^ = between * x + (1 - between) * G(z): Gulrajani et al. 2017 (arXiv 1704.00028), eq. 3.

    `between`: (n,) shares, uniform in [0, 1]. Without its weight lambda.
    """
    share = between.view(-1, 1, 1, 1)
    points = (share * real + (1 - share) * fake).detach()
    norms = torch.linalg.vector_norm(_gradients(discriminator, points), dim=1)
    penalty: torch.Tensor = (norms - 1).square().mean()
    return penalty


def zero_centred_penalty(discriminator: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """|grad D(x)|^2 / 2, on real images R1, on fake ones R2: Mescheder et al. 2018 (arXiv 1801.04406), eq. 9.

    Without its weight gamma.
    """
    return _gradients(discriminator, images.detach()).square().sum(dim=1).mean() / 2


def _gradients(discriminator: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """(n, pixels) float32: dD(x)/dx of each image x, itself differentiable."""
    images.requires_grad_(True)
    gradients = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)[0].flatten(1).float()
    assert isinstance(gradients, torch.Tensor)
    return gradients
