"""The store of embeddings on disk: Parquet, keyed by the content of the photo.

A photo is embedded once in its life. A key folder holds everything that was made the same way (recogniser,
alignment, versions); in it each part file is written whole or not at all, so that a killed run loses at most
the batch it was working on, and two runs may write at once.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.faces.acquire import PICTURE_SIDE


@contextmanager
def _reading(part: Path) -> Iterator[None]:
    """Whatever is wrong with a part file becomes one line that names it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, KeyError, pa.ArrowException) as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(
            f"{part}: a damaged part of the embeddings store ({said}); delete it, its photos will be embedded again"
        ) from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: the embeddings store cannot be written ({error.strerror or error}); make room there, or name "
            "another folder in PROBABLYEXISTS_CACHE"
        ) from error


@dataclass(frozen=True)
class Row:
    """One photo in the store; `embedding` and `picture` are None where no face was acquired."""

    sha256: bytes
    reason: str | None
    """Why there is no embedding; None if there is one."""
    n_faces: int
    embedding: NDArray[np.float32] | None
    picture: NDArray[np.uint8] | None


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

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows as one new part file."""
        import pyarrow.parquet as pq

        if not rows:
            return
        part = self.folder / f"part-{uuid.uuid4().hex}.parquet"
        with _writing(self.folder), written_whole(part) as aside:
            pq.write_table(self._table(rows), aside, compression="zstd", write_page_checksum=True)
        self._known.update(row.sha256 for row in rows)

    def read(self, wanted: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of these photos, by their hash; photos never embedded are absent."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        keys = pa.array(sorted(set(wanted)), pa.binary(32))
        rows: dict[bytes, Row] = {}
        for part in self._parts():
            with _reading(part):
                table = pq.read_table(part, filters=pc.is_in(pc.field("sha256"), keys), page_checksum_verification=True)
                rows.update((row.sha256, row) for row in self._rows(table))
        return rows

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _read_keys(self) -> set[bytes]:
        import pyarrow.parquet as pq

        keys: set[bytes] = set()
        for part in self._parts():
            with _reading(part):
                table = pq.read_table(part, columns=["sha256"], page_checksum_verification=True)
                keys.update(table["sha256"].to_pylist())
        return keys

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
                "picture": pa.array(pictures, pa.binary(PICTURE_SIDE * PICTURE_SIDE)),
            }
        )

    def _rows(self, table: Any) -> Iterable[Row]:
        reasons = table["reason"].to_pylist()
        flat = table["embedding"].combine_chunks()
        vectors = np.asarray(flat.flatten(), dtype=np.float32).reshape(-1, self.dim)
        at = np.cumsum([r is None for r in reasons]) - 1
        columns = (table["sha256"].to_pylist(), table["n_faces"].to_pylist(), table["picture"].to_pylist())
        for i, (key, n_faces, picture) in enumerate(zip(*columns, strict=True)):
            if reasons[i] is None:
                pixels = np.frombuffer(picture, np.uint8).reshape(PICTURE_SIDE, PICTURE_SIDE)
                yield Row(key, None, n_faces, vectors[at[i]], pixels)
            else:
                yield Row(key, reasons[i], n_faces, None, None)
