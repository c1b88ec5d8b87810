"""Every attack on a large audit: seconds, and the most memory the process ever held.

    python scripts/attack_scale.py                      # 100,000 samples, 10,000 people of 3 photos each

Random numbers replace embeddings and pictures: the cost of an attack does not depend on what they show. Each attack
runs in its own process, which first makes the numbers; peak memory is given with the memory in use at that time.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference
from probablyexists.attacks.known import ATTACKS
from probablyexists.matching.matcher import HERE

DIM, SIDE, PHOTOS, N_REFERENCE = 128, 48, 3, 3000


def embeddings(draw: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """People lie apart, photos of one beside each other."""
    found = draw.standard_normal((shape[0], *[1] * (len(shape) - 1), DIM), dtype=np.float32)
    found = found + 0.6 * draw.standard_normal((*shape, DIM), dtype=np.float32)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    return found


def pictures(draw: np.random.Generator, *shape: int) -> NDArray[np.uint8]:
    return draw.integers(0, 256, (*shape, SIDE, SIDE), dtype=np.uint8)


def measured(attack: str, n_samples: int, n_people: int) -> tuple[float, float, float]:
    """Seconds, and the peak of memory before and after in MiB."""
    draw = np.random.default_rng(0)
    samples = Photos(embeddings(draw, n_samples), pictures(draw, n_samples))
    people = Faces(embeddings(draw, n_people, PHOTOS), pictures(draw, n_people, PHOTOS))
    n = N_REFERENCE * PHOTOS
    flat = embeddings(draw, N_REFERENCE, PHOTOS).reshape(n, DIM)
    reference = Reference(flat, pictures(draw, n), np.repeat(np.arange(N_REFERENCE), PHOTOS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    scores = ATTACKS[attack].prepare(samples, reference, HERE)(people)
    seconds = time.perf_counter() - started
    assert scores.shape == (n_people,)
    assert np.isfinite(scores).all()
    return seconds, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--attacks", nargs="*", default=list(ATTACKS))
    chosen = parser.parse_args()
    print(f"{chosen.samples:,} samples, {chosen.people:,} people of {PHOTOS} photos, {N_REFERENCE:,} reference people")
    print("\n| attack | seconds | most memory, MiB | of it there before |\n|---|---|---|---|")
    for attack in chosen.attacks:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, before, after = pool.apply(measured, (attack, chosen.samples, chosen.people))
        print(f"| {attack} | {seconds:.1f} | {after:,.0f} | {before:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
