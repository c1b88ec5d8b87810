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
N_STEPS = 4
N_LIKE = 4
"""Samples that stand for one that shows somebody treated, so that a further one is not the same again."""


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
    both, three quarters, as dealing the samples of a halved pair would give. Selection is done anew in each. Those
    treated were chosen, some because samples show them often by chance: all rates are first lowered until simulated
    first audits choose people whom as many samples show as in the actual one.
    """
    comparing = Comparing(pooled(before, _nobody(before)), level, given)
    once = np.append(np.ones(before.n_samples, np.int16), np.int16(0))
    now = comparing.side(once)
    treated = now.affected if given is None else given
    if not treated.any():
        return Unresolvable("nobody is treated")
    mine = (comparing.shows | comparing.pooled.copies) & treated[:, None]
    draw = rng(seed, "halving")
    rows, shown = _with_like_samples(before, comparing.pooled.samples, mine, draw)
    comparing = Comparing(pooled(rows, _nobody(rows)), level, given)
    longer = 1.0 if n_after is None else n_after / before.n_samples

    def statistics(first: float, second: float) -> NDArray[np.float64]:
        every = (
            comparing.change(_drawn(shown, first, 1.0, draw), _drawn(shown, second, longer, draw)) for _ in range(pairs)
        )
        return np.array([one.statistics[[TREATED, SHOWN]] for one in every])

    fresh = _rate(comparing, shown, now.shown[treated].mean(), draw)
    same, halved = statistics(0.75 * fresh, 0.75 * fresh), statistics(fresh, fresh / 2)
    middle, spread = same.mean(axis=0), np.maximum(same.std(axis=0), 1e-9)
    none = np.sort(((same - middle) / spread).min(axis=1))
    reached = ((halved - middle) / spread).min(axis=1) <= none[max(0, int(one_sided * (pairs + 1)) - 1)]
    value = float(reached.mean())
    low, high = wilson(value, pairs)
    return Estimate(value, min(low, value), max(high, value), LEVEL, METHOD, pairs)


def _rate(comparing: Comparing, shown: NDArray[np.bool_], found: float, draw: np.random.Generator) -> float:
    """The rate, at most 1, at which simulated first audits have as many samples a person treated as the actual one."""
    rate = 1.0
    for _ in range(N_STEPS):
        sides = [comparing.side(_drawn(shown, rate, 1.0, draw)) for _ in range(N_PAIRS // 4)]
        chosen = [one.shown[one.affected if comparing.given is None else comparing.given] for one in sides]
        mean = np.concatenate(chosen).mean() if sum(map(len, chosen)) else 0.0
        rate = min(1.0, max(0.2, rate * found / mean)) if mean > 0.0 else rate
    return rate


def _with_like_samples(
    rows: Rows, samples: NDArray[np.intp], mine: NDArray[np.bool_], draw: np.random.Generator
) -> tuple[Rows, NDArray[np.bool_]]:
    """The rows with `N_LIKE` - 1 more samples beside each that shows somebody treated; and (samples,) which these are.

    `mine`: (n, k) which of the `samples` (those of the rows) show the person of the row. The similarities of further
    ones to that person are drawn from the person's own, smoothed, with the same variance (Silverman & Young 1987, "The
    bootstrap: to smooth or not to smooth?", Biometrika 74(3)). Drawn again as it was, a sample could never be the
    nearest when it was not before, and a halved audit would have 62 % as many different ones and not half.
    """
    shown = np.unique(samples[mine])
    n, extra = rows.n_samples, N_LIKE - 1
    at = np.full(n + 1, -1, dtype=np.intp)
    at[shown] = np.arange(len(shown))
    k = rows.samples.shape[1]
    place = np.where(rows.samples >= 0, at[rows.samples], -1)
    new = np.where(place[:, :, None] >= 0, n + place[:, :, None] * extra + np.arange(extra), -1)
    noise = np.repeat(np.where(place >= 0, rows.similarity, -np.inf)[:, :, None], extra, axis=2)
    deviation = _deviation(rows.similarity, mine)
    for row in np.flatnonzero(mine.any(axis=1)):
        own = rows.similarity[row, mine[row]]
        width = (4 / (3 * len(own))) ** 0.2
        apart = own[:, None] - own.mean() + width * deviation * draw.normal(size=(len(own), extra))
        noise[row, mine[row]] = own.mean() + apart / np.hypot(1.0, width)
    both = np.concatenate([rows.samples, new.reshape(len(rows), k * extra)], axis=1)
    cosines = np.concatenate([rows.similarity, noise.reshape(len(rows), k * extra)], axis=1)
    copies = np.concatenate([rows.copies, np.repeat(rows.copies, extra, axis=1)], axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")
    both, cosines, copies = (np.take_along_axis(values, order, axis=1) for values in (both, cosines, copies))
    marked = np.isin(np.arange(n + len(shown) * extra), shown)
    marked[n:] = True
    return replace(rows, samples=both, similarity=cosines, copies=copies, n_samples=len(marked)), marked


def _deviation(similarity: NDArray[np.float64], mine: NDArray[np.bool_]) -> float:
    """Of similarities of a person's own samples from their mean, over people with several; of all if nobody has."""
    several = np.flatnonzero(mine.sum(axis=1) > 1)
    if not several.size:
        return float(similarity[:, 0].std())
    squares = [((own := similarity[row, mine[row]]) - own.mean()) ** 2 for row in several]
    return float(np.sqrt(sum(map(np.sum, squares)) / sum(len(one) - 1 for one in squares)))


def _drawn(shown: NDArray[np.bool_], rate: float, longer: float, draw: np.random.Generator) -> Counts:
    """How often each sample is drawn; `shown`: those drawn at `rate`, as often together as those they stand for."""
    return np.append(draw.poisson(longer * np.where(shown, rate / N_LIKE, 1.0)), 0).astype(np.int16)


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
