"""Images in the values of an LMDB, as LSUN and the StyleGAN2 of many repositories keep them; the key is the name.

Read by our own code, because LMDB's library maps the file into memory, and a damaged one ends the program. A file has
pages of one size. Two first pages, of which the newer counts, name the root of a tree; its leaves hold keys, and values
or the first of the pages that a longer value fills. (`mdb.c` of LMDB 0.9: MDB_meta, MDB_page, MDB_node.)
"""

from __future__ import annotations

import os
import re
import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import MAX_BYTES, Left, NotRead, Photo, count, no_images, unreadable
from probablyexists.sources.packed import Packed
from probablyexists.sources.persons import persons_of

_META = struct.Struct("<II8xQ I HHQQQQQ I HHQQQQQ QQ")
_MAGIC, _VERSION = 0xBEEFC0DE, (1, 999)
"""Version 999 is written by builds of the library's development branch."""
_HEADER, _NODE = 16, struct.Struct("<HHHH")
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_LONG, _OTHER_TREE, _SEVERAL = 0x01, 0x02, 0x04
"""Flags of a node: its value is on pages of its own; it is another tree; it is several values."""
_SIZES = (512, 65536)
_DEEPEST = 32
MOST_VALUES = 10_000_000
_MOST_BYTES = 2**50
_SMALL = 100
"""Bytes of a value that is too short for an image."""
_ABOUT = (b"length", b"__len__", b"__keys__", b"num-samples")
"""Keys of the number of images and the like, which are none."""
_SIZED = re.compile(r"(\d{2,4})-\d+")
"""Keys of a set that holds each image in several sizes: 256-00017."""


class _Damaged(Exception):
    """The file is not as LMDB writes it; what is wrong."""


class _Value(NamedTuple):
    key: bytes
    at: int
    size: int


class LmdbSource(Packed):
    """The values of an LMDB that may be images. Of a set with each image in several sizes, the largest."""

    def __init__(self, where: str | Path, file: Path, named: bool | None = None) -> None:
        self._file = file
        paths: list[str] = []
        places = array("q")
        small: list[str] = []
        size = plain_size(file, _MOST_BYTES)
        try:
            with file.open("rb") as opened:
                for value in _values(opened.fileno(), size):
                    if value.size < _SMALL:
                        small += [_name(value.key)] if value.key not in _ABOUT else []
                        continue
                    paths.append(_name(value.key))
                    places.extend((0, value.at, value.size))
                    if len(paths) > MOST_VALUES:
                        raise InputError(f"{shown(where)}: over {MOST_VALUES:,} values; split the set")
        except (_Damaged, struct.error) as error:
            raise InputError(
                f"{shown(where)}: the LMDB is damaged or incomplete ({error}); download or write it again"
            ) from None
        if not paths:
            raise no_images(shown(where))
        kept, smaller = _largest(paths)
        held = np.array(places, dtype=np.int64).reshape(-1, 3)[kept]
        images = [paths[i] for i in kept]
        super().__init__(where, images, persons_of(shown(where), images, named, strip_top=True), held)
        not_read = []
        if small:
            what = count(len(small), "value is", "values are")
            not_read.append(NotRead(f"{what} too short for an image", small[0], "write images under these keys"))
        if smaller:
            what = count(len(smaller), "smaller form is", "smaller forms are")
            not_read.append(NotRead(f"{what} not read", smaller[0], "the largest form of each image is"))
        self.left = Left(tuple(not_read))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the file's order."""
        for _, found in self._by_file(wanted):
            left = iter(found)
            try:
                with self._file.open("rb") as opened:
                    for (at, size), photo in found:
                        next(left)
                        yield photo, _bytes(opened.fileno(), at, size)
            except OSError as error:
                yield from ((photo, unreadable(error)) for _, photo in left)


def _bytes(file: int, at: int, size: int) -> bytes | ImageError:
    if size > MAX_BYTES:
        return ImageError("too large", f"a value over {MAX_BYTES // 2**20} MiB")
    data = os.pread(file, size, at)
    return data if len(data) == size else ImageError("unreadable", "the file ends early")


def _name(key: bytes) -> str:
    return clean(key.rstrip(b"\0").decode(errors="surrogateescape")) or "unnamed"


