"""How large the compressed parts of an Arrow file become: pyarrow unpacks each whole, and does not say its size before.

A message is a flatbuffer; https://arrow.apache.org/docs/format/Columnar.html gives its fields and those of a record
batch. Each compressed buffer begins with its size, or with -1 if it is stored as it is.
"""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

_HEADER, _BUFFERS, _COMPRESSION, _DICTIONARY_DATA = 2, 2, 3, 1
"""Numbers of fields in a message, a record batch and a dictionary batch."""


_FILE_MARK = b"ARROW1\0\0"


def at_stream(source: Any) -> Any:
    """An open file at the beginning of its stream: Arrow's file format is a stream between two marks."""
    source.seek(0)
    if source.read(len(_FILE_MARK)) != _FILE_MARK:
        source.seek(0)
    return source


def unpacked_size(source: Any) -> int:
    """Bytes of the largest compressed part of an Arrow file, unpacked; 0 if none is compressed.

    Reads no part whole. Raises ArrowException for damage.
    """
    largest = 0
    for message in pa.ipc.MessageReader.open_stream(at_stream(source)):
        if message.type in ("record batch", "dictionary"):
            try:
                largest = max(largest, _of_batch(memoryview(message.metadata), message.body, message.type))
            except struct.error:
                raise pa.ArrowInvalid("a message that points outside itself") from None
    return largest


def _of_batch(fields: memoryview, body: Any, kind: str) -> int:
    batch = _table(fields, _field(fields, _table(fields, 0), _HEADER))
    if kind == "dictionary":
        batch = _table(fields, _field(fields, batch, _DICTIONARY_DATA))
    if body is None or not _field(fields, batch, _COMPRESSION):
        return 0
    buffers = _table(fields, _field(fields, batch, _BUFFERS))
    data, total = memoryview(body), 0
    for number in range(*_unpacked("<I", fields, buffers)):
        offset, size = _unpacked("<qq", fields, buffers + 4 + 16 * number)
        if size >= 8 and offset >= 0:
            total += max(_unpacked("<q", data, offset)[0], 0)
    return total


def _field(fields: memoryview, table: int, number: int) -> int:
    """The place of a table's field; 0 if it is absent."""
    places = table - _unpacked("<i", fields, table)[0]
    at = 4 + 2 * number
    if at >= _unpacked("<H", fields, places)[0]:
        return 0
    offset = int(_unpacked("<H", fields, places + at)[0])
    return table + offset if offset else 0


def _table(fields: memoryview, at: int) -> int:
    """The place of the table or vector that the reference at `at` leads to."""
    return at + int(_unpacked("<I", fields, at)[0])


def _unpacked(form: str, data: memoryview, at: int) -> tuple[int, ...]:
    if at < 0:
        raise struct.error
    return struct.unpack_from(form, data, at)
