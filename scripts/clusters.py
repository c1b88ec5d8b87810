"""How pure are clusters of embeddings as people? Photos with names, the names hidden from the clustering.

    python scripts/clusters.py path/to/lfw path/to/celeba

B-cubed precision and recall (Bagga & Baldwin 1998): for a photo, the share of its cluster that shows its person, and
the share of its person's photos that are in its cluster; mean over photos, 95 % interval from a bootstrap of people.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.progress import Console
from probablyexists.embeddings.embed import embed, open_store
from probablyexists.embeddings.recognisers import open_recogniser
from probablyexists.engines.resources import default_cache
from probablyexists.matching.clusters import cluster
from probablyexists.sources.open_source import open_source

N_DRAWS = 2000


def b_cubed(clusters: NDArray[np.intp], people: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) precision and (n,) recall of each photo."""
    _, both = np.unique(np.stack([clusters, people]), axis=1, return_inverse=True)
    shared = np.bincount(both)[both]
    return shared / np.bincount(clusters)[clusters], shared / np.bincount(people)[people]


def with_interval(values: NDArray[np.float64], people: NDArray[np.intp], rng: np.random.Generator) -> str:
    """Mean over photos with a person-bootstrap interval."""
    totals, counts = np.bincount(people, values), np.bincount(people)
    draws = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=N_DRAWS)
    means = (draws @ totals) / (draws @ counts)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    recogniser = open_recogniser("dlib", default_cache())
    print("| set | photos | people | clusters | B-cubed precision | B-cubed recall | seconds |")
    print("|---" * 7 + "|")
    for folder in parser.parse_args().sets:
        store = open_store(default_cache(), recogniser, "detect")
        table = embed(open_source(folder), recogniser, store, "detect", Console(), folder.name)
        people = np.unique([str(p.person) for p in table.photos], return_inverse=True)[1]
        started = time.monotonic()
        clusters, _ = cluster(table.embeddings, seed=0)
        seconds = time.monotonic() - started
        precision, recall = b_cubed(clusters, people)
        rng = np.random.default_rng(0)
        print(
            f"| {folder.name} | {len(people)} | {people.max() + 1} | {clusters.max() + 1} | "
            f"{with_interval(precision, people, rng)} | {with_interval(recall, people, rng)} | {seconds:.1f} |"
        )


if __name__ == "__main__":
    main()
