"""Embeddings in Parquet files that need not fit in memory: read by slices, from disk or any fsspec address.

What is written here carries checksums, of every page and of every row group, and is checked when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, WriteError, option, required
from probablyexists.basis.owner_only import make_folder
from probablyexists.basis.text import one_line, shown

_CHECKS = "checksums"
"""In the schema of a file written here: a digest of each row group."""
OFF_UNIT = 1e-3
"""How far the length of an embedding may be from 1."""


class ParquetVectors:
    """The column `embedding` of a Parquet file, or of all Parquet files of a folder in the order of their names.

    An address such as `s3://bucket/folder` is read through fsspec. No file is kept open, so that the object can be
    pickled for other machines.
    """

    def __init__(self, where: str) -> None:
        """InputError if there are no such files, or no such column with float32 lists of one length."""
        self.where = where
        disk, path = _disk(where)
        self.dim = 0
        self.recogniser: str | None = None
        """The recogniser's id, where the table names it."""
        self._groups: list[tuple[str, int, str | None]] = []
        """File, number and checksum of each row group."""
        self._sizes: list[int] = []
        for file in _files(disk, path, where):
            with _opened(disk, file) as parquet:
                self._check(parquet.schema_arrow, file)
                n = parquet.num_row_groups
                sums = _checksums(parquet.schema_arrow, n)
                if len(sums) != n:
                    raise InputError(f"{file}: is damaged; it has {n} groups of rows where {len(sums)} were written")
                self._groups += [(file, number, sums[number]) for number in range(n)]
                self._sizes += [parquet.metadata.row_group(i).num_rows for i in range(n)]
        self._ends = list(accumulate(self._sizes))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("give a slice with step 1")
        out = np.empty((max(0, stop - start), self.dim), np.float32)
        disk, _ = _disk(self.where)
        at = start
        while at < stop:
            group = bisect_right(self._ends, at)
            first, until = self._ends[group] - self._sizes[group], min(stop, self._ends[group])
            values = self._read(disk, *self._groups[group], self._sizes[group], first)
            out[at - start : until - start] = values[at - first : until - first]
            at = until
        return out

    def _read(
        self, disk: Any, file: str, group: int, checksum: str | None, size: int, first: int
    ) -> NDArray[np.float32]:
        with _opened(disk, file) as parquet:
            column = parquet.read_row_group(group, columns=["embedding"])["embedding"].combine_chunks()
            metadata = parquet.schema_arrow.metadata
            missing, n = column.null_count, len(column)
            values = np.asarray(column.flatten(), np.float32)
        if missing:
            raise InputError(f"{file}: {missing} embeddings are missing; leave out rows without one")
        if n != size or values.size != size * self.dim:
            raise InputError(f"{file}: is damaged; it has {n} rows where {size} were announced")
        values = values.reshape(-1, self.dim)
        if checksum is not None and checksum != _checksum(values, _about(metadata), group):
            raise InputError(f"{file}: is damaged; rows from {first:,} are not what was written")
        length = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64))
        wrong = np.flatnonzero(~(np.abs(length - 1) < OFF_UNIT))  # NaN is far from everything
        if wrong.size:
            row = int(wrong[0])
            said = f"length {length[row]:.3g}" if np.isfinite(values[row]).all() else "numbers that are not finite"
            raise InputError(
                f"{file}: the embedding in row {first + row:,} of {self.where} has {said}; leave out what is not "
                "finite, and divide each embedding by its length"
            )
        return values

    def _check(self, schema: Any, file: str) -> None:
        import pyarrow as pa

        kind = schema.field("embedding").type if "embedding" in schema.names else None
        if kind is None or not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
            raise InputError(f"{file}: needs a column embedding, lists of float32 of one length; has {schema.names}")
        if self.dim not in (0, kind.list_size):
            raise InputError(f"{file}: embeddings have {kind.list_size} numbers, but {self.dim} in the files before it")
        self.dim = int(kind.list_size)
        self.recogniser = shown(_about(schema.metadata).get("recogniser", "")) or None


