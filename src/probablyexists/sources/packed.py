"""Sets stored in many large files: the files of a pattern or a folder."""

from __future__ import annotations

import glob
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Photo, is_candidate, is_hidden, named_like_an_image
from probablyexists.sources.tars import TAR_ENDINGS

_PART = re.compile(r"-(\d{1,9})-of-(\d{1,9})(?=[-.])")
_SPLIT = re.compile(r"(?:(.+)-\d+-of-\d+(?:-\w+)?|(train|test|validation|valid|val|dev))\.parquet")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
TABLES = (".parquet", ".arrow")
MOST_SHARDS = 100_000
LMDB = "data.mdb"
"""The file of an LMDB in its folder."""


def expanded(where: str | Path) -> list[Path]:
    """The files of a pattern such as `shards/*.tar` or `shards/{000..099}.tar`; empty if `where` is a path or no
    pattern.

    InputError if a file of a range is missing, or if the files are of several kinds.
    """
    text, name = str(where), shown(where)
    if os.path.lexists(text):
        return []
    found = _RANGE.search(text)
    if found is not None:
        first, last = int(found[1]), int(found[2])
        if not 0 <= last - first < MOST_SHARDS:
            raise InputError(f"{name}: a range of {last - first + 1:,} files; from 1 to {MOST_SHARDS:,} are read")
        width = len(found[1])
        files = [Path(f"{text[: found.start()]}{i:0{width}d}{text[found.end() :]}") for i in range(first, last + 1)]
        missing = next((file for file in files if not file.is_file()), None)
        if missing is not None:
            raise InputError(f"{name}: {shown(missing)} is missing; check the range")
    elif any(sign in text for sign in "*?["):
        files = sorted(Path(file) for file in glob.glob(text, recursive=True))
        if not files:
            raise InputError(f"{name}: no file is called so; check the pattern")
    else:
        return []
    return _of_one_kind(files, name)


def _of_one_kind(files: list[Path], name: str) -> list[Path]:
    kinds = {_kind(file) for file in files}
    other = next((file for file in files if not file.is_file()), None)  # opening a pipe could block for ever
    if other is not None and "" not in kinds:
        raise InputError(f"{name}: {shown(other)} is no file, or leads nowhere; remove it")
    if len(kinds) > 1 or "" in kinds:
        raise InputError(f"{name}: a pattern must match tars only, or Parquet files only; this one matches other files")
    return files


def _kind(file: Path) -> str:
    name = file.name.lower()
    if name.endswith(TAR_ENDINGS):
        return ".tar"
    return file.suffix.lower() if file.suffix.lower() in TABLES else ""


def packed(folder: Path, name: str) -> list[Path]:
    """The tars, Parquet or Arrow files of a folder, or its .rec, or LMDB; empty if it holds images or other folders.

    InputError for a folder of several splits, or of which a numbered file is missing (00001-of-00005).
    """
    found: list[Path] = []
    records: list[Path] = []
    others: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "dataset_dict.json":
                raise InputError(f"{name}: several splits, one folder each; give the folder of one of them")
            if entry.name == LMDB:
                return [Path(entry.path)]
            if is_hidden(entry.name):
                continue
            if os.path.isdir(entry.path):
                if entry.name != "data":
                    return []
                found += (file for file in Path(entry.path).glob("*.parquet") if not is_hidden(file.name))
            elif _kind(Path(entry.name)):
                found.append(Path(entry.path))
            elif entry.name.lower().endswith(".rec"):
                records.append(Path(entry.path))
            elif is_candidate(entry.name):
                others.append(entry.name)
    if others and not (records and not any(map(named_like_an_image, others))):  # InsightFace adds `property`, lfw.bin
        return []
    if records:
        return _only(records, name)
    arrow = [file for file in found if _kind(file) == ".arrow"]
    # `datasets` keeps computed results beside its data, as cache-....arrow
    found = sorted([file for file in arrow if not file.name.startswith("cache-")] or arrow or found)
    splits = {
        split[1] or split[2]: file.with_name(f"{split[1]}-*.parquet") if split[1] else file
        for file in found
        if (split := _SPLIT.fullmatch(file.name))
    }
    if len(splits) > 1:
        first = min(splits)
        names = ", ".join(map(shown, sorted(splits)))
        raise InputError(f"{name}: several splits ({names}); give one, such as {shown(splits[first])}")
    _refuse_missing(found, name)
    return _of_one_kind(found, name) if found else []


def _only(records: list[Path], name: str) -> list[Path]:
    if len(records) > 1:
        raise InputError(f"{name}: {len(records):,} .rec files; give one, such as {shown(min(records))}")
    return records


def _refuse_missing(files: list[Path], name: str) -> None:
    """InputError if a numbered file is missing: an unfinished download is not a smaller set."""
    there: dict[tuple[str, str], set[int]] = {}
    for file in files:
        part = _PART.search(file.name)
        if part is not None:
            there.setdefault((file.name[: part.start()], part[2]), set()).add(int(part[1]))
    for (front, total), numbers in there.items():
        if len(numbers) < int(total):
            raise InputError(
                f"{name}: {len(numbers):,} of {int(total):,} files called {shown(front)}-...-of-{total} are there; get "
                "the others, or give a pattern for those that are meant"
            )


def titles(files: Sequence[Path]) -> list[str]:
    """A short unique name for each file: without folders, or relative to the folder that holds all of them."""
    names = [clean(file.name) for file in files]
    if len(set(names)) == len(names):
        return names
    top = os.path.commonpath([os.path.abspath(file.parent) for file in files])
    return [clean(Path(os.path.relpath(file, top)).as_posix()) for file in files]


class Packed:
    """Photos in several files, sorted by path, and where each is."""

    def __init__(
        self, where: str | Path, paths: Sequence[str], persons: Sequence[str | None], places: NDArray[np.int64]
    ) -> None:
        """`places`: (n, k), the number of a photo's file, then what finds it in that file.

        Raises InputError if two photos have the same path.
        """
        self.name = clean(str(where))
        order = sorted(range(len(paths)), key=paths.__getitem__)
        self.photos = tuple(Photo(paths[i], persons[i]) for i in order)
        self._places = places[order]
        for one, other in pairwise(self.photos):
            if one.path == other.path:
                raise InputError(f"{shown(where)}: two images are called {shown(one.path)}; rename a file or folder")

    def _by_file(self, wanted: Iterable[Photo]) -> Iterator[tuple[int, list[tuple[list[int], Photo]]]]:
        """Each file with a wanted photo, and these photos, each with its place in the file; in ascending order."""
        of_file: dict[int, list[tuple[list[int], Photo]]] = {}
        for photo in wanted:
            file, *place = self._places[bisect_left(self.photos, photo.path, key=lambda p: p.path)].tolist()
            of_file.setdefault(file, []).append((place, photo))
        for file, photos in sorted(of_file.items()):
            yield file, sorted(photos)
