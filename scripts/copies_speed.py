"""What the copy check costs on one core, by the number of references. Prints Markdown.

    python scripts/copies_speed.py                                # drawn people
    python scripts/copies_speed.py --photos path/to/lfw --n 11000
    python scripts/copies_speed.py --photos path/to/lfw --n 11000 --beside path/to/an/older/src

1,000 of the photos are asked about all others; where more references are wanted, mixtures of two of these, slightly
shifted, are added. A sample is screened (what cannot be a copy is left early); of a held-out photo every correlation is
wanted in full. What the references alone take is measured by asking about one photo, and told apart. Milliseconds are
the processor's, on one thread; medians of the rounds, with the smallest and the largest.

With `--beside` only: this version and another, in processes of their own, in turns.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import inspect
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.search import AT_LEAST, find
from probablyexists.drawn.population import write_population
from probablyexists.faces.acquire import Face, acquire
from probablyexists.sources.open_source import open_source

Pictures = NDArray[np.uint8]
PHOTOS_A_PERSON = 2
SHIFT = 2
N_ASKED, REPEATED = 1000, 10
"""Photos that are asked about, and how often, so that what the references take hardly disturbs what a photo takes."""


def pictures_of(where: Path, n: int) -> Pictures:
    """The small grey pictures of `n` photos of a source, drawn and put in order with a fixed seed."""
    source = open_source(where)
    draw = np.random.default_rng(0)
    wanted = [source.photos[i] for i in draw.permutation(len(source.photos))[:n]]
    faces = acquire([data for _, data in source.stream(wanted) if isinstance(data, bytes)], "aligned")
    return draw.permutation(np.stack([face.picture for face in faces if isinstance(face, Face)]))


def more(photos: Pictures, n: int) -> Pictures:
    """`n` pictures: the first photos, then mixtures: 0.5 to 1 of one and the rest of another, shifted by 2 pixels."""
    draw = np.random.default_rng(0)
    out = np.empty((n, *photos.shape[1:]), np.uint8)
    out[: len(photos)] = photos[:n]
    for i in range(len(photos), n):
        one, other = photos[draw.integers(len(photos), size=2)].astype(np.float32)
        weight = draw.uniform(0.5, 1)
        shift = tuple(draw.integers(-SHIFT, SHIFT + 1, size=2))
        out[i] = np.roll(weight * one + (1 - weight) * other, shift, axis=(1, 2)).astype(np.uint8)
    return out


def cost(asked: Pictures, references: Pictures, **how: float) -> tuple[float, float]:
    """The processor's milliseconds a picture asked about, and a reference. `how`: see `find`."""
    started = time.process_time()
    find(asked[:1], references, 1, **how)  # type: ignore[arg-type]
    alone = time.process_time() - started
    find(asked, references, 1, **how)  # type: ignore[arg-type]
    whole = time.process_time() - started - alone
    return 1000 * (whole - alone) / (len(asked) - 1), 1000 * alone / len(references)


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def by_references(photos: Pictures, sizes: list[int], rounds: int) -> None:
    asked = np.tile(photos[:N_ASKED], (REPEATED, 1, 1, 1))
    find(asked[:N_ASKED], photos[-1000:], 1)
    print("| references | ms a sample, screened | ms a held-out photo, in full | ms a reference |\n|---:|---|---|---|")
    for n in sizes:
        references = more(photos[N_ASKED:], n)
        screened, full = [], []
        for _ in range(rounds):
            screened.append(cost(asked, references, at_least=AT_LEAST))
            full.append(cost(asked, references))
        cells = (shown([its[0] for its in screened]), shown([its[0] for its in full]), shown([its[1] for its in full]))
        print(f"| {n:,} | {' | '.join(cells)} |", flush=True)


def answer(where: Path) -> None:
    """Print what a picture asked about and a reference cost, for `beside`."""
    given = np.load(where)
    asked, references = given["asked"], given["references"]
    screened: dict[str, Any] = {"at_least": AT_LEAST} if "at_least" in inspect.signature(find).parameters else {}
    find(asked[:300], references[:1000], 1, **screened)
    print(*cost(np.tile(asked, (REPEATED, 1, 1, 1)), references, **screened))


def beside(photos: Pictures, other: Path, rounds: int, folder: Path) -> None:
    asked = folder / "asked.npz"
    np.savez(asked, asked=photos[:N_ASKED], references=photos[N_ASKED:])
    ways = {"other": other, "this": Path(__file__).parents[1] / "src"}
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for i in range(rounds):
        for way in list(ways)[:: 1 if i % 2 == 0 else -1]:
            env = {**os.environ, "PYTHONPATH": str(ways[way].resolve())}
            command = [sys.executable, __file__, "--answer", str(asked)]
            said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
            took[way].append((float(said[0]), float(said[1])))
    n = min(N_ASKED, len(photos))
    print(f"## {n:,} photos asked about {len(photos) - n:,}, two versions\n")
    print(f"| version | ms a photo asked about, median of {rounds} | ms a reference |\n|---|---:|---:|")
    for way in ways:
        a_picture, a_reference = (statistics.median(values) for values in zip(*took[way], strict=True))
        print(f"| {way} | {a_picture:.3f} | {a_reference:.3f} |")
    ratios = [one[0] / this[0] for one, this in zip(took["other"], took["this"], strict=True)]
    print(f"| **ratio** | **{statistics.median(ratios):.1f}** (rounds {min(ratios):.1f} to {max(ratios):.1f}) | |\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder, zip, tar or manifest; default: drawn people")
    parser.add_argument("--n", type=int, default=2000, help="photos; 1,000 are asked about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--references", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--beside", type=Path, help="the src folder of another version")
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.answer:
        answer(chosen.answer)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, where = Path(name), chosen.photos
        if where is None:
            where = folder / "drawn people"
            write_population(where, range(-(-chosen.n // PHOTOS_A_PERSON)), range(PHOTOS_A_PERSON), size=128)
        photos = pictures_of(where, chosen.n)
        if chosen.beside:
            beside(photos, chosen.beside, chosen.rounds, folder)
        else:
            by_references(photos, chosen.references, chosen.rounds)


if __name__ == "__main__":
    main()
