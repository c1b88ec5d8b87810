"""A caution: the highest of the held-out people's scores belong to people who look alike.

p-values hold on average over all people, not for each kind of people. If one kind of face scores high whether or not it
was trained on, held-out people of that kind hold the top ranks. By these scores, members of that kind get small
p-values too easily, and everybody else's are too large for them to be named. With commonness taken out
(`matching.commonness`) that is mostly mended, but people of a compact kind are then rarely named.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named
from probablyexists.attacks.attack import Scorer
from probablyexists.basis.seeds import rng
from probablyexists.matching.cosines import similarities

TOP = 0.05
"""Share of the held-out people who are the top: those with p <= 0.05."""
FEWEST_AT_THE_TOP = 10
FEWEST_PEOPLE = 100
MOST_PEOPLE = 3000
"""Pairs grow with the square of the people; more people are drawn at random."""
ALIKE = 0.001
"""Two people look alike if only this share of all pairs of held-out people is as similar."""
TOO_MANY = 0.02
"""Share of pairs at the top who look alike from which it is said: 20 times what is expected."""
LEVEL = 0.01
"""Level of the permutation test: as many pairs look alike among as many people drawn at random."""
DRAWS = 999


def look_alikes(named: Named, score: Scorer, seed: int, *, by_name: bool) -> list[str]:
    """What to say of the comparison with most members; nothing where they are compared within a group.

    `by_name`: whether people have names, and so can have groups.
    """
    main = max(named.comparisons, key=lambda one: len(one.members))
    if main.stratum[0] is not None:
        return []
    said = look_alikes_at_the_top(main.theirs.templates, score(main.theirs), seed)
    instead = "compare people within groups (a column 'group')"
    if not by_name:
        instead = "with names, people could be compared within groups (a column 'group')"
    elif named.compared_with is not None:
        instead = "groups have too few held-out people of their own to be compared alone; give more of each"
    return [] if said is None else [f"{said}; {instead}"]


def look_alikes_at_the_top(templates: NDArray[np.float32], scores: NDArray[np.floating], seed: int = 0) -> str | None:
    """What to say if the highest scores of held-out people belong to people who look alike; None if they do not.

    `templates`: (n, dim) of the held-out people, `scores`: (n,) before commonness is taken out, higher = more likely a
    member. Two conditions: at least 2 % of pairs at the top look alike (0.1 % expected), and chance gives as many with
    p <= 0.01 only. None with fewer than 100 people, or where everybody scores the same.
    """
    if len(scores) > MOST_PEOPLE:
        chosen = np.sort(rng(seed, "look-alikes", "people").permutation(len(scores))[:MOST_PEOPLE])
        templates, scores = templates[chosen], scores[chosen]
    n = len(scores)
    if n < FEWEST_PEOPLE or np.ptp(scores) == 0:
        return None
    cosines = similarities(templates, templates)
    alike = cosines >= np.quantile(cosines[np.triu_indices(n, 1)], 1 - ALIKE, method="higher")
    np.fill_diagonal(alike, False)
    m = max(FEWEST_AT_THE_TOP, math.ceil(TOP * n))
    top = np.argsort(-scores, kind="stable")[:m]
    found = _pairs(alike, top)
    share = found / (m * (m - 1) / 2)
    if share < TOO_MANY:
        return None
    draw = rng(seed, "look-alikes", "permutations")
    reached = sum(_pairs(alike, draw.permutation(n)[:m]) >= found for _ in range(DRAWS))
    if (1 + reached) / (DRAWS + 1) > LEVEL:
        return None
    n_alike = int(alike[np.ix_(top, top)].any(axis=1).sum())
    return (
        f"the held-out people with the highest scores look like each other: of the {m:,} highest, {n_alike:,} resemble "
        f"another of them as only 1 in {round(1 / ALIKE):,} pairs does; p-values are then not exact for people of "
        "their kind, nor for others, and people who leaked may not be named"
    )


def _pairs(alike: NDArray[np.bool_], people: NDArray[np.intp]) -> int:
    return int(alike[np.ix_(people, people)].sum()) // 2
