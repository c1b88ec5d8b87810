"""AUROC over several runs, each a generator of its own, with members and held-out people from one pool.

In one run few members stand against many held-out people and the AUROC wanders; several runs with other members
steady it. But the runs are not independent: a person may be a member in one and held out in the next, or a member
in both, and somebody whose face is like many faces scores high in all of them.

Every run counts the same: the figure is the plain mean of the runs' AUROCs. Two intervals, for two claims, and a
difference:

- `pooled_auroc`: *these generators* give their members away. People are drawn, the generators are as they are.
  Where nothing leaks and members are drawn at random, a generator is blind to who is a member, so that every
  run's AUROC is expected at 1/2 whatever the generator: this is the interval to hold against the split baseline.
- `procedure_auroc`: *the procedure* gives members away, by so much, were it trained again from another seed on
  other members. Generators are drawn too. Runs are the units, and at least 4 of them are needed.

- `pooled_difference`: the first, beyond what an attacker who never saw the generators makes of the same people.

scripts/pooled_coverage.py has what they cover.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.basis.errors import InputError
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc, auroc_interval, influences, logit_limits, satterthwaite

FEWEST_RUNS = 4
"""Below this, Student's quantile (4.3 at 3 runs) leaves nothing to say about a procedure."""

People = Sequence[Hashable] | NDArray[Any]
"""Whose score each is: names or numbers that mean the same person in every run."""


@dataclass(frozen=True)
class PooledRun:
    """The scores of one generator's members and held-out people; higher = more likely a member.

    One or more scores a person (photos); a person stands on one side only within a run. InputError if not, if a
    score has no person, or if one is not finite.
    """

    member_scores: NDArray[np.floating]
    member_people: People
    heldout_scores: NDArray[np.floating]
    heldout_people: People

    def __post_init__(self) -> None:
        for side, scores, people in (
            ("member", self.member_scores, self.member_people),
            ("held-out", self.heldout_scores, self.heldout_people),
        ):
            if np.ndim(scores) != 1 or len(scores) != len(people):
                raise InputError(f"{side} scores: {np.shape(scores)} for {len(people)} people; give each its person")
            if not_finite := int((~np.isfinite(scores)).sum()):
                raise InputError(f"{not_finite} of {len(scores)} {side} scores are not finite; set them aside first")
        if both := set(_ids(self.member_people)) & set(_ids(self.heldout_people)):
            one = min(map(str, both))
            raise InputError(f"{one} is member and held out in the same run ({len(both)} such); keep one role each")


def pooled_auroc(runs: Sequence[PooledRun]) -> Figure:
    """Mean over runs of the AUROC; its interval covers the draw of people, given these generators.

    To first order a run's AUROC is a sum over people of what each adds to it (the placements of DeLong, DeLong &
    Clarke-Pearson 1988, clustered as by Obuchowski 1997): high scores add to it as a member's and take away from it
    as a held-out person's. The sums are taken over runs first and squared then, the variance that is robust to
    clusters, here the people (Liang & Zeger 1986, Biometrika 73(1)): a person who scores high anyway cancels by
    standing on either side, one who is a member throughout counts in full. Before that, each side of each run is
    scaled by the root of n / (n - 1), n its people: one run alone has the variance of `roc.auroc_estimate`.

    The interval is on the logit scale. As 20 members tell their variance badly, it has Student's quantile with the
    degrees of freedom of Satterthwaite for the people who were ever a member and those who never were. With one
    run it is that of `roc.auroc_estimate`.

    Not covered: that another generator by the same procedure may leak more or less (`procedure_auroc`). Runs may
    share a generator here. `n` is the number of different members, or of different held-out people if smaller.
    Unresolvable without runs or with fewer than 2 people on a side of one.
    """
    if (missing := _missing(runs, 1)) is not None:
        return missing
    return _over_people(_influences(runs))


def procedure_auroc(runs: Sequence[PooledRun]) -> Figure:
    """Mean over runs of the AUROC; its interval covers the draw of generators as well as of people.

    Each run has a generator of its own, trained from its own seed; at least 4 runs. The variance of the mean is that
    between the runs over their number, to which the mean covariance of two runs through the people they share is
    added (the spread of runs does not show what all of them have in common). Student's quantile, runs - 1 degrees of
    freedom, logit scale. A few runs may lie close together by luck, so that this alone could be narrower than the
    interval over people, which it includes by rights: the wider of the two is given, and the method says which.
    (A like step in the meta-analysis of few studies: Roever, Knapp & Friede 2015, BMC Medical Research
    Methodology 15:99.) `n` is the number of runs, or that of `pooled_auroc` where its interval is the wider.
    """
    if (missing := _missing(runs, FEWEST_RUNS)) is not None:
        return missing
    table = _influences(runs)
    people = _over_people(table)
    n = len(runs)
    if not 0 < people.value < 1:
        return people
    covariances = table.pulls @ table.pulls.T
    shared = float(covariances[~np.eye(n, dtype=bool)].mean())
    variance = max(0.0, float(table.values.var(ddof=1)) / n + shared)
    low, high = logit_limits(people.value, float(t.ppf(0.5 + LEVEL / 2, n - 1)) * math.sqrt(variance))
    if high - low <= people.high - people.low:
        return people
    return Estimate(people.value, low, high, LEVEL, "mean over runs; Student over runs, logit scale", n)


