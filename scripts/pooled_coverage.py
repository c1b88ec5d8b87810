"""Do the intervals over several runs hold what they promise? Simulated experiments; prints Markdown tables.

    python scripts/pooled_coverage.py                      # 1,000 experiments a row, about a minute
    python scripts/pooled_coverage.py --experiments 200    # fewer
    python scripts/pooled_coverage.py --only procedure     # rows whose name has this word

A pool of 158 people; each run draws 20 of them as members, the others are held out. A score is the person's own
effect (the same in all runs), that of the person and this generator, and noise of the photo; together variance 1.
Members stand higher by a shift: of the procedure, of the generator, of the person (some are easier to learn).
Experiment number s of every row draws from the seed (20261, s).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.pooled import PooledRun, contributions, pooled_auroc, pooled_difference
from probablyexists.stats.rates import wilson
from probablyexists.stats.roc import auroc

SEED = 20261
POOL, MEMBERS = 158, 20
FEWEST_RUNS = 4
"""With fewer, Student's quantile (4.3 at 3 runs) is too large for any statement about a procedure."""
PHOTO = 0.3
"""Share of a score's variance that is the photo's own, where there are several photos a person."""

Draw = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """How scores come about."""

    auroc: float
    """Of the procedure, generators and people drawn anew."""
    n_runs: int = 3
    person: float = 0.5
    """Share of a score's variance that is the person's, the same in every run."""
    generators: float = 0.0
    """Standard deviation between generators of what membership adds to a score."""
    members: float = 0.0
    """The same between people."""
    same: bool = False
    """The same members in every run."""
    photos: bool = False
    """1 to 8 photos a person instead of one score."""
    baseline: bool = False
    """With two blind runs for each, against one half of its held-out people each: the person's effect and noise."""

    def shift(self) -> float:
        return float(norm.ppf(self.auroc)) * math.sqrt(2 + self.generators**2 + self.members**2)

    def experiment(self, draw: Draw) -> tuple[list[PooledRun], float]:
        """Its runs, and the AUROC that these generators have when people are drawn anew."""
        person = draw.normal(0, math.sqrt(self.person), POOL)
        easy = draw.normal(0, self.members, POOL)
        order, runs, truths = draw.permutation(POOL), [], []
        for _ in range(self.n_runs):
            order = order if self.same else draw.permutation(POOL)
            is_member = np.zeros(POOL, bool)
            is_member[order[:MEMBERS]] = True
            shift = self.shift() + draw.normal(0, self.generators)
            photo = PHOTO if self.photos else 0.0
            mean = person + draw.normal(0, math.sqrt(1 - self.person - photo), POOL) + (shift + easy) * is_member
            counts = np.minimum(8, draw.geometric(0.35, POOL)) if self.photos else np.ones(POOL, int)
            who = np.repeat(np.arange(POOL), counts)
            scores, ours = mean[who] + draw.normal(0, math.sqrt(photo), len(who)), is_member[who]
            runs.append(PooledRun(scores[ours], who[ours], scores[~ours], who[~ours]))
            truths.append(float(norm.cdf(shift / math.sqrt(2 + self.members**2))))
        if self.baseline:
            blind = [self._blind(run, half, person, draw) for half in (0, 1) for run in runs]
            return [*runs, *blind], float(np.mean(truths)) - 0.5
        return runs, float(np.mean(truths))

    def _blind(self, run: PooledRun, half: int, person: Floats, draw: Draw) -> PooledRun:
        ours, theirs = np.array(run.member_people), np.array(run.heldout_people)[half::2]
        scores = [person[who] + draw.normal(0, math.sqrt(1 - self.person), len(who)) for who in (ours, theirs)]
        return PooledRun(scores[0], ours, scores[1], theirs)


Interval = Callable[[Sequence[PooledRun]], Figure]


