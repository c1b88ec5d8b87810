"""What the copy check costs: milliseconds a picture, beside the plain way of the tests, and how that grows.

    python scripts/copies_speed.py                                # drawn people
    python scripts/copies_speed.py --photos path/to/lfw --n 4000
    python scripts/copies_speed.py --photos path/to/lfw --n 11000 --beside path/to/an/older/src

Half of the photos are asked about the other half, on one core. Both ways in turns, medians of the rounds; what the
references alone take is measured by asking about one picture, and told apart. Then more and more pictures, on disk,
each a mixture of two photos, slightly shifted, asked about such mixtures of other photos. What a picture costs depends
on how alike the most alike is: only pairs that are at all alike are turned and scaled. Last, the search for candidates
alone, on hashes drawn at random; it grows with the product of both numbers. Prints Markdown.

With `--beside` only: 1,000 of the photos asked about all others, by this version and by another in processes of their
own, in turns. Seconds are the processor's, on one thread, with what the references take told apart.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import importlib
import inspect
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.gallery import N_CANDIDATES
from probablyexists.copies.normalised import HASH_SIDE
from probablyexists.copies.search import AT_LEAST, Matches, find
from probablyexists.drawn.population import write_population
from probablyexists.faces.acquire import Face, acquire
from probablyexists.faces.compiled import PICTURE_SIDE
from probablyexists.sources.open_source import open_source

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
plain = importlib.import_module("plain_copies")

Pictures = NDArray[np.uint8]
Way = Callable[[Pictures, Pictures], Matches]
PHOTOS_A_PERSON = 2
SHIFT = 2
N_ASKED, REPEATED = 1000, 20
"""Pictures that two versions are asked about, and how often."""


def pictures_of(where: Path, n: int) -> Pictures:
    """The small grey pictures of `n` photos of a source, drawn and put in order with a fixed seed."""
    source = open_source(where)
    draw = np.random.default_rng(0)
    wanted = [source.photos[i] for i in draw.permutation(len(source.photos))[:n]]
    faces = acquire([data for _, data in source.stream(wanted) if isinstance(data, bytes)], "aligned")
    return draw.permutation(np.stack([face.picture for face in faces if isinstance(face, Face)]))


def every(queries: Pictures, references: Pictures) -> Matches:
    return find(queries, references, threads=1)


def fast(queries: Pictures, references: Pictures) -> Matches:
    """As an audit compares its samples."""
    return find(queries, references, threads=1, at_least=AT_LEAST)


def seconds(way: Way, queries: Pictures, references: Pictures) -> tuple[float, Matches]:
    started = time.perf_counter()
    found = way(queries, references)
    return time.perf_counter() - started, found


def compare(pictures: Pictures, rounds: int) -> None:
    queries, references = pictures[::2], pictures[1::2]
    ways: dict[str, Way] = {"plain": plain.find, "this": every}
    asking: dict[str, list[float]] = {name: [] for name in ways}
    preparing: dict[str, list[float]] = {name: [] for name in ways}
    answers = {}
    for way in ways.values():
        way(queries[:2], references[:20])
    for i in range(rounds):
        for name in list(ways)[:: 1 if i % 2 == 0 else -1]:
            alone, _ = seconds(ways[name], queries[:1], references)
            whole, answers[name] = seconds(ways[name], queries, references)
            preparing[name].append(1000 * alone / len(references))
            asking[name].append(1000 * (whole - alone) / (len(queries) - 1))
    print(f"## {len(queries):,} pictures asked about {len(references):,}\n")
    print(f"| way | ms a picture asked about, median of {rounds} | ms a reference |\n|---|---:|---:|")
    for name in ways:
        print(f"| {name} | {statistics.median(asking[name]):.3f} | {statistics.median(preparing[name]):.3f} |")
    for_each = [a / b for a, b in zip(asking["plain"], asking["this"], strict=True)]
    low, high = min(for_each), max(for_each)
    print(f"| **ratio** | **{statistics.median(for_each):.1f}** (rounds {low:.1f} to {high:.1f}) | ", end="")
    print(f"{statistics.median(preparing['plain']) / statistics.median(preparing['this']):.1f} |\n")
    apart = np.abs(answers["plain"].correlation - answers["this"].correlation)
    other = answers["plain"].index != answers["this"].index
    middle, tail = np.quantile(answers["this"].correlation, [0.5, 0.99])
    print(f"Largest difference of a correlation {apart.max():.1e}; {other.sum()} other references named. ", end="")
    print(f"Correlations: median {middle:.2f}, one in a hundred above {tail:.2f}.\n")


def mixtures(photos: Pictures, n: int, seed: int, where: Path) -> Pictures:
    """`n` pictures on disk, each 0.5 to 1 of one photo and the rest of another, shifted by up to two pixels."""
    draw = np.random.default_rng(seed)
    out = np.lib.format.open_memmap(where, "w+", np.uint8, (n, 2, PICTURE_SIDE, PICTURE_SIDE))
    for i in range(n):
        one, other = photos[draw.integers(len(photos), size=2)].astype(np.float32)
        weight = draw.uniform(0.5, 1)
        shift = tuple(draw.integers(-SHIFT, SHIFT + 1, size=2))
        out[i] = np.roll(weight * one + (1 - weight) * other, shift, axis=(1, 2)).astype(np.uint8)
    out.flush()
    return np.asarray(np.load(where, mmap_mode="r"), copy=False)


def growth(pictures: Pictures, sizes: list[int], n_references: int, folder: Path) -> None:
    references = mixtures(pictures[1::2], n_references, 0, folder / "references.npy")
    print(f"## More and more pictures, asked about {n_references:,}\n\nMemory includes mapped parts of the files.\n")
    print("| pictures | seconds | ms a picture, references included | most memory so far, MiB |\n|---:|---:|---:|---:|")
    for n in sizes:
        queries = mixtures(pictures[::2], n, 1, folder / f"{n}.npy")
        took, _ = seconds(fast, queries, references)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {n:,} | {took:.1f} | {1000 * took / n:.3f} | {peak:,.0f} |", flush=True)
    print()


def answer(asked: Path) -> None:
    """Print the processor's milliseconds a picture asked about and a reference."""
    given = np.load(asked)
    queries, references = given["queries"], given["references"]
    screened: dict[str, Any] = {"at_least": AT_LEAST} if "at_least" in inspect.signature(find).parameters else {}
    find(queries[:300], references[:1000], 1, **screened)
    started = time.process_time()
    find(queries[:1], references, 1, **screened)
    alone = time.process_time() - started
    asked_again = np.tile(queries, (REPEATED, 1, 1, 1))
    find(asked_again, references, 1, **screened)
    whole = time.process_time() - started - alone
    print(1000 * (whole - alone) / len(asked_again), 1000 * alone / len(references))


