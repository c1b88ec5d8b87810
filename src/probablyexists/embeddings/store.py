"""The store of embeddings on disk: Parquet, keyed by the content of the photo.

A photo is embedded only once. A key folder holds everything made in the same way (recogniser, alignment, versions).
Each part file in it is written whole or not at all, so that a killed run loses at most the part it was working on
(1,024 photos; none if it is interrupted), and two runs may write at once. A part that is damaged or belongs elsewhere
is removed, and its photos are embedded again. Only the owner can read the store: it identifies people.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.cache_folder import cache_folder, write_cached
from probablyexists.basis.errors import InputError, WriteError
from probablyexists.basis.memory import allocated
from probablyexists.basis.plain_files import json_object, plain_size, read_plain
from probablyexists.faces.compiled import PICTURE_SIDE

_PART = re.compile(r"part-[0-9a-f]{64}\.parquet")
_MOST_PART = 2**28
"""Bytes; a part of 1,024 photos has about 6 MiB."""
_STORE = b"store"
"""In a part's schema: the name of the folder that it was written to."""


class LostError(InputError):
    """Parts could not be used. They are out of the store now, and their photos with them."""


class _UselessError(Exception):
    """A part that is not what was written, or not for this store; why."""


class _GoneError(_UselessError):
    """A part that is not there any more."""


@dataclass(frozen=True)
class Row:
    """One photo in the store; `embedding` and `picture` are None if no face was acquired."""

    sha256: bytes
    reason: str | None
    """Why there is no embedding; None if there is one."""
    n_faces: int
    embedding: NDArray[np.float32] | None
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Rows:
    """Rows of the store as columns; embeddings are zero if no face was acquired."""

    row_of: dict[bytes, int]
    """Hash of a photo's content -> its row."""
    reasons: list[str | None]
    n_faces: NDArray[np.int32]
    embeddings: NDArray[np.float32]
    """(n, dim)"""
    pictures: NDArray[np.uint8] | None
    """(n, 2, 48, 48); None if not read."""


