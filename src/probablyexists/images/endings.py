"""Pictures that Pillow completes in silence where a file's pixels end early, or are not what was written.

| file | what Pillow gives for the missing part | how it is noticed |
|---|---|---|
| JPEG, cut and closed with an end marker | mid-grey | more scan data before the marker changes the picture |
| JPEG filled up with zeros | whatever zeros decode to | no end marker (`jpeg_scans`) |
| JPEG of several scans, some missing | a coarse picture | the scans' headers (`jpeg_scans`) |
| PNG whose compressed stream ends early, or lacks passes | zeros | the missing part stays as it was before decoding |
| TIFF, uncompressed, without some strips | zeros | the strips' areas (`limits`) |
| JPEG 2000, cut | what was there | no end marker (`jpeg_2000`) |
| PNG with other bytes among its pixels | what they inflate to | the checksums of its pieces |
| WebP, AVIF, HEIC filled up with zeros | whatever zeros decode to | zeros at the end of the compressed data |

The rest raise an error by themselves. A BMP, PNM or uncompressed TIFF filled up with zeros is a valid black picture.
Each check looks for a sign of an early end first, which ordinary pictures do not have, so it costs them nothing.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, cast

from probablyexists.basis.errors import ImageError
from probablyexists.images.iso_boxes import boxes
from probablyexists.images.jpeg_scans import end_of_scans
from probablyexists.images.kinds import Kind
from probablyexists.images.opening import opened

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_PNG_MARK = b"\x89PNG\r\n\x1a\n"
_MORE_SCAN = b"".join(bytes(range(1, 100)) + bytes([0xFF, 0xD0 + n]) for n in range(8))  # with all restart markers
_LEAST_ZEROS, _PIXELS_A_ZERO = 256, 2000  # a WebP whose lower half is black ends in one zero for 13,000 pixels


def check_ending(kind: Kind, data: bytes, image: ImageFile, at: int, draft: tuple[int, int] | None) -> None:
    """Check a decoded picture: ImageError "truncated" if it was completed, "damaged" if it is another.

    `at`, `draft`: as in `decode_picture`.
    """
    if kind == "JPEG":
        ended = _jpeg_ended(data, image, at, draft)
    elif kind == "PNG":
        _check_png(data)
        ended = _png_ended(data, image)
    elif kind in ("WebP", "AVIF", "HEIC"):
        zeros = bytes(max(_LEAST_ZEROS, image.width * image.height // _PIXELS_A_ZERO))
        pixels = _webp_pixels(data) if kind == "WebP" else [box[1:] for box in boxes(data) if box[0] == b"mdat"]
        ended = any(data.endswith(zeros, begin, end) for begin, end in pixels)
    else:
        return
    if ended:
        raise ImageError("truncated", f"{kind}: the pixels end early")


def _jpeg_ended(data: bytes, image: ImageFile, at: int, draft: tuple[int, int] | None) -> bool:
    corner = image.getpixel((image.width - 1, image.height - 1))
    if "progressive" in image.info or not all(value in (127, 128) for value in _values(corner)):
        return False
    end = end_of_scans(data, at)
    with opened(kind="JPEG", data=data[:end] + _MORE_SCAN + data[end:]) as again:
        again.draft(None, draft)
        again.load()
        return again.tobytes() != image.tobytes()


def _check_png(data: bytes) -> None:
    """ImageError "damaged" if the checksum of a part of the pixels is wrong, which Pillow does not look at."""
    held, at = memoryview(data), len(_PNG_MARK)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(held[at : at + 4])
        if data.startswith(b"IDAT", at + 4) and zlib.crc32(held[at + 4 : end]) != int.from_bytes(held[end : end + 4]):
            raise ImageError("damaged", "PNG: its pixels do not fit their checksum")
        at = end + 4


def _png_ended(data: bytes, image: ImageFile) -> bool:
    from PIL import Image

    # Pixels are filled row by row; of an interlaced picture, the last pass fills every second row.
    bottom = [(0, row, image.width, row + 1) for row in (image.height - 2, image.height - 1)]
    if all(image.crop(row).getbbox() for row in bottom):
        return False
    with opened("PNG", data) as again:
        full = tuple(65535 if image.mode == "I;16" else 255 for _ in image.getbands())
        again.im = Image.new(image.mode, image.size, full if len(full) > 1 else full[0]).im
        again.load()
        return any(again.crop(row).tobytes() != image.crop(row).tobytes() for row in bottom)


def _values(pixel: object) -> tuple[float, ...]:
    return cast("tuple[float, ...]", pixel if isinstance(pixel, tuple) else (pixel,))


def _webp_pixels(data: bytes) -> list[tuple[int, int]]:
    """Where a WebP's first chunk of compressed pixels begins and ends."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"VP8 ", b"VP8L", b"ANMF"):
            return [(at + 8, at + 8 + size)]
        at += 8 + size + size % 2
    return []
