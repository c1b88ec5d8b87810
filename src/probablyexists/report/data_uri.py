"""Pictures as `data:` URIs for the report: small, and pixelated unless faces are to be shown."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

BLOCKS = 10
"""Blocks along the longer side of a pixelated picture: too few to recognise a face."""
SIDE = 120
"""Pixels along the longer side of every picture in the report."""
JPEG_QUALITY = 74


def data_uri(pixels: NDArray[np.uint8], *, show_faces: bool) -> str:
    """An (h, w, 3) picture as a `data:` URI: a JPEG, or a PNG of at most 10 x 10 blocks, each in its mean colour."""
    image, buffer = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    if show_faces:
        kind, shown = "jpeg", _resized(image, SIDE, Image.Resampling.LANCZOS)
    else:
        blocks = _resized(image, BLOCKS, Image.Resampling.BOX)
        kind, shown = "png", ImageOps.scale(blocks, SIDE // BLOCKS, Image.Resampling.NEAREST)
    shown.save(buffer, kind, quality=JPEG_QUALITY, optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _resized(image: Image.Image, longest: int, how: Image.Resampling) -> Image.Image:
    """At most `longest` pixels on the longer side, never enlarged."""
    scale = min(1.0, longest / max(image.size))
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), how)
