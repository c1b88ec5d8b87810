"""A manifest: a CSV or Parquet table of path[, person][, role], one row an image.

A CSV is UTF-8, or UTF-16 with its mark; commas, semicolons or tabs separate its columns.
"""

from __future__ import annotations

import csv
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Left, Photo, checked_role, no_images, read_file
from probablyexists.sources.persons import person_name

_COLUMNS = ("path", "person", "role")
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_N_LOOKED_FOR = 100
_COLUMNS_SHOWN = 6
_LONGEST_LINE = 2**20
_ROWS_AT_ONCE = 8192
MOST_BYTES = 512 * 2**20
"""Of a table of paths."""
MOST_ROWS = 5_000_000


class _Row(NamedTuple):
    number: int  # as the user counts
    path: str
    person: str | None
    role: str | None


class ManifestSource:
    """The images that a manifest names; paths are relative to the manifest's folder, or absolute."""

    def __init__(self, where: str | Path, role: Role | None = None, named: bool | None = None) -> None:
        self.name = clean(str(where))
        path = Path(where)
        self.folder = path.parent
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{shown(path)}: {size / 2**30:.1f} GiB; a table of paths has at most 512 MiB: split it")
        others: list[str] = []
        rows = (_parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows)(path, others)
        chosen = _of_role(path, _checked(path, rows), role)
        photos = [Photo(row.path, None if named is False else row.person) for row in chosen]
        self.left = Left(names=unused_columns(others))
        nobody = [row.number for row, photo in zip(chosen, photos, strict=True) if photo.person is None]
        if 0 < len(nobody) < len(photos):
            raise InputError(
                f"{shown(path)}: column person is empty in {len(nobody):,} of {len(photos):,} rows, first in row "
                f"{nobody[0]}; name the person in every row, or in none"
            )
        if named and nobody:
            raise InputError(f"{shown(path)}: no column person, or nothing in it; name the person in every row")
        self.photos = tuple(sorted(photos, key=lambda photo: photo.path))
        first = [photo.path for photo in self.photos[:_N_LOOKED_FOR]]
        if not any(os.path.lexists(self.folder / at) for at in first):
            raise InputError(
                f"{shown(path)}: none of its first {len(first)} images is there, such as {shown(first[0])}; "
                f"paths count from the manifest's folder, {shown(self.folder)}"
            )

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(self.folder / photo.path)


def _csv_rows(path: Path, others: list[str]) -> Iterator[_Row]:
    with path.open("rb") as file:
        start = file.read(2)
    text = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    row = 1
    try:
        with path.open(encoding=text, newline="") as file:
            lines = _lines(file, path)
            first = next(lines, None)
            if first is not None and first.lower().startswith("sep="):  # Excel's way to say what separates
                first = next(lines, None)
            if first is None:
                raise InputError(f"{shown(path)}: the file is empty; it needs the columns path[, person][, role]")
            separator = _separator(first)
            reader = csv.reader(chain([first], lines), delimiter=separator)
            header = next(reader, [])
            at = _columns(path, header, others)
            for row, cells in enumerate(reader, start=2):
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        f"{shown(path)}: row {row} has {len(cells)} cells, the header {len(header)}; "
                        f"put quotes around a value that holds {_SEPARATORS[separator]}"
                    )
                name, person, role = (cells[at[column]] if column in at else None for column in _COLUMNS)
                yield _Row(row, name or "", person_name(person), role)
    except UnicodeDecodeError:
        where = _undecodable(path) if text == "utf-8-sig" else row + 1
        raise InputError(
            f"{shown(path)}: row {where} is not {text[:6].upper().rstrip('-')} text; save the file as CSV in UTF-8"
        ) from None
    except csv.Error as error:
        raise InputError(f"{shown(path)}: row {row + 1} is no CSV ({error}); mend that row") from None


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file; InputError for one too long to be a row."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise InputError(f"{shown(path)}: line {number:,} is no CSV (over {_LONGEST_LINE:,} characters); mend it")
        yield line


