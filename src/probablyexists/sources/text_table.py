"""The rows of a table of texts: a CSV or Parquet file with certain columns.

A CSV is UTF-8, or UTF-16 with its mark; commas, semicolons or tabs separate its columns.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import shown

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_LONGEST_LINE = 2**20
_ROWS_AT_ONCE = 8192

Row = tuple[int, tuple[str | None, ...]]
"""Number of the row, as the user counts; its cells, None where there is no such column."""


@dataclass(frozen=True)
class Columns:
    """The columns that are read."""

    needed: Mapping[str, str]
    """Name -> what is in it, in words; the first finds what separates the columns of a CSV."""
    other: tuple[str, ...] = ()
    """Columns that may be there."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.needed, *self.other)

    def __str__(self) -> str:
        return ", ".join(self.needed) + "".join(f"[, {name}]" for name in self.other)


def text_rows(path: Path, columns: Columns, others: list[str]) -> Iterator[Row]:
    """The rows of a table, in its order; names of columns that are not read are added to `others`.

    InputError, which begins with the path, for a damaged table or one without a needed column.
    """
    return (_parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows)(path, columns, others)


def _csv_rows(path: Path, columns: Columns, others: list[str]) -> Iterator[Row]:
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
                raise InputError(f"{shown(path)}: the file is empty; it needs the columns {columns}")
            separator = _separator(first, next(iter(columns.needed)))
            reader = csv.reader(chain([first], lines), delimiter=separator)
            header = next(reader, [])
            at = _places(path, header, columns, others)
            for row, cells in enumerate(reader, start=2):
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        f"{shown(path)}: row {row} has {len(cells)} cells, the header {len(header)}; "
                        f"put quotes around a value that holds {_SEPARATORS[separator]}"
                    )
                yield row, tuple(cells[at[column]] if column in at else None for column in columns.names)
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


def _separator(header: str, column: str) -> str:
    """What separates the columns: the sign that leaves this column, else a comma."""
    for sign in _SEPARATORS:
        if column in (name.strip().strip('"').lower() for name in header.split(sign)):
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


def _parquet_rows(path: Path, columns: Columns, others: list[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from probablyexists.sources.columns import is_text, places, rows_at_once

    try:
        schema = pq.read_schema(path)
        at = _places(path, schema.names, columns, others)
        name_of = {column: schema.names[index] for column, index in at.items()}
        for column, name in name_of.items():
            kind = schema.field(name).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            numbers = pa.types.is_integer(kind) or (column == "group" and pa.types.is_floating(kind))
            if not (is_text(kind) or numbers or pa.types.is_null(kind)):
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
                    for found in zip(*(cells.get(column, nothing) for column in columns.names), strict=True):
                        row += 1
                        yield row, found
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
    return [_text(cell) for cell in cells]


def _text(cell: Any) -> str | None:
    """A cell as text. Pandas writes whole numbers with gaps as 1.0, 2.0 and NaN."""
    if isinstance(cell, float):
        cell = None if math.isnan(cell) else int(cell) if cell.is_integer() else cell
    return None if cell is None else str(cell)


def _places(path: Path, header: Iterable[str], columns: Columns, others: list[str]) -> dict[str, int]:
    """Name -> position of our columns; the names of other columns are added to `others`."""
    names = [name.strip().lower() for name in header]
    twice = [column for column in columns.names if names.count(column) > 1]
    if twice:
        raise InputError(f"{shown(path)}: column {twice[0]} is there twice; keep one")
    for column, holds in columns.needed.items():
        if column not in names:
            has = shown(", ".join(names)[:120])
            raise InputError(f"{shown(path)}: no column {column} (it has: {has}); name the column of {holds} so")
    others += (name for name in names if name not in columns.names)
    return {column: names.index(column) for column in columns.names if column in names}
