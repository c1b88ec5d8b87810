"""The dose curve of an experiment in which the number of photos of each member was assigned at random.

In an audit, people with many photos differ from others in more than their photos (`contrast.slope`). In the lab doses
are assigned at random, and the inference needs nothing else: no distribution of the responses, no equal variances, no
large numbers. One person may have by far the most photos, and one response may be far from the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable

N_DRAWS = 9999
ROUNDING = 1e-12


@dataclass(frozen=True)
class DoseRun:
    """Members of one generator, to whom doses were assigned at random, every assignment equally likely.

    InputError unless dose and response have one finite number a person.
    """

    dose: NDArray[np.floating]
    """(n,) the assigned dose, e.g. the binary logarithm of the number of training photos"""
    response: NDArray[np.floating]
    """(n,) e.g. exposure, a z-score; higher = more exposed"""

    def __post_init__(self) -> None:
        if np.ndim(self.dose) != 1 or np.shape(self.dose) != np.shape(self.response):
            shapes = f"{np.shape(self.dose)} and {np.shape(self.response)}"
            raise InputError(f"doses and responses have the shapes {shapes}; give one of each a person")
        if not_finite := int((~np.isfinite(self.dose) | ~np.isfinite(self.response)).sum()):
            what = "a dose or response that is not finite"
            raise InputError(f"{not_finite} of {len(self.dose)} people have {what}; leave nobody out after the deal")


def randomised_slope(runs: Sequence[DoseRun], rng: np.random.Generator, draws: int = N_DRAWS) -> Figure:
    """Least-squares slope of response on dose, with one intercept a run; response per unit of dose.

    The interval has every slope b that the following test does not reject at 5 % (Fisher 1935; Rosenbaum 2002,
    "Observational Studies", chapter 2; Imbens & Rubin 2015, "Causal Inference", chapter 5). Null: each unit of dose
    adds b to the person's own response and nothing to other people's; response - b * dose is then independent of the
    assignment. Test: the distance from zero of the least-squares slope of response - b * dose, compared with that after
    assigning the doses again within runs, `draws` times (at least 19). The actual assignment counts as one more draw
    and ties as at least as extreme (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1):39): the coverage is at
    least 95 % for any number of people and draws. The estimate is always in the interval.

    What breaks it: doses that were chosen (photos that people happen to have), runs whose doses depend on each other,
    and people who dropped out afterwards for a reason related to dose. The same people may be in several runs; `n`
    counts them in each.

    If the effect differs between people (larger for some, wider spread at high doses), an interval without 0 still
    shows, at 5 % error, that dose has an effect. But its ends assume a constant effect and cover the mean effect less
    often (Wu & Ding 2021, J. Am. Stat. Assoc. 116): 94 % with 6 people at each of 5 doses, 65 % with one person far
    above all others (scripts/randomised_coverage.py). Plan equal groups.

    The order of people and of runs changes nothing. Unresolvable without different doses within a run, if all responses
    are the same, or if doses can be assigned in so few ways that no slope can be rejected.
    """
    if draws < 19:
        raise InputError(f"{draws} draws cannot hold a level of 95 %; give at least 19")
    runs = [run for run in runs if np.unique(run.dose).size > 1]
    if not runs:
        return Unresolvable("needs people with different doses in the same run")
    n = sum(len(run.dose) for run in runs)
    if all(np.ptp(run.response) == 0.0 for run in runs):
        return Unresolvable("everybody in a run has the same value", None, n)
    deals = deal_again(runs, rng, draws)
    value = deals.xy / deals.xx
    lows, highs = _not_rejected(deals)
    # b is kept where 1 + (draws that are no less extreme) > 5 % of 1 + draws.
    k = math.floor((1 - LEVEL) * (1 + draws))
    low, high = float(np.partition(lows, k - 1)[k - 1]), float(np.partition(highs, -k)[-k])
    if not math.isfinite(low) or not math.isfinite(high):
        return Unresolvable(f"{n} people and their doses can be combined in too few ways for a level of 95 %", None, n)
    method = "least squares, each run its level; randomisation test inverted"
    return Estimate(value, min(low, value), max(high, value), LEVEL, method, n)


@dataclass(frozen=True)
class _Deals:
    """Sums of products over people, of doses x and responses y less their means within runs."""

    xx: float
    xy: float
    yy: float
    dealt_x: NDArray[np.float64]
    """(draws,) doses assigned again, times the actual doses"""
    dealt_y: NDArray[np.float64]
    """(draws,) doses assigned again, times the responses"""


def deal_again(runs: Sequence[DoseRun], rng: np.random.Generator, draws: int) -> _Deals:
    pairs = []
    for run in runs:
        order = np.lexsort((run.response, run.dose))
        x, y = (np.asarray(values, np.float64)[order] for values in (run.dose, run.response))
        pairs.append((x - x.mean(), y - y.mean()))
    pairs.sort(key=lambda pair: (pair[0].tolist(), pair[1].tolist()))
    dealt_x, dealt_y = np.zeros((2, draws))
    for x, y in pairs:
        again = rng.permuted(np.tile(x, (draws, 1)), axis=1)
        dealt_x += again @ x
        dealt_y += again @ y
    xx, xy, yy = (sum(float(p[i] @ p[j]) for p in pairs) for i, j in ((0, 0), (0, 1), (1, 1)))
    return _Deals(xx, xy, yy, dealt_x, dealt_y)


def _not_rejected(deals: _Deals) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(draws,) lowest and highest b at which a draw is at least as extreme as the actual assignment.

    The product of response - b * dose with the actual doses is xy - b * xx, with the doses assigned again dealt_y - b *
    dealt_x. Both are linear in b, and |dealt_x| <= xx. So the second is at least as far from zero between the two b at
    which they are equal or opposite; between these is xy / xx, where the first is zero. A draw that repeats or mirrors
    the actual assignment is as extreme at any b.
    """
    same, mirrored = deals.xx - deals.dealt_x, deals.xx + deals.dealt_x
    always = np.minimum(same, mirrored) <= ROUNDING * deals.xx
    equal = (deals.xy - deals.dealt_y) / np.where(always, 1.0, same)
    opposite = (deals.xy + deals.dealt_y) / np.where(always, 1.0, mirrored)
    lows, highs = np.minimum(equal, opposite), np.maximum(equal, opposite)
    return np.where(always, -np.inf, lows), np.where(always, np.inf, highs)