def _largest(paths: list[str]) -> tuple[list[int], list[str]]:
    """The places of the images to read, and the names of those that are smaller forms of others."""
    sizes = [_SIZED.fullmatch(path) for path in paths]
    if not all(sizes):
        return list(range(len(paths))), []
    numbers = [int(size[1]) for size in sizes if size]
    largest = max(numbers)
    kept = [i for i, number in enumerate(numbers) if number == largest]
    return kept, [path for path, number in zip(paths, numbers, strict=True) if number < largest]


def _values(file: int, file_size: int) -> Iterator[_Value]:
    """The values of the main tree, each page looked at once. _Damaged."""
    size, root, depth = _root(file, file_size)
    if root == 2**64 - 1:
        return
    seen: set[int] = set()
    waiting = [(root, 1)]
    while waiting:
        number, level = waiting.pop()
        if number in seen or level > min(depth, _DEEPEST):
            raise _Damaged("a tree that is none")
        seen.add(number)
        page = _page(file, number, size, file_size)
        (flags,) = struct.unpack_from("<H", page, 10)
        nodes = _nodes(page)
        if flags & _BRANCH and not flags & _LEAF:
            below = [low | high << 16 | more << 32 for low, high, more, _, _ in nodes]
            waiting += ((child, level + 1) for child in reversed(below))
        elif flags & _LEAF:
            for low, high, kind, n_key, at in nodes:
                if kind & (_OTHER_TREE | _SEVERAL):
                    raise _Damaged("several trees, or several values of one key, which are not read")
                yield _value(file, page, (number, size, file_size), (low | high << 16, kind, n_key, at))
        else:
            raise _Damaged(f"page {number:,} is neither a branch nor a leaf")


def _root(file: int, file_size: int) -> tuple[int, int, int]:
    """(bytes of a page, number of the root's page, depth of the tree), from the newer of the first two pages."""
    first = _meta(os.pread(file, _META.size, _HEADER))
    page_size = first[3]
    if not _SIZES[0] <= page_size <= _SIZES[1] or page_size & (page_size - 1):
        raise _Damaged(f"pages of {page_size:,} bytes")
    second = _meta(os.pread(file, _META.size, page_size + _HEADER))
    newer = max(first, second, key=lambda meta: meta[-1])
    *_, flags, depth, _, _, _, _, root, last_page, _ = newer
    if flags & 0x04:
        raise _Damaged("several values of one key, which are not read")
    if (last_page + 1) * page_size > file_size:
        raise _Damaged("it ends early")
    return page_size, root, depth


def _meta(data: bytes) -> tuple[int, ...]:
    if len(data) < _META.size:
        raise _Damaged("it ends early")
    meta = _META.unpack(data)
    if meta[0] != _MAGIC or meta[1] not in _VERSION:
        raise _Damaged("its first pages are not an LMDB's")
    return meta


def _page(file: int, number: int, size: int, file_size: int) -> bytes:
    if not 2 <= number < file_size // size:
        raise _Damaged(f"a page numbered {number:,}")
    page = os.pread(file, size, number * size)
    if len(page) < size or struct.unpack_from("<Q", page)[0] != number:
        raise _Damaged(f"page {number:,} is another")
    return page


def _nodes(page: bytes) -> list[tuple[int, int, int, int, int]]:
    """(low, high, flags, bytes of the key, where the key begins) of each node."""
    (lower,) = struct.unpack_from("<H", page, 12)
    if not _HEADER <= lower <= len(page):
        raise _Damaged("a page with too many nodes")
    places = struct.unpack_from(f"<{(lower - _HEADER) // 2}H", page, _HEADER)
    return [(*_NODE.unpack_from(page, place), place + _NODE.size) for place in places]


def _value(file: int, page: bytes, of_page: tuple[int, int, int], node: tuple[int, int, int, int]) -> _Value:
    number, size, file_size = of_page
    n_value, kind, n_key, at = node
    key, inside = page[at : at + n_key], at + n_key
    if not kind & _LONG:
        if len(key) < n_key or inside + n_value > size:
            raise _Damaged("a value outside its page")
        return _Value(key, number * size + inside, n_value)
    (other,) = struct.unpack_from("<Q", page, inside)
    front = _page(file, other, size, file_size)
    flags, n_pages = struct.unpack_from("<HI", front, 10)
    if not flags & _OVERFLOW or n_pages * size < _HEADER + n_value or (other + n_pages) * size > file_size:
        raise _Damaged("a long value that is not there")
    return _Value(key, other * size + _HEADER, n_value)
