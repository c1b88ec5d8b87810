"""What Pillow does not say of a JPEG: how many scans it has, and whether one of them is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probablyexists.basis.errors import ImageError

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

_START, _END = b"\xff\xda", b"\xff\xd9"
_MOST_SCANS = 32
"""libjpeg writes 10, others fewer than 20."""
_MOST_BYTES = 16 * 2**20
"""In several scans: 64 megapixels at a quality of 90 need about 15 MiB."""
_COEFFICIENTS = 64
_MOST_SEGMENTS = 3000
_TAIL = 4096
"""Bytes at a file's end in which the end marker nearly always is."""


def check_scans(image: JpegImageFile, data: bytes, at: int) -> None:
    """Check a JPEG whose first scan's header ends at `at`.

    ImageError "too large" if it has too many scans or too much in them; "truncated" if its end marker is missing, or if
    the scans leave a coefficient of a component unsent, or its last bits.
    """
    scan = data.rfind(_START, 0, at)
    if data.rfind(_END, max(at, len(data) - _TAIL)) < 0 and data.find(_END, at) < 0:
        raise ImageError("truncated", "JPEG without an end")  # filled up with zeros, libjpeg would decode them
    if "progressive" not in image.info and data[scan + 4] == image.layers:
        return  # all in one scan
    end = end_of_scans(data, at)
    if end - scan > _MOST_BYTES:
        raise ImageError("too large", f"JPEG with over {_MOST_BYTES // 2**20} MiB in several scans")
    unsent_bits = {component: [16] * _COEFFICIENTS for component, *_ in image.layer}
    n_scans = 0
    while scan >= 0:
        n_scans += 1
        if n_scans > _MOST_SCANS:
            raise ImageError("too large", f"JPEG with over {_MOST_SCANS} scans")
        n = data[scan + 4]
        if scan + 8 + 2 * n > end:
            break
        first, last, approximation = data[scan + 5 + 2 * n : scan + 8 + 2 * n]
        for component in data[scan + 5 : scan + 5 + 2 * n : 2]:
            unsent = unsent_bits.get(component, [])
            for coefficient in range(first, min(last + 1, len(unsent))):
                unsent[coefficient] = approximation & 15
        scan = data.find(_START, scan + 2, end)
    if any(map(any, unsent_bits.values())):
        raise ImageError("truncated", f"JPEG: not all of the picture is in its {n_scans} scans")


def end_of_scans(data: bytes, at: int) -> int:
    """Where the end marker is of the picture whose first scan's header ends at `at`."""
    return data.find(_END, at)


def header_is_cut(data: bytes) -> bool:
    """Whether a JPEG ends before its first scan; a preview in its header may have an end marker of its own."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > len(data):
            return True
        if data[at] != 0xFF or data[at + 1] == _START[1]:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
