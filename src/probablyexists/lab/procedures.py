"""The training procedures: each a published method, as networks, losses, penalty and optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from probablyexists.basis.errors import InputError
from probablyexists.lab import losses

Loss = Callable[..., torch.Tensor]
Penalty = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Procedure:
    """How a generator is trained; network and optimiser are DCGAN's unless given. Logits are (n,), losses scalars."""

    source: str
    """The paper."""
    network: str = "dcgan"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    d_loss: Loss | None = None
    """Of (real logits, fake logits); None for a procedure without a discriminator (diffusion)."""
    g_loss: Loss | None = None
    """Of (fake logits,)."""
    pairs: bool = False
    """Whether the generator's loss needs real logits too: of (real logits, fake logits)."""
    penalty: Penalty | None = None
    """Of (discriminator, real, fake)."""
    penalty_weight: float = 1.0
    penalty_every: int = 1
    """The penalty is added every so many steps, times that number (lazy; Karras et al. 2020, section 3.1)."""
    n_critic: int = 1
    """Discriminator steps for each generator step."""
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the discriminator beyond size and base."""


def _gradient_penalty(discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return losses.one_centred_penalty(discriminator, real, fake, torch.rand(len(real), device=real.device))


def _r1_and_r2(discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return losses.zero_centred_penalty(discriminator, real) + losses.zero_centred_penalty(discriminator, fake)


PROCEDURES: Mapping[str, Procedure] = {
    "dcgan": Procedure(
        source="Radford et al. 2016, arXiv 1511.06434",
        d_loss=losses.non_saturating_d,
        g_loss=losses.non_saturating_g,
        discriminator={"norm": "batch"},
    ),
    "lsgan": Procedure(
        source="Mao et al. 2017, arXiv 1611.04076",
        d_loss=losses.least_squares_d,
        g_loss=losses.least_squares_g,
        discriminator={"norm": "batch"},
    ),
    "wgan-gp": Procedure(
        source="Gulrajani et al. 2017, arXiv 1704.00028",
        betas=(0.0, 0.9),
        d_loss=losses.wasserstein_d,
        g_loss=losses.wasserstein_g,
        penalty=_gradient_penalty,
        penalty_weight=10.0,
        n_critic=5,
        discriminator={"norm": "none"},
    ),
    "hinge-sn": Procedure(
        source="Miyato et al. 2018, arXiv 1802.05957",
        d_loss=losses.hinge_d,
        g_loss=losses.hinge_g,
        discriminator={"norm": "spectral"},
    ),
    "r3gan": Procedure(
        source="Huang et al. 2024, arXiv 2501.05441",
        network="r3gan",
        lr=1e-3,
        betas=(0.0, 0.99),
        d_loss=losses.relativistic_d,
        g_loss=losses.relativistic_g,
        pairs=True,
        penalty=_r1_and_r2,
        penalty_weight=0.2,
    ),
    "stylegan2": Procedure(
        source="Karras et al. 2020, arXiv 1912.04958",
        network="stylegan2",
        lr=2e-3,
        betas=(0.0, 0.99),
        d_loss=losses.non_saturating_d,
        g_loss=losses.non_saturating_g,
        penalty=lambda discriminator, real, _fake: losses.zero_centred_penalty(discriminator, real),
        penalty_every=16,
    ),
    "diffusion": Procedure(
        source="Ho et al. 2020, arXiv 2006.11239; sampled as Song et al. 2020, arXiv 2010.02502",
        network="diffusion",
        lr=1e-3,
        betas=(0.9, 0.999),
    ),
}


def procedure(name: str) -> Procedure:
    """The procedure of this name; InputError lists the known ones."""
    if name not in PROCEDURES:
        raise InputError(f"procedure {name!r}: not known; known are {', '.join(PROCEDURES)}")
    return PROCEDURES[name]
