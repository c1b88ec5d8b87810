"""Which group each person is of, as the owner says: by a column of a table of photos, or by a table of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.plain_files import plain_size
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES, Role
from probablyexists.basis.text import shown
from probablyexists.intake.open_sources import has_names
from probablyexists.intake.settings import AuditSettings
from probablyexists.sources.listing import count
from probablyexists.sources.manifest import MOST_BYTES, MOST_ROWS
from probablyexists.sources.open_source import Source, groups_of
from probablyexists.sources.persons import GroupColumn, person_name
from probablyexists.sources.text_table import Columns, text_rows

NO_GROUP = "no group given"
"""The group of those for whom the owner gives none."""
MOST_GROUPS = 50
_COLUMNS = Columns({"person": "people's names", "group": "their groups"})


@dataclass(frozen=True)
class Groups:
    """The groups of an audit's people."""

    of: Mapping[str, str] = field(default_factory=dict)
    """Person -> group, of every member, held-out and reference person; empty without groups."""
    said: tuple[str, ...] = ()
    """What the reader must know of them, without people's names."""


def find_groups(sources: Mapping[Role, Source], settings: AuditSettings, progress: Progress) -> Groups:
    """The group of every person of these sources.

    InputError if a person has two groups, if people have no names, if there are over `MOST_GROUPS` groups, or if none
    of the people in the table of groups has photos.
    """
    where = settings.groups
    people: dict[Role, Source] = {role: source for role, source in sources.items() if role != "generated"}
    if where is not None:
        _refuse_no_names(people, option("groups", where), flat=settings.flat)
    in_tables = {shown(source.name): groups_of(source) for source in people.values()}
    for name, own in in_tables.items():
        if own:
            _refuse_no_names(people, f"{name}: column group", flat=False)
    in_file = {} if where is None else _table(where)
    given = _joined({**in_tables, option("groups", where): in_file})
    if not given:
        return Groups()
    names = {role: {str(photo.person) for photo in source.photos} for role, source in people.items()}
    everybody, judged = set[str]().union(*names.values()), names["training"] | names["heldout"]
    if in_file and judged.isdisjoint(in_file):
        raise InputError(
            f"{option('groups', where)}: none of its people ({len(in_file):,}, such as {shown(min(in_file))}) has "
            f"photos here (such as {shown(min(names['training']))} in {TITLES['training']}); write names as the photos "
            "have them"
        )
    if judged.isdisjoint(given):
        return Groups()
    of = {person: given.get(person, NO_GROUP) for person in sorted(everybody)}
    n_groups = len(set(of.values()))
    if n_groups > MOST_GROUPS:
        place = "column group" if where is None else option("groups", where)
        raise InputError(
            f"{place}: {n_groups:,} groups among {len(of):,} people; at most {MOST_GROUPS} are compared, so give "
            "larger ones"
        )
    n_members, n_heldout = (len(names[role] - given.keys()) for role in ("training", "heldout"))
    said = _said(n_members, n_heldout, len(in_file.keys() - everybody))
    for text in said:
        progress.say(text)
    return Groups(of, said)


def _table(where: Path) -> dict[str, str]:
    """Person -> group, from a CSV or Parquet file of the owner."""
    groups = GroupColumn(option("groups", where))
    try:
        plain_size(where, MOST_BYTES)
        for n, (number, (person, group)) in enumerate(text_rows(where, _COLUMNS, [])):
            if n == MOST_ROWS:
                raise InputError(f"{shown(where)}: over {MOST_ROWS:,} rows; list each person once")
            groups.add(person_name(person), group, number)
    except InputError as error:
        raise InputError(option("groups", where) + error.raw.removeprefix(shown(where))) from None
    except OSError as error:
        said = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise InputError(f"{option('groups', where)}: {said}; check the path") from None
    of_people = groups.of_people()
    if not of_people:
        raise InputError(f"{option('groups', where)}: gives nobody a group; list one person a row under {_COLUMNS}")
    return of_people


def _joined(given: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The groups of several tables together; InputError if two tables disagree on a person."""
    joined: dict[str, str] = {}
    where_of: dict[str, str] = {}
    for where, of_people in given.items():
        for person, group in of_people.items():
            before = joined.setdefault(person, group)
            if before != group:
                raise InputError(
                    f"{where}: {shown(person)} has group {group}, and {before} in {where_of[person]}; give each person "
                    "one group"
                )
            where_of.setdefault(person, where)
    return joined


def _refuse_no_names(people: Mapping[Role, Source], where: str, *, flat: bool) -> None:
    nameless = [TITLES[role] for role, source in people.items() if not has_names(source)]
    if nameless:
        why = f"photos have none by {option('flat', True)}" if flat else f"{' and '.join(nameless)} have none"
        raise InputError(f"{where}: groups need people's names, and {why}; name the people, or leave out the groups")


def _said(n_members: int, n_heldout: int, n_absent: int) -> tuple[str, ...]:
    said = []
    if n_members or n_heldout:
        who = f"{count(n_members, 'member', 'members')} and {count(n_heldout, 'held-out person', 'held-out people')}"
        said.append(f"groups: {who} have no group, and are the group '{NO_GROUP}'")
    if n_absent:
        who = count(n_absent, "person with a group has", "people with groups have")
        said.append(f"groups: {who} no photos in any role, and count nowhere")
    return tuple(said)
