"""Comparing two audits: is "reduced" said if nothing changed, and is a halving found as often as stated?

    python scripts/compare_power.py

Null: the same generator, independent seeds, so that the samples of both audits are exchangeable; people are chosen in
the first audit, and chosen anew in each deal of the pooled samples (docs/decisions/0037-comparing-audits.md).

Simulated as in `commonness.py`: unit vectors of 28 numbers, photos add noise of length 0.75, templates are the mean of
two photos. 60 members, 600 held out. Samples are photos of strangers; whoever leaks has a Poisson number of unseen
photos among them, at a rate of their own, in the second audit of *halved* at half of it. Prints Markdown: the share of
pairs with each verdict, with Wilson's 95 % interval; beside it how often a t-test of the paired differences of those
treated says that exposure fell (one-sided, 2.5 %), and the power as stated from the first audits alone.

Guard: the second audit's samples have passed a guard that refuses whatever is as alike to a member as a share of
strangers' photos are; compared once with strangers' likenesses left in, and once dropped by the same rule.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_1samp

from commonness import unit
from probablyexists.answers.change_figures import auroc, sets
from probablyexists.answers.change_verdict import LEVEL, MARGIN, judge
from probablyexists.answers.changes import Comparing
from probablyexists.answers.halving import power_of_halving
from probablyexists.answers.pooled_samples import Rows, pooled
from probablyexists.matching.commonness import most_alike
from probablyexists.results.neighbours_file import N_NEAREST
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson

Vectors = NDArray[np.float64]
DIM, NOISE = 28, 0.75
NAMED_AT = 0.05


@dataclass(frozen=True)
class Plan:
    """How a pair of audits is drawn."""

    title: str
    n_leaking: int = 10
    rate: float = 3.0
    """Likenesses of each person who leaks, on average, in the first audit."""
    first_rate: float | None = None
    """The same of the first of them, if it differs."""
    factor: float = 1.0
    """By which the rate is multiplied in the second audit."""
    n_first: int = 2000
    n_second: int = 2000
    n_members: int = 60
    n_heldout: int = 600
    kind: str = "mixed"
    pictures: int | None = None
    """A collapsed generator gives these many pictures of strangers, and one of each person who leaks, over and over."""
    clump: int = 1
    """Near-identical samples that come together: not drawn independently."""
    refused: float | None = None
    """The second audit's samples have passed a guard that refuses this share of strangers' photos."""


class Drawn:
    """People, and a generator of samples."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan, self.rng = plan, np.random.default_rng(seed)
        self.centre = unit(self.rng.normal(size=DIM))
        n = plan.n_members + plan.n_heldout
        self.faces = self.people(n)
        self.templates = unit(self.photos(self.faces, 2).mean(axis=1)).astype(np.float32)
        self.alike = most_alike(self.templates, self.templates, np.arange(n))
        self.rates = np.full(plan.n_leaking, plan.rate)
        self.rates[:1] = plan.first_rate or plan.rate
        if plan.pictures is not None:
            self.strangers = self.photos(self.people(plan.pictures), 1)[:, 0]
            self.likeness = self.photos(self.faces[: plan.n_leaking], 1)[:, 0]

    def people(self, n: int) -> Vectors:
        part = np.zeros((n, 1))
        if self.plan.kind == "look-alikes":
            part = np.where(self.rng.random((n, 1)) < 0.1, 0.7, 0.0)
        return unit(np.sqrt(part) * self.centre + np.sqrt(1 - part) * unit(self.rng.normal(size=(n, DIM))))

    def photos(self, faces: Vectors, k: int) -> Vectors:
        return unit(faces[:, None] + NOISE * unit(self.rng.normal(size=(len(faces), k, DIM))))

    def samples(self, n: int, factor: float) -> Vectors:
        plan = self.plan
        counts = self.rng.poisson(self.rates * factor * n / plan.n_first / plan.clump)
        who = np.repeat(np.arange(plan.n_leaking), counts)
        n_strangers = n // plan.clump - len(who)
        if plan.pictures is not None:
            chosen = self.rng.integers(plan.pictures, size=n_strangers)
            found = np.concatenate([self.strangers[chosen], self.likeness[who]])
        else:
            others = self.photos(self.people(n_strangers), 1)[:, 0]
            found = np.concatenate([others, self.photos(self.faces[who], 1)[:, 0]])
        found = np.repeat(found, plan.clump, axis=0)
        return unit(found + 0.02 * unit(self.rng.normal(size=found.shape)))

    def guard(self, samples: Vectors) -> tuple[Vectors, float]:
        """Samples that a guard of members lets through, and its threshold."""
        assert self.plan.refused is not None
        members = self.templates[: self.plan.n_members].astype(np.float64)
        fresh = self.photos(self.people(20_000), 1)[:, 0]
        threshold = float(np.quantile((fresh @ members.T).max(axis=1), 1 - self.plan.refused))
        return samples[(samples @ members.T).max(axis=1) < threshold], threshold

    def rows(self, samples: Vectors) -> Rows:
        """As an audit keeps them."""
        n, k = len(self.templates), min(N_NEAREST, len(samples))
        cosines = self.templates @ samples.astype(np.float32).T
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(near, np.argsort(-np.take_along_axis(cosines, near, axis=1), axis=1), axis=1)
        similarity = np.take_along_axis(cosines, near, axis=1).astype(np.float64)
        names = tuple(f"P-{i:05d}" for i in range(n))
        is_member = np.arange(n) < self.plan.n_members
        return Rows(
            names,
            tuple(name if member else None for name, member in zip(names, is_member, strict=True)),
            is_member,
            np.ones(n, dtype=bool),
            ((None, 2),) * n,
            names,
            near,
            similarity,
            np.zeros((n, k), dtype=bool),
            np.where(len(samples) > k, similarity[:, -1], -np.inf),
            tuple(self.alike.rows),
            self.alike.closeness,
            np.zeros(n),
            len(samples),
        )


