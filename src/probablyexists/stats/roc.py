"""How well scores tell positives (members) from negatives (held-out people), with person-level intervals.

Scores point one way: higher = more likely a member. Ties count half in the AUROC (Mann-Whitney) and against
the attacker in the TPR: a positive must be *above* the threshold. The unit of every interval is the person, on
both sides: the photos of a person stay together. docs/results/coverage.md has what the intervals cover.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu, norm, t

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable

N_DRAWS = 2000
_CHUNK = 200
_Z = float(norm.ppf(0.5 + LEVEL / 2))


def auroc(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """P(positive > negative) + P(tie) / 2.

    >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    # Integers until the last step, so that the order of the scores cannot change even the last digit.
    return float(_twice_below(positives, negatives).sum() / (2 * positives.size * negatives.size))


def tpr_at_fpr(positives: NDArray[np.floating], negatives: NDArray[np.floating], fpr: float) -> float:
    """Share of positives above the k-th highest negative, k = floor(fpr * (n + 1)).

    A fresh negative exceeds the k-th highest of n with probability k / (n + 1), so that the FPR is held in
    expectation, and the TPR is the share of positives with a conformal p-value of at most `fpr`. (The empirical
    ROC curve takes the (k + 1)-th highest: at 0.1 % and 1,000 negatives its FPR is expected to be 0.2 %.)

    >>> tpr_at_fpr(np.array([5.0, 4.0, 1.0]), np.array([4.0, 3.0, 2.0, 0.0]), fpr=0.25)
    0.3333333333333333
    """
    k = math.floor(fpr * (negatives.size + 1) + 1e-9)
    if k == 0:
        return 0.0
    threshold = np.sort(negatives)[::-1][k - 1] if k <= negatives.size else -np.inf
    return float((positives > threshold).mean())


