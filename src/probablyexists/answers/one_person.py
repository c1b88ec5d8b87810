"""One person: how exposed among reference people compared on as many photos, and would a leak have been noticed?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Attack, Scorer
from probablyexists.matching.crowd import Crowd, Photos
from probablyexists.matching.matcher import Matcher
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.rates import share_of_people

ENOUGH_REFERENCE = 199
"""With this many people the p-value floor is 0.005; a template of more photos is not worth fewer people."""
N_NEAREST = 6
ENOUGH_PLANTED = 20


@dataclass(frozen=True)
class Rank:
    """One person among the reference people."""

    compared_on: int
    score: float
    exposure: float
    """Standard deviations above the reference people."""
    p: float
    reference: NDArray[np.float64]
    """(n,) scores of the reference people compared on as many photos."""
    nearest: NDArray[np.intp]
    """Rows of the nearest samples, best first."""
    similarity: NDArray[np.float64]
    """Their cosines."""


def photos_compared(n_asked: int, reference: NDArray[np.intp]) -> int:
    """The largest number of photos that enough reference people have; decided before any score is seen.

    >>> photos_compared(5, np.array([1, 2, 3, 9] * 100))
    3
    """
    enough = min(ENOUGH_REFERENCE, reference.size)
    return max(k for k in range(1, n_asked + 1) if k == 1 or int((reference >= k).sum()) >= enough)


def rank(asked: Crowd, reference: Crowd, samples: Photos, score: Scorer, matcher: Matcher) -> Rank:
    """A conformal p-value: the share of people, this person included, who score at least as high.

    Null: this person was not trained on. If the person is then exchangeable with the reference people (same source,
    same kind of photos), p is uniform or larger. p is wrong if the reference people are of another kind, and too large
    if some of them were trained on.
    """
    k = photos_compared(int(asked.people.counts[0]), reference.people.counts)
    face, _ = asked.faces(k)
    others = score(reference.faces(k)[0])
    own = score(face)
    near = matcher.nearest(face.templates, samples.embeddings, min(N_NEAREST, len(samples)))
    return Rank(
        compared_on=k,
        score=float(own[0]),
        exposure=float(standard_score(own, others)[0]),
        p=float(conformal_p(own, others)[0]),
        reference=others,
        nearest=near.index[0],
        similarity=near.similarity[0],
    )


def power(reference: Crowd, at: Rank, samples: Photos, attack: Attack, level: float, matcher: Matcher) -> Figure:
    """Share of reference people with p <= level if another photo of them had been generated.

    That photo is added to the samples and is not in the template. Templates have `at.compared_on` photos, or fewer
    where too few people have a spare photo.
    """
    for k in range(at.compared_on, 0, -1):
        faces, who = reference.faces(k, skip=1)
        if len(who) >= ENOUGH_PLANTED:
            planted = attack.prepare(samples.and_(reference.probes(who)), None, matcher)(faces)
            null = attack.prepare(samples, None, matcher)(reference.faces(k)[0])
            return share_of_people((conformal_p(planted, null) <= level).astype(np.float64))
    n = int((reference.people.counts >= 2).sum())
    reason = f"needs at least {ENOUGH_PLANTED} reference people with 2 photos, has {n}"
    return Unresolvable(reason, ENOUGH_PLANTED, n)


def odd_photos(asked: Crowd, reference: Crowd) -> list[int]:
    """Rows of photos that may show somebody else: no other photo given is as similar as 1 in 100 strangers are.

    With two photos there is no telling which is odd: both are returned.
    """
    rows = asked.people.rows[0]
    if len(rows) < 2:
        return []
    own = asked.table.embeddings[rows].astype(np.float64)
    alike = own @ own.T
    np.fill_diagonal(alike, -1.0)
    first = reference.table.embeddings[[r[0] for r in reference.people.rows]].astype(np.float64)
    strangers = np.quantile(own @ first.T, 0.99)
    return [int(row) for row, best in zip(rows, alike.max(axis=1), strict=True) if best < strangers]
