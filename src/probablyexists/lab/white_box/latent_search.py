"""GAN-Leaks, white box: how closely can the generator reproduce this photo?

Chen, Yu, Zhang & Fritz 2020, "GAN-Leaks" (arXiv 1909.03935), section 4.4: the reconstruction error is
min_z |x - G(z)|^2 (equation 5, minimised over latents), and a photo with a small error is taken for a training photo.
The search starts at the best of many random latents and follows Adam. The paper's other two terms are left out: a
perceptual distance, which needs another network, and a penalty on the length of latents, which did not change its
results.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from probablyexists.lab.white_box.batches import BATCH, in_batches

POOL = 2048
"""Random latents, of which the best is the start."""
STEPS = 150
RATE = 0.03


def reconstruction_errors(
    generator: nn.Module, pictures: NDArray[np.uint8], *, seed: int = 0, steps: int = STEPS, pool: int = POOL
) -> NDArray[np.float64]:
    """(n,) root mean square errors, in grey levels 0 to 255, of the closest pictures; lower = more likely a member.

    `generator`: in `eval`, with `latent_shape`, to pictures in [-1, 1]; `pictures`: (n, side, side, 3). The error of a
    photo does not depend on the others.
    """
    shape: tuple[int, ...] = generator.latent_shape  # type: ignore[assignment]
    generator.requires_grad_(False)
    latents = torch.randn(pool, *shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        made = torch.cat([generator(part) for part in torch.split(latents, BATCH)]).flatten(1)
    found = []
    for wanted in in_batches(pictures):
        nearest = torch.cdist(wanted.flatten(1), made, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        found.append(_search(generator, wanted, latents[nearest].clone(), steps))
    return np.concatenate(found) if found else np.empty(0)


def _search(generator: nn.Module, wanted: Tensor, z: Tensor, steps: int) -> NDArray[np.float64]:
    z.requires_grad_(True)
    adam = torch.optim.Adam([z], lr=RATE)
    best = torch.full((len(z),), torch.inf)
    for step in range(steps + 1):
        error = (generator(z) - wanted).square().flatten(1).mean(dim=1)
        best = torch.minimum(best, error.detach())
        if step < steps:
            adam.zero_grad()
            error.sum().backward()
            adam.step()
    return np.asarray(best.double().sqrt().numpy() * 127.5, dtype=np.float64)
