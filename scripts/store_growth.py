"""What other audits' embeddings in the same cache cost: a warm audit of 160 photos, and reading one row.

    python scripts/store_growth.py

Prints Markdown: whole-process seconds of an audit whose photos are all embedded already, with a clean cache and with
41,000 other photos in it (random embeddings and pictures), in turn; and the milliseconds to open that store and read
one row. Medians with their range.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from probablyexists.drawn.population import write_population
from probablyexists.embeddings.embed import ROWS_A_PART, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.embeddings.store import Row
from probablyexists.faces.compiled import PICTURE_SIDE

OTHERS = 41_000


def fill(cache: Path, n: int) -> bytes:
    """Put n photos into the store of aligned faces; the hash of one in the middle."""
    recogniser = DlibRecogniser(cache)
    store, draw = open_store(cache, recogniser, "aligned"), np.random.default_rng(0)
    keys = [draw.bytes(32) for _ in range(n)]
    for start in range(0, n, ROWS_A_PART):
        some = keys[start : start + ROWS_A_PART]
        vectors = draw.normal(size=(len(some), recogniser.dim)).astype(np.float32)
        pictures = draw.integers(0, 256, (len(some), 2, PICTURE_SIDE, PICTURE_SIDE), dtype=np.uint8)
        store.add([Row(key, None, 1, *row) for key, *row in zip(some, vectors, pictures, strict=True)])
    return keys[n // 2]


def audit(folder: Path, cache: Path) -> float:
    """Seconds of one audit as a process of its own."""
    options = {"training": "training", "heldout": "heldout", "generated": "generated"}
    places = [part for name, at in options.items() for part in (f"--{name}", str(folder / at))]
    command = [sys.executable, "-m", "probablyexists", "audit", *places, "--out", str(folder / "out"), "--overwrite"]
    started = time.perf_counter()
    subprocess.run([*command, "--faces", "aligned", "--cache", str(cache), "-q"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def one_row(cache: Path, key: bytes) -> float:
    """Seconds to open the store and read one row."""
    recogniser = DlibRecogniser(cache)
    started = time.perf_counter()
    open_store(cache, recogniser, "aligned").read([key])
    return time.perf_counter() - started


def shown(values: list[float], unit: str, scale: float = 1.0) -> str:
    low, middle, high = (f"{scale * value:.3g}" for value in (min(values), median(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = range(parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_population(folder / "training", range(20), range(2))
        write_population(folder / "heldout", range(20, 50), range(2))
        write_population(folder / "generated", range(50, 110), range(1))
        caches = [folder / "clean", folder / "full"]
        for cache in caches:
            audit(folder, cache)
        key = fill(caches[1], OTHERS)
        times = np.array([[audit(folder, cache) for cache in caches] for _ in rounds])
        reading = [one_row(caches[1], key) for _ in rounds]
    print("| | clean cache | 41,000 other photos | ratio |\n|---|---|---|---|")
    cells = [shown(list(column), " s") for column in times.T]
    print(f"| warm audit of 160 photos | {' | '.join(cells)} | {shown(list(times[:, 1] / times[:, 0]), '')} |")
    print(f"| open the store and read one row | | {shown(reading, ' ms', 1000)} | |")


if __name__ == "__main__":
    main()
