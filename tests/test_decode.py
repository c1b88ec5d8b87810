"""Untrusted bytes in, an upright 8-bit RGB picture out: every kind of file with pixels worked out by hand."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import threading
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

import heic_files
from probablyexists.basis.errors import ImageError
from probablyexists.images.decode import decode
from probablyexists.images.opening import optional_kinds

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(mode: str, colour: object, size: tuple[int, int] = (32, 24)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def reason(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert "\n" not in str(caught.value)
    return caught.value.reason


def all_are(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 0) -> bool:
    return bool((np.abs(pixels.astype(int) - colour) <= within).all())


# Kinds of files


@pytest.mark.parametrize(
    ("kind", "options", "within"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("PPM", {}, 0),
        ("GIF", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {}, 4),
        ("JPEG", {}, 2),
        ("JPEG", {"progressive": True}, 2),
        ("MPO", {}, 2),
        ("AVIF", {}, 4),
        ("JPEG2000", {"irreversible": False}, 0),
        ("JPEG2000", {"no_jp2": True}, 0),
    ],
)
def test_formats_on_the_list(kind: str, options: dict[str, object], within: int) -> None:
    pixels = decode(saved(plain("RGB", (200, 100, 50)), kind, **options))
    assert pixels.shape == (24, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.owndata
    assert pixels.flags.writeable
    assert all_are(pixels, (200, 100, 50), within)


@pytest.mark.parametrize("kind", ["TGA", "SGI", "PCX"])
def test_formats_off_the_list(kind: str) -> None:
    assert reason(saved(plain("RGB", RED), kind)) == "not an image"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (saved(plain("RGB", RED), "ICO"), "icon not read"),
        (saved(plain("RGB", RED), "EPS"), "PostScript not read"),
        (saved(plain("RGB", RED), "PDF"), "PDF not read"),
        (saved(plain("RGB", RED), "DDS"), "DDS not read"),
        (b"8BPS\0\1" + bytes(20), "Photoshop not read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG not read"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG not read"),
        (b"<?xml version='1.0'?>\n<people/>", "not an image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "JPEG XL not read"),
        (b"\xff\x0a" + bytes(20), "JPEG XL not read"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(20), "camera raw not read"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw not read"),
        (b"\0\0\0\x18ftypcrx " + bytes(20), "camera raw not read"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video not read"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video not read"),
        (b"RIFF\0\0\0\0AVI LIST", "video not read"),
    ],
)
def test_pictures_of_a_known_kind_are_set_aside_by_its_name(data: bytes, expected: str) -> None:
    with pytest.raises(ImageError, match=r"convert to JPEG|give still pictures|begins with") as caught:
        decode(data)
    assert caught.value.reason == expected


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: 8}], ids=["DNG", "NEF"])
def test_the_small_preview_in_a_camera_raw_file_is_not_taken_for_the_photo(tags: dict[int, object]) -> None:
    assert reason(saved(plain("RGB", RED, (160, 120)), "TIFF", tiffinfo=tags)) == "camera raw not read"


HEIC_HEADER = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100)


def test_a_photo_of_a_phone_names_its_format_and_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageError, match=r"run: pip install pi-heif; or convert to JPEG") as caught:
        decode(HEIC_HEADER)
    assert caught.value.reason == "HEIC not read"
    assert "HEIC" not in optional_kinds()


def test_heic_is_read_and_turned_upright_once() -> None:
    pytest.importorskip("pi_heif", reason="the extra heic")
    pixels = decode(heic_files.TURNED)
    assert pixels.shape == (64, 48, 3)
    assert all_are(pixels[4, -4], RED, 30)
    assert all_are(pixels[-4, 4], WHITE, 30)
    assert all_are(decode(heic_files.CLEAR), (128, 128, 128), 3)
    assert "HEIC" in optional_kinds()
    assert reason(HEIC_HEADER) == "damaged"


def test_a_large_jpeg_2000_is_decoded_at_a_fraction_of_its_size() -> None:
    data = saved(noise(10, 8).resize((1600, 1280)), "JPEG2000")
    whole, small = Image.fromarray(decode(data, longest=1600)), decode(data, longest=100)
    assert small.shape == (80, 100, 3)
    assert np.abs(small.astype(int) - np.asarray(whole.resize((100, 80)))).mean() < 8  # shifted by half a pixel


def test_lossless_pixels_come_out_as_they_are() -> None:
    image = noise(40, 30)
    assert np.array_equal(decode(saved(image, "PNG")), np.asarray(image))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_by_the_range_of_the_mode(kind: str) -> None:
    values = np.full((20, 20), 0x8000, dtype=np.uint16)
    values[0, :3] = 0, 0x00FF, 0xFFFF
    pixels = decode(saved(Image.fromarray(values), kind))
    assert pixels[0, :4].tolist() == [[0] * 3, [0] * 3, [255] * 3, [128] * 3]


def test_dark_16_bit_grey_stays_dark() -> None:
    values = np.full((20, 20), 0x0200, dtype=np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        assert all_are(decode(saved(Image.fromarray(values), kind)), (2, 2, 2))
    assert all_are(decode(b"P5 20 20 65535\n" + b"\x00\x80" * 400), (0, 0, 0))


def test_big_endian_16_bit_tiff() -> None:
    assert all_are(decode(saved(plain("I;16B", 0x8000), "TIFF")), (128, 128, 128))


@pytest.mark.parametrize(("value", "grey"), [(200, 200), (0x8000, 128), (0x4000_0000, 128), (-5, 0), (0, 0)])
def test_32_bit_grey_by_the_smallest_range_that_holds_it(value: int, grey: int) -> None:
    assert all_are(decode(saved(plain("I", value), "TIFF")), (grey, grey, grey))


@pytest.mark.parametrize(
    ("value", "grey"), [(0.5, 128), (1.0, 255), (100.0, 100), (32767.5, 128), (1e6, 255), (-0.5, 0)]
)
def test_float_grey_by_the_smallest_range_that_holds_it(value: float, grey: int) -> None:
    assert all_are(decode(saved(plain("F", value), "TIFF")), (grey, grey, grey))
    assert all_are(decode(saved(plain("F", value), "PPM")), (grey, grey, grey))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_float_that_is_not_finite_is_damage(value: float) -> None:
    assert reason(saved(plain("F", value), "TIFF")) == "damaged"


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *before: tuple[bytes, bytes]) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *before]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data


def test_16_bit_colour() -> None:
    row = b"\0" + struct.pack(">HHH", 0x8000, 0xFFFF, 0x0100) * 16
    assert all_are(decode(png(16, 16, 16, 2, row * 16)), (128, 255, 1))
    keyed = png(16, 16, 16, 2, row * 16, (b"tRNS", struct.pack(">HHH", 0x8000, 0xFFFF, 0x0101)))
    assert all_are(decode(keyed), (128, 255, 1))


def test_cmyk() -> None:
    cyan = plain("CMYK", (255, 0, 0, 0))
    assert all_are(decode(saved(cyan, "TIFF")), (0, 255, 255))
    assert all_are(decode(saved(cyan, "JPEG")), (0, 255, 255), 3)  # Pillow writes it inverted, as Adobe does
    assert all_are(decode(saved(plain("CMYK", (0, 0, 0, 255)), "JPEG")), (0, 0, 0), 3)


def test_ycbcr() -> None:
    grey = plain("YCbCr", (90, 128, 128))
    assert all_are(decode(saved(grey, "JPEG")), (90, 90, 90), 2)
    assert all_are(decode(saved(grey, "TIFF")), (90, 90, 90), 2)


def test_one_bit_and_grey() -> None:
    bits = plain("1", 0)
    bits.putpixel((3, 2), 1)
    for kind in ("PNG", "TIFF", "BMP", "PPM", "GIF"):
        pixels = decode(saved(bits, kind))
        assert pixels[2, 3].tolist() == [255] * 3
        assert pixels.sum() == 255 * 3
    assert all_are(decode(saved(plain("L", 77), "PNG")), (77, 77, 77))


def test_alpha_is_laid_over_mid_grey() -> None:
    half = decode(saved(plain("RGBA", (255, 0, 0, 128)), "PNG"))
    assert all_are(half, (192, 64, 64), 1)  # 255 * 128/255 + 128 * 127/255 = 191.7; 128 * 127/255 = 63.7
    assert all_are(decode(saved(plain("RGBA", (255, 0, 0, 0)), "PNG")), (128, 128, 128))
    assert all_are(decode(saved(plain("RGBA", (9, 8, 7, 255)), "PNG")), (9, 8, 7))
    assert all_are(decode(saved(plain("LA", (200, 0)), "PNG")), (128, 128, 128))
    assert all_are(decode(saved(plain("RGBA", (255, 0, 0, 0)), "WEBP", lossless=True)), (128, 128, 128))
    assert all_are(decode(saved(plain("RGBA", (255, 0, 0, 0)), "TIFF")), (128, 128, 128))


def test_palette() -> None:
    image = plain("P", 1)
    image.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 2)
    pixels = decode(saved(image, "PNG"))
    assert pixels[0, 0].tolist() == [40, 50, 60]
    assert pixels[5, 5].tolist() == [10, 20, 30]
    for kind in ("PNG", "GIF"):
        pixels = decode(saved(image, kind, transparency=1))
        assert pixels[0, 0].tolist() == [40, 50, 60]
        assert pixels[5, 5].tolist() == [128, 128, 128]
    pixels = decode(saved(image, "PNG", transparency=bytes([255, 0, 255])))
    assert pixels[0, 0].tolist() == [40, 50, 60]
    assert pixels[5, 5].tolist() == [128, 128, 128]


def test_colour_key() -> None:
    image = plain("RGB", RED)
    image.putpixel((0, 0), BLUE)
    pixels = decode(saved(image, "PNG", transparency=RED))
    assert pixels[0, 0].tolist() == list(BLUE)
    assert pixels[5, 5].tolist() == [128, 128, 128]
    assert all_are(decode(saved(plain("L", 7), "PNG", transparency=7)), (128, 128, 128))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_frame(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    frames = [plain("RGB", GREEN), plain("RGB", BLUE)]
    data = saved(plain("RGB", RED), kind, save_all=True, append_images=frames, **options)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    assert all_are(decode(data), RED)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)
def test_exif_orientation_moves_the_marked_corner(orientation: int, corner: tuple[int, int]) -> None:
    image = plain("RGB", WHITE)
    image.paste(RED, (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        pixels = decode(saved(image, kind, exif=exif))
        assert pixels.shape == ((32, 24, 3) if orientation >= 5 else (24, 32, 3))
        row, column = corner
        assert all_are(pixels[row, column], RED, 30), kind
        assert all_are(pixels[-1 - row, -1 - column], WHITE, 30), kind


def test_orientation_is_applied_after_reduction_too() -> None:
    image = plain("RGB", WHITE, (400, 200))
    image.paste(RED, (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(saved(image, "JPEG", exif=exif), longest=100)
    assert pixels.shape == (100, 50, 3)
    assert all_are(pixels[5, -5], RED, 30)


def test_broken_exif_keeps_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    good = saved(plain("RGB", RED), "JPEG", exif=exif, dpi=(72, 72))
    at = good.index(b"Exif\0\0")
    for start in range(at + 6, at + 24):
        bad = good[:start] + b"\xff" * 4 + good[start + 4 :]
        assert all_are(decode(bad), RED, 3)


# Size


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("size", "expected"), [((3000, 1500), (500, 1000)), ((1500, 3000), (1000, 500))])
def test_large_images_are_reduced_to_the_longest_side(
    kind: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert decode(saved(plain("RGB", (10, 200, 90), size), kind), longest=1000).shape == (*expected, 3)


def test_reduction_averages_rather_than_picks() -> None:
    stripes = np.zeros((64, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = decode(saved(Image.fromarray(stripes), "PNG"), longest=50)
    assert all_are(pixels[:, 2:-2], (127, 127, 127), 6)


def test_alpha_is_composited_before_reduction() -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    image[:, :] = 255, 0, 0, 0  # red that nobody sees must not bleed
    image[:, 32:] = 0, 0, 255, 255
    pixels = decode(saved(Image.fromarray(image), "PNG"), longest=32)
    assert all_are(pixels[:, :8], (128, 128, 128))
    assert pixels[:, :, 0].max() <= 150  # grey with Lanczos' overshoot, not red


def test_an_image_of_just_the_longest_side_is_untouched() -> None:
    image = noise(64, 32)
    assert np.array_equal(decode(saved(image, "PNG"), longest=64), np.asarray(image))


def test_too_small() -> None:
    assert reason(saved(plain("RGB", RED, (15, 100)), "PNG")) == "too small"
    assert reason(saved(plain("RGB", RED, (1, 1)), "GIF")) == "too small"
    assert decode(saved(plain("RGB", RED, (16, 16)), "PNG")).shape == (16, 16, 3)


def test_absurd_aspect() -> None:
    assert reason(saved(plain("RGB", RED, (16, 1025)), "PNG")) == "too large"
    assert decode(saved(plain("RGB", RED, (16, 1024)), "PNG")).shape == (1024, 16, 3)


def test_longest_must_leave_room_for_an_image() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        decode(saved(plain("RGB", RED), "PNG"), longest=8)


# Bombs: the header alone decides


def forged(kind: str) -> bytes:
    """A small file whose header claims 50,000 x 50,000 pixels (WebP and GIF: the most they can claim)."""
    n = 50_000
    if kind == "PNG":
        return png(n, n, 8, 2, b"")
    if kind == "BMP":
        data = bytearray(saved(plain("RGB", RED), "BMP"))
        data[18:26] = struct.pack("<ii", n, n)
    elif kind == "GIF":
        data = bytearray(saved(plain("RGB", RED), "GIF"))
        data[6:10] = b"\xff\xff\xff\xff"
    elif kind == "JPEG":
        data = bytearray(saved(plain("RGB", RED), "JPEG"))
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", n, n)
    elif kind == "TIFF":
        data = bytearray(saved(plain("RGB", RED), "TIFF"))
        for tag, old in ((256, 32), (257, 24)):
            for field, form in ((4, "<HHII"), (3, "<HHIHH")):
                entry = struct.pack(form, *((tag, field, 1, old) if field == 4 else (tag, field, 1, old, 0)))
                data = data.replace(entry, struct.pack("<HHII", tag, 4, 1, n))
    elif kind == "PPM":
        data = bytearray(f"P6 {n} {n} 255\n".encode())
    elif kind == "VP8X":
        data = bytearray(saved(plain("RGBA", (1, 2, 3, 4)), "WEBP"))
        assert data[12:16] == b"VP8X"
        data[24:30] = (16383).to_bytes(3, "little") * 2
    elif kind == "VP8L":
        data = bytearray(saved(plain("RGB", RED), "WEBP", lossless=True))
        data[21:25] = struct.pack("<I", 16383 | 16383 << 14)
    else:
        data = bytearray(saved(plain("RGB", RED), "WEBP"))
        data[26:30] = struct.pack("<HH", 16383, 16383)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG", "TIFF", "PPM", "VP8X", "VP8L", "VP8"])
def test_bombs_are_refused_by_their_header(kind: str) -> None:
    data = forged(kind)
    decode(saved(plain("RGB", RED), "PNG"))  # Pillow's plugins loaded
    tracemalloc.start()
    assert reason(data) == "too large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_real_image_just_over_the_limit_is_refused_and_warns_nobody() -> None:
    assert reason(png(8001, 8000, 1, 0, b"")) == "too large"  # 64,008,000
    assert reason(png(9500, 9500, 1, 0, b"")) == "too large"  # 90 megapixels: Pillow would warn
    assert reason(png(8000, 8000, 1, 0, b"")) == "truncated"


def test_png_text_bomb() -> None:
    text = b"Comment\0\0" + zlib.compress(b"a" * 10**8, 9)
    row = b"\0" + b"\x80" * 16
    data = png(16, 16, 8, 0, row * 16, (b"zTXt", text))
    assert reason(data) == "damaged"


# Damage


def test_empty_and_foreign() -> None:
    assert reason(b"") == "empty file"
    for data in (
        b"hello",
        b"\0" * 100,
        b"BMW makes cars\n" * 9,
        b"P5 is a name, no image",
        b"RIFFabcdWAVE",
    ):
        assert reason(data) == "not an image"


def test_a_picture_that_ends_early_is_truncated_though_another_library_asked_pillow_to_fill_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """WeasyPrint does so when it is imported."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for kind in ("JPEG", "PNG", "GIF", "WebP"):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        with pytest.raises(ImageError) as refused:
            decode(saved(noise, kind)[:-900])
        assert refused.value.reason == "truncated"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000"])
