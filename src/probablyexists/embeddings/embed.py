"""A source of images -> its table of embeddings. Decoding, detecting and aligning overlap with the recogniser."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.basis.progress import Progress, Stage
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.embeddings.store import Row, Store
from probablyexists.faces.acquire import ACQUIRE_VERSION, NO_FACE, PICTURE_SIDE, Face, FacesMode, acquire
from probablyexists.images.sources import Photo, Source

BATCH = 32
ROWS_A_PART = 256


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
        return Embedded(
            tuple(self.photos[i] for i in index),
            tuple(self.sha256[i] for i in index),
            self.embeddings[index],
            self.pictures[index],
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
    with progress.stage(title, len(source.photos)) as bar:
        for rows in _in_parts(_computed(source, recogniser, store, mode, keys, unreadable, bar, threads)):
            store.add(rows)
            n_computed += len(rows)
    return _table(source, store, keys, unreadable, n_computed)


def _in_parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) >= ROWS_A_PART:
            yield part
            part = []
    yield part


def _computed(
    source: Source,
    recogniser: Recogniser,
    store: Store,
    mode: FacesMode,
    keys: dict[Photo, bytes],
    unreadable: list[SetAside],
    bar: Stage,
    threads: int | None,
) -> Iterator[Row]:
    """Rows not in the store yet. Fills `keys` (photo -> hash of its bytes) and `unreadable` on the way."""
    waiting: deque[tuple[bytes, Future[Face | ImageError]]] = deque()
    batch: list[tuple[bytes, Face]] = []
    begun: set[bytes] = set()

    def collect(until: int) -> Iterator[Row]:
        while len(waiting) > until:
            key, future = waiting.popleft()
            face = future.result()
            if isinstance(face, ImageError):
                bar.advance()
                yield Row(key, face.reason, 0, None, None)
                continue
            batch.append((key, face))
            if len(batch) == BATCH:
                yield from _recognised(batch, recogniser)
                bar.advance(len(batch))
                batch.clear()

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
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
            waiting.append((key, pool.submit(acquire, data, mode, recogniser.side, recogniser.template)))
            yield from collect(until=4 * BATCH)
        yield from collect(until=0)
    if batch:
        yield from _recognised(batch, recogniser)
        bar.advance(len(batch))


def _recognised(batch: list[tuple[bytes, Face]], recogniser: Recogniser) -> Iterator[Row]:
    embeddings = recogniser.embed(np.stack([face.chip for _, face in batch]))
    for (key, face), embedding in zip(batch, embeddings, strict=True):
        yield Row(key, None, face.n_faces, embedding, face.picture)


def _table(
    source: Source, store: Store, keys: dict[Photo, bytes], unreadable: list[SetAside], n_computed: int
) -> Embedded:
    rows = store.read(keys.values())
    held = [(photo, rows[keys[photo]]) for photo in source.photos if photo in keys]
    good = [(p, r, r.embedding, r.picture) for p, r in held if r.embedding is not None and r.picture is not None]
    aside = unreadable + [SetAside(p, r.reason) for p, r in held if r.reason is not None]
    return Embedded(
        tuple(p for p, *_ in good),
        tuple(r.sha256 for _, r, *_ in good),
        np.array([e for _, _, e, _ in good], np.float32).reshape(len(good), store.dim),
        np.array([g for *_, g in good], np.uint8).reshape(len(good), 2, PICTURE_SIDE, PICTURE_SIDE),
        np.array([r.n_faces for _, r, *_ in good], np.int32),
        tuple(sorted(aside, key=lambda a: a.photo)),
        n_computed,
    )
