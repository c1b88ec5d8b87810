"""Who is in each photo: the names of folders, how names are spelled, and the groups that tables give people."""

from __future__ import annotations

import math
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import clean, shown
from probablyexists.sources.listing import count


def person_name(given: object) -> str | None:
    """A person's name as it is compared: text in Unicode's composed form (NFC), since macOS writes "e" and an accent.

    A whole number is a name too. None for nothing, an empty text, or another type. All photos of a person share one
    string.

    >>> person_name(17), person_name(17.0), person_name(" ann "), person_name(""), person_name(True)
    ('17', '17', 'ann', None, None)
    """
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    if isinstance(given, float):
        if not given.is_integer():
            return None
        given = int(given)
    text = clean(str(given).strip())
    return sys.intern(unicodedata.normalize("NFC", text)) if text else None


LONGEST_GROUP = 100
"""Characters of a group's name."""


def group_name(given: object) -> str | None:
    """A group's name: as a person's, with single spaces, and printable on one line. None for nothing.

    >>> group_name("  North\\tSea "), group_name(3.0), group_name(0.5), group_name(" "), group_name("a\\x1b[2J")
    ('North Sea', '3', '0.5', None, "'a\\\\x1b[2J'")
    """
    number = isinstance(given, float) and math.isfinite(given) and not given.is_integer()
    name = person_name(str(given) if number else given)
    return None if name is None else sys.intern(shown(" ".join(name.split())))


class GroupColumn:
    """The groups that one table gives its people. What is wrong is kept, for those who ask for groups."""

    def __init__(self, where: str) -> None:
        """`where`: begins the message of an error."""
        self.where = where
        self._of: dict[str, tuple[str, int]] = {}
        self._wrong: str | None = None

    def add(self, person: str | None, given: object, row: int) -> None:
        """One row's group, if it gives one."""
        group = group_name(given)
        if group is None or self._wrong is not None:
            return
        if len(group) > LONGEST_GROUP:
            self.refuse(f"row {row} has a group of {len(group):,} characters; use at most {LONGEST_GROUP}")
        elif person is None:
            self.refuse(f"row {row} has the group {group} and no person; name the people, or remove the column group")
        else:
            before, first = self._of.setdefault(person, (group, row))
            if before != group:
                self.refuse(
                    f"{shown(person)} has group {before} in row {first} and {group} in row {row}; give each person one "
                    "group, or rename the column if it means something else"
                )

    def refuse(self, why: str) -> None:
        """What is wrong, if nothing was before."""
        self._wrong = self._wrong or why

    def of_people(self) -> dict[str, str]:
        """Person -> group, of those who have one; InputError if something is wrong with the groups."""
        if self._wrong is not None:
            raise InputError(f"{self.where}: {self._wrong}")
        return {person: group for person, (group, _) in self._of.items()}


def spelled(paths: Sequence[str]) -> list[str]:
    """Each path as text that UTF-8 can hold. Different paths stay different: `~` ends a name that is taken already."""
    if all(clean(path) == path for path in paths):
        return list(paths)
    parts = {part for path in paths for part in path.split("/")}
    taken = {part for part in parts if clean(part) == part}
    text_of = {part: part for part in taken}
    for part in sorted(parts - taken):
        text = clean(part)
        while text in taken:
            text += "~"
        taken.add(text)
        text_of[part] = text
    return ["/".join(map(text_of.__getitem__, path.split("/"))) for path in paths]


def persons_of(where: str, paths: Sequence[str], named: bool | None, *, strip_top: bool) -> list[str | None]:
    """The person of each path, in the given order; all photos of a person share one string.

    The person is the name of the first folder. `strip_top`: a single top folder that holds everything is no person.
    `named`: None = people if there are folders; False = no people; True = people are required.
    Raises InputError if some photos are in folders and some are not, or if people are required and missing.
    """
    if named is False:
        return [None] * len(paths)

    def parts(path: str) -> list[str]:
        return [part for part in path.split("/") if part != ".."]

    name_of = cache(lambda folder: sys.intern(unicodedata.normalize("NFC", clean(folder))))
    top = 0
    if strip_top and paths:
        first = parts(paths[0])[0]
        top = int(all(len(its := parts(path)) > 1 and its[0] == first for path in paths))
    persons = [name_of(its[top]) if len(its) > top + 1 else None for its in map(parts, paths)]
    n_loose = persons.count(None)
    if n_loose and n_loose < len(persons):
        example = shown("/".join(parts(paths[persons.index(None)])))
        people = len({person for person in persons if person is not None})
        raise InputError(
            f"{where}: {count(n_loose, 'image is', 'images are')} loose (such as {example}) beside "
            f"{count(people, 'folder', 'folders')} with images; give each person a folder, or no folders at all"
        )
    if named and n_loose:
        raise InputError(f"{where}: no sub-folders with images; give one sub-folder a person, or a manifest")
    return persons
