"""The store of embeddings on disk: Parquet, keyed by the content of the photo.

A photo is embedded once in its life. A key folder holds everything that was made the same way (recogniser,
alignment, versions); in it each part file is written whole or not at all, so that a killed run loses at most
the part it was working on (1,024 photos; none if it is asked to stop), and two runs may write at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.basis.memory import room
from probablyexists.faces.compiled import PICTURE_SIDE

_PART = re.compile(r"part-[0-9a-f]{64}\.parquet")


@dataclass(frozen=True)
class Row:
    """One photo in the store; `embedding` and `picture` are None where no face was acquired."""

    sha256: bytes
    reason: str | None
    """Why there is no embedding; None if there is one."""
    n_faces: int
    embedding: NDArray[np.float32] | None
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Rows:
    """Rows of the store as columns; zeros where no face was acquired."""

    row_of: dict[bytes, int]
    """Of each photo, by the hash of its content."""
    reasons: list[str | None]
    n_faces: NDArray[np.int32]
    embeddings: NDArray[np.float32]
    """(n, dim)"""
    pictures: NDArray[np.uint8]
    """(n, 2, 48, 48)"""


class Store:
    """All rows made in one way, on disk under `folder`."""

    def __init__(self, cache: Path, made_with: dict[str, str | int], dim: int) -> None:
        key = hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = cache / "embeddings" / key
        self.dim = dim
        if not self.folder.is_dir():
            with _writing(self.folder):
                write_text(self.folder / "made_with.json", json.dumps(made_with, indent=1, sort_keys=True) + "\n")
        self._known = self._read_keys()

    def __contains__(self, sha256: bytes) -> bool:
        return sha256 in self._known

    @property
    def known(self) -> frozenset[bytes]:
        """The hashes of all photos in it."""
        return frozenset(self._known)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows as one new part file. Its name is the hash of its content, so that damage is noticed."""
        import pyarrow.parquet as pq

        if not rows:
            return
        buffer = BytesIO()
        # Only reasons repeat; a dictionary of the other columns would be made in vain.
        pq.write_table(self._table(rows), buffer, compression="zstd", use_dictionary=["reason"])
        data = buffer.getvalue()
        path = self.folder / f"part-{hashlib.sha256(data).hexdigest()}.parquet"
        with _writing(self.folder), written_whole(path) as aside:
            aside.write_bytes(data)
        self._known.update(row.sha256 for row in rows)

    def read(self, wanted: Iterable[bytes]) -> Rows:
        """The rows of these photos, each once, by their hash; photos never embedded are absent."""
        row_of: dict[bytes, int] = {}
        for key in wanted:
            if key in self._known:
                row_of.setdefault(key, len(row_of))
        n = len(row_of)
        rows = Rows(
            row_of,
            [None] * n,
            np.zeros(n, np.int32),
            room((n, self.dim), np.float32),
            room((n, 2, PICTURE_SIDE, PICTURE_SIDE), np.uint8),
        )
        for part in self._parts():
            self._read_into(rows, _read_part(part))
        return rows

    def _read_into(self, rows: Rows, table: Any) -> None:
        """The rows of a part that are wanted, put where they belong."""
        places = [rows.row_of.get(key) for key in table["sha256"].to_pylist()]
        reasons, n_faces = table["reason"].to_pylist(), table["n_faces"].to_numpy()
        acquired = np.array([reason is None for reason in reasons], dtype=bool)
        at = np.cumsum(acquired) - 1
        vectors = _flat(table["embedding"]).reshape(-1, self.dim)
        pixels = _bytes(table["picture"]).reshape(-1, 2, PICTURE_SIDE, PICTURE_SIDE)
        here = np.array([i for i, place in enumerate(places) if place is not None], dtype=np.intp)
        there = np.array([place for place in places if place is not None], dtype=np.intp)
        rows.n_faces[there] = n_faces[here]
        for i, place in zip(here, there, strict=True):
            rows.reasons[place] = reasons[i]
        ours = acquired[here]
        rows.embeddings[there[ours]] = vectors[at[here[ours]]]
        rows.pictures[there[ours]] = pixels[at[here[ours]]]
        rows.embeddings[there[~ours]], rows.pictures[there[~ours]] = 0, 0

    def _parts(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if _PART.fullmatch(path.name))

    def _read_keys(self) -> set[bytes]:
        return {key for part in self._parts() for key in _read_part(part, ["sha256"])["sha256"].to_pylist()}

    def _table(self, rows: Sequence[Row]) -> Any:
        import pyarrow as pa

        vectors = pa.array([r.embedding for r in rows], pa.list_(pa.float32(), self.dim))
        pictures = [None if r.picture is None else r.picture.tobytes() for r in rows]
        return pa.table(
            {
                "sha256": pa.array([r.sha256 for r in rows], pa.binary(32)),
                "reason": pa.array([r.reason for r in rows], pa.string()),
                "n_faces": pa.array([r.n_faces for r in rows], pa.int32()),
                "embedding": vectors,
                "picture": pa.array(pictures, pa.binary(2 * PICTURE_SIDE * PICTURE_SIDE)),
            }
        )


def _flat(column: Any) -> NDArray[np.float32]:
    """The numbers of a column of lists, those of nulls left out."""
    return np.asarray(column.combine_chunks().flatten(), dtype=np.float32)


def _bytes(column: Any) -> NDArray[np.uint8]:
    """The bytes of a column of equally long binaries, those of nulls left out."""
    filled = column.combine_chunks().drop_null()
    width = filled.type.byte_width
    start = filled.offset * width
    return np.frombuffer(filled.buffers()[1], np.uint8)[start : start + len(filled) * width]


def _read_part(part: Path, columns: list[str] | None = None) -> Any:
    """A part file's table; InputError if it is not byte for byte what was written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = part.read_bytes()
    except OSError as error:
        raise InputError(f"{part}: the embeddings store cannot be read ({error.strerror or error})") from error
    # Checked before Arrow sees it: Arrow may hang on a damaged file.
    if part.name != f"part-{hashlib.sha256(data).hexdigest()}.parquet":
        raise InputError(
            f"{part}: a damaged part of the embeddings store; delete it, its photos will be embedded again"
        )
    return pq.ParquetFile(pa.BufferReader(data)).read(columns=columns)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: the embeddings store cannot be written ({error.strerror or error}); make room there, or name "
            "another folder in PROBABLYEXISTS_CACHE"
        ) from error
