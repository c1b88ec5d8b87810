"""Findings as CSV tables that a spreadsheet opens: RFC 4180, UTF-8 with a byte order mark, no cell that is a formula.

Excel takes a file without the mark for one in the language's old encoding. LibreOffice and pandas know the mark; Python
reads it with `encoding="utf-8-sig"`, R with `fileEncoding = "UTF-8-BOM"`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from probablyexists.basis.files import written_whole
from probablyexists.report.figure_rows import FigureRow, figure_rows
from probablyexists.results.findings import Findings

_FORMULA = r"""(^|[;\t\r\n])([ '"]*[=+\-@＝＋－＠])"""
"""What a spreadsheet takes for a formula at the start of a cell, or of what it may take for one: where a semicolon
separates cells, as in German, it does so within quotes too, and after a quotation mark. Apostrophes and quotation marks
count, so that two texts never become one."""
_HARMLESS = r"\1'\2"
_ROWS = 1 << 16
"""Rows that are turned into Python's values at a time."""


def write_people(findings: Findings, path: Path) -> int:
    """One row for each member; the nearest samples are in columns of their own. As `_write`."""
    table = findings.people
    nearest = table["nearest"].to_pylist()
    columns = {name: table[name] for name in table.column_names if name != "nearest"}
    for i in range(max(map(len, nearest), default=0)):
        columns[f"nearest_{i + 1}"] = pa.array([its[i] if i < len(its) else None for its in nearest], pa.string())
    return _write(path, list(columns), [pa.table(columns)])


def write_samples(findings: Findings, path: Path) -> int:
    """One row for each sample, a part of the rows at a time. As `_write`."""
    table = findings.samples
    parts = (table.slice(at, _ROWS) for at in range(0, table.num_rows, _ROWS))
    return _write(path, table.column_names, parts)


def write_figures(findings: Findings, path: Path) -> int:
    """One row for each number of the findings. As `_write`."""
    rows = [row._asdict() for row in figure_rows(findings)]
    # As text: a column holds counts and shares, and a count is never written as 7.0.
    numbers = ("value", "low", "high", "level", "n")
    columns = {
        name: pa.array([_number(row[name]) if name in numbers else row[name] for row in rows], pa.string())
        for name in FigureRow._fields
    }
    return _write(path, list(columns), [pa.table(columns)], as_they_are=numbers)


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value)


def _write(path: Path, heads: Sequence[str], parts: Iterable[pa.Table], as_they_are: Sequence[str] = ()) -> int:
    """Write a table, whole or not at all; how many cells got an apostrophe, so that they are no formulas. WriteError.

    An empty cell is a value that is absent. `as_they_are`: columns of numbers that are given as text.
    """
    n_harmless = 0
    with (
        written_whole(path) as aside,
        aside.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file,
    ):
        out = csv.writer(file)
        out.writerow(heads)
        for part in parts:
            columns: list[list[Any]] = []
            for name in heads:
                column = part[name]
                if pa.types.is_boolean(column.type):
                    column = column.cast(pa.string())
                elif pa.types.is_string(column.type) and name not in as_they_are:
                    n_harmless += pc.sum(pc.match_substring_regex(column, _FORMULA)).as_py() or 0
                    column = pc.replace_substring_regex(column, _FORMULA, _HARMLESS)
                columns.append(column.to_pylist())
            out.writerows(zip(*columns, strict=True))
    return n_harmless


def harmless(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula: with an apostrophe where it may.

    >>> harmless("=1+1"), harmless("Ann")
    ("'=1+1", 'Ann')
    """
    return re.sub(_FORMULA, _HARMLESS, text)
