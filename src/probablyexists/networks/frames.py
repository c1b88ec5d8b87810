"""Frames of a network: the same picture at sizes that double."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from probablyexists.basis.errors import InputError

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
    """(n, c, h, w) -> (n, c, 2h, 2w) by bilinear interpolation.

    Inside the picture this is zeros between the pixels, then the filter [1, 3, 3, 1], its sum 2 along each axis. At
    the border, pixels are repeated where the code of the two papers (`operations.TAPS`) has zeros.
    """
    return F.interpolate(x, scale_factor=2, mode="bilinear")
