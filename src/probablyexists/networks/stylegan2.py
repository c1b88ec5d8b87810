"""StyleGAN2, small: styles scale the convolutions, noise in every layer, images summed up over the frames.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958), figures 2d and 7: the
skip generator and the residual discriminator. Mapping, noise and style mixing are of Karras et al. 2019 (arXiv
1812.04948), the equalised learning rate and the minibatch deviation of Karras et al. 2018 (arXiv 1710.10196).
No path length regularisation. No truncation: it would hide samples that the generator can make.
"""

from __future__ import annotations

import itertools
import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from probablyexists.networks.frames import double, sides, widths
from probablyexists.networks.operations import Layer, blur, joined

GAIN = math.sqrt(2)
"""Of the leaky ReLU, applied to the weights and biases before it, which is the same."""
MAPPING_LAYERS = 4
MAPPING_RATE = 0.01
MIXING = 0.9
GROUP = 4


class Linear(nn.Module):
    """A linear layer with equalised learning rate, always in full precision; `rate` multiplies the learning rate."""

    def __init__(self, n_in: int, n_out: int, *, rate: float = 1.0, gain: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / rate)
        self.bias = nn.Parameter(torch.full((n_out,), bias / rate))
        self.scale, self.rate, self.gain = gain * rate / math.sqrt(n_in), rate, gain

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.to(self.weight.dtype), self.weight * self.scale, self.bias * (self.rate * self.gain))


