"""Images in the cells of tables: Parquet files with an image column, and folders that `datasets` (Hugging Face) writes.

Read with Arrow alone. The image column is `image` or `img`, else the only one that holds bytes: plain bytes, or a
struct of `bytes` and `path`, as `datasets` stores them. A struct with a path and no bytes is not read: a stranger's
table must not choose which files are opened. People are in the column `person`, `identity` or `label` (text or
integers; `datasets` keeps the integers' names in the schema); `role` and `group` are as in a manifest.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.text import clean, shown
from probablyexists.sources.arrow_sizes import at_stream, unpacked_size
from probablyexists.sources.columns import (
    IMAGE,
    class_names,
    image_column,
    is_text,
    places,
    refuse_bomb,
    rows_at_once,
    texts,
)
from probablyexists.sources.listing import MAX_BYTES, Left, Photo, checked_role, no_images, unreadable
from probablyexists.sources.manifest import unused_columns
from probablyexists.sources.packed import Packed, titles
from probablyexists.sources.persons import GroupColumn, person_name

_PERSON = ("person", "identity", "label")
_AT_ONCE = 64
"""Rows whose images are in memory at a time."""
MOST_ROWS = 10_000_000


class ColumnsSource(Packed):
    """The images in one or several files of the same schema; a row is found by its file and its number in it."""

    def __init__(
        self, where: str | Path, files: Sequence[Path], role: Role | None = None, named: bool | None = None
    ) -> None:
        self._files = tuple(files)
        paths: list[str | None] = []
        persons: list[str | None] = []
        roles: list[Role | None] = []
        places = array("q")
        self.left = Left()
        self.groups = GroupColumn(shown(where))
        for number, file in enumerate(self._files):
            with _opened(file, where) as table:
                self.left = self.left if number else Left(names=unused_columns(table.others))
                if table.wrong_group and named is not False:
                    self.groups.refuse(table.wrong_group)
                for row, path, person, its_role, group in table.rows():
                    places.extend((number, row))
                    if named is not False and its_role != "generated":
                        self.groups.add(person, group, row + 1)
                    paths.append(path)
                    persons.append(None if named is False else person)
                    roles.append(its_role)
                    if len(roles) > MOST_ROWS:
                        raise InputError(f"{shown(where)}: over {MOST_ROWS:,} rows; split it")
        held = np.array(places, dtype=np.int64).reshape(-1, 2)
        if role is not None and any(its_role is not None for its_role in roles):
            chosen = [i for i, its_role in enumerate(roles) if its_role == role]
            paths, persons, held = [paths[i] for i in chosen], [persons[i] for i in chosen], held[chosen]
        if not len(held):
            raise no_images(shown(where), note="" if role is None else f" whose role is {role}")
        n_nobody = persons.count(None)
        if 0 < n_nobody < len(persons):
            raise InputError(
                f"{shown(where)}: {n_nobody:,} of {len(persons):,} rows have no person; name the person in every row, "
                "or in none"
            )
        if named and n_nobody:
            raise InputError(f"{shown(where)}: no column of {', '.join(_PERSON)}; name the person in every row")
        super().__init__(where, _names(self._files, held, paths), persons, held)

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, by file and row."""
        for file, found in self._by_file(wanted):
            left = iter(found)
            try:
                with _opened(self._files[file], self.name) as table:
                    for (_, photo), cell in zip(found, table.cells([row for (row,), _ in found]), strict=True):
                        next(left)
                        yield photo, _image(cell)
            except (InputError, ValueError, OSError, MemoryError, LookupError) as error:
                yield from ((photo, unreadable(error)) for _, photo in left)


