"""Frames of a network, and the filter [1, 3, 3, 1] between them, in forms that are fast on a CPU.

The filter is the one of Karras et al. 2020 (arXiv 1912.04958) and of Huang et al. 2024 (arXiv 2501.05441), where
[1, 2, 1] smoothed by [1, 1] gives the same taps. Doubling with it is bilinear interpolation, halving is the adjoint
of that; beyond the border both see the border pixel again, where the two papers' code sees zeros.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from probablyexists.basis.errors import InputError

TAPS = (1.0, 3.0, 3.0, 1.0)
MOST = 8
"""Channels grow to at most this many times those of the largest frame."""


def sides(size: int) -> list[int]:
    """Sides of the frames from the smallest (3 to 7 pixels) to `size`, each twice the one before.

    >>> sides(48)
    [3, 6, 12, 24, 48]
    """
    found = [size]
    while found[0] > 4 and found[0] % 2 == 0:
        found.insert(0, found[0] // 2)
    if not (len(found) > 1 and 3 <= found[0] <= 7):
        raise InputError(f"size {size}: not 3, 4, 5 or 7 times a power of two; take 32, 48, 64 or 128")
    return found


def widths(size: int, base: int) -> list[int]:
    """Channels of the frames of `sides(size)`: `base` in the largest, doubling downwards to at most 8 * `base`."""
    return [base * min(size // side, MOST) for side in sides(size)]


def double(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w): zeros put between the pixels, then the filter, its sum 2 along each axis."""
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def halve(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) -> (n, c, h, w): the filter, its sum 1 along each axis, then every second pixel."""
    n, c, height, width = x.shape
    # Four times faster than the convolution in bfloat16, and its own backward pass is `double`.
    transposed: Tensor = torch.ops.aten.upsample_bilinear2d_backward(
        x, [height, width], [n, c, height // 2, width // 2], False, 2.0, 2.0
    )
    return transposed / 4


def blur(x: Tensor, padding: int) -> Tensor:
    """The filter at every pixel, its sum 1, with `padding` (0 to 3) zeros on all sides: side h -> h + 2 padding - 3."""
    if not torch.is_grad_enabled():
        return _blurred(x, padding)
    return cast(Tensor, _Blur.apply(x, padding))  # type: ignore[no-untyped-call]


def _blurred(x: Tensor, padding: int) -> Tensor:
    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        # (1, 1) three times over is (1, 3, 3, 1), and five times as fast as a depthwise convolution in bfloat16.
        for step in range(3):
            x = F.avg_pool2d(x, 2, 1, padding=int(step < padding))
        return x
    channels = x.shape[1]
    with torch.autocast(x.device.type, enabled=False):
        taps = torch.tensor(TAPS, dtype=x.dtype, device=x.device) / sum(TAPS)
        down, across = taps.view(1, 1, 4, 1), taps.view(1, 1, 1, 4)
        x = F.conv2d(x, down.expand(channels, 1, 4, 1), padding=(padding, 0), groups=channels)
        return F.conv2d(x, across.expand(channels, 1, 1, 4), padding=(0, padding), groups=channels)


class _Blur(Function):
    """PyTorch's second derivative goes one channel at a time, for a gradient of the taps that nobody asked for.

    The filter reads the same both ways, so that its backward pass is the filter again, with the padding that was
    not there.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: int) -> Tensor:
        ctx.padding = padding
        return _blurred(x, padding)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return blur(grads[0], 3 - ctx.padding), None