def _separator(header: str) -> str:
    """What separates the columns: the sign that leaves a column called path, else a comma."""
    for sign in _SEPARATORS:
        if "path" in (name.strip().strip('"').lower() for name in header.split(sign)):
            return sign
    return ","


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, _LONGEST_LINE), b""), start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _parquet_rows(path: Path, others: list[str]) -> Iterator[_Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from probablyexists.sources.columns import is_text, places, rows_at_once

    try:
        schema = pq.read_schema(path)
        at = _columns(path, schema.names, others)
        name_of = {column: schema.names[index] for column, index in at.items()}
        for column, name in name_of.items():
            kind = schema.field(name).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
                raise InputError(f"{shown(path)}: column {column} is of type {kind}; write it as text")
        names = list(name_of.values())
        once = [place for name in names for place in places(schema.field(name))]
        with pq.ParquetFile(path, read_dictionary=once) as file:
            row = 0
            for group in range(file.num_row_groups):
                size = rows_at_once(file.metadata.row_group(group), _ROWS_AT_ONCE, str(path))
                for batch in file.iter_batches(size, row_groups=[group], columns=names, use_threads=False):
                    cells = {column: _texts(batch.column(name), column, path) for column, name in name_of.items()}
                    nothing = [None] * batch.num_rows
                    for name, person, role in zip(*(cells.get(column, nothing) for column in _COLUMNS), strict=True):
                        row += 1
                        yield _Row(row, name or "", person_name(person), role)
    except (pa.ArrowException, OSError, MemoryError, LookupError) as error:
        said = shown(str(error).partition("\n")[0][:120])
        raise InputError(f"{shown(path)}: not a readable Parquet file ({said}); write it again") from error


def _texts(values: Any, column: str, path: Path) -> list[str | None]:
    import pyarrow as pa

    from probablyexists.sources.columns import texts

    try:
        cells = texts(values)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        said = shown(str(error)[:80])
        raise InputError(f"{shown(path)}: column {column} is no text ({said}); write it again") from None
    return [None if cell is None else str(cell) for cell in cells]


def _columns(path: Path, header: Iterable[str], others: list[str]) -> dict[str, int]:
    """Name -> position of our columns; the names of other columns are added to `others`."""
    names = [name.strip().lower() for name in header]
    twice = [column for column in _COLUMNS if names.count(column) > 1]
    if twice:
        raise InputError(f"{shown(path)}: column {twice[0]} is there twice; keep one")
    if "path" not in names:
        has = shown(", ".join(names)[:120])
        raise InputError(f"{shown(path)}: no column path (it has: {has}); name the column of image paths so")
    others += (name for name in names if name not in _COLUMNS)
    return {column: names.index(column) for column in _COLUMNS if column in names}


def unused_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Columns that may name people, for a message."""
    return tuple(f"column {name[:60]!a}" for name in names if name)[:_COLUMNS_SHOWN]


def _checked(path: Path, rows: Iterable[_Row]) -> list[_Row]:
    """The rows with known roles, each image once. Repeated rows are dropped; InputError for contradicting ones."""
    seen: dict[str, _Row] = {}
    for n, given in enumerate(rows):
        if n == MOST_ROWS:
            raise InputError(f"{shown(path)}: over {MOST_ROWS:,} rows; split it, or pack the images as tars")
        if not given.path:
            raise InputError(f"{shown(path)}: row {given.number} has no path; fill it in or delete the row")
        row = given._replace(role=checked_role(given.role, shown(path), given.number))
        before = seen.setdefault(posixpath.normpath(row.path), row)
        for column, one, other in (("person", before.person, row.person), ("role", before.role, row.role)):
            if one != other:
                raise InputError(
                    f"{shown(path)}: {shown(row.path)} has {column} {shown(one)} in row {before.number} and "
                    f"{shown(other)} in row {row.number}; keep one of the rows"
                )
    if not seen:
        raise InputError(f"{shown(path)}: no rows; list one image a row under path[, person][, role]")
    return list(seen.values())


def _of_role(path: Path, rows: list[_Row], wanted: Role | None) -> list[_Row]:
    if wanted is None or all(row.role is None for row in rows):
        return rows
    chosen = [row for row in rows if row.role == wanted]
    if not chosen:
        has = ", ".join(f"{n:,} {role}" for role, n in sorted(Counter(str(row.role) for row in rows).items()))
        raise no_images(shown(path), note=f" of role {wanted} (it has {has})")
    return chosen
