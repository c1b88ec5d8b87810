"""Is the split fair, and what could have been missed? Simulated audits with known truth; prints Markdown tables.

    OMP_NUM_THREADS=1 python scripts/split_baseline.py                     # every table, about 5 minutes on one core
    OMP_NUM_THREADS=1 python scripts/split_baseline.py --only fair         # the tables whose name has this word
    OMP_NUM_THREADS=1 python scripts/split_baseline.py --audits 1000       # another number instead of 200

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

from probablyexists.answers.split_baseline import UNFAIR, fairness, with_strangers_photos, without_samples
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, Photos, common_count
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.rates import wilson
from probablyexists.stats.roc import Side, auroc_estimate, rank_sum_p

SEED = 20261
DIM = 32
GROUP_P = 0.005

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


def audit(draw: Draw, members: Floats, heldout: Floats, samples: Floats, each: int = 2) -> View:
    """Members, held-out people and samples (a photo of each of `samples`), as a recogniser sees them."""
    shown = photos(draw, samples, 1)
    ours, theirs = crowd(photos(draw, members, each), each, "m"), crowd(photos(draw, heldout, each), each, "h")
    return View("", ours, None, theirs, Photos(shown, np.zeros((len(shown), 1, 1), np.uint8)), None, Matcher(threads=1))


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

SIZES = [(20, 100), (60, 200), (60, 1000), (300, 100), (300, 1000)]


def both_baselines(draw: Draw, world: World, n: int, m: int, change: Change) -> tuple[Figure, Figure, Figure]:
    """(Classifier, same attack, its shift) without the generator."""
    who = people(draw, n + m, world)
    view = audit(draw, change(who[:n]), who[n:], who[:1])
    return without_samples(view.training, view.heldout, int(draw.integers(2**31))), *with_strangers_photos(view)


def coverage(audits: int) -> None:
    def rows() -> Iterable[Iterable[object]]:
        for name, change in (("the same source", same), ("less variety, 20 %", narrowed(0.2))):
            for world in WORLDS:
                for n, m in SIZES:
                    found = [both_baselines(Draw(seed(s)), world, n, m, change)[1:] for s in range(audits)]
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
            for n, m in [(20, 100), (20, 1000), (40, 200), (60, 200), (60, 1000), (100, 300), (300, 100), (300, 1000)]:
                found = [fairness(*both_baselines(Draw(seed(s)), world, n, m, same)[:2]) for s in range(audits)]
                yield world, n, m, *(share(word == one for one in found) for word in ("not fair", "fair", "not shown"))

    table("A fair split", "people | members | held out | not fair, % | fair, % | not shown, %", rows())


def another(audits: int) -> None:
    """Another source, and a generator that shows new people of the members' source: nobody's photo is learnt."""
    changes = [(f"moved by {by:g}", moved(by)) for by in (0.5, 1.0, 2.0)]
    changes += [(f"less variety, {100 * by:.0f} %", narrowed(by)) for by in (0.1, 0.2, 0.4)]

    def one(draw: Draw, world: World, n: int, m: int, change: Change) -> tuple[str, bool, float, float]:
        who = people(draw, n + m + 1000, world)
        view = audit(draw, change(who[:n]), who[n : n + m], change(who[n + m :]))
        classifier = without_samples(view.training, view.heldout, int(draw.integers(2**31)))
        baselines = classifier, with_strangers_photos(view)[0]
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
                    found = [one(Draw(seed(s)), world, n, m, change) for s in range(audits)]
                    said = [f"{np.mean([f[i] for f in found]):.2f}" for i in (2, 3)]
                    words = [share(f[0] == word for f in found) for word in ("not fair", "fair")]
                    yield world, name, n, m, *said, *words, share(f[1] for f in found)

    head = "people | members' source | members | held out | classifier | same attack | not fair, % | fair, %"
    table("Another source, nobody learnt", f"{head} | group difference put down to training, %", rows())


def seed(s: int) -> np.random.PCG64:
    return np.random.PCG64((SEED, s))


TABLES: dict[str, Callable[[int], None]] = {"coverage": coverage, "fair": fair, "another": another}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    for name, show in TABLES.items():
        if asked.only in name:
            started = time.monotonic()
            show(asked.audits)
            print(f"\n{asked.audits} audits a row, {time.monotonic() - started:.0f} s")
    assert UNFAIR == 0.60


if __name__ == "__main__":
    main()
