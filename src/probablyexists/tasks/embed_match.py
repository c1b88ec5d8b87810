"""For sets too large for an audit's memory: embed a set into Parquet, match one such table with another.

A table is a folder of Parquet files, on disk or at any fsspec address (`s3://bucket/faces`); its rows are in the order
of the file names. Files are written whole, one after the other. A stopped `match` continues after the existing files;
a stopped `embed` writes its files again.
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
from probablyexists.basis.text import shown
from probablyexists.embeddings.embed import Embedded
from probablyexists.embeddings.parquet_vectors import ParquetVectors, TableFolder, table_folder
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.choose import engine
from probablyexists.intake.embed_sources import embed_sources
from probablyexists.intake.feeding import fed
from probablyexists.intake.open_sources import open_images
from probablyexists.intake.settings import EmbedSettings, MatchSettings, checked
from probablyexists.matching.neighbours import Vectors

ROWS = 1 << 16
"""Rows in a file of embeddings."""
QUERIES = 1 << 20
"""Queries in a file of matches."""


def embed(
    images: str | Path,
    out: str | Path,
    *,
    faces: Literal["auto", "detect", "aligned"] = "auto",
    recogniser: str | Recogniser = "dlib",
    feed: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Embedded:
    """Embed a set of images and write `out`: path, person, sha256, n_faces and embedding of every photo with a face.

    `out`: a folder or an fsspec address. The other arguments are as for `audit`. Returns the table that was
    written, without pictures. Raises InputError, also if `out` is not empty.
    """
    given = {**locals(), "out": str(out)}
    return run_embed(checked(EmbedSettings, given), progress or Silent())


def run_embed(settings: EmbedSettings, progress: Progress) -> Embedded:
    """Run `embed` with checked settings."""
    folder = table_folder(settings.out)
    there = _unfinished(folder, settings)
    sources = open_images(settings, progress)
    cache = settings.resources.cache
    with engine(settings.resources, progress) as work:
        opened = open_recogniser(settings.recogniser, cache, settings.feed)
        (recogniser,), _ = fed(
            [opened], sources, settings.faces, cache=cache, seed=settings.seed, look=work.look, progress=progress
        )
        tables = embed_sources(sources, settings.faces, recogniser, cache, work.look, progress, pictures=False)
    table = tables["images"]
    about = {"recogniser": recogniser.id, "images": str(settings.images), "rows": str(len(table))}
    for name in there:
        folder.remove(name)
    for start in range(0, len(table), ROWS):
        rows = slice(start, start + ROWS)
        columns: Mapping[str, Any] = {
            "path": [photo.path for photo in table.photos[rows]],
            "person": [photo.person for photo in table.photos[rows]],
            "sha256": [key.hex() for key in table.sha256[rows]],
            "n_faces": table.n_faces[rows],
        }
        folder.write(f"part-{start:012d}.parquet", columns, about, embedding=table.embeddings[rows])
    return table


def _unfinished(folder: TableFolder, settings: EmbedSettings) -> list[str]:
    """The files that a stopped `embed` of the same images left. InputError if the folder holds anything else."""
    names = folder.names()
    ours = [name for name in names if name.startswith("part-") and name.endswith(".parquet")]
    place = option("out", settings.out)
    if any(name not in ours and not name.startswith(".part-") for name in names):
        raise InputError(f"{place}: holds other files; give another folder")
    said = [folder.about(name) for name in ours]
    if any(its.get("images") != str(settings.images) or "rows" not in its for its in said):
        raise InputError(f"{place}: holds embeddings of other images; give another folder")
    n = sum(folder.n_rows(name) for name in ours)
    if ours and n >= int(said[0]["rows"]):
        raise InputError(
            f"{place}: already holds all {n:,} embeddings of {shown(settings.images)}; give another folder, or delete "
            "it to embed again"
        )
    return names


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
    """The k nearest references of every query, exact: `similarity` (cosine) and `reference` (row; -1 for none).

    `queries`, `references`: Parquet files or folders of them with a column `embedding`, on disk or at an fsspec
    address. Written to `out` in files of a million queries; existing files are kept. Returns the number of queries
    matched in this call. Raises InputError.
    """
    given = {**locals(), "queries": str(queries), "references": str(references), "out": str(out)}
    return run_match(checked(MatchSettings, given), progress or Silent())


def run_match(settings: MatchSettings, progress: Progress) -> int:
    """Run `match` with checked settings."""
    asked, known = ParquetVectors(settings.queries), ParquetVectors(settings.references)
    made_by = {vectors.recogniser or f"a recogniser of {vectors.dim} numbers" for vectors in (asked, known)}
    if asked.dim != known.dim or (asked.recogniser and known.recogniser and len(made_by) > 1):
        raise InputError(
            f"queries and references are by {' and '.join(map(shown, sorted(made_by)))}; embed both with one recogniser"
        )
    about = {
        "queries": f"{settings.queries} ({len(asked)} rows)",
        "references": f"{settings.references} ({len(known)} rows)",
        "k": str(settings.k),
    }
    folder = table_folder(settings.out)
    there = [name for name in folder.names() if not name.startswith(".")]
    if any(not name.startswith("matches-") or folder.about(name) != about for name in there):
        raise InputError(f"{option('out', settings.out)}: holds other tables or other matches; give another folder")
    for name in there:
        folder.n_rows(name)  # an InputError if it is damaged
    made = 0
    with engine(settings.resources, progress) as work:
        for start in range(0, len(asked), QUERIES):
            name = f"matches-{start:012d}.parquet"
            if name in there:
                continue
            part = _Part(asked, start, min(start + QUERIES, len(asked)))
            found = work.matcher.nearest(part, known, settings.k)
            folder.write(name, {}, about, similarity=found.similarity, reference=found.index.astype(np.int64))
            made += len(found.index)
    return made


@dataclass(frozen=True)
class _Part:
    """A range of rows of vectors, as vectors of their own."""

    vectors: Vectors
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        first, last, _ = rows.indices(len(self))
        return self.vectors[self.start + first : self.start + last]
