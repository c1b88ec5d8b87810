"""Several recognisers: which rule names the most planted people, and does it name nobody wrongly?

    python scripts/consensus.py path/to/lfw path/to/celeba --second path/to/recogniser.onnx

Null: whether somebody was trained on does not change the samples. Needed: those who were not memorised, members and
held-out people together, are exchangeable, and a rule treats them alike. Every rule but "all must agree" and "harmonic
mean, twice" ranks one number a person, made of all recognisers' scores by a function that does not know who is a
member; the conformal p-value of that number is exact, however the recognisers depend on each other. The largest p-value
is valid under any dependence (Berger 1982), and so is the harmonic mean of two p-values (Wilson 2019, PNAS 116(4))
times two (Vovk & Wang 2020, "Combining p-values via averaging", Biometrika 107(4)).

People are drawn as `commonness.py` draws them, with commonness taken out of each recogniser's scores. A likeness is an
unseen photo of the person; a *faint* one is the normalised mean of its embedding and that of a stranger's photo, the
same stranger for every recogniser. Simulated recognisers see the same faces with noise of their own. *Pixels*: a random
projection of the chip; *background*: of the frame's border; *another camera*: the second recogniser's embeddings of
members and samples, not of held-out people, are moved in one direction, as if it knew where photos come from.
Hits and false discoveries: Benjamini-Hochberg at 0.05. Embeddings come from the store where it has them. Prints
Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from commonness import Vectors, World, default, mean, share, unit
from lfw_planted import draw
from probablyexists.basis.progress import Silent
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.side_by_side import weights
from probablyexists.sources.open_source import open_source
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p

LEVEL = 0.05


@dataclass(frozen=True)
class Drawn:
    """The same people and samples, as each recogniser sees them."""

    worlds: Sequence[World]

    @property
    def n(self) -> int:
        return self.worlds[0].n_members

    @cached_property
    def scores(self) -> Vectors:
        """(people, recognisers) scores with commonness taken out."""
        return np.asarray(np.column_stack([default(world) for world in self.worlds]))

    @property
    def each(self) -> Vectors:
        """(members, recognisers) p-values."""
        return np.asarray(np.column_stack([self.ranked(its) for its in self.scores.T]))

    def ranked(self, scores: Vectors) -> Vectors:
        return np.asarray(conformal_p(scores[: self.n], scores[self.n :]), dtype=np.float64)


def alone(which: int, drawn: Drawn) -> Vectors:
    return np.asarray(drawn.each[:, which])


def all_agree(drawn: Drawn) -> Vectors:
    return np.asarray(drawn.each.max(axis=1))


def harmonic_twice(drawn: Drawn) -> Vectors:
    """The factor of two holds for two p-values only."""
    p = drawn.each
    return np.asarray(np.minimum(1.0, 2 * p.shape[1] / (1 / p).sum(axis=1)), dtype=np.float64)


def by(combined: Callable[[Vectors], Vectors], drawn: Drawn) -> Vectors:
    return drawn.ranked(combined(drawn.scores))


def ranks(scores: Vectors) -> Vectors:
    """Share of people who score at least as high, in (0, 1]."""
    return np.asarray(rankdata(-scores, "max", axis=0) / len(scores))


def spread(scores: Vectors) -> Vectors:
    """Standard deviation, as the middle half of all people has it."""
    low, high = np.quantile(scores, [0.25, 0.75], axis=0)
    return np.asarray((high - low) / 1.349)


def together(drawn: Drawn, *, weighted: bool = True) -> Vectors:
    """One recogniser whose embeddings are those of all, side by side (`matching.side_by_side`)."""
    worlds = drawn.worlds
    shares = weights([world.samples.astype(np.float32) for world in worlds])
    if not weighted:
        shares = np.full(len(worlds), 1 / len(worlds))
    photos, samples = (
        np.concatenate([w**0.5 * getattr(world, what) for w, world in zip(shares, worlds, strict=True)], axis=-1)
        for what in ("photos", "samples")
    )
    return drawn.ranked(default(replace(worlds[0], photos=photos, samples=samples)))


STRICT, JOINT = "all must agree", "embeddings side by side"
RULES: Mapping[str, Callable[[Drawn], Vectors]] = {
    "the first alone": partial(alone, 0),
    "the second alone": partial(alone, 1),
    STRICT: all_agree,
    "all must agree, ranked again": partial(by, lambda s: -ranks(s).max(axis=1)),
    "any, ranked again": partial(by, lambda s: -ranks(s).min(axis=1)),
    "harmonic mean, twice": harmonic_twice,
    "harmonic mean, ranked again": partial(by, lambda s: -1 / (1 / ranks(s)).sum(axis=1)),
    "mean of standard scores": partial(by, lambda s: (s / s.std(axis=0)).mean(axis=1)),
    "mean of standard scores, by the middle half": partial(by, lambda s: (s / spread(s)).mean(axis=1)),
    "mean of normal scores": partial(by, lambda s: norm.isf(ranks(s) - 0.5 / len(s)).mean(axis=1)),
    "embeddings side by side, equal weights": partial(together, weighted=False),
    JOINT: together,
}


@dataclass(frozen=True)
class Seen:
    """A folder of people as one recogniser sees them."""

    vector_of: dict[str, Vectors]
    """By path."""

    def of(self, files: Iterable[str]) -> Vectors:
        return np.array([self.vector_of[file] for file in files], dtype=np.float64)


def embedded(folder: Path, name: str) -> Embedded:
    recogniser = open_recogniser(name, default_cache())
    store = open_store(default_cache(), recogniser, "detect")
    return embed(open_source(folder), recogniser, store, "detect", Silent(), folder.name)


def seen(table: Embedded, vectors: NDArray[np.floating]) -> Seen:
    return Seen({photo.path: v for photo, v in zip(table.photos, vectors, strict=True)})


def pixels(pictures: NDArray[np.uint8]) -> Vectors:
    """(n, 64) random projections."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat[:, 0] += 1e-3  # a border of one colour has no direction otherwise
    return unit(np.asarray(flat @ np.random.default_rng(0).normal(size=(flat.shape[1], 64)), dtype=np.float64))


