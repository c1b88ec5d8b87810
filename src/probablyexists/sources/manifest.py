"""A manifest: a CSV or Parquet table of path[, person][, role], one row an image."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import KNOWN, Role, role_of
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Photo, no_images, read_file

_COLUMNS = ("path", "person", "role")
_N_LOOKED_FOR = 100

_Row: TypeAlias = tuple[int, str, str | None, str | None]  # row number as the user counts, path, person, role


class ManifestSource:
    """The images that a manifest names; paths are relative to the manifest's folder, or absolute."""

    def __init__(self, where: str | Path, role: Role | None = None, named: bool | None = None) -> None:
        self.name = clean(str(where))
        path = Path(where)
        self.folder = path.parent
        rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _parquet_rows(path)
        chosen = _of_role(path, _checked(path, rows), role)
        persons = [None if named is False else person for _, _, person, _ in chosen]
        n_nobody = persons.count(None)
        if 0 < n_nobody < len(persons):
            number = chosen[persons.index(None)][0]
            raise InputError(
                f"{shown(path)}: column person is empty in {n_nobody:,} of {len(persons):,} rows, first in row "
                f"{number}; name the person in every row, or in none"
            )
        if named and n_nobody:
            raise InputError(f"{shown(path)}: no column person, or nothing in it; name the person in every row")
        self._real = {clean(at): at for _, at, _, _ in chosen if clean(at) != at}
        photos = [Photo(clean(row[1]), person) for row, person in zip(chosen, persons, strict=True)]
        self.photos = tuple(sorted(photos, key=lambda photo: photo.path))
        first = [photo.path for photo in self.photos[:_N_LOOKED_FOR]]
        if not any(os.path.lexists(self._place(at)) for at in first):
            raise InputError(
                f"{shown(path)}: none of its first {len(first)} images is there, such as {shown(first[0])}; "
                f"paths count from the manifest's folder, {shown(self.folder)}"
            )

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The bytes of each wanted photo, in the order asked for."""
        for photo in wanted:
            yield photo, read_file(self._place(photo.path))

    def _place(self, path: str) -> Path:
        return self.folder / self._real.get(path, path)


def _csv_rows(path: Path) -> Iterator[_Row]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown(path)}: row {row} is not UTF-8 text; save the file as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, None)
        if header is None:
            raise InputError(f"{shown(path)}: the file is empty; it needs the columns path[, person][, role]")
        at = _columns(path, header)
        for row, cells in enumerate(reader, start=2):
            if not cells:
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{shown(path)}: row {row} has {len(cells)} cells, the header {len(header)}; "
                    "put quotes around a value that holds a comma"
                )
            name, person, role = (cells[at[column]] if column in at else None for column in _COLUMNS)
            yield row, name or "", (person or "").strip() or None, role
    except csv.Error as error:
        raise InputError(f"{shown(path)}: row {reader.line_num} is no CSV ({error}); mend that row") from None


def _parquet_rows(path: Path) -> Iterator[_Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        at = _columns(path, file.schema_arrow.names)
        table = file.read(columns=[file.schema_arrow.names[index] for index in at.values()])
    except (pa.ArrowException, OSError) as error:
        said = shown(str(error).partition("\n")[0][:120])
        raise InputError(f"{shown(path)}: not a readable Parquet file ({said}); write it again") from error
    columns: list[list[str | None]] = []
    for column in _COLUMNS:
        if column not in at:
            columns.append([None] * table.num_rows)
            continue
        values = table.column(list(at).index(column))
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        if not (is_text or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise InputError(f"{shown(path)}: column {column} is of type {kind}; write it as text")
        try:
            columns.append(values.cast(pa.string()).to_pylist())
        except (pa.ArrowException, UnicodeDecodeError):
            raise InputError(f"{shown(path)}: column {column} is not UTF-8 text; write it again") from None
    for row, (name, person, role) in enumerate(zip(*columns, strict=True), start=1):
        yield row, name or "", (person or "").strip() or None, role


def _columns(path: Path, header: Iterable[str]) -> dict[str, int]:
    """Name -> position of our columns; other columns are ignored."""
    names = [name.strip().lower() for name in header]
    twice = [column for column in _COLUMNS if names.count(column) > 1]
    if twice:
        raise InputError(f"{shown(path)}: column {twice[0]} is there twice; keep one")
    if "path" not in names:
        has = shown(", ".join(names)[:120])
        raise InputError(f"{shown(path)}: no column path (it has: {has}); name the column of image paths so")
    return {column: names.index(column) for column in _COLUMNS if column in names}


def _checked(path: Path, rows: Iterable[_Row]) -> list[_Row]:
    """The rows with known roles, each image once. Repeated rows are dropped; InputError for contradicting ones."""
    seen: dict[str, _Row] = {}
    for number, name, person, word in rows:
        if not name:
            raise InputError(f"{shown(path)}: row {number} has no path; fill it in or delete the row")
        role = None if word is None else role_of(word)
        if word is not None and role is None:
            raise InputError(f"{shown(path)}: row {number} has the role {shown(repr(word))}; known are {KNOWN}")
        key = posixpath.normpath(name)
        before = seen.setdefault(key, (number, name, person, role))
        for column, one, other in (("person", before[2], person), ("role", before[3], role)):
            if one != other:
                raise InputError(
                    f"{shown(path)}: {shown(name)} has {column} {shown(one)} in row {before[0]} and "
                    f"{shown(other)} in row {number}; keep one of the rows"
                )
    if not seen:
        raise InputError(f"{shown(path)}: no rows; list one image a row under path[, person][, role]")
    return list(seen.values())


def _of_role(path: Path, rows: list[_Row], wanted: Role | None) -> list[_Row]:
    if wanted is None or all(role is None for *_, role in rows):
        return rows
    chosen = [row for row in rows if row[3] == wanted]
    if not chosen:
        has = ", ".join(f"{n:,} {role}" for role, n in sorted(Counter(str(row[3]) for row in rows).items()))
        raise no_images(shown(path), f" of role {wanted} (it has {has})")
    return chosen
