"""Is `--faces auto` as accurate as `detect`? Prints Markdown. Its speed: `bench.py embed`.

    python scripts/right_face.py path/to/lfw --initials NZ       # the rule was tuned on people whose names begin A to M
    python scripts/right_face.py path/to/celeba --without 07393
    python scripts/right_face.py path/to/orl --most 10

TPR at three FMRs, dlib in int8, mirror averaged, photo against photo, a few photos a person. Non-mated: all
pairs of photos of different people; they set the threshold of each way. A rate that fewer than `LEAST` of these pairs
would set is not printed. Mated: all pairs of a person's photos; a person's rate is their share above the threshold, a
photo without a face matches nothing. Interval of the difference: 2,000 bootstrap draws of people, each with both their
rates (paired), at the thresholds as they are.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import defaultdict
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.progress import Console
from probablyexists.embeddings.embed import Embedded, Some, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.faces.placing import FacesMode
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source

FMRS = (0.001, 0.0001, 0.00001)
LEAST = 5
N_DRAWS = 2000
MODES: tuple[FacesMode, ...] = get_args(FacesMode)


def chosen_photos(folder: Path, initials: str, without: list[str], most: int) -> Some:
    """At most `most` photos of each person whose name begins with a letter from the first to the last."""
    source = open_source(folder)
    of: dict[str, list[Photo]] = defaultdict(list)
    for photo in source.photos:
        person = photo.person or ""
        if person in without:
            continue
        if not initials or initials[0] <= person[:1].upper() <= initials[-1]:
            of[person].append(photo)
    return Some(source, tuple(photo for photos in of.values() for photo in photos[:most]))


def rates_of(photos: tuple[Photo, ...], table: Embedded) -> dict[float, NDArray[np.float64] | None]:
    """FMR -> of each person with two photos, the share of their pairs that match; None if too few strangers."""
    row = {photo: number for number, photo in enumerate(table.photos)}
    people = np.unique([photo.person or "" for photo in table.photos], return_inverse=True)[1]
    one, other = np.triu_indices(len(table), 1)
    strangers = people[one] != people[other]
    cosines = (table.embeddings @ table.embeddings.T)[one[strangers], other[strangers]]
    own = []
    for _, its in itertools.groupby(photos, key=lambda photo: photo.person):
        pairs = list(itertools.combinations(its, 2))
        if pairs:
            found = [(row[a], row[b]) if a in row and b in row else None for a, b in pairs]
            own.append(
                np.array([-1.0 if p is None else table.embeddings[p[0]] @ table.embeddings[p[1]] for p in found])
            )
    rates: dict[float, NDArray[np.float64] | None] = dict.fromkeys(FMRS)
    for fmr in FMRS:
        if fmr * len(cosines) >= LEAST:
            threshold = np.quantile(cosines, 1 - fmr, method="higher")
            rates[fmr] = np.array([(scores >= threshold).mean() for scores in own])
    return rates


def accuracy(folder: Path, initials: str, without: list[str], most: int, cache: Path) -> None:
    some, recogniser = chosen_photos(folder, initials, without, most), DlibRecogniser(cache)
    found: dict[FacesMode, dict[float, NDArray[np.float64] | None]] = {}
    said = []
    for mode in MODES:
        table = embed(some, recogniser, open_store(cache, recogniser, mode), mode, Console(), mode)
        found[mode] = rates_of(some.photos, table)
        if mode == "auto":
            n_detected = int((table.n_faces > 0).sum())
            said.append(f"the detector found {n_detected / len(some.photos):.1%} of auto's faces")
        said.append(f"no face by {mode}: {len(some.photos) - len(table)}")
    name = folder.name + (f", {initials[0]} to {initials[-1]}" if initials else "")
    n = next(len(its) for its in found["auto"].values() if its is not None)
    print(f"### {name}\n\n{len(some.photos):,} photos, {n:,} people with two or more; {'; '.join(said)}.\n")
    print("| FMR | " + " | ".join(f"TPR {mode}" for mode in MODES) + " | auto - detect, points | aligned - detect |")
    print("|---:|---|---|---|---|---|")
    draws = np.random.default_rng(0).integers(n, size=(N_DRAWS, n))
    for fmr in FMRS:
        at = {mode: found[mode][fmr] for mode in MODES}
        if any(its is None for its in at.values()):
            print(f"| {fmr:.3%} | too few strangers | | | | |")
            continue
        cells = [f"{its.mean():.3f}" for its in at.values() if its is not None]
        for mode in ("auto", "aligned"):
            ours_, theirs = at[mode], at["detect"]
            assert ours_ is not None
            assert theirs is not None
            low, high = np.quantile((ours_ - theirs)[draws].mean(axis=1), [0.025, 0.975])
            cells.append(f"{100 * (ours_ - theirs).mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        print(f"| {fmr:.3%} | {' | '.join(cells)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="one folder a person")
    parser.add_argument("--initials", default="", help="first and last letter of names, as NZ; default: all")
    parser.add_argument("--without", nargs="*", default=[], help="people under two names: leave one of them out")
    parser.add_argument("--most", type=int, default=4, help="photos a person")
    parser.add_argument("--cache", type=Path, default=default_cache())
    chosen = parser.parse_args()
    for folder in chosen.photos:
        accuracy(folder, chosen.initials, chosen.without, chosen.most, chosen.cache)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