class Store:
    """All rows made in the same way, on disk under `folder`.

    A small file beside each part lists its photos, so that only parts with wanted photos are read.
    """

    def __init__(self, cache: Path, made_with: dict[str, str | int], dim: int) -> None:
        """InputError if the folder cannot be read, or says that it was made in another way; WriteError."""
        key = hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = cache / "embeddings" / key
        self.dim = dim
        self.removed: list[str] = []
        """Parts that were removed when the store was opened, and why."""
        is_there = os.path.isdir(self.folder)
        try:
            cache_folder(cache, "embeddings", key)
            _check_made_with(self.folder / "made_with.json", made_with)
        except WriteError:
            if not is_there:  # a cache that can only be read stays usable
                raise
        self._part_of: dict[bytes, Path] = {}
        for name in sorted(filter(_PART.fullmatch, _listed(self.folder))):
            part = self.folder / name
            try:
                self._part_of.update(dict.fromkeys(self._keys_of(part), part))
            except _UselessError as error:
                self.removed.append(self._remove(part, error))

    def __contains__(self, sha256: bytes) -> bool:
        return sha256 in self._part_of

    @property
    def known(self) -> frozenset[bytes]:
        """The hashes of all photos in the store."""
        return frozenset(self._part_of)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows as one new part file. Its name contains the hash of its content, to detect damage."""
        import pyarrow.parquet as pq

        if not rows:
            return
        buffer = BytesIO()
        # Only reasons repeat, so a dictionary would not help the other columns.
        pq.write_table(self._table(rows), buffer, compression="zstd", use_dictionary=["reason"])
        data = buffer.getvalue()
        part = self.folder / f"part-{hashlib.sha256(data).hexdigest()}.parquet"
        keys = [row.sha256 for row in rows]
        write_cached(part, data)
        self._write_keys(part, keys)
        self._part_of.update(dict.fromkeys(keys, part))

    def read(self, wanted: Iterable[bytes], *, pictures: bool = True) -> Rows:
        """Rows of the photos with these hashes, each once, if embedded.

        LostError if a part is damaged, missing or of another store: add its photos again, then read again.
        """
        keys = dict.fromkeys(key for key in wanted if key in self._part_of)
        n = len(keys)
        rows = Rows(
            {key: row for row, key in enumerate(keys)},
            [None] * n,
            np.full(n, -1, np.int32),
            allocated((n, self.dim), np.float32),
            allocated((n, 2, PICTURE_SIDE, PICTURE_SIDE), np.uint8) if pictures else None,
        )
        columns = ["sha256", "reason", "n_faces", "embedding", *(["picture"] if pictures else [])]
        rows_of: dict[Path, list[int]] = {}
        for key, row in rows.row_of.items():
            rows_of.setdefault(self._part_of[key], []).append(row)
        removed = []
        for part in sorted(rows_of):
            try:
                self._read_into(rows, self._read_part(part, columns))
                if (rows.n_faces[rows_of[part]] < 0).any():
                    raise _UselessError("a part that does not hold what its list says was removed")
            except _UselessError as error:
                removed.append(self._remove(part, error))
        if removed:
            raise LostError("; ".join(removed))
        return rows

    def _remove(self, part: Path, why: _UselessError) -> str:
        """Take a part out of the store, and off the disk if it can be; what was done, in words."""
        self._part_of = {key: its for key, its in self._part_of.items() if its != part}
        if not isinstance(why, _GoneError):  # another run may have written it again by now
            for path in (part, _keys_file(part)):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        return f"{part}: {why}; its photos are embedded again"

    def _read_into(self, rows: Rows, table: Any) -> None:
        """Copy the wanted rows of a part into `rows`."""
        wanted = [(i, rows.row_of[key]) for i, key in enumerate(table["sha256"].to_pylist()) if key in rows.row_of]
        here, there = np.array(wanted, dtype=np.intp).reshape(-1, 2).T
        reasons, n_faces = table["reason"].to_pylist(), table["n_faces"].to_numpy()
        acquired = np.array([reason is None for reason in reasons], dtype=bool)
        at = np.cumsum(acquired) - 1
        rows.n_faces[there] = n_faces[here]
        for i, place in wanted:
            rows.reasons[place] = reasons[i]
        ours = acquired[here]
        vectors = np.asarray(table["embedding"].combine_chunks().flatten(), dtype=np.float32).reshape(-1, self.dim)
        rows.embeddings[there[ours]], rows.embeddings[there[~ours]] = vectors[at[here[ours]]], 0
        if rows.pictures is not None:
            pixels = _bytes(table["picture"]).reshape(-1, 2, PICTURE_SIDE, PICTURE_SIDE)
            rows.pictures[there[ours]], rows.pictures[there[~ours]] = pixels[at[here[ours]]], 0

    def _keys_of(self, part: Path) -> list[bytes]:
        """Hashes of a part's photos, from the list beside it; a missing or damaged list is written again."""
        try:
            data = read_plain(_keys_file(part), _MOST_PART)
        except (OSError, InputError):
            data = b""
        digest, keys = data[:32], data[32:]
        if len(keys) % 32 == 0 and digest == _digest(part, keys):
            return [keys[at : at + 32] for at in range(0, len(keys), 32)]
        found: list[bytes] = self._read_part(part, ["sha256"])["sha256"].to_pylist()
        with suppress(WriteError):  # a cache that can only be read needs no list, only more time
            self._write_keys(part, found)
        return found

    def _write_keys(self, part: Path, keys: Sequence[bytes]) -> None:
        joined = b"".join(keys)
        write_cached(_keys_file(part), _digest(part, joined) + joined)

    def _read_part(self, part: Path, columns: list[str]) -> Any:
        """A part file's table; _UselessError if it is not byte for byte what was written to this store."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            plain_size(part, _MOST_PART)
            # Arrow's own memory: a thread of its pool may let go of it after Python's has been cleared away.
            with pa.OSFile(str(part)) as file:
                data = file.read_buffer()
        except FileNotFoundError:
            kind = _UselessError if part.is_symlink() else _GoneError
            raise kind("a part of the embeddings store was deleted meanwhile") from None
        except InputError:
            raise _UselessError("something that is no part of the embeddings store was removed") from None
        except OSError as error:
            raise InputError(f"{part}: the embeddings store cannot be read ({error.strerror or error})") from error
        # Checked before Arrow sees it: Arrow may hang on a damaged file.
        if part.name != f"part-{hashlib.sha256(data).hexdigest()}.parquet":
            raise _UselessError("a damaged part of the embeddings store was removed")
        try:
            parquet = pq.ParquetFile(pa.BufferReader(data))
            schema = parquet.schema_arrow
            of = (schema.metadata or {}).get(_STORE, self.folder.name.encode())
            if of != self.folder.name.encode() or not schema.equals(self._schema):
                raise _UselessError("a part that belongs to another store of embeddings was removed")
            return parquet.read(columns=columns)
        except (pa.ArrowException, OSError, KeyError):
            raise _UselessError("something that is no part of the embeddings store was removed") from None

    def _table(self, rows: Sequence[Row]) -> Any:
        import pyarrow as pa

        return pa.table(
            {
                "sha256": [r.sha256 for r in rows],
                "reason": [r.reason for r in rows],
                "n_faces": [r.n_faces for r in rows],
                "embedding": [r.embedding for r in rows],
                "picture": [None if r.picture is None else r.picture.tobytes() for r in rows],
            },
            schema=self._schema.with_metadata({_STORE: self.folder.name}),
        )

    @property
    def _schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(
            {
                "sha256": pa.binary(32),
                "reason": pa.string(),
                "n_faces": pa.int32(),
                "embedding": pa.list_(pa.float32(), self.dim),
                "picture": pa.binary(2 * PICTURE_SIDE * PICTURE_SIDE),
            }
        )


def _keys_file(part: Path) -> Path:
    return part.with_suffix(".keys")


def _digest(part: Path, keys: bytes) -> bytes:
    """Checksum of a part's list of photos, which proves that it is whole and belongs to this part."""
    return hashlib.sha256(part.name.encode() + keys).digest()


def _bytes(column: Any) -> NDArray[np.uint8]:
    """The bytes of a column of equally long binaries, without nulls."""
    filled = column.combine_chunks().drop_null()
    width = filled.type.byte_width
    start = filled.offset * width
    return np.frombuffer(filled.buffers()[1], np.uint8)[start : start + len(filled) * width]


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InputError(f"{folder}: the embeddings store cannot be read ({error.strerror or error})") from error


def _check_made_with(path: Path, made_with: dict[str, str | int]) -> None:
    """Write the description of the store, if it is missing or damaged; InputError if it describes another store."""
    try:
        found = json_object(path)
    except InputError:
        found = None
    if found is not None and found != made_with:
        raise InputError(f"{path.parent}: holds embeddings that were made in another way ({path.name}); delete it")
    if found != made_with:
        write_cached(path, (json.dumps(made_with, indent=1, sort_keys=True) + "\n").encode())
