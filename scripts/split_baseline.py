"""Is the split fair, and what could have been missed? Simulated audits with known truth; prints Markdown tables.

    python scripts/split_baseline.py                     # every table, some minutes
    python scripts/split_baseline.py --only fair         # the tables whose name has this word
    python scripts/split_baseline.py --audits 1000       # another number instead of 100

People are drawn as 32 numbers each and their photos around them: `simple` (no structure), `hubs` (some are near
everybody), `look-alikes` (a tenth are a compact group). Audit number s of every row draws from the seed (20261, s).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from probablyexists.answers.audit_verdict import GROUP_P
from probablyexists.answers.comparisons import VERDICT_LEVEL
from probablyexists.answers.naming import name_people
from probablyexists.answers.split_baseline import fairness, with_strangers_photos, without_samples
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, Photos, common_count
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.neighbours import Nearest, Vectors
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.power import share_limit, smallest_auroc
from probablyexists.stats.rates import wilson
from probablyexists.stats.roc import Side, auroc_estimate, rank_sum_p

SEED = 20261
DIM = 32

Draw = np.random.Generator
Floats = NDArray[np.float64]
World = Literal["simple", "hubs", "look-alikes"]
WORLDS: tuple[World, ...] = ("simple", "hubs", "look-alikes")


def people(draw: Draw, n: int, world: World) -> Floats:
    """(n, 32) people."""
    x = draw.normal(size=(n, DIM))
    if world == "hubs":
        x *= draw.lognormal(0, 0.6, (n, 1))
        x[:, 0] += 2.5
    if world == "look-alikes":
        alike = draw.random(n) < 0.1
        x[alike] = 0.45 * x[alike] + 2.0
    return x


def photos(draw: Draw, who: Floats, each: int) -> NDArray[np.float32]:
    """(n * each, 32) photos of unit length, person after person."""
    x = np.repeat(who, each, axis=0) + 0.8 * draw.normal(size=(len(who) * each, DIM))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def crowd(embeddings: NDArray[np.float32], each: int, name: str) -> Crowd:
    """People of so many photos each."""
    n = len(embeddings)
    rows = tuple(Photo(f"{name}/{i}.png", f"{name}{i // each:05d}") for i in range(n))
    hashes = tuple(i.to_bytes(32, "big") for i in range(n))
    pictures = np.zeros((n, 2, 1, 1), np.uint8)
    table = Embedded(rows, hashes, embeddings, pictures, np.ones(n, np.int32), (), n)
    return Crowd(table, group(table))


class Plain(Matcher):
    """Small searches, without the check of the matrix library's threads that takes longer than they do."""

    def nearest(self, queries: Vectors, references: Vectors, k: int = 1) -> Nearest:
        found = (queries[:] @ references[:].T).astype(np.float64)
        first = np.argpartition(-found, k, axis=1)[:, :k]
        best = np.take_along_axis(found, first, 1)
        order = np.argsort(-best, axis=1)
        return Nearest(np.take_along_axis(best, order, 1), np.take_along_axis(first, order, 1))


def audit(draw: Draw, members: Floats, heldout: Floats, samples: Floats, each: int = 2) -> View:
    """Members, held-out people and samples (a photo of each of `samples`), as a recogniser sees them."""
    shown = photos(draw, samples, 1)
    ours, theirs = crowd(photos(draw, members, each), each, "m"), crowd(photos(draw, heldout, each), each, "h")
    return View("", ours, None, theirs, Photos(shown, np.zeros((len(shown), 1, 1), np.uint8)), None, Plain())


Change = Callable[[Floats], Floats]
"""What makes the members' source another one than the held-out people's."""


def same(who: Floats) -> Floats:
    return who


def moved(by: float) -> Change:
    """Everybody a little in one direction: another camera, another light."""

    def change(who: Floats) -> Floats:
        return np.asarray(who + by / np.sqrt(DIM))

    return change


def narrowed(by: float) -> Change:
    """Less variety: everybody nearer to one person."""

    def change(who: Floats) -> Floats:
        return np.asarray((1 - by) * who + by * 3.0 / np.sqrt(DIM))

    return change


def draws(audits: int) -> list[Draw]:
    """The generator of each audit's random numbers."""
    return [np.random.default_rng((SEED, s)) for s in range(audits)]


def share(found: Iterable[bool]) -> str:
    """As a percentage with Wilson's 95 % interval."""
    every = list(found)
    low, high = wilson(float(np.mean(every)), len(every))
    return f"{100 * np.mean(every):.1f} ({100 * low:.1f} to {100 * high:.1f})"


def table(title: str, head: str, rows: Iterable[Iterable[object]]) -> None:
    print(f"\n## {title}\n\n| {head} |\n|{'---|' * (head.count('|') + 1)}", flush=True)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


# --- the same attack without the generator --------------------------------------------------------------------

