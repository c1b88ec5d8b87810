"""MXNet's RecordIO, as InsightFace packs its face sets (.rec): JPEGs in place, the label of each is its person.

A record is a magic number, a word of 3 bits of kind and 29 bits of length, and the content, padded to 4 bytes. The
content begins with four numbers: a flag, a label, an id and a second id (IRHeader); a flag of n > 0 means that n labels
follow instead. Records that hold labels and no image are ranges of other records, and are passed over. The .idx beside
it is not needed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import shown
from probablyexists.sources.listing import MAX_BYTES, Photo, no_images, unreadable
from probablyexists.sources.packed import Packed
from probablyexists.sources.persons import person_name

_MAGIC = struct.pack("<I", 0xCED7230A)
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
"""Kinds of record: content that holds the magic number is cut there into several."""
_HEADER = struct.Struct("<IfQQ")
_MOST_LABELS = 1024
MOST_RECORDS = 10_000_000


class RecordsSource(Packed):
    """The images of a .rec; their labels are people."""

    def __init__(self, where: str | Path, file: Path, named: bool | None = None) -> None:
        self._file = file
        persons: list[str | None] = []
        places = array("q")
        try:
            with file.open("rb") as opened:
                for start, stop, label in _records(opened, file.stat().st_size):
                    places.extend((0, start, stop))
                    persons.append(None if named is False else person_name(label))
                    if len(persons) > MOST_RECORDS:
                        raise InputError(f"{shown(where)}: over {MOST_RECORDS:,} records; split the file")
        except (ValueError, struct.error) as error:
            raise InputError(
                f"{shown(where)}: the record file is damaged or incomplete ({error}); download or write it again"
            ) from None
        if not persons:
            raise no_images(shown(where))
        nobody = persons.count(None)
        if named is not False and nobody:
            raise InputError(
                f"{shown(where)}: {nobody:,} of {len(persons):,} records have no whole number as label; "
                "write a person's number in every record"
            )
        paths = [f"record-{row:09d}.jpg" for row in range(len(persons))]
        super().__init__(where, paths, persons, np.array(places, dtype=np.int64).reshape(-1, 3))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the file's order."""
        for _, found in self._by_file(wanted):
            left = iter(found)
            try:
                with self._file.open("rb") as opened:
                    for (start, stop), photo in found:
                        next(left)
                        yield photo, _image(opened, start, stop)
            except OSError as error:
                yield from ((photo, unreadable(error)) for _, photo in left)


def _records(file: IO[bytes], size: int) -> Iterator[tuple[int, int, float | None]]:
    """(start, stop, label) of each record with an image; ValueError for damage."""
    at = 0
    while at < size:
        start = at
        file.seek(at)
        kind, at = _part(file, at, size)
        if kind not in (_WHOLE, _FIRST):
            raise ValueError(f"a part without a beginning at byte {start:,}")
        flag, label, *_ = _HEADER.unpack(file.read(_HEADER.size))
        n_image = at - start - 8 - _HEADER.size - 4 * flag
        if flag:
            if flag > _MOST_LABELS:
                raise ValueError(f"{flag:,} labels at byte {start:,}")
            label = struct.unpack("<f", file.read(4))[0]
        while kind in (_FIRST, _MIDDLE):
            file.seek(at)
            kind, at = _part(file, at, size)
            if kind not in (_MIDDLE, _LAST):
                raise ValueError(f"a part is missing at byte {at:,}")
        if n_image > 3 or not flag:  # what is shorter is padding
            yield start, at, label


def _part(file: IO[bytes], at: int, size: int) -> tuple[int, int]:
    """(kind, where the next part begins) of the part at the file's position `at`."""
    front = file.read(8)
    if len(front) < 8 or front[:4] != _MAGIC:
        raise ValueError(f"no record at byte {at:,}")
    word = int.from_bytes(front[4:], "little")
    length = word & (2**29 - 1)
    after = at + 8 + (length + 3) // 4 * 4
    if after > size:
        raise ValueError("it ends early")
    return word >> 29, after


def _image(file: IO[bytes], start: int, stop: int) -> bytes | ImageError:
    if stop - start > MAX_BYTES:
        return ImageError("too large", f"a record over {MAX_BYTES // 2**20} MiB")
    file.seek(start)
    data, at, content = file.read(stop - start), 0, bytearray()
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little") & (2**29 - 1)
        content += (_MAGIC if at else b"") + data[at + 8 : at + 8 + length]
        at += 8 + (length + 3) // 4 * 4
    if at != len(data) or len(content) < _HEADER.size:
        return ImageError("unreadable", "the record ends early")
    flag = int.from_bytes(content[:4], "little")
    return bytes(content[_HEADER.size + 4 * flag :])
