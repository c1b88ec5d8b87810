"""Who is compared with whom: members and held-out people of one group, on as many photos each.

Decided from the counts alone, before any score is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.view import View
from probablyexists.attacks.attack import Faces
from probablyexists.basis.seeds import rng
from probablyexists.matching.commonness import Alike, most_alike, without_commonness
from probablyexists.stats.conformal import MIN_HELDOUT, smallest_nameable

VERDICT_LEVEL = 0.03
"""False discovery rate of the naming that makes a leak, whatever `level` is: if nothing leaks, at most 3 % of audits
say so by naming. The group tests and the copies have 1 % each, so that a false leak has 5 % (`audit_verdict.py`)."""
SUGGESTIVE_LEVEL = 0.05
"""A false discovery rate, or p of a group test, at which what is found is too much for "no evidence"."""
PHOTO_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Numbers of photos on which people may be compared."""
MOST_TO_NAME = 0.1
"""Share of the members who may have to be exposed before one can be named, for a group to be compared by itself."""
MOST_OTHERS = 20_000
"""People among whom those who look most like a person are sought; of more, so many are drawn."""

Stratum = tuple[str | None, int]
"""The group of a comparison (None: several, or without groups) and the photos in each template."""


@dataclass(frozen=True)
class Comparison:
    """Members, and the held-out people whom they are ranked among."""

    stratum: Stratum
    members: NDArray[np.intp]
    """(n,) numbers of the members."""
    strangers: NDArray[np.intp]
    """Numbers of the held-out people of the group; those with as many photos are compared."""
    ours: Faces
    theirs: Faces
    """The m held-out people."""
    alike: Alike
    """Of each member, then each held-out person: those of them all who look most like the person."""

    def ranked(
        self, ours: NDArray[np.float64], theirs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, attacks) and (m, attacks) scores with commonness taken out, as they are ranked for p-values."""
        scores = without_commonness(np.concatenate([ours, theirs]), self.alike)
        return scores[: len(ours)], scores[len(ours) :]


def comparisons(view: View, n_attacks: int = 1) -> list[Comparison]:
    """Everybody is in one: with the group where it has enough held-out people, and on as many photos as is allowed.

    With several attacks the p-value floor of a member whom one of them exposes is as many times as high.
    """
    n_tested = n_attacks * len(view.training.people)
    training, heldout = view.training, view.heldout
    found = []
    for group, members, strangers in _by_group(view, n_tested):
        counts = training.people.counts[members], heldout.people.counts[strangers]
        compared_on = photo_counts(*counts, VERDICT_LEVEL, n_tested)
        for k in map(int, np.unique(compared_on)):
            here = members[compared_on == k]
            ours, theirs = training.some(here).faces(k)[0], heldout.some(strangers).faces(k)[0]
            templates = np.concatenate([ours.templates, theirs.templates])
            found.append(Comparison((group, k), here, strangers, ours, theirs, _alike(templates, view)))
    return found


def _alike(templates: NDArray[np.float32], view: View) -> Alike:
    n = len(templates)
    some = np.sort(rng(0, "alike").permutation(n)[:MOST_OTHERS])
    own = np.full(n, -1, dtype=np.intp)
    own[some] = np.arange(len(some))
    found = most_alike(templates, templates[some], own, view.matcher)
    return replace(found, rows=some[found.rows])


def photo_counts(
    members: NDArray[np.intp], heldout: NDArray[np.intp], level: float, n_tested: int | None = None
) -> NDArray[np.intp]:
    """(n_members,) photos on which each member is compared; decided from the counts alone, before any score is seen.

    More photos make a better template, but fewer held-out people have as many, and the p-value floor rises. If a
    single exposed person can be named on one photo, a number is allowed only if that stays true, because the
    over-represented person has the most photos and is often exposed alone. Otherwise a number is allowed if naming
    takes at most twice as many exposed people as on one photo. Each member gets the largest allowed number of photos
    that they have. `n_tested`: members of all groups, where these are those of one, times
    the number of attacks.
    """
    n_tested = members.size if n_tested is None else n_tested
    floor = smallest_nameable(n_tested, heldout.size, level)
    most = 1 if floor == 1 else 2 * floor
    allowed = [1]
    for k in PHOTO_COUNTS[1:]:
        n = int((heldout >= k).sum())
        if n >= MIN_HELDOUT and smallest_nameable(n_tested, n, level) <= most:
            allowed.append(k)
    return np.array([max(k for k in allowed if k <= n) for n in members], dtype=np.intp)


def enough_alike(n: int, n_heldout: int, n_members: int, level: float) -> bool:
    """Whether members of a group are compared with its `n` held-out people alone, of `n_heldout` in all groups.

    Decided from the counts alone, as in `photo_counts`: there are at least `MIN_HELDOUT`, and naming stays possible. If
    a single exposed person can be named against all `n_heldout`, that stays true; otherwise naming takes at most a
    tenth of the members, or twice as many exposed people as against all.
    """
    floor = smallest_nameable(n_members, n_heldout, level)
    most = 1 if floor == 1 else max(2 * floor, int(MOST_TO_NAME * n_members))
    return n >= MIN_HELDOUT and smallest_nameable(n_members, n, level) <= most


def fewest_nameable(floors: NDArray[np.float64], level: float) -> int:
    """As `stats.conformal.smallest_nameable`, for (n_members,) p-value floors; n_members + 1 if nobody can be named."""
    floors = np.sort(floors)
    enough = np.flatnonzero(floors * floors.size / np.arange(1, floors.size + 1) <= level + 1e-12)
    return int(enough[0]) + 1 if enough.size else floors.size + 1


def hardly_nameable(smallest: int, n_members: int) -> bool:
    """Whether more than a tenth of the members, and more than one, must be exposed before anybody can be named.

    `smallest`: how many must be, as `stats.conformal.smallest_nameable`.
    """
    return smallest > max(1, MOST_TO_NAME * n_members)


def _by_group(view: View, n_tested: int) -> list[tuple[str | None, NDArray[np.intp], NDArray[np.intp]]]:
    """(group, its members, its held-out people) of the groups that are compared; nobody is in two of them.

    Groups with too few held-out people are put together (None), so that their members too are compared with people
    drawn as they were; as long as these are too few, the smallest of the other groups joins them.
    """
    people, others = view.training.people, view.heldout.people
    if not view.groups:
        return [(None, np.arange(len(people)), np.arange(len(others)))]
    ours, theirs = (np.array([view.groups[name] for name in side.names]) for side in (people, others))
    size = {str(group): int((theirs == group).sum()) for group in np.union1d(ours, theirs)}

    def enough(groups: list[str]) -> bool:
        return enough_alike(sum(size[group] for group in groups), len(others), n_tested, VERDICT_LEVEL)

    alone = sorted((group for group in size if enough([group])), key=lambda group: (size[group], group))
    together = [group for group in size if group not in alone]
    while alone and np.isin(ours, together).any() and not enough(together):
        together.append(alone.pop(0))
    found: list[tuple[str | None, NDArray[np.intp], NDArray[np.intp]]] = []
    for group, some in [*((group, [group]) for group in alone), (None, together)]:
        members, strangers = (np.flatnonzero(np.isin(side, some)) for side in (ours, theirs))
        if members.size:
            found.append((group, members, strangers))
    return found
