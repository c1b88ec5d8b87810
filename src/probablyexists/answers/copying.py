"""Answer 4: copy or likeness? Copies are found first, in image space, and removed before any identity claim."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from probablyexists.copies.blocks import Pictures
from probablyexists.copies.search import (
    RATE,
    SAME_PICTURE,
    CopyThreshold,
    Matches,
    correlate,
    find,
    find_apart,
    threshold,
)
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.matcher import HERE, Matcher
from probablyexists.matching.repeats import distinct_pictures, standing
from probablyexists.matching.templates import People
from probablyexists.results.findings import Copies
from probablyexists.stats.rates import share_of_people

COPIES_P = 0.01
"""Significance level for the number of copies, given the held-out photos that set the threshold."""
CERTAIN_COPY = 0.95
"""A pixel correlation that only the same photograph reaches; one such sample is enough."""
MOST_OTHERS = 16
"""Most other photos of a held-out person that one photo of that person is compared with."""
N_PARTS = 10
TOP = 0.05
"""Share of the held-out photos, the most similar to a training photo, whose people are counted."""
LEAST_TOP = 20
"""Fewest of these photos."""
MOST_CLOSELY = 1000
"""Most samples that are compared in every way where none is a copy, to report the highest correlation."""


@dataclass(frozen=True)
class CopyMatches:
    """Each sample's best match among the training photos, and whether it is a copy."""

    matches: Matches
    """Correlations below the threshold may be too low, see `find`."""
    is_copy: NDArray[np.bool_]
    threshold: CopyThreshold
    heldout: NDArray[np.float64]
    """Each held-out photo's best correlation with a training photo."""
    picture: NDArray[np.intp]
    """(n_samples,) row of the sample that stands for the distinct picture that each shows."""
    left_out: NDArray[np.bool_]
    """(n_samples,) whether the sample is left out of every other answer: the copies, unless chance explains them."""

    @property
    def n_distinct(self) -> int:
        """Distinct pictures among the copies."""
        return len(np.unique(self.picture[self.is_copy]))

    @property
    def others(self) -> NDArray[np.intp]:
        """Rows of the samples that are not left out, one for each distinct picture."""
        rows = standing(self.picture)
        return rows[~self.left_out[rows]]


def find_copies(training: Crowd, heldout: Crowd, generated: Embedded, matcher: Matcher = HERE) -> CopyMatches:
    """Match samples with training photos in image space, at a threshold set on the held-out photos."""
    pictures, known = heldout.table.pictures, training.table.pictures
    n = pictures.shape[1] * (len(pictures) + len(generated))
    threads = matcher.threads
    with matcher.progress.stage("pictures compared with photos, to find copies", n) as bar:
        strangers = find(pictures, known, threads, bar.advance).correlation
        limit = threshold(strangers, same_person(heldout, threads))
        matches = find(generated.each_picture, known, threads, bar.advance, at_least=limit.value)
        matches = _closely(matches, generated.each_picture, known, limit.value, threads)
    # A sample without any match has index -1: the last threshold, which nothing reaches.
    needed = np.append(own_thresholds(training, limit.value, threads), np.inf)[matches.index]
    picture = distinct_pictures(generated.embeddings)
    is_copy = matches.correlation >= needed
    found = CopyMatches(matches, is_copy, limit, strangers, picture, is_copy)
    return found if copies(found, heldout, fair=True).beyond_chance else replace(found, left_out=np.zeros_like(is_copy))


def _closely(matches: Matches, pictures: Pictures, known: Pictures, at_least: float, threads: int | None) -> Matches:
    """The matches; if none reaches `at_least`, with those of the most alike samples found anew, without shortcuts."""
    if not len(pictures) or matches.correlation.max() >= at_least:
        return matches
    most = np.sort(np.argsort(-matches.correlation, kind="stable")[:MOST_CLOSELY])
    found = find(pictures[most], known, threads)
    correlation, index = matches.correlation.copy(), matches.index.copy()
    correlation[most], index[most] = found.correlation, found.index
    return Matches(correlation, index)


def own_thresholds(training: Crowd, common: float, threads: int | None) -> NDArray[np.float64]:
    """(n_photos,) threshold for copies of each training photo.

    The more photos a person has, the higher the best correlation of a new photo of that person with any of them.
    Held-out people rarely have as many photos as the over-represented person. So a member with more than
    `MOST_OTHERS` + 1 photos gets a threshold of their own: each photo is compared with the photos in the other nine
    of ten parts, and again at most 1 in 100 new photos would pass for a copy. Duplicates are left out.
    """
    pictures = training.table.pictures
    thresholds = np.full(len(pictures), common)
    for rows in training.people.rows:
        if len(rows) > MOST_OTHERS + 1:
            alike = find_apart(pictures[rows], np.arange(len(rows)) % N_PARTS, threads, at_least=common).correlation
            thresholds[rows] = max(common, threshold(np.empty(0), alike[alike < SAME_PICTURE]).value)
    return thresholds


