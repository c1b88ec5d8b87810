"""Drawing members and held-out people, for a generator's owner before training."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import written_whole
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.basis.text import shown
from probablyexists.sources.listing import Photo


def draw_roles(photos: Sequence[Photo], members: float, unseen: float, seed: int) -> list[tuple[Photo, Role]]:
    """Give every photo a role, "training", "unseen" or "heldout", at random; sorted by path.

    People are drawn, not photos: the share `members` of them (rounded half up, at least one person on each side) become
    members; the others are held out with all their photos. The share `unseen` of each member's photos (rounded half up,
    at least one stays seen) is kept from training. The order of `photos` changes nothing, and one person's photos do
    not change another person's draw.

    Raises InputError for a share out of range, photos without persons, or fewer than two people.
    """
    if not 0 < members < 1:
        raise InputError(f"the share of members is {members}; it must be above 0 and below 1")
    if not 0 <= unseen < 1:
        raise InputError(f"the share of unseen photos is {unseen}; it must be 0 or more and below 1")
    of_person: dict[str, list[Photo]] = defaultdict(list)
    for photo in sorted(set(photos), key=lambda photo: photo.path):
        if photo.person is None:
            raise InputError(f"{shown(photo.path)} has no person; give each person a folder, or a column person")
        of_person[photo.person].append(photo)
    people = sorted(of_person)
    if len(people) < 2:
        raise InputError(f"{len(people)} people are too few to draw members and held-out people; give at least 2")

    n_members = min(max(_share(members, len(people)), 1), len(people) - 1)
    drawn = rng(seed, "roles", "people").permutation(len(people))[:n_members]
    is_member = {people[index] for index in drawn}
    rows: list[tuple[Photo, Role]] = []
    for person, own in of_person.items():
        if person not in is_member:
            rows += [(photo, "heldout") for photo in own]
            continue
        n_unseen = min(_share(unseen, len(own)), len(own) - 1)
        kept_back = set(rng(seed, "roles", "photos", person).permutation(len(own))[:n_unseen].tolist())
        rows += [(photo, "unseen" if index in kept_back else "training") for index, photo in enumerate(own)]
    return sorted(rows, key=lambda row: row[0].path)


def _share(share: float, n: int) -> int:
    return math.floor(share * n + 0.5)


def write_manifest(
    path: Path, rows: Iterable[tuple[Photo, Role]], root: Path, groups: Mapping[str, str] | None = None
) -> None:
    """Write a CSV of path, person, role, whole or not at all; its paths are relative to its own folder.

    `root`: the folder that the photos' paths are relative to. `groups`: person -> group, for a column of
    groups. Raises InputError if `root` is no folder (an archive) or if `path` cannot be written.
    """
    if not root.is_dir():
        raise InputError(f"{shown(root)}: not a folder; a manifest lists files, so unpack an archive first")
    place = os.path.relpath(root, path.parent)
    with written_whole(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "person", "role", *(["group"] if groups else [])])
        for photo, role in rows:
            at = Path(os.path.normpath(os.path.join(place, photo.path))).as_posix()
            person = photo.person or ""
            writer.writerow([at, person, role, *([groups.get(person, "")] if groups else [])])


def described(path: Path) -> str:
    """What the file is, of when: its photos by role if it is a manifest."""
    try:
        when = f"of {datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
        with path.open(encoding="utf-8", newline="") as file:
            roles = Counter(row.get("role") for row in csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        return "something that cannot be read"
    counts = [f"{roles[role]:,} {role}" for role in ("training", "unseen", "heldout") if roles[role]]
    return f"a split {when} ({', '.join(counts)})" if counts else f"another file {when}"