SIZES = [(20, 100), (60, 200), (60, 1000), (300, 100), (300, 300)]


def split(draw: Draw, world: World, n: int, m: int, change: Change) -> View:
    """Members and held-out people, with hardly a sample."""
    who = people(draw, n + m, world)
    return audit(draw, change(who[:n]), who[n:], who[:5])


def both_baselines(draw: Draw, view: View) -> tuple[Figure, Figure]:
    """(Classifier, same attack), without the generator."""
    classifier = without_samples(view.training, view.heldout, int(draw.integers(2**31)))
    return classifier, with_strangers_photos(view)[0]


def coverage(audits: int) -> None:
    def rows() -> Iterable[Iterable[object]]:
        for name, change in (("the same source", same), ("less variety, 20 %", narrowed(0.2))):
            for world in WORLDS:
                for n, m in SIZES:
                    found = [with_strangers_photos(split(draw, world, n, m, change)) for draw in draws(2 * audits)]
                    cells: list[object] = [name, world, n, m]
                    for figures, fair in zip(zip(*found, strict=True), (0.5, 0.0), strict=True):
                        every = [figure for figure in figures if isinstance(figure, Estimate)]
                        truth = fair if change is same else float(np.mean([figure.value for figure in every]))
                        half = np.mean([figure.high - figure.low for figure in every]) / 2
                        held = share(figure.low <= truth <= figure.high for figure in every)
                        cells += [
                            f"{truth:.3f}",
                            f"{np.mean([figure.value for figure in every]):.3f}",
                            held,
                            f"{half:.3f}",
                        ]
                    yield cells

    figures = "truth | mean | covered, % | half width"
    head = f"members' source | people | members | held out | AUROC, {figures} | shift, {figures}"
    table("Coverage of the same-attack baseline", head, rows())


def fair(audits: int) -> None:
    def rows() -> Iterable[Iterable[object]]:
        for world in WORLDS:
            for n, m in [(20, 100), (40, 200), (60, 300), (60, 1000), (100, 300), (300, 100), (300, 1000)]:
                found = [fairness(*both_baselines(draw, split(draw, world, n, m, same))) for draw in draws(audits)]
                yield world, n, m, *(share(word == one for one in found) for word in ("not fair", "fair", "not shown"))

    table("A fair split", "people | members | held out | not fair, % | fair, % | not shown, %", rows())


def another(audits: int) -> None:
    """Another source, and a generator that shows new people of the members' source: nobody's photo is learnt."""
    changes = [(f"moved by {by:g}", moved(by)) for by in (0.5, 1.0, 2.0)]
    changes += [(f"less variety, {100 * by:.0f} %", narrowed(by)) for by in (0.1, 0.2, 0.4)]

    def one(draw: Draw, world: World, n: int, m: int, change: Change) -> tuple[str, bool, float, float]:
        who = people(draw, n + m + 1000, world)
        view = audit(draw, change(who[:n]), who[n : n + m], change(who[n + m :]))
        baselines = both_baselines(draw, view)
        score = NearestSample().prepare(view.samples, None, view.matcher)
        k = common_count(view.training.people.counts, view.heldout.people.counts)
        ours, theirs = (score(side.faces(k)[0]) for side in (view.training, view.heldout))
        attack = auroc_estimate(Side.one_each(ours), Side.one_each(theirs))
        assert isinstance(attack, Estimate)
        assert all(isinstance(figure, Estimate) for figure in baselines)
        word = fairness(*baselines)
        explained = any(f.low > 0.5 and attack.low <= f.high for f in baselines if isinstance(f, Estimate))
        found = rank_sum_p(ours, theirs) <= GROUP_P
        values = [figure.value for figure in baselines if isinstance(figure, Estimate)]
        return word, bool(found and word == "fair" and not explained), values[0], values[1]

    def rows() -> Iterable[Iterable[object]]:
        for world in WORLDS:
            for name, change in changes:
                for n, m in [(20, 200), (60, 1000), (300, 1000)]:
                    found = [one(draw, world, n, m, change) for draw in draws(audits)]
                    said = [f"{np.mean([f[i] for f in found]):.2f}" for i in (2, 3)]
                    words = [share(f[0] == word for f in found) for word in ("not fair", "fair")]
                    yield world, name, n, m, *said, *words, share(f[1] for f in found)

    head = "people | members' source | members | held out | classifier | same attack | not fair, % | fair, %"
    table("Another source, nobody learnt", f"{head} | group difference put down to training, %", rows())


# --- what could have been missed ------------------------------------------------------------------------------


