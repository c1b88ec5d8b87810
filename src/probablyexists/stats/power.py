"""The smallest leak that an audit would notice, of a few people or of all; and how many may have leaked unnoticed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta, norm

from probablyexists.stats.estimate import IN_SCHEMA, Estimate, Figure, Unresolvable
from probablyexists.stats.roc import rank_sum_p

N_DRAWS = 400
TARGET = 0.80


@dataclass(frozen=True)
class Power:
    """The smallest number of exposed people that would have been noticed."""

    __pydantic_config__: ClassVar = IN_SCHEMA

    smallest: int | None
    """People; null: not even if every member were exposed."""
    share: float | None
    """`smallest` as a share of the members, 0 to 1; null with it."""
    power: float
    """Share of simulated audits in which at least one planted person was named, at `smallest` (null: with all members
    planted)."""
    named: float
    """Mean share of the planted people that were named, in the same simulated audits."""
    target: float
    """The power asked for: 0.8."""
    n_planted: int
    """Different people whose photos served as planted leaks."""
    n_members: int
    """Members of the simulated audits: as many as in the real one."""


def smallest_leak(
    planted: NDArray[np.floating], heldout: NDArray[np.floating], n_members: int, level: float, rng: np.random.Generator
) -> Power:
    """Bisect for the smallest number of planted people of whom some are named in 80 % of simulated audits.

    `planted`: conformal p-values of people when one of their photos, not in their template, is among the samples.
    `heldout`: p-values of held-out people among themselves, used for the members who do not leak. Both are drawn with
    replacement. Each simulated audit is judged like the real one, by Benjamini-Hochberg. Conformal p-values have few
    distinct values, so they are counted instead of sorted.
    """
    seeds = rng.integers(2**63, size=N_DRAWS)
    # The q-value of a member with p-value p is p * n_members / rank at best.
    p, step = np.unique(np.concatenate([planted, heldout]), return_inverse=True)
    step_planted, step_heldout = step[: planted.size], step[planted.size :]

    def at(n: int) -> tuple[float, float]:
        named = np.empty(N_DRAWS)
        for i, seed in enumerate(seeds):
            draw = np.random.default_rng(seed)
            ours, others = draw.choice(step_planted, n), draw.choice(step_heldout, n_members - n)
            ranks = np.bincount(np.concatenate([ours, others]), minlength=p.size).cumsum()
            passing = np.flatnonzero((ranks > 0) & (p * n_members <= (level + 1e-12) * ranks))
            named[i] = (ours <= passing[-1]).mean() if passing.size else 0.0
        return float((named > 0).mean()), float(named.mean())

    low, high = 0, n_members
    found = at(high)
    if found[0] < TARGET:
        return Power(None, None, found[0], found[1], TARGET, planted.size, n_members)
    while high - low > 1:
        middle = (low + high) // 2
        tried = at(middle)
        if tried[0] >= TARGET:
            high, found = middle, tried
        else:
            low = middle
    return Power(high, high / n_members, found[0], found[1], TARGET, planted.size, n_members)


def smallest_auroc(n_members: int, n_heldout: int, level: float, power: float = TARGET) -> float | None:
    """The smallest true AUROC that the one-sided Mann-Whitney test at `level` finds with this power, 0.5 to 1.

    The test's critical value is that of the null variance (Noether 1987, JASA 82(398)). Under the alternative Noether
    takes the same variance; here it is that of Hanley & McNeil 1982 (Radiology 143(1)), because with few people the
    AUROC is near 1, where it is much smaller. None if not even complete separation is found.
    """
    n, m = n_members, n_heldout
    if min(n, m) < 1 or rank_sum_p(np.arange(1.0, n + 1), -np.arange(1.0, m + 1)) > level:
        return None
    critical = 0.5 + float(norm.isf(level)) * _deviation(0.5, n, m)
    quantile = float(norm.ppf(power))
    if critical >= 1.0:
        return 1.0
    return float(brentq(lambda a: a - critical - quantile * _deviation(a, n, m), critical, 1.0))


def _deviation(a: float, n: int, m: int) -> float:
    """Hanley & McNeil's standard deviation of the AUROC `a`; at 0.5 that of the null."""
    ours, theirs = a / (2 - a) - a * a, 2 * a * a / (1 + a) - a * a
    return math.sqrt(max(0.0, a * (1 - a) + (n - 1) * ours + (m - 1) * theirs) / (n * m))


def share_limit(found: NDArray[np.bool_], planted_found: NDArray[np.bool_], chance: float) -> Figure:
    """Share of people who leaked, 0 to 1, from how many are found and how many of the planted ones are.

    `found`: of the people tested, who is found; `planted_found`: the same of people with a planted leak, at the same
    threshold, fixed before; `chance`: the probability that somebody without a leak is found. At least a share times the
    detection rate is found. So a limit on the share found (Clopper & Pearson 1934, Biometrika 26(4), one-sided at 97.5
    %), divided by such a lower limit on the detection rate, is one of at least 95 % (Bonferroni). `low` is 0. The value
    takes the chance off, and is kept in 0 to `high`. Unresolvable if the detection rate can be 0.
    """
    n, k = found.size, int(found.sum())
    planted, noticed = planted_found.size, int(planted_found.sum())
    least = float(beta.ppf(0.025, noticed, planted - noticed + 1)) if noticed else 0.0
    if least <= 0.0:
        return Unresolvable(f"of {planted} planted leaks none is found")
    most = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    high = min(1.0, most / least)
    rate = noticed / planted
    value = (k / n - chance) / (rate - chance) if rate > chance else high
    return Estimate(min(high, max(0.0, value)), 0.0, high, 0.95, "one-sided; Clopper-Pearson, twice", n)
