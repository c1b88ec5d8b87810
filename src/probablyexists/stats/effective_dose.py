"""The dose at which a given share of people answers yes, over several experiments in which doses were assigned.

In the lab: the number of training photos at which a member is named with a probability of 80 % (pharmacology's ED80).
Two answers: one that assumes no form of the curve, whose limits are doses that were given, and a sharper one that
assumes a logistic curve. Neither says anything beyond the doses given. scripts/effective_dose_coverage.py measures how
often the limits hold.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from probablyexists.basis.errors import InputError
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import share_of_people, wilson

TARGET = 0.8
_STEPS = 401
"""Doses that are tried for a logistic curve, evenly spaced in their logarithm."""
_STEEPEST = 20.0
"""Largest slope of a logistic curve, in logits for each doubling."""


@dataclass(frozen=True)
class Answers:
    """One answer for each person and experiment. InputError unless there is one of each, and doses are positive."""

    dose: NDArray[np.floating]
    """(n,) the assigned dose, above 0"""
    yes: NDArray[np.bool_]
    """(n,)"""
    people: Sequence[Hashable] | None = None
    """(n,) who answers, the same in every experiment; None: not known, every answer counts as another person's."""

    def __post_init__(self) -> None:
        n = len(self.dose)
        if len(self.yes) != n or (self.people is not None and len(self.people) != n):
            raise InputError(f"{n} doses and {len(self.yes)} answers; give one of each a person, and the person")
        if not bool((np.isfinite(self.dose) & (np.asarray(self.dose) > 0)).all()):
            raise InputError("a dose is not a number above 0; leave nobody out after the deal")

    @property
    def who(self) -> NDArray[np.intp]:
        """(n,) people numbered from 0"""
        of: dict[Hashable, int] = {}
        people = range(len(self.dose)) if self.people is None else self.people
        return np.array([of.setdefault(person, len(of)) for person in people], dtype=np.intp)


def share_by_dose(answers: Answers) -> dict[float, Figure]:
    """Dose -> share of people who answer yes at it, 0 to 1; sorted by dose.

    A person who answers at one dose in several experiments counts once there, with the mean of the answers
    (`rates.share_of_people`). If it is not known who is who, Wilson's interval of the answers.
    """
    found: dict[float, Figure] = {}
    yes, people = np.asarray(answers.yes, np.float64), answers.who
    for at in np.unique(answers.dose):
        here = answers.dose == at
        if answers.people is None:
            p, n = float(yes[here].mean()), int(here.sum())
            found[float(at)] = Estimate(p, *wilson(p, n), LEVEL, "Wilson", n)
        else:
            _, who = np.unique(people[here], return_inverse=True)
            found[float(at)] = share_of_people(np.bincount(who, yes[here]) / np.bincount(who))
    return found


def effective_dose(shares: Mapping[float, Figure], target: float = TARGET) -> Figure:
    """The dose at which the share is `target`, with limits that are doses given; `shares`: dose -> its share.

    Assumes that the share does not fall with the dose, and no form of the curve. The lower limit is the highest dose up
    to which every share's interval is below `target`; the upper limit is the lowest dose from which every one is above
    it. Doses are judged in this order until one is in doubt, so that only one of them can be judged wrongly: each limit
    fails as rarely as a limit of a share, in 2.5 % (a-priori ordered hypotheses: Maurer, Hothorn & Lehmacher 1995). The
    value is where the isotonic regression of the shares crosses `target`, linear in the logarithm of the dose between
    two doses (Stylianou & Flournoy 2002, Biometrics 58(1)).

    Unresolvable, with the limit there is, where one of the two is missing.
    """
    found = {dose: share for dose, share in sorted(shares.items()) if isinstance(share, Estimate)}
    if len(found) < 2:
        return Unresolvable("needs 2 doses or more, with a share each", 2, len(found))
    below = list(takewhile(lambda dose: found[dose].high < target, found))
    above = list(takewhile(lambda dose: found[dose].low > target, reversed(found)))
    low, high = (below[-1] if below else 0.0), (above[-1] if above else math.inf)
    if (missing := _missing(low, high, list(found))) is not None:
        return missing
    n = sum(share.n for share in found.values())
    value = _crossing(list(found), list(found.values()), target)
    return Estimate(value, low, high, LEVEL, "isotonic; doses judged in order", n)


