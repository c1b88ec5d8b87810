"""The boxes that AVIF, HEIC and JP2 files consist of (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MOST = 1000


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes, at most 1,000: (type, where its content begins, where it should end)."""
    at = 0
    for _ in range(_MOST):
        if at + 8 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        end = at + size if size else len(data)
        if end < content:
            return
        yield name, content, end
        at = end
