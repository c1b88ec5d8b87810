"""Which values of a network's pictures are black and white: decided once, from the first pictures, by one rule.

Networks give pictures in [-1, 1], [0, 1] or [0, 255]. Read in the wrong range, pictures are washed out or white noise,
and no leak is found in them. What no rule can tell is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option


class Range(NamedTuple):
    """The values of black and white."""

    black: float
    white: float

    def __str__(self) -> str:
        return f"[{self.black:g}, {self.white:g}]"

    @property
    def tag(self) -> str:
        """For a generator's id: nothing for [-1, 1], as ids were before ranges were decided."""
        return "" if self == SIGNED else f"/{self.black:g}..{self.white:g}"


SIGNED, UNIT, BYTES = Range(-1, 1), Range(0, 1), Range(0, 255)

NOT_FINITE = "the generator gave values that are not finite"
FIRST, SURE = 16, 4
"""Most pictures to decide the range from, and fewest where nothing is negative: pictures in [-1, 1] may be bright."""
FLAT = 0.25
"""Pictures without clear negatives need this much contrast to be taken as [0, 1]; an untrained network has less."""


def decided_range(values: NDArray[Any], where: str) -> Range | None:
    """The range of these finite values; None if they have too little contrast to tell.

    Below -0.1 in over 1 % of the values: [-1, 1], of which a tenth may overshoot beyond 2. Else, up to 1 with
    a few values beyond 1.5: [0, 1]. Else, up to 255: [0, 255]. uint8 is [0, 255]. InputError for anything else.
    """
    if values.dtype == np.uint8:
        return BYTES
    if values.size == 0:
        return None
    low, high = float(values.min()), float(values.max())
    signed = (values < -0.1).mean() > 0.01
    if signed and (np.abs(values) > 2).mean() <= 0.1:
        return SIGNED
    if not signed and (values > 1.5).mean() <= 0.001:
        return UNIT if high - low > FLAT else None
    if not signed and 16 < high <= 280:
        return BYTES
    raise InputError(
        f"{where}: its pictures hold values from {low:.3g} to {high:.3g}; say which are black and white, "
        f"such as {option('picture_range', '-1,1')}"
    )


def settled_range(
    seen: NDArray[Any], more: Callable[[int], NDArray[Any]], where: str, known: Range | None = None
) -> Range:
    """The range of the first pictures, those of seeds 0 to n - 1; `more(n)`: pictures of the seeds from n on.

    [-1, 1] if `FIRST` pictures cannot tell. `known`: what it is. InputError if none of them is finite.
    """
    while True:
        sound = seen[np.isfinite(seen).all(axis=(1, 2, 3))]
        found = decided_range(sound, where) if known is None else known if len(sound) else None
        sure = found in (SIGNED, known) or seen.dtype == np.uint8
        if len(seen) >= (FIRST if found is None else SURE) or (found is not None and sure):
            break
        seen = np.concatenate([seen, more(len(seen))])
    if not len(sound):
        raise InputError(f"{where}: {len(seen)} of {len(seen)} samples are no pictures ({NOT_FINITE})")
    return found or SIGNED


def to_pixels(images: NDArray[Any], range: Range) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """(n, 3, h, w) -> (n, h, w, 3) uint8, rounded, and why some of them are no pictures, by their place.

    Values beyond black and white are clipped. A picture is none if it is not finite, or if it lies outside the range:
    over a tenth of it by more than half the range or, where nothing may be negative, over 1 % of it by a tenth.
    """
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images.transpose(0, 2, 3, 1)), {}
    values = images.astype(np.float32)
    if range == SIGNED:
        scaled = (values + 1) * np.float32(127.5)
    else:
        scaled = (values - np.float32(range.black)) * np.float32(255 / (range.white - range.black))
    finite = np.isfinite(scaled).all(axis=(1, 2, 3))
    far = _share((scaled < -127.5) | (scaled > 382.5)) > 0.1
    if range in (UNIT, BYTES):
        far |= _share(scaled < -25.5) > 0.01
    broken = {int(i): NOT_FINITE if not finite[i] else f"outside {range}" for i in np.flatnonzero(~finite | far)}
    scaled[~finite] = 0
    return np.ascontiguousarray(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8).transpose(0, 2, 3, 1)), broken


def _share(where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) share of each picture."""
    found: NDArray[np.float64] = where.mean(axis=(1, 2, 3))
    return found
