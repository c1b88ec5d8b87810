"""Images in the cells of tables: Parquet files with an image column, and folders that `datasets` (Hugging Face) writes.

Read with Arrow alone. The image column is `image` or `img`, else the only one that holds bytes: plain bytes, or a
struct of `bytes` and `path`, as `datasets` stores them. A struct with a path and no bytes is not read: a stranger's
table must not choose which files are opened. People are in the column `person`, `identity` or `label` (text, or
integers whose names `datasets` keeps in the schema); `role` is as in a manifest.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import KNOWN, Role, role_of
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import MAX_BYTES, Photo, no_images, unreadable
from probablyexists.sources.packed import refuse_twice, titles

_IMAGE = ("image", "img")
_PERSON = ("person", "identity", "label")
_AT_ONCE = 64
"""Rows whose images are in memory at a time."""


class ColumnsSource:
    """The images in one or several files of the same schema; a row is found by its file and its number in it.

    `max_bytes`: a larger image is too large.
    """

    def __init__(
        self,
        where: str | Path,
        files: Sequence[Path],
        role: Role | None = None,
        named: bool | None = None,
        *,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.name = clean(str(where))
        self._max_bytes = max_bytes
        self._files = tuple(files)
        paths: list[str | None] = []
        persons: list[str | None] = []
        roles: list[str | None] = []
        places = array("q")
        for number, file in enumerate(self._files):
            with _opened(file, where) as table:
                for row, path, person, its_role in table.rows():
                    places.extend((number, row))
                    paths.append(path)
                    persons.append(None if named is False else person)
                    roles.append(its_role)
        held = np.array(places, dtype=np.int64).reshape(-1, 2)
        if role is not None and any(its_role is not None for its_role in roles):
            chosen = [i for i, its_role in enumerate(roles) if its_role == role]
            paths, persons, held = [paths[i] for i in chosen], [persons[i] for i in chosen], held[chosen]
        if not len(held):
            raise no_images(shown(where), "" if role is None else f" whose role is {role}")
        n_nobody = persons.count(None)
        if 0 < n_nobody < len(persons):
            raise InputError(
                f"{shown(where)}: {n_nobody:,} of {len(persons):,} rows have no person; name the person in every row, "
                "or in none"
            )
        if named and n_nobody:
            raise InputError(f"{shown(where)}: no column of {', '.join(_PERSON)}; name the person in every row")
        names = _names(self._files, held, paths)
        order = sorted(range(len(names)), key=names.__getitem__)
        self.photos = tuple(Photo(names[i], persons[i]) for i in order)
        refuse_twice(self.photos, shown(where))
        self._places = held[order]
        """(n, 2) file, row."""

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, by file and row."""
        of_file: dict[int, list[tuple[int, Photo]]] = {}
        for photo in wanted:
            file, row = self._places[bisect_left(self.photos, photo.path, key=lambda p: p.path)]
            of_file.setdefault(int(file), []).append((int(row), photo))
        for file, rows in sorted(of_file.items()):
            rows.sort()
            left = iter(rows)
            try:
                with _opened(self._files[file], self.name) as table:
                    for (_, photo), cell in zip(rows, table.cells([row for row, _ in rows]), strict=True):
                        next(left)
                        yield photo, _image(cell, self._max_bytes)
            except (InputError, ValueError, OSError) as error:
                yield from ((photo, unreadable(error)) for _, photo in left)


def _image(cell: Any, max_bytes: int) -> bytes | ImageError:
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(data, bytes):
        return data if len(data) <= max_bytes else ImageError("too large", f"a cell over {max_bytes // 2**20} MiB")
    if isinstance(cell, dict) and cell.get("path"):
        return ImageError("unreadable", "only a path to a file elsewhere, which is not followed")
    return ImageError("unreadable", "an empty cell")


def _names(files: Sequence[Path], places: NDArray[np.int64], paths: list[str | None]) -> list[str]:
    """The name of each photo: its own path if all photos have different ones, else its row."""
    own = [clean(path) for path in paths if path]
    if len(own) == len(paths) and len(set(own)) == len(own):
        return own
    front = [f"{title}/" for title in titles(files)] if len(files) > 1 else [""]
    return [f"{front[file]}row-{row:09d}" for file, row in zip(*places.T.tolist(), strict=True)]


