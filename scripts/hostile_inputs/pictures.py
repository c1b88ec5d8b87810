"""Image files of every format: damaged, forged, and small ones that become large."""

from __future__ import annotations

import hashlib
import io
import runpy
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hostile_inputs.harm import NUMBERS, harm
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.faces.acquire import acquire
from probablyexists.images.decode import decode

SIDE = 96
Forged = Callable[[Draw], tuple[bytes, str]]


@cache
def face(person: int = 0, photo: int = 0, side: int = SIDE) -> Image.Image:
    return Image.fromarray(draw_photo(draw_person(0, person), photo, side))


@cache
def saved(kind: str, variant: int = 0) -> bytes:
    """A drawn face in this format; `variant` changes the mode, the compression or the person."""
    image, options = face(variant % 3), {}
    if kind == "png":
        image = image.convert(("RGB", "RGBA", "P", "L", "1", "LA")[variant % 6])
        if variant % 7 == 6:
            image = Image.fromarray(np.asarray(face().convert("L")).astype(np.uint16) * 257)
    elif kind == "jpeg":
        options = {"quality": 90, "subsampling": variant % 3, "exif": _exif() if variant % 2 else b""}
        image = image.convert("CMYK") if variant % 5 == 4 else image
    elif kind == "progressive jpeg":
        options = {"quality": 85, "progressive": True}
    elif kind == "webp":
        options = {"lossless": bool(variant % 2), "method": 0}
    elif kind == "gif":
        options = {"save_all": True, "append_images": [face(1)]} if variant % 2 else {}
    elif kind == "tiff":
        options = {"compression": ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")[variant % 5]}
    elif kind == "bmp":
        image = image.convert(("RGB", "P", "L", "1")[variant % 4])
    elif kind == "ppm":
        image = image.convert(("RGB", "L", "1")[variant % 3])
    elif kind == "avif":
        options = {"speed": 10}
    buffer = io.BytesIO()
    image.save(buffer, {"progressive jpeg": "JPEG", "jp2": "JPEG2000"}.get(kind, kind.upper()), **options)
    return buffer.getvalue()


def _exif() -> bytes:
    made = Image.Exif()
    made[0x0112] = 6
    made[0x010E] = "description"
    return made.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IEND", b"")


@cache
def _zeros(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes << 20), 9)


def forged_png(draw: Draw) -> tuple[bytes, str]:
    ordinary = chunk(b"IDAT", zlib.compress(bytes(97 * 96), 9))
    forged: tuple[bytes, str] = pick(
        draw,
        (
            lambda: (png(60_000, 60_000, chunk(b"IDAT", _zeros(1))), "60,000 x 60,000 pixels"),
            lambda: (png(8000, 8000, chunk(b"IDAT", _zeros(62)), depth=8, colour=0), "64 megapixels in 60 kB"),
            lambda: (png(7999, 7999, chunk(b"IDAT", _zeros(62)), depth=1, colour=0), "64 megapixels of one bit"),
            lambda: (png(96, 96, chunk(b"IDAT", _zeros(200))), "200 MB for 96 x 96 pixels"),
            lambda: (png(96, 96, chunk(b"zTXt", b"k\0\0" + _zeros(200)), ordinary), "a text of 200 MB"),
            lambda: (png(96, 96, chunk(b"iTXt", b"k\0\1\0\0\0" + _zeros(200)), ordinary), "an iTXt of 200 MB"),
            lambda: (png(96, 96, chunk(b"iCCP", b"k\0\0" + _zeros(200)), ordinary), "a profile of 200 MB"),
            lambda: (png(96, 96, *[chunk(b"tEXt", b"k\0v")] * 50_000, ordinary), "50,000 texts"),
            lambda: (png(96, 96, *[chunk(b"IDAT", b"")] * 100_000, ordinary), "100,000 empty parts"),
            lambda: (png(96, 96, chunk(b"acTL", b"\x7f\xff\xff\xff\0\0\0\0"), ordinary), "2^31 frames"),
            lambda: (png(96, 96, chunk(b"eXIf", harm(draw, _exif()[6:])[0]), ordinary), "damaged EXIF"),
            lambda: (png(0, 96, ordinary), "no width"),
            lambda: (png(96, 96, ordinary, depth=int(draw.integers(256)), colour=int(draw.integers(8))), "odd depth"),
            lambda: (png(16, 1025, ordinary), "one side 64 times the other"),
        ),
    )()
    return forged


