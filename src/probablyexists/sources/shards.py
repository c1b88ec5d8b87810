"""WebDataset: a set in many tars. Files of one sample have the same name up to the first dot: 17.jpg, 17.json.

People are the folders inside the tars; without folders, the text under `person` or `identity` in a sample's .json.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.archives import stream_tar, tar_members
from probablyexists.sources.listing import Photo, no_images, persons_of
from probablyexists.sources.packed import refuse_twice, titles

_MOST_JSON = 1 << 20


class ShardsSource:
    """The images of several tars; a photo's path is its tar and its name in it."""

    def __init__(self, where: str | Path, shards: Sequence[Path], named: bool | None = None) -> None:
        self.name = clean(str(where))
        self._shards = tuple(shards)
        names = titles(self._shards)
        insides: list[str] = []
        places = array("q")  # a million tuples would fill the memory
        said: dict[str, str] = {}
        one_text: dict[str, str] = {}
        for number, shard in enumerate(self._shards):
            seen: dict[str, tuple[int, int]] = {}
            try:
                for inside, info, read in tar_members(shard, beside=".json"):
                    if inside.endswith(".json"):
                        person = _person(read()) if info.size <= _MOST_JSON else None
                        if person is not None:
                            said[f"{names[number]}/{_sample(inside)}"] = one_text.setdefault(person, person)
                    else:
                        seen[inside] = (-1, 0) if info.issparse() else (info.offset_data, info.size)
            except InputError as error:
                what = str(error).removeprefix(shown(shard))
                raise InputError(f"{shown(where)}: {shown(names[number])}{what}") from error
            insides += seen
            for place in seen.values():
                places.extend((number, *place))
        if not insides:
            raise no_images(shown(where))
        held = np.array(places, dtype=np.int64).reshape(-1, 3)
        paths = [f"{names[number]}/{inside}" for number, inside in zip(held[:, 0].tolist(), insides, strict=True)]
        persons = _persons(where, insides, paths, said, named)
        order = sorted(range(len(paths)), key=paths.__getitem__)
        self.photos = tuple(Photo(paths[i], persons[i]) for i in order)
        refuse_twice(self.photos, shown(where))
        self._places = held[order]
        """(n, 3) shard, offset, size; offset -1 for a sparse member."""

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order of the tars."""
        of_shard: dict[int, list[tuple[int, int, Photo]]] = {}
        for photo in wanted:
            shard, offset, size = map(int, self._places[bisect_left(self.photos, photo.path, key=lambda p: p.path)])
            of_shard.setdefault(shard, []).append((offset, size, photo))
        for shard, places in sorted(of_shard.items()):
            yield from stream_tar(self._shards[shard], places)


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
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.split('.', 1)[0]}" if folder else name.split(".", 1)[0]


def _person(data: bytes | None) -> str | None:
    try:
        given: Any = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    for key in ("person", "identity"):
        if isinstance(given, dict) and isinstance(given.get(key), str) and given[key].strip():
            return clean(given[key].strip())
    return None
