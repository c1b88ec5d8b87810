"""Answer 2: who? A conformal p-value a member, against held-out people of their group, compared on as many photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Scorer
from probablyexists.matching.cosines import similarities
from probablyexists.results.findings import Naming, Stratum
from probablyexists.stats.conformal import MIN_HELDOUT, benjamini_hochberg, conformal_p, smallest_nameable
from probablyexists.stats.contrast import standard_score

PHOTO_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Numbers of photos on which people may be compared."""
N_NEAREST = 3
MOST_TO_NAME = 0.1
"""Share of the members who may have to be exposed before one can be named, for a group to be compared by itself."""


@dataclass(frozen=True)
class Named:
    """Every member's result, in the order of `training.people`."""

    compared_on: NDArray[np.intp]
    templates: NDArray[np.float32]
    """(n_members, dim)"""
    similarity: NDArray[np.float64]
    exposure: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    exposed: NDArray[np.bool_]
    nearest: NDArray[np.intp]
    """(n_members, 3) rows of the nearest samples; -1 where there are fewer."""
    heldout_scores: dict[tuple[str | None, int], NDArray[np.float64]]
    """For each group (None: several or all) and number of photos, the scores of the held-out people with at least that
    many."""
    level: float
    compared_with: tuple[str | None, ...] | None = None
    """The group within which each member is compared (None: several groups, put together); None without groups."""

    @property
    def main_count(self) -> int:
        """The number of photos on which most members were compared."""
        values, counts = np.unique(self.compared_on, return_counts=True)
        return int(values[counts.argmax()])

    def stratum(self, member: int | np.intp) -> tuple[str | None, int]:
        """The group and the number of photos of the comparison that this member is in."""
        group = None if self.compared_with is None else self.compared_with[member]
        return group, int(self.compared_on[member])


