"""A manifest: a CSV or Parquet table of path[, person][, role][, group], one row an image."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.roles import Role
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import Left, Photo, checked_role, no_images, read_file
from probablyexists.sources.persons import GroupColumn, person_name
from probablyexists.sources.text_table import Columns, text_rows

_COLUMNS = Columns({"path": "image paths"}, ("person", "role", "group"))
_N_LOOKED_FOR = 100
_COLUMNS_SHOWN = 6
MOST_BYTES = 512 * 2**20
"""Of a table of paths."""
MOST_ROWS = 5_000_000


class _Row(NamedTuple):
    number: int  # as the user counts
    path: str
    person: str | None
    role: str | None
    group: str | None  # as it is written


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
        self.groups = GroupColumn(shown(path))
        rows = _checked(path, _rows(path, others), None if named is False else self.groups)
        chosen = _of_role(path, rows, role)
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


def _rows(path: Path, others: list[str]) -> Iterator[_Row]:
    for number, (name, person, role, group) in text_rows(path, _COLUMNS, others):
        yield _Row(number, name or "", person_name(person), role, group)


def unused_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Columns that may name people, for a message."""
    return tuple(f"column {name[:60]!a}" for name in names if name)[:_COLUMNS_SHOWN]


def _checked(path: Path, rows: Iterable[_Row], groups: GroupColumn | None) -> list[_Row]:
    """The rows with known roles, each image once. Repeated rows are dropped; InputError for contradicting ones."""
    seen: dict[str, _Row] = {}
    for n, given in enumerate(rows):
        if n == MOST_ROWS:
            raise InputError(f"{shown(path)}: over {MOST_ROWS:,} rows; split it, or pack the images as tars")
        if not given.path:
            raise InputError(f"{shown(path)}: row {given.number} has no path; fill it in or delete the row")
        row = given._replace(role=checked_role(given.role, shown(path), given.number))
        if groups is not None and row.role != "generated":
            groups.add(row.person, row.group, row.number)
        before = seen.setdefault(posixpath.normpath(row.path), row)
        for column, one, other in (("person", before.person, row.person), ("role", before.role, row.role)):
            if one != other:
                raise InputError(
                    f"{shown(path)}: {shown(row.path)} has {column} {shown(one)} in row {before.number} and "
                    f"{shown(other)} in row {row.number}; keep one of the rows"
                )
    if not seen:
        raise InputError(f"{shown(path)}: no rows; list one image a row under {_COLUMNS}")
    return list(seen.values())


def _of_role(path: Path, rows: list[_Row], wanted: Role | None) -> list[_Row]:
    if wanted is None or all(row.role is None for row in rows):
        return rows
    chosen = [row for row in rows if row.role == wanted]
    if not chosen:
        has = ", ".join(f"{n:,} {role}" for role, n in sorted(Counter(str(row.role) for row in rows).items()))
        raise no_images(shown(path), note=f" of role {wanted} (it has {has})")
    return chosen
