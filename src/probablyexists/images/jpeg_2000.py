"""A JPEG 2000's own header: Pillow takes a JP2's size from its wrapper, OpenJPEG takes it from the codestream.

ISO/IEC 15444-1, annexes A (codestream) and I (JP2).
"""

from __future__ import annotations

import math
import struct

from probablyexists.basis.errors import ImageError
from probablyexists.images.iso_boxes import boxes
from probablyexists.images.sizes import check_size

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"
_CODING_STYLE, _FIRST_TILE = 0xFF52, 0xFF90
_MOST_MARKERS = 1000
_MOST_TILES = 4096
_MOST_COMPONENTS = 4
_LEAST_PRECINCT = 4  # of 16 x 16
_MOST_DECODED = 8_000_000
"""Pixels at the size that is decoded, which may be a half, a quarter, ...: OpenJPEG takes up to 0.4 s a megapixel."""


def halvings(data: bytes, smaller: float) -> int:
    """How often to halve a JPEG 2000 on decoding so that it stays at least `smaller` times its size.

    Checks the codestream: ImageError "truncated", "too large", "too small" or "damaged".
    """
    start, end = _codestream(data)
    if not data.endswith(_END, start, end):
        raise ImageError("truncated", "JPEG 2000: no end mark")
    _, _, width, height, left, top, *tiles, n_components = struct.unpack_from(">HHIIIIIIIIH", data, start + 4)
    width, height = width - left, height - top
    check_size(width, height)
    across, down, from_left, from_top = tiles
    if not across or not down:
        raise ImageError("damaged", "JPEG 2000: tiles of no size")
    n_tiles = math.ceil((left + width - from_left) / across) * math.ceil((top + height - from_top) / down)
    if n_tiles > _MOST_TILES or n_components > _MOST_COMPONENTS:
        raise ImageError("too large", f"JPEG 2000 of {n_tiles} tiles and {n_components} components")
    n = min(_levels(data, start + 2), max(0, math.floor(math.log2(1 / smaller))))
    if (width >> n) * (height >> n) > _MOST_DECODED:
        raise ImageError("too large", f"JPEG 2000, {width >> n} x {height >> n} pixels without a smaller form in it")
    return n


def _codestream(data: bytes) -> tuple[int, int]:
    """Where the codestream begins and ends."""
    if data.startswith(_START):
        return 0, len(data)
    for name, start, end in boxes(data):
        if name == b"jp2c" and data.startswith(_START, start):
            return start, end
    raise ImageError("damaged", "JPEG 2000: no codestream")


def _levels(data: bytes, at: int) -> int:
    """How often the picture can be halved, from the marker segments after the one at `at`."""
    for _ in range(_MOST_MARKERS):
        marker, size = struct.unpack_from(">HH", data, at)
        if marker == _FIRST_TILE or size < 2:
            break
        if marker == _CODING_STYLE:
            style, levels = data[at + 4], data[at + 9]
            precincts = data[at + 14 : at + 15 + levels] if style & 1 else b""
            if any(min(sizes >> 4, sizes & 15) < _LEAST_PRECINCT for sizes in precincts[1:]):
                raise ImageError("too large", "JPEG 2000 in precincts under 16 pixels a side")
            return levels
        at += 2 + size
    raise ImageError("damaged", "JPEG 2000: no coding style")
