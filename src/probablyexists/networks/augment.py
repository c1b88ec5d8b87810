"""Differentiable augmentation of a discriminator's input.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training" (arXiv 2006.10738): the same kinds of
change on real and on generated images, each image with random numbers of its own, gradients passing through.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 1 / 8
"""Largest translation, of the side."""
HOLE = 1 / 2
"""Side of the cut-out square, of the side."""


def diff_augment(images: Tensor) -> Tensor:
    """(n, 3, s, s) in [-1, 1] -> the same shape and dtype, not clamped: the paper's colour, translation and cutout.

    Random numbers come from torch's global generator.
    """
    return cut_out(translate(contrast(saturate(brighten(images)))))


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """(n, 1, 1, 1) in [low, high), one number an image."""
    return (torch.rand(len(images), 1, 1, 1, device=images.device) * (high - low) + low).to(images.dtype)


def brighten(images: Tensor) -> Tensor:
    """Add one number in [-0.5, 0.5) to all of an image."""
    return images + _uniform(images, -0.5, 0.5)


def saturate(images: Tensor) -> Tensor:
    """Scale each pixel's distance to its own grey by a number in [0, 2)."""
    return torch.lerp(images.mean(1, keepdim=True).expand_as(images), images, _uniform(images, 0, 2))


def contrast(images: Tensor) -> Tensor:
    """Scale each pixel's distance to the image's mean by a number in [0.5, 1.5)."""
    return torch.lerp(images.mean((1, 2, 3), keepdim=True).expand_as(images), images, _uniform(images, 0.5, 1.5))


def translate(images: Tensor) -> Tensor:
    """Move each image by up to 1/8 of the side, in pixels, along each axis; zeros at the border."""
    most = int(images.shape[-1] * SHIFT + 0.5)
    return shifted(images, *torch.randint(-most, most + 1, (2, len(images)), device=images.device))


def shifted(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Image i moved by down[i] and right[i] pixels; zeros at the border."""
    for axis, shift in ((2, down), (3, right)):
        side = images.shape[axis]
        source = torch.arange(side, device=images.device) - shift[:, None]
        shape = [len(images), 1, 1, 1]
        shape[axis] = side
        inside = ((source >= 0) & (source < side)).view(shape)
        index = source.clamp(0, side - 1).view(shape).expand_as(images)
        images = images.gather(axis, index) * inside
    return images


def cut_out(images: Tensor) -> Tensor:
    """Zeros in a square of half the side, its centre anywhere in the image; the part outside is cut off."""
    n, _, height, width = images.shape
    keep = []
    for side in (height, width):
        hole = int(side * HOLE + 0.5)
        # An even hole has its centre between pixels, so that there is one place more.
        start = torch.randint(0, side + 1 - hole % 2, (n, 1), device=images.device) - hole // 2
        at = torch.arange(side, device=images.device)
        keep.append((at < start) | (at >= start + hole))
    rows, columns = keep
    return images * (rows[:, None, :, None] | columns[:, None, None, :])
