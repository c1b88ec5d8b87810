"""Answer 2: who? A conformal p-value a member, against held-out people of their group, compared on as many photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.comparisons import (
    SUGGESTIVE_LEVEL,
    VERDICT_LEVEL,
    Comparison,
    comparisons,
    fewest_nameable,
    hardly_nameable,
)
from probablyexists.answers.comparisons import Stratum as ComparedOn
from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Scorer
from probablyexists.matching.cosines import similarities
from probablyexists.matching.matcher import Matcher
from probablyexists.results.findings import Histogram, Naming, Stratum
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.several import p_floor

N_NEAREST = 3
N_BINS = 40
"""Bins of the histogram of the held-out people's exposures."""


@dataclass(frozen=True)
class Named:
    """Every member's result, in the order of `training.people`."""

    compared_on: NDArray[np.intp]
    templates: NDArray[np.float32]
    """(n_members, dim)"""
    similarity: NDArray[np.float64]
    exposure: NDArray[np.float64]
    common: NDArray[np.float64]
    """What is taken out of each member's score, and of a sample's similarity to the member."""
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    exposed: NDArray[np.bool_]
    nearest: NDArray[np.intp]
    """(n_members, 3) rows of the nearest samples; -1 where there are fewer."""
    heldout_scores: dict[ComparedOn, NDArray[np.float64]]
    """For each comparison the held-out people's scores, with commonness taken out."""
    floors: dict[ComparedOn, float]
    """Smallest p-value in each comparison for a member whom one attack alone exposes."""
    comparisons: tuple[Comparison, ...]
    level: float
    compared_with: tuple[str | None, ...] | None = None
    """The group within which each member is compared (None: several groups, put together); None without groups."""
    claimed: bool = True
    """Whether people may be named: not if the split is not fair."""

    @property
    def main_count(self) -> int:
        """The number of photos on which most members were compared."""
        values, counts = np.unique(self.compared_on, return_counts=True)
        return int(values[counts.argmax()])

    def stratum(self, member: int | np.intp) -> ComparedOn:
        """The group and the number of photos of the comparison that this member is in."""
        group = None if self.compared_with is None else self.compared_with[member]
        return group, int(self.compared_on[member])


def name_people(view: View, scorers: Sequence[Scorer], level: float) -> Named:
    """Score, take commonness out, rank against held-out people, and correct for the number of members.

    Exposure and held-out scores are from the first attack; p-values are from the attack that exposes each member most.
    With groups, members are ranked within their group where it has enough held-out people.
    """
    n = len(view.training.people)
    templates = np.empty((n, view.training.table.embeddings.shape[1]), np.float32)
    exposure, common, p, compared_on = np.empty(n), np.empty(n), np.empty(n), np.empty(n, np.intp)
    compared_with = np.full(n, None, dtype=object)
    heldout_scores, floors = {}, {}
    compared = comparisons(view, len(scorers))
    for one in compared:
        here = one.members
        compared_with[here], compared_on[here] = one.stratum
        raw = scores_of(scorers, one.ours)
        scored, theirs = one.ranked(raw, scores_of(scorers, one.theirs))
        templates[here], p[here] = one.ours.templates, p_of(scored, theirs)
        heldout_scores[one.stratum], floors[one.stratum] = theirs[:, 0], p_floor(theirs)
        exposure[here], common[here] = standard_score(scored[:, 0], theirs[:, 0]), (raw - scored)[:, 0]
    within = tuple(compared_with) if view.groups else None
    q = q_values(p, within)
    near = view.matcher.nearest(templates, view.samples.embeddings, N_NEAREST)
    return Named(
        compared_on,
        templates,
        np.maximum(near.similarity[:, 0], -1.0),
        exposure,
        common,
        p,
        q,
        q <= level,
        near.index,
        heldout_scores,
        floors,
        tuple(compared),
        level,
        within,
    )


def q_values(p: NDArray[np.float64], compared_with: Sequence[str | None] | None) -> NDArray[np.float64]:
    """Benjamini-Hochberg over all members; with groups also within each comparison, and the larger of the two counts.

    Over all alone, a leak in one group would let others of another group be named wrongly: in a group of 100 in which
    nobody leaked, somebody was in more than half of audits (docs/results/groups.md).
    """
    q = benjamini_hochberg(p)
    for group in set(compared_with or ()):
        here = np.array([other == group for other in compared_with or ()])
        q[here] = np.maximum(q[here], benjamini_hochberg(p[here]))
    return q


