"""More than an audit holds in memory: embed a set into Parquet, match one such table with another.

A table is a folder of Parquet files, on a disk or at any address of fsspec (`s3://bucket/faces`), whose rows lie in the
order of their names. Files are written whole, one after the other; a command that was stopped goes on behind those that
are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.parquet_vectors import ParquetVectors, table_folder
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import acquire, decide
from probablyexists.intake.settings import Common, checked
from probablyexists.matching.neighbours import Vectors, nearest
from probablyexists.sources.open_source import Source, open_source

ROWS = 1 << 16
"""Rows of a file of embeddings."""
QUERIES = 1 << 20
"""Queries of a file of matches."""


def embed_into(images: str | Path, out: str, *, progress: Progress | None = None, **settings: Any) -> Embedded:
    """Embed a set of images and write `out`: path, person, sha256, n_faces and embedding of every photo with a face.

    `settings`: those of `intake.settings.Common`. Raises InputError, also where `out` holds something already.
    """
    its = checked(Common, {"generated": images, **settings})
    says = progress or Silent()
    folder = table_folder(out)
    if folder.names():
        raise InputError(f"--out {out}: is not empty; give another folder")
    try:
        sources: dict[Role, Source] = {"generated": open_source(str(images), role="generated")}
    except InputError as error:
        raise InputError(f"SOURCE {error}") from None
    recogniser = open_recogniser(its.recogniser, its.cache)
    with engine(its, says) as work:
        table = acquire(sources, decide(sources, its, says), recogniser, its, says, work.look)["generated"]
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


def match_into(
    queries: str,
    references: str,
    out: str,
    *,
    k: int = 1,
    progress: Progress | None = None,
    **settings: Any,
) -> int:
    """For every row of one table its k nearest of the other, exact: `similarity` and `reference` (row; -1 for none).

    Written to `out` in files of a million queries; those that are there are not made again. How many were made now.
    """
    if k < 1:
        raise InputError(f"-k {k}: at least 1")
    its = checked(Common, {"generated": ".", **settings})
    asked, known = ParquetVectors(queries), ParquetVectors(references)
    if asked.dim != known.dim:
        raise InputError(
            f"{queries} has embeddings of {asked.dim} numbers, {references} of {known.dim}; use one recogniser"
        )
    folder = table_folder(out)
    there = set(folder.names())
    made = 0
    with engine(its, progress or Silent()):
        for start in range(0, len(asked), QUERIES):
            name = f"matches-{start:012d}.parquet"
            if name in there:
                continue
            found = nearest(_Part(asked, start, min(start + QUERIES, len(asked))), known, k)
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
