"""Does the interval of a dealt-out dose hold what it promises? Simulated experiments; prints Markdown tables.

    python scripts/randomised_coverage.py                      # 1,000 experiments a row, a few seconds
    python scripts/randomised_coverage.py --experiments 200    # fewer
    python scripts/randomised_coverage.py --only normal        # rows whose name has this word

Each experiment deals 30 doses (binary logarithms of photo counts; 3 runs: 10, 18 and 30) out at random; a response
is 0.3 * dose and noise of about unit size. Beside it, on the same data, the interval of `contrast.slope` (HC3).
Intervals move along with the effect: the coverage is the same at any, and with no effect 100 less the coverage is the
false alarms. Found: the interval leaves out 0. Experiment number s of every row draws from the seed (20262, s).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.stats.contrast import slope
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.randomised import DoseRun, randomised_slope
from probablyexists.stats.rates import wilson

SEED = 20262
EFFECT = 0.3
DRAWS = 499
"""Fewer than the library's: the interval must cover with any number, and is a little wider with fewer."""

Draw = np.random.Generator
Floats = NDArray[np.float64]
Noise = Callable[[Draw, Floats], Floats]

EVEN = np.log2(np.repeat([1.0, 2.0, 4.0, 8.0, 16.0], 6))
ONE_EXTREME = np.log2(np.array([1.0] * 20 + [2.0] * 9 + [64.0]))


def normal(draw: Draw, dose: Floats) -> Floats:
    return draw.normal(size=dose.size)


def heavy(draw: Draw, dose: Floats) -> Floats:
    """Student's with 2 degrees of freedom: no variance."""
    return draw.standard_t(2, size=dose.size)


def own_spread(draw: Draw, dose: Floats) -> Floats:
    """Some people's responses are ten times as noisy as others', whatever their dose."""
    spread: Floats = draw.lognormal(0, 1, dose.size)
    return draw.normal(0, spread)


def spread_by_dose(draw: Draw, dose: Floats) -> Floats:
    """Three times as noisy at the highest dose as at the lowest."""
    return draw.normal(size=dose.size) * (1 + 2 * dose / float(dose.max()))


def effects_differ(draw: Draw, dose: Floats) -> Floats:
    """A unit of dose adds more to some than to others, 0.3 either way."""
    return draw.normal(size=dose.size) + draw.normal(0, 0.3, dose.size) * dose


@dataclass(frozen=True)
class Row:
    name: str
    noise: Noise
    doses: tuple[Floats, ...]
    """A run each; runs lie at different levels, 2 apart."""

    def experiment(self, draw: Draw) -> list[DoseRun]:
        runs = []
        for i, doses in enumerate(self.doses):
            dose = draw.permutation(doses)
            runs.append(DoseRun(dose, 2 * i + EFFECT * dose + self.noise(draw, dose)))
        return runs


def rows(noises: dict[str, Noise]) -> list[Row]:
    designs = {
        "5 doses x 6": (EVEN,),
        "one extreme dose": (ONE_EXTREME,),
        "3 runs": (EVEN[::3], EVEN[:18], ONE_EXTREME),
    }
    return [
        Row(f"{design}; {name}", noise, doses) for design, doses in designs.items() for name, noise in noises.items()
    ]


def line(row: Row, interval: str, figures: list[Figure]) -> str:
    made = [figure for figure in figures if isinstance(figure, Estimate)]
    assert len(made) == len(figures)
    low, high = np.array([f.low for f in made]), np.array([f.high for f in made])
    covers = float(((low <= EFFECT) & (high >= EFFECT)).mean())
    ends = wilson(covers, len(made))
    return (
        f"| {row.name} | {interval} "
        f"| {100 * covers:.1f} ({100 * ends[0]:.1f} to {100 * ends[1]:.1f}) "
        f"| {100 * (low > EFFECT).mean():.1f} / {100 * (high < EFFECT).mean():.1f} "
        f"| {np.median(high - low):.2f} | {100 * ((low > 0) | (high < 0)).mean():.1f} |"
    )


def table(title: str, chosen: list[Row], n_experiments: int) -> None:
    if not chosen:
        return
    print(f"{title}\n")
    print("| doses; noise | interval (95 %) | coverage % (95 %) | truth below / above % | median width | found % |")
    print("|---|---|---|---|---|---|")
    for row in chosen:
        dealt: list[Figure] = []
        hc3: list[Figure] = []
        for s in range(n_experiments):
            draw = np.random.default_rng([SEED, s])
            runs = row.experiment(draw)
            dealt.append(randomised_slope(runs, draw, DRAWS))
            if len(runs) == 1:
                hc3.append(slope(runs[0].dose, runs[0].response))
        print(line(row, "dealt", dealt), flush=True)
        if hc3:
            print(line(row, "HC3", hc3), flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose name has this word")
    options = parser.parse_args()
    started = time.process_time()
    constant: dict[str, Noise] = {"normal": normal, "heavy tails": heavy, "own spread": own_spread}
    other: dict[str, Noise] = {"spread grows with dose": spread_by_dose, "effects differ": effects_differ}
    for title, group in (
        ("One effect for all:", rows(constant)),
        ("Where the effect is not the same for all (the truth is its mean):", rows(other)),
    ):
        table(title, [row for row in group if options.only in row.name], options.experiments)
    print(f"{options.experiments} experiments a row; {time.process_time() - started:.0f} seconds of computing")


if __name__ == "__main__":
    main()
