"""Samples in an .npz, as diffusion toolkits write them: `arr_0`, uint8, (samples, height, width, 3).

Nothing is unpickled. Rows are read one by one, so that the array is never in memory.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, one_line, shown
from probablyexists.sources.archives import (
    DAMAGE,
    damaged,
    most_unpacked,
    refuse_many_members,
    too_much,
)
from probablyexists.sources.listing import Left, Photo, unreadable
from probablyexists.sources.manifest import unused_columns

MOST_SAMPLES = 2_000_000
_MOST_ARRAYS = 100
_SIDES = (16, 8192)
_CHANNELS = {1: b"P5", 3: b"P6"}
"""Grey or RGB -> the sign of a Netpbm file, which is a header and then the pixels as they are."""


class ArraySource:
    """The rows of one uint8 array in an .npz, as images without people."""

    def __init__(self, where: str | Path, path: Path, named: bool | None = None) -> None:
        self.name = clean(str(where))
        self._path = path
        name = shown(where)
        try:
            refuse_many_members(self._path, name)
            with zipfile.ZipFile(self._path) as archive:
                members = archive.infolist()[:_MOST_ARRAYS]
                found = [info for info in members if _is_samples(archive, info)]
                others = [info.filename for info in members if info not in found]
                if len(found) != 1:
                    holds = ", ".join(shown(other) for other in others[:6]) or "nothing else"
                    raise InputError(
                        f"{name}: needs one array of images, has {len(found)}; beside it: {holds}; save the images "
                        "as one array of uint8, samples x height x width x 3"
                    )
                self._member = found[0].filename
                if found[0].compress_type != zipfile.ZIP_STORED and found[0].file_size > most_unpacked(self._path):
                    raise too_much(name, most_unpacked(self._path))
                with archive.open(found[0]) as file:
                    self._shape = _shape(file)
                    while file.read(2**22):  # to its end, where its checksum is looked at
                        pass
        except DAMAGE as error:
            raise damaged(name, error) from error
        if self._shape[0] > MOST_SAMPLES:
            raise InputError(f"{name}: {self._shape[0]:,} samples, over {MOST_SAMPLES:,}; split the file")
        if named:
            raise InputError(f"{name}: an array of images names no people; give one folder a person, or a manifest")
        self.photos = tuple(Photo(f"row-{row:09d}", None) for row in range(self._shape[0]))
        self.left = Left(names=unused_columns(other.removesuffix(".npy") for other in others))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """Each wanted photo as a Netpbm file, in ascending order."""
        _, height, width, channels = self._shape
        size = height * width * channels
        front = b"%s\n%d %d\n255\n" % (_CHANNELS[channels], width, height)
        left = iter(photos := sorted(wanted))
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(self._member) as file:
                if _shape(file) != self._shape:
                    raise ValueError("another array than before")
                start = file.tell()
                for photo in photos:
                    file.seek(start + int(photo.path.removeprefix("row-")) * size)
                    data = file.read(size)
                    next(left)
                    yield photo, front + data if len(data) == size else ImageError("unreadable", "ends early")
        except (*DAMAGE, KeyError) as error:
            yield from ((photo, unreadable(error)) for photo in left)


def _is_samples(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a member is a uint8 array of images that is as long as its header says."""
    is_read = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 1  # encrypted
    if not (is_read and info.filename.endswith(".npy")):
        return False
    with archive.open(info) as file:
        shape = _shape(file)
        return bool(shape) and info.file_size == file.tell() + math.prod(shape)


def _shape(file: IO[bytes]) -> tuple[int, ...]:
    """(samples, height, width, channels) of the array that begins here; empty if it is no array of images."""
    version = npy.read_magic(file)
    read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, kind = read(file)
    except Exception as error:  # the header is a text that numpy parses as Python
        raise ValueError(f"a header that is no array's ({one_line(error)})") from None
    low, high = _SIDES
    good = (
        kind == np.uint8
        and not fortran
        and len(shape) == 4
        and shape[0] > 0
        and low <= min(shape[1:3])
        and max(shape[1:3]) <= high
        and shape[3] in _CHANNELS
    )
    return tuple(int(side) for side in shape) if good else ()