def pooled_difference(attack: Sequence[PooledRun], baseline: Sequence[PooledRun]) -> Figure:
    """Mean AUROC of `attack` less that of `baseline`, two ways to score the same people; in AUROC, -1 to 1.

    Where few members happen to look like many people, every score of alikeness is high for them, the baseline's too:
    the difference takes out what is theirs and leaves what is the generator's. What a person adds to it is what they
    add to the one mean less what they add to the other (DeLong, DeLong & Clarke-Pearson 1988 compare two curves so),
    summed over runs as in `pooled_auroc`, with Student's quantile by Satterthwaite and no transformation. The
    baseline's runs may be more than the attack's; they are as given, whatever photos stood in for samples there.
    Unresolvable without runs, with fewer than 2 people on a side of one, or where nobody adds anything.
    """
    for runs in (attack, baseline):
        if (missing := _missing(runs, 1)) is not None:
            return missing
    table, n = _influences([*attack, *baseline]), len(attack)
    squares = (table.pulls[:n].mean(axis=0) - table.pulls[n:].mean(axis=0)) ** 2
    variance, ever = float(squares.sum()), np.asarray(table.member.any(axis=0))
    if variance < 1e-12:
        return Unresolvable("every person counts the same for the attack and for the baseline")
    value = float(table.values[:n].mean() - table.values[n:].mean())
    half = float(t.ppf(0.5 + LEVEL / 2, _freedom(squares, ever))) * math.sqrt(variance)
    fewer = min(int(ever.sum()), int(table.heldout.any(axis=0).sum()))
    method = "difference of means over runs; DeLong, clustered by person over runs, Satterthwaite"
    return Estimate(value, value - half, value + half, LEVEL, method, fewer)


@dataclass(frozen=True)
class _Table:
    """Runs by people of the pool."""

    values: NDArray[np.float64]
    """(runs,) AUROCs"""
    pulls: NDArray[np.float64]
    """(runs, people) what each person adds to each"""
    member: NDArray[np.bool_]
    """(runs, people)"""
    heldout: NDArray[np.bool_]
    """(runs, people)"""


def _influences(runs: Sequence[PooledRun]) -> _Table:
    pool: dict[Hashable, int] = {}
    for run in runs:
        for person in (*_ids(run.member_people), *_ids(run.heldout_people)):
            pool.setdefault(person, len(pool))
    values, pulls = np.empty(len(runs)), np.zeros((len(runs), len(pool)))
    member, heldout = np.zeros((2, *pulls.shape), dtype=bool)
    for i, run in enumerate(runs):
        ours, who = _side(run.member_scores, run.member_people, pool)
        theirs, who_else = _side(run.heldout_scores, run.heldout_people, pool)
        values[i] = auroc(ours.scores, theirs.scores)
        pulls[i, who], pulls[i, who_else] = influences(ours, theirs, float(values[i]))
        member[i, who] = heldout[i, who_else] = True
    return _Table(values, pulls, member, heldout)


def _over_people(table: _Table) -> Estimate:
    squares = table.pulls.mean(axis=0) ** 2
    ever = np.asarray(table.member.any(axis=0))
    return auroc_interval(
        float(table.values.mean()),
        float(squares.sum()),
        int(ever.sum()),
        int(table.heldout.any(axis=0).sum()),
        "mean over runs; DeLong, clustered by person over runs, Satterthwaite, logit scale",
        _freedom(squares, ever),
    )


def _freedom(squares: NDArray[np.float64], ever: NDArray[np.bool_]) -> float:
    """Degrees of freedom of the sum of squares: members and the others have variances of their own."""
    sides = [squares[ever], squares[~ever]]
    return satterthwaite(*sides) if min(side.size for side in sides) >= 2 else satterthwaite(squares)


def _side(scores: NDArray[np.floating], people: People, pool: dict[Hashable, int]) -> tuple[Side, NDArray[np.intp]]:
    """A side with its people renumbered from 0, and the number of each in the pool."""
    who, numbers = np.unique([pool[person] for person in _ids(people)], return_inverse=True)
    return Side(np.asarray(scores, np.float64), np.asarray(numbers, np.intp)), who


def _missing(runs: Sequence[PooledRun], fewest: int) -> Unresolvable | None:
    if len(runs) < fewest:
        return Unresolvable(f"needs at least {fewest} run{'s' * (fewest > 1)}, has {len(runs)}", fewest, len(runs))
    has = min(len(set(_ids(people))) for run in runs for people in (run.member_people, run.heldout_people))
    return None if has >= 2 else Unresolvable(f"needs at least 2 people on each side of every run, has {has}", 2, has)


def _ids(people: People) -> Sequence[Hashable]:
    return people.tolist() if isinstance(people, np.ndarray) else people
