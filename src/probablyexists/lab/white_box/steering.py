"""How near to a person can a generator come when it is steered towards them?

A sample that happens to be near is chance; an attacker who holds the generator can search. Towards each photo of a
person the generator is steered by pixels alone, and what it makes on the way is recognised as samples are.

GANs: the photo is projected into the space of styles (W of StyleGAN2: Abdal, Qin & Wonka 2019, arXiv 1904.03189, one
style for all layers; Karras et al. 2020, arXiv 1912.04958, appendix D), or of latents where there are no styles.
Diffusion: the photo is covered with noise and denoised again (SDEdit: Meng et al. 2022, arXiv 2108.01073) from several
levels.

Whoever is a member should be come nearer to, also from photos that were not trained on. That a photo can be reproduced
says less: every photo is come nearer to than by chance, so that strangers, steered to in the same way, are the measure.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from probablyexists.lab.white_box.batches import BATCH, in_batches
from probablyexists.networks.diffusion import Diffusion
from probablyexists.networks.stylegan2 import Generator

POOL = 2048
"""Random latents, of which the one with the nearest picture is the start."""
AFTER = (0, 10, 30, 100)
"""Steps of the search after which the picture is kept; early ones are more like samples, late ones like the photo."""
RATE = 0.02
LEVELS = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Share of the noise levels below which denoising starts; the last leaves hardly anything of the photo."""
NOISES = 2
"""Noises for each level, the same for every photo."""


def projected(generator: nn.Module, pictures: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """(n, len(AFTER), side, side, 3): what a GAN makes on the way to each of (n, side, side, 3) photos.

    `generator`: in `eval`, with `latent_shape`, to pictures in [-1, 1]. What is made for a photo does not depend on the
    others.
    """
    generator.requires_grad_(False)
    codes = _codes(generator, seed)
    with torch.no_grad():
        made = torch.cat([_picture(generator, part) for part in torch.split(codes, BATCH)]).flatten(1)
    found = []
    for wanted in in_batches(pictures):
        nearest = torch.cdist(wanted.flatten(1), made, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        found.append(_bytes(_search(generator, wanted, codes[nearest].clone())))
    return np.concatenate(found)


def _codes(generator: nn.Module, seed: int) -> Tensor:
    shape: tuple[int, ...] = generator.latent_shape  # type: ignore[assignment]
    latents = torch.randn(POOL, *shape, generator=torch.Generator().manual_seed(seed))
    if not isinstance(generator, Generator):
        return latents
    with torch.no_grad():
        return generator.styles(latents)


def _picture(generator: nn.Module, codes: Tensor) -> Tensor:
    if isinstance(generator, Generator):
        return generator.pictured(codes[:, None].expand(-1, len(generator.layers) + 1, -1))
    made: Tensor = generator(codes)
    return made


def _search(generator: nn.Module, wanted: Tensor, codes: Tensor) -> Tensor:
    """(n, len(AFTER), 3, side, side)"""
    codes.requires_grad_(True)
    adam, kept = torch.optim.Adam([codes], lr=RATE), []
    for step in range(max(AFTER) + 1):
        made = _picture(generator, codes)
        if step in AFTER:
            kept.append(made.detach())
        adam.zero_grad()
        error = (made - wanted).square().flatten(1).mean(dim=1).sum()
        torch.autograd.backward(error)
        adam.step()
    return torch.stack(kept, dim=1)


def redrawn(network: nn.Module, pictures: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """(n, len(LEVELS) * NOISES, side, side, 3): what a diffusion model makes of each photo covered with noise.

    What is made of a photo does not depend on the others.
    """
    if not isinstance(network, Diffusion):
        raise TypeError(f"{type(network).__name__}: not a diffusion model")
    return np.concatenate([_bytes(_denoised(network, some, seed)) for some in in_batches(pictures)])


@torch.no_grad()
def _denoised(network: Diffusion, photos: Tensor, seed: int) -> Tensor:
    schedule, made = network.schedule, []
    steps: list[int] = schedule.timesteps.tolist()
    for level in LEVELS:
        left = [t for t in steps if t <= level * schedule.config.num_train_timesteps]
        for noise in range(NOISES):
            drawn = torch.randn(photos.shape[1:], generator=torch.Generator().manual_seed(1000 * seed + noise))
            images = schedule.add_noise(photos, drawn.expand_as(photos), torch.tensor(left[:1]))
            made.append(network.denoised(images, left))
    return torch.stack(made, dim=1)


def _bytes(made: Tensor) -> NDArray[np.uint8]:
    """(n, m, 3, side, side) in [-1, 1] -> (n, m, side, side, 3)"""
    grey = ((made.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(grey.permute(0, 1, 3, 4, 2).numpy())
