"""How well can the recogniser tell people at the sizes of the lab's pictures? Prints Markdown.

    python scripts/visible_limit.py path/to/faces --to docs/results/lab/visible.jsonl

`--to` writes the TPR at FMR 0.1 % as `lab plot --visible` reads it.

*No leak* and *not visible* look alike: both are an AUROC of 0.5. Photos are reduced as the lab's crops are
(`lab.sets.crops`: the aligned face at 128 pixels, then Lanczos), and embedded by the default recogniser as crops are.

1. Two photos of a person, or of two: TPR at FMR 1 % and 0.1 %, at most `MOST` photos a person. All pairs of different
   people set the threshold. A person's rate is the share of their own pairs above it; the interval draws people again
   (2,000 times), at the threshold as it is.
2. A leak as plain as can be: the training photos of 20 members, 8 each, stand in for a generator's samples, at the
   lab's size, and the lab's attack is made on 4 *other* photos of each member, against the held-out people of the same
   design. Its AUROC by person, pooled over the draws of members of seeds 0 to 2, is what a generator that shows real
   photos of everybody would get; *named*: conformal p-values, Benjamini and Hochberg at 5 %. Faces in samples that
   are mixed or blurred are less visible than that.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np

from probablyexists.answers.membership import Population, populations
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.files import write_text
from probablyexists.basis.progress import Console
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import Recogniser, open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.lab.design import Design, split
from probablyexists.lab.results_table import markdown, shown
from probablyexists.lab.sets import Crop, crops
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.matching.templates import group
from probablyexists.sources.open_source import open_source
from probablyexists.stats.conformal import conformal_p, discoveries
from probablyexists.stats.estimate import LEVEL, Estimate
from probablyexists.stats.pooled import pooled_auroc
from probablyexists.stats.rates import wilson

SIZES = (32, 64, 128)
SEEDS = (0, 1, 2)
DESIGN = Design(people=20, photos=8, unseen=4, heldout_photos=12)
FMRS = (0.01, 0.001)
MOST = 4
N_DRAWS = 2000


def embedded(some: Sequence[Crop], recogniser: Recogniser, cache: Path) -> Embedded:
    """The crops as the lab embeds them."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "crops.csv"
        with manifest.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "person"])
            writer.writerows([crop.path.resolve(), crop.person] for crop in some)
        source = open_source(manifest, named=True)
        return embed(source, recogniser, open_store(cache, recogniser, "aligned"), "aligned", Console(), "crops")


def places(table: Embedded) -> dict[str, int]:
    """Name of a crop's file -> its row."""
    return {Path(photo.path).name: row for row, photo in enumerate(table.photos)}


def crowd(table: Embedded, some: Sequence[Crop]) -> Crowd:
    place = places(table)
    rows = [place[crop.path.name] for crop in some if crop.path.name in place]
    own = table.take(np.array(rows))
    return Crowd(own, group(own))


def pairs(table: Embedded, some: Sequence[Crop]) -> list[Estimate]:
    """Of each FMR: TPR, of people with two photos."""
    place = places(table)
    of: dict[str, list[int]] = {}
    for crop in some:
        if crop.path.name in place and len(of.setdefault(crop.person, [])) < MOST:
            of[crop.person].append(place[crop.path.name])
    rows = np.array([row for own in of.values() for row in own])
    people = np.repeat(np.arange(len(of)), [len(own) for own in of.values()])
    cosines = table.embeddings[rows] @ table.embeddings[rows].T
    one, other = np.triu_indices(len(rows), 1)
    strangers = cosines[one, other][people[one] != people[other]]
    mine = [[table.embeddings[a] @ table.embeddings[b] for a, b in combinations(own, 2)] for own in of.values()]
    found = []
    for fmr in FMRS:
        threshold = np.quantile(strangers, 1 - fmr, method="higher")
        rates = np.array([np.mean(np.array(own) >= threshold) for own in mine if own])
        draws = np.random.default_rng(0).integers(len(rates), size=(N_DRAWS, len(rates)))
        low, high = np.quantile(rates[draws].mean(axis=1), [0.025, 0.975])
        found.append(Estimate(float(rates.mean()), low, high, LEVEL, "bootstrap of people", len(rates)))
    return found


def ceiling(table: Embedded, some: Sequence[Crop]) -> list[str]:
    """AUROC by person on unseen photos where training photos are the samples, and who is named."""
    runs, n_named, n = [], 0, 0
    for seed in SEEDS:
        roles = split(some, DESIGN, seed)
        training, unseen, heldout = (crowd(table, its) for its in (roles.training, roles.unseen, roles.heldout))
        attack = NearestSample().prepare(photos_of(training.table))
        judged = by_person(populations(training, unseen, heldout, attack))
        runs.append(judged.as_run)
        n += judged.positives.n_people
        n_named += int(discoveries(conformal_p(judged.positives.scores, judged.negatives.scores), 0.05).sum())
    low, high = wilson(n_named / n, n)
    return [shown(pooled_auroc(runs), ".3f"), f"{n_named} of {n} ({low:.0%} to {high:.0%})"]


def by_person(found: Sequence[Population]) -> Population:
    return next(its for its in found if (its.name, its.level) == ("unseen photos", "person"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="holds lfw/ and celeba/")
    parser.add_argument("--recogniser", default="dlib", help="a name or a file; default: dlib")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--to", type=Path, help="file of JSON lines")
    chosen = parser.parse_args()
    recogniser = open_recogniser(chosen.recogniser, chosen.cache)
    lines, points = [], []
    for name in ("lfw", "celeba"):
        for size in SIZES:
            some = crops(name, size, chosen.faces, chosen.cache, Console(), DESIGN.fewest_photos)
            table = embedded(some, recogniser, chosen.cache)
            rates = pairs(table, some)
            shares = [shown(rate, ".3f") for rate in rates]
            lines.append([name, str(size), *shares, str(rates[0].n), *ceiling(table, some)])
            points.append({"set": name, "size": size, "what": "TPR at FMR 0.1 %", "share": asdict(rates[1])})
    head = "| set | pixels | TPR at FMR 1 % | at 0.1 % | people | AUROC, photos as samples | named |"
    print(markdown(head, lines))
    if chosen.to is not None:
        write_text(chosen.to, "".join(json.dumps(point) + "\n" for point in points))


if __name__ == "__main__":
    main()
