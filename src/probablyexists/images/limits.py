"""Limits on what a file may make its decoder do: few bytes must not cost minutes or gigabytes.

| a file may | limit |
|---|---|
| hold pixels | 64 megapixels; 50 in WebP, AVIF, HEIC, which are held several times on decoding, and 32 MiB of file |
| be decoded in Python by Pillow (PNM as text or in an unusual range, BMP with run lengths) | 6 million samples |
| be read in pieces (markers, chunks, tags, runs, tokens), over 256 KiB | 3,000 before its pixels, 2 million in all |
| be preceded by metadata | 16 MiB (JPEG, PNG) |
| repeat work | 32 scans or 16 MiB in a JPEG of several scans; 500 chunks in a PNG; 4 times each pixel in a TIFF |
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, cast

from probablyexists.basis.errors import ImageError
from probablyexists.images.jpeg_scans import check_scans
from probablyexists.images.kinds import Kind, raw_photo
from probablyexists.images.sizes import check_size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.TiffImagePlugin import TiffImageFile

SMALL = 2**18
"""Bytes of a file that costs little even if it is read byte by byte."""
_read = BytesIO.read

_PIECES_BEFORE = 3000
_PIECES = 2_000_000
_BYTES_BEFORE, _ANY = 16 * 2**20, 2**63
_HELD_PIXELS, _HELD_BYTES = 50_000_000, 32 * 2**20
_SLOW_SAMPLES = 6_000_000
_CHUNKS = 500
_COMMENTS = 1000
_MOST_OF_A_TILE = 4096**2
_PADDING = 16  # after a JPEG in a TIFF

# Tags of a TIFF
_SUBFILE, _REDUCED, _SUB_FILES, _DNG_VERSION = 254, 1, 330, 50706
_COMPRESSION, _JPEG, _PLANAR, _STRIPS, _STRIP_SIZES = 259, 7, 284, 273, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_SIZES = 322, 323, 324, 325


class CountedFile(BytesIO):
    """A file in memory that ends a decoder which reads it in too many pieces: markers, chunks, tags, runs or tokens.

    Call `header_is_read` before the pixels are decoded.
    """

    def __init__(self, data: bytes, kind: Kind) -> None:
        super().__init__(data)
        self._kind = kind
        self._most = self._left = _PIECES_BEFORE
        self._most_bytes = _BYTES_BEFORE if kind in ("JPEG", "PNG") else _ANY

    def header_is_read(self) -> None:
        """From now on, the limits are those of pixels."""
        self._most = self._left = _PIECES
        self._most_bytes = _ANY

    def read(self, size: int | None = -1, /) -> bytes:
        """As BytesIO; ImageError "too large" after too many pieces, or too many bytes before the pixels."""
        self._left -= 1
        if self._left < 0:
            raise ImageError("too large", f"{self._kind} in over {self._most:,} pieces")
        if self.tell() > self._most_bytes:
            raise ImageError("too large", f"{self._kind} with over {_BYTES_BEFORE // 2**20} MiB before its pixels")
        return _read(self, size)


def check_before(kind: Kind, data: bytes) -> None:
    """Check what Pillow's plugin would only find, or trip over, while it opens or decodes the file."""
    if kind in ("WebP", "AVIF", "HEIC") and len(data) > _HELD_BYTES:
        raise ImageError("too large", f"{kind} of over {_HELD_BYTES // 2**20} MiB")
    if kind == "WebP":
        _check_webp(data)
    elif kind == "PNG":
        _check_png(data)


def _check_webp(data: bytes) -> None:
    """Length and size, because WebP's decoder allocates the canvas when it is opened."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ImageError("truncated", f"{len(data)} bytes")
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        check_size(int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    elif chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif chunk == b"VP8 " and len(data) >= 30:
        check_size(*(int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28)))


def _check_png(data: bytes) -> None:
    """Chunks beside those of the pixels, each of which Pillow may inflate to a megabyte."""
    at, n_others = 8, 0
    while at + 8 <= len(data) and n_others <= _CHUNKS:
        size, name = struct.unpack_from(">I4s", data, at)
        n_others += name not in (b"IDAT", b"fdAT", b"fcTL")
        at += 12 + size
    if n_others > _CHUNKS:
        raise ImageError("too large", f"PNG with over {_CHUNKS:,} chunks beside its pixels")


def check_opened(kind: Kind, data: bytes, image: ImageFile) -> None:
    """Check what the plugin found in the header: size, and the cost of decoding the pixels."""
    width, height = image.size
    check_size(width, height)
    if kind in ("WebP", "AVIF", "HEIC") and width * height > _HELD_PIXELS:
        raise ImageError("too large", f"{kind} of {width} x {height} pixels, over {_HELD_PIXELS // 10**6} megapixels")
    if kind == "JPEG":
        assert image.fp is not None
        check_scans(cast("JpegImageFile", image), data, image.fp.tell())
    elif kind == "TIFF":
        _check_tiff(cast("TiffImageFile", image), data)
    elif kind == "BMP" and image.info.get("compression") in (1, 2):
        _check_slow(width * height, "BMP with run lengths")
    elif kind == "PPM" and image.tile[0][0] != "raw":
        _check_slow(width * height * len(image.getbands()), "PNM with numbers as text, or in an unusual range")
        if image.tile[0][0] == "ppm_plain" and data.count(b"#") > _COMMENTS:
            raise ImageError("too large", f"PNM with over {_COMMENTS:,} comments")


def _check_slow(samples: int, what: str) -> None:
    if samples > _SLOW_SAMPLES:
        raise ImageError("too large", f"{what}, over {_SLOW_SAMPLES // 10**6} million samples")


def _check_tiff(image: TiffImageFile, data: bytes) -> None:
    tags, pixels = image.tag_v2, image.width * image.height
    if _DNG_VERSION in tags or (tags.get(_SUBFILE, 0) == _REDUCED and _SUB_FILES in tags):
        raise raw_photo()  # the first page is a small preview
    tile = (tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0))
    if tile[0] * tile[1] > max(_MOST_OF_A_TILE, 4 * pixels):
        raise ImageError("too large", f"TIFF with tiles of {tile[0]} x {tile[1]} pixels")
    if tags.get(_COMPRESSION, 1) == _JPEG:
        stored = (_STRIPS, _STRIP_SIZES) if _STRIPS in tags else (_TILES, _TILE_SIZES)
        for at, size in zip(*(tags.get(tag, ()) for tag in stored), strict=False):
            if data.find(b"\xff\xd9", max(at, at + size - _PADDING), at + size) < 0:
                raise ImageError("truncated", "TIFF: a JPEG in it ends early")
    if image.tile[0].codec_name != "raw":
        return
    strips = [strip.extents or (0, 0, 0, 0) for strip in image.tile]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in strips)
    if tags.get(_PLANAR, 1) == 2:
        pixels *= len(image.getbands())
    if covered < pixels:
        raise ImageError("truncated", "TIFF: strips are missing")
    if covered > 4 * pixels:
        raise ImageError("too large", "TIFF that gives its pixels over 4 times")
