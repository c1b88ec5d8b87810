"""Embeddings in Parquet files that need not fit in memory: read by slices, from disk or any fsspec address."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option, required


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
        self._groups: list[tuple[str, int]] = []
        self._sizes: list[int] = []
        for file in _files(disk, path, where):
            with disk.open_input_file(file) as opened:
                parquet = _parquet(opened, file)
                self._check(parquet.schema_arrow, file)
                self._groups += [(file, number) for number in range(parquet.num_row_groups)]
                self._sizes += [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
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
            values = self._read(disk, *self._groups[group])
            out[at - start : until - start] = values[at - first : until - first]
            at = until
        return out

    def _read(self, disk: Any, file: str, group: int) -> NDArray[np.float32]:
        with disk.open_input_file(file) as opened:
            column = _parquet(opened, file).read_row_group(group, columns=["embedding"])["embedding"].combine_chunks()
        if column.null_count:
            raise InputError(f"{file}: {column.null_count} embeddings are missing; leave out rows without one")
        return np.asarray(column.flatten(), np.float32).reshape(-1, self.dim)

    def _check(self, schema: Any, file: str) -> None:
        import pyarrow as pa

        kind = schema.field("embedding").type if "embedding" in schema.names else None
        if kind is None or not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
            raise InputError(f"{file}: needs a column embedding, lists of float32 of one length; has {schema.names}")
        if self.dim not in (0, kind.list_size):
            raise InputError(f"{file}: embeddings have {kind.list_size} numbers, but {self.dim} in the files before it")
        self.dim = int(kind.list_size)
        self.recogniser = (schema.metadata or {}).get(b"recogniser", b"").decode() or None


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

        if self.disk.get_file_info(self.path).is_file:
            raise InputError(f"{option('out', self.where)}: is a file; give a folder")
        found = self.disk.get_file_info(FileSelector(self.path, recursive=False, allow_not_found=True))
        return sorted(info.base_name for info in found)

    def about(self, name: str) -> dict[str, str]:
        """The `about` that a file was written with."""
        with self.disk.open_input_file(f"{self.path}/{name}") as opened:
            metadata = _parquet(opened, name).schema_arrow.metadata or {}
        return {key.decode(): value.decode() for key, value in metadata.items()}

    def write(self, name: str, columns: Mapping[str, Any], about: Mapping[str, str], **lists: NDArray[Any]) -> None:
        """Write one file, whole or not at all: columns as they are, (n, d) arrays as lists of d numbers a row.

        `about`: kept in the file's schema.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays: dict[str, Any] = dict(columns)
        for column, values in lists.items():
            flat = pa.array(np.ascontiguousarray(values).ravel())
            arrays[column] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        try:
            self.disk.create_dir(self.path, recursive=True)
            aside = f"{self.path}/.{name}.part"
            with self.disk.open_output_stream(aside) as sink:
                table = pa.table(arrays).replace_schema_metadata(dict(about))
                pq.write_table(table, sink, use_dictionary=False, row_group_size=self.rows_a_group)
            self.disk.move(aside, f"{self.path}/{name}")
        except OSError as error:
            raise InputError(
                f"{self.where}: cannot be written ({error.strerror or error}); check the address"
            ) from error


def table_folder(where: str) -> TableFolder:
    """The folder at a path or an fsspec address."""
    disk, path = _disk(where)
    return TableFolder(where, disk, path)


def _disk(where: str) -> tuple[Any, str]:
    """The file system of an address, and the path on it."""
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    if "://" not in where:
        return LocalFileSystem(), where
    core = required("fsspec.core", "ray")
    try:
        its, path = core.url_to_fs(where)
    except (ValueError, ImportError) as error:
        raise InputError(f"{where}: {error}") from None
    return PyFileSystem(FSSpecHandler(its)), path


def _files(disk: Any, path: str, where: str) -> list[str]:
    from pyarrow.fs import FileSelector, FileType

    kind = disk.get_file_info(path).type
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


def _parquet(opened: Any, file: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(opened)
    except pa.ArrowException as error:
        raise InputError(f"{file}: is not a Parquet file, or damaged ({' '.join(str(error).split())[:120]})") from None
