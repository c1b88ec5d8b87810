"""Copies, found in image space: which pictures reproduce which.

Each image has two views: its aligned chip and its whole frame. A perceptual hash (signs of the low-frequency cosine
transform, as in pHash) proposes candidates for the picture and its mirror image. The pixels decide: the largest
normalised correlation over small shifts, turns and scalings. Local contrast normalisation comes first; it removes
brightness, contrast and what all faces share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.blocks import PORTIONS, Floats, How, Pictures, Portions, Rows
from probablyexists.copies.gallery import Gallery, compared, gallery
from probablyexists.copies.normalised import normalise, windows
from probablyexists.copies.registration import best

SAME_PICTURE = 0.95
"""Correlation from which two photos in two roles are the same picture."""
AT_LEAST = 0.85
"""No threshold for copies is set below this, however dissimilar the strangers are."""
RATE = 1 / 1000
"""Share of strangers' photos that may count as copies."""
SAME_PERSON_RATE = 1 / 100
"""Share of other photos of the same person that may count as copies."""


@dataclass(frozen=True)
class Matches:
    """The best match of each query in image space."""

    correlation: Floats
    """(n,) pixel correlation, higher = more alike; -1 if no pixels were compared."""
    index: Rows
    """(n,) row of the reference; -1 if no pixels were compared."""


@dataclass(frozen=True)
class CopyThreshold:
    """The correlation from which a sample is a copy, and the photos it was set on."""

    value: float
    n_heldout: int
    """Held-out photos."""
    resolvable: bool
    """False below 999 held-out photos: the rate of 1 in 1,000 is then assumed, not measured."""


def find(
    queries: Pictures,
    references: Pictures,
    threads: int | None = None,
    done: Callable[[int], None] | None = None,
    *,
    at_least: float | None = None,
    portions: Portions = PORTIONS,
) -> Matches:
    """Best match of each query among the references, over all views.

    `queries`: (n, v, 48, 48) and `references`: (m, v, 48, 48) grey levels, v views of each image, in memory or on disk
    (`numpy.memmap`). `threads`: None = all cores. `done` is called with the number of pictures newly compared in one
    view. The match of a query depends neither on threads and portions nor on the other queries.

    `at_least`: the correlation that matters, 0.85 or more. It is several times as fast; a lower correlation may then be
    too low, or -1, and what is compared with what may differ. See `registration.Screen` for what a match could lose.
    """
    found = _nothing(len(queries))
    for view in range(queries.shape[1]):
        known = gallery(references[:, view], How(view, threads, portions))
        _look_in(known, queries[:, view], found, at_least, done)
    return found


def find_in(galleries: Mapping[int, Gallery], queries: Pictures, at_least: float) -> Matches:
    """As `find`, in galleries that were prepared once: view -> its gallery. Only these views are compared."""
    found = _nothing(len(queries))
    for view, known in galleries.items():
        _look_in(known, queries[:, view], found, at_least)
    return found


def find_apart(
    pictures: Pictures,
    part: NDArray[np.integer],
    threads: int | None = None,
    *,
    at_least: float | None = None,
    portions: Portions = PORTIONS,
) -> Matches:
    """Best match of each picture among pictures of other parts, as in `find`. `part`: (n,) part index."""
    found = _nothing(len(pictures))
    for view in range(pictures.shape[1]):
        known = gallery(pictures[:, view], How(view, threads, portions))
        for one in np.unique(part):
            own, others = np.flatnonzero(part == one), np.flatnonzero(part != one)
            for rows, candidate, correlation in compared(pictures[own, view], known, among=others, at_least=at_least):
                _improve(found, own[rows], candidate[:, :, 0], correlation[:, :, 0])
    return found


def find_all(
    queries: Pictures, references: Pictures, at_least: float, threads: int | None = None
) -> dict[tuple[int, int], float]:
    """(query, reference) -> correlation, for every candidate pair that reaches `at_least` in some view.

    From 0.85 on, what cannot reach it is left early, as in `find`.
    """
    pairs: dict[tuple[int, int], float] = {}
    screened = at_least if at_least >= AT_LEAST else None
    for view in range(queries.shape[1]):
        known = gallery(references[:, view], How(view, threads))
        for rows, candidate, correlation in compared(queries[:, view], known, at_least=screened, every=True):
            for at in zip(*np.nonzero(correlation >= at_least), strict=True):
                pair = (rows.start + int(at[0]), int(candidate[at]))
                pairs[pair] = max(pairs.get(pair, -1.0), float(correlation[at]))
    return pairs


def correlate(a: Pictures, b: Pictures, threads: int | None = None, *, portions: Portions = PORTIONS) -> Floats:
    """(n,) correlation of image i of `a`, or its mirror image, with image i of `b`, in the best view."""

    def compare(rows: slice) -> Floats:
        ours, theirs = a[rows], b[rows]
        same = np.broadcast_to(np.arange(len(ours))[:, None, None], (len(ours), 2, 1))
        found = []
        for view in range(a.shape[1]):
            pictures, references = ours[:, view], windows(normalise(theirs[:, view]))
            found.append(best(pictures, normalise(pictures), references, same, How(view, 1, portions), every=True)[1])
        return np.asarray(np.max(found, axis=(0, 2, 3)))

    return np.concatenate([np.empty(0), *How(0, threads, portions).in_blocks(compare, len(a))])


def _look_in(
    known: Gallery,
    queries: Pictures,
    found: Matches,
    at_least: float | None,
    done: Callable[[int], None] | None = None,
) -> None:
    """Improve the matches `found` by those in one view."""
    for rows, candidate, correlation in compared(queries, known, at_least=at_least):
        _improve(found, rows, candidate[:, :, 0], correlation[:, :, 0])
        if done is not None:
            done(len(candidate))


def _nothing(n: int) -> Matches:
    return Matches(np.full(n, -1.0), np.full(n, -1, dtype=np.intp))


def _improve(found: Matches, rows: slice | Rows, candidate: Rows, correlation: Floats) -> None:
    """Replace matches by better ones. `candidate`, `correlation`: (n, 2), of the pictures and their mirror images."""
    for flip in range(2):
        better = correlation[:, flip] > found.correlation[rows]
        found.correlation[rows] = np.where(better, correlation[:, flip], found.correlation[rows])
        found.index[rows] = np.where(better, candidate[:, flip], found.index[rows])


def threshold(strangers: NDArray[np.floating], same_person: NDArray[np.floating]) -> CopyThreshold:
    """Smallest threshold, at least 0.85, that keeps both rates of false copies.

    `strangers`: best correlation of each held-out photo with a training photo. Conformal: at most
    floor((n + 1) / 1000) - 1 of n photos may reach the threshold; below 999 photos none may.
    `same_person`: best correlation of one photo of each held-out person with that person's other photos. At most 1 in
    100 may reach the threshold, so that a likeness does not pass for a copy.
    """
    n = strangers.size
    allowed = math.floor((n + 1) * RATE + 1e-9) - 1
    edges = [AT_LEAST]
    if n:
        edges.append(float(np.nextafter(np.sort(strangers)[::-1][max(allowed, 0)], 2.0)))
    if same_person.size:
        over = math.floor(same_person.size * SAME_PERSON_RATE + 1e-9)
        edges.append(float(np.nextafter(np.sort(same_person)[::-1][over], 2.0)))
    return CopyThreshold(max(edges), n, allowed >= 0)
