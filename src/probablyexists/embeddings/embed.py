"""A source of images -> its table of embeddings.

One thread reads and hashes files and writes results. Each other thread takes a batch from file to embedding, so that no
core waits for another and only a few batches are in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.own_code import called
from probablyexists.basis.progress import Progress
from probablyexists.embeddings.pictures import Pictures, of_rows, taken
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.embeddings.store import LostError, Row, Store
from probablyexists.faces.acquire import ACQUIRE_VERSION, NO_FACE, Face, acquire
from probablyexists.faces.placing import FacesMode
from probablyexists.images.opening import optional_kinds
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source

BATCH = 16
ROWS_A_PART = 1024
MOST_READ = 1024
"""A batch ends after this many photos even if it is not full because most are in the store."""
AHEAD = 2
"""Most batches that wait for each thread."""
TRIES = 3
"""How often photos are embedded again whose parts of the store are gone when the table is read."""

File = tuple[bytes, bytes]
"""SHA-256 and content of a file."""


@dataclass(frozen=True)
class SetAside:
    """A photo that could not be used, and why."""

    photo: Photo
    reason: str
    sha256: bytes | None = None
    """Of the file's content; None if it could not be read."""


@dataclass(frozen=True)
class Embedded:
    """The acquired photos of one source, one row each, in the source's order."""

    photos: tuple[Photo, ...]
    sha256: tuple[bytes, ...]
    embeddings: NDArray[np.float32]
    """(n, dim), unit length."""
    read_pictures: Pictures | NDArray[np.uint8] | None
    """(n, 2, 48, 48) grey: chip and frame; None if not read."""
    n_faces: NDArray[np.int32]
    """(n,) faces that the detector counted; 0 if the face is the frame's."""
    set_aside: tuple[SetAside, ...]
    n_computed: int
    """How many photos were embedded now; the others were in the store."""

    def __len__(self) -> int:
        return len(self.photos)

    def __repr__(self) -> str:
        n, dim = self.embeddings.shape
        return f"Embedded({n:,} photos, {dim} numbers each, {len(self.set_aside):,} set aside)"

    def label(self, row: int, salt: bytes, *, show_names: bool) -> str:
        """What a photo is called in results: its path, or a fingerprint of its content, made with `salt`."""
        if show_names:
            return self.photos[row].path
        return f"photo:{hashlib.sha256(salt + self.sha256[row]).hexdigest()[:16]}"

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """(n, 2, 48, 48) grey: chip and frame. ValueError if the table was read without them."""
        return self.each_picture.whole

    @property
    def each_picture(self) -> Pictures:
        """The same where all are never needed at once, as among many samples. ValueError as above."""
        if self.read_pictures is None:
            raise ValueError("this table was read without its pictures")
        return self.read_pictures if isinstance(self.read_pictures, Pictures) else of_rows(self.read_pictures)

    @property
    def n_no_face(self) -> int:
        """Failures to acquire: images that decode but in which no face is found."""
        return sum(a.reason == NO_FACE for a in self.set_aside)

    def take(self, rows: NDArray[np.intp] | list[int]) -> Embedded:
        """The same table with only these rows, in this order."""
        index = np.asarray(rows, dtype=np.intp)
        if np.array_equal(index, np.arange(len(self))):
            return self
        return Embedded(
            tuple(self.photos[i] for i in index),
            tuple(self.sha256[i] for i in index),
            taken(self.embeddings, index),
            None if self.read_pictures is None else self.each_picture.take(index),
            self.n_faces[index],
            self.set_aside,
            self.n_computed,
        )

    def of(self, photos: Sequence[Photo]) -> Embedded:
        """The same table with only these photos, in this order; photos not in the table are skipped."""
        row_of = {photo: row for row, photo in enumerate(self.photos)}
        return self.take([row_of[photo] for photo in photos if photo in row_of])


