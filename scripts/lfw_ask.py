"""One person's question on LFW: are the p-values of people who are not there uniform, and are those who are there seen?

    python scripts/lfw_ask.py --lfw path/to/lfw

People with at least 4 photos are dealt at random into 240 who ask, with 2 photos each, and reference people, with 3.
The generated samples are 2,000 photos of other people and 2 more photos of each of the first 40 who ask. So the other
200 are exchangeable with the reference people, and their p-values should be uniform on the steps of 1 / (n + 1): tested
by Kolmogorov and Smirnov, spread out within the steps. All share one reference, so that the p-values of a seed rise and
fall together a little, and the test rejects more often than it says. Every question goes through `probablyexists.ask`,
as a user's would. Prints Markdown; nothing of LFW is written anywhere but a temporary folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import kstest

import probablyexists
from lfw_planted import manifest
from probablyexists.results.sheet import Sheet
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.rates import share_of_people

N_PLANTED, N_ASKED, N_SAMPLES = 40, 240, 2000


def asked(lfw: Path, seed: int, folder: Path, threads: int | None) -> list[Sheet]:
    """The answers, the planted people's first."""
    rng = np.random.default_rng(seed)
    photos = {person.name: sorted(person.iterdir()) for person in sorted(lfw.iterdir()) if person.is_dir()}
    several = [name for name, files in photos.items() if len(files) >= 4]
    dealt = [several[i] for i in rng.permutation(len(several))]
    shuffled = {name: [photos[name][i] for i in rng.permutation(len(photos[name]))] for name in dealt}
    rest = [file for name, files in photos.items() if name not in shuffled for file in files]
    samples = [rest[i] for i in rng.permutation(len(rest))[:N_SAMPLES]]
    samples += [file for name in dealt[:N_PLANTED] for file in shuffled[name][2:4]]
    reference = manifest(folder / "reference.csv", ((f, n) for n in dealt[N_ASKED:] for f in shuffled[n][:3]))
    generated = manifest(folder / "generated.csv", ((file, "") for file in samples))
    return [
        probablyexists.ask(shuffled[name][:2], generated, reference, seed=seed, owner_split=True, threads=threads)
        for name in dealt[:N_ASKED]
    ]


def share(figure: Figure) -> str:
    if isinstance(figure, Unresolvable):
        return "not resolvable"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--threads", type=int)
    chosen = parser.parse_args()
    print(
        "| seed | reference people | KS p, unplanted | unplanted with p <= 0.05 | planted with p <= 0.05 | power told "
        "| planted with a copy | seconds a question |\n" + "|---" * 8 + "|"
    )
    for seed in chosen.seeds:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            sheets = asked(chosen.lfw.resolve(), seed, Path(folder), chosen.threads)
        seconds = (time.monotonic() - started) / len(sheets)
        p = np.array([sheet.p for sheet in sheets])
        planted, not_there = p[:N_PLANTED], p[N_PLANTED:]
        # A p-value that is a whole number of steps is uniform on the steps: spread out within them, on [0, 1].
        steps = np.array([sheet.p_floor for sheet in sheets])[N_PLANTED:]
        spread = not_there - steps * np.random.default_rng(seed).random(len(steps))
        uniform = kstest(spread, "uniform").pvalue
        seen = [share(share_of_people((part <= 0.05).astype(float))) for part in (not_there, planted)]
        told = np.mean([sheet.power.value for sheet in sheets if isinstance(sheet.power, Estimate)])
        counts = {sheet.n_reference for sheet in sheets}
        n_copied = sum(sheet.n_copies > 0 for sheet in sheets[:N_PLANTED])
        print(
            f"| {seed} | {min(counts)} to {max(counts)} | {uniform:.3f} | {seen[0]} | {seen[1]} | {told:.2f} "
            f"| {n_copied} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
