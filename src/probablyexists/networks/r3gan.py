"""R3GAN, small: residual blocks of grouped convolutions, no normalisation.

Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern Baseline GAN" (arXiv 2501.05441), section 4 (Config
E). It works because of its training, a relativistic pairing loss with R1 and R2 (`lab.procedures`). As in the
paper: two blocks a frame, hidden channels twice as many, groups of 16 channels, biases inside the blocks only.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from probablyexists.basis.errors import InputError
from probablyexists.networks.frames import double, sides, widths
from probablyexists.networks.operations import SLOPE, Layer, joined

BLOCKS = 2
EXPANSION = 2
GROUP = 16


def _drawn(*shape: int, gain: float = 1.0) -> nn.Parameter:
    """Normal weights (out, in, ...) that keep the variance of their input, times `gain` (He et al. 2015)."""
    return nn.Parameter(torch.randn(*shape) * (gain / math.sqrt(math.prod(shape[1:]))))


class Block(Layer):
    """x + (1x1 wider, grouped 3x3, 1x1 narrower), activations between the three, none on the sum.

    Initialised as in Fixup (Zhang et al. 2019, arXiv 1901.09321): the last convolution is 0, so that a new block is
    the identity; the others are divided by n_blocks ** (1 / 4), n_blocks counted over the whole network.
    """

    def __init__(self, channels: int, n_blocks: int) -> None:
        super().__init__()
        hidden = channels * EXPANSION
        gain = math.sqrt(2 / (1 + SLOPE**2)) * n_blocks ** (-1 / 4)
        if hidden % GROUP:
            raise InputError(f"{channels} channels: R3GAN works in groups; take a base that is a multiple of 8")
        self.n_groups = hidden // GROUP
        self.wider = _drawn(hidden, channels, 1, 1, gain=gain)
        self.wider_bias = nn.Parameter(torch.zeros(hidden))
        self.grouped = _drawn(hidden, GROUP, 3, 3, gain=gain)
        self.grouped_bias = nn.Parameter(torch.zeros(hidden))
        self.narrower = nn.Parameter(torch.zeros(channels, hidden, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ops.leaky_relu(self.ops.conv(x, self.wider, self.wider_bias))
        y = self.ops.leaky_relu(self.ops.conv(y, self.grouped, self.grouped_bias, padding=1, groups=self.n_groups))
        return x + self.ops.conv(y, self.narrower)


class Resample(Layer):
    """To the next frame; where the number of channels changes, with a 1x1 convolution on the smaller frame."""

    def __init__(self, n_in: int, n_out: int, *, up: bool) -> None:
        super().__init__()
        self.weight = _drawn(n_out, n_in, 1, 1) if n_in != n_out else None
        self.up = up

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.up else self.ops.halve(x)
        x = x if self.weight is None else self.ops.conv(x, self.weight)
        return double(x) if self.up else x


def _blocks(channels: int, n_frames: int) -> list[nn.Module]:
    return [Block(channels, BLOCKS * n_frames) for _ in range(BLOCKS)]


class Generator(Layer):
    """(n, latent) normal numbers -> (n, 3, size, size); not bounded in training, clamped to [-1, 1] in `eval`."""

    def __init__(self, size: int, base: int = 32, latent: int = 64) -> None:
        super().__init__()
        self.latent_shape = (latent,)
        side, channels = sides(size)[0], widths(size, base)
        self.mixing = _drawn(channels[0], latent)
        self.basis = nn.Parameter(torch.randn(channels[0], side, side))
        layers = _blocks(channels[0], len(channels))
        for n_in, n_out in itertools.pairwise(channels):
            layers += [Resample(n_in, n_out, up=True), *_blocks(n_out, len(channels))]
        self.layers = nn.Sequential(*layers)
        self.to_rgb = _drawn(3, channels[-1], 1, 1)

    def forward(self, latent: Tensor) -> Tensor:
        x = self.basis * F.linear(latent, self.mixing)[:, :, None, None]
        images = self.ops.conv(self.layers(x), self.to_rgb).to(self.to_rgb.dtype)
        return images if self.training else images.clamp(-1, 1)


class Discriminator(Layer):
    """Batches of (n, 3, size, size) in [-1, 1] -> (n of all batches,) logits, in their order."""

    def __init__(self, size: int, base: int = 32) -> None:
        super().__init__()
        side, channels = sides(size)[0], widths(size, base)[::-1]
        self.from_rgb = _drawn(channels[0], 3, 1, 1)
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(channels):
            layers += [*_blocks(n_in, len(channels)), Resample(n_in, n_out, up=False)]
        self.layers = nn.Sequential(*layers, *_blocks(channels[-1], len(channels)))
        self.basis = nn.Parameter(torch.randn(channels[-1], side, side) / side)
        self.logit = _drawn(1, channels[-1])

    def forward(self, *batches: Tensor) -> Tensor:
        x = self.layers(self.ops.conv(joined(batches), self.from_rgb)).to(self.basis.dtype)
        # A depthwise convolution with a kernel as large as the frame, then a matrix with one row; written as sums, they
        # are computed in full precision under autocast.
        logits: Tensor = ((x * self.basis).sum((2, 3)) * self.logit).sum(1)
        return logits