@dataclass(frozen=True)
class Outcome:
    """Of one pair."""

    verdict: str
    paired_t: bool
    """Whether the paired t-test of those treated says "reduced"."""
    n_treated: int
    power: float
    auroc: tuple[Figure, Figure]
    """Before, after."""
    difference: float
    no_change: float


def pair(plan: Plan, deals: int, pairs: int, seed: int) -> list[Outcome]:
    """One pair of audits; with a guard also with strangers' likenesses dropped."""
    drawn = Drawn(plan, seed)
    before = drawn.rows(drawn.samples(plan.n_first, 1.0))
    samples, threshold = drawn.samples(plan.n_second, plan.factor), 0.0
    if plan.refused is not None:
        samples, threshold = drawn.guard(samples)
    after = drawn.rows(samples)
    several = [after, after.mirrored(threshold)[0]] if plan.refused is not None else [after]
    return [_outcome(before, one, deals, pairs, seed) for one in several]


def _outcome(before: Rows, after: Rows, deals: int, pairs: int, seed: int) -> Outcome:
    comparing = Comparing(pooled(before, after), NAMED_AT)
    dealt = comparing.dealt(seed, deals)
    changes = sets(comparing, dealt, MARGIN)
    power = power_of_halving(before, NAMED_AT, LEVEL, seed, n_after=after.n_samples, pairs=pairs) if pairs else None
    nothing = Unresolvable("not asked")
    judged = judge(changes, LEVEL, power or nothing)
    actual = comparing.actual
    falls = actual.difference[actual.treated]
    t = falls.size > 1 and ttest_1samp(falls, 0.0, alternative="less").pvalue <= LEVEL
    return Outcome(
        judged.verdict,
        bool(t),
        int(actual.treated.sum()),
        power.value if isinstance(power, Estimate) else 0.0,
        (auroc(comparing.pooled, actual.before), auroc(comparing.pooled, actual.after)),
        changes[0].mean or 0.0,
        changes[0].no_change.mean,
    )


def share(flags: Sequence[bool]) -> str:
    low, high = wilson(float(np.mean(flags)), len(flags))
    return f"{100 * np.mean(flags):.1f} ({100 * low:.1f} to {100 * high:.1f})"


