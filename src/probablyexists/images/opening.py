"""Pillow's plugin for a kind of file, called directly: `Image.open` would try every format and warn about the size."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from probablyexists.images.kinds import Kind, not_read
from probablyexists.images.limits import CountedFile

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_PLUGINS: dict[Kind, tuple[str, str]] = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "PPM": ("PIL.PpmImagePlugin", "PpmImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "HEIC": ("pillow_heif", "HeifImageFile"),
}


def opened(kind: Kind, data: bytes) -> ImageFile:
    """The file with its header read; ImageError "NAME not read" if this installation has no decoder for it."""
    module, plugin = _PLUGINS[kind]
    if kind in ("AVIF", "HEIC", "JPEG 2000") and not _installed(kind):
        raise not_read(f"{kind} not read")
    file = CountedFile(data, kind)
    image: ImageFile = getattr(import_module(module), plugin)(file)
    file.opened = True
    return image


def _installed(kind: Kind) -> bool:
    """Whether the library behind a kind that is optional is there and loads."""
    from PIL import features

    if kind != "HEIC":
        return features.check("avif" if kind == "AVIF" else "jpg_2000") is True
    try:
        import_module("pillow_heif")
    except ImportError:
        return False
    return True