class _Table:
    """An open file: the same for Parquet and for Arrow's own format."""

    def __init__(self, schema: Any, batches: Any, where: str) -> None:
        """`batches(columns, rows)`: (number of the first row, record batch) of batches with any of `rows`; None:
        all."""
        self._schema, self._batches, self._where = schema, batches, where
        twice = next((name for name in (*_IMAGE, *_PERSON, "role") if schema.names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{where}: column {twice} is there twice; keep one")
        self.image = _image_column(schema, where)
        self._person = next((name for name in _PERSON if name in schema.names and self._is_person(name)), None)
        self._labels = _class_names(schema, self._person)

    def _is_person(self, name: str) -> bool:
        """Whether a column names people; plain numbers in `label` are no names."""
        import pyarrow as pa

        kind = self._schema.field(name).type
        if _is_text(kind) or _class_names(self._schema, name):
            return True
        if name == "label" or pa.types.is_null(kind):
            return False
        if not pa.types.is_integer(kind):
            raise InputError(f"{self._where}: column {name} is of type {shown(kind)}; write it as text")
        return True

    def rows(self) -> Iterator[tuple[int, str | None, str | None, str | None]]:
        """(number, path, person, role) of each row, without its image."""
        import pyarrow as pa

        columns = [name for name in (self._person, "role") if name is not None and name in self._schema.names]
        kind = self._schema.field(self.image).type
        has_path = pa.types.is_struct(kind) and any(field.name == "path" and _is_text(field.type) for field in kind)
        wanted = [*columns, *([f"{self.image}.path"] if has_path else [])]
        people: dict[str, str] = {}
        for start, batch in self._batches(wanted, None):
            n = batch.num_rows
            paths = batch.column(self.image).field("path").to_pylist() if has_path else [None] * n
            persons = batch.column(self._person).to_pylist() if self._person else [None] * n
            roles = batch.column("role").to_pylist() if "role" in columns else [None] * n
            for row, (path, person, role) in enumerate(zip(paths, persons, roles, strict=True)):
                name = self._name(person)
                its_role = None if role is None else role_of(str(role))
                if role is not None and its_role is None:
                    said = shown(repr(role)[:60])
                    raise InputError(f"{self._where}: row {start + row + 1} has the role {said}; known are {KNOWN}")
                yield start + row, path, None if name is None else people.setdefault(name, name), its_role

    def _name(self, person: Any) -> str | None:
        if isinstance(person, int) and self._labels:
            return self._labels[person] if 0 <= person < len(self._labels) else None
        return None if person is None else clean(str(person).strip()) or None

    def cells(self, rows: list[int]) -> Iterator[Any]:
        """The image cells of these rows, in ascending order."""
        at = 0
        for start, batch in self._batches([self.image], rows):
            stop = start + batch.num_rows
            while at < len(rows) and rows[at] < stop:
                yield batch.column(self.image)[rows[at] - start].as_py()
                at += 1
            if at == len(rows):
                return


@contextmanager
def _opened(file: Path, where: str | Path) -> Iterator[_Table]:
    import pyarrow as pa

    name = shown(where) if str(file) == str(where) else f"{shown(where)}: {shown(file.name)}"
    try:
        if file.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(file, buffer_size=1 << 20) as parquet:
                yield _Table(parquet.schema_arrow, lambda *asked: _parquet_batches(parquet, *asked), name)
        else:
            with pa.memory_map(str(file)) as source:
                schema, batches = _arrow_batches(source)
                yield _Table(schema, batches, name)
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(
            f"{shown(where)}: {shown(file.name)} is damaged or no table ({shown(said)}); download or write it again"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: holds names that are not UTF-8 text; write it again") from None


def _parquet_batches(parquet: Any, columns: list[str], rows: list[int] | None) -> Iterator[tuple[int, Any]]:
    start = 0
    for group in range(parquet.num_row_groups):
        n = parquet.metadata.row_group(group).num_rows
        needed = rows is None or bisect_left(rows, start) < bisect_left(rows, start + n)
        if needed and columns:
            at = start
            size = 65536 if rows is None else _AT_ONCE
            for batch in parquet.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                yield at, batch
                at += batch.num_rows
        elif needed:
            yield start, _Empty(n)
        start += n


class _Empty:
    """A batch without columns."""

    def __init__(self, n: int) -> None:
        self.num_rows = n


def _arrow_batches(source: Any) -> tuple[Any, Any]:
    import pyarrow as pa

    try:
        file: Any = pa.ipc.open_file(source)
        schema = file.schema
    except pa.ArrowInvalid:
        file = None
        source.seek(0)
        schema = pa.ipc.open_stream(source).schema

    def one_by_one() -> Iterator[Any]:
        if file is not None:
            yield from (file.get_batch(i) for i in range(file.num_record_batches))
        else:
            source.seek(0)
            yield from pa.ipc.open_stream(source)  # memory mapped, not read

    def batches(columns: list[str], rows: list[int] | None) -> Iterator[tuple[int, Any]]:
        names = [name if name in schema.names else name.rpartition(".")[0] for name in columns]
        start = 0
        for batch in one_by_one():
            n = batch.num_rows
            if rows is None or bisect_left(rows, start) < bisect_left(rows, start + n):
                chosen = batch.select(names)
                chosen.validate(full=True)  # damaged offsets, unchecked, would read anywhere in memory
                yield start, chosen
            start += n

    return schema, batches


def has_images(file: Path) -> bool:
    """Whether a Parquet file holds images; False for a manifest, and for a file that is not Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return False  # the manifest's reader says what is wrong
    holding = [field.name for field in schema if _holds_bytes(field.type)]
    return any(name in _IMAGE for name in holding) or (bool(holding) and "path" not in schema.names)


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _is_bytes(field.type) for field in kind)
    return bool(_is_bytes(kind))


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _image_column(schema: Any, where: str) -> str:
    holding = [field.name for field in schema if _holds_bytes(field.type)]
    for name in _IMAGE:
        if name in holding:
            return name
    if len(holding) == 1:
        return str(holding[0])
    raise InputError(
        f"{where}: needs one column of images (bytes, or a struct of bytes and path), called image; has "
        f"{', '.join(map(shown, schema.names))}"
    )


def _class_names(schema: Any, column: str | None) -> list[str]:
    """Names of a column's integers, as `datasets` keeps them in the schema; empty without names."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"] if features[column].get("_type") == "ClassLabel" else []
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return []
    return [clean(name) for name in names] if all(isinstance(name, str) for name in names) else []
