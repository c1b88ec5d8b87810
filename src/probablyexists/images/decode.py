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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_PIXELS = 64_000_000
MAX_ASPECT = 64  # longer : shorter side; at `longest` = 1024 the shorter side still has MIN_SIDE pixels
MIN_SIDE = 16
GREY = 128

_SIGNS = {
    "JPEG": (b"\xff\xd8\xff",),  # also MPO, whose first picture is a plain JPEG
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "WEBP": (b"RIFF",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf"),
}
_EXIF_ORIENTATION = 0x0112


def decode(data: bytes, longest: int = 1024) -> NDArray[np.uint8]:
    """Decode one image file: (height, width, 3), uint8, RGB, contiguous, upright; else as `decode_picture`."""
    return np.array(decode_picture(data, longest), dtype=np.uint8, order="C")


def decode_picture(data: bytes, longest: int = 1024) -> Image.Image:
    """Decode one image file: RGB, upright, fully loaded.

    An image whose longer side exceeds `longest` pixels is reduced to it; its aspect ratio stays.

    Raises ImageError, and nothing else, with one of the reasons "empty file", "not an image", "truncated",
    "too large" (over 64 megapixels, or one side over 64 times the other), "too small" (shorter side under
    16 pixels), "damaged" (any other fault, or a kind of file that Pillow cannot read).
    """
    if longest < MIN_SIDE:
        raise ValueError(f"longest is {longest}; it must be at least {MIN_SIDE} pixels")
    if not data:
        raise ImageError("empty file")
    kind = _kind(data)
    if kind is None:
        raise ImageError("not an image", f"begins with {data[:8]!r}")
    opened = False
    with _quiet_pillow():
        try:
            with _open(kind, data) as image:
                opened = True
                _check_size(*image.size)
                return _picture(image, longest)
        except ImageError:
            raise
        except MemoryError as error:
            raise ImageError("too large", "not enough memory") from error
        except Exception as error:  # Pillow's decoders raise nearly every type there is
            if kind in ("BMP", "PPM") and not opened:  # a text may begin with the same two letters
                raise ImageError("not an image", f"begins with {data[:8]!r}") from error
            raise _as_image_error(error, kind, data) from error


def _kind(data: bytes) -> str | None:
    """The file's format by its first bytes; None if it is not in the list."""
    kind = next((kind for kind, signs in _SIGNS.items() if data.startswith(signs)), None)
    if kind == "WEBP" and data[8:12] != b"WEBP":
        return None
    if kind == "PPM" and not data[2:3].isspace():
        return None
    return kind


def _open(kind: str, data: bytes) -> ImageFile.ImageFile:
    """Read the header. The plugin is called directly: `Image.open` would try every format and warn about the size."""
    from PIL import (
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    if kind == "WEBP":
        _check_webp(data)
    plugins: dict[str, Callable[[BytesIO], ImageFile.ImageFile]] = {
        "BMP": BmpImagePlugin.BmpImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "PPM": PpmImagePlugin.PpmImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
    }
    return plugins[kind](BytesIO(data))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError("too large", f"{width} x {height} pixels, over {MAX_PIXELS // 10**6} megapixels")
    if min(width, height) < MIN_SIDE:
        raise ImageError("too small", f"{width} x {height} pixels, a side under {MIN_SIDE}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError("too large", f"{width} x {height} pixels, one side over {MAX_ASPECT} times the other")


def _check_webp(data: bytes) -> None:
    """Check length and size before WebP's decoder is opened, because it allocates the canvas then."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ImageError("truncated", f"{len(data)} bytes")
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        _check_size(int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    elif chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        _check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif chunk == b"VP8 " and len(data) >= 30:
        _check_size(*(int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28)))


def _picture(image: ImageFile.ImageFile, longest: int) -> Image.Image:
    from PIL import Image

    factor = longest / max(image.size)
    if factor < 1:
        image.draft(None, (max(1, int(image.width * factor)), max(1, int(image.height * factor))))
    image.load()
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


def _orientation(image: ImageFile.ImageFile) -> int:
    """EXIF orientation 1 to 8; 1 if the tag is missing or unreadable. Pillow itself turns a TIFF when loading it."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # a picture with broken metadata is still used
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bit(image)).convert("RGB")
    if _deep_colour_key(image.info.get("transparency")):
        del image.info["transparency"]
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
        image = Image.alpha_composite(ground, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_colour_key(key: Any) -> bool:
    """Whether the transparent colour is one of a 16-bit PNG, which no 8-bit pixel can equal."""
    return isinstance(key, tuple) and any(part > 255 for part in key)


def _eight_bit(image: Image.Image) -> NDArray[np.uint8]:
    """Grey of more than 8 bits as 8 bits, by the rules in the module's docstring."""
    values = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(values).all():
            raise ImageError("damaged", f"{np.count_nonzero(~np.isfinite(values))} samples are not finite")
        top = float(values.max())
        top = next((full for full in (1.0, 255.0, 65535.0) if top <= full), top)
        return np.asarray((np.clip(values, 0, top) * (255 / top)).round().astype(np.uint8))
    if image.mode.startswith("I;16"):
        return np.asarray((values >> 8).astype(np.uint8))
    bits = 16 if image.format == "PPM" else max(int(values.max()), 0).bit_length()
    shift = next(full - 8 for full in (8, 16, 31) if bits <= full)
    return np.asarray((np.maximum(values, 0) >> shift).astype(np.uint8))


def _as_image_error(error: Exception, kind: str, data: bytes) -> ImageError:
    from PIL import Image

    detail = " ".join(f"{kind}: {type(error).__name__}: {error}".split())[:200]
    if isinstance(error, Image.DecompressionBombError):
        return ImageError("too large", detail)
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or _ends_early(kind, data):
        return ImageError("truncated", detail)
    return ImageError("damaged", detail)


def _ends_early(kind: str, data: bytes) -> bool:
    """Whether the end marker is missing, in a format that has one."""
    marker = {"JPEG": b"\xff\xd9", "PNG": b"IEND", "GIF": b"\x3b"}.get(kind)
    return marker is not None and marker not in data[-4096:]


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
                kept = [entry for entry in warnings.filters if not _is_ours(entry)]
                warnings.filters[:] = kept  # type: ignore[index]


def _is_ours(entry: tuple[Any, ...]) -> bool:
    return getattr(entry[3], "pattern", None) == _PILLOW
