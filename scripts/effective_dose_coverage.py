"""Do the limits of the dose at which 80 % are named hold as often as they claim? Simulated; prints a Markdown table.

    python scripts/effective_dose_coverage.py                     # 1,000 experiments a row, some minutes
    python scripts/effective_dose_coverage.py --experiments 200   # fewer
    python scripts/effective_dose_coverage.py --only "3 draws"    # rows whose name has these words

Each draw deals 1, 2, 4, 8 and 16 photos to 30 of 62 people (as many of LFW have 20 photos), 6 at each dose. A member is
named with a probability whose logit (or what the row says) rises with the logarithm of the dose, plus an effect of the
person, the same in all draws, and one of the generator. The truth is the dose at which 80 % of all people would be
named by these generators. A limit that is missing cannot fail. Beside it, on the same
data, what a logistic curve gives.
Experiment number s of every row draws from the seed (20268, s).
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from probablyexists.stats.effective_dose import (
    TARGET,
    Answers,
    effective_dose,
    logistic_dose,
    share_by_dose,
)
from probablyexists.stats.estimate import Estimate, Figure
from probablyexists.stats.rates import wilson

SEED = 20268
POOL, MEMBERS = 62, 30
DOSES = np.repeat([1.0, 2.0, 4.0, 8.0, 16.0], 6)

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]
Limits = tuple[float, float]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def cloglog(eta: Floats) -> Floats:
    """Rises faster at the top than a logistic curve."""
    found: Floats = 1 - np.exp(-np.exp(eta))
    return found


def loglog(eta: Floats) -> Floats:
    """Slower at the top."""
    found: Floats = np.exp(-np.exp(-eta))
    return found


def nine_of_ten(eta: Floats) -> Floats:
    """One person in ten is never named."""
    found: Floats = 0.9 * expit(eta)
    return found


CURVES: dict[str, Curve] = {"logistic": expit, "cloglog": cloglog, "loglog": loglog, "at most 90 %": nine_of_ten}


@dataclass(frozen=True)
class Row:
    draws: int
    curve: str
    start: float
    """Of the curve's argument, at one photo."""
    slope: float
    """For each doubling."""
    person: float = 0.0
    """Standard deviation of people's effects on the argument."""
    generator: float = 0.0

    def truth(self, effects: Floats) -> float:
        """Photos; 0 or infinity where no dose has 80 %."""

        def less(x: float) -> float:
            eta = self.start + self.slope * x + self.person * _NODES[:, None] + effects
            share = (CURVES[self.curve](eta) * (_WEIGHTS / _WEIGHTS.sum())[:, None]).sum(axis=0).mean()
            return float(share) - TARGET

        return math.inf if less(30.0) < 0 else float(2 ** brentq(less, -30.0, 30.0))

    def experiment(self, draw: np.random.Generator) -> tuple[float, Limits, Limits]:
        """The truth, the limits, and those of a logistic curve."""
        of_person, effects = draw.normal(0, self.person, POOL), draw.normal(0, self.generator, self.draws)
        named, people = [], []
        for effect in effects:
            who = draw.permutation(POOL)[:MEMBERS]
            p = CURVES[self.curve](self.start + self.slope * np.log2(DOSES) + of_person[who] + effect)
            named.append(draw.random(MEMBERS) < p)
            people += who.tolist()
        dose, yes = np.tile(DOSES, self.draws), np.concatenate(named)
        answers = Answers(dose, yes, people)
        found = effective_dose(share_by_dose(answers)), logistic_dose(answers)
        return self.truth(effects), limits(found[0]), limits(found[1])

    @property
    def name(self) -> str:
        more = f", people {self.person:g}" * (self.person > 0) + f", generators {self.generator:g}" * (
            self.generator > 0
        )
        return f"{self.draws} draws; {self.curve}, slope {self.slope:g}{more}"


ROWS = (
    *(Row(draws, "logistic", -3.0, 1.5) for draws in (3, 10)),
    *(Row(draws, "logistic", -3.0, 1.5, person=1.0) for draws in (3, 10)),
    *(Row(draws, "logistic", -3.0, 1.5, person=1.0, generator=0.7) for draws in (3, 10)),
    Row(10, "logistic", -3.0, 1.5, person=2.0),
    Row(10, "logistic", -6.0, 4.0),
    *(Row(draws, "logistic", -1.0, 0.5, person=1.0) for draws in (3, 10)),
    *(Row(draws, "logistic", -4.5, 1.5, person=1.0) for draws in (3, 10)),
    Row(10, "logistic", -5.0, 0.7),
    *(Row(draws, "cloglog", -3.0, 1.2, person=0.5) for draws in (3, 10)),
    *(Row(draws, "loglog", -1.5, 1.0, person=0.5) for draws in (3, 10)),
    *(Row(draws, "at most 90 %", -3.0, 2.0) for draws in (3, 10)),
)


def limits(found: Figure) -> Limits:
    """0 and infinity where there is none."""
    if isinstance(found, Estimate):
        return found.low, found.high
    word, number, *_ = re.split("[ ,;]", found.reason)
    return (float(number) if word == "above" else 0.0), (float(number) if word == "below" else math.inf)


def line(row: Row, n: int) -> str:
    found = [row.experiment(np.random.default_rng([SEED, s])) for s in range(n)]
    truth = np.array([t for t, _, _ in found])
    cells = []
    for its in ([ours for _, ours, _ in found], [logistic for _, _, logistic in found]):
        low, high = np.array(its).T
        hits = float(((low <= truth) & (truth <= high)).mean())
        ends = wilson(hits, n)
        both = (low > 0) & np.isfinite(high)
        width = f"{np.median(np.log2(high[both] / low[both])):.1f}" if both.any() else "-"
        cells += [f"{hits:.1%} ({ends[0]:.1%} to {ends[1]:.1%})", f"{both.mean():.0%}", width]
    return f"| {row.name} | {np.median(truth):.1f} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--only", default="", help="rows whose name has these words")
    options = parser.parse_args()
    started = time.process_time()
    print(
        "| draws; curve | true dose | limits hold (95 %) | both are there | width, doublings "
        "| a logistic curve's hold | both are there | width |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if options.only in row.name:
            print(line(row, options.experiments), flush=True)
    print(f"\n{options.experiments} experiments a row; {time.process_time() - started:.0f} seconds of computing")


if __name__ == "__main__":
    main()