def forged_jpeg(draw: Draw) -> tuple[bytes, str]:
    data = saved("jpeg", int(draw.integers(5)))
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC1, 0xC2))
    how = int(draw.integers(6))
    if how == 0:
        height, width = (int(draw.integers(1, 65536)) for _ in range(2))
        return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :], f"says {width} x {height}"
    if how == 1:
        return data[:2] + b"\xff\xe1\xff\xff" + b"Exif\0\0" + bytes(65527) + data[2:], "64 kB of EXIF"
    if how == 2:
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(_exif()) + 2) + harm(draw, _exif())[0] + data[
            2:
        ], "damaged EXIF"
    if how == 3:
        return data[:2] + b"".join(b"\xff\xfe\xff\xff" + bytes(65533) for _ in range(200)) + data[
            2:
        ], "12 MB of comments"
    if how == 4:
        return data[:-2] + data, "two pictures in one"
    return data[:2] + b"\xff" * 1_000_000 + data[2:], "a megabyte of fill bytes"


def forged_scans(draw: Draw) -> tuple[bytes, str]:
    """The last scan of a progressive JPEG thousands of times, over a large frame."""
    data = saved("progressive jpeg")
    sof = data.index(b"\xff\xc2")
    last = data.rindex(b"\xff\xda")
    n, side = pick(draw, ((300, 96), (3000, 2000), (20_000, 96), (5000, 7900)))
    head = data[: sof + 5] + struct.pack(">HH", side, side) + data[sof + 9 : last]
    return head + data[last:-2] * n + b"\xff\xd9", f"{n} scans of {side} x {side} pixels"


def forged_webp(draw: Draw) -> tuple[bytes, str]:
    data = saved("webp", int(draw.integers(2)))
    width, height = (int(draw.integers(1, 1 << 24)).to_bytes(3, "little") for _ in range(2))
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes([int(draw.integers(256)), 0, 0, 0]) + width + height
    body = b"WEBP" + vp8x + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body, "another canvas"


def forged_gif(draw: Draw) -> tuple[bytes, str]:
    data = saved("gif", 0)
    how = int(draw.integers(3))
    if how == 0:
        return data[:6] + struct.pack("<HH", 65535, int(draw.integers(1, 65536))) + data[10:], "a wide screen"
    if how == 1:
        return data[:-1] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 20_000 + b"\0;", "5 MB of comments"
    frame = data[data.index(b",") : -1]
    return data[:-1] + frame * 3000 + b";", "3,000 frames"


def forged_tiff(draw: Draw) -> tuple[bytes, str]:
    data = bytearray(saved("tiff", int(draw.integers(5))))
    start = struct.unpack("<I", data[4:8])[0]
    n = struct.unpack("<H", data[start : start + 2])[0]
    how = int(draw.integers(4))
    if how == 0:
        data[start + 2 + 12 * n : start + 6 + 12 * n] = struct.pack("<I", start)
        return bytes(data), "a directory that follows itself"
    entry = start + 2 + 12 * int(draw.integers(n))
    tag = struct.unpack("<H", data[entry : entry + 2])[0]
    if how == 1:
        data[entry + 4 : entry + 8] = pick(draw, NUMBERS[:5])
        return bytes(data), f"tag {tag} has another count"
    if how == 2:
        data[entry + 2 : entry + 4] = struct.pack("<H", int(draw.integers(20)))
        return bytes(data), f"tag {tag} of another type"
    data[entry + 8 : entry + 12] = pick(draw, (*NUMBERS[:5], draw.bytes(4)))
    return bytes(data), f"tag {tag} has another value"


def forged_bmp(draw: Draw) -> tuple[bytes, str]:
    width, height = pick(draw, ((8000, 8000), (20_000, 3000), (96, 96), (96, -96), (65_536, 65_536), (0, 0)))
    compression, bits = pick(draw, ((1, 8), (2, 4), (3, 32), (0, 24), (4, 24), (1, 24), (0, 1)))
    palette = bytes(1024)
    pixels = pick(
        draw, (b"\xff\0" * 200_000, b"\0\0" * 100_000, b"\0\2\xff\xff" * 50_000, b"\0\1", draw.bytes(50_000), b"")
    )
    head = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, int(draw.integers(300)), 0
    )
    body = head + palette + pixels
    return b"BM" + struct.pack(
        "<IHHI", 14 + len(body), 0, 0, 14 + 40 + 1024
    ) + body, f"{width} x {height}, compression {compression}"