def recognisers(folder: Path, names: Sequence[str]) -> dict[str, Seen]:
    """Those of the files, and two that know no faces."""
    tables = {name: embedded(folder, name) for name in names}
    found = {name: seen(table, table.embeddings) for name, table in tables.items()}
    first = next(iter(tables.values()))
    frames = first.pictures[:, 1]
    border = np.concatenate([frames[:, :6].reshape(len(frames), -1), frames[:, :, :6].reshape(len(frames), -1)], axis=1)
    found["pixels"] = seen(first, pixels(first.pictures[:, 0]))
    found["background"] = seen(first, pixels(border))
    both = set.intersection(*(set(one.vector_of) for one in found.values()))
    return {name: Seen({path: one.vector_of[path] for path in both}) for name, one in found.items()}


@dataclass(frozen=True)
class Plan:
    """Who is drawn, and what is planted."""

    folder: Path
    n_members: int
    n_heldout: int
    n_planted: int
    photos: int = 2
    """Likenesses of each."""
    faint: bool = False


drawn_once = cache(draw)


def worlds_of(plan: Plan, several: Sequence[Seen], seed: int) -> list[World]:
    """As `lfw_planted.py` draws it, for each recogniser; people without two usable photos are left out."""
    drawn = drawn_once(plan.folder, seed, plan.n_members, plan.n_heldout)

    def usable(files: Iterable[Path]) -> list[str]:
        paths = (str(file.relative_to(plan.folder)) for file in files)
        return [path for path in paths if path in several[0].vector_of]

    members = {p: usable(drawn.photos[p][:2]) for p in drawn.members}
    ours = [p for p in drawn.members if len(members[p]) == 2]
    held = [photos[:2] for p in drawn.heldout if len(photos := usable(drawn.photos[p])) >= 2]
    planted = [p in drawn.members[: plan.n_planted] for p in ours]
    likenesses = [f for p in drawn.members[: plan.n_planted] for f in usable(drawn.photos[p][2 : 2 + plan.photos])]
    others = usable(drawn.others)
    files = [members[p] for p in ours] + held
    found = []
    for one in several:
        seen_twice = one.of([f for two in files for f in two]).reshape(len(files), 2, -1)
        samples = one.of(others)
        if likenesses:
            shown = one.of(likenesses)
            shown = unit(shown + samples[: len(shown)]) if plan.faint else shown
            samples = np.concatenate([samples, shown])
        flags = np.array(planted + [False] * len(held))
        found.append(World(seen_twice, samples, len(ours), flags, np.zeros(len(files), bool)))
    return found


def simulated(seed: int, n_planted: int, own: float, noise: tuple[float, float]) -> list[World]:
    """200 members, 1,000 held out, two unseen photos of the first members among 2,000 samples; 28 numbers.

    `own`: share of a face's variance that each recogniser sees in its own way; `noise`: length of each one's noise.
    """
    rng, dim, n = np.random.default_rng(seed), 28, 1200

    def people(k: int) -> list[Vectors]:
        faces = unit(rng.normal(size=(k, dim)))
        return [unit(np.sqrt(1 - own) * faces + np.sqrt(own) * unit(rng.normal(size=(k, dim)))) for _ in noise]

    found = []
    for level, faces, strangers in zip(noise, people(n), people(2000), strict=True):
        photos = unit(faces[:, None] + level * unit(rng.normal(size=(n, 4, dim))))
        others = unit(strangers + level * unit(rng.normal(size=(2000, dim))))
        samples = np.concatenate([others, photos[:n_planted, 2:].reshape(-1, dim)])
        found.append(World(photos[:, :2], samples, 200, np.arange(n) < n_planted, np.zeros(n, bool)))
    return found


