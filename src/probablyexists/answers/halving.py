"""Power, from the first audit alone: would a halving of the rate at which samples show those treated be found?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.changes import SHOWN, TREATED, Comparing
from probablyexists.answers.pooled_samples import Counts, Rows, pooled
from probablyexists.basis.seeds import rng
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson

N_PAIRS = 400
METHOD = "Wilson, pairs simulated from the first audit"


def power_of_halving(
    before: Rows,
    level: float,
    one_sided: float,
    seed: int,
    *,
    n_after: int | None = None,
    given: NDArray[np.bool_] | None = None,
    pairs: int = N_PAIRS,
) -> Figure:
    """Share of simulated pairs of audits, the rate halved in the second, that the test at level `one_sided` finds.

    Both audits of a pair are drawn from the first audit's samples, each a Poisson number of times: in the second, those
    that show somebody treated half as often. What nothing changed gives comes from as many pairs at the same rate in
    both, three quarters, as dealing the samples of a halved pair would give. Selection is done anew in each.
    """
    comparing = Comparing(pooled(before, _nobody(before)), level, given)
    once = np.append(np.ones(before.n_samples, np.int16), np.int16(0))
    treated = comparing.side(once).affected if given is None else given
    if not treated.any():
        return Unresolvable("nobody is treated")
    shown = np.unique(comparing.pooled.samples[treated][comparing.shows[treated] | comparing.pooled.copies[treated]])
    draw = rng(seed, "halving")
    longer = 1.0 if n_after is None else n_after / before.n_samples

    def statistics(first: float, second: float) -> NDArray[np.float64]:
        found = [
            comparing.change(_drawn(before, shown, first, 1.0, draw), _drawn(before, shown, second, longer, draw))
            for _ in range(pairs)
        ]
        return np.array([one.statistics for one in found])[:, [TREATED, SHOWN]]

    same, halved = statistics(0.75, 0.75), statistics(1.0, 0.5)
    middle, spread = same.mean(axis=0), np.maximum(same.std(axis=0), 1e-9)
    none = np.sort(((same - middle) / spread).min(axis=1))
    reached = ((halved - middle) / spread).min(axis=1) <= none[max(0, int(one_sided * (pairs + 1)) - 1)]
    value = float(reached.mean())
    low, high = wilson(value, pairs)
    return Estimate(value, min(low, value), max(high, value), LEVEL, METHOD, pairs)


def _drawn(rows: Rows, shown: NDArray[np.intp], rate: float, longer: float, draw: np.random.Generator) -> Counts:
    """How often each sample is drawn; `shown`: those drawn at `rate`."""
    mean = np.full(rows.n_samples, longer)
    mean[shown] *= rate
    return np.append(draw.poisson(mean), 0).astype(np.int16)


def _nobody(rows: Rows) -> Rows:
    """The same people, without any sample."""
    n = len(rows)
    return replace(
        rows,
        samples=np.full((n, 1), -1, dtype=np.intp),
        similarity=np.full((n, 1), -np.inf),
        copies=np.zeros((n, 1), dtype=bool),
        floor=np.full(n, -np.inf),
        n_samples=0,
    )