def photo_counts(
    members: NDArray[np.intp], heldout: NDArray[np.intp], level: float, n_tested: int | None = None
) -> NDArray[np.intp]:
    """(n_members,) photos on which each member is compared; decided from the counts alone, before any score is seen.

    More photos make a better template, but fewer held-out people have as many, and the p-value floor rises. If a
    single exposed person can be named on one photo, a number is allowed only if that stays true, because the
    over-represented person has the most photos and is often exposed alone. Otherwise a number is allowed if naming
    takes at most twice as many exposed people as on one photo. Each member gets the largest allowed number of photos
    that they have. `n_tested`: members of all groups, where these are those of one.
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


def _comparisons(view: View, level: float) -> list[tuple[str | None, NDArray[np.intp], NDArray[np.intp]]]:
    """(group, its members, its held-out people) of each comparison; nobody is in two of them.

    Groups with too few held-out people are put together (None), so that their members too are compared with people
    drawn as they were; as long as these are too few, the smallest of the other groups joins them.
    """
    people, others = view.training.people, view.heldout.people
    if not view.groups:
        return [(None, np.arange(len(people)), np.arange(len(others)))]
    ours, theirs = (np.array([view.groups[name] for name in side.names]) for side in (people, others))
    size = {str(group): int((theirs == group).sum()) for group in np.union1d(ours, theirs)}

    def enough(groups: list[str]) -> bool:
        return enough_alike(sum(size[group] for group in groups), len(others), len(people), level)

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


def name_people(view: View, scorers: Sequence[Scorer], level: float) -> Named:
    """Score, rank against held-out people, and correct for the number of members (Benjamini-Hochberg).

    Exposure and held-out scores are from the first attack; p-values are from the attack that exposes each member most.
    With groups, members are ranked within their group where it has enough held-out people (`enough_alike`).
    """
    training, heldout = view.training, view.heldout
    n = len(training.people)
    templates = np.empty((n, training.table.embeddings.shape[1]), np.float32)
    exposure, p, compared_on = np.empty(n), np.empty(n), np.empty(n, np.intp)
    compared_with = np.full(n, None, dtype=object)
    heldout_scores = {}
    for group, members, strangers in _comparisons(view, level):
        compared_on[members] = photo_counts(training.people.counts[members], heldout.people.counts[strangers], level, n)
        compared_with[members] = group
        for k in map(int, np.unique(compared_on[members])):
            here = members[compared_on[members] == k]
            ours = training.some(here).faces(k)[0]
            templates[here], scored = ours.templates, scores_of(scorers, ours)
            theirs = scores_of(scorers, heldout.some(strangers).faces(k)[0])
            p[here] = p_of(scored, theirs)
            heldout_scores[group, k] = theirs[:, 0]
            exposure[here] = standard_score(scored[:, 0], theirs[:, 0])
    within = tuple(compared_with) if view.groups else None
    q = _q(p, within)
    near = view.matcher.nearest(templates, view.samples.embeddings, N_NEAREST)
    return Named(
        compared_on,
        templates,
        np.maximum(near.similarity[:, 0], -1.0),
        exposure,
        p,
        q,
        q <= level,
        near.index,
        heldout_scores,
        level,
        within,
    )


def _q(p: NDArray[np.float64], compared_with: Sequence[str | None] | None) -> NDArray[np.float64]:
    """Benjamini-Hochberg over all members; with groups also within each comparison, and the larger of the two counts.

    Over all alone, a leak in one group would let others of another group be named wrongly: of 100 people of whom nobody
    leaked, somebody in 38 to 58 % of audits (docs/results/groups.md).
    """
    q = benjamini_hochberg(p)
    for group in set(compared_with or ()):
        here = np.array([other == group for other in compared_with or ()])
        q[here] = np.maximum(q[here], benjamini_hochberg(p[here]))
    return q


def agreed(by_recogniser: Sequence[Named]) -> Named:
    """People named only where every recogniser agrees; all but the p-values is from the first recogniser."""
    first = by_recogniser[0]
    if len(by_recogniser) == 1:
        return first
    p = np.max([named.p for named in by_recogniser], axis=0)
    q = _q(p, first.compared_with)
    return replace(first, p=p, q=q, exposed=q <= first.level)


def likenesses(named: Named, samples: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """((n_samples,) the exposed member each sample shows, -1 for none; (n_samples,) its similarity).

    A sample shows an exposed member if it alone would have exposed them: its similarity, taken as a score, has a
    p-value no larger than the largest among the exposed of the same comparison. If that holds for several members, the
    most similar one.
    """
    shown = np.full(len(samples), -1, dtype=np.intp)
    best = np.full(len(samples), -np.inf)
    exposed = np.flatnonzero(named.exposed)
    cut: dict[str | None, float] = {}
    for member in exposed:
        group, _ = named.stratum(member)
        cut[group] = max(cut.get(group, 0.0), float(named.p[member]))
    for member in exposed:
        alike = similarities(named.templates[member : member + 1], samples)[0]
        p = conformal_p(alike, named.heldout_scores[named.stratum(member)])
        better = (p <= cut[named.stratum(member)[0]]) & (alike > best)
        shown[better], best[better] = member, alike[better]
    return shown, best


def naming(named: Named, n_heldout: int) -> Naming:
    """How people were named: p-value floors and strata."""
    n = len(named.p)
    here = Counter(named.stratum(member) for member in range(n))
    strata = [
        Stratum(group=group, photos=k, n_members=here[group, k], n_heldout=theirs.size, p_floor=1 / (theirs.size + 1))
        for (group, k), theirs in sorted(named.heldout_scores.items(), key=lambda one: (one[0][0] or "", one[0][1]))
    ]
    return Naming(
        level=named.level,
        n_members=n,
        n_exposed=int(named.exposed.sum()),
        n_heldout=n_heldout,
        p_floor=min(s.p_floor for s in strata),
        smallest_nameable=_smallest_nameable(strata, named.level),
        strata=strata,
    )


def _smallest_nameable(strata: list[Stratum], level: float) -> int:
    """As `stats.conformal.smallest_nameable`, over strata with different floors; n_members + 1 if nobody can be."""
    floors = np.sort(np.repeat([s.p_floor for s in strata], [s.n_members for s in strata]))
    enough = np.flatnonzero(floors * floors.size / np.arange(1, floors.size + 1) <= level + 1e-12)
    return int(enough[0]) + 1 if enough.size else floors.size + 1
