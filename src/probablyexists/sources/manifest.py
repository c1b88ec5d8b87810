"""A manifest: a CSV or Parquet table of path[, person][, role], one row an image."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Photo, checked_role, no_images, read_file

_COLUMNS = ("path", "person", "role")
_N_LOOKED_FOR = 100


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
        rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _parquet_rows(path)
        chosen = _of_role(path, _checked(path, rows), role)
        photos = [Photo(row.path, None if named is False else row.person) for row in chosen]
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
            yield _Row(row, name or "", (person or "").strip() or None, role)
    except csv.Error as error:
        raise InputError(f"{shown(path)}: row {reader.line_num} is no CSV ({error}); mend that row") from None


def _parquet_rows(path: Path) -> Iterator[_Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from probablyexists.sources.tables import is_text

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
        if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise InputError(f"{shown(path)}: column {column} is of type {kind}; write it as text")
        try:
            columns.append(values.cast(pa.string()).to_pylist())
        except (pa.ArrowException, UnicodeDecodeError):
            raise InputError(f"{shown(path)}: column {column} is not UTF-8 text; write it again") from None
    for row, (name, person, role) in enumerate(zip(*columns, strict=True), start=1):
        yield _Row(row, name or "", (person or "").strip() or None, role)


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
    for given in rows:
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
        raise no_images(shown(path), f" of role {wanted} (it has {has})")
    return chosen