@dataclass(frozen=True)
class Row:
    name: str
    interval: Interval
    world: World
    given: bool
    """The truth is that of these generators; else that of the procedure."""


def logit_limits(value: float, half: float) -> tuple[float, float]:
    """Limits of `value` (between 0 and 1) with half width `half` to first order, symmetric on the logit scale."""
    centre = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(centre + sign * half / (value * (1 - value))))) for sign in (-1, 1))
    return low, high


def procedure_auroc(runs: Sequence[PooledRun]) -> Figure:
    """Mean over runs of the AUROC; its interval covers the draw of generators as well as of people.

    Each run has its own generator, trained from its own seed; at least 4 runs. The variance of the mean is the variance
    between runs divided by their number, plus the mean covariance of two runs through the people they share (which the
    variance between runs does not show). Student's quantile, runs - 1 degrees of freedom, logit scale. A few runs may
    be close together by chance, and this interval narrower than that over people, which it should include. So the wider
    of the two is given, and the method says which. (Roever, Knapp & Friede 2015, BMC Medical Research Methodology
    15:99, do the same in meta-analyses of few studies.) `n` is the number of runs, or that of `pooled_auroc` if its
    interval is the wider.
    """
    n = len(runs)
    if n < FEWEST_RUNS:
        return Unresolvable(f"needs at least {FEWEST_RUNS} runs, has {n}", FEWEST_RUNS, n)
    people = pooled_auroc(runs)
    if not isinstance(people, Estimate) or not 0 < people.value < 1:
        return people
    table = contributions(runs)
    covariances = table.pulls @ table.pulls.T
    shared = float(covariances[~np.eye(n, dtype=bool)].mean())
    variance = max(0.0, float(table.values.var(ddof=1)) / n + shared)
    low, high = logit_limits(people.value, float(t.ppf(0.975, n - 1)) * math.sqrt(variance))
    if high - low <= people.high - people.low:
        return people
    return Estimate(people.value, low, high, 0.95, "mean over runs; Student over runs, logit scale", n)


def as_if_independent(runs: Sequence[PooledRun]) -> Figure:
    """Nobody is the same person in two runs: what the clusters are there to prevent."""
    apart = [
        PooledRun(
            run.member_scores,
            [(i, p) for p in run.member_people],
            run.heldout_scores,
            [(i, p) for p in run.heldout_people],
        )
        for i, run in enumerate(runs)
    ]
    return pooled_auroc(apart)


def over_runs_alone(runs: Sequence[PooledRun]) -> Figure:
    """Student's interval of the runs' AUROCs, as if all people were others."""
    values = np.array([auroc(run.member_scores, run.heldout_scores) for run in runs])
    mean, n = float(values.mean()), len(runs)
    half = float(t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, *logit_limits(mean, half), 0.95, "Student over runs", n)


def people_rows() -> list[Row]:
    worlds = [
        ("members drawn anew", World(0.5)),
        ("members drawn anew", World(0.65)),
        ("members drawn anew", World(0.8)),
        ("members drawn anew, 90 % of the variance people's", World(0.5, person=0.9)),
        ("the same members", World(0.5, same=True)),
        ("the same members", World(0.8, same=True)),
        ("photos, members drawn anew", World(0.65, photos=True)),
        ("some people easier", World(0.65, n_runs=10, members=0.7)),
        ("generators differ, some people easier", World(0.65, n_runs=6, generators=0.3, members=0.7)),
        ("one run", World(0.65, n_runs=1)),
    ]
    return [Row(f"pooled, {name}", pooled_auroc, world, True) for name, world in worlds]


def procedure_rows() -> list[Row]:
    rows = []
    for n_runs in (4, 6, 10):
        for generators in (0.0, 0.3, 0.6):
            name = f"procedure, generators differ by {generators:g}, some people easier"
            world = World(0.65, n_runs=n_runs, generators=generators, members=0.7)
            rows.append(Row(name, procedure_auroc, world, False))
    rows.append(Row("procedure, nothing leaks", procedure_auroc, World(0.5, n_runs=6), False))
    same = World(0.65, n_runs=6, generators=0.3, members=0.7, same=True)
    rows.append(Row("procedure, the same members, generators differ by 0.3", procedure_auroc, same, False))
    return rows


