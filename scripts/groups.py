"""Are people named as rightly in a group of look-alikes as in a varied one? Simulated audits; prints a Markdown table.

    python scripts/groups.py                # 400 audits a row
    python scripts/groups.py --audits 1000

Audits are simulated at the level of embeddings, and named by the audit's own code. People of the compact group lie
close together, as a recogniser sees a group that it was hardly trained on; those of the varied group lie apart. Samples
show nobody (faces of both groups in the members' proportion), and two pictures of each planted member. Audit number s
draws from the seed (20290, s). FDR and share named are means over audits with their standard errors; an audit that
names nobody of a group has no false discovery there.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import name_people
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo
from probablyexists.stats.conformal import benjamini_hochberg

SEED, LEVEL = 20290, 0.05
DIM, NOISE = 32, 0.35
SPREAD = {"compact": 0.55, "varied": 1.0}
"""Standard deviation of a person around the group, where that of a photo around the person is `NOISE`."""
MEMBERS, SAMPLES, SHOWN = 200, 1000, 2

GIVEN = ("not given", "given; Benjamini-Hochberg over all alone", "given")
ONE_CORE = Matcher(threads=1)
Draw = np.random.Generator
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Who the people are, and who of them is planted."""

    name: str
    compact: float
    """Share of all people who are of the compact group."""
    planted: dict[str, int]
    """Group -> members planted."""
    heldout: int = 1000


WORLDS = [
    World("half compact; nobody planted", 0.5, {"compact": 0, "varied": 0}),
    World("half compact; 20 planted in each", 0.5, {"compact": 20, "varied": 20}),
    World("half compact; 40 planted among the varied", 0.5, {"compact": 0, "varied": 40}),
    World("half compact; 40 planted among the compact", 0.5, {"compact": 40, "varied": 0}),
    World("a tenth compact; nobody planted", 0.1, {"compact": 0, "varied": 0}, 2000),
    World("a tenth compact; 5 and 20 planted", 0.1, {"compact": 5, "varied": 20}, 2000),
    World("a tenth compact; 5 and 20 planted", 0.1, {"compact": 5, "varied": 20}),
]


def people(draw: Draw, n: int, kind: str) -> Vectors:
    """(n, DIM) people of a group, which lies on an axis of its own."""
    axis = np.zeros(DIM)
    axis[list(SPREAD).index(kind)] = math.sqrt(DIM) * math.sqrt(1 - SPREAD[kind] ** 2)
    return axis + SPREAD[kind] * draw.standard_normal((n, DIM))


def photos(draw: Draw, persons: Vectors) -> NDArray[np.float32]:
    """A photo of each, of unit length."""
    x = persons + NOISE * draw.standard_normal(persons.shape)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def table(embeddings: NDArray[np.float32], names: list[str]) -> Embedded:
    n = len(embeddings)
    sha256 = tuple(name.encode() for name in names)
    pictures = np.zeros((n, 2, 1, 1), np.uint8)
    return Embedded(
        tuple(Photo(name, name) for name in names), sha256, embeddings, pictures, np.ones(n, np.int32), (), n
    )


def audit(world: World, s: int) -> NDArray[np.float64]:
    """(3, 2, 2): as in `GIVEN`; compact and varied; false discovery proportion, share of planted named."""
    draw = np.random.default_rng((SEED, s))
    of_group = {"compact": round(MEMBERS * world.compact), "varied": MEMBERS - round(MEMBERS * world.compact)}
    sides, shown = [], []
    planted: set[str] = set()
    groups: dict[str, str] = {}
    for side, times in (("member", 1), ("held-out", world.heldout // MEMBERS)):
        vectors, names = [], []
        for kind, n in of_group.items():
            persons = people(draw, n * times, kind)
            own = [f"{side} {kind} {i:04d}" for i in range(len(persons))]
            groups |= dict.fromkeys(own, kind)
            vectors.append(photos(draw, persons))
            names += own
            if side == "member":
                n_planted = world.planted[kind]
                planted.update(own[:n_planted])
                shown += [photos(draw, persons[:n_planted]) for _ in range(SHOWN)]
                shown.append(photos(draw, people(draw, round(SAMPLES * n / MEMBERS), kind)))
        held = table(np.concatenate(vectors), names)
        sides.append(Crowd(held, group(held)))
    samples = np.concatenate(shown)
    seen = photos_of(table(samples, [str(i) for i in range(len(samples))]))
    members = sides[0].people.names
    views = [View("drawn", sides[0], None, sides[1], seen, matcher=ONE_CORE, groups=given) for given in ({}, groups)]
    pooled, within = (name_people(view, view.scorers([NearestSample()]), LEVEL) for view in views)
    results = []
    for exposed in (pooled.exposed, benjamini_hochberg(within.p) <= LEVEL, within.exposed):
        for kind, n_planted in world.planted.items():
            named = {name for name, yes in zip(members, exposed, strict=True) if yes and groups[name] == kind}
            false = len(named - planted) / max(1, len(named))
            results.append((false, len(named & planted) / max(1, n_planted)))
    return np.array(results).reshape(3, 2, 2)


def percent(values: NDArray[np.float64]) -> str:
    return f"{100 * values.mean():.1f} ± {100 * values.std(ddof=1) / math.sqrt(len(values)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audits", type=int, default=400)
    parser.add_argument("--only", default="", help="rows whose name has this word")
    chosen = parser.parse_args()
    n_audits = chosen.audits
    print(f"{MEMBERS} members, {SAMPLES:,} samples of nobody; q {LEVEL}; {n_audits} audits a row\n")
    print("| people | held out | groups | FDR, compact % | FDR, varied % | compact named % | varied named % | s |")
    print("|---|---|---|---|---|---|---|---|")
    for world in [world for world in WORLDS if chosen.only in world.name]:
        started = time.monotonic()
        results = np.array([audit(world, s) for s in range(n_audits)])
        seconds = time.monotonic() - started
        for given, word in enumerate(GIVEN):
            fdr = [percent(results[:, given, kind, 0]) for kind in (0, 1)]
            hits = [percent(results[:, given, k, 1]) if world.planted[kind] else "-" for k, kind in enumerate(SPREAD)]
            print(
                f"| {world.name} | {world.heldout:,} | {word} | {' | '.join(fdr + hits)} | {seconds:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
