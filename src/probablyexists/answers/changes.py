"""How exposure changed between two audits of the same people, and what no change at all would give.

Whoever was named in the first audit was chosen for a high exposure, so it falls on fresh samples even if nothing
changed (regression to the mean). Null: the same generator, independent seeds; then the samples of both audits are
exchangeable. So they are pooled and dealt again at random (sizes kept), and in each deal everything is done anew:
exposures, who is named, the differences of those named (`stats.relabelling`). Decision 0037.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.comparisons import fewest_nameable, hardly_nameable
from probablyexists.answers.pooled_samples import Counts, Pooled
from probablyexists.basis.seeds import rng
from probablyexists.stats.conformal import conformal_p, discoveries
from probablyexists.stats.contrast import standard_score
from probablyexists.stats.relabelling import deals
from probablyexists.stats.spending import level_of

FEWEST_DEALS, MOST_DEALS = 4999, 200_000
BELOW = 5
"""Deals that may reach a significance level, so that a smaller p-value than the level is possible, and resolved."""
TOP = 0.1
"""A sample shows a person if it is more similar to them than the nearest sample is to all but this share of the
held-out people, commonness taken out on both sides."""
TREATED, SHOWN, OTHERS, NEW, NEW_BY, N_TREATED = range(6)
"""Columns of the statistics: mean difference of exposure of those treated; of the square roots of how many samples show
them; of exposure of the other members; the number of newly exposed, and their mean difference; the number of treated.
"""


def n_deals(level: float) -> int:
    """How often samples are dealt again to test at this level. Of many looks each has a small one; for one that cannot
    be reached, more deals are not worth the time.

    >>> n_deals(0.0152), n_deals(0.00015), n_deals(0.000001)
    (4999, 33334, 4999)
    """
    if (1 + MOST_DEALS) * level < 1:
        return FEWEST_DEALS
    return min(MOST_DEALS, max(FEWEST_DEALS, math.ceil(BELOW / level)))


def can_reach(level: float, share: float = 1.0) -> bool:
    """Whether the deals for a level can give a p-value of this share of it.

    >>> can_reach(level_of(55)), can_reach(level_of(56))
    (True, False)
    """
    return (1 + n_deals(level)) * level * share >= 1


LAST_LOOK = next(look for look in count(1) if not can_reach(level_of(look + 1)))
"""The last look at a first audit after which a comparison can be decided: levels fall, and deals cannot grow on."""


@dataclass(frozen=True)
class Side:
    """One audit's people, by the samples dealt to it."""

    exposure: NDArray[np.float64]
    """(n,) of every row."""
    affected: NDArray[np.bool_]
    """(n,) members named or copied."""
    copied: NDArray[np.bool_]
    """(n,) those of them who are copied."""
    unjudged: NDArray[np.bool_]
    """(n,) members neither affected nor cleared, as `naming.unjudged`."""
    shown: NDArray[np.intp]
    """(n,) samples that show each member."""


@dataclass(frozen=True)
class Change:
    """Both audits under one deal."""

    before: Side
    after: Side
    treated: NDArray[np.bool_]
    """(n,) rows of the members who are treated."""
    new: NDArray[np.bool_]
    """(n,) rows of the members who are affected after, and were not before, nor treated: named although the audit
    before could have named them, or copied."""
    statistics: NDArray[np.float64]
    """(6,)"""

    @property
    def difference(self) -> NDArray[np.float64]:
        return self.after.exposure - self.before.exposure

    @property
    def first_named(self) -> NDArray[np.bool_]:
        """(n,) members named after whom the audit before could not judge: no sign that anything changed."""
        return self.after.affected & ~self.before.affected & ~self.treated & ~self.new


