"""Power, from the first audit alone: would a halving of the rate at which samples show those treated be found?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.changes import SHOWN, TOP, TREATED, Comparing
from probablyexists.answers.pooled_samples import Counts, Rows, pooled
from probablyexists.basis.seeds import rng
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson

N_PAIRS = 400
METHOD = "Wilson, pairs simulated from the first audit"
N_STEPS = 4
N_LIKE = 4
"""Samples that stand for one that shows somebody treated, so that a further one is not the same again."""
LEAST_TIMES, MOST_TIMES = 0.2, 1.5
"""By which all rates are multiplied, so that few simulated audits do not decide."""
LEAST = 0.1
"""Probability of being chosen, at least: nobody stands for more than ten."""


def power_of_halving(
    before: Rows,
    level: float,
    one_sided: float,
    seed: int,
    *,
    n_after: int | None = None,
    given: NDArray[np.bool_] | None = None,
    claimed: bool = True,
    pairs: int = N_PAIRS,
) -> Figure:
    """Share of simulated pairs of audits, the rate halved in the second, that the test at level `one_sided` finds.

    Both audits of a pair are drawn from the first audit's samples, each a Poisson number of times: in the second, those
    that show somebody exposed half as often. What nothing changed gives comes from as many pairs at the same rate in
    both, three quarters, as dealing the samples of a halved pair would give. Selection is done anew in each. Exposed
    are those treated, and others like them whom the first audit missed (`_Exposed`).
    """
    longer = 1.0 if n_after is None else n_after / before.n_samples
    # As near as to `TOP` of them in both audits together.
    top = 1 - (1 - TOP) ** (1 / (1 + longer))
    comparing = Comparing(pooled(before, _nobody(before)), level, given, top, claimed)
    now = comparing.side(np.append(np.ones(before.n_samples, np.int16), np.int16(0)))
    treated = now.affected if given is None else given
    if not treated.any():
        return Unresolvable("nobody is treated")
    draw = rng(seed, "halving")
    exposed = _Exposed.of(before, comparing, treated, draw)
    comparing = Comparing(pooled(exposed.rows, _nobody(exposed.rows)), level, given, top, claimed)
    rates = exposed.rates(comparing, now.shown[treated].mean(), draw)

    def statistics(first: float, second: float) -> NDArray[np.float64]:
        every = (
            comparing.change(exposed.drawn(first * rates, 1.0, draw), exposed.drawn(second * rates, longer, draw))
            for _ in range(pairs)
        )
        return np.array([one.statistics[[TREATED, SHOWN]] for one in every])

    same, halved = statistics(0.75, 0.75), statistics(1.0, 0.5)
    middle, spread = same.mean(axis=0), np.maximum(same.std(axis=0), 1e-9)
    none = np.sort(((same - middle) / spread).min(axis=1))
    reached = ((halved - middle) / spread).min(axis=1) <= none[max(0, int(one_sided * (pairs + 1)) - 1)]
    value = float(reached.mean())
    low, high = wilson(value, pairs)
    return Estimate(value, min(low, value), max(high, value), LEVEL, METHOD, pairs)


@dataclass(frozen=True)
class _Exposed:
    """Those treated whom samples show, and other members who would be like them, with samples to draw for each.

    People are chosen where samples happen to show them often, and as many are not chosen where they happen to show them
    seldom. So rates are shrunk to their mean as far as chance explains that they differ, and lowered until simulated
    first audits choose people whom as many samples show as in the actual one. And whoever simulated first audits choose
    with probability p stands for 1 / p people (Horvitz & Thompson 1952, J. Am. Statist. Assoc. 47(260)).
    """

    rows: Rows
    who: NDArray[np.intp]
    """(who,) rows of those treated whom samples show."""
    like: NDArray[np.intp]
    """(others,) which of these each of the other members would be like."""
    rank: NDArray[np.float64]
    """(others,) 0 to 1: of the others like somebody, those below a share are exposed."""
    rate: NDArray[np.float64]
    """(samples,) how often each that shows somebody exposed is drawn, on average; 0 for one that shows nobody."""
    other: NDArray[np.intp]
    """(samples,) the other member whom each was made for; -1: none."""

    @classmethod
    def of(cls, before: Rows, comparing: Comparing, treated: NDArray[np.bool_], draw: np.random.Generator) -> _Exposed:
        samples = comparing.pooled.samples
        mine = (comparing.shows | comparing.pooled.copies) & treated[:, None]
        counts = mine.sum(axis=1)
        who = np.flatnonzero(counts)
        # Nobody is missed where those treated were given.
        most = len(who) * round(1 / LEAST - 1) if comparing.given is None else 0
        others = draw.permutation(np.flatnonzero(before.is_member & ~treated))[:most]
        like = np.arange(len(others)) % max(1, len(who))
        each = np.zeros(len(before))
        each[who] = _shrunk(counts[who]) / counts[who] / N_LIKE
        entries, columns = np.nonzero(mine)
        shown, which = np.unique(samples[entries, columns], return_inverse=True)
        shared = np.bincount(which, each[entries]) / np.bincount(which)
        rows, new = _with_like_samples(before, shown, mine, draw)
        rows = _with_others(rows, before, mine, others, who[like], draw)
        rate, other = np.zeros(rows.n_samples), np.full(rows.n_samples, -1)
        n, end = before.n_samples, before.n_samples + new
        rate[shown], rate[n:end] = shared, np.repeat(shared, N_LIKE - 1)
        times = counts[who[like]] * N_LIKE
        rate[end:], other[end:] = np.repeat(each[who[like]], times), np.repeat(np.arange(len(others)), times)
        return cls(rows, who, like, draw.random(len(others)), rate, other)

    def rates(self, comparing: Comparing, found: float, draw: np.random.Generator) -> NDArray[np.float64]:
        """(samples,) how often each that shows somebody exposed is drawn.

        `found`: samples that show a person whom the actual first audit chose, on average.
        """
        times, rates = 1.0, np.where(self.other < 0, self.rate, 0.0)
        places = np.maximum(1, np.bincount(self.like, minlength=len(self.who)))
        for _ in range(N_STEPS):
            sides = [comparing.side(self.drawn(rates, 1.0, draw)) for _ in range(N_PAIRS // 4)]
            chosen = [one.affected if comparing.given is None else comparing.given for one in sides]
            stands = 1 / np.maximum(LEAST, np.mean([one[self.who] for one in chosen], axis=0))
            shown = np.concatenate([one.shown[which] for one, which in zip(sides, chosen, strict=True)])
            if shown.any():
                times = min(MOST_TIMES, max(LEAST_TIMES, times * found / shown.mean()))
            exposed = np.append(self.rank < ((stands - 1) / places)[self.like], True)
            rates = np.where(exposed[self.other], times * self.rate, 0.0)
        return rates

    def drawn(self, rates: NDArray[np.float64], longer: float, draw: np.random.Generator) -> Counts:
        """How often each sample is drawn; those that show nobody exposed once, on average."""
        return np.append(draw.poisson(longer * np.where(self.rate > 0.0, rates, 1.0)), 0).astype(np.int16)


def _shrunk(counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Shrunk to their mean by the part of their variance that is chance, as Poisson counts have (moments)."""
    if len(counts) < 2:
        return counts.astype(np.float64)
    spread = counts.var(ddof=1)
    true = max(0.0, 1 - counts.mean() / spread) if spread > 0.0 else 0.0
    return np.asarray(counts.mean() + true * (counts - counts.mean()))


