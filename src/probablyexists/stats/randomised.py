"""The dose curve of an experiment: numbers of photos were dealt out to the members at random, so that chance is known.

In an audit the people with many photos differ from the others in more than that (`contrast.slope`). In the lab a die
decides who gets how many, and the die is all that the inference rests on: no distribution of the responses, no equal
variances, no large numbers. One person may have by far the most photos, one response may lie far out.
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
    """Members of one generator among whom the doses were dealt out at random, every deal equally likely.

    InputError unless both have one finite number a person.
    """

    dose: NDArray[np.floating]
    """(n,) what was dealt out, e.g. the binary logarithm of the number of photos trained on"""
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
    """Least-squares slope of response on dose, each run with a level of its own; response per unit of dose.

    The interval has every slope b that the test below does not reject at 5 % (Fisher 1935; Rosenbaum 2002,
    "Observational Studies", chapter 2; Imbens & Rubin 2015, "Causal Inference", chapter 5). Null: each unit of dose
    adds b to the person's own response and nothing to anybody else's, that is, response - b * dose is independent of
    who was dealt what. Test: the least-squares slope of response - b * dose is as far from zero as it would be were
    the doses dealt out again within runs, `draws` times (at least 19). The actual deal is counted among the draws,
    and ties as no less extreme (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1):39): the interval covers in
    at least 95 %, whatever the number of people or draws. The estimate always lies in it.

    Needs that the doses of a run were dealt out at random among these people, and separately from other runs. It
    breaks where doses were chosen (people have as many photos as they have), and where people dropped out afterwards
    for a reason that dose has a part in. That the same people are in several runs does no harm; `n` counts them in
    each. Two doses are enough (their difference, per unit).

    Where the effect is not the same for all (larger for some, wider spread at high doses), an interval without 0
    still says that dose does something, with 5 % error; but its ends are those of a constant effect
    and cover the mean effect less often (Wu & Ding 2021, J. Am. Stat. Assoc. 116): hardly so with 6 people at each of
    5 doses (94 %, scripts/randomised_coverage.py), badly with one person far above all others (65 %). Plan evenly.

    The order of people and of runs changes nothing. Unresolvable without different doses within a run, where all
    responses of a run are the same, and where doses can be dealt out in so few ways that no slope can be rejected.
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
    """(draws,) doses dealt again, by the actual doses"""
    dealt_y: NDArray[np.float64]
    """(draws,) doses dealt again, by responses"""


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
    """(draws,) lowest and highest b for which a draw is no less extreme than the actual deal.

    Less b * dose the responses have the product xy - b * xx with the actual doses and dealt_y - b * dealt_x with
    those dealt again. Both are linear in b and |dealt_x| <= xx, so that the second is no nearer to zero between the
    two b at which they are equal or opposite: around xy / xx, where the first is zero. A deal that repeats the
    actual one or mirrors it is as extreme at any b.
    """
    same, mirrored = deals.xx - deals.dealt_x, deals.xx + deals.dealt_x
    always = np.minimum(same, mirrored) <= ROUNDING * deals.xx
    equal = (deals.xy - deals.dealt_y) / np.where(always, 1.0, same)
    opposite = (deals.xy + deals.dealt_y) / np.where(always, 1.0, mirrored)
    lows, highs = np.minimum(equal, opposite), np.maximum(equal, opposite)
    return np.where(always, -np.inf, lows), np.where(always, np.inf, highs)
