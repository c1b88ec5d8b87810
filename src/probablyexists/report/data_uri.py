"""Pictures as `data:` URIs for the pages, where faces are to be shown."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 120
"""Pixels along the longer side of every picture in the pages."""
JPEG_QUALITY = 74


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """An (h, w, 3) picture as a `data:` URI: a JPEG of at most 120 pixels along the longer side, never enlarged."""
    image, buffer = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    scale = min(1.0, SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "jpeg", quality=JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
