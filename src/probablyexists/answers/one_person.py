"""One person: how exposed, against reference people compared on as many photos, and would it have been noticed?"""

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
"""With as many people the p-value floor is 0.005; more photos a template are not worth fewer."""
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
    """The most photos that enough reference people have; from the counts alone, before any score is seen.

    >>> photos_compared(5, np.array([1, 2, 3, 9] * 100))
    3
    """
    enough = min(ENOUGH_REFERENCE, reference.size)
    return max(k for k in range(1, n_asked + 1) if k == 1 or int((reference >= k).sum()) >= enough)


def rank(asked: Crowd, reference: Crowd, samples: Photos, score: Scorer, matcher: Matcher) -> Rank:
    """A conformal p-value: the share of reference people, this person counted with them, who score at least as high.

    Null: this person was not trained on. If they and the reference people are then exchangeable (drawn from the same
    source, photographed alike), p is uniform or larger. What breaks it: reference people of another kind, or some who
    were trained on (p is then too large).
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
    """Share of reference people with p <= level if another photo of theirs had been generated.

    The photo is put among the samples and is not in the template; templates have as many photos as the person asked
    about was compared on, or one fewer where too few people have a spare one.
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
    """Rows of photos asked about that look less like every other of them than 1 in 100 strangers does.

    With two photos neither can be told to be the odd one: both are given.
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