def another_camera(worlds: Sequence[World], by: float = 0.5) -> list[World]:
    """The second recogniser sees where photos come from; the first does not."""
    first, second = worlds
    way = by * unit(np.asarray(np.random.default_rng(0).normal(size=second.photos.shape[-1])))
    photos = second.photos.copy()
    photos[: second.n_members] = unit(photos[: second.n_members] + way)
    return [first, replace(second, photos=photos, samples=unit(second.samples + way))]


@dataclass(frozen=True)
class Judged:
    hits: float
    fdp: float
    named: bool
    small: float
    """Share of members who were not planted with p <= 0.05."""


def judged(p: Vectors, world: World) -> Judged:
    named, planted = benjamini_hochberg(p) <= LEVEL, world.planted[: world.n_members]
    return Judged(
        share(named[planted]),
        float((named & ~planted).sum() / max(1, named.sum())),
        bool(named.any()),
        share(p[~planted] <= LEVEL),
    )


def table(title: str, draws: Iterable[Sequence[World]]) -> None:
    found: dict[str, list[Judged]] = {name: [] for name in RULES}
    for worlds in draws:
        drawn = Drawn(worlds)
        for name, rule in RULES.items():
            found[name].append(judged(rule(drawn), worlds[0]))
    planted = not np.isnan(found[STRICT][0].hits)
    n = len(found[STRICT])
    print(f"\n{title}; {n} draws\n")
    print("| rule | hits % | side by side finds more | false discoveries % | ", end="")
    print("audits that name anybody % | not planted, p <= 0.05 % |\n" + "|---" * 6 + "|")
    hits_of = {name: np.array([one.hits for one in several]) for name, several in found.items()}
    for name, several in found.items():
        fdp, named, small = np.array([[one.fdp, one.named, one.small] for one in several], dtype=float).T
        more = mean(hits_of[JOINT] - hits_of[name]) if planted else "-"
        print(
            f"| {name} | {mean(hits_of[name])} | {more} | {mean(fdp)} | {mean(named, error=False)} | {mean(small)} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="*", metavar="SET", help="LFW, then CelebA")
    parser.add_argument("--second", metavar="FILE", help="an .onnx recogniser")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--simulated", type=int, default=50)
    given = parser.parse_args()
    first = given.first_seed
    for title, own, noise in (
        ("equally good, all noise their own", 0.0, (0.75, 0.75)),
        ("equally good, half of a face seen in their own way", 0.5, (0.75, 0.75)),
        ("the second is worse", 0.0, (0.75, 1.0)),
        ("the second knows nothing", 1.0, (0.75, 1e6)),
    ):
        for planted in (20, 0) if given.simulated else ():
            draws = (simulated(s, planted, own, noise) for s in range(first, first + given.simulated))
            table(f"Simulated, {title}, {planted or 'nobody'} of 200 planted", draws)
    seeds = range(first, first + given.draws)
    folders = [folder.resolve() for folder in given.sets]
    for folder, members, heldout, planted in zip(folders, (300, 60), (1000, 200), (40, 15), strict=False):
        of = recognisers(folder, ["dlib", *([given.second] if given.second else ["dlib-float32"])])
        two, (pixel, back) = list(of.values())[:2], (of["pixels"], of["background"])
        plan = Plan(folder, members, heldout, planted)
        few = replace(plan, n_planted=10, photos=1)
        faint, nobody = replace(plan, faint=True), replace(plan, n_planted=0)
        for title, which, how in (
            (f"{planted} of {members} planted", two, plan),
            (f"{few.n_planted} planted, one photo each", two, few),
            (f"{planted} planted, faint", two, faint),
            ("nobody planted", two, nobody),
            ("the second sees pixels", [two[0], pixel], plan),
            ("the second sees the background", [two[0], back], plan),
            ("the second sees the background, nobody planted", [two[0], back], nobody),
        ):
            table(f"{folder.name}, {title}", (worlds_of(how, which, s) for s in seeds))
        for how in (plan, nobody):
            draws = (another_camera(worlds_of(how, two, s)) for s in seeds)
            table(f"{folder.name}, another camera in the second's eyes, {how.n_planted or 'nobody'} planted", draws)


if __name__ == "__main__":
    main()
