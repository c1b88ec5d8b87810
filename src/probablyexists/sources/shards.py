"""WebDataset: a set in one or many tars. Files of one sample have the same name up to the first dot: 17.jpg, 17.json.

People are the folders inside the tars; without folders, what a sample's .json says under `person`, `identity` or
`label` (a text or a whole number), else its .cls.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import shown
from probablyexists.sources.listing import Aside, Left, Photo, no_images
from probablyexists.sources.packed import Packed, titles
from probablyexists.sources.persons import person_name, persons_of, spelled
from probablyexists.sources.tars import Listed, stream_tar

_SIDE = (".json", ".cls")
_LONGEST_CLS = 200


class ShardsSource(Packed):
    """The images of a tar, or of several: then a photo's path is its tar and its name in it.

    The tar may be compressed with gzip, bzip2 or xz, which leaves no random access: it is unpacked once to list it and
    once for each `stream`.
    """

    def __init__(self, where: str | Path, shards: Sequence[Path], named: bool | None = None) -> None:
        self._shards = tuple(shards)
        alone = self._shards == (Path(where),)
        insides: list[str] = []
        fronts: list[str] = []
        places = array("q")  # a million tuples would fill the memory
        said: dict[str, str] = {}
        aside = Aside()
        for number, (shard, title) in enumerate(zip(self._shards, titles(self._shards), strict=True)):
            front, name = ("", shown(where)) if alone else (f"{title}/", f"{shown(where)}: {shown(title)}")
            listed = Listed(shard, name, _SIDE, _person)
            aside.join(listed.aside)
            for ending in reversed(_SIDE):  # the first wins
                said |= {front + _sample(at): who for at, who in listed.beside.items() if at.endswith(ending)}
            insides += listed.images
            fronts += [front] * len(listed.images)
            for place in listed.images.values():
                places.extend((number, *place))
        left = aside.left()
        if not insides:
            raise no_images(shown(where), left)
        texts = spelled(insides)
        of_sample = [said.get(front + _sample(inside)) for front, inside in zip(fronts, insides, strict=True)]
        persons, by_side = _persons(where, texts, of_sample if said else None, named)
        self.left = Left(left.not_read) if by_side else left
        paths = [front + text for front, text in zip(fronts, texts, strict=True)]
        super().__init__(where, paths, persons, np.array(places, dtype=np.int64).reshape(-1, 3))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order of the tars."""
        for shard, found in self._by_file(wanted):
            yield from stream_tar(self._shards[shard], found)


def _persons(
    where: str | Path, insides: list[str], said: list[str | None] | None, named: bool | None
) -> tuple[list[str | None], bool]:
    """(The person of each photo, whether side files named them): by folders inside, or, where some are in none, by side
    files. `said`: what these say of each photo; None: nothing of any."""
    if named is False or said is None:
        return persons_of(shown(where), insides, named, strip_top=True), False
    with contextlib.suppress(InputError):  # some in folders and some not: side files may name them all
        by_folder = persons_of(shown(where), insides, None, strip_top=True)
        if None not in by_folder:
            return by_folder, False
    n_nobody = said.count(None)
    if n_nobody:
        raise InputError(
            f"{shown(where)}: {n_nobody:,} of {len(said):,} images have no .json or .cls that names a person, such "
            f"as {shown(insides[said.index(None)])}; name the person of every image, or of none"
        )
    return said, True


def _sample(path: str) -> str:
    """The sample's name: up to the first dot of the last part."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]


def _person(path: str, data: bytes) -> str | None:
    """The person that a .json or .cls names."""
    if path.endswith(".cls"):
        text = data.decode("utf-8", "replace").strip()
        return person_name(text) if len(data) <= _LONGEST_CLS and text.isprintable() else None
    try:
        given: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    return next((name for key in ("person", "identity", "label") if (name := person_name(given.get(key)))), None)