def beside(pictures: Pictures, other: Path, rounds: int, folder: Path) -> None:
    asked = folder / "asked.npz"
    np.savez(asked, queries=pictures[:N_ASKED], references=pictures[N_ASKED:])
    ways = {"other": other, "this": Path(__file__).parents[1] / "src"}
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for i in range(rounds):
        for way in list(ways)[:: 1 if i % 2 == 0 else -1]:
            env = {**os.environ, "PYTHONPATH": str(ways[way].resolve())}
            command = [sys.executable, __file__, "--answer", str(asked)]
            said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
            took[way].append((float(said[0]), float(said[1])))
    n = min(N_ASKED, len(pictures))
    print(f"## {n:,} pictures asked about {len(pictures) - n:,}, two versions\n")
    print(f"| version | ms a picture asked about, median of {rounds} | ms a reference |\n|---|---:|---:|")
    for way in ways:
        a_picture, a_reference = (statistics.median(values) for values in zip(*took[way], strict=True))
        print(f"| {way} | {a_picture:.3f} | {a_reference:.3f} |")
    ratios = [one[0] / this[0] for one, this in zip(took["other"], took["this"], strict=True)]
    print(f"| **ratio** | **{statistics.median(ratios):.1f}** (rounds {min(ratios):.1f} to {max(ratios):.1f}) | |\n")


def search(sizes: list[int]) -> None:
    import faiss

    faiss.omp_set_num_threads(1)
    draw = np.random.default_rng(0)
    print("## The search for candidates alone: two views, each and its mirror image\n")
    print("| pictures | references | seconds | ns a comparison |\n|---:|---:|---:|---:|")
    cost = 0.0
    for n in sizes:
        codes = draw.integers(0, 256, (2, n, HASH_SIDE**2 // 8), dtype=np.uint8)
        index = faiss.IndexBinaryFlat(HASH_SIDE**2)
        index.add(codes[0])
        started = time.perf_counter()
        index.search(codes[1], N_CANDIDATES)
        took = time.perf_counter() - started
        cost = took / n**2
        print(f"| {n:,} | {n:,} | {4 * took:.2f} | {1e9 * cost:.2f} |", flush=True)
    print(f"| 1,000,000 | 1,000,000 | {4e12 * cost:,.0f}, extrapolated | |\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder, zip, tar or manifest; default: drawn people")
    parser.add_argument("--n", type=int, default=1000, help="photos")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--references", type=int, default=10_000, help="of the growing numbers")
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
        pictures = pictures_of(where, chosen.n)
        if chosen.beside:
            beside(pictures, chosen.beside, chosen.rounds, folder)
            return
        compare(pictures, chosen.rounds)
        growth(pictures, chosen.sizes, chosen.references, folder)
        search(chosen.sizes)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "faiss-cpu"))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {libraries}; ", end="")
    print(f"load average {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