def over_baseline(runs: Sequence[PooledRun]) -> Figure:
    n = len(runs) // 3
    return pooled_difference(runs[:n], runs[n:])


def difference_rows() -> list[Row]:
    worlds = [
        ("one run", World(0.5, n_runs=1, baseline=True)),
        ("one run", World(0.75, n_runs=1, baseline=True)),
        ("one run, 90 % of the variance people's", World(0.75, n_runs=1, person=0.9, baseline=True)),
        ("members drawn anew", World(0.5, baseline=True)),
        ("members drawn anew", World(0.75, baseline=True)),
        ("the same members", World(0.75, same=True, baseline=True)),
    ]
    return [Row(f"difference, {name}", over_baseline, world, True) for name, world in worlds]


def wrong_rows() -> list[Row]:
    """Intervals taken for what they are not."""
    differ = World(0.65, n_runs=6, generators=0.3, members=0.7)
    return [
        Row("runs as if independent, the same members", as_if_independent, World(0.65, same=True), True),
        Row("runs as if independent, some people easier", as_if_independent, World(0.65, n_runs=10, members=0.7), True),
        Row("Student over runs alone, the same members", over_runs_alone, replace(differ, same=True), False),
        Row("Student over runs alone, some people easier", over_runs_alone, World(0.65, n_runs=10, members=0.7), False),
        Row("pooled, taken for the procedure, generators differ by 0.3", pooled_auroc, differ, False),
    ]


def line(row: Row, n_experiments: int) -> str:
    started = time.monotonic()
    figures: list[Estimate] = []
    truths: list[float] = []
    for s in range(n_experiments):
        runs, of_generators = row.world.experiment(np.random.default_rng([SEED, s]))
        figure = row.interval(runs)
        assert isinstance(figure, Estimate), figure
        figures.append(figure)
        truths.append(of_generators if row.given else row.world.auroc)
    seconds = time.monotonic() - started
    low, high, truth = np.array([f.low for f in figures]), np.array([f.high for f in figures]), np.array(truths)
    covers = float(((low <= truth) & (truth <= high)).mean())
    ends = wilson(covers, n_experiments)
    return (
        f"| {row.name}; {row.world.n_runs} run{'s' * (row.world.n_runs > 1)} | {row.world.auroc:g} "
        f"| {100 * covers:.1f} ({100 * ends[0]:.1f} to {100 * ends[1]:.1f}) "
        f"| {100 * (low > truth).mean():.1f} / {100 * (high < truth).mean():.1f} "
        f"| {(high - low).mean():.3f} | {np.mean([f.value for f in figures]):.3f} | {seconds:.0f} |"
    )


def table(title: str, rows: list[Row], n_experiments: int) -> None:
    if not rows:
        return
    print(f"{title}\n")
    print(
        "| interval (95 %) | AUROC | coverage % (95 % interval) | truth below / above % | mean width | mean value | s |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(line(row, n_experiments), flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose name has this word")
    chosen = parser.parse_args()
    started = time.monotonic()
    for title, rows in (
        ("People drawn at random, generators fixed (the truth is for these generators):", people_rows()),
        ("People and generators drawn at random (the truth is for the procedure):", procedure_rows()),
        ("Difference from the baseline, people drawn at random (the truth is the AUROC minus 1/2):", difference_rows()),
        ("Without these corrections:", wrong_rows()),
    ):
        table(title, [row for row in rows if chosen.only in row.name], chosen.experiments)
    print(f"{chosen.experiments} experiments a row; {time.monotonic() - started:.0f} seconds")


if __name__ == "__main__":
    main()