def diffuse(audits: int) -> None:
    """Power at the printed AUROC: everybody a little higher, or a share of the members above everybody."""

    def power(draw: Draw, n: int, m: int, level: float, shift: float, exposed: float) -> bool:
        ours = draw.normal(shift, 1, n) + 9.0 * (draw.random(n) < exposed)
        return rank_sum_p(ours, draw.normal(size=m)) <= level

    def rows() -> Iterable[Iterable[object]]:
        for n, m in [(10, 100), (20, 200), (60, 200), (60, 1000), (300, 100), (300, 1000), (2000, 2000)]:
            for attacks in (1, 3):
                level = GROUP_P / attacks
                auroc = smallest_auroc(n, m, level)
                if auroc is None:
                    continue
                shift, exposed = float(norm.ppf(auroc)) * 2**0.5, 2 * auroc - 1
                found = [
                    share(power(draw, n, m, level, *leak) for draw in draws(10 * audits))
                    for leak in ((shift, 0.0), (0.0, exposed))
                ]
                yield n, m, f"{level:.4f}", f"{auroc:.3f}", found[0], f"{100 * exposed:.0f}", found[1]

    head = "members | held out | level | printed AUROC | found if all score higher, % | or so many % of the members do"
    table("Diffuse leaks: power at the smallest AUROC (80 % is promised)", f"{head} clearly | found, %", rows())


def limit(audits: int) -> None:
    """Members and planted people are ranked among the same held-out people; a photo shifts a score by 3 or by 5."""

    def one(draw: Draw, n: int, m: int, planted: int, leaked: float, shift: float) -> Figure:
        strangers = np.sort(draw.normal(size=m))
        sides = draw.normal(size=n) + shift * (draw.random(n) < leaked), draw.normal(shift, 1, planted)
        p = [(1 + m - np.searchsorted(strangers, side)) / (m + 1) for side in sides]
        threshold = max(0.01, 1 / (m + 1))
        return share_limit(p[0] <= threshold, p[1] <= threshold, threshold)

    def rows() -> Iterable[Iterable[object]]:
        for n, m, planted in [(20, 60, 30), (60, 200, 30), (60, 1000, 200), (300, 1000, 200)]:
            for shift in (3.0, 5.0):
                for leaked in (0.0, 0.02, 0.1, 0.3):
                    found = [one(draw, n, m, planted, leaked, shift) for draw in draws(10 * audits)]
                    known = [figure for figure in found if isinstance(figure, Estimate)]
                    held = share(figure.high >= leaked for figure in known)
                    values = [
                        f"{np.mean([getattr(figure, name) for figure in known]):.3f}" for name in ("value", "high")
                    ]
                    yield n, m, planted, f"{shift:g}", leaked, *values, held, len(found) - len(known)

    head = "members | held out | planted | a photo shifts by | true share | mean value | mean limit | limit holds, %"
    table("Limit on the share that leaked", f"{head} | unresolvable", rows())


# --- the verdict, where nothing leaks -------------------------------------------------------------------------


def verdict(audits: int) -> None:
    """A leak by name or by group, with the copies left out. The former rule: 5 %, 1 % and "not fair" alone."""

    def one(draw: Draw, world: World, n: int, m: int) -> tuple[bool, ...]:
        who = people(draw, n + m + 1000, world)
        view = audit(draw, who[:n], who[n : n + m], who[n + m :])
        unseen = crowd(photos(draw, who[:n], 2), 2, "m")
        scorers = view.scorers([NearestSample()])
        q = name_people(view, scorers, 0.05).q
        ours, new, theirs = (scorers[0](side.faces(2)[0]) for side in (view.training, unseen, view.heldout))
        p = [rank_sum_p(members, theirs) for members in (ours, new)]
        word = "not asked"
        if min(p) <= 0.01 or (q <= 0.05).any():
            word = fairness(*both_baselines(draw, view))
        names, groups = (q <= VERDICT_LEVEL).any() and word != "not fair", min(p) <= GROUP_P and word == "fair"
        former_names, former_groups = (q <= 0.05).any() and word != "not fair", min(p) <= 0.01 and word != "not fair"
        return bool(names), bool(groups), bool(names or groups), bool(former_names or former_groups)

    def rows() -> Iterable[Iterable[object]]:
        for world in WORLDS:
            for n, m in [(20, 200), (20, 1000), (60, 1000)]:
                found = [one(draw, world, n, m) for draw in draws(2 * audits)]
                yield world, n, m, *(share(which) for which in zip(*found, strict=True))

    head = "people | members | held out | by name, % | by group, % | leak, % | by the former rule, %"
    table("False leaks, 1,000 samples, two photos, seen and unseen", head, rows())


TABLES: dict[str, Callable[[int], None]] = {
    "coverage": coverage,
    "fair": fair,
    "another": another,
    "diffuse": diffuse,
    "limit": limit,
    "verdict": verdict,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audits", type=int, default=100)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    for name, show in TABLES.items():
        if asked.only in name:
            started = time.monotonic()
            show(asked.audits)
            print(f"\n{asked.audits} audits a row (or a multiple), {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
