"""Scores with a person's commonness taken out: are more people named, and are p-values right for look-alikes?

    python scripts/commonness.py path/to/lfw path/to/celeba

Null: whether somebody was trained on does not change the samples. Needed: those who were not memorised, members and
held-out people together, are exchangeable (a fair split, equally many photos each), and a score treats them alike: what
it learns, it learns from all of them without knowing who is a member. Every score below does so, except that of
10 held-out photos, where a member has one held-out person left out at random so that all see equally many.

Everybody is compared on the mean embedding of two photos. Simulated people have unit vectors of 28 numbers, photos add
noise of length 0.75. *Look-alikes*: one person in ten, on both sides and among the samples, has 70 % of their variance
in common with all others of that kind. *Hubs*: everybody shares something with one face, Beta(1, 4) * 0.8 of their
variance. LFW is drawn by `lfw_planted.py`; CelebA likewise (60 members, 200 held out, 15 planted). Embeddings come from
the store where it has them; copies are not taken out of the samples. Hits and false discoveries: Benjamini-Hochberg at
0.05. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from lfw_planted import draw
from probablyexists.answers.look_alikes import look_alikes_at_the_top
from probablyexists.basis.progress import Silent
from probablyexists.embeddings.embed import embed, open_store
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.commonness import most_alike, without_commonness
from probablyexists.sources.open_source import open_source
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p

LEVEL = 0.05
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Members first, then held-out people."""

    photos: Vectors
    """(n, 2, dim), unit length."""
    samples: Vectors
    n_members: int
    planted: NDArray[np.bool_]
    """(n,)"""
    group: NDArray[np.bool_]
    """(n,) look-alikes."""

    @property
    def templates(self) -> Vectors:
        return unit(self.photos.mean(axis=1))

    @property
    def scores(self) -> Vectors:
        """(n,) largest cosine with a sample."""
        return np.asarray((self.templates @ self.samples.T).max(axis=1))


def unit(x: Vectors) -> Vectors:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def simulated(
    seed: int, kind: str, n_planted: int, n_members: int = 200, n_heldout: int = 1000, shared: float = 0.7
) -> World:
    """People of a kind: mixed, look-alikes or hubs. Two unseen photos of the first members are among 2,000 samples."""
    rng, dim = np.random.default_rng(seed), 28
    centre = unit(rng.normal(size=dim))

    def people(n: int) -> tuple[Vectors, NDArray[np.bool_]]:
        faces, group = unit(rng.normal(size=(n, dim))), np.zeros(n, bool)
        part = np.zeros((n, 1))
        if kind == "look-alikes":
            group = rng.random(n) < 0.1
            part = np.where(group, shared, 0.0)[:, None]
        elif kind == "hubs":
            part = 0.8 * rng.beta(1, 4, size=(n, 1))
        return unit(np.sqrt(part) * centre + np.sqrt(1 - part) * faces), group

    def photographed(faces: Vectors, k: int) -> Vectors:
        return unit(faces[:, None] + 0.75 * unit(rng.normal(size=(len(faces), k, dim))))

    n = n_members + n_heldout
    faces, group = people(n)
    photos = photographed(faces, 4)
    strangers = photographed(people(2000)[0], 1)[:, 0]
    samples = np.concatenate([strangers, photos[:n_planted, 2:].reshape(-1, dim)])
    return World(photos[:, :2], samples, n_members, np.arange(n) < n_planted, group)


class Faces:
    """A folder of people, embedded."""

    def __init__(self, folder: Path) -> None:
        recogniser = open_recogniser("dlib", default_cache())
        store = open_store(default_cache(), recogniser, "detect")
        table = embed(open_source(folder), recogniser, store, "detect", Silent(), folder.name)
        self.folder = folder
        self.vector_of = {photo.path: v for photo, v in zip(table.photos, table.embeddings, strict=True)}

    def usable(self, files: list[Path]) -> list[NDArray[np.float32]]:
        """The embeddings of the files that have a face."""
        names = (str(file.relative_to(self.folder)) for file in files)
        return [self.vector_of[name] for name in names if name in self.vector_of]

    def world(self, seed: int, n_planted: int, n_members: int, n_heldout: int) -> World:
        """As `lfw_planted.py` draws it; people without two usable photos are left out."""
        drawn = draw(self.folder, seed, n_members, n_heldout)
        seen = [self.usable(drawn.photos[p][:2]) for p in drawn.members]
        planted = [len(photos) == 2 and i < n_planted for i, photos in enumerate(seen)]
        kept = [flag for flag, photos in zip(planted, seen, strict=True) if len(photos) == 2]
        ours = [photos for photos in seen if len(photos) == 2]
        held = [self.usable(drawn.photos[p])[:2] for p in drawn.heldout]
        theirs = [photos for photos in held if len(photos) == 2]
        likenesses = [v for p in drawn.members[:n_planted] for v in self.usable(drawn.photos[p][2:4])]
        n = len(ours) + len(theirs)
        return World(
            np.array(ours + theirs, dtype=np.float64),
            np.array(self.usable(drawn.others) + likenesses, dtype=np.float64),
            len(ours),
            np.array(kept + [False] * len(theirs)),
            np.zeros(n, bool),
        )