def modulated(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, up: bool = False, gain: float = 1.0
) -> Tensor:
    """Convolve each image with its own weights: w'_oi = s_i * w_oi, then divided by their norm over i and the kernel.

    Equations 1 and 3, times `gain`. x: (n, i, h, w), weight: (o, i, k, k), style: (n, i); `up` doubles the side, with
    a gain of 4 that makes up for the zeros between the pixels. Scaling the input by s_i and the output by 1 / norm is
    the same as scaling the weights, as neither depends on the pixel: one convolution is enough for the whole batch.
    """
    y = x * style[:, :, None, None].to(x.dtype)
    if up:
        # Doubling first and then convolving is the same except at the border, and costs four times as much.
        y, gain = blur(F.conv_transpose2d(y, weight.transpose(0, 1), stride=2), padding=1), 4 * gain
    else:
        y = F.conv2d(y, weight, padding=weight.shape[-1] // 2)
    if not demodulate:
        return y if gain == 1 else y * gain
    with torch.autocast(x.device.type, enabled=False):
        norms = style.square() @ weight.square().sum((2, 3)).T
        return y * (gain * torch.rsqrt(norms + 1e-8))[:, :, None, None].to(y.dtype)


class StyledConv(Layer):
    """A modulated 3x3 convolution, noise, a bias, and the leaky ReLU."""

    noise: Tensor

    def __init__(self, n_in: int, n_out: int, side: int, latent: int, *, up: bool) -> None:
        super().__init__()
        self.style = Linear(latent, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.scale, self.up = 1 / math.sqrt(9 * n_in), up

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        y = modulated(x, self.weight * self.scale, self.style(w), up=self.up, gain=GAIN)
        noise = torch.randn_like(y[:, :1]) if self.training else self.noise.to(y.dtype)
        strength, bias = (GAIN * self.strength).to(y.dtype), (GAIN * self.bias).to(y.dtype)
        return self.ops.leaky_relu(y + noise * strength + bias[:, None, None])


class ToRGB(nn.Module):
    """Features -> what this frame adds to the image, in full precision."""

    def __init__(self, n_in: int, latent: int) -> None:
        super().__init__()
        self.style = Linear(latent, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.scale = 1 / math.sqrt(n_in)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        image = modulated(x, self.weight * self.scale, self.style(w), demodulate=False)
        return image.to(self.bias.dtype) + self.bias[:, None, None]


class Generator(Layer):
    """(n, latent) normal numbers -> (n, 3, size, size).

    In training, noise is new in each pass, a share `mixing` of the images mixes the styles of two latents, and images
    are not bounded. In `eval`, noise is a buffer of the network and images are clamped to [-1, 1].
    """

    def __init__(
        self,
        size: int,
        base: int = 32,
        latent: int = 128,
        mapping_layers: int = MAPPING_LAYERS,
        mixing: float = MIXING,
    ) -> None:
        super().__init__()
        self.latent_shape, self.mixing = (latent,), mixing
        frames, channels = sides(size), widths(size, base)
        self.mapping = nn.ModuleList(
            Linear(latent, latent, rate=MAPPING_RATE, gain=GAIN) for _ in range(mapping_layers)
        )
        self.constant = nn.Parameter(torch.randn(1, channels[0], frames[0], frames[0]))
        self.layers = nn.ModuleList([StyledConv(channels[0], channels[0], frames[0], latent, up=False)])
        self.to_rgb = nn.ModuleList([ToRGB(channels[0], latent)])
        for n_in, n_out, side in zip(channels, channels[1:], frames[1:], strict=False):
            self.layers.append(StyledConv(n_in, n_out, side, latent, up=True))
            self.layers.append(StyledConv(n_out, n_out, side, latent, up=False))
            self.to_rgb.append(ToRGB(n_out, latent))

    def styles(self, latent: Tensor) -> Tensor:
        """(n, latent) -> (n, latent): the mapping network, on latents scaled to a mean square of 1."""
        w = latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = self.ops.leaky_relu(layer(w))
        return w

    def layer_styles(self, latent: Tensor) -> Tensor:
        """(n, latent) -> (n, layers + 1, latent): a style for each layer; mixed ones change at some layer."""
        n, n_styles = len(latent), len(self.layers) + 1
        w = self.styles(latent)[:, None].expand(-1, n_styles, -1)
        if not self.training:
            return w
        other = self.styles(torch.randn_like(latent))[:, None]
        first = torch.randint(1, n_styles, (n, 1), device=latent.device)
        mixed = torch.rand(n, 1, device=latent.device) < self.mixing
        late = torch.arange(n_styles, device=latent.device) >= first
        return torch.where((mixed & late)[:, :, None], other, w)

    def forward(self, latent: Tensor) -> Tensor:
        return self.pictured(self.layer_styles(latent))

    def pictured(self, styles: Tensor) -> Tensor:
        """(n, layers + 1, latent) styles, one for each layer -> (n, 3, size, size) images."""
        n, ws = len(styles), styles.unbind(1)
        x = self.layers[0](self.constant.expand(n, -1, -1, -1), ws[0])
        image: Tensor = self.to_rgb[0](x, ws[1])
        for frame in range(1, len(self.to_rgb)):
            x = self.layers[2 * frame - 1](x, ws[2 * frame - 1])
            x = self.layers[2 * frame](x, ws[2 * frame])
            image = double(image) + self.to_rgb[frame](x, ws[2 * frame + 1])
        return image if self.training else image.clamp(-1, 1)


class Conv(Layer):
    """A convolution with equalised learning rate; `down`: blurred first, then with stride 2."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, down: bool = False, gain: float = GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.scale, self.gain, self.down = gain / math.sqrt(n_in * kernel**2), gain, down

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.scale, self.bias * self.gain
        if self.down:
            return self.ops.conv(blur(x, padding=2), weight, bias, stride=2)
        return self.ops.conv(x, weight, bias, padding=weight.shape[-1] // 2)


class Block(Layer):
    """Two 3x3 convolutions plus one 1x1, both to half the side; the sum divided by sqrt 2 to keep the variance."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = Conv(n_in, n_in, 3)
        self.second = Conv(n_in, n_out, 3, down=True, gain=1.0)
        self.skip = nn.Parameter(torch.randn(n_out, n_in, 1, 1))
        self.scale = 1 / math.sqrt(2 * n_in)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ops.leaky_relu(self.second(self.ops.leaky_relu(self.first(x))))
        return y + self.ops.conv(self.ops.halve(x), self.skip * self.scale)


def minibatch_deviation(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, 1, h, w): the standard deviation within groups of 4 images, averaged to one number a group.

    If n is no multiple of 4, groups are of gcd(n, 4) images. Karras et al. 2018, section 3.
    """
    n, c, height, width = x.shape
    group = math.gcd(n, GROUP)
    grouped = x.float().reshape(group, n // group, c, height, width)
    deviation = ((grouped - grouped.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width).to(x.dtype)


class Discriminator(Layer):
    """Batches of (n, 3, size, size) in [-1, 1] -> (n of all batches,) logits, in their order.

    A logit depends also on how much the image's group of 4, all of one batch, varies.
    """

    def __init__(self, size: int, base: int = 32) -> None:
        super().__init__()
        side, channels = sides(size)[0], widths(size, base)[::-1]
        self.from_rgb = Conv(3, channels[0], 1)
        self.blocks = nn.Sequential(*(Block(n_in, n_out) for n_in, n_out in itertools.pairwise(channels)))
        self.last = Conv(channels[-1] + 1, channels[-1], 3)
        self.hidden = Linear(channels[-1] * side**2, channels[-1], gain=GAIN)
        self.logit = Linear(channels[-1], 1)

    def forward(self, *batches: Tensor) -> Tensor:
        x = self.blocks(self.ops.leaky_relu(self.from_rgb(joined(batches))))
        deviations = joined([minibatch_deviation(batch) for batch in x.chunk(len(batches))])
        x = self.ops.leaky_relu(self.last(torch.cat([x, deviations], 1)))
        x = self.ops.leaky_relu(self.hidden(x.flatten(1)))
        return cast(Tensor, self.logit(x)).flatten()