def forged_ppm(draw: Draw) -> tuple[bytes, str]:
    sign = pick(draw, (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf"))
    width, height = pick(draw, ((8000, 8000), (96, 96), (2000, 2000), (10**9, 10**9), (-1, 5)))
    most = pick(draw, (b"255", b"65535", b"0", b"99999999999", b"1", b"-1.0", b"nan"))
    text = pick(draw, (b"0 " * 2_000_000, b"1" * 3_000_000, b"#" * 1_000_000, b"9" * 100_000, b"", draw.bytes(30_000)))
    return (
        sign + f"\n{width} {height}\n".encode() + most + b"\n" + text,
        f"{sign.decode()} {width} x {height}, {len(text)} bytes",
    )


def forged_box(draw: Draw) -> tuple[bytes, str]:
    """Boxes of HEIC and AVIF that hold nothing useful."""
    brand = pick(draw, (b"heic", b"heix", b"mif1", b"avif", b"avis", b"hevc"))
    boxes = [b"meta" + bytes(4), b"mdat" + draw.bytes(3000), b"moov" + bytes(20), b"iloc" + bytes(8)]
    body = b"".join(struct.pack(">I", int(pick(draw, (len(b) + 4, 0, 1, 2**31, 7)))) + b for b in boxes)
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + body, f"boxes of {brand.decode()}"


FORGED: dict[str, tuple[Forged, ...]] = {
    "png": (forged_png,),
    "jpeg": (forged_jpeg,),
    "progressive jpeg": (forged_scans,),
    "webp": (forged_webp,),
    "gif": (forged_gif,),
    "tiff": (forged_tiff,),
    "bmp": (forged_bmp,),
    "ppm": (forged_ppm,),
    "heic": (forged_box,),
    "avif": (forged_box,),
    "jp2": (),
}


_HEIC_FILES = runpy.run_path(str(Path(__file__).parents[2] / "tests" / "heic_files.py"))
HEIC = tuple(its for its in _HEIC_FILES.values() if isinstance(its, bytes))
"""Whole files, since the library that reads them writes none."""


def made(draw: Draw, kind: str) -> tuple[bytes, str, bytes | None]:
    """A hostile file, how it was made, and the whole file if it was only damaged."""
    base = pick(draw, HEIC) if kind == "heic" else saved(kind, int(draw.integers(12)))
    if FORGED[kind] and chance(draw, 0.3):
        data, note = pick(draw, FORGED[kind])(draw)
        if chance(draw, 0.3):
            data, more = harm(draw, data)
            note += f"; {more}"
        return data, note, None
    other = saved(pick(draw, ("png", "jpeg", "gif", "bmp", "webp")), int(draw.integers(5)))
    data, note = harm(draw, base, other)
    return data, note, base


def _pixels(data: bytes, every: int) -> str:
    if every == 0:
        for got in acquire([data], "detect"):
            if isinstance(got, Exception):
                raise got
    return hashlib.sha256(decode(data).tobytes()).hexdigest()


@cache
def _right(base: bytes) -> str:
    return hashlib.sha256(decode(base).tobytes()).hexdigest()


def plant(kind: str, draw: Draw, folder: Path, _: Any) -> Planted:
    data, note, base = made(draw, kind)
    (folder / "picture").write_bytes(data)
    with_faces = int(draw.integers(12))

    def check(found: str) -> str | None:
        """Of PNG, which has checksums, any damage; of every format, a file that ends early."""
        if base is None or found == _right(base):
            return None
        if kind == "png" or note.startswith("cut to"):
            return f"other pixels, nothing said ({note})"
        return None

    return Planted(note, lambda: _pixels(data, with_faces), check)


def _kind(name: str) -> Kind:
    oracle = "the same pixels" if name == "png" else "the same pixels, if it was cut off"
    return Kind(f"image: {name}", "images", lambda d, f, w: plant(name, d, f, w), oracle=oracle)


KINDS = tuple(_kind(name) for name in FORGED)
