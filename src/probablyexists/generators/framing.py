"""Messages between two processes: a header, in JSON, and bytes. Nothing is unpickled, whoever writes.

8 bytes: the header's length and the payload's, big-endian; then the header; then the payload.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import IO, Any

_LENGTHS = struct.Struct(">II")
MOST_HEADER = 2**20


def write_message(to: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Send a message."""
    text = json.dumps(header).encode()
    to.write(_LENGTHS.pack(len(text), len(payload)) + text)
    to.write(payload)
    to.flush()


def read_message(source: IO[bytes], most: Callable[[], int] = lambda: 0) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None at the end. ValueError for what is no message, and for a payload over `most()` bytes."""
    lengths = source.read(_LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        raise ValueError("the message is cut off")
    header_length, length = _LENGTHS.unpack(lengths)
    if header_length > MOST_HEADER or length > most():
        raise ValueError("the message is too large")
    header = json.loads(source.read(header_length))
    payload = source.read(length)
    if not isinstance(header, dict) or len(payload) < length:
        raise ValueError("the message is none")
    return header, payload
