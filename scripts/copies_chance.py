"""How often does an audit say that chance cannot explain the copies, when none is one? Prints a Markdown table.

    python scripts/copies_chance.py                # 4,000 audits a row
    python scripts/copies_chance.py --audits 500

Every sample and every held-out photo has its best correlation with a training photo from one distribution; the audit's
own rule sets the threshold and counts. Only ranks matter, so the distribution is that of a normal, mapped below what
counts as certain. Photos of one held-out person share half of the variance where there are several. Samples that repeat
a picture have its correlation with a little noise. Audit s draws from the seed (20262, s).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from probablyexists.answers.copying import CopyMatches, copies
from probablyexists.copies.search import Matches, threshold
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import People

SEED = 20262
SAME_PERSON = 0.5
REPEAT = 0.02
"""Standard deviation of the repeats of a picture, in that of the pictures."""


def correlations(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """From standard normals to between 0.86 and 0.94: above the lowest threshold, below what is certain."""
    return np.asarray(0.86 + 0.08 * ndtr(z))


def audit(draw: np.random.Generator, pictures: int, repeats: int, heldout: int, photos: int) -> tuple[bool, bool]:
    """Whether copies are beyond chance: by distinct pictures, and if every sample counted by itself."""
    n_people = heldout // photos
    share = SAME_PERSON if photos > 1 else 0.0
    people = np.repeat(draw.normal(size=n_people), photos)
    strangers = correlations(share**0.5 * people + (1 - share) ** 0.5 * draw.normal(size=len(people)))
    base = np.repeat(draw.normal(size=pictures), repeats)
    samples = correlations(base + (REPEAT * draw.normal(size=len(base)) if repeats > 1 else 0.0))
    limit = threshold(strangers, np.empty(0))
    matches = Matches(samples, np.zeros(len(samples), np.intp))
    stands = np.arange(len(samples)) // repeats * repeats
    found = CopyMatches(matches, samples >= limit.value, limit, strangers, stands, np.zeros(len(samples), bool))
    rows = tuple(np.split(np.arange(len(people)), n_people))
    nothing = Embedded((), (), np.empty((0, 1), np.float32), None, np.empty(0, np.int32), (), 0)
    crowd = Crowd(nothing, People(tuple(map(str, range(n_people))), rows))
    by_picture = copies(found, crowd, fair=True).beyond_chance
    if repeats == 1:
        return by_picture, by_picture
    return by_picture, copies(replace(found, picture=np.arange(len(samples))), crowd, fair=True).beyond_chance


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audits", type=int, default=4000)
    n = parser.parse_args().audits
    print(f"Copies beyond chance where none is one, of {n:,} audits; 1 % is allowed.\n")
    print("| distinct pictures | samples of each | held-out photos | photos a person | by picture | by sample |")
    print("|---:|---:|---:|---:|---:|---:|")
    for pictures, repeats in ((1000, 1), (10_000, 1), (200, 50)):
        for heldout in (300, 1000, 3000):
            for photos in (1, 5):
                said = [audit(np.random.default_rng((SEED, s)), pictures, repeats, heldout, photos) for s in range(n)]
                by_picture, by_sample = (f"{100 * share:.2f} %" for share in np.mean(said, axis=0))
                print(f"| {pictures:,} | {repeats} | {heldout:,} | {photos} | {by_picture} | {by_sample} |", flush=True)


if __name__ == "__main__":
    main()
