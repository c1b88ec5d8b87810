"""The smallest leak that an audit would notice, of a few people or of all; and how many may have leaked unnoticed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta, norm

from probablyexists.stats.estimate import IN_SCHEMA, LEVEL, Estimate, Figure, Unresolvable
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


@dataclass(frozen=True)
class Planted:
    """p-values of the people who are compared with one another."""

    planted: NDArray[np.floating]
    """Of people one of whose photos, not in their template, is among the samples."""
    heldout: NDArray[np.floating]
    """Of held-out people among themselves, for the members who do not leak."""
    n_members: int
    """Members compared so."""


def smallest_leak(parts: Sequence[Planted], level: float, rng: np.random.Generator) -> Power:
    """Bisect for the smallest number of planted people of whom some are named in 80 % of simulated audits.

    p-values are drawn with replacement; the planted people are members drawn at random, from any part. Each simulated
    audit is judged like the real one, by Benjamini-Hochberg over all and within each part, which must both allow a
    name. Conformal p-values have few distinct values, so they are counted instead of sorted.
    """
    seeds = rng.integers(2**63, size=N_DRAWS)
    sizes = [part.n_members for part in parts]
    n_members, n_planted = sum(sizes), sum(part.planted.size for part in parts)
    every_p = [x for part in parts for x in (part.planted, part.heldout)]
    p, steps = np.unique(np.concatenate(every_p), return_inverse=True)
    split = np.split(steps, np.cumsum([x.size for x in every_p])[:-1])
    pools = list(zip(split[::2], split[1::2], strict=True))

    def cut(drawn: NDArray[np.intp]) -> int:
        """The last step that Benjamini-Hochberg lets pass: the q-value of p is p * n / rank at best."""
        ranks = np.bincount(drawn, minlength=p.size).cumsum()
        passing = np.flatnonzero((ranks > 0) & (p * drawn.size <= (level + 1e-12) * ranks))
        return int(passing[-1]) if passing.size else -1

    def at(n: int) -> tuple[float, float]:
        named = np.empty(N_DRAWS)
        for i, seed in enumerate(seeds):
            draw = np.random.default_rng(seed)
            leaks = draw.multivariate_hypergeometric(sizes, n) if len(parts) > 1 else [n]
            ours = [draw.choice(planted, k) for (planted, _), k in zip(pools, leaks, strict=True)]
            others = [draw.choice(null, m - k) for (_, null), m, k in zip(pools, sizes, leaks, strict=True)]
            every = cut(np.concatenate([*ours, *others]))
            within = [cut(np.concatenate(both)) for both in zip(ours, others, strict=True)]
            named[i] = sum(int((o <= min(every, w)).sum()) for o, w in zip(ours, within, strict=True)) / n
        return float((named > 0).mean()), float(named.mean())

    low, high = 0, n_members
    found = at(high)
    if found[0] < TARGET:
        return Power(None, None, found[0], found[1], TARGET, n_planted, n_members)
    while high - low > 1:
        middle = (low + high) // 2
        tried = at(middle)
        if tried[0] >= TARGET:
            high, found = middle, tried
        else:
            low = middle
    return Power(high, high / n_members, found[0], found[1], TARGET, n_planted, n_members)


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


def smallest_difference(found: Estimate, power: float = TARGET) -> float:
    """The smallest true difference of which an interval as wide as that of `found` would lie above 0 with this power.

    The standard error is half the interval's width over the normal quantile q of its level, the same at any difference.
    So it is half the width times 1 + the normal quantile of `power` / q: 1.43 for 95 % and 80 %. If a limit was cut off
    (at 1), the other half of the interval counts.
    """
    half = max(found.high - found.value, found.value - found.low)
    return half * (1 + float(norm.ppf(power)) / float(norm.ppf(0.5 + found.level / 2)))


def _deviation(a: float, n: int, m: int) -> float:
    """Hanley & McNeil's standard deviation of the AUROC `a`; at 0.5 that of the null."""
    ours, theirs = a / (2 - a) - a * a, 2 * a * a / (1 + a) - a * a
    return math.sqrt(max(0.0, a * (1 - a) + (n - 1) * ours + (m - 1) * theirs) / (n * m))


def share_limit(
    found: NDArray[np.bool_], planted_found: NDArray[np.bool_], chance: float, error: float = 1 - LEVEL
) -> Figure:
    """Share of people who leaked, 0 to 1, from how many are found and how many of the planted ones are.

    `found`: of the people tested, who is found; `planted_found`: the same of people with a planted leak, at the same
    threshold, fixed before; `chance`: the probability that somebody without a leak is found. At least a share times the
    detection rate is found. So a limit on the share found (Clopper & Pearson 1934, Biometrika 26(4), one-sided at half
    of `error`), divided by such a lower limit on the detection rate, fails in a share `error` at most (Bonferroni).
    `low` is 0. The value
    takes the chance off, and is kept in 0 to `high`. Unresolvable if the detection rate can be 0.
    """
    n, k = found.size, int(found.sum())
    planted, noticed = planted_found.size, int(planted_found.sum())
    least = float(beta.ppf(error / 2, noticed, planted - noticed + 1)) if noticed else 0.0
    if least <= 0.0:
        return Unresolvable(f"of {planted} planted leaks none is found")
    most = float(beta.ppf(1 - error / 2, k + 1, n - k)) if k < n else 1.0
    high = min(1.0, most / least)
    rate = noticed / planted
    value = (k / n - chance) / (rate - chance) if rate > chance else high
    return Estimate(min(high, max(0.0, value)), 0.0, high, LEVEL, "one-sided; Clopper-Pearson, twice", n)