def logistic_dose(answers: Answers, target: float = TARGET) -> Figure:
    """The dose at which a share of `target` answers yes, if the logit of the share is linear in the logarithm of it.

    A dose is within the limits if "a share of `target` answers yes here" is not rejected at 5 %: a score test (Boos
    1992, The American Statistician 46(4)) with the slope, not negative, that fits best under this assumption. The
    variance is that of independent answers times the design effect of people who answer several times, at least 1 (Rao
    & Scott 1992, Biometrics 48(2)). It needs no slope that is far from 0; doses at which all answers are the same do no
    harm. The value is the dose at which the test statistic is 0. `n`: people.

    Breaks where the curve is of another form, worst where some people never say yes. Experiments (generators) are
    fixed: the figure is for these. Unresolvable, with the limit there is, where one is not within the doses given.
    """
    doses = np.unique(answers.dose).tolist()
    if len(doses) < 2:
        return Unresolvable("needs 2 doses or more", 2, len(doses))
    tried = np.linspace(math.log2(doses[0]), math.log2(doses[-1]), _STEPS)
    z = _score_test(answers, tried, float(logit(target)))
    quantile = float(norm.ppf(0.5 + LEVEL / 2))
    not_low, not_high = np.flatnonzero(z >= -quantile), np.flatnonzero(z <= quantile)
    # The last doses outside: one step beyond those that are not rejected.
    edges = [0.0, *(2**tried).tolist(), math.inf]
    low = edges[not_low[0]] if not_low.size else math.inf
    high = edges[not_high[-1] + 2] if not_high.size else 0.0
    if (missing := _missing(low, high, doses)) is not None:
        return missing
    below, above = np.flatnonzero(z < -1e-9)[-1], np.flatnonzero(z > 1e-9)[0]
    value = float(2 ** ((tried[below] + tried[above]) / 2))
    return Estimate(value, low, high, LEVEL, "logistic; score test inverted", int(answers.who.max()) + 1)


def _missing(low: float, high: float, doses: Sequence[float]) -> Unresolvable | None:
    """What is said with one limit or none; 0 and infinity are none."""
    smallest, largest = doses[0], doses[-1]
    if low >= largest:
        return Unresolvable(f"above {largest:g}, the largest dose")
    if high <= smallest:
        return Unresolvable(f"below {smallest:g}, the smallest dose")
    if low == 0.0 and math.isinf(high):
        return Unresolvable(f"no limit from {smallest:g} to {largest:g}, the smallest and the largest dose")
    if math.isinf(high):
        return Unresolvable(f"above {low:.3g}; no upper limit up to {largest:g}, the largest dose")
    if low == 0.0:
        return Unresolvable(f"below {high:.3g}; no lower limit down to {smallest:g}, the smallest dose")
    return None


def _crossing(doses: Sequence[float], shares: Sequence[Estimate], target: float) -> float:
    """Where the isotonic regression, first below and at last above `target`, has it."""
    blocks: list[list[float]] = []
    for share in shares:
        blocks.append([share.value, share.n, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, n, size = blocks.pop()
            before, m, others = blocks.pop()
            blocks.append([(before * m + value * n) / (m + n), m + n, others + size])
    fitted = np.repeat([value for value, _, _ in blocks], [int(size) for _, _, size in blocks])
    k = int(np.flatnonzero(fitted < target)[-1])
    part = (target - fitted[k]) / (fitted[k + 1] - fitted[k])
    return float(2 ** (np.log2(doses[k]) + part * np.log2(doses[k + 1] / doses[k])))


def _score_test(answers: Answers, tried: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """(tried,) z of "the logit is `level` at this logarithm of a dose"; positive where more answer yes."""
    y, people = np.asarray(answers.yes, np.float64), answers.who
    doses, which = np.unique(np.log2(answers.dose), return_inverse=True)
    n, n_yes = np.bincount(which).astype(np.float64), np.bincount(which, y)
    apart = doses - tried[:, None]
    flat, steep = np.zeros((tried.size, 1)), np.full((tried.size, 1), _STEEPEST)
    for _ in range(50):
        slope = (flat + steep) / 2
        is_flat = (apart * (n_yes - n * expit(level + slope * apart))).sum(axis=1, keepdims=True) > 0
        flat, steep = np.where(is_flat, slope, flat), np.where(is_flat, steep, slope)
    p = expit(level + flat * apart)
    weight = n * p * (1 - p) + 1e-300
    # The part of the intercept's score that the slope's score does not explain.
    own = 1 - apart * (weight * apart).sum(axis=1, keepdims=True) / (weight * apart**2).sum(axis=1, keepdims=True)
    scores = own[:, which] * (y - p[:, which])
    sums = np.zeros((int(people.max()) + 1, tried.size))
    np.add.at(sums, people, scores.T)
    design_effect = np.maximum(1.0, (sums**2).sum(axis=0) / np.maximum((scores**2).sum(axis=1), 1e-12))
    variance = np.maximum((own**2 * weight).sum(axis=1) * design_effect, 1e-12)
    found: NDArray[np.float64] = scores.sum(axis=1) / np.sqrt(variance)
    return found