def residual(scores: Vectors, expected: Vectors) -> Vectors:
    """Least squares over members and held-out people together."""
    apart = expected - expected.mean()
    return np.asarray(scores - apart * (apart @ (scores - scores.mean())) / (apart @ apart))


def others(world: World) -> Vectors:
    """(n, n) cosines of templates, nobody with themselves."""
    cosines = world.templates @ world.templates.T
    np.fill_diagonal(cosines, -np.inf)
    return np.asarray(cosines)


def alike(world: World, k: int) -> Vectors:
    """(n,) mean cosine with the k most similar other people."""
    return np.asarray(np.sort(others(world), axis=1)[:, -k:].mean(axis=1))


def default(world: World) -> Vectors:
    """What `matching.commonness` does."""
    templates = world.templates.astype(np.float32)
    alike = most_alike(templates, templates, np.arange(len(templates)))
    return without_commonness(world.scores[:, None], alike)[:, 0]


def by_heldout_photos(world: World) -> Vectors:
    """One photo of each held-out person; a member has one of them left out at random."""
    n = world.n_members
    cosines = world.templates @ world.photos[n:, 0].T
    cosines[np.arange(n, len(cosines)), np.arange(len(cosines) - n)] = -np.inf
    drawn = np.random.default_rng(0).integers(len(cosines) - n, size=n)
    cosines[np.arange(n), drawn] = -np.inf
    return residual(world.scores, np.sort(cosines, axis=1)[:, -10:].mean(axis=1))


def near_scores(world: World, k: int) -> Vectors:
    """(n, k) scores of the k most similar other people."""
    return np.asarray(world.scores[np.argpartition(-others(world), k, axis=1)[:, :k]])


def standardised(world: World, k: int) -> Vectors:
    near = near_scores(world, k)
    return np.asarray((world.scores - near.mean(axis=1)) / near.std(axis=1, ddof=1))


def local_rank(world: World, k: int) -> Vectors:
    """Localised conformal: the share of the k most similar people who score lower, ranked among all people."""
    return np.asarray((near_scores(world, k) < world.scores[:, None]).mean(axis=1))


def kernel_ridge(world: World) -> Vectors:
    """Minus the score expected of such a face: kernel ridge regression on all others, leave one out."""
    apart = 1 - world.templates @ world.templates.T
    kernel = np.exp(-apart / np.median(apart[np.triu_indices(len(apart), 1)]))
    inverse = np.linalg.inv(kernel + np.eye(len(kernel)))
    return np.asarray(inverse @ (world.scores - world.scores.mean()) / np.diag(inverse))


PLAIN, CHOSEN = "nearest sample", "**less the mean of both, 20 most alike**"
SCORES: Mapping[str, Callable[[World], Vectors]] = {
    PLAIN: lambda w: w.scores,
    "less commonness, 1 most alike": lambda w: w.scores - alike(w, 1),
    "less commonness, 10 most alike": lambda w: w.scores - alike(w, 10),
    "line on commonness, 1 most alike": lambda w: residual(w.scores, alike(w, 1)),
    "line on commonness, 10 most alike": lambda w: residual(w.scores, alike(w, 10)),
    "line on commonness, 50 most alike": lambda w: residual(w.scores, alike(w, 50)),
    "line on commonness, 10 held-out photos": by_heldout_photos,
    "less the mean score of the 20 most alike": lambda w: w.scores - near_scores(w, 20).mean(axis=1),
    CHOSEN: default,
    "less the mean score of the 50 most alike": lambda w: w.scores - near_scores(w, 50).mean(axis=1),
    "standard score among the 50 most alike": lambda w: standardised(w, 50),
    "kernel ridge": kernel_ridge,
    "localised conformal, rank among 50": lambda w: local_rank(w, 50),
}
FEW = (PLAIN, "line on commonness, 10 most alike", "less the mean score of the 20 most alike", CHOSEN)


@dataclass(frozen=True)
class Judged:
    """One score in one world; nan where nobody is of the kind."""

    hits: float
    fdp: float
    auroc: float
    in_group: float
    elsewhere: float
    """Share of members who were not planted, in and outside the group, with p <= 0.05."""


def judged(world: World, scores: Vectors) -> Judged:
    n = world.n_members
    p = conformal_p(scores[:n], scores[n:])
    named, planted, group = benjamini_hochberg(p) <= LEVEL, world.planted[:n], world.group[:n]
    ranks = rankdata(scores)[:n].sum() - n * (n + 1) / 2
    return Judged(
        share(named[planted]),
        float((named & ~planted).sum() / max(1, named.sum())),
        float(ranks / (n * (len(scores) - n))),
        share(p[group & ~planted] <= LEVEL),
        share(p[~group & ~planted] <= LEVEL),
    )


