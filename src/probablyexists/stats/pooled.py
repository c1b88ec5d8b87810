"""AUROC over several runs, each a generator of its own, with members and held-out people from one pool.

The AUROC of one run, with few members against many held-out people, varies much; several runs with other members reduce
that. But runs are not independent: a person may be a member in one and held out in the next, or a member in both, and a
person whose face is like many others scores high in all of them.

Every run has the same weight: the figure is the mean of the runs' AUROCs. People are drawn, generators are fixed: if
nothing leaks and members are drawn at random, a generator does not depend on who is a member, and every run has an
expected AUROC of 1/2. scripts/pooled_coverage.py measures the coverage.
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
from probablyexists.stats.contrast import satterthwaite
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc, auroc_interval, influences

People = Sequence[Hashable] | NDArray[Any]
"""The person of each score: names or numbers that mean the same person in every run."""


@dataclass(frozen=True)
class PooledRun:
    """The scores of one generator's members and held-out people; higher = more likely a member.

    One or more scores a person (photos). InputError if a person is on both sides of a run, if a score has no person, or
    if a score is not finite.
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

    To first order a run's AUROC is a sum of one contribution a person (the placements of DeLong, DeLong &
    Clarke-Pearson 1988, clustered as in Obuchowski 1997): a member's high scores raise it, a held-out person's lower
    it. Each person's contributions are summed over runs, then squared: the variance robust to clusters, here the people
    (Liang & Zeger 1986, Biometrika 73(1)). A person who always scores high cancels out when on either side; a person
    who is a member in all runs counts in full. Each side of each run, of n people, is first scaled by the root of n /
    (n - 1). The interval is that of `roc.auroc_interval`, with everybody's photos as a member and as a held-out person
    over all runs; with one run it is that of `roc.auroc_estimate`.

    Not covered: another generator by the same procedure may leak more or less. Runs may share a generator here. `n` is
    the number of different members, or of different held-out people if smaller. Unresolvable without runs, or with
    fewer than 2 people on a side of a run.
    """
    if (missing := _missing(runs)) is not None:
        return missing
    table = contributions(runs)
    squares = table.pulls.mean(axis=0) ** 2
    method = "mean over runs; DeLong, clustered by person over runs, Newcombe's score interval"
    photos = table.member_photos[table.member], table.heldout_photos[table.heldout]
    return auroc_interval(float(table.values.mean()), float(squares.sum()), photos, method)


def pooled_difference(attack: Sequence[PooledRun], baseline: Sequence[PooledRun]) -> Figure:
    """Mean AUROC of `attack` minus that of `baseline`, two scores of the same people; -1 to 1.

    Members who happen to look like many people have high similarities to everything, in the baseline too. The
    difference removes that and keeps what comes from the generator. A person's contribution is the one to the first
    mean minus the one to the second (as DeLong, DeLong & Clarke-Pearson 1988 compare two curves), summed over runs as
    in `pooled_auroc`, with Student's quantile by Satterthwaite and no transformation, cut off at -1 and 1. The baseline
    may have more runs than the attack. Unresolvable without runs, with fewer than 2 people on a side of a run, or if
    nobody contributes anything.
    """
    if (missing := _missing(attack) or _missing(baseline)) is not None:
        return missing
    table, n = contributions([*attack, *baseline]), len(attack)
    squares = (table.pulls[:n].mean(axis=0) - table.pulls[n:].mean(axis=0)) ** 2
    variance = float(squares.sum())
    if variance < 1e-12:
        return Unresolvable("every person counts the same for the attack and for the baseline")
    value = float(table.values[:n].mean() - table.values[n:].mean())
    half = float(t.ppf(0.5 + LEVEL / 2, _freedom(squares, table.member))) * math.sqrt(variance)
    fewer = min(int(table.member.sum()), int(table.heldout.sum()))
    method = "difference of means over runs; DeLong, clustered by person over runs, Satterthwaite"
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), LEVEL, method, fewer)


@dataclass(frozen=True)
class Contributions:
    """The AUROCs of runs, and what each person of the pool contributes to them."""

    values: NDArray[np.float64]
    """(runs,) AUROCs"""
    pulls: NDArray[np.float64]
    """(runs, people) contribution of each person to each AUROC"""
    member_photos: NDArray[np.intp]
    """(people,) scores as a member, over all runs"""
    heldout_photos: NDArray[np.intp]
    """(people,) scores as a held-out person"""

    @property
    def member(self) -> NDArray[np.bool_]:
        """(people,) whether ever a member"""
        return self.member_photos > 0

    @property
    def heldout(self) -> NDArray[np.bool_]:
        """(people,) whether ever held out"""
        return self.heldout_photos > 0


def contributions(runs: Sequence[PooledRun]) -> Contributions:
    """At least 2 people on each side of every run."""
    pool: dict[Hashable, int] = {}
    for run in runs:
        for person in (*_ids(run.member_people), *_ids(run.heldout_people)):
            pool.setdefault(person, len(pool))
    values, pulls = np.empty(len(runs)), np.zeros((len(runs), len(pool)))
    as_member, as_heldout = np.zeros((2, len(pool)), dtype=np.intp)
    for i, run in enumerate(runs):
        ours, who = _side(run.member_scores, run.member_people, pool)
        theirs, who_else = _side(run.heldout_scores, run.heldout_people, pool)
        values[i] = auroc(ours.scores, theirs.scores)
        pulls[i, who], pulls[i, who_else] = influences(ours, theirs, float(values[i]))
        as_member[who] += ours.photos
        as_heldout[who_else] += theirs.photos
    return Contributions(values, pulls, as_member, as_heldout)


def _freedom(squares: NDArray[np.float64], ever: NDArray[np.bool_]) -> float:
    """Degrees of freedom of the sum of squares; people who were `ever` members and the others differ in variance."""
    sides = [squares[ever], squares[~ever]]
    return satterthwaite(*sides) if min(side.size for side in sides) >= 2 else satterthwaite(squares)


def _side(scores: NDArray[np.floating], people: People, pool: dict[Hashable, int]) -> tuple[Side, NDArray[np.intp]]:
    """A side with its people renumbered from 0, and the number in the pool of each."""
    who, numbers = np.unique([pool[person] for person in _ids(people)], return_inverse=True)
    return Side(np.asarray(scores, np.float64), np.asarray(numbers, np.intp)), who


def _missing(runs: Sequence[PooledRun]) -> Unresolvable | None:
    if not runs:
        return Unresolvable("needs at least 1 run, has 0", 1, 0)
    has = min(len(set(_ids(people))) for run in runs for people in (run.member_people, run.heldout_people))
    return None if has >= 2 else Unresolvable(f"needs at least 2 people on each side of every run, has {has}", 2, has)


def _ids(people: People) -> Sequence[Hashable]:
    return people.tolist() if isinstance(people, np.ndarray) else people
