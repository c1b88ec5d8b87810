"""More than an audit holds in memory: embed a set into Parquet, match one such table with another.

A table is a folder of Parquet files, on a disk or at any address of fsspec (`s3://bucket/faces`), whose rows lie in the
order of their names. Files are written whole, one after the other; a command that was stopped goes on behind those that
are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.progress import Progress, Silent
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.parquet_vectors import ParquetVectors, table_folder
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import decide, embed_sources
from probablyexists.intake.open_sources import open_images
from probablyexists.intake.settings import EmbedSettings, MatchSettings, checked
from probablyexists.matching.neighbours import Vectors

ROWS = 1 << 16
"""Rows of a file of embeddings."""
QUERIES = 1 << 20
"""Queries of a file of matches."""


def embed(
    images: str | Path,
    out: str | Path,
    *,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    seed: int = 0,
    threads: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Embedded:
    """Embed a set of images and write `out`: path, person, sha256, n_faces and embedding of every photo with a face.

    `out`: a folder, or an address of fsspec. The other arguments are as for `audit`; `seed` draws the images on which
    `faces="auto"` decides. Returns the table that was written, without pictures. Raises InputError, one line, also
    where `out` holds something already.
    """
    given = locals()
    return run_embed(checked(EmbedSettings, given), progress or Silent())


def run_embed(settings: EmbedSettings, progress: Progress) -> Embedded:
    """Embedding itself."""
    folder = table_folder(settings.out)
    if folder.names():
        raise InputError(f"{option('out', settings.out)}: is not empty; give another folder")
    sources = open_images(settings)
    cache = settings.resources.cache
    recogniser = open_recogniser(settings.recogniser, cache)
    with engine(settings.resources, progress) as work:
        decisions = decide(sources, settings, progress)
        tables = embed_sources(sources, decisions, recogniser, cache, work.look, progress, pictures=False)
    table = tables["images"]
    for start in range(0, len(table), ROWS):
        rows = slice(start, start + ROWS)
        columns: Mapping[str, Any] = {
            "path": [photo.path for photo in table.photos[rows]],
            "person": [photo.person for photo in table.photos[rows]],
            "sha256": [key.hex() for key in table.sha256[rows]],
            "n_faces": table.n_faces[rows],
        }
        folder.write(f"part-{start:012d}.parquet", columns, embedding=table.embeddings[rows])
    return table


def match(
    queries: str | Path,
    references: str | Path,
    out: str | Path,
    *,
    k: int = 1,
    threads: int | None = None,
    memory: float = 2.0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    progress: Progress | None = None,
) -> int:
    """For every row of one table its k nearest of the other, exact: `similarity` and `reference` (row; -1 for none).

    `queries`, `references`: Parquet files or folders of them with a column `embedding`, on disk or at an address of
    fsspec. Written to `out` in files of a million queries; those that are there are not made again. Returns how many
    queries were matched now. Raises InputError, one line.
    """
    given = locals()
    return run_match(checked(MatchSettings, given), progress or Silent())


def run_match(settings: MatchSettings, progress: Progress) -> int:
    """Matching itself."""
    asked, known = ParquetVectors(settings.queries), ParquetVectors(settings.references)
    if asked.dim != known.dim:
        raise InputError(
            f"{settings.queries} has embeddings of {asked.dim} numbers, {settings.references} of {known.dim}; use one "
            "recogniser"
        )
    folder = table_folder(settings.out)
    there = set(folder.names())
    made = 0
    with engine(settings.resources, progress) as work:
        for start in range(0, len(asked), QUERIES):
            name = f"matches-{start:012d}.parquet"
            if name in there:
                continue
            part = _Part(asked, start, min(start + QUERIES, len(asked)))
            found = work.matcher.nearest(part, known, settings.k)
            folder.write(name, {}, similarity=found.similarity, reference=found.index.astype(np.int64))
            made += len(found.index)
    return made


@dataclass(frozen=True)
class _Part:
    """Some rows of vectors, as if they were all."""

    vectors: Vectors
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        first, last, _ = rows.indices(len(self))
        return self.vectors[self.start + first : self.start + last]
