"""WebDataset: many tars that are one set. Files of one sample have one name up to its first dot: 17.jpg, 17.json.

People are the folders inside the tars; where there are none, the text under `person` or `identity` in a sample's .json.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.images.archives import stream_tar, tar_members
from probablyexists.images.listing import Photo, clean, no_images, persons_of, shown

_MOST_JSON = 1 << 20


class ShardsSource:
    """The images of several tars, each photo called by its tar and its name in it."""

    def __init__(self, where: str | Path, shards: Sequence[Path], named: bool | None = None) -> None:
        self.name = clean(str(where))
        self._shards = tuple(shards)
        titles = _titles(self._shards)
        paths: list[str] = []
        places: list[tuple[int, int, int]] = []
        said: dict[str, str] = {}
        for number, shard in enumerate(self._shards):
            seen: dict[str, tuple[int, int]] = {}
            for inside, info, read in tar_members(shard, beside=".json"):
                if inside.endswith(".json"):
                    person = _person(read()) if info.size <= _MOST_JSON else None
                    if person is not None:
                        said[f"{titles[number]}/{_sample(inside)}"] = person
                else:
                    seen[inside] = (-1, 0) if info.issparse() else (info.offset_data, info.size)
            paths += (f"{titles[number]}/{inside}" for inside in seen)
            places += ((number, *place) for place in seen.values())
        if not paths:
            raise no_images(shown(where))
        persons = self._persons(where, paths, said, named)
        order = sorted(range(len(paths)), key=paths.__getitem__)
        self.photos = tuple(Photo(paths[i], persons[i]) for i in order)
        self._places = np.array([places[i] for i in order], dtype=np.int64)
        """(n, 3) shard, offset, size; offset -1 for a sparse member."""

    def _persons(
        self, where: str | Path, paths: list[str], said: dict[str, str], named: bool | None
    ) -> list[str | None]:
        if said and named is not False:
            persons = [said.get(_sample(path)) for path in paths]
            n_nobody = persons.count(None)
            if n_nobody:
                raise InputError(
                    f"{shown(where)}: {n_nobody:,} of {len(paths):,} images have no .json that names a person, such as "
                    f"{shown(paths[persons.index(None)])}; name the person of every image, or of none"
                )
            return persons
        return persons_of(shown(where), paths, named, strip_top=True, skip=1)

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order of the tars."""
        of_shard: dict[int, list[tuple[int, int, Photo]]] = {}
        for photo in wanted:
            shard, offset, size = map(int, self._places[bisect_left(self.photos, photo.path, key=lambda p: p.path)])
            of_shard.setdefault(shard, []).append((offset, size, photo))
        for shard, places in sorted(of_shard.items()):
            yield from stream_tar(self._shards[shard], places)


def _titles(shards: Sequence[Path]) -> list[str]:
    """The names of the tars, which need not be in one folder."""
    names = [clean(shard.name) for shard in shards]
    return names if len(set(names)) == len(names) else [clean(str(shard)).lstrip("/") for shard in shards]


def _sample(path: str) -> str:
    """The sample's name: up to the first dot of the last part."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.split('.', 1)[0]}" if folder else name.split(".", 1)[0]


def _person(data: bytes | None) -> str | None:
    try:
        given: Any = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    for key in ("person", "identity"):
        if isinstance(given, dict) and isinstance(given.get(key), str) and given[key]:
            return clean(given[key])
    return None
