"""How much of a significance level each of many looks may spend, however many there will be."""

from __future__ import annotations

import math

TOTAL = 0.025
"""Probability of finding a change, one-sided, where there is none, over all looks."""


def level_of(look: int, total: float = TOTAL) -> float:
    """What the look with this number, from 1, may spend: total * 6 / (pi^2 look^2).

    The sum over all looks is `total` (Euler's sum of 1 / k^2). So with each look tested at its own level, the
    probability that any of them finds what is not there is at most `total`, whatever they have in common and whoever
    decides when to stop: Bonferroni's inequality over an infinite series. Foster & Stine, Alpha-investing, JRSS B
    70(2), 2008, discuss spending a level over a series of tests.

    >>> [round(level_of(look), 5) for look in (1, 2, 3)]
    [0.0152, 0.0038, 0.00169]
    """
    return total * 6 / (math.pi * look) ** 2
