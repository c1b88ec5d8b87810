"""How large the activations of dlib's face recogniser get, as `scripts/calibrate.py` measures on drawn people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranges:
    """The largest activations; for branches, which may be negative, the smallest too."""

    version: int
    """Increase it when a number changes."""
    first: float
    relu: tuple[float, ...]
    """For each block, after its first convolution."""
    branch_low: tuple[float, ...]
    branch_high: tuple[float, ...]
    """For each block, after its second convolution, before the sum."""
    block: tuple[float, ...]
    """For each block, after the sum."""


RANGES = Ranges(
    version=1,
    first=12.2,
    relu=(11.6, 8.94, 9.33, 9.91, 5.08, 5.89, 7.34, 6.28, 5.03, 5.44, 7.52, 5.29, 3.64, 6.0),
    branch_low=(-11.0, -12.0, -11.7, -7.24, -5.33, -6.91, -6.47, -4.55, -5.51, -5.61, -6.47, -6.19, -3.08, -4.39),
    branch_high=(10.4, 12.1, 14.3, 8.9, 7.46, 6.38, 7.21, 6.78, 4.82, 5.75, 10.3, 4.34, 2.7, 2.75),
    block=(15.6, 18.8, 24.6, 15.2, 15.3, 15.6, 15.8, 10.5, 9.46, 10.6, 10.3, 9.86, 8.81, 5.15),
)
