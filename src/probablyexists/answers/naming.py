"""Answer 2: who? A conformal p-value a member, against held-out people compared on the same number of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.view import View, p_of, scores_of
from probablyexists.attacks.attack import Scorer
from probablyexists.matching.cosines import similarities
from probablyexists.results.findings import Histogram, Naming, Stratum
from probablyexists.stats.conformal import MIN_HELDOUT, benjamini_hochberg, conformal_p, smallest_nameable
from probablyexists.stats.contrast import standard_score

PHOTO_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Numbers of photos on which people may be compared."""
N_NEAREST = 3
N_BINS = 40
"""Bins of the histogram of the held-out people's exposures."""
VERDICT_LEVEL = 0.03
"""False discovery rate of the naming that makes a leak, whatever `level` is: if nothing leaks, at most 3 % of audits
say so by naming. The group tests and the copies have 1 % each, so that a false leak has 5 % (`audit_verdict.py`)."""


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
    heldout_scores: dict[int, NDArray[np.float64]]
    """For each number of photos, the scores of the held-out people with at least that many."""
    level: float
    claimed: bool = True
    """Whether people may be named: not if the split is not fair."""

    @property
    def main_count(self) -> int:
        """The number of photos on which most members were compared."""
        values, counts = np.unique(self.compared_on, return_counts=True)
        return int(values[counts.argmax()])


def photo_counts(members: NDArray[np.intp], heldout: NDArray[np.intp], level: float) -> NDArray[np.intp]:
    """(n_members,) photos on which each member is compared; decided from the counts alone, before any score is seen.

    More photos make a better template, but fewer held-out people have as many, and the p-value floor rises. If a
    single exposed person can be named on one photo, a number is allowed only if that stays true, because the
    over-represented person has the most photos and is often exposed alone. Otherwise a number is allowed if naming
    takes at most twice as many exposed people as on one photo. Each member gets the largest allowed number of photos
    that they have.
    """
    floor = smallest_nameable(members.size, heldout.size, level)
    most = 1 if floor == 1 else 2 * floor
    allowed = [1]
    for k in PHOTO_COUNTS[1:]:
        n = int((heldout >= k).sum())
        if n >= MIN_HELDOUT and smallest_nameable(members.size, n, level) <= most:
            allowed.append(k)
    return np.array([max(k for k in allowed if k <= n) for n in members], dtype=np.intp)


def name_people(view: View, scorers: Sequence[Scorer], level: float) -> Named:
    """Score, rank against held-out people, and correct for the number of members (Benjamini-Hochberg).

    Exposure and held-out scores are from the first attack; p-values are from the attack that exposes each member most.
    """
    training, heldout = view.training, view.heldout
    n = len(training.people)
    compared_on = photo_counts(training.people.counts, heldout.people.counts, VERDICT_LEVEL)
    templates = np.empty((n, training.table.embeddings.shape[1]), np.float32)
    exposure, p = np.empty(n), np.empty(n)
    heldout_scores = {}
    for k in map(int, np.unique(compared_on)):
        here = np.flatnonzero(compared_on == k)
        ours, who = training.faces(k)
        ours = ours.take(np.searchsorted(who, here))
        templates[here], scored = ours.templates, scores_of(scorers, ours)
        theirs = scores_of(scorers, heldout.faces(k)[0])
        p[here] = p_of(scored, theirs)
        heldout_scores[k] = theirs[:, 0]
        exposure[here] = standard_score(scored[:, 0], theirs[:, 0])
    q = benjamini_hochberg(p)
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
    )


def agreed(by_recogniser: Sequence[Named]) -> Named:
    """People named only where every recogniser agrees; all but the p-values is from the first recogniser."""
    first = by_recogniser[0]
    if len(by_recogniser) == 1:
        return first
    p = np.max([named.p for named in by_recogniser], axis=0)
    q = benjamini_hochberg(p)
    return replace(first, p=p, q=q, exposed=q <= first.level)


def nobody(named: Named) -> Named:
    """The same scores, and nobody named: where the split is not fair, p-values are not valid."""
    return replace(named, exposed=np.zeros_like(named.exposed), claimed=False)


def likenesses(named: Named, samples: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """((n_samples,) the exposed member each sample shows, -1 for none; (n_samples,) its similarity).

    A sample shows an exposed member if it alone would have exposed them: its similarity, taken as a score, has a
    p-value no larger than the largest among the exposed. If that holds for several members, the most similar one.
    """
    shown = np.full(len(samples), -1, dtype=np.intp)
    best = np.full(len(samples), -np.inf)
    cut = named.p[named.exposed].max(initial=0.0)
    for member in np.flatnonzero(named.exposed):
        alike = similarities(named.templates[member : member + 1], samples)[0]
        p = conformal_p(alike, named.heldout_scores[int(named.compared_on[member])])
        better = (p <= cut) & (alike > best)
        shown[better], best[better] = member, alike[better]
    return shown, best


def naming(named: Named, n_heldout: int) -> Naming:
    """How people were named: p-value floors and strata."""
    n = len(named.p)
    strata = []
    for k, theirs in sorted(named.heldout_scores.items()):
        here = int((named.compared_on == k).sum())
        strata.append(
            Stratum(group=None, photos=k, n_members=here, n_heldout=theirs.size, p_floor=1 / (theirs.size + 1))
        )
    return Naming(
        level=named.level,
        n_members=n,
        n_exposed=int(named.exposed.sum()) if named.claimed else None,
        verdict_level=VERDICT_LEVEL,
        n_for_verdict=int((named.q <= VERDICT_LEVEL).sum()) if named.claimed else None,
        n_heldout=n_heldout,
        p_floor=min(s.p_floor for s in strata),
        smallest_nameable=_smallest_nameable(strata, named.level),
        strata=strata,
        strangers=_histogram([standard_score(theirs, theirs) for theirs in named.heldout_scores.values()]),
    )


def _histogram(exposures: Sequence[NDArray[np.float64]]) -> Histogram:
    """The exposures of the held-out people in all comparisons together."""
    counts, edges = np.histogram(np.concatenate(exposures), N_BINS)
    return Histogram(low=float(edges[0]), high=float(edges[-1]), counts=counts.tolist())


def _smallest_nameable(strata: list[Stratum], level: float) -> int:
    """As `stats.conformal.smallest_nameable`, over strata with different floors; n_members + 1 if nobody can be."""
    floors = np.sort(np.repeat([s.p_floor for s in strata], [s.n_members for s in strata]))
    enough = np.flatnonzero(floors * floors.size / np.arange(1, floors.size + 1) <= level + 1e-12)
    return int(enough[0]) + 1 if enough.size else floors.size + 1
