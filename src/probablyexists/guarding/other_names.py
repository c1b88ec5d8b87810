"""One person under two names in a guard: the same photos, or a face that the guard takes for the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probablyexists.copies.search import SAME_PICTURE, find_all
from probablyexists.guarding.kept_out import Content, Members
from probablyexists.guarding.likeness import faces_of


@dataclass(frozen=True)
class OtherName:
    """Somebody in a guard who may be the person asked about."""

    person: str
    photos: int
    """Photos of the person asked about that are here under this name too."""
    similarity: float
    """Cosine of the two templates, commonness taken out as in a decision."""
    threshold: float
    """Above it, the guard refuses pictures as likenesses of this name."""


def other_names(content: Content, person: Members, threads: int | None) -> tuple[OtherName, ...]:
    """Who in a guard has photos of this person, who is not in it, or looks like them; most photos first.

    Different people are taken for one about as often as a stranger's picture is refused, so that a face alone is a
    caution and no more.
    """
    members, limit = content.members, content.about.threshold
    if limit is None:
        return ()
    pairs = same_pictures(members, person, threads)
    shared = np.bincount([owner for owner, _ in {(int(members.owner[row]), one) for one, row in pairs} if owner >= 0],
                         minlength=len(members.names))  # fmt: skip
    common = faces_of(members.templates, threads).common
    scores = members.templates @ person.templates[0] - common
    found = [
        OtherName(members.names[i], int(shared[i]), float(scores[i] + common[i]), float(limit + common[i]))
        for i in np.flatnonzero((shared > 0) | (scores > limit))
    ]
    return tuple(sorted(found, key=lambda one: (-one.photos, one.threshold - one.similarity)))


def same_pictures(members: Members, person: Members, threads: int | None) -> set[tuple[int, int]]:
    """(row of the person's photo, row of the members' photo) that are one file, or one picture: re-encoded, mirrored,
    slightly cropped."""
    if not len(members.pictures):
        return set()
    same = (person.prints[:, None] == members.prints[None]).all(axis=2)
    files = {(int(one), int(row)) for one, row in np.argwhere(same)}
    return files | set(find_all(person.pictures, members.pictures, SAME_PICTURE, threads))
