"""Answer 4: copy or likeness? Copies are found first, in image space, and removed before any identity claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.search import SAME_PICTURE, CopyThreshold, Matches, correlate, find, find_apart, threshold
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.matcher import HERE, Matcher
from probablyexists.results.findings import Copies
from probablyexists.stats.rates import share_of_people

MOST_OTHERS = 16
"""Most other photos of a held-out person that one photo of that person is compared with."""
N_PARTS = 10


@dataclass(frozen=True)
class CopyMatches:
    """Each sample's best match among the training photos, and whether it is a copy."""

    matches: Matches
    is_copy: NDArray[np.bool_]
    threshold: CopyThreshold
    heldout: NDArray[np.float64]
    """Each held-out photo's best correlation with a training photo."""


def find_copies(training: Crowd, heldout: Crowd, generated: Embedded, matcher: Matcher = HERE) -> CopyMatches:
    """Match samples with training photos in image space, at a threshold set on the held-out photos."""
    pictures, known = heldout.table.pictures, training.table.pictures
    n = pictures.shape[1] * (len(pictures) + len(generated))
    threads = matcher.threads
    with matcher.progress.stage("views compared with photos", n) as bar:
        strangers = find(pictures, known, threads, bar.advance).correlation
        limit = threshold(strangers, _same_person(heldout, threads))
        matches = find(generated.pictures, known, threads, bar.advance)
    # A sample without any match has index -1: the last threshold, which nothing reaches.
    needed = np.append(_own_thresholds(training, limit.value, threads), np.inf)[matches.index]
    return CopyMatches(matches, matches.correlation >= needed, limit, strangers)


def _own_thresholds(training: Crowd, common: float, threads: int | None) -> NDArray[np.float64]:
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
            alike = find_apart(pictures[rows], np.arange(len(rows)) % N_PARTS, threads).correlation
            thresholds[rows] = max(common, threshold(np.empty(0), alike[alike < SAME_PICTURE]).value)
    return thresholds


def _same_person(heldout: Crowd, threads: int | None) -> NDArray[np.float64]:
    """(n,) best correlation of one photo with another of the same person, for held-out people with two or more."""
    several = [rows for rows in heldout.people.rows if len(rows) > 1]
    others = [rows[1 : 1 + MOST_OTHERS] for rows in several]
    if not several:
        return np.empty(0)
    first = np.repeat([rows[0] for rows in several], [len(rows) for rows in others])
    alike = correlate(heldout.table.pictures[first], heldout.table.pictures[np.concatenate(others)], threads)
    starts = np.cumsum([0, *(len(rows) for rows in others[:-1])])
    return np.maximum.reduceat(alike, starts)


def copies(found: CopyMatches, heldout: Crowd) -> Copies:
    """The number of copies, and the share of held-out photos that the same rule calls copies."""
    over = (found.heldout >= found.threshold.value).astype(np.float64)
    per_person = np.array([over[rows].mean() for rows in heldout.people.rows])
    n = len(found.is_copy)
    return Copies(
        n_copies=int(found.is_copy.sum()),
        n_samples=n,
        threshold=found.threshold.value,
        highest=float(found.matches.correlation.max()) if n else None,
        calibrated_on=found.threshold.n_heldout,
        heldout_rate=share_of_people(per_person),
        resolvable=found.threshold.resolvable,
    )