def _smoothed(own: NDArray[np.float64], n: int, deviation: float, draw: np.random.Generator) -> NDArray[np.float64]:
    """(own, n) similarities like those of a person's own samples.

    Smoothed, with the same variance (Silverman & Young 1987, "The bootstrap: to smooth or not to smooth?", Biometrika
    74(3)). Drawn again as it was, a sample could never be the nearest when it was not before, and a halved audit would
    have 62 % as many different ones and not half.
    """
    width = (4 / (3 * len(own))) ** 0.2
    apart = own[:, None] - own.mean() + width * deviation * draw.normal(size=(len(own), n))
    return np.asarray(own.mean() + apart / np.hypot(1.0, width))


def _with_like_samples(
    rows: Rows, shown: NDArray[np.intp], mine: NDArray[np.bool_], draw: np.random.Generator
) -> tuple[Rows, int]:
    """The rows with `N_LIKE` - 1 more samples beside each that is `shown`, numbered after all others; and how many.

    `mine`: (n, k) which samples show the person of the row; similarities of further ones to that person are new.
    """
    n, extra = rows.n_samples, N_LIKE - 1
    at = np.full(n + 1, -1, dtype=np.intp)
    at[shown] = np.arange(len(shown))
    place = np.where(rows.samples >= 0, at[rows.samples], -1)
    new = np.where(place[:, :, None] >= 0, n + place[:, :, None] * extra + np.arange(extra), -1)
    cosines = np.repeat(np.where(place >= 0, rows.similarity, -np.inf)[:, :, None], extra, axis=2)
    deviation = _deviation(rows.similarity, mine)
    for row in np.flatnonzero(mine.any(axis=1)):
        cosines[row, mine[row]] = _smoothed(rows.similarity[row, mine[row]], extra, deviation, draw)
    flat = (len(rows), -1)
    copies = np.repeat(rows.copies, extra, axis=1)
    return _joined(rows, new.reshape(flat), cosines.reshape(flat), copies, len(shown) * extra), len(shown) * extra