def same_person(heldout: Crowd, threads: int | None) -> NDArray[np.float64]:
    """(n,) best correlation of one photo with another of the same person, for held-out people with two or more."""
    several = [rows for rows in heldout.people.rows if len(rows) > 1]
    others = [rows[1 : 1 + MOST_OTHERS] for rows in several]
    if not several:
        return np.empty(0)
    first = np.repeat([rows[0] for rows in several], [len(rows) for rows in others])
    alike = correlate(heldout.table.pictures[first], heldout.table.pictures[np.concatenate(others)], threads)
    starts = np.cumsum([0, *(len(rows) for rows in others[:-1])])
    return np.maximum.reduceat(alike, starts)


def copies(found: CopyMatches, heldout: Crowd, *, fair: bool) -> Copies:
    """The number of copies, the share of held-out photos that the same rule calls copies, and what chance explains.

    The rate of false copies is unknown. The threshold is above all but j of m held-out photos, chosen by rank (at least
    0.85, which only lowers the rate). So a new photo reaches it with a probability that is at most Beta(j + 1, m - j)
    over the draw of the held-out photos, and the number of false copies among n independent pictures is at most
    beta-binomial. Samples that repeat a picture are not independent: each distinct picture is judged by the one sample
    that stands for it, chosen without regard to the photos. Photos of one held-out person are not independent either:
    m and j are multiplied by `independent_share`. `fair`: whether held-out photos are of the same kind as the training
    photos; if not, only certain copies count. scripts/copies_chance.py has simulations.
    """
    people = heldout.people
    over = (found.heldout >= found.threshold.value).astype(np.float64)[np.concatenate(people.rows)]
    per_person = np.bincount(np.repeat(np.arange(len(people)), people.counts), over) / people.counts
    n, m = len(found.is_copy), found.threshold.n_heldout
    pictures = standing(found.picture)
    reached = int(found.is_copy[pictures].sum())
    share = independent_share(found.heldout, people)
    j = math.floor(share * max(0, math.floor((m + 1) * RATE + 1e-9) - 1))
    chance = float(betabinom.sf(reached - 1, len(pictures), j + 1, max(1.0, share * m - j)))
    p = chance if found.is_copy.any() else None
    n_certain = int((found.is_copy & (found.matches.correlation >= CERTAIN_COPY)).sum())
    return Copies(
        n_copies=int(found.is_copy.sum()),
        n_samples=n,
        n_distinct=found.n_distinct,
        n_certain=n_certain,
        p=p,
        beyond_chance=n_certain > 0 or (fair and p is not None and p <= COPIES_P),
        threshold=found.threshold.value,
        highest=float(found.matches.correlation.max()) if n else None,
        calibrated_on=found.threshold.n_heldout,
        heldout_rate=share_of_people(per_person),
        resolvable=found.threshold.resolvable,
    )


def independent_share(values: NDArray[np.float64], people: People) -> float:
    """Share, above 0 to 1, of the highest values that count as independent. `values`: by row of the people's table.

    Different people among the highest 5 % of the values (at least 20), divided by the number expected if values were
    dealt to people at random. It estimates the extremal index (Leadbetter 1983, "Extremes and local dependence in
    stationary sequences", Z. Wahrscheinlichkeitstheorie verw. Gebiete 65): the highest of n values is as high as the
    highest of so many independent ones. Or 1 over the design effect of photos of one person (Kish 1965, section 8.1),
    if less: the index cannot be small where a few people have very many photos.
    """
    n = values.size
    top = min(n, max(LEAST_TOP, math.ceil(TOP * n)))
    high = values >= np.partition(values, n - top)[n - top]
    whose = np.repeat(np.arange(len(people)), people.counts)
    found = len(np.unique(whose[high[np.concatenate(people.rows)]]))
    expected = float((1 - (1 - people.counts / n) ** int(high.sum())).sum())
    by_top = found / expected if found else 1.0
    return min(1.0, by_top, 1 / _design_effect(values[np.concatenate(people.rows)], whose, people.counts))


def _design_effect(values: NDArray[np.float64], whose: NDArray[np.intp], counts: NDArray[np.intp]) -> float:
    """1 + (sum c^2 / n - 1) times the correlation of a person's values, by analysis of variance; at least 1."""
    n, k = values.size, counts.size
    if n <= k or k < 2:
        return 1.0
    means = np.bincount(whose, values) / counts
    between = float((counts * (means - values.mean()) ** 2).sum()) / (k - 1)
    within = float(((values - means[whose]) ** 2).sum()) / (n - k)
    size = (n - float((counts**2).sum()) / n) / (k - 1)
    total = between + (size - 1) * within
    alike = (between - within) / total if total > 0.0 else 0.0
    return 1 + max(0.0, alike) * (float((counts**2).sum()) / n - 1)