def _image(cell: Any) -> bytes | ImageError:
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(data, bytes):
        return data if len(data) <= MAX_BYTES else ImageError("too large", f"a cell over {MAX_BYTES // 2**20} MiB")
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
        twice = next((name for name in (*IMAGE, *_PERSON, "role", "group") if schema.names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{where}: column {twice} is there twice; keep one")
        self.image = image_column(schema, where)
        self._person = next((name for name in _PERSON if name in schema.names and self._is_person(name)), None)
        self._group = "group" if "group" in schema.names and self.image != "group" else None
        self.wrong_group = self._why_no_group()
        """Why the column of groups is not read, or None."""
        self.others = [name for name in schema.names if name not in (self.image, self._person, "role", "group")]
        self._labels = class_names(schema, self._person)
        self._groups = class_names(schema, self._group)

    def _is_person(self, name: str) -> bool:
        """Whether a column names people: by text or by whole numbers."""
        kind = self._schema.field(name).type
        if is_text(kind) or class_names(self._schema, name):
            return True
        if pa.types.is_null(kind) or (name == "label" and not pa.types.is_integer(kind)):
            return False
        if not pa.types.is_integer(kind):
            raise InputError(f"{self._where}: column {name} is of type {shown(kind)}; write it as text")
        return True

    def _why_no_group(self) -> str | None:
        if self._group is None:
            return None
        kind = self._schema.field(self._group).type
        if is_text(kind) or any(is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating)):
            return None
        self._group = None
        return None if pa.types.is_null(kind) else f"column group is of type {shown(kind)}; write it as text"

    def rows(self) -> Iterator[tuple[int, str | None, str | None, Role | None, Any]]:
        """(number, path, person, role, group as it is given) of each row, without its image."""
        kind = self._schema.field(self.image).type
        has_path = pa.types.is_struct(kind) and any(field.name == "path" and is_text(field.type) for field in kind)
        role = "role" if "role" in self._schema.names else None
        asked = [f"{self.image}.path" if has_path else None, self._person, role, self._group]
        for start, batch in self._batches([column for column in asked if column], None):
            nothing = [None] * batch.num_rows
            paths = texts(batch.column(self.image).field("path")) if has_path else nothing
            persons = texts(batch.column(self._person)) if self._person else nothing
            roles = texts(batch.column(role)) if role else nothing
            groups = texts(batch.column(self._group)) if self._group else nothing
            for row, (path, person, word, group) in enumerate(zip(paths, persons, roles, groups, strict=True), start):
                name, its_role = person_name(_label(person, self._labels)), checked_role(word, self._where, row + 1)
                yield row, path, name, its_role, _label(group, self._groups)

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


def _label(value: Any, names: list[str]) -> Any:
    """A cell's value, or the name that `datasets` keeps for it; None for a number without a name."""
    if isinstance(value, int) and names:
        return names[value] if 0 <= value < len(names) else None
    return value


@contextmanager
def _opened(file: Path, where: str | Path) -> Iterator[_Table]:
    name = shown(where) if str(file) == str(where) else f"{shown(where)}: {shown(file.name)}"
    try:
        if file.suffix.lower() == ".parquet":
            schema = pq.read_schema(file)
            # A value may be stored once and stand in every row: as a dictionary it is in memory once, too.
            once = [place for column in schema for place in places(column)]
            with pq.ParquetFile(file, buffer_size=1 << 20, read_dictionary=once) as parquet:
                yield _Table(schema, partial(_parquet_batches, parquet, str(file)), name)
        else:
            with pa.memory_map(str(file)) as source:
                refuse_bomb(unpacked_size(source), str(file))
                yield _Table(pa.ipc.open_stream(at_stream(source)).schema, partial(_arrow_batches, source), name)
    except (pa.ArrowException, OSError, MemoryError, LookupError) as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(
            f"{shown(where)}: {shown(file.name)} is damaged or no table ({shown(said)}); download or write it again"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: holds names that are not UTF-8 text; write it again") from None


def _parquet_batches(parquet: Any, path: str, columns: list[str], rows: list[int] | None) -> Iterator[tuple[int, Any]]:
    start = 0
    for group in range(parquet.num_row_groups):
        held = parquet.metadata.row_group(group)
        stop = start + held.num_rows
        if rows is None or _any_between(rows, start, stop):
            at = start
            size = rows_at_once(held, 65536 if rows is None else _AT_ONCE, path)
            for batch in parquet.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                yield at, batch
                at += batch.num_rows
        start = stop


def _arrow_batches(source: Any, columns: list[str], rows: list[int] | None) -> Iterator[tuple[int, Any]]:
    reader = pa.ipc.open_stream(at_stream(source))
    names = [name if name in reader.schema.names else name.rpartition(".")[0] for name in columns]
    start = 0
    for batch in reader:
        stop = start + batch.num_rows
        if rows is None or _any_between(rows, start, stop):
            chosen = batch.select(names)
            chosen.validate(full=True)  # damaged offsets, unchecked, would read anywhere in memory
            yield start, chosen
        start = stop


def _any_between(rows: list[int], start: int, stop: int) -> bool:
    return bisect_left(rows, start) < bisect_left(rows, stop)
