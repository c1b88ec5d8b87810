"""Members against strangers when the strangers' own photos are the gallery: a comparison that is fair by design.

Each person's score is the similarity to the nearest of the strangers' photos. A stranger's own photo must not count,
and then a member would have one more photo to be near to. So a member and a stranger are compared on the same gallery:
the photos of all strangers but this one. If nobody's side was chosen by face, the two can be exchanged, and each of the
two scores is the higher one equally often, however the faces are distributed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.stats.contrast import satterthwaite
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.roc import auroc_interval, placements

NEEDS = 3
"""Strangers, at least: one is compared, and two remain."""
SHIFT_NEEDS = 30
"""Members for the difference in standard deviations: of fewer its interval covers less than it says."""
_METHOD = "DeLong and the gallery's people, Satterthwaite"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NearestPeople:
    """The two strangers most similar to each of n people, other than the person, and who the first one is."""

    best: Floats
    """(n,) similarity of the most similar stranger."""
    second: Floats
    """(n,) similarity of the next."""
    person: NDArray[np.intp]
    """(n,) number of the most similar stranger, 0 to m - 1."""

    @classmethod
    def of_others(cls, similarity: Floats, person: NDArray[np.intp]) -> NearestPeople:
        """From (n, 2) neighbours, best first."""
        return cls(similarity[:, 0], similarity[:, 1], person[:, 0])

    @classmethod
    def without_self(cls, similarity: Floats, person: NDArray[np.intp]) -> NearestPeople:
        """From (m, 3) neighbours of the strangers among themselves, best first, where the person may be one of them."""
        others = np.argsort(person == np.arange(len(person))[:, None], axis=1, kind="stable")[:, :2]
        return cls.of_others(np.take_along_axis(similarity, others, 1), np.take_along_axis(person, others, 1))


def same_gallery(members: NearestPeople, strangers: NearestPeople) -> tuple[Figure, Figure]:
    """(AUROC, 0 to 1; mean difference of the scores in standard deviations of the strangers'), members over strangers.

    Means over all pairs of a member and a stranger; ties count half. A stranger is compared, and is also in everybody's
    gallery. Under exchangeability the second role cancels on average, else somebody who looks like many of one side
    counts: a stranger's influence is that of the own score (DeLong, DeLong & Clarke-Pearson 1988) less the change of
    the figure without the stranger's photo, as in a jackknife. The squares of these changes are too large by the chance
    of who is next to whom, which the scores' own variance has already; it is taken off. Never less than DeLong's
    variance. The AUROC's interval is that of `roc.auroc_interval`; the difference has Student's quantile by
    Satterthwaite.
    Unresolvable with fewer than 2 members or `NEEDS` strangers.
    """
    n, m = members.best.size, strangers.best.size
    if n < 2 or m < NEEDS:
        short = Unresolvable(f"needs at least 2 members and {NEEDS} strangers, has {n} and {m}", NEEDS, min(n, m))
        return short, short
    theirs = strangers.best
    # Against the one stranger whose photo is the member's best, the next best counts.
    own = theirs[members.person]
    change = _twice(members.second, own) - _twice(members.best, own)
    by_member = placements(members.best, theirs) + change / (2 * m)
    by_stranger = 1 - placements(theirs, members.best) + np.bincount(members.person, change / (2 * n), minlength=m)
    value = float(by_member.mean())
    variance, _ = _variance(
        by_member,
        by_stranger,
        placements(members.second, theirs) - placements(members.best, theirs),
        placements(theirs, members.best) - placements(strangers.second, members.best),
        members.person,
        strangers.person,
    )
    one_each = np.ones(n, np.intp), np.ones(m, np.intp)
    area = auroc_interval(value, variance, one_each, "DeLong and the gallery's people, Newcombe's score interval")

    spread = float(theirs.std(ddof=1))
    if np.ptp(theirs) < 1e-9:
        return area, Unresolvable("all strangers have the same score")
    if n < SHIFT_NEEDS:
        return area, Unresolvable(f"needs at least {SHIFT_NEEDS} members, has {n}", SHIFT_NEEDS, n)
    gaps = (members.best - members.second) / spread
    ours = members.best / spread - gaps / m
    z = (theirs - theirs.mean()) / spread
    shift = float(ours.mean() - theirs.mean() / spread)
    # The standard deviation, too, depends on each stranger.
    by_stranger = -z - shift * (z**2 - 1) / 2
    variance, freedom = _variance(
        ours, by_stranger, -gaps, (strangers.best - strangers.second) / spread, members.person, strangers.person
    )
    half = float(t.ppf(0.5 + LEVEL / 2, freedom)) * math.sqrt(variance)
    return area, Estimate(shift, shift - half, shift + half, LEVEL, _METHOD, min(n, m))


def _variance(
    by_member: Floats,
    by_stranger: Floats,
    lost_by_member: Floats,
    won_by_stranger: Floats,
    nearest_of_member: NDArray[np.intp],
    nearest_of_stranger: NDArray[np.intp],
) -> tuple[float, float]:
    """(Variance of a mean over pairs, degrees of freedom).

    `by_member`, `by_stranger`: what each contributes by the own score. `lost_by_member`, `won_by_stranger`: how each
    one's contribution changes without the photo of the nearest stranger.
    """
    n, m = by_member.size, by_stranger.size
    ours = (by_member - by_member.mean()) ** 2 / (n * (n - 1))
    own = (by_stranger - by_stranger.mean()) / math.sqrt(m * (m - 1))
    gallery = (
        np.bincount(nearest_of_member, lost_by_member, m) / n + np.bincount(nearest_of_stranger, won_by_stranger, m) / m
    )
    chance = float((lost_by_member**2).sum() / n**2 + (won_by_stranger**2).sum() / m**2)
    theirs = (own - (gallery - gallery.mean())) ** 2
    total = max(float(theirs.sum()) - chance, float((own**2).sum()))
    if theirs.sum() > 0.0:
        theirs *= total / theirs.sum()
    return float(ours.sum()) + total, satterthwaite(ours, theirs)


def _twice(a: Floats, b: Floats) -> Floats:
    """2 where a is higher, 1 at a tie, 0 where b is."""
    return np.asarray(1 + np.sign(a - b))
