"""Untrusted bytes -> an 8-bit RGB picture. Every fault of the bytes is an `ImageError` with a reason.

| found in the file | what is returned |
|---|---|
| EXIF / TIFF orientation | applied |
| alpha, palette or colour-key transparency | composited over mid-grey (128) |
| animation, several pages | the first frame |
| 16-bit grey (`I;16`) | `value >> 8`: scaled by the range of the mode, never by that of the picture |
| 32-bit integer grey (`I`) | scaled from the smallest of 8, 16, 31 bits that holds the largest value (PGM: 16 bits) |
| float grey (`F`) | scaled from the smallest of [0, 1], [0, 255], [0, 65535] that holds it, else [0, largest] |
| signed or float grey below zero | black |
| CMYK (Adobe's inverted too), YCbCr, 1-bit | RGB as Pillow converts it; colour profiles are not applied |

Formats are a closed list, recognised by their first bytes. The size is read from the header and checked before any
pixel is decoded. Thread-safe; no global state of Pillow is changed.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.images.endings import check_ending
from probablyexists.images.iso_boxes import boxes
from probablyexists.images.jpeg_2000 import halvings
from probablyexists.images.jpeg_scans import header_is_cut
from probablyexists.images.kinds import NOT_AN_IMAGE, Kind, kind_of
from probablyexists.images.limits import check_before, check_opened
from probablyexists.images.opening import opened
from probablyexists.images.sizes import MIN_SIDE

if TYPE_CHECKING:
    from PIL import Image, ImageFile

GREY = 128
_STRIP = 1_000_000  # pixels converted at once, so that a large picture is not in memory four times


def decode(data: bytes, longest: int = 1024) -> NDArray[np.uint8]:
    """Decode one image file: (height, width, 3), uint8, RGB, contiguous, upright; else as `decode_picture`."""
    return np.array(decode_picture(data, longest), dtype=np.uint8, order="C")


def decode_picture(data: bytes, longest: int = 1024) -> Image.Image:
    """Decode one image file: RGB, upright, fully loaded.

    An image whose longer side exceeds `longest` pixels is reduced to it; its aspect ratio stays.

    Raises ImageError, and nothing else, with one of the reasons "empty file", "not an image", "NAME not read" (a kind
    of file that is known, or needs a library that is not installed: the message says what to do), "truncated", "too
    large" (over 64 megapixels, one side over 64 times the other, or too costly to decode, see `limits`), "too small"
    (shorter side under 16 pixels), "damaged" (any other fault, or a form of a file that Pillow cannot read).
    """
    if longest < MIN_SIDE:
        raise ValueError(f"longest is {longest}; it must be at least {MIN_SIDE} pixels")
    if not data:
        raise ImageError("empty file")
    kind = kind_of(data)
    has_opened = False
    with _quiet_pillow():
        try:
            check_before(kind, data)
            with opened(kind, data) as image:
                has_opened = True
                check_opened(kind, data, image)
                _load(kind, data, image, longest)
                return upright(image, longest)
        except ImageError:
            raise
        except MemoryError as error:
            raise ImageError("too large", "not enough memory") from error
        except Exception as error:  # Pillow's decoders raise nearly every type there is
            if kind in ("BMP", "PPM") and not has_opened:  # a text may begin with the same two letters
                raise ImageError(NOT_AN_IMAGE, f"begins with {data[:8]!r}") from error
            raise _as_image_error(error, kind, data) from error


def _load(kind: Kind, data: bytes, image: ImageFile.ImageFile, longest: int) -> None:
    """Decode the pixels, a JPEG's or JPEG 2000's at a fraction of its size if that holds `longest` pixels."""
    assert image.fp is not None
    at, smaller = image.fp.tell(), longest / max(image.size)
    draft = (max(1, int(image.width * smaller)), max(1, int(image.height * smaller))) if smaller < 1 else None
    if kind == "JPEG" and draft is not None:
        image.draft(None, draft)
    elif kind == "JPEG 2000":
        cast("Any", image).reduce = halvings(data, smaller)
    image.load()
    check_ending(kind, data, image, at, draft)


def upright(image: Image.Image, longest: int = 1024) -> Image.Image:
    """A loaded picture as `decode_picture` gives it: RGB, upright, no longer than `longest` pixels."""
    from PIL import Image

    orientation = _orientation(image)
    picture = _rgb(image)
    factor = longest / max(picture.size)
    if factor < 1:
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 if the tag is missing or unreadable. Pillow itself turns a TIFF when loading it."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # a picture with broken metadata is still used
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bit(image)).convert("RGB")
    key = image.info.get("transparency")
    if isinstance(key, tuple) and any(part > 255 for part in key):  # of a 16-bit PNG: no 8-bit pixel can equal it
        del image.info["transparency"]
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        over_grey = Image.new("RGB", image.size)
        for top, strip in _strips(image):
            ground = Image.new("RGBA", strip.size, (GREY, GREY, GREY, 255))
            over_grey.paste(Image.alpha_composite(ground, strip.convert("RGBA")).convert("RGB"), (0, top))
        return over_grey
    return image if image.mode == "RGB" else image.convert("RGB")


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture from top to bottom: (top row, rows)."""
    n = max(1, _STRIP // image.width)
    for top in range(0, image.height, n):
        yield top, image.crop((0, top, image.width, min(top + n, image.height)))


def _eight_bit(image: Image.Image) -> NDArray[np.uint8]:
    """Grey of more than 8 bits as 8 bits, by the rules in the module's docstring."""
    grey = np.empty((image.height, image.width), np.uint8)
    largest = max(float(np.asarray(strip).max()) for _, strip in _strips(image))
    for top, strip in _strips(image):
        grey[top : top + strip.height] = _scaled(np.asarray(strip), image, largest)
    return grey


def _scaled(values: NDArray[Any], image: Image.Image, largest: float) -> NDArray[np.uint8]:
    if image.mode == "F":
        if not np.isfinite(values).all():
            raise ImageError("damaged", "samples are not finite")
        top = next((full for full in (1.0, 255.0, 65535.0) if largest <= full), largest)
        return np.asarray((np.clip(values, 0, top) * (255 / top)).round().astype(np.uint8))
    if image.mode.startswith("I;16"):
        return np.asarray((values >> 8).astype(np.uint8))
    bits = 16 if image.format == "PPM" else max(int(largest), 0).bit_length()
    shift = next(full - 8 for full in (8, 16, 31) if bits <= full)
    return np.asarray((np.maximum(values, 0) >> shift).astype(np.uint8))


def _as_image_error(error: Exception, kind: Kind, data: bytes) -> ImageError:
    from PIL import Image

    detail = " ".join(f"{kind}: {type(error).__name__}: {error}".split())[:200]
    if isinstance(error, Image.DecompressionBombError):
        return ImageError("too large", detail)
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or _is_cut(kind, data):
        return ImageError("truncated", detail)
    return ImageError("damaged", detail)


def _is_cut(kind: Kind, data: bytes) -> bool:
    """Whether the file's end is missing, by what should be there."""
    if kind in ("AVIF", "HEIC"):
        return any(end > len(data) for _, _, end in boxes(data))
    if kind == "TIFF":  # the list of tags is often behind the pixels
        at = slice(8, 16) if data[2:4] in (b"+\0", b"\0+") else slice(4, 8)
        return int.from_bytes(data[at], "little" if data.startswith(b"II") else "big") >= len(data)
    if kind == "JPEG" and header_is_cut(data):
        return True
    end_marker = {"JPEG": b"\xff\xd9", "JPEG 2000": b"\xff\xd9", "PNG": b"IEND", "GIF": b"\x3b"}.get(kind, b"")
    return end_marker not in data[-4096:]


_PILLOW = r"PIL\.(?#probablyexists)"  # the comment makes the filter recognisable as ours
_lock = threading.Lock()
_depth = 0


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings as long as any thread decodes.

    `warnings.catch_warnings` would undo filters that another thread sets meanwhile. Instead, every thread puts one
    filter for Pillow's modules in front, and the last thread to leave removes it.
    """
    global _depth  # noqa: PLW0603
    with _lock:
        warnings.filterwarnings("ignore", module=_PILLOW)  # moves it to the front if it is there already
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                kept = [entry for entry in warnings.filters if getattr(entry[3], "pattern", None) != _PILLOW]
                warnings.filters[:] = kept  # type: ignore[index]
