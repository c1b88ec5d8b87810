"""Files that are small on disk, or cheap to make, and would cost minutes or gigabytes: refused before they do."""

from __future__ import annotations

import io
import struct
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.images import limits
from probablyexists.images.decode import decode


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def refused(data: bytes, detail: str = "") -> None:
    """Set aside as too large, within a second of CPU time."""
    began = time.process_time()
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.reason == "too large", str(caught.value)
    assert detail in str(caught.value)
    assert time.process_time() - began < 1


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def many_scans(side: int, n: int, *, progressive: bool) -> bytes:
    """A grey square whose every block is empty, sent `n` times more than needed."""
    code = b"\1" + bytes(15)  # one Huffman code, of one bit
    data = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64)
    data += segment(0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, side, side, 3) + b"\1\x11\0\2\x11\0\3\x11\0")
    data += segment(0xC4, b"\0" + code + b"\0") + segment(0xC4, b"\x10" + code + (b"\xe0" if progressive else b"\0"))
    if progressive:
        data += segment(0xDA, b"\3\1\0\2\0\3\0\0\0\0") + bytes((side // 8) ** 2 * 3 // 8 + 1)
    spectral = b"\1\x3f\0" if progressive else b"\0\x3f\0"
    for scan in range(n):
        data += segment(0xDA, b"\1" + bytes([1 + scan % 3]) + b"\0" + spectral) + bytes((side // 8) ** 2 // 4 + 1)
    return data + b"\xff\xd9"


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_with_thousands_of_scans_is_refused(progressive: bool) -> None:
    refused(many_scans(256, 2000, progressive=progressive), "over 32 scans")
    assert decode(many_scans(64, 12, progressive=progressive)).shape == (64, 64, 3)


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": True, "optimize": True, "subsampling": 0}])
def test_a_jpeg_as_encoders_write_them_is_read(options: dict[str, object]) -> None:
    for image in (noise(64, 48), noise(64, 48).convert("L"), noise(64, 48).convert("CMYK")):
        assert decode(saved(image, "JPEG", **options)).shape == (48, 64, 3)


JPEG = saved(Image.new("RGB", (32, 24), (200, 100, 50)), "JPEG")


@pytest.mark.parametrize(
    "before",
    [
        segment(0xFE, b"") * 100_000,
        bytes(400_000),
        segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 30,
        segment(0xE1, b"Exif\0\0x") * 50_000,
        segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 30,
    ],
    ids=["comments", "junk", "long EXIF", "short EXIF", "tables"],
)
def test_a_jpeg_with_endless_metadata_is_refused(before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_BYTES_BEFORE", 2**20)  # a sixteenth, as is the file
    refused(b"\xff\xd8" + segment(0xE0, b"ab") + before + JPEG[2:])


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    header = (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
    pixels = (b"IDAT", zlib.compress(bytes(17 * 16)))
    named = {b"HEAD": header, b"PIXELS": pixels}
    all_chunks = [named.get(name, (name, content)) for name, content in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in [header, *all_chunks, (b"IEND", b"")])


PROFILE = b"name\0\0" + zlib.compress(bytes(2**20), 9)
CUT_TEXT = b"name\0\0" + zlib.compress(bytes(2**20 - 64), 9)[:-8] + b"\xff" * 8


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(
    "chunk", [(b"iCCP", PROFILE), (b"zTXt", CUT_TEXT), (b"abCd", b"")], ids=["profiles", "texts", "unknown"]
)
def test_a_png_with_thousands_of_chunks_that_inflate_is_refused(order: str, chunk: tuple[bytes, bytes]) -> None:
    many = [chunk] * 3000
    refused(png(*many, (b"PIXELS", b"")) if order == "before" else png((b"PIXELS", b""), *many), "chunks")


def bmp_runs(width: int, height: int, runs: bytes) -> bytes:
    palette = bytes(range(256)) * 4
    head = struct.pack("<IHHI", 54 + len(palette) + len(runs), 0, 0, 54 + len(palette))
    return (
        b"BM" + head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0) + palette + runs
    )


def test_a_bmp_with_run_lengths_is_read_if_it_is_small_and_refused_if_it_is_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert decode(bmp_runs(32, 32, b"\x20\x05\0\0" * 32 + b"\0\1")).shape == (32, 32, 3)
    refused(bmp_runs(8000, 8000, b"\1\5\0\0" * 8000 + b"\0\1"), "run lengths")
    monkeypatch.setattr(limits, "_PIECES", 10_000)
    refused(bmp_runs(256, 256, b"\xff\5\xff\5" * 100_000), "pieces")


@pytest.mark.parametrize(
    "data",
    [
        b"P3 4000 4000 255\n" + b"1 2 3\n" * 1000,
        b"P2 8000 8000 255\n" + b"1 " * 1000,
        b"P1 8000 8000\n" + b"1" * 1000,
        b"P5 8000 8000 4095\n" + b"\1\1" * 1000,
        b"P6 8000 8000 254\n" + b"\1\1\1" * 1000,
        b"P1 1000 1000\n" + b"#\n" * 100_000,
        b"P5 #" + b"x" * 400_000 + b"\n32 32 255\n" + bytes(1024),
        b"P5 " + b" " * 400_000 + b"32 32 255\n" + bytes(1024),
    ],
    ids=["P3", "P2", "P1", "P5 to 4095", "P6 to 254", "comments", "a long comment", "spaces"],
)
def test_a_pnm_that_pillow_decodes_in_python_is_refused_if_it_is_large(data: bytes) -> None:
    refused(data)


def test_a_small_pnm_as_text_is_read() -> None:
    assert decode(b"P2 # by hand\n16 16 15\n" + b"15 " * 256).tolist() == np.full((16, 16, 3), 255).tolist()


def test_a_gif_with_endless_comments_is_refused() -> None:
    data = saved(Image.new("P", (32, 32)), "GIF")
    header = 13 + (3 << ((data[10] & 7) + 1))
    refused(data[:header] + b"!\xfe" + b"\1a" * 200_000 + b"\0" + data[header:], "pieces")


def tiff(tags: list[tuple[int, int, int, bytes | int]], data: bytes) -> bytes:
    """A TIFF of one page from (tag, type, count, value or bytes); `data` begins at 8."""
    file, entries = bytearray(b"II*\0\0\0\0\0") + data, b""
    for tag, kind, count, value in sorted(tags):
        entries += struct.pack("<HHII", tag, kind, count, len(file) if isinstance(value, bytes) else value)
        file += value if isinstance(value, bytes) else b""
    file[4:8] = struct.pack("<I", len(file))
    return bytes(file) + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_that_gives_its_pixels_over_and_over_is_refused() -> None:
    n = 5000
    at, sizes = struct.pack("<I", 8) * n, struct.pack("<I", 2048 * 1024 // 8) * n
    tags = [(256, 4, 1, 2048), (257, 4, 1, 2048), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    refused(
        tiff([*tags, (273, 4, n, at), (278, 4, 1, 1024), (279, 4, n, sizes)], bytes(2048 * 1024 // 8)), "over 4 times"
    )


def test_a_tiff_with_a_tile_larger_than_the_picture_is_refused() -> None:
    packed = zlib.compress(bytes(2**20), 9)
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    tiles = [(322, 4, 1, 65536), (323, 4, 1, 4096), (324, 4, 1, 8), (325, 4, 1, len(packed))]
    refused(tiff([*tags, *tiles], packed), "tiles of 65536 x 4096")


def jpeg_2000(forged: dict[int, bytes], **options: object) -> bytes:
    """A JPEG 2000 of 64 x 64 pixels with bytes of its codestream replaced; its wrapper still says 64 x 64."""
    data = bytearray(saved(noise(64, 64), "JPEG2000", **options))
    start = data.index(b"\xff\x4f\xff\x51")
    for at, new in forged.items():
        data[start + at : start + at + len(new)] = new
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_2000({8: struct.pack(">II", 60_000, 60_000)}),
        jpeg_2000({8: struct.pack(">II", 7000, 7000), 24: struct.pack(">II", 1, 1)}),
        jpeg_2000({8: struct.pack(">II", 7000, 7000)}, num_resolutions=1, irreversible=False),
    ],
    ids=["size", "tiles", "one resolution"],
)
def test_a_jpeg_2000_that_claims_more_than_its_wrapper_says_is_refused(data: bytes) -> None:
    refused(data, "JPEG 2000" if b"\xea\x60" not in data[:200] else "60000")


def test_an_avif_that_claims_more_than_64_megapixels_is_refused() -> None:
    data = bytearray(saved(Image.new("RGB", (64, 64)), "AVIF"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 12_000, 12_000)
    refused(bytes(data), "12000 x 12000")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "F", "I"])
def test_a_large_picture_is_converted_strip_by_strip(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a whole, which would be in memory four times; the pixels are the same."""
    values = np.random.default_rng(1).integers(0, 256, (50, 40, 4), dtype=np.uint8)
    image = Image.fromarray(values).convert("RGB").convert(mode) if mode in ("F", "I", "P") else Image.fromarray(values)
    if mode == "LA":
        image = image.convert("LA")
    options = {"transparency": 3} if mode == "P" else {}
    data = saved(image, "TIFF" if mode in ("F", "I") else "PNG", **options)
    whole = decode(data)
    monkeypatch.setattr(sys.modules["probablyexists.images.decode"], "_STRIP", 120)
    assert np.array_equal(decode(data), whole)
