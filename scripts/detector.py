"""Does the detector lose anything by looking at large images reduced first? Choices, TPR and time, with and without.

    python scripts/detector.py path/to/lfw

Photos: two of each person who has two, enlarged to `--side` pixels. Mated: a person's two photos; non-mated: the first
photo of everybody against the first of everybody else. TPR at FMR 0.1 %, each way at its own threshold; a face that is
not found matches nobody. Interval of the difference: 2,000 bootstrap draws of people (paired).

Scenes: squares of 1,024 pixels with photos of four people in the quarters, 192 to 512 pixels each. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.engines.resources import default_cache
from probablyexists.faces.alignment import cut_chip
from probablyexists.faces.boxes import Box, Detection, detect, detect_whole
from probablyexists.faces.landmarks import landmarks
from probablyexists.images.decode import decode

FMR = 0.001
N_DRAWS = 2000
SCENE = 1024
WAYS: tuple[Callable[[NDArray[np.uint8]], Detection], ...] = (detect_whole, detect)

Ways = tuple[tuple[float, Detection], ...]


def both(image: NDArray[np.uint8]) -> Ways:
    """Seconds and what was found, whole and reduced first."""
    found = []
    for way in WAYS:
        start = time.perf_counter()
        what = way(image)
        found.append((time.perf_counter() - start, what))
    return tuple(found)


def photo(path: Path, side: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(decode(path.read_bytes())).resize((side, side), Image.Resampling.LANCZOS))


def scene(paths: list[Path], seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    half = SCENE // 2
    canvas = np.full((SCENE, SCENE, 3), 128, np.uint8)
    for quarter, chosen in enumerate(rng.choice(len(paths), 4, replace=False)):
        side = int(rng.integers(192, half + 1))
        top, left = rng.integers(half - side + 1, size=2) + half * np.array(divmod(quarter, 2))
        canvas[top : top + side, left : left + side] = photo(paths[chosen], side)
    return canvas


def same(one: Box | None, other: Box | None) -> bool:
    """They overlap by more than half of what they cover together."""
    if one is None or other is None:
        return one is other
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, width) * max(0, height)
    covered = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other)) - common
    return common > covered / 2


def row(name: str, found: list[Ways]) -> str:
    times = [np.median([ways[i][0] for ways in found]) * 1000 for i in range(2)]
    faster = statistics.median(whole[0] / reduced[0] for whole, reduced in found)
    n_found = [sum(ways[i][1].box is not None for ways in found) for i in range(2)]
    n_same = sum(same(whole[1].box, reduced[1].box) for whole, reduced in found)
    return (
        f"| {name} | {len(found):,} | {times[0]:.0f} | {times[1]:.0f} | **{faster:.1f}** | {n_found[0]:,} "
        f"| {n_found[1]:,} | {n_same:,} |"
    )


def embeddings(image: NDArray[np.uint8], found: Ways, recogniser: DlibRecogniser) -> list[NDArray[np.float32]]:
    """(128,) for each way; NaN where no face was found."""
    out = []
    for _, its in found:
        if its.box is None:
            out.append(np.full(recogniser.dim, np.nan, np.float32))
        else:
            points = landmarks([image], [its.box])[0]
            out.append(recogniser.embed(cut_chip(image, points)[None])[0])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="one folder a person")
    parser.add_argument("--side", type=int, default=1024, help="pixels that photos are enlarged to")
    parser.add_argument("--people", type=int, default=100_000, help="at most")
    parser.add_argument("--scenes", type=int, default=300)
    chosen = parser.parse_args()
    folders = (sorted(folder.iterdir())[:2] for folder in sorted(chosen.photos.iterdir()) if folder.is_dir())
    people = [two for two in folders if len(two) == 2][: chosen.people]
    paths = [path for two in people for path in two]
    recogniser = DlibRecogniser(default_cache())

    def of_photo(path: Path) -> tuple[Ways, list[NDArray[np.float32]]]:
        image = photo(path, chosen.side)
        found = both(image)
        return found, embeddings(image, found, recogniser)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        looked = list(threads.map(of_photo, paths))
        scenes = list(threads.map(lambda seed: both(scene(paths, seed)), range(chosen.scenes)))
    print("| images | n | ms, whole | ms, reduced first | ratio, median ", end="")
    print("| found, whole | found, reduced first | same face |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    print(row(f"photos, {chosen.side:,} pixels", [found for found, _ in looked]))
    print(row(f"scenes, {SCENE:,} pixels", scenes))

    hits = []
    for way in range(2):
        x = np.stack([both_ways[way] for _, both_ways in looked]).reshape(len(people), 2, -1)
        firsts = x[np.isfinite(x[:, 0, 0]), 0]
        others = (firsts @ firsts.T)[np.triu_indices(len(firsts), 1)]
        hits.append((x[:, 0] * x[:, 1]).sum(axis=1) >= np.quantile(others, 1 - FMR, method="higher"))
    alike = [float((one * other).sum()) for _, (one, other) in looked]
    more = hits[1].astype(float) - hits[0]
    draws = np.random.default_rng(0).integers(len(people), size=(N_DRAWS, len(people)))
    low, high = np.quantile(more[draws].mean(axis=1), [0.025, 0.975])
    share = [float(hit.mean()) for hit in hits]
    print(f"\nTPR at FMR {FMR:.1%}, {len(people):,} people: whole {share[0]:.4f}, reduced first {share[1]:.4f},")
    print(f"difference {100 * more.mean():+.2f} points ({100 * low:+.2f} to {100 * high:+.2f}).")
    low, middle = np.nanquantile(alike, [0.01, 0.5])
    print(f"Cosine of a photo's two embeddings: median {middle:.4f}, 1 % below {low:.4f}.")


if __name__ == "__main__":
    main()
