"""Files whose pixels end early are set aside as truncated; Pillow would complete some of them in silence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.images.decode import decode

END = b"\xff\xd9"
VALUES = np.random.default_rng(0).integers(1, 256, (64, 64, 3), dtype=np.uint8)
GREY = VALUES[:, :, 0]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(size: int = 256) -> Image.Image:
    return Image.fromarray(draw_photo(draw_person(11, 3), 0, size))


def reason(data: bytes, longest: int = 1024) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, longest)
    return caught.value.reason


JPEGS: list[tuple[str, dict[str, object]]] = [
    ("RGB", {}),
    ("RGB", {"restart_marker_rows": 1}),
    ("L", {}),
    ("CMYK", {}),
    ("RGB", {"progressive": True}),
    ("L", {"progressive": True}),
    ("RGB", {"quality": 100, "subsampling": 0}),
]


@pytest.mark.parametrize(("mode", "options"), JPEGS)
@pytest.mark.parametrize("longest", [1024, 100])
def test_a_jpeg_that_ends_early_is_set_aside(mode: str, options: dict[str, object], longest: int) -> None:
    data = saved(photo().convert(mode), "JPEG", **options)
    assert decode(data, longest).shape[2] == 3
    start = data.index(b"\xff\xda") + 20
    for share in (0.02, 0.3) if "progressive" in options else (0.02, 0.5, 0.9):
        cut = data[: start + int(share * (len(data) - start))].rstrip(b"\xff")
        lost = len(data) - len(cut)
        for tail in (b"", END, bytes(lost), bytes(20 * lost)):
            assert reason(cut + tail, longest) == "truncated"
    assert reason(data[:-2]) == "truncated"


def test_a_jpeg_of_one_scan_is_set_aside_when_only_its_last_blocks_are_missing() -> None:
    data = saved(photo(), "JPEG", quality=95)
    assert reason(data[: len(data) - 200] + END) == "truncated"


def test_a_jpeg_cut_in_the_preview_inside_it_is_set_aside() -> None:
    preview = saved(photo(64), "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + preview
    data = saved(photo(), "JPEG", exif=exif)
    at = data.index(preview)
    assert reason(data[: at + len(preview) // 2]) == "truncated"
    assert reason(data[: at + len(preview)]) == "truncated"  # ends with the preview's own end marker
    assert reason(data[: at + len(preview) + 700]) == "truncated"


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_whole_jpeg_with_a_grey_ground_is_read(mode: str) -> None:
    """Its last block looks like one that is missing."""
    image = Image.new("RGB", (128, 128), (128, 128, 128))
    image.paste(photo(96), (16, 0))
    data = saved(image.convert(mode), "JPEG", quality=95)
    pixels = decode(data)
    assert (pixels[-1] == 128).all()
    for tail in (bytes(1000), b"text", saved(photo(64), "JPEG")):  # what some cameras and editors append
        assert np.array_equal(decode(data + tail), pixels)
    assert reason(data[: len(data) // 2] + END) == "truncated"


def test_a_jpeg_of_which_only_the_first_scan_is_left_is_set_aside() -> None:
    """It would be decoded as a few coarse blocks."""
    data = saved(photo(), "JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    assert reason(data[:second] + END) == "truncated"


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(rows: bytes, interlaced: bool = False, mode: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", 64, 64, 8, mode, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def rows_of(grey: NDArray[np.uint8]) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in grey)


def passes_of(grey: NDArray[np.uint8]) -> bytes:
    """In Adam7's seven passes: first row, first column, steps."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    return b"".join(rows_of(grey[row::down, column::across]) for row, column, down, across in passes)


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_pixels_end_early_in_a_whole_file_is_set_aside(interlaced: bool) -> None:
    rows = passes_of(GREY) if interlaced else rows_of(GREY)
    assert np.array_equal(decode(png(rows, interlaced))[:, :, 0], GREY)
    for n in (65, len(rows) // 2, len(rows) - 65):
        assert reason(png(rows[:n], interlaced)) == "truncated"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_whole_png_with_black_or_clear_rows_below_is_read(mode: str) -> None:
    image = Image.new(mode, (64, 64))
    image.paste(photo(64).convert(mode if mode != "I;16" else "L").crop((0, 0, 64, 32)), (0, 0))
    assert (decode(saved(image, "PNG"))[40:] == (128 if "A" in mode else decode(saved(image, "PNG"))[-1, -1])).all()


def test_an_uncompressed_tiff_without_its_last_strip_is_set_aside() -> None:
    """Two strips, then one, of 64 x 32 pixels each."""
    for n, expected in ((2, None), (1, "truncated")):
        at, sizes = struct.pack("<II", 8, 8 + 2048)[: 4 * n], struct.pack("<II", 2048, 2048)[: 4 * n]
        tags = [(256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (277, 1), (278, 32)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        pixels = GREY.tobytes() + at + sizes
        where = (8 + 4096, 8 + 4096 + 4 * n) if n > 1 else (8, 2048)
        entries += b"".join(
            struct.pack("<HHII", tag, 4, n, value) for tag, value in zip((273, 279), where, strict=True)
        )
        data = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", 9) + entries + bytes(4)
        if expected is None:
            assert np.array_equal(decode(data)[:, :, 0], GREY)
        else:
            assert reason(data) == expected


@pytest.mark.parametrize(("kind", "options"), [("WEBP", {}), ("WEBP", {"lossless": True}), ("AVIF", {})])
def test_a_file_filled_up_with_zeros_is_set_aside(kind: str, options: dict[str, object]) -> None:
    data = saved(photo(), kind, **options)
    half = len(data) // 2
    assert reason(data[:half] + bytes(len(data) - half)) == "truncated"
    black_below = photo()
    black_below.paste((0, 0, 0), (0, 128, 256, 256))
    assert decode(saved(black_below, kind, **options)).shape == (256, 256, 3)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_cut_tiff_is_set_aside(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(Image.fromarray(VALUES), "TIFF", compression=compression)
    for end in (len(data) // 2, len(data) * 9 // 10):
        assert reason(data[:end]) == "truncated"


def test_a_jpeg_inside_a_tiff_that_ends_early_is_set_aside() -> None:
    data = saved(Image.fromarray(GREY), "TIFF", compression="jpeg")
    with Image.open(io.BytesIO(data)) as image:
        (at,), (size,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    end = at + size
    assert reason(data[: end - 200] + bytes(200) + data[end:]) == "truncated"


def test_a_png_whose_pixels_do_not_fit_their_checksum_is_set_aside() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
        buffer, "PNG", compress_level=0
    )
    data = bytearray(buffer.getvalue())
    data[3000:3400] = bytes(400)  # stored without compression, so it inflates to other pixels
    assert reason(bytes(data)) == "damaged"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_jpeg_2000_that_ends_early_is_set_aside(kept: float) -> None:
    data = saved(photo(), "JPEG2000")
    decode(data)
    assert reason(data[: int(kept * len(data))]) == "truncated"
