"""Pictures as `data:` URIs for the report: small, and pixelated unless faces are to be shown."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLOCKS = 10
"""Blocks along the longer side of a pixelated picture: too few to recognise a face."""
SIDE = 120
"""Pixels along the longer side of every picture in the report."""
JPEG_QUALITY = 74


def data_uri(pixels: NDArray[np.uint8], *, show_faces: bool) -> str:
    """An (h, w, 3) picture as a `data:` URI: a JPEG of the picture, or a PNG of its blocks."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if show_faces:
        return _encode(_resized(image, SIDE, Image.Resampling.LANCZOS), "JPEG")
    return _encode(pixelated(image), "PNG")


def pixelated(image: Image.Image) -> Image.Image:
    """The whole picture as at most 10 x 10 blocks, each in its mean colour."""
    blocks = _resized(image, BLOCKS, Image.Resampling.BOX)
    scale = SIDE // BLOCKS
    return blocks.resize((blocks.width * scale, blocks.height * scale), Image.Resampling.NEAREST)


def _resized(image: Image.Image, longest: int, how: Image.Resampling) -> Image.Image:
    """At most `longest` pixels on the longer side, never enlarged."""
    scale = min(1.0, longest / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, how)


def _encode(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    if kind == "JPEG":
        image.save(buffer, kind, quality=JPEG_QUALITY, optimize=True)
    else:
        image.save(buffer, kind, optimize=True)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