@dataclass(frozen=True)
class Comparing:
    """Two audits' samples for the same people, ready to be dealt."""

    pooled: Pooled
    level: float
    """False discovery rate at which people are named."""
    given: NDArray[np.bool_] | None = None
    """(n,) rows of members who were treated, chosen before the first audit; None: those affected in it."""
    top: float = TOP
    """Share of the held-out people that `shows` is of."""
    claimed: bool = True
    """Whether people may be named: not if the split of either audit is not fair."""

    @cached_property
    def shows(self) -> NDArray[np.bool_]:
        """(n, k) whether the sample shows the member; decided from all samples together, so dealing changes nothing."""
        pooled = self.pooled
        found = np.zeros(pooled.samples.shape, dtype=bool)
        for stratum in pooled.strata:
            raw = pooled.similarity[stratum.rows, 0]
            scored, n = stratum.ranked(raw), len(stratum.members)
            strangers = np.sort(scored[n:])
            cut = strangers[-max(1, int(self.top * (len(strangers) + 1)))]
            common = (raw - scored)[:n, None]
            found[stratum.members] = pooled.similarity[stratum.members] - common > cut
        return found

    @cached_property
    def families(self) -> Sequence[NDArray[np.intp]]:
        """Rows of all members, and with groups of those compared in each: who is named is named in both."""
        people = self.pooled.people
        members = np.flatnonzero(people.is_member)
        groups = np.array([people.stratum[row][0] or "" for row in members])
        found = [members[groups == group] for group in np.unique(groups)]
        return [members] if len(found) == 1 else [members, *found]

    @cached_property
    def _nameable(self) -> tuple[bool, NDArray[np.float64]]:
        """Whether people can hardly be named, however clearly samples show them; (n,) smallest possible p-values."""
        people, floors = self.pooled.people, np.zeros(len(self.pooled.people))
        for stratum in self.pooled.strata:
            floors[stratum.members] = 1 / (len(stratum.strangers) + 1)
        fewest = fewest_nameable(floors[people.is_member], self.level)
        few = not self.claimed or hardly_nameable(fewest, int(people.is_member.sum()))
        return few, floors + 1e-12

    @cached_property
    def _marked(self) -> Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows and samples: of copies of the person, and of those that show the person."""
        each = [np.nonzero(which) for which in (self.pooled.copies, self.shows)]
        return [(rows, self.pooled.samples[rows, columns]) for rows, columns in each]

    def side(self, dealt: Counts) -> Side:
        """`dealt`: (samples + 1,) how often each is in this audit."""
        pooled = self.pooled
        raw = pooled.best(dealt)
        exposure, p = np.empty(len(raw)), np.ones(len(raw))
        for stratum in pooled.strata:
            scored, n = stratum.ranked(raw[stratum.rows]), len(stratum.members)
            exposure[stratum.rows] = standard_score(scored, scored[n:])
            p[stratum.members] = conformal_p(scored[:n], scored[n:])
        named = pooled.people.is_member & self.claimed
        for rows in self.families:
            named[rows] &= discoveries(p[rows], self.level)
        copies, shown = (_count(pooled, dealt, some) for some in self._marked)
        copied = copies > 0
        affected = named | copied
        few, floors = self._nameable
        return Side(exposure, affected, copied, pooled.people.is_member & ~affected & (few | (p <= floors)), shown)

    def change(self, first: Counts, second: Counts) -> Change:
        """Both audits, by how often each sample is dealt to the first and to the second."""
        before, after = self.side(first), self.side(second)
        treated = before.affected if self.given is None else self.given
        others = self.pooled.people.is_member & ~treated
        apart = after.exposure - before.exposure
        scale = first.sum() / max(1, second.sum())
        roots = np.sqrt((after.shown + 0.375) * scale) - np.sqrt(before.shown + 0.375)
        new = after.affected & ~before.affected & ~treated & (after.copied | ~before.unjudged)
        means = [_mean(apart[treated]), _mean(roots[treated]), _mean(apart[others])]
        found = [*means, new.sum(), _mean(apart[new]), treated.sum()]
        return Change(before, after, treated, new, np.array(found, dtype=np.float64))

    @cached_property
    def actual(self) -> Change:
        return self.change(*_counts(np.arange(self._n) < self.pooled.n_first))

    def dealt(self, seed: int, times: int = FEWEST_DEALS) -> NDArray[np.float64]:
        """(times, 6) statistics of samples dealt again."""
        draw = rng(seed, "deals")
        every = deals(self._n, self.pooled.n_first, times, draw)
        return np.array([self.change(*_counts(label)).statistics for label in every])

    @property
    def _n(self) -> int:
        return self.pooled.n_first + self.pooled.n_second


def _count(pooled: Pooled, dealt: Counts, marked: tuple[NDArray[np.intp], NDArray[np.intp]]) -> NDArray[np.intp]:
    """(n,) how often the marked samples of each row are dealt."""
    rows, samples = marked
    return np.bincount(rows, dealt[samples], len(pooled.people)).astype(np.intp)


def _counts(is_first: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """How often each sample is in the first and in the second audit; the last, for no sample, in neither."""
    first = np.append(is_first, False)
    second = np.append(~is_first, False)
    return first.astype(np.int16), second.astype(np.int16)


def _mean(values: NDArray[np.floating]) -> float:
    """0 of nobody, so that every deal has a statistic."""
    return float(values.mean()) if values.size else 0.0
