"""DCGAN: a generator of transposed convolutions with batch norm, a discriminator of strided ones.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional GANs" (arXiv
1511.06434). The discriminator has the normalisation that suits its loss: batch norm (the paper's), none (a gradient
penalty is of single images, Gulrajani et al. 2017, section 4), or spectral norm (Miyato et al. 2018).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from probablyexists.networks.operations import Layer, joined, power_iteration, spectrally_normal

Norm = Literal["batch", "none", "spectral"]

MOST = 8
"""Channels grow to at most this many times `base`."""
STARTING_ITERATIONS = 15
"""Of the power method, before the first step; later one in each step is enough."""


def n_doublings(size: int) -> int:
    """How often the smallest frame, of 4 pixels or more, is doubled to reach `size`: 3 for 48 = 6 * 2 ** 3."""
    doublings = 0
    while size % 2 == 0 and size // 2 >= 4:
        size, doublings = size // 2, doublings + 1
    return doublings


def _widths(size: int, base: int) -> list[int]:
    """Channels from the smallest frame to the largest."""
    return [base * min(MOST, 2**step) for step in reversed(range(n_doublings(size)))]


class Conv(Layer, nn.Conv2d):
    """`nn.Conv2d`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ops.conv(x, self.weight, self.bias, stride=self.stride[0], padding=self.padding[0])  # type: ignore[arg-type]


class SpectralConv(Layer, nn.Conv2d):
    """With a spectrally normal weight; each forward pass in training improves the singular vector u."""

    u: torch.Tensor

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(n_in, n_out, kernel, stride, padding)
        self.register_buffer("u", torch.empty(n_out))

    def draw_vector(self) -> None:
        """Estimate the singular vector of the weights as they are now."""
        self.u.copy_(power_iteration(self.weight, torch.randn_like(self.u), STARTING_ITERATIONS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.u.copy_(power_iteration(self.weight, self.u))
        weight = spectrally_normal(self.weight, self.u.clone())
        return self.ops.conv(x, weight, self.bias, stride=self.stride[0], padding=self.padding[0])  # type: ignore[arg-type]


class Transpose(Layer, nn.ConvTranspose2d):
    """`nn.ConvTranspose2d`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.ops.conv_transpose(x, self.weight, self.bias, stride=self.stride[0], padding=self.padding[0])  # type: ignore[arg-type]


class Leaky(Layer):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ops.leaky_relu(x)


def _draw_weights(module: nn.Module) -> None:
    """Normal with standard deviation 0.02, as the paper's section 4."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if isinstance(module, SpectralConv):
            module.draw_vector()
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """(n, latent) normal numbers -> (n, 3, size, size) in [-1, 1]."""

    def __init__(self, size: int, base: int = 32, latent: int = 128) -> None:
        super().__init__()
        self.latent_shape = (latent,)
        widths = _widths(size, base)
        start = size // 2 ** n_doublings(size)
        layers: list[nn.Module] = [Transpose(latent, widths[0], start, bias=False)]
        for here, there in pairwise(widths):
            layers += [nn.BatchNorm2d(here), nn.ReLU(), Transpose(here, there, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(), Transpose(widths[-1], 3, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_draw_weights)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.layers(latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Batches of (n, 3, size, size) in [-1, 1] -> (n of all batches,) logits, in their order.

    Batch norm normalises each batch by itself; convolutions take all as one batch.
    """

    def __init__(self, size: int, base: int = 32, norm: Norm = "batch") -> None:
        super().__init__()
        widths = _widths(size, base)[::-1]
        start = size // 2 ** n_doublings(size)
        layers: list[nn.Module] = []
        for depth, (here, there) in enumerate(zip([3, *widths], widths, strict=False)):
            if norm == "spectral":
                layers.append(SpectralConv(here, there, 4, 2, 1))
            else:
                layers.append(Conv(here, there, 4, 2, 1, bias=norm != "batch" or depth == 0))
            if norm == "batch" and depth > 0:
                layers.append(nn.BatchNorm2d(there))
            layers.append(Leaky())
        layers.append((SpectralConv if norm == "spectral" else Conv)(widths[-1], 1, start))
        self.layers = nn.Sequential(*layers)
        self.apply(_draw_weights)

    def forward(self, *batches: torch.Tensor) -> torch.Tensor:
        x = joined(batches)
        for layer in self.layers:
            if isinstance(layer, nn.BatchNorm2d):
                x = joined([layer(batch) for batch in x.chunk(len(batches))])
            else:
                x = layer(x)
        return x.flatten()
