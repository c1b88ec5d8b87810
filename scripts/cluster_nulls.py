"""People without names: does a random split of them, with nothing leaked, look like a leak?

    python scripts/cluster_nulls.py lfw path/to/lfw --splits 200
    python scripts/cluster_nulls.py celeba path/to/celeba --splits 200

Names are hidden, and people (or photos) are divided at random between training and held out. Samples are photos of
other people, so that nothing leaks. Three rules for a cluster with photos of both sides: its held-out photos are set
aside ("held out"); all its photos ("both"); those that are not of the side of one drawn photo ("drawn", the audit's).
Clusters do not depend on the split, so that each set of people is clustered once and divided many times.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import name_people
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.basis.progress import Console
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.clusters import cluster, sides
from probablyexists.matching.crowd import Crowd, common_count, photos_of
from probablyexists.matching.matcher import Matcher
from probablyexists.matching.templates import group
from probablyexists.sources.open_source import open_source
from probablyexists.stats.rates import wilson
from probablyexists.stats.roc import rank_sum_p

SEED = 20262
SIZES = {"lfw": [(2200, 2200), (3500, 700), (700, 3500)], "celeba": [(110, 110), (180, 40), (40, 180)]}
"""People in training and held out; the others are among the samples."""
SPLITS_A_POOL = 25
"""Splits of each draw of people."""
RULES = ("held out", "both", "drawn")

Bools = NDArray[np.bool_]


def kept_by(rule: str, labels: NDArray[np.intp], is_training: Bools, sha256: list[bytes], seed: int) -> Bools:
    """(n,) whether each photo is used."""
    of_training, of_both = sides(labels, is_training, sha256, seed)
    both = of_both[labels]
    if rule == "drawn":
        return np.asarray(of_training[labels] == is_training)
    return ~both if rule == "both" else ~(both & ~is_training)


def tested(
    table: Embedded, labels: NDArray[np.intp], is_training: Bools, kept: Bools, samples: Embedded
) -> list[float]:
    """[p of the group, members named at 5 %, members, held-out people]."""
    crowds = [
        Crowd(table, group(table, {int(i): f"{labels[i]:07d}" for i in np.flatnonzero(side & kept)}))
        for side in (is_training, ~is_training)
    ]
    view = View("dlib", crowds[0], None, crowds[1], photos_of(samples), None, Matcher(threads=1))
    (score,) = view.scorers([NearestSample()])
    photos = common_count(*(crowd.people.counts for crowd in crowds))
    ours, theirs = (score(crowd.faces(photos)[0]) for crowd in crowds)
    named = name_people(view, [score], 0.05)
    return [rank_sum_p(ours, theirs), float(named.exposed.sum()), len(ours), len(theirs)]


def share(yes: Bools) -> str:
    low, high = wilson(float(yes.mean()), len(yes))
    return f"{100 * yes.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=list(SIZES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    given = parser.parse_args()
    recogniser = open_recogniser("dlib", default_cache())
    store = open_store(default_cache(), recogniser, "detect")
    table = embed(open_source(given.folder), recogniser, store, "detect", Console(), given.set)
    person = np.unique([str(p.person) for p in table.photos], return_inverse=True)[1]

    found: dict[tuple[str, int, int, str], list[list[float]]] = {}
    both: dict[tuple[str, int, int], list[float]] = {}
    for number in range(-(-given.splits // SPLITS_A_POOL)):
        draw = np.random.default_rng([SEED, number])
        people = draw.permutation(int(person.max()) + 1)[: sum(SIZES[given.set][0])]
        within = np.isin(person, people)
        pool, samples = table.take(np.flatnonzero(within)), table.take(np.flatnonzero(~within))
        own = person[within]
        labels, _ = cluster(pool.embeddings, number, 1)
        for s in range(number * SPLITS_A_POOL, min(given.splits, (number + 1) * SPLITS_A_POOL)):
            for n, m in SIZES[given.set]:
                for what in ("people", "photos"):
                    if what == "people":
                        is_training = np.isin(own, draw.permutation(people)[:n])
                    else:
                        is_training = draw.permutation(len(own)) < len(own) * n / (n + m)
                    smaller = min(len(np.unique(labels[is_training])), len(np.unique(labels[~is_training])))
                    n_both = sides(labels, is_training, list(pool.sha256), s)[1].sum()
                    both.setdefault((what, n, m), []).append(float(n_both) / smaller)
                    for rule in RULES:
                        kept = kept_by(rule, labels, is_training, list(pool.sha256), s)
                        line = tested(pool, labels, is_training, kept, samples)
                        found.setdefault((what, n, m, rule), []).append(line)
    print(
        "| set | divided | people in training + held out | clusters on both sides % | set aside | p <= 0.05 % (95 % "
        "interval) | p <= 0.005 % | somebody named % | clusters: members + held out |\n" + "|---" * 9 + "|"
    )
    for (what, n, m, rule), lines in found.items():
        p, named, members, heldout = np.array(lines).T
        print(
            f"| {given.set} | {what} | {n} + {m} | {100 * np.mean(both[what, n, m]):.0f} | {rule} | "
            f"{share(p <= 0.05)} | {share(p <= 0.005)} | {share(named > 0)} | {members.mean():.0f} + "
            f"{heldout.mean():.0f} |"
        )


if __name__ == "__main__":
    main()
