"""How many pixels a picture may have."""

from __future__ import annotations

from probablyexists.basis.errors import ImageError

MAX_PIXELS = 64_000_000
MAX_ASPECT = 64  # longer : shorter side; at `longest` = 1024 the shorter side still has MIN_SIDE pixels
MIN_SIDE = 16


def check_size(width: int, height: int) -> None:
    """ImageError "too large" or "too small" for a picture of this size."""
    if width * height > MAX_PIXELS:
        raise ImageError("too large", f"{width} x {height} pixels, over {MAX_PIXELS // 10**6} megapixels")
    if min(width, height) < MIN_SIDE:
        raise ImageError("too small", f"{width} x {height} pixels, a side under {MIN_SIDE}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError("too large", f"{width} x {height} pixels, one side over {MAX_ASPECT} times the other")
