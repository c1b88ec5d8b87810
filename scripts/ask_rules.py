"""Two rules of `ask`: is a small p of somebody with look-alikes pointed at, and which copies count?

    python scripts/ask_rules.py --draws 200
    python scripts/ask_rules.py --lfw path/to/lfw --people 20

Simulated: 200 reference people, 1,000 samples and the person who asks are drawn from one population of unit vectors;
of its people 10 % are look-alikes. Nothing leaks, or one sample shows the person. LFW: people ask with 2 photos each,
370 others are the reference, and 2,000 photos of further people the samples. A photo of the person is laid over one
sample with some weight. Counted are the copies that are certain, and those that count by the rank among the reference
people or would by beta-binomial chance. Prints Markdown; nothing of LFW is written.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from lfw_planted import manifest
from probablyexists.answers.copying import CERTAIN_COPY, COPIES_P, find_copies
from probablyexists.answers.one_person import rank
from probablyexists.answers.person_copies import person_copies
from probablyexists.answers.person_verdict import NOT_AMONG_THEM
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.progress import Silent
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.matcher import HERE
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source

DIM = 128
N_ASKED, N_SAMPLES = 240, 2000
WEIGHTS = (0.8, 0.7, 0.6)


def unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), dtype=np.float32)


def people(embeddings: NDArray[np.float32]) -> Embedded:
    n = len(embeddings)
    photos = tuple(Photo(f"{i:05d}.png", f"person-{i:05d}") for i in range(n))
    pictures = np.zeros((n, 1, 48, 48), np.uint8)
    return Embedded(photos, tuple(b"%d" % i for i in range(n)), embeddings, pictures, np.zeros(n, np.int32), (), n)


def crowd(table: Embedded) -> Crowd:
    return Crowd(table, group(table))


def simulated(draws: int, alike: float, asked: float, shown: bool) -> tuple[float, float]:
    """Shares of askers with p <= 0.05, and with the caution."""
    small = weak = 0
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        centre = unit(draw.normal(0, 1, DIM)).astype(np.float64)

        def faces(
            n: int, share: float, draw: np.random.Generator = draw, centre: NDArray[np.float64] = centre
        ) -> NDArray[np.float32]:
            own = draw.normal(0, DIM**-0.5, (n, DIM))
            return unit(np.where((draw.random(n) < share)[:, None], 0.7 * own + centre, own))

        samples, person = faces(1000, alike), faces(1, asked)
        if shown:
            samples[0] = unit(person[0] + 0.4 * draw.normal(0, DIM**-0.5, DIM))
        made = photos_of(people(samples))
        reference = crowd(people(faces(200, alike)))
        at = rank(crowd(people(person)), reference, made, NearestSample().prepare(made), HERE)
        small += at.p <= 0.05
        weak += at.p <= 0.05 and at.p_of_look_alikes > NOT_AMONG_THEM
    return small / draws, weak / draws


def on_lfw(lfw: Path, n_people: int) -> None:
    draw = np.random.default_rng(0)
    photos = {person.name: sorted(person.iterdir()) for person in sorted(lfw.iterdir()) if person.is_dir()}
    several = [name for name, files in photos.items() if len(files) >= 4]
    dealt = [several[i] for i in draw.permutation(len(several))]
    rest = [file for name, files in photos.items() if name not in set(several) for file in files]
    given = {
        "generated": [(rest[i], "") for i in draw.permutation(len(rest))[:N_SAMPLES]],
        "reference": [(file, name) for name in dealt[N_ASKED:] for file in photos[name][:3]],
        "asked": [(file, name) for name in dealt[:n_people] for file in photos[name][:2]],
    }
    recogniser, tables = DlibRecogniser(default_cache()), {}
    with tempfile.TemporaryDirectory() as folder:
        for role, rows in given.items():
            source = open_source(manifest(Path(folder) / f"{role}.csv", rows))
            store = open_store(default_cache(), recogniser, "detect")
            tables[role] = embed(source, recogniser, store, "detect", Silent(), "")
    reference, generated = crowd(tables["reference"]), tables["generated"]
    print("| weight | people | at the threshold | certain | of the others, by rank | by beta-binomial chance |")
    print("|---" * 6 + "|")
    for weight in (0.0, *WEIGHTS):
        reached = certain = by_rank = by_chance = n = 0
        for person in dict.fromkeys(photo.person for photo in tables["asked"].photos):
            mine = [i for i, photo in enumerate(tables["asked"].photos) if photo.person == person]
            asked, pictures = crowd(tables["asked"].take(mine)), generated.pictures.copy()
            pictures[0] = np.round(weight * asked.table.pictures[0] + (1 - weight) * pictures[0].astype(np.float64))
            there = replace(generated, read_pictures=pictures)
            found = find_copies(asked, reference, there)
            copies = person_copies(found, asked, reference, there, None)
            n, reached = n + 1, reached + (copies.n > 0)
            if copies.p is None:
                certain += copies.beyond_chance
                assert not copies.n or found.matches.correlation.max() >= CERTAIN_COPY
            else:
                by_rank += copies.beyond_chance
                m = found.threshold.n_heldout
                by_chance += bool(betabinom.sf(copies.n - 1, len(there), 1, m) <= COPIES_P)
        print(f"| {weight:g} | {n} | {reached} | {certain} | {by_rank} | {by_chance} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--people", type=int, default=20)
    chosen = parser.parse_args()
    if chosen.lfw is not None:
        on_lfw(chosen.lfw.resolve(), chosen.people)
        return
    print("| population | who asks | leaked | p <= 0.05 | with the caution |\n" + "|---" * 5 + "|")
    for alike, asked, shown in ((0.0, 0.0, False), (0.1, 1.0, False), (0.1, 0.0, False), (0.1, 1.0, True)):
        small, weak = simulated(chosen.draws, alike, asked, shown)
        who = "a look-alike" if asked else "somebody else" if alike else "anybody"
        population = "a tenth are look-alikes" if alike else "no look-alikes"
        print(f"| {population} | {who} | {'yes' if shown else 'no'} | {small:.3f} | {weak:.3f} |", flush=True)


if __name__ == "__main__":
    main()
