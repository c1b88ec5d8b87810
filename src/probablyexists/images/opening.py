"""Pillow's plugin for a kind of file, called directly: `Image.open` would try every format and warn about the size."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING

from probablyexists.images.kinds import Kind, not_read
from probablyexists.images.limits import SMALL, CountedFile

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
    "HEIC": ("pi_heif", "HeifImageFile"),
}


_OPTIONAL: tuple[Kind, ...] = ("AVIF", "JPEG 2000", "HEIC")


def opened(kind: Kind, data: bytes) -> ImageFile:
    """The file with its header read; ImageError "NAME not read" if this installation has no decoder for it.

    Pictures that end early are refused when they are decoded, also where another library in this process has asked
    Pillow to fill them up, as WeasyPrint does when it is imported.
    """
    from PIL import ImageFile as Files

    Files.LOAD_TRUNCATED_IMAGES = False
    if kind in _OPTIONAL and not _installed(kind):
        raise not_read(f"{kind} not read")
    module, plugin = _PLUGINS[kind]
    file = BytesIO(data) if len(data) <= SMALL else CountedFile(data, kind)
    image: ImageFile = getattr(import_module(module), plugin)(file)
    if isinstance(file, CountedFile):
        file.header_is_read()
    return image


def optional_kinds() -> str:
    """The kinds that this installation reads and another may not. With others, the same file may be set aside."""
    return ", ".join(kind for kind in _OPTIONAL if _installed(kind))


def _installed(kind: Kind) -> bool:
    if kind == "HEIC":
        try:
            import_module("pi_heif")
        except ImportError:
            return False
        return True
    from PIL import features

    return features.check("avif" if kind == "AVIF" else "jpg_2000") is True