NO_OP = (
    Plan("10 of 60 leak, 3 samples each"),
    Plan("nobody leaks", n_leaking=0),
    Plan("2 leak, 3 samples each", n_leaking=2),
    Plan("40 leak, 2 samples each", n_leaking=40, rate=2.0),
    Plan("10 leak, 1 sample each", rate=1.0),
    Plan("1 leaks, 50 samples; 9 leak, 1 each", rate=1.0, first_rate=50.0),
    Plan("300 samples", n_first=300, n_second=300),
    Plan("2,000 samples, then 500", n_second=500),
    Plan("look-alikes", kind="look-alikes"),
    Plan("collapsed: 100 pictures, drawn again and again", pictures=100),
    Plan("clumps of 10 near-identical samples, **not independent**", clump=10, rate=30.0),
)
HALVED = (
    Plan("10 leak, 1 sample each", rate=1.0, factor=0.5),
    Plan("10 leak, 3 samples each", factor=0.5),
    Plan("10 leak, 10 samples each", rate=10.0, factor=0.5),
    Plan("40 leak, 2 samples each", n_leaking=40, rate=2.0, factor=0.5),
    Plan("2 leak, 10 samples each", n_leaking=2, rate=10.0, factor=0.5),
    Plan("10 leak, 3 samples each; 2,000 samples, then 1,000", factor=0.5, n_second=1000),
)


PARTS = ("nothing", "halved", "guard")
Outcomes = Callable[[Plan, int], list[list[Outcome]]]
"""Of so many pairs; with a guard once with strangers' likenesses left in, and once dropped."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--deals", type=int, default=399)
    parser.add_argument("--simulated", type=int, default=200, help="pairs behind each stated power")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--first-seed", type=int, default=0)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.pairs)

    def outcomes(plan: Plan, simulated: int) -> list[list[Outcome]]:
        one: Callable[[int], list[Outcome]] = partial(pair, plan, given.deals, simulated)
        return list(zip(*map(one, seeds), strict=True))  # type: ignore[arg-type]

    if "nothing" in given.parts:
        nothing_changed(outcomes)
    if "halved" in given.parts:
        halved(outcomes, given.simulated)
    if "guard" in given.parts:
        guarded(outcomes)


def nothing_changed(outcomes: Outcomes) -> None:
    print("\nNothing changed\n")
    print("| setting | treated | their exposure | if nothing changed | reduced % | worse % | paired t-test % |")
    print("|---" * 7 + "|")
    for plan in NO_OP:
        (found,) = outcomes(plan, 0)
        t = share([one.paired_t for one in found])
        print(f"| {plan.title} | {_means(found)} | {_shares(found)} | {t} |", flush=True)


def halved(outcomes: Outcomes, simulated: int) -> None:
    print("\nThe rate halved\n")
    print("| setting | treated | their exposure | if nothing changed | reduced % | worse % | stated power % |")
    print("|---" * 7 + "|")
    for plan in HALVED:
        (found,) = outcomes(plan, simulated)
        stated = 100 * np.mean([one.power for one in found])
        print(f"| {plan.title} | {_means(found)} | {_shares(found)} | {stated:.1f} |", flush=True)


def guarded(outcomes: Outcomes) -> None:
    print("\nA guard of members before the second audit\n")
    print("| setting | strangers' likenesses | AUROC before | after | intervals below 0.5, % | reduced % | worse % |")
    print("|---" * 7 + "|")
    for plan, refused in ((NO_OP[1], 0.001), (NO_OP[1], 0.01), (NO_OP[1], 0.05), (NO_OP[0], 0.001), (NO_OP[0], 0.01)):
        both = outcomes(replace(plan, refused=refused), 0)
        for title, found in zip(("left in", "dropped by the same rule"), both, strict=True):
            below = share([isinstance(one.auroc[1], Estimate) and one.auroc[1].high < 0.5 for one in found])
            means = " | ".join(f"{np.mean([_value(one.auroc[i]) for one in found]):.3f}" for i in (0, 1))
            print(
                f"| {plan.title}; {100 * refused:g} % refused | {title} | {means} | {below} | {_shares(found)} |",
                flush=True,
            )


def _value(figure: Figure) -> float:
    return figure.value if isinstance(figure, Estimate) else float("nan")


def _means(found: Sequence[Outcome]) -> str:
    names = ("n_treated", "difference", "no_change")
    treated, change, none = (np.mean([getattr(one, name) for one in found]) for name in names)
    return f"{treated:.1f} | {change:+.2f} | {none:+.2f}"


def _shares(found: Sequence[Outcome]) -> str:
    return " | ".join(share([one.verdict == verdict for one in found]) for verdict in ("reduced", "worse"))


if __name__ == "__main__":
    main()
