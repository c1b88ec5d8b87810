"""The smallest leak that an audit would notice, by planting leaks in the audit's own p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from probablyexists.stats.estimate import IN_SCHEMA

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