def test_truncated(kind: str) -> None:
    data = saved(noise(64, 48), kind)
    assert reason(data[: len(data) // 2]) in ("truncated", "damaged")
    if kind not in ("BMP", "TIFF"):
        assert reason(data[: len(data) // 2]) == "truncated"
    for end in (*range(1, 40), len(data) - 40):
        assert reason(data[:end]) in ("truncated", "damaged", "not an image")


def test_damaged_in_the_middle() -> None:
    data = bytearray(saved(noise(64, 48), "PNG"))
    data[60:90] = b"\xaa" * 30
    assert reason(bytes(data)) == "damaged"


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM", "AVIF", "JPEG2000"]
)  # libtiff would print on stderr
def test_mutated_files_raise_nothing_else(kind: str) -> None:
    good = saved(noise(40, 30), kind)
    draw = np.random.default_rng(zlib.crc32(kind.encode()))
    n_decoded = 0
    for _ in range(150):
        bad = bytearray(good)
        for at in draw.integers(0, min(len(bad), 400), size=draw.integers(1, 4)):
            bad[at] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.integers(256)])
        with contextlib.suppress(ImageError):
            pixels = decode(bytes(bad), longest=64)
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert max(pixels.shape) <= 64
            n_decoded += 1
    assert n_decoded > 0 or kind == "PNG"  # whose every chunk has a checksum


def test_no_warning_leaks_and_the_filters_stay_as_they_were() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    good = saved(plain("RGB", RED), "TIFF", exif=exif)
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for start in range(4, len(good) - 2, 7):
            with contextlib.suppress(ImageError):
                decode(good[:start] + b"\xff\xff" + good[start + 2 :])
    assert not caught
    assert list(warnings.filters) == before


def test_threads_agree_with_one_thread() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    files = [saved(noise(200 + n, 160), "JPEG", exif=exif) for n in range(4)]
    files += [forged("PNG"), saved(noise(60, 60), "WEBP"), saved(noise(60, 50), "TIFF", compression="tiff_lzw")]

    def outcome(data: bytes) -> str:
        try:
            return str(zlib.crc32(decode(data, longest=100).tobytes()))
        except ImageError as error:
            return str(error)

    alone = [outcome(data) for data in files]
    before = list(warnings.filters)
    together: list[list[str]] = [[] for _ in range(4)]

    def work(mine: list[str]) -> None:
        for _ in range(5):
            mine[:] = [outcome(data) for data in files]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 4
    assert list(warnings.filters) == before


def test_no_global_of_pillow_is_changed() -> None:
    from PIL import ImageFile

    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    decode(saved(plain("RGB", RED), "PNG"))
    assert reason(forged("PNG")) == "too large"
    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert before == after
