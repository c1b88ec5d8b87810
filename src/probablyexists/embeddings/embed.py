"""A source of images -> its table of embeddings.

One thread reads and hashes the files and writes what is done; all others take a batch each from file to embedding, so
that no core waits for another and no more than a few batches are in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.basis.progress import Progress, Stage
from probablyexists.basis.room import room
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.embeddings.store import Row, Store
from probablyexists.faces.acquire import ACQUIRE_VERSION, NO_FACE, Face, FacesMode, acquire
from probablyexists.images.sources import Photo, Source

BATCH = 32
ROWS_A_PART = 1024
AHEAD = 2
"""Batches a thread that wait for it, at most."""

File = tuple[bytes, bytes]
"""SHA-256 and content."""


@dataclass(frozen=True)
class SetAside:
    """A photo that could not be used, and why."""

    photo: Photo
    reason: str


@dataclass(frozen=True)
class Embedded:
    """The acquired photos of one source, row for row, in the source's order."""

    photos: tuple[Photo, ...]
    sha256: tuple[bytes, ...]
    embeddings: NDArray[np.float32]
    """(n, dim), unit length."""
    pictures: NDArray[np.uint8]
    """(n, 2, 48, 48) grey: chip and frame."""
    n_faces: NDArray[np.int32]
    """(n,) faces the detector saw; 0 where it was not asked."""
    set_aside: tuple[SetAside, ...]
    n_computed: int
    """How many photos were embedded now; the others lay in the store."""

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def n_no_face(self) -> int:
        """Failures to acquire: images that decode but show no face to the detector."""
        return sum(a.reason == NO_FACE for a in self.set_aside)

    def take(self, rows: NDArray[np.intp] | list[int]) -> Embedded:
        """The same table with only these rows, in this order."""
        index = np.asarray(rows, dtype=np.intp)
        if np.array_equal(index, np.arange(len(self))):
            return self
        return Embedded(
            tuple(self.photos[i] for i in index),
            tuple(self.sha256[i] for i in index),
            _rows(self.embeddings, index),
            _rows(self.pictures, index),
            self.n_faces[index],
            self.set_aside,
            self.n_computed,
        )

    def of(self, photos: Sequence[Photo]) -> Embedded:
        """The same table with only these photos, in this order; those that it lacks are left out."""
        row_of = {photo: row for row, photo in enumerate(self.photos)}
        return self.take([row_of[photo] for photo in photos if photo in row_of])


def open_store(
    cache: Path, recogniser: Recogniser, mode: FacesMode, generator: Mapping[str, str | int] | None = None
) -> Store:
    """The store that holds what this recogniser makes of photos acquired in this mode.

    The samples of a `generator` get a store of their own: no other audit would find them again among its photos.
    """
    made_with: dict[str, str | int] = {"recogniser": recogniser.id, "faces": mode, "acquire": ACQUIRE_VERSION}
    return Store(cache, {**made_with, **(generator or {})}, recogniser.dim)


def embed(
    source: Source,
    recogniser: Recogniser,
    store: Store,
    mode: FacesMode,
    progress: Progress,
    title: str,
    threads: int | None = None,
) -> Embedded:
    """Embed every photo of `source` that the store does not hold, then read the whole table from the store.

    The table does not depend on batch size, number of threads, or how often the work was interrupted.
    """
    keys: dict[Photo, bytes] = {}
    unreadable: list[SetAside] = []
    n_computed = 0
    part: list[Row] = []
    with progress.stage(title, len(source.photos)) as bar:
        new = _new_files(source, store, keys, unreadable, bar)
        try:
            for rows in _in_threads(new, mode, recogniser, threads or os.cpu_count() or 1):
                bar.advance(len(rows))
                part += rows
                while len(part) >= ROWS_A_PART:
                    store.add(part[:ROWS_A_PART])
                    n_computed += ROWS_A_PART
                    part = part[ROWS_A_PART:]
        finally:  # stopped or not, what is done is kept
            store.add(part)
            n_computed += len(part)
    return _table(source, store, keys, unreadable, n_computed)


def _new_files(
    source: Source, store: Store, keys: dict[Photo, bytes], unreadable: list[SetAside], bar: Stage
) -> Iterator[File]:
    """Files that are not in the store yet. Fills `keys` (photo -> hash of its bytes) and `unreadable` on the way."""
    begun: set[bytes] = set()
    for photo, data in source.stream(source.photos):
        if isinstance(data, ImageError):
            unreadable.append(SetAside(photo, data.reason))
            bar.advance()
            continue
        key = hashlib.sha256(data).digest()
        keys[photo] = key
        if key in store or key in begun:
            bar.advance()
            continue
        begun.add(key)
        yield key, data


def _in_threads(files: Iterable[File], mode: FacesMode, recogniser: Recogniser, threads: int) -> Iterator[list[Row]]:
    """The files' rows, in their order, a batch at a time."""
    waiting: deque[Future[list[Row]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for batch in _in_batches(files):
            waiting.append(pool.submit(recognise, batch, mode, recogniser))
            while len(waiting) > AHEAD * threads or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _in_batches(files: Iterable[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    for file in files:
        batch.append(file)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def recognise(files: Sequence[File], mode: FacesMode, recogniser: Recogniser) -> list[Row]:
    """From files to rows of the store, in one thread."""
    found = [(key, acquire(data, mode, recogniser.side, recogniser.template)) for key, data in files]
    chips = [face.chip for _, face in found if isinstance(face, Face)]
    embeddings = iter(recogniser.embed(np.stack(chips)) if chips else ())
    return [
        Row(key, None, face.n_faces, next(embeddings), face.picture)
        if isinstance(face, Face)
        else Row(key, face.reason, 0, None, None)
        for key, face in found
    ]


def _table(
    source: Source, store: Store, keys: dict[Photo, bytes], unreadable: list[SetAside], n_computed: int
) -> Embedded:
    photos = [photo for photo in source.photos if photo in keys]
    held = store.read(dict.fromkeys(keys[photo] for photo in photos))
    rows = np.array([held.row_of[keys[photo]] for photo in photos], dtype=np.intp)
    good = [i for i, row in enumerate(rows) if held.reasons[row] is None]
    aside = unreadable + [
        SetAside(photo, reason)
        for photo, row in zip(photos, rows, strict=True)
        if (reason := held.reasons[row]) is not None
    ]
    kept = rows[good]
    return Embedded(
        tuple(photos[i] for i in good),
        tuple(keys[photos[i]] for i in good),
        _rows(held.embeddings, kept),
        _rows(held.pictures, kept),
        held.n_faces[kept],
        tuple(sorted(aside, key=lambda a: a.photo)),
        n_computed,
    )


def _rows(array: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    """`array[index]`, without a copy where that is all of it."""
    if np.array_equal(index, np.arange(len(array))):
        return array
    return np.take(array, index, axis=0, out=room((len(index), *array.shape[1:]), array.dtype))