def _with_others(
    rows: Rows,
    before: Rows,
    mine: NDArray[np.bool_],
    others: NDArray[np.intp],
    like: NDArray[np.intp],
    draw: np.random.Generator,
) -> Rows:
    """The rows with samples of the `others`, `N_LIKE` for each of the rows that they are `like`."""
    if not others.size:
        return rows
    times = mine[like].sum(axis=1) * N_LIKE
    ends = np.cumsum(times)
    shape = (len(rows), int(times.max()))
    samples, cosines, copies = np.full(shape, -1, dtype=np.intp), np.full(shape, -np.inf), np.zeros(shape, dtype=bool)
    deviation = _deviation(before.similarity, mine)
    for other, row, n, end in zip(others, like, times, ends, strict=True):
        samples[other, :n] = rows.n_samples + np.arange(end - n, end)
        cosines[other, :n] = _smoothed(before.similarity[row, mine[row]], N_LIKE, deviation, draw).ravel()
        copies[other, :n] = np.repeat(before.copies[row, mine[row]], N_LIKE)
    return _joined(rows, samples, cosines, copies, int(ends[-1]))


def _joined(
    rows: Rows, samples: NDArray[np.intp], similarity: NDArray[np.float64], copies: NDArray[np.bool_], n_more: int
) -> Rows:
    """The rows with more samples, best first."""
    numbers = np.concatenate([rows.samples, samples], axis=1)
    similarity = np.concatenate([rows.similarity, similarity], axis=1)
    copies = np.concatenate([rows.copies, copies], axis=1)
    order = np.argsort(-similarity, axis=1, kind="stable")
    numbers, similarity, copies = (np.take_along_axis(one, order, axis=1) for one in (numbers, similarity, copies))
    return replace(rows, samples=numbers, similarity=similarity, copies=copies, n_samples=rows.n_samples + n_more)


def _deviation(similarity: NDArray[np.float64], mine: NDArray[np.bool_]) -> float:
    """Of similarities of a person's own samples from their mean, over people with several; of all if nobody has."""
    several = np.flatnonzero(mine.sum(axis=1) > 1)
    if not several.size:
        return float(similarity[:, 0].std())
    squares = [((own := similarity[row, mine[row]]) - own.mean()) ** 2 for row in several]
    return float(np.sqrt(sum(map(np.sum, squares)) / sum(len(one) - 1 for one in squares)))


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
