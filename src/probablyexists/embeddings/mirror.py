"""A face and its mirror image: both are embedded, and their sum is the embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError


def mirrored(chips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, side, side, 3), left and right exchanged."""
    turned = np.empty_like(chips, order="C")
    for colour in range(chips.shape[-1]):  # NumPy moves single bytes faster than groups of three
        turned[..., colour] = chips[:, :, ::-1, colour]
    return turned


def unit_sum(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, dim) twice -> their sum, each row of unit length. InputError with the number of rows that cannot be."""
    with np.errstate(all="ignore"):
        total = one + other
        length = np.linalg.norm(total, axis=1, keepdims=True)
    n_unusable = int((~np.isfinite(length) | (length == 0)).sum())
    if n_unusable:
        raise InputError(f"the recogniser gave {n_unusable} of {len(one)} embeddings that are zero or not finite")
    unit: NDArray[np.float32] = total / length
    return unit
