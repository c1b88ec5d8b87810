"""How well scores tell positives (members) from negatives (held-out people), with person-level intervals.

Scores point one way: higher = more likely a member. Ties count half in the AUROC (Mann-Whitney) and against
the attacker in the TPR: a positive must be *above* the threshold. Intervals come from resampling people, on
both sides, so that the photos of a person stay together (Field & Welsh 2007, the cluster bootstrap; the
biometric "subsets bootstrap" of Bolle, Ratha & Pankanti 2004, here on both sides).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable

N_DRAWS = 2000
_CHUNK = 200


def auroc(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """P(positive > negative) + P(tie) / 2.

    >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left")
    not_above = np.searchsorted(ordered, positives, "right")
    return float((below + not_above).sum() / (2 * positives.size * negatives.size))


def tpr_at_fpr(positives: NDArray[np.floating], negatives: NDArray[np.floating], fpr: float) -> float:
    """Share of positives above the lowest threshold that at most floor(fpr * n) negatives exceed.

    >>> tpr_at_fpr(np.array([5.0, 4.0, 1.0]), np.array([4.0, 3.0, 2.0, 0.0]), fpr=0.25)
    0.6666666666666666
    """
    allowed = math.floor(fpr * negatives.size + 1e-9)
    threshold = np.sort(negatives)[::-1][allowed] if allowed < negatives.size else -np.inf
    return float((positives > threshold).mean())


def rank_sum_p(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> float:
    """One-sided p-value of "positives score no higher" (Mann & Whitney 1947); one score a person."""
    return float(mannwhitneyu(positives, negatives, alternative="greater").pvalue)


@dataclass(frozen=True)
class Side:
    """The scores of one population and whose they are."""

    scores: NDArray[np.float64]
    people: NDArray[np.intp]
    """For each score, the number of its person: 0 .. n_people - 1."""

    @classmethod
    def one_each(cls, scores: NDArray[np.floating]) -> Side:
        """One score a person."""
        return cls(np.asarray(scores, np.float64), np.arange(len(scores)))

    @property
    def n_people(self) -> int:
        return int(self.people.max()) + 1 if self.people.size else 0


def auroc_estimate(positives: Side, negatives: Side, rng: np.random.Generator) -> Figure:
    """AUROC with a person-bootstrap interval on the logit scale (stays inside 0..1, and covers near the ends)."""
    if positives.n_people < 2 or negatives.n_people < 2:
        return _too_few(2, min(positives.n_people, negatives.n_people))
    value = auroc(positives.scores, negatives.scores)
    draws = np.concatenate([d[0] for d in _draws(positives, negatives, (), rng)])
    return _on_logit_scale(value, draws, positives, negatives, "person bootstrap, logit scale")


def tpr_estimate(positives: Side, negatives: Side, fpr: float, rng: np.random.Generator) -> Figure:
    """TPR at an FPR with a person-bootstrap interval; unresolvable below 1 / fpr held-out people.

    The variance is the bootstrap's, so it holds the threshold's own uncertainty; the interval is centred and
    bounded as Agresti & Coull's (the "BTII" interval of Zhou & Qin 2005 for a sensitivity at a fixed
    specificity, here with people as the unit), drawn on the logit scale.
    """
    needs = math.ceil(1 / fpr - 1e-9)
    if negatives.n_people < needs or positives.n_people < 2:
        return _too_few(needs, negatives.n_people) if negatives.n_people < needs else _too_few(2, positives.n_people)
    value = tpr_at_fpr(positives.scores, negatives.scores, fpr)
    draws = np.concatenate([d[1][:, 0] for d in _draws(positives, negatives, (fpr,), rng)])
    return _on_logit_scale(value, draws, positives, negatives, "person bootstrap, logit scale")


def _too_few(needs: int, has: int) -> Unresolvable:
    return Unresolvable(f"needs at least {needs} people, has {has}", needs, has)


def _on_logit_scale(
    value: float, draws: NDArray[np.float64], positives: Side, negatives: Side, method: str
) -> Estimate:
    z = float(norm.ppf(0.5 + LEVEL / 2))
    n = min(positives.n_people, negatives.n_people)
    # Agresti-Coull: pull the value from the ends by z^2 pseudo-observations, so that 0 and 1 get an interval.
    centre = (value * positives.n_people + z * z / 2) / (positives.n_people + z * z)
    at_ends = centre * (1 - centre) / (positives.n_people + z * z)
    variance = max(float(draws.var(ddof=1)), at_ends if value in (0.0, 1.0) else 0.0)
    logit = math.log(centre / (1 - centre))
    half = z * math.sqrt(variance) / (centre * (1 - centre))
    low, high = (1 / (1 + math.exp(-(logit + sign * half))) for sign in (-1, 1))
    return Estimate(value, min(low, value), max(high, value), LEVEL, method, n)


def _draws(
    positives: Side, negatives: Side, fprs: tuple[float, ...], rng: np.random.Generator
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Chunks of (AUROC (c,), TPR (c, len(fprs))) over bootstrap draws of the people of both sides."""
    order_p = np.argsort(-positives.scores, kind="stable")
    order_n = np.argsort(-negatives.scores, kind="stable")
    scores_p, scores_n = positives.scores[order_p], negatives.scores[order_n]
    people_p, people_n = positives.people[order_p], negatives.people[order_n]
    # Negatives stand in falling order: those above a positive are the first `above`, those not below it `reach`.
    above = np.searchsorted(-scores_n, -scores_p, "left")
    reach = np.searchsorted(-scores_n, -scores_p, "right")
    chunks = []
    for start in range(0, N_DRAWS, _CHUNK):
        n = min(_CHUNK, N_DRAWS - start)
        weights_p = _weights(positives.n_people, n, rng)[:, people_p]
        weights_n = _weights(negatives.n_people, n, rng)[:, people_n]
        cumulated_n = np.concatenate([np.zeros((n, 1)), np.cumsum(weights_n, axis=1)], axis=1)
        cumulated_p = np.concatenate([np.zeros((n, 1)), np.cumsum(weights_p, axis=1)], axis=1)
        total_p, total_n = cumulated_p[:, -1], cumulated_n[:, -1]
        higher = (cumulated_n[:, above] + cumulated_n[:, reach]) / 2
        area = 1 - (weights_p * higher).sum(axis=1) / (total_p * total_n)
        rates = np.empty((n, len(fprs)))
        for j, fpr in enumerate(fprs):
            allowed = np.floor(fpr * total_n + 1e-9)
            first_over = (cumulated_n[:, 1:] > allowed[:, None]).argmax(axis=1)
            n_above = np.searchsorted(-scores_p, -scores_n[first_over], "left")
            rates[:, j] = cumulated_p[np.arange(n), n_above] / total_p
        chunks.append((area, rates))
    return chunks


def _weights(n_people: int, n_draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n_draws, n_people): how often each person stands in each resample."""
    counts = rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=n_draws)
    return counts.astype(np.float64)
