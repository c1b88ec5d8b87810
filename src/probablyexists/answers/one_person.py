"""One person: how exposed among reference people compared on as many photos, and would a leak have been noticed?

The p-value is marginal: right for a person drawn from all, not for one of a kind that few others share. Look-alikes
score high together. So the person is also ranked among the reference people who look most like them. In simulations
(`tests/test_one_person.py`) a tenth of the people are look-alikes, nothing leaks, and p <= 0.05 for half of these;
among the nearest tenth of the reference people that is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.view import scores_if_planted
from probablyexists.attacks.attack import Attack, Faces, Scorer
from probablyexists.matching.cosines import pair_similarities, similarities
from probablyexists.matching.crowd import Crowd, Photos
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.templates import templates
from probablyexists.results.sheet import Scale
from probablyexists.stats.conformal import MIN_HELDOUT, conformal_p
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.estimate import Figure, Unresolvable
from probablyexists.stats.rates import share_of_people

ENOUGH_REFERENCE = 199
"""With this many people the p-value floor is 0.005; a template of more photos is not worth fewer people."""
N_NEAREST = 6
ENOUGH_PLANTED = 20
LOOK_ALIKES = 0.10
"""Share of the reference people, at least `MIN_HELDOUT` of them, among whom the person is ranked again."""
MOST_PAIRED = 1000
"""Most reference people of whom every pair is compared for the scale."""


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
    look_alikes: NDArray[np.float64]
    """Scores of those of them who look most like the person."""
    nearest: NDArray[np.intp]
    """Rows of the nearest samples, best first."""
    similarity: NDArray[np.float64]
    """Their cosines."""

    @property
    def n_higher(self) -> int:
        """Reference people who score higher."""
        return int((self.reference > self.score).sum())

    @property
    def n_tied(self) -> int:
        """Reference people with the same score."""
        return int((self.reference == self.score).sum())

    @property
    def p_of_look_alikes(self) -> float:
        """The p-value among the look-alikes only."""
        return float(conformal_p(np.array([self.score]), self.look_alikes)[0])


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
    theirs, _ = reference.faces(k)
    others = score(theirs)
    own = score(face)
    near = matcher.nearest(face.templates, samples.embeddings, min(N_NEAREST, len(samples)))
    n = max(min(MIN_HELDOUT, others.size), round(LOOK_ALIKES * others.size))
    alike = np.argsort(-similarities(face.templates, theirs.templates)[0], kind="stable")[:n]
    return Rank(
        compared_on=k,
        score=float(own[0]),
        exposure=float(standard_score(own, others)[0]),
        p=float(conformal_p(own, others)[0]),
        reference=others,
        look_alikes=others[alike],
        nearest=near.index[0],
        similarity=near.similarity[0],
    )


def scale(asked: Crowd, reference: Crowd, at: Rank) -> Scale:
    """What cosines mean here: measured on the reference people, as the person was compared."""
    faces, _ = reference.faces(at.compared_on)
    some = faces.take(np.arange(min(len(faces), MOST_PAIRED)))
    pairs = similarities(some.templates, some.embeddings[:, 0])
    spare = _with_a_photo_to_spare(reference, at.compared_on)
    same = None
    if spare is not None:
        templates, photos = spare[0].templates, reference.probes(spare[1]).embeddings
        same = float(np.median(pair_similarities(templates, photos)))
    return Scale(
        strangers=float(np.median(pairs[~np.eye(len(some), dtype=bool)])),
        others=float(np.median(at.reference)),
        others_highest=float(np.quantile(at.reference, 0.99, method="higher")),
        same_person=same,
        own_photos=_own_photos(asked),
    )


def _own_photos(asked: Crowd) -> float | None:
    """Median cosine of each photo with the mean of the others."""
    photos = asked.photos()[0].embeddings[:, 0]
    if len(photos) < 2:
        return None
    others = np.stack([np.delete(photos, i, axis=0) for i in range(len(photos))])
    return float(np.median(pair_similarities(templates(others), photos)))


def power(reference: Crowd, at: Rank, samples: Photos, attack: Attack, level: float, matcher: Matcher) -> Figure:
    """Share of reference people with p <= level if another photo of them had been generated.

    That photo is added to the samples and is not in the template. Templates have `at.compared_on` photos, or fewer
    where too few people have a spare photo.
    """
    spare = _with_a_photo_to_spare(reference, at.compared_on)
    if spare is None:
        n = int((reference.people.counts >= 2).sum())
        reason = f"needs at least {ENOUGH_PLANTED} reference people with 2 photos, has {n}"
        return Unresolvable(reason, ENOUGH_PLANTED, n)
    faces, who = spare

    def prepared(photos: Photos) -> list[Scorer]:
        return [attack.prepare(samples.and_(photos), None, matcher)]

    planted = scores_if_planted(prepared, faces, reference.probes(who), len(samples))[:, 0]
    null = attack.prepare(samples, None, matcher)(reference.faces(faces.embeddings.shape[1])[0])
    return share_of_people((conformal_p(planted, null) <= level).astype(np.float64))


def _with_a_photo_to_spare(reference: Crowd, most: int) -> tuple[Faces, NDArray[np.intp]] | None:
    """Reference people on `most` photos, or on fewer, without their probes; None if too few have one to spare."""
    for k in range(most, 0, -1):
        faces, who = reference.faces(k, skip=1)
        if len(who) >= ENOUGH_PLANTED:
            return faces, who
    return None


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