def open_store(
    cache: Path, recogniser: Recogniser, mode: FacesMode, generator: Mapping[str, str | int] | None = None
) -> Store:
    """The store for this recogniser's embeddings of photos acquired in this mode.

    A `generator` gets a store of its own for its samples, so that other audits need not read past them.
    """
    made_with: dict[str, str | int] = {"recogniser": recogniser.id, "faces": mode, "acquire": ACQUIRE_VERSION}
    made_with["reads"] = optional_kinds()  # reasons are stored too, and a photo that was not read may be read now
    return Store(cache, {**made_with, **(generator or {})}, recogniser.dim)


@dataclass(frozen=True)
class Looked:
    """Results for some photos of a source."""

    keys: tuple[tuple[Photo, bytes], ...]
    """Readable photos, with the SHA-256 of their content."""
    unreadable: tuple[SetAside, ...]
    rows: tuple[Row, ...]
    """Rows that were not in the store."""

    def __len__(self) -> int:
        return len(self.keys) + len(self.unreadable)


@dataclass(frozen=True)
class Some:
    """Some photos of a source, as a source."""

    source: Source
    photos: tuple[Photo, ...]

    @property
    def name(self) -> str:
        return self.source.name

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        return self.source.stream(wanted)


Look = Callable[[Source, Store, FacesMode, Recogniser], Iterable[Looked]]
"""Reads, acquires and embeds all photos of a source."""


def embed(
    source: Source,
    recogniser: Recogniser,
    store: Store,
    mode: FacesMode,
    progress: Progress,
    title: str,
    look: Look | None = None,
    *,
    pictures: bool = True,
) -> Embedded:
    """Embed every photo of `source` that is not in the store, then read the whole table from the store.

    The table does not depend on `look` (default: one thread for each core), on batch size, or on interruptions.
    `pictures`: read the small grey pictures too.
    """
    keys: dict[Photo, bytes] = {}
    unreadable: list[SetAside] = []
    n_computed = 0
    photos = source.photos
    for removed in store.removed:
        progress.say(removed)
    for _ in range(TRIES):
        part: list[Row] = []
        with progress.stage(title, len(photos)) as bar:
            try:
                for looked in (look or in_threads())(Some(source, photos), store, mode, recogniser):
                    keys.update(looked.keys)
                    unreadable += looked.unreadable
                    part += looked.rows
                    n_computed += len(looked.rows)
                    bar.advance(len(looked))
                    while len(part) >= ROWS_A_PART:
                        store.add(part[:ROWS_A_PART])
                        part = part[ROWS_A_PART:]
            finally:  # keep what is done, also when stopped
                store.add(part)
        try:
            return _table(source, store, keys, unreadable, n_computed, pictures)
        except LostError as lost:
            progress.say(lost.raw)
        photos = tuple(photo for photo in source.photos if photo in keys and keys[photo] not in store)
        for photo in photos:
            del keys[photo]
    raise InputError(f"{store.folder}: is damaged or deleted as fast as it is written; set another cache folder")


def in_threads(threads: int | None = None) -> Look:
    """One thread reads, `threads` others (None: one a core) embed; with `threads` 1 the calling thread does both."""
    n = threads or os.cpu_count() or 1

    def look(source: Source, store: Store, mode: FacesMode, recogniser: Recogniser) -> Iterator[Looked]:
        if n == 1:
            yield from look_at(source, source.photos, store.__contains__, mode, recogniser)
            return
        waiting: deque[tuple[Looked, Future[list[Row]]]] = deque()

        def finished() -> Looked:
            looked, rows = waiting.popleft()
            return replace(looked, rows=tuple(rows.result()))

        pool = ThreadPoolExecutor(n)
        try:
            for looked, files in _read(source, source.photos, store.__contains__):
                waiting.append((looked, pool.submit(recognise, files, mode, recogniser)))
                while len(waiting) > AHEAD * n or (waiting and waiting[0][1].done()):
                    yield finished()
            while waiting:
                yield finished()
        finally:
            pool.shutdown(cancel_futures=True)

    return look


