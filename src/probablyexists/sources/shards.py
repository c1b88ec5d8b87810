"""WebDataset: a set in many tars. Files of one sample have the same name up to the first dot: 17.jpg, 17.json.

People are the folders inside the tars; without folders, the text under `person` or `identity` in a sample's .json.
"""

from __future__ import annotations

import contextlib
import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.archives import stream_tar, tar_members
from probablyexists.sources.listing import Photo, no_images, persons_of
from probablyexists.sources.packed import Packed, titles


class ShardsSource(Packed):
    """The images of a tar, or of several: then a photo's path is its tar and its name in it.

    The tar may be compressed with gzip, bzip2 or xz, which leaves no random access: it is unpacked once to list it and
    once for each `stream`.
    """

    def __init__(self, where: str | Path, shards: Sequence[Path], named: bool | None = None) -> None:
        self._shards = tuple(shards)
        alone = self._shards == (Path(where),)
        insides: list[str] = []
        paths: list[str] = []
        places = array("q")  # a million tuples would fill the memory
        said: dict[str, str] = {}
        for number, (shard, title) in enumerate(zip(self._shards, titles(self._shards), strict=True)):
            front, name = ("", shown(where)) if alone else (f"{title}/", f"{shown(where)}: {shown(title)}")
            seen: dict[str, tuple[int, int]] = {}  # of members with the same name the last is used
            for inside, place, data in tar_members(shard, name, beside=None if alone else ".json"):
                if not inside.endswith(".json"):
                    seen[inside] = place
                elif (person := _person(data)) is not None:
                    said[front + _sample(inside)] = sys.intern(person)
            insides += seen
            paths += (front + inside for inside in seen)
            for place in seen.values():
                places.extend((number, *place))
        if not insides:
            raise no_images(shown(where))
        persons = _persons(where, insides, paths, said, named)
        super().__init__(where, paths, persons, np.array(places, dtype=np.int64).reshape(-1, 3))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order of the tars."""
        for shard, found in self._by_file(wanted):
            yield from stream_tar(self._shards[shard], found)


def _persons(
    where: str | Path, insides: list[str], paths: list[str], said: dict[str, str], named: bool | None
) -> list[str | None]:
    """The person of each photo: by folders inside, or, where some are in none, by .json. `said`: tar/sample ->
    person."""
    if named is False or not said:
        return persons_of(shown(where), insides, named, strip_top=True)
    with contextlib.suppress(InputError):  # some in folders and some not: .json may name them all
        by_folder = persons_of(shown(where), insides, None, strip_top=True)
        if None not in by_folder:
            return by_folder
    persons = [said.get(_sample(path)) for path in paths]
    n_nobody = persons.count(None)
    if n_nobody:
        raise InputError(
            f"{shown(where)}: {n_nobody:,} of {len(paths):,} images have no .json that names a person, such as "
            f"{shown(paths[persons.index(None)])}; name the person of every image, or of none"
        )
    return persons


def _sample(path: str) -> str:
    """The sample's name: up to the first dot of the last part."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


def _person(data: bytes | None) -> str | None:
    try:
        given: Any = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    for key in ("person", "identity"):
        if isinstance(given, dict) and isinstance(given.get(key), str) and given[key].strip():
            return clean(given[key].strip())
    return None
