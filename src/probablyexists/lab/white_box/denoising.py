"""Loss-based attacks on diffusion models: how well does the model denoise this photo?

A model that was trained on a photo should predict better which noise was added to it. Asked here of *other* photos of
the members, too: the papers ask of training photos. A person's score is the mean over the photos.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from probablyexists.lab.white_box.batches import in_batches
from probablyexists.networks.diffusion import Diffusion

LossOf = Callable[[Diffusion, Tensor], Tensor]
"""(model, (n, 3, side, side) photos in [-1, 1]) -> (n,); lower = more likely a member."""
LEVELS = (50, 100, 200, 300, 400)
"""Of 1,000, at which the plain loss is measured."""
NOISES = 4
"""Noises for each level, the same for every photo."""
PIA_LEVEL, PIA_NORM = 200, 4
SECMI_LEVEL, SECMI_STEP = 100, 10


def plain_loss(network: nn.Module, pictures: NDArray[np.uint8], seed: int = 0) -> NDArray[np.float64]:
    """(n,) minus the mean squared error of the predicted noise; higher = more likely a member.

    Matsumoto, Miura & Yanai 2023, "Membership Inference Attacks against Diffusion Models" (arXiv 2302.03262), averaged
    over levels and noises.
    """

    def loss(net: Diffusion, photos: Tensor) -> Tensor:
        errors = []
        for level in LEVELS:
            for noise in range(NOISES):
                drawn = torch.randn(photos.shape[1:], generator=torch.Generator().manual_seed(1000 * seed + noise))
                noisy = net.schedule.add_noise(photos, drawn.expand_as(photos), torch.tensor([level]))
                errors.append((_noise(net, noisy, level) - drawn).square().flatten(1).mean(dim=1))
        return torch.stack(errors).mean(dim=0)

    return _each(network, pictures, loss)


def pia(network: nn.Module, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) minus the distance between the noise predicted of the photo, and of the photo covered with that noise.

    Kong et al. 2024, "An Efficient Membership Inference Attack for the Diffusion Model by Proximal Initialization"
    (arXiv 2305.18355), equation 10: level 200 of 1,000, 4-norm.
    """

    def distance(net: Diffusion, photos: Tensor) -> Tensor:
        first = _noise(net, photos, 0)
        covered = net.schedule.add_noise(photos, first, torch.tensor([PIA_LEVEL]))
        between = first - _noise(net, covered, PIA_LEVEL)
        length: Tensor = torch.linalg.vector_norm(between.flatten(1), PIA_NORM, dim=1)
        return length

    return _each(network, pictures, distance)


def secmi(network: nn.Module, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) minus the error of going one step up in noise and down again, without randomness, from a noisy photo.

    Duan et al. 2023, "Are Diffusion Models Vulnerable to Membership Inference Attacks?" (arXiv 2302.01316), the
    t-error of equation 9 at level 100 in steps of 10, without the second network of its SecMI_NNs.
    """

    def error(net: Diffusion, photos: Tensor) -> Tensor:
        noisy = photos
        for level in range(0, SECMI_LEVEL, SECMI_STEP):
            noisy = _moved(net, noisy, level, level + SECMI_STEP)
        up = _moved(net, noisy, SECMI_LEVEL, SECMI_LEVEL + SECMI_STEP)
        down = _moved(net, up, SECMI_LEVEL + SECMI_STEP, SECMI_LEVEL)
        return (down - noisy).square().flatten(1).sum(dim=1)

    return _each(network, pictures, error)


def _each(network: nn.Module, pictures: NDArray[np.uint8], loss: LossOf) -> NDArray[np.float64]:
    if not isinstance(network, Diffusion):
        raise TypeError(f"{type(network).__name__}: not a diffusion model")
    with torch.no_grad():
        found = [-loss(network, photos).double().numpy() for photos in in_batches(pictures)]
    return np.concatenate(found)


def _noise(network: Diffusion, images: Tensor, level: int) -> Tensor:
    predicted: Tensor = network.unet(images, level).sample
    return predicted.float()


def _moved(network: Diffusion, images: Tensor, level: int, to: int) -> Tensor:
    """One step of DDIM without randomness, to a higher or a lower level (Song et al. 2020, equation 13)."""
    kept = network.schedule.alphas_cumprod
    noise = _noise(network, images, level)
    clean = (images - (1 - kept[level]).sqrt() * noise) / kept[level].sqrt()
    moved: Tensor = kept[to].sqrt() * clean + (1 - kept[to]).sqrt() * noise
    return moved