def rank_sum_p(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """One-sided p-value of "positives score no higher" (Mann & Whitney 1947); one score a person."""
    return float(mannwhitneyu(positives, negatives, alternative="greater").pvalue)


@dataclass(frozen=True)
class Side:
    """The scores of one population, and the person of each score."""

    scores: NDArray[np.float64]
    """(n,) higher = more likely a member."""
    people: NDArray[np.intp]
    """(n,) number of the person, 0 to n_people - 1."""

    @classmethod
    def one_each(cls, scores: NDArray[np.floating]) -> Side:
        """One score a person."""
        return cls(np.asarray(scores, np.float64), np.arange(len(scores)))

    @property
    def n_people(self) -> int:
        return int(self.people.max()) + 1 if self.people.size else 0

    @property
    def photos(self) -> NDArray[np.intp]:
        """(n_people,) scores of each person."""
        return np.bincount(self.people, minlength=self.n_people)

    @property
    def effective_people(self) -> float:
        """People who would tell as much if everybody had the same number of photos (Kish 1965, Survey Sampling).

        10 people with 1, 1, ... and 91 photos count as little more than 1; never more than there are.
        """
        return _effective(self.photos) if self.people.size else 0.0


def auroc_estimate(positives: Side, negatives: Side) -> Figure:
    """AUROC with a score interval whose variance is DeLong's for clustered scores, helped by a model's.

    Variance: Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data", Biometrics 53(2), with people as
    clusters, each on one side only. With one score a person it is that of DeLong, DeLong & Clarke-Pearson 1988. The
    people of a side with many photos pull the AUROC towards themselves, so their deviations look too small: they are
    corrected as in Bell & McCaffrey 2002 (Survey Methodology 28(2)), who also give the degrees of freedom. The interval
    is that of `auroc_interval`. Unresolvable with fewer than 2 people on a side, or if one person has so many of its
    photos that it counts as fewer than 2.
    """
    if (missing := _missing(positives, 2) or _missing(negatives, 2)) is not None:
        return missing
    value = auroc(positives.scores, negatives.scores)
    ours, theirs = influences(positives, negatives, value)
    variance = float((ours**2).sum() + (theirs**2).sum())
    photos = positives.photos, negatives.photos
    return auroc_interval(value, variance, photos, "DeLong, clustered by person, Newcombe's score interval")


def influences(positives: Side, negatives: Side, value: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First-order contribution of each person to the AUROC `value`: of the positives, of the negatives.

    High scores of positives raise the AUROC, high scores of negatives lower it. These are Obuchowski's sums of
    placements (DeLong's structural components), scaled so that the sum of all squares is the variance of the AUROC:
    each is divided by the root of 1 - the person's share of the photos (with equal counts the factor n / (n - 1)). At
    least 2 people on each side.
    """
    ours = _influence(positives, placements(positives.scores, negatives.scores), value)
    theirs = _influence(negatives, 1 - placements(negatives.scores, positives.scores), value)
    return ours, theirs


def auroc_interval(
    value: float, variance: float, photos: tuple[NDArray[np.intp], NDArray[np.intp]], method: str
) -> Estimate:
    """The AUROCs that lie within Student's quantile of `value`, each with a standard error of its own.

    `photos`: those of each positive person, of each negative one. Newcombe's score interval 2006 (Statistics in
    Medicine 25(4), part 2, method 5): the variance of an AUROC depends on the AUROC as Hanley & McNeil's (1982) does,
    of as many positives and negatives as there are effective people. It is multiplied by a design effect (as in Rao &
    Scott 1992, Biometrics 48(2)): `variance` over Hanley & McNeil's at `value`. Near 0 and 1 a few people show too
    little variance: most are as far from the others as can be, and those who are not are often not among them. So the
    estimated design effect counts as much as its degrees of freedom, reduced by the kurtosis of placements in Hanley &
    McNeil's model, and a design effect of 1 counts as z^2 = 3.84 more, as Agresti & Coull 1998 add z^2 people to a
    share. An AUROC of 0 or 1, or ties only, leave the 1. `n` of the estimate: people of the smaller side.
    """
    m, n = map(_effective, photos)
    fewer = min(len(people) for people in photos)
    if variance < 1e-12 or not 0.0 < value < 1.0:
        method, freedom, design_effect = "Newcombe, people", 0.0, 1.0
    else:
        # Each side's part of the variance as where nothing leaks: few people may show far too little of theirs.
        parts = [(1 / k) ** 2 / _freedom(people) for k, people in zip((m, n), photos, strict=True)]
        freedom = (1 / m + 1 / n) ** 2 / sum(parts) * min(1.0, 2 / (_kurtosis(value) - 1))
        design_effect = (freedom * variance / _hanley_mcneil(value, m, n) + _Z**2) / (freedom + _Z**2)
    quantile = float(t.ppf(0.5 + LEVEL / 2, freedom + _Z**2)) * math.sqrt(design_effect)
    return Estimate(value, *_newcombe(value, m, n, quantile), LEVEL, method, fewer)


def tpr_estimate(positives: Side, negatives: Side, fpr: float, rng: np.random.Generator) -> Figure:
    """TPR at an FPR with a Bayesian bootstrap of people; unresolvable below 1 / fpr held-out people.

    The plain bootstrap fails here: at FPR 1 % of 300 the threshold is one of the three highest scores, and resamples
    are never above them. The Bayesian bootstrap (Rubin 1981; for ROC curves Gu, Ghosal & Roy 2008, Statistics in
    Medicine 27(26)) weighs people by Exp(1) variables. The negatives get the weight of one more person above their
    highest score; the weight above the k-th highest is then Beta(k, n + 1 - k), the exact distribution of its true FPR.
    The threshold is in the gap between two negatives, and the TPR there is interpolated. The positives get the weight
    of half a person at either end; a TPR with c of n people above is then Beta(c + 1/2, n - c + 1/2), Jeffreys'
    interval (Brown, Cai & DasGupta 2001). All photos of a person have the same weight. Where people have different
    numbers of photos, all numbers of people are effective ones: a person's share of n is that of the photos, and the
    weights are Gamma variables with these shares as shapes (a Dirichlet distribution, as before).
    """
    needs = math.ceil(1 / fpr - 1e-9)
    if (missing := _missing(negatives, needs) or _missing(positives, 2)) is not None:
        return missing
    value = tpr_at_fpr(positives.scores, negatives.scores, fpr)
    draws = np.empty(N_DRAWS)
    for start in range(0, N_DRAWS, _CHUNK):
        n = min(_CHUNK, N_DRAWS - start)
        weights = _Weights.draw(n, positives, negatives, rng)
        draws[start : start + n] = _tpr_draws(positives, negatives, fpr, weights)
    low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    n, method = min(positives.n_people, negatives.n_people), "Bayesian bootstrap of people"
    return Estimate(value, min(float(low), value), max(float(high), value), LEVEL, method, n)


def _missing(side: Side, needs: int) -> Unresolvable | None:
    """Why the people of a side are too few; None if they are enough."""
    has, counts_as = side.n_people, side.effective_people
    if has < needs:
        return Unresolvable(f"needs at least {needs} people, has {has}", needs, has)
    if counts_as < needs - 1e-9:
        reason = f"needs at least {needs} people; {has} with such unequal numbers of photos count as {counts_as:.1f}"
        return Unresolvable(reason, needs, math.floor(counts_as))
    return None


def placements(scores: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) share of the others below each score; ties count half."""
    return np.asarray(_twice_below(scores, others) / (2 * others.size), dtype=np.float64)


def _twice_below(scores: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.intp]:
    """(n,) twice the number of others below each score; ties count one."""
    ordered = np.sort(others)
    return np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")


def _influence(side: Side, placements: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """(n_people,) sum of each person's deviations from `value`, scaled as in `influences`."""
    sums = np.bincount(side.people, placements - value, minlength=side.n_people)
    share = side.photos / side.scores.size
    return np.asarray(sums / np.sqrt(1 - share) / side.scores.size, dtype=np.float64)


def _effective(photos: NDArray[np.intp]) -> float:
    return int(photos.sum()) ** 2 / int((photos.astype(np.int64) ** 2).sum())


def _freedom(photos: NDArray[np.intp]) -> float:
    """Bell & McCaffrey's degrees of freedom of a side's variance: people - 1 where everybody has as many photos.

    The variance is x' R' A R x for the people's means x, R = I - 1 w' with their shares w of the photos, and A diagonal
    with w^2 / (1 - w); freedom = tr(R' A R)^2 / tr((R' A R)^2) for means of equal variance.
    """
    w = photos / photos.sum()
    a, together = w**2 / (1 - w), float((w**2).sum())
    inner = 1 - 2 * w + together
    # R R' is `together` - w_i - w_j off the diagonal, and `inner` on it.
    all_pairs = (together * a.sum()) ** 2 + 2 * a.sum() * (a * w**2).sum() + 2 * (a * w).sum() ** 2
    all_pairs -= 4 * together * (a * w).sum() * a.sum()
    return float((a * inner).sum() ** 2 / (all_pairs + (a**2 * (inner**2 - (together - 2 * w) ** 2)).sum()))


def _kurtosis(value: float) -> float:
    """Of the placements of one side in Hanley & McNeil's model, the more skewed side: powers of a uniform variable.

    1.8 at an AUROC of 0.5, where placements are uniform; 32 at 0.97.
    """
    odds = max(value, 1 - value) / min(value, 1 - value)
    m1, m2, m3, m4 = (1 / (1 + k * odds) for k in (1, 2, 3, 4))
    return (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / (m2 - m1**2) ** 2


def _hanley_mcneil(a: float, m: float, n: float) -> float:
    """Variance of an AUROC a of m positives and n negatives; (m + n) / 2 stands for both, as Newcombe proposes."""
    return a * (1 - a) / (m * n) * (1 + ((m + n) / 2 - 1) * ((1 - a) / (2 - a) + a / (1 + a)))


def _newcombe(value: float, m: float, n: float, quantile: float) -> tuple[float, float]:
    """The two AUROCs that are `quantile` standard errors from `value`, with Hanley & McNeil's variance there."""

    def distance(a: float) -> float:
        return abs(value - a) - quantile * math.sqrt(_hanley_mcneil(a, m, n))

    edge = 1e-12
    low = float(brentq(distance, edge, value - edge)) if distance(edge) > 0 else 0.0
    high = float(brentq(distance, value + edge, 1 - edge)) if distance(1 - edge) > 0 else 1.0
    return low, high


@dataclass(frozen=True)
class _Weights:
    """Random weights of some Bayesian bootstrap draws: of each photo of a person (draws, people), mean 1, and of the
    ends, in photos (draws,): one more person above the highest negative, half a person above any threshold, and half
    a person below it."""

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    above_negatives: NDArray[np.float64]
    above_positives: NDArray[np.float64]
    below_positives: NDArray[np.float64]

    @classmethod
    def draw(cls, n: int, positives: Side, negatives: Side, rng: np.random.Generator) -> _Weights:
        people = _photo_weights(n, positives, rng), _photo_weights(n, negatives, rng)
        ours, theirs = (side.scores.size / side.effective_people for side in (positives, negatives))
        ends = rng.standard_exponential(n), rng.standard_gamma(0.5, n), rng.standard_gamma(0.5, n)
        return cls(*people, theirs * ends[0], ours * ends[1], ours * ends[2])


def _photo_weights(n: int, side: Side, rng: np.random.Generator) -> NDArray[np.float64]:
    shapes = side.effective_people * side.photos / side.scores.size
    if np.ptp(shapes) == 0.0:
        return rng.standard_exponential((n, side.n_people))  # the same law, drawn faster
    return rng.standard_gamma(shapes, (n, side.n_people)) / shapes


def _tpr_draws(positives: Side, negatives: Side, fpr: float, weights: _Weights) -> NDArray[np.float64]:
    """(draws,) the TPR under each draw's weights."""
    order_p, order_n = np.argsort(-positives.scores, kind="stable"), np.argsort(-negatives.scores, kind="stable")
    scores_p, scores_n = positives.scores[order_p], negatives.scores[order_n]
    people_p, people_n = positives.people[order_p], negatives.people[order_n]
    row = np.arange(len(weights.negatives))

    # Weight above a falling threshold: 0, then the extra person above all scores, then photo after photo.
    extra = weights.above_negatives
    total = weights.negatives @ np.bincount(people_n, minlength=negatives.n_people) + extra
    asked = fpr * total
    for top in (min(scores_n.size, 64 + math.ceil(4 * fpr * scores_n.size)), scores_n.size):
        by_photo = extra[:, None] + np.cumsum(weights.negatives[:, people_n[:top]], axis=1)
        above = np.column_stack([np.zeros(len(row)), extra, by_photo])
        if (above[:, -1] > asked).all():
            break
    # The threshold is in gap g, after the g-th highest negative and before the next, `part` of the way.
    gap = (above[:, 1:] > asked[:, None]).argmax(axis=1)
    part = (asked - above[row, gap]) / (above[row, gap + 1] - above[row, gap])

    # Positives above each negative, in falling order; none above the highest threshold, all above the lowest.
    counts = np.concatenate([[0], np.searchsorted(-scores_p, -scores_n, "left"), [scores_p.size]])
    before, after = counts[gap], counts[gap + 1]
    found = np.column_stack([np.zeros(len(row)), np.cumsum(weights.positives[:, people_p[: after.max()]], axis=1)])
    ends_above, ends_below = weights.above_positives, weights.below_positives
    total = weights.positives @ np.bincount(people_p, minlength=positives.n_people) + ends_above + ends_below
    reached = found[row, before] + part * (found[row, after] - found[row, before])
    return np.asarray((ends_above + reached) / total, dtype=np.float64)