@dataclass(frozen=True)
class TableFolder:
    """A folder for Parquet files, created when the first is written."""

    where: str
    disk: Any
    path: str
    rows_a_group: int = 1 << 14
    """Rows of a Parquet row group, which is read whole."""

    def names(self) -> list[str]:
        """Names of the files in the folder; empty if it does not exist."""
        from pyarrow.fs import FileSelector

        try:
            if self.disk.get_file_info(self.path).is_file:
                raise InputError(f"{option('out', self.where)}: is a file; give a folder")
            found = self.disk.get_file_info(FileSelector(self.path, recursive=False, allow_not_found=True))
        except OSError as error:  # a device, or a file above it
            raise InputError(f"{option('out', self.where)}: is no folder ({one_line(error)}); give another") from error
        return sorted(info.base_name for info in found)

    def about(self, name: str) -> dict[str, str]:
        """The `about` that a file was written with."""
        with _opened(self.disk, f"{self.path}/{name}") as parquet:
            return _about(parquet.schema_arrow.metadata)

    def n_rows(self, name: str) -> int:
        """Rows of a file, all of which are read. InputError if it is damaged."""
        with _opened(self.disk, f"{self.path}/{name}") as parquet:
            return sum(parquet.read_row_group(group).num_rows for group in range(parquet.num_row_groups))

    def remove(self, name: str) -> None:
        """Delete a file."""
        with self._writing():
            self.disk.delete_file(f"{self.path}/{name}")

    def write(self, name: str, columns: Mapping[str, Any], about: Mapping[str, str], **lists: NDArray[Any]) -> None:
        """Write one file, whole or not at all: columns as they are, (n, d) arrays as lists of d numbers a row.

        `about`: kept in the file's schema. On disk, only the owner can read the file and a folder made for it.
        WriteError.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays: dict[str, Any] = dict(columns)
        for column, values in lists.items():
            flat = pa.array(np.ascontiguousarray(values).ravel())
            arrays[column] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        metadata = dict(about)
        if "embedding" in lists:
            metadata[_CHECKS] = json.dumps(self._checksums(lists["embedding"], about))
        table = pa.table(arrays).replace_schema_metadata(metadata)
        with self._writing():
            aside = self._new_file(f".{name}.part")
            try:
                with self.disk.open_output_stream(aside) as sink:
                    pq.write_table(
                        table, sink, use_dictionary=False, row_group_size=self.rows_a_group, write_page_checksum=True
                    )
                self.disk.move(aside, f"{self.path}/{name}")
            except OSError:
                with suppress(OSError):
                    self.disk.delete_file(aside)  # a full disk needs the space
                raise

    def _checksums(self, values: NDArray[Any], about: Mapping[str, str]) -> list[str]:
        groups = range(0, len(values), self.rows_a_group)
        return [_checksum(values[at : at + self.rows_a_group], about, number) for number, at in enumerate(groups)]

    def _new_file(self, name: str) -> str:
        """The path of a file that is about to be written; on disk it is there already, for its owner only."""
        path = f"{self.path}/{name}"
        if "://" in self.where:
            self.disk.create_dir(self.path, recursive=True)
        else:
            make_folder(Path(self.path))
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        return path

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WriteError(self.where, error, f"give another folder or address with {option('out')}") from error


def _checksum(values: NDArray[Any], about: Mapping[str, str], number: int) -> str:
    """Digest of a row group's embeddings, and of what is said of them."""
    said = json.dumps([number, sorted(about.items())]).encode()
    return hashlib.sha256(said + np.ascontiguousarray(values, "<f4").tobytes()).hexdigest()[:16]


def _checksums(schema: Any, n: int) -> list[str | None]:
    """The digests in a schema; n times None if there are none, as in a table that others wrote."""
    found = (schema.metadata or {}).get(_CHECKS.encode())
    return [None] * n if found is None else [str(digest) for digest in json.loads(found)]


def _about(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    its = {key: value for key, value in (metadata or {}).items() if key != _CHECKS.encode()}
    return {key.decode(): value.decode() for key, value in its.items()}


def table_folder(where: str) -> TableFolder:
    """The folder at a path or an fsspec address."""
    disk, path = _disk(where)
    return TableFolder(where, disk, path)


def _disk(where: str) -> tuple[Any, str]:
    """The file system of an address, and the path on it."""
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    if "://" not in where:
        return LocalFileSystem(), os.path.abspath(where) if ":" in where else where  # Arrow sees an address in a:b
    core = required("fsspec.core", "ray")
    try:
        its, path = core.url_to_fs(where)
    except (ValueError, ImportError) as error:
        raise InputError(f"{where}: {error}") from None
    return PyFileSystem(FSSpecHandler(its)), path


def _files(disk: Any, path: str, where: str) -> list[str]:
    import pyarrow as pa
    from pyarrow.fs import FileSelector, FileType

    try:
        kind = disk.get_file_info(path).type
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{shown(where)}: cannot be looked up ({one_line(error)}); check the path") from None
    if kind == FileType.File:
        return [path]
    names = []
    if kind == FileType.Directory:
        found = disk.get_file_info(FileSelector(path, recursive=False))
        names = sorted(
            info.path
            for info in found
            if info.is_file and info.path.endswith(".parquet") and not info.base_name.startswith(".")
        )
    if not names:
        raise InputError(f"{where}: not a Parquet file or a folder of them; check the path")
    return names


@contextmanager
def _opened(disk: Any, file: str) -> Iterator[Any]:
    """A Parquet file, its pages checked as they are read. InputError if it is not one, or damaged."""
    import pyarrow.parquet as pq

    try:
        with disk.open_input_file(file) as opened:
            yield pq.ParquetFile(opened, page_checksum_verification=True)
    except InputError:
        raise
    except Exception as error:  # Arrow raises many kinds on a damaged file
        raise InputError(f"{file}: is not a Parquet file, or damaged ({one_line(error)})") from None