def agreed(by_recogniser: Sequence[Named]) -> Named:
    """Of recognisers who must all agree: the largest p-values; all else is from the first recogniser."""
    first = by_recogniser[0]
    if len(by_recogniser) == 1:
        return first
    p = np.max([named.p for named in by_recogniser], axis=0)
    q = q_values(p, first.compared_with)
    floors = {stratum: max(named.floors[stratum] for named in by_recogniser) for stratum in first.floors}
    return replace(first, p=p, q=q, exposed=q <= first.level, floors=floors)


def nobody(named: Named) -> Named:
    """The same scores, and nobody named: where the split is not fair, p-values are not valid."""
    return replace(named, exposed=np.zeros_like(named.exposed), claimed=False)


def likenesses(named: Named, samples: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """((n_samples,) the exposed member each sample shows, -1 for none; (n_samples,) its similarity).

    A sample shows an exposed member if it alone would have exposed them: its similarity, taken as a score with the
    member's commonness out, has a p-value no larger than the largest among the exposed of the same comparison. If that
    holds for several members, the most similar one.
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
        p = conformal_p(alike - named.common[member], named.heldout_scores[named.stratum(member)])
        better = (p <= cut[named.stratum(member)[0]]) & (alike > best)
        shown[better], best[better] = member, alike[better]
    return shown, best


def unjudged(named: Named) -> NDArray[np.bool_]:
    """(n_members,) who is neither named nor cleared, however clearly samples show them.

    Everybody, if the split is not fair, or if people can hardly be named (`comparisons.hardly_nameable`). Else those
    who have the smallest p-value of their comparison: no held-out person is as exposed, and more would be needed.
    """
    floors = _floors(named)
    if not named.claimed or hardly_nameable(fewest_nameable(floors, named.level), floors.size):
        return ~named.exposed
    return ~named.exposed & (named.p <= floors + 1e-12)


def unjudged_likenesses(
    named: Named, samples: NDArray[np.float32], threshold: float, matcher: Matcher
) -> NDArray[np.intp]:
    """(n_samples,) the most similar member of the `unjudged` whom each sample resembles; -1 for none.

    `threshold`: cosine from which a sample resembles a person.
    """
    members = np.flatnonzero(unjudged(named))
    if not members.size or not len(samples):
        return np.full(len(samples), -1, dtype=np.intp)
    near = matcher.nearest(samples, named.templates[members], 1)
    return np.where(near.similarity[:, 0] >= threshold, members[near.index[:, 0]], -1)


def naming(named: Named, n_heldout: int) -> Naming:
    """How people were named: p-value floors and strata."""
    n = len(named.p)
    here = Counter(named.stratum(member) for member in range(n))
    strata = [
        Stratum(group=group, photos=k, n_members=here[group, k], n_heldout=theirs.size, p_floor=named.floors[group, k])
        for (group, k), theirs in sorted(named.heldout_scores.items(), key=lambda one: (one[0][0] or "", one[0][1]))
    ]
    return Naming(
        level=named.level,
        n_members=n,
        n_exposed=int(named.exposed.sum()) if named.claimed else None,
        verdict_level=VERDICT_LEVEL,
        n_for_verdict=int((named.q <= VERDICT_LEVEL).sum()) if named.claimed else None,
        n_suggestive=int((named.q <= SUGGESTIVE_LEVEL).sum()) if named.claimed else None,
        n_heldout=n_heldout,
        p_floor=min(s.p_floor for s in strata),
        smallest_nameable=fewest_nameable(_floors(named), named.level),
        strata=strata,
        strangers=_histogram([standard_score(theirs, theirs) for theirs in named.heldout_scores.values()]),
    )


def _histogram(exposures: Sequence[NDArray[np.float64]]) -> Histogram:
    """The exposures of the held-out people in all comparisons together."""
    counts, edges = np.histogram(np.concatenate(exposures), N_BINS)
    return Histogram(low=float(edges[0]), high=float(edges[-1]), counts=counts.tolist())


def _floors(named: Named) -> NDArray[np.float64]:
    """(n_members,) the smallest possible p-value of each."""
    return np.array([named.floors[named.stratum(member)] for member in range(len(named.p))])
