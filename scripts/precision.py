"""Does a recogniser in int8 know people as well as in float32? TPR at FMR 0.1 %, photo against photo, on named photos.

    python scripts/precision.py path/to/lfw

Non-mated: the first photo of everybody against the first of everybody else; they set the threshold of each precision.
Mated: for each person with two photos or more, up to 10 pairs drawn at random; a person's rate is their share above the
threshold. Interval of the difference: 2,000 bootstrap draws of people, each with both their rates (paired), at the
thresholds as they are. Prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.progress import Console
from probablyexists.embeddings.dlib_onnx import Precision
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.faces.placing import FacesMode
from probablyexists.matching.templates import group
from probablyexists.sources.open_source import Source, open_source
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.rates import share_of_people

FMRS = (0.01, 0.001, 0.0001)
MOST_PAIRS = 10
N_DRAWS = 2000


def rates(table: Embedded) -> dict[float, NDArray[np.float64]]:
    """FMR -> of each person with two photos, the share of their pairs that match."""
    people = group(table)
    rng = np.random.default_rng(0)
    firsts = table.embeddings[[rows[0] for rows in people.rows]]
    others = (firsts @ firsts.T)[np.triu_indices(len(firsts), 1)]
    own = []
    for rows in people.rows:
        pairs = np.array(list(itertools.combinations(rows, 2)))
        if len(pairs):
            chosen = pairs[rng.permutation(len(pairs))[:MOST_PAIRS]]
            own.append((table.embeddings[chosen[:, 0]] * table.embeddings[chosen[:, 1]]).sum(axis=1))
    found = {}
    for fmr in FMRS:
        threshold = np.quantile(others, 1 - fmr, method="higher")
        found[fmr] = np.array([(pairs >= threshold).mean() for pairs in own])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="one folder a person")
    parser.add_argument("--faces", choices=["aligned", "detect"], default="aligned")
    parser.add_argument("--cache", type=Path, default=default_cache())
    chosen = parser.parse_args()
    source, mode = open_source(chosen.photos), chosen.faces
    precisions: tuple[Precision, ...] = ("float32", "int8")
    of_each = {precision: rates(_table(source, precision, mode, chosen.cache)) for precision in precisions}
    n = len(of_each["int8"][FMRS[0]])
    print(f"{len(source.photos):,} photos, {n:,} people with two or more; faces {mode}.\n")
    print("| FMR | TPR float32 | TPR int8 | difference, points |\n|---:|---|---|---|")
    draws = np.random.default_rng(0).integers(n, size=(N_DRAWS, n))
    for fmr in FMRS:
        shown = []
        for precision in precisions:
            figure = share_of_people(of_each[precision][fmr])
            assert isinstance(figure, Estimate)
            shown.append(f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})")
        more = of_each["int8"][fmr] - of_each["float32"][fmr]
        low, high = np.quantile(more[draws].mean(axis=1), [0.025, 0.975])
        print(f"| {fmr:.2%} | {' | '.join(shown)} | {100 * more.mean():+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) |")


def _table(source: Source, precision: Precision, mode: FacesMode, cache: Path) -> Embedded:
    recogniser = DlibRecogniser(cache, precision)
    return embed(source, recogniser, open_store(cache, recogniser, mode), mode, Console(), precision)


if __name__ == "__main__":
    main()
