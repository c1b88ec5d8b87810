"""People without names: does a random split of them, with nothing leaked, look like a leak?

    python scripts/cluster_nulls.py lfw path/to/lfw --splits 150
    python scripts/cluster_nulls.py celeba path/to/celeba --splits 150

Names are hidden, and people (or photos) are divided at random between training and held out. Samples are photos of
other people, so that nothing leaks. Three rules for a cluster with photos of both sides: its held-out photos are set
aside ("held out"); all its photos ("both"); those that are not of the side of one drawn photo ("drawn", the audit's).
Clusters do not depend on the split, so that each set of people is clustered once and divided many times. Each group is
scored by one photo, as the audit does where many have no more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.progress import Console
from probablyexists.embeddings.embed import embed, open_store
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.clusters import cluster, sides
from probablyexists.matching.matcher import Matcher
from probablyexists.sources.open_source import open_source
from probablyexists.stats.conformal import benjamini_hochberg, conformal_p
from probablyexists.stats.rates import wilson
from probablyexists.stats.roc import rank_sum_p

SEED = 20262
SIZES = {"lfw": [(2200, 2200), (3500, 900), (700, 3700)], "celeba": [(110, 110), (180, 40), (40, 180)]}
"""People in training and held out; the others are among the samples."""
SPLITS_A_POOL = 75
"""Splits of each draw of people."""
Scores = NDArray[np.float64]
RULES = ("held out", "both", "drawn")

Bools = NDArray[np.bool_]


def kept_by(rule: str, labels: NDArray[np.intp], is_training: Bools, sha256: list[bytes], seed: int) -> Bools:
    """(n,) whether each photo is used."""
    of_training, of_both = sides(labels, is_training, sha256, seed)
    both = of_both[labels]
    if rule == "drawn":
        return np.asarray(of_training[labels] == is_training)
    return ~both if rule == "both" else ~(both & ~is_training)


def tested(scores: Scores, groups: NDArray[np.intp], is_training: Bools, order: NDArray[np.intp]) -> list[float]:
    """[p of the groups together, members named at 5 %, members, held-out people], on one photo of each group.

    `order`: the photos used, in the order in which the first of each group is taken.
    """
    ours, theirs = (
        scores[rows[np.unique(groups[rows], return_index=True)[1]]]
        for rows in (order[is_training[order]], order[~is_training[order]])
    )
    named = benjamini_hochberg(conformal_p(ours, theirs)) <= 0.05
    return [rank_sum_p(ours, theirs), float(named.sum()), len(ours), len(theirs)]


def share(yes: Bools) -> str:
    low, high = wilson(float(yes.mean()), len(yes))
    return f"{100 * yes.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=list(SIZES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splits", type=int, default=150)
    given = parser.parse_args()
    recogniser = open_recogniser("dlib", default_cache())
    store = open_store(default_cache(), recogniser, "detect")
    table = embed(open_source(given.folder), recogniser, store, "detect", Console(), given.set, pictures=False)
    person = np.unique([str(p.person) for p in table.photos], return_inverse=True)[1]

    found: dict[tuple[str, int, int, str], list[list[float]]] = {}
    both: dict[tuple[str, int, int], list[float]] = {}
    for number in range(-(-given.splits // SPLITS_A_POOL)):
        draw = np.random.default_rng([SEED, number])
        people = draw.permutation(int(person.max()) + 1)[: sum(SIZES[given.set][0])]
        within = np.isin(person, people)
        pool, samples = table.take(np.flatnonzero(within)), table.take(np.flatnonzero(~within))
        own = person[within]
        scores = Matcher(threads=1).nearest(pool.embeddings, samples.embeddings).similarity[:, 0]
        labels, _ = cluster(pool.embeddings, number, 1)
        for s in range(number * SPLITS_A_POOL, min(given.splits, (number + 1) * SPLITS_A_POOL)):
            order = draw.permutation(len(own))
            for n, m in SIZES[given.set]:
                for what in ("people", "photos") if n == m else ("people",):
                    if what == "people":
                        is_training = np.isin(own, draw.permutation(people)[:n])
                        line = tested(scores, own, is_training, order)
                        found.setdefault((what, n, m, "(by name)"), []).append(line)
                    else:
                        is_training = draw.permutation(len(own)) < len(own) / 2
                    smaller = min(len(np.unique(labels[is_training])), len(np.unique(labels[~is_training])))
                    n_both = sides(labels, is_training, list(pool.sha256), s)[1].sum()
                    both.setdefault((what, n, m), []).append(float(n_both) / smaller)
                    for rule in RULES:
                        kept = kept_by(rule, labels, is_training, list(pool.sha256), s)
                        line = tested(scores, labels, is_training, order[kept[order]])
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