def share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else float("nan")


def mean(values: Vectors, scale: float = 100.0, digits: int = 1, *, error: bool = True) -> str:
    """Mean, and its standard error, over seeds."""
    values = scale * values[~np.isnan(values)]
    if not values.size:
        return "-"
    tail = f" ± {values.std(ddof=1) / np.sqrt(values.size):.{digits}f}" if error else ""
    return f"{values.mean():.{digits}f}{tail}"


def table(title: str, worlds: list[World], names: Iterable[str]) -> None:
    found = {name: [judged(world, SCORES[name](world)) for world in worlds] for name in names}
    plain = np.array([one.hits for one in found[PLAIN]])
    print(f"\n{title}; {len(worlds)} draws\n")
    print("| score | hits % | hits more than nearest | false discoveries % | AUROC | p <= 0.05: group % | others % |")
    print("|---" * 7 + "|")
    for name, several in found.items():
        hits, fdp, auroc, group, rest = np.array(
            [[one.hits, one.fdp, one.auroc, one.in_group, one.elsewhere] for one in several]
        ).T
        print(
            f"| {name} | {mean(hits, error=False)} | {mean(hits - plain)} | {mean(fdp)} | "
            f"{mean(auroc, 1, 3, error=False)} | {mean(group, error=False)} | {mean(rest, error=False)} |",
            flush=True,
        )
    before, after = (100 * np.mean([caution(world, score) for world in worlds]) for score in (SCORES[PLAIN], default))
    print(
        f"\nCaution that look-alikes hold the top: nearest sample {before:.0f} %, commonness taken out {after:.0f} %."
    )


def by_kind(world: World, score: Callable[[World], Vectors]) -> tuple[list[float], list[float]]:
    """Members in the group and elsewhere, or in fifths of commonness: share named if planted, and p <= 0.05 if not."""
    n = world.n_members
    common = alike(world, 10)
    kind = np.searchsorted(np.quantile(common, [0.2, 0.4, 0.6, 0.8]), common)[:n]
    if world.group.any():
        kind = np.where(world.group[:n], 0, 1)
    scores, planted = score(world), world.planted[:n]
    p = conformal_p(scores[:n], scores[n:])
    named, kinds = benjamini_hochberg(p) <= LEVEL, range(2 if world.group.any() else 5)
    return [share(named[planted & (kind == k)]) for k in kinds], [
        share(p[~planted & (kind == k)] <= LEVEL) for k in kinds
    ]


def kinds_table(title: str, worlds: list[World]) -> None:
    print(
        f"\n{title}: mean over draws\n\n| score | planted who are named % | not planted, p <= 0.05 % |\n|---|---|---|"
    )
    for name in (PLAIN, CHOSEN):
        hits, small = np.nanmean([by_kind(world, SCORES[name]) for world in worlds], axis=0)
        cells = (", ".join(f"{100 * value:.1f}" for value in values) for values in (hits, small))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def caution(world: World, score: Callable[[World], Vectors]) -> bool:
    n = world.n_members
    return look_alikes_at_the_top(world.templates[n:].astype(np.float32), score(world)[n:]) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lfw", type=Path)
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=10, help="draws of LFW and of CelebA")
    parser.add_argument("--simulated", type=int, default=50, help="draws of simulated people")
    parser.add_argument("--few", action="store_true", help="only the scores between which was decided")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.simulated)
    names = FEW if given.few else tuple(SCORES)
    for kind in ("mixed", "look-alikes", "hubs"):
        table(f"Simulated, {kind}, 20 of 200 planted", [simulated(s, kind, 20) for s in seeds], names)
        table(f"Simulated, {kind}, nothing planted", [simulated(s, kind, 0) for s in seeds], names)
    half = [simulated(s, "look-alikes", 20, shared=0.5) for s in seeds]
    table("Simulated, look-alikes who share half of their variance, 20 of 200 planted", half, names)
    small = [simulated(s, "look-alikes", 10, 50, 200) for s in seeds]
    table("Simulated, look-alikes, 10 of 50 planted, 200 held out", small, names)
    for shared in (0.5, 0.7):
        many = [simulated(s, "look-alikes", 60, shared=shared) for s in seeds]
        kinds_table(f"Simulated, look-alikes who share {shared}, 60 of 200 planted: look-alikes, others", many)
    draws = range(given.first_seed, given.first_seed + given.draws)
    for folder, planted, members, heldout in ((given.lfw, 40, 300, 1000), (given.celeba, 15, 60, 200)):
        faces = Faces(folder.resolve())
        for n in (planted, 0):
            worlds = [faces.world(s, n, members, heldout) for s in draws]
            table(f"{folder.name}, {n or 'nobody'} of {members} planted, {heldout:,} held out", worlds, names)
            if n:
                kinds_table(f"{folder.name}, from the rarest fifth of people to the most common", worlds)


if __name__ == "__main__":
    main()
