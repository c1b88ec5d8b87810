"""The kind of picture a file is, by its first bytes; other well-known kinds by name, with what to do about them."""

from __future__ import annotations

from typing import Literal

from probablyexists.basis.errors import ImageError

Kind = Literal["JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG 2000", "HEIC"]

NOT_AN_IMAGE = "not an image"
_RAW = "camera raw not read"
_VIDEO = "video not read"
_CONVERT = "convert to JPEG or PNG"

_SIGNS: dict[Kind, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),  # also MPO, whose first picture is a plain JPEG
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
}
_OTHER_SIGNS = {
    "JPEG XL not read": (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"),
    "JPEG XR not read": (b"II\xbc\x01",),
    _RAW: (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb"),
    "Photoshop not read": (b"8BPS",),
    "PDF not read": (b"%PDF-",),
    "PostScript not read": (b"%!PS",),
    "SVG not read": (b"<svg",),
    "icon not read": (b"\0\0\1\0",),
    "OpenEXR not read": (b"v/1\1",),
    "DDS not read": (b"DDS ",),
    _VIDEO: (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3"),
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def kind_of(data: bytes) -> Kind:
    """The file's kind. ImageError "not an image", or "NAME not read" for a kind that is known but not read."""
    kind = next((kind for kind, signs in _SIGNS.items() if data.startswith(signs)), None)
    if kind == "TIFF" and data[8:10] == b"CR":  # Canon's
        raise not_read(_RAW)
    if kind is not None and (kind != "PPM" or data[2:3].isspace()):
        return kind
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _kind_by_brands(data)
    for reason, signs in _OTHER_SIGNS.items():
        if data.startswith(signs):
            raise not_read(reason)
    if data.startswith(b"<?xml") and b"<svg" in data[:1024]:
        raise not_read("SVG not read")
    if (data.startswith(b"RIFF") and data[8:12] == b"AVI ") or data[4:8] in (b"moov", b"mdat", b"wide"):
        raise not_read(_VIDEO)
    raise ImageError(NOT_AN_IMAGE, f"begins with {data[:8]!r}")


def _kind_by_brands(data: bytes) -> Kind:
    """AVIF or HEIC, whose container is that of videos too."""
    main, *others = (data[at : at + 4] for at in (8, *range(16, min(int.from_bytes(data[:4], "big"), 512), 4)))
    if main in (b"avif", b"avis") or (main in (b"mif1", b"msf1") and b"avif" in others):
        return "AVIF"
    if main in _HEIC:
        return "HEIC"
    if len(main) < 4:
        raise ImageError(NOT_AN_IMAGE, f"begins with {data[:8]!r}")
    raise not_read(_RAW if main == b"crx " else _VIDEO)


def not_read(reason: str) -> ImageError:
    """The error for a kind of file that is not read, with its cure."""
    return ImageError(reason, cure(reason) or "")


def raw_photo() -> ImageError:
    """The error for a camera's raw file that looks like a TIFF."""
    return not_read(_RAW)


def cure(reason: str) -> str | None:
    """What to do about photos set aside for `reason`, if they are of a kind that is not read; else None."""
    if not reason.endswith(" not read"):
        return None
    if reason == _VIDEO:
        return "give still pictures"
    if reason == "HEIC not read":
        return f"run: pip install pi-heif; or {_CONVERT}"
    if reason in ("AVIF not read", "JPEG 2000 not read"):
        return f"install a newer Pillow; or {_CONVERT}"
    return _CONVERT