def look_at(
    source: Source, photos: Sequence[Photo], known: Callable[[bytes], bool], mode: FacesMode, recogniser: Recogniser
) -> Iterator[Looked]:
    """Process some photos in this thread, batch by batch. `known`: whether a hash is in the store."""
    for looked, files in _read(source, photos, known):
        yield replace(looked, rows=tuple(recognise(files, mode, recogniser)))


def _read(
    source: Source, photos: Sequence[Photo], known: Callable[[bytes], bool]
) -> Iterator[tuple[Looked, list[File]]]:
    """Yield photos read and hashed, with a batch of the new files among them, each content once."""
    begun: set[bytes] = set()
    keys: list[tuple[Photo, bytes]] = []
    unreadable: list[SetAside] = []
    files: list[File] = []
    for photo, data in source.stream(photos):
        if isinstance(data, ImageError):
            unreadable.append(SetAside(photo, data.reason))
        else:
            key = hashlib.sha256(data).digest()
            keys.append((photo, key))
            if key not in begun and not known(key):
                begun.add(key)
                files.append((key, data))
        if len(files) == BATCH or len(keys) + len(unreadable) == MOST_READ:
            yield Looked(tuple(keys), tuple(unreadable), ()), files
            keys, unreadable, files = [], [], []
    yield Looked(tuple(keys), tuple(unreadable), ()), files


def recognise(files: Sequence[File], mode: FacesMode, recogniser: Recogniser) -> list[Row]:
    """Acquire and embed files, in one thread; one row of the store for each."""
    found = acquire([data for _, data in files], mode, recogniser.side, recogniser.template)
    chips = [face.chip for face in found if isinstance(face, Face)]
    embeddings = iter(embedded(np.stack(chips), recogniser) if chips else ())
    return [
        Row(key, None, face.n_faces, next(embeddings), face.picture)
        if isinstance(face, Face)
        else Row(key, face.reason, 0, None, None)
        for (key, _), face in zip(files, found, strict=True)
    ]


def embedded(chips: NDArray[np.uint8], recogniser: Recogniser) -> NDArray[np.float32]:
    """`recogniser.embed`; InputError if it fails, or gives anything but float32 vectors of unit length."""
    found: NDArray[Any] = called(f"recogniser {recogniser.id}: failed", lambda: np.asarray(recogniser.embed(chips)))
    good = found.shape == (len(chips), recogniser.dim) and found.dtype == np.float32
    if not good or not np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3):
        raise InputError(
            f"recogniser {recogniser.id}: gave {found.dtype} {found.shape} for {len(chips)} faces; it must give finite "
            f"float32 ({len(chips)}, {recogniser.dim}), each row of unit length"
        )
    return found


def _table(
    source: Source, store: Store, keys: dict[Photo, bytes], unreadable: list[SetAside], n_computed: int, pictures: bool
) -> Embedded:
    photos = [photo for photo in source.photos if photo in keys]
    theirs = [keys[photo] for photo in photos]
    held = store.read(theirs, pictures=pictures)
    rows = np.array([held.row_of[key] for key in theirs], dtype=np.intp)
    good = [i for i, row in enumerate(rows) if held.reasons[row] is None]
    aside = unreadable + [
        SetAside(photo, reason, key)
        for photo, key, row in zip(photos, theirs, rows, strict=True)
        if (reason := held.reasons[row]) is not None
    ]
    kept = rows[good]
    return Embedded(
        tuple(photos[i] for i in good),
        tuple(theirs[i] for i in good),
        taken(held.embeddings, kept),
        None if held.pictures is None else Pictures(held.pictures, kept),
        held.n_faces[kept],
        tuple(sorted(aside, key=lambda a: a.photo)),
        n_computed,
    )
