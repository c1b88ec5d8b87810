"""The same people in two audits, row for row: who is compared, and what cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.pooled_samples import Rows
from probablyexists.basis.errors import InputError
from probablyexists.matching.commonness import N_ALIKE
from probablyexists.stats.conformal import MIN_HELDOUT

Key = tuple[str, tuple[str | None, int]]


def same_people(before: Rows, after: Rows) -> tuple[Rows, Rows]:
    """The rows of the people in both audits, in the order of the first.

    InputError if members differ, if people were compared on other photos or in other groups, or if fewer than 20
    held-out people of a comparison judge in both.
    """
    ours, theirs = _members(before), _members(after)
    if ours.keys() != theirs.keys():
        only, new = len(ours.keys() - theirs.keys()), len(theirs.keys() - ours.keys())
        raise InputError(
            f"the audits are of other members ({only:,} only in the first, {new:,} only in the second); audit the "
            "second model with the training photos of the first audit, even if it was trained on fewer"
        )
    first, second = _keys(before), _keys(after)
    if moved := sum(key not in second for key, row in first.items() if before.is_member[row]):
        raise InputError(
            f"{moved:,} members were compared in another group or on another number of photos in the second audit; "
            "audit again with the same held-out people, groups and attacks"
        )
    both = [key for key, row in first.items() if before.judges[row] and key in second and after.judges[second[key]]]
    rows, others = (np.array([keys[key] for key in both], dtype=np.intp) for keys in (first, second))
    changed = sum(before.template[i] != after.template[j] for i, j in zip(rows, others, strict=True))
    if changed:
        raise InputError(
            f"{changed:,} people were compared on other photos of theirs in the second audit; audit again with the "
            "same photos and the same seed"
        )
    for stratum in dict.fromkeys(before.stratum):
        n = sum(before.stratum[row] == stratum and not before.is_member[row] for row in rows)
        if n < MIN_HELDOUT:
            raise InputError(
                f"the audits have {n:,} held-out people in common, of {MIN_HELDOUT} needed; audit again with the same "
                "held-out people"
            )
    return _some(before, rows), _some(after, others)


def _members(people: Rows) -> dict[str, int]:
    return {people.person[row]: int(row) for row in np.flatnonzero(people.is_member)}


def _keys(people: Rows) -> dict[Key, int]:
    return {key: row for row, key in enumerate(zip(people.person, people.stratum, strict=True))}


def _some(people: Rows, rows: NDArray[np.intp]) -> Rows:
    """Only these rows. Of those who look most like each, the ones left count, again in turn to keep their number."""
    if np.array_equal(rows, np.arange(len(people))):
        return people
    at = np.full(len(people), -1, dtype=np.intp)
    at[rows] = np.arange(len(rows))
    stratum = tuple(people.stratum[row] for row in rows)
    alike = []
    for new, row in enumerate(rows):
        left = at[people.alike[row]]
        left = left[left >= 0]
        if not left.size:
            left = np.array([i for i, other in enumerate(stratum) if other == stratum[new] and i != new][:N_ALIKE])
        alike.append(np.resize(left, len(people.alike[row])))
    return replace(
        people,
        person=tuple(people.person[row] for row in rows),
        called=tuple(people.called[row] for row in rows),
        is_member=people.is_member[rows],
        judges=people.judges[rows],
        stratum=stratum,
        template=tuple(people.template[row] for row in rows),
        samples=people.samples[rows],
        similarity=people.similarity[rows],
        copies=people.copies[rows],
        floor=people.floor[rows],
        alike=tuple(alike),
        closeness=people.closeness[rows],
        near_members=people.near_members[rows],
    )
