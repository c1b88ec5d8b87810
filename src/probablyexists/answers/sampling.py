"""Answer 6: how much of the generator do the samples show, and would more of them tell more?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.naming import Named, q_values
from probablyexists.answers.view import View, p_of
from probablyexists.matching.crowd import common_count
from probablyexists.matching.repeats import content_hashes
from probablyexists.results.findings import CurvePoint, FaceVariety, Sampling
from probablyexists.stats.distances import frechet_distance
from probablyexists.stats.diversity import effective_number
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import Side, auroc_estimate

FEWEST = 32
"""Samples for a curve, at least."""
MANY = 1600
"""Samples from which the curve begins at a sixteenth of them, not at an eighth."""


def sampling(
    n_samples: int,
    n_distinct: int,
    with_face: Figure,
    curve: list[CurvePoint],
    faces: FaceVariety | None = None,
    refused: float | None = None,
) -> Sampling:
    """Distinct pictures, samples with a face, what so many samples can have missed, and what they are worth."""
    return Sampling(
        n_samples=n_samples,
        n_distinct=n_distinct,
        with_face=with_face,
        unseen_rate=unseen_rate(n_distinct),
        curve=curve,
        faces=faces,
        refused=refused,
    )


def face_variety(samples: NDArray[np.float32], strangers: NDArray[np.float32]) -> FaceVariety | None:
    """As many of the samples as of the held-out people's photos, spread evenly; None with fewer than `FEWEST`.

    Both are embeddings. No interval: both figures depend on n (`frechet_distance`, `effective_number`).
    """
    n = min(len(samples), len(strangers))
    if n < FEWEST:
        return None
    ours, theirs = (_spread(rows, n) for rows in (samples, strangers))
    different, distance = effective_number(ours), frechet_distance(theirs, ours)
    # Other orders of the rows add up to other last digits.
    return FaceVariety(n=n, different=float(f"{different:.4g}"), distance=float(f"{distance:.4g}"))


def _spread(rows: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """n of the rows, evenly in the order of their first number, whatever their own order is."""
    if len(rows) == n:
        return rows
    order = np.argsort(rows[:, 0], kind="stable")
    return rows[order[np.linspace(0, len(rows) - 1, n).astype(np.intp)]]


def unseen_rate(n: int) -> float:
    """The upper 95 % limit, 0 to 1, on the rate per sample of what none of n distinct samples shows.

    The rate r with (1 - r)^n = 0.05, exactly; about 3 / n (the rule of three: Hanley & Lippman-Hand 1983, "If nothing
    goes wrong, is everything all right?", JAMA 249(13)). This assumes that samples are drawn independently, as the
    generator is used: not chosen, and not by other prompts or settings.

    >>> round(unseen_rate(1000), 5)
    0.00299
    """
    return float(1 - 0.05 ** (1 / max(1, n)))


def curve(views: Sequence[View], by_recogniser: Sequence[Named], seed: int) -> list[CurvePoint]:
    """Members named, and AUROC of seen photos by person, by parts of the samples and by all of them.

    By the nearest sample. Random parts of a sixteenth of the samples that do not overlap (an eighth where samples are
    few) are joined to parts of twice as many, and so on. Each part is an audit with fewer samples: members have
    p-values against held-out people compared on as many photos, and are named at the audit's level. `views`: of those
    who must all agree; the AUROC is of the first. Nothing with fewer than `FEWEST` samples. The order of the samples
    changes nothing.
    """
    samples = views[0].samples.embeddings
    if len(samples) < FEWEST:
        return []
    order = np.argsort(content_hashes(samples, seed), kind="stable")
    n_parts = 16 if len(samples) >= MANY else 8
    parts = [np.sort(order[part::n_parts]) for part in range(n_parts)]
    bests = [_best(view, named, parts) for view, named in zip(views, by_recogniser, strict=True)]
    found = []
    while True:
        n_parts = len(bests[0][0])
        counts = [
            _n_named(by_recogniser, [[side[part] for side in best[2:]] for best in bests]) for part in range(n_parts)
        ]
        aurocs = [
            auroc_estimate(Side.one_each(ours), Side.one_each(theirs))
            for ours, theirs in zip(bests[0][0], bests[0][1], strict=True)
        ]
        found.append(
            CurvePoint(
                n_samples=round(len(samples) / n_parts),
                n_parts=n_parts,
                named=float(np.mean(counts)),
                named_low=min(counts),
                named_high=max(counts),
                auroc=_mean(aurocs),
            )
        )
        if n_parts == 1:
            return found
        bests = [[np.maximum(side[::2], side[1::2]) for side in best] for best in bests]


def _best(view: View, named: Named, parts: Sequence[NDArray[np.intp]]) -> list[NDArray[np.float64]]:
    """(parts, people) similarity of the nearest sample of each part: all members, all held-out people, and then the
    members and the held-out people of each comparison, in turn."""
    k = common_count(view.training.people.counts, view.heldout.people.counts)
    faces = [view.training.templates(k)[0], view.heldout.templates(k)[0]]
    faces += [side.templates for one in named.comparisons for side in (one.ours, one.theirs)]
    every, samples = np.concatenate(faces), view.samples.embeddings
    best = np.stack([view.matcher.nearest(every, samples[part]).similarity[:, 0] for part in parts])
    return np.split(best, np.cumsum([len(each) for each in faces])[:-1], axis=1)


def _n_named(by_recogniser: Sequence[Named], scores: Sequence[Sequence[NDArray[np.float64]]]) -> int:
    """`scores`: of each recogniser; of the members and of the held-out people of each comparison, in turn."""
    first = by_recogniser[0]
    p = np.zeros(len(first.p))
    for named, its in zip(by_recogniser, scores, strict=True):
        for one, ours, theirs in zip(named.comparisons, its[::2], its[1::2], strict=True):
            p[one.members] = np.maximum(p[one.members], p_of(*one.ranked(ours[:, None], theirs[:, None])))
    return int((q_values(p, first.compared_with) <= first.level).sum())


def _mean(figures: Sequence[Figure]) -> Figure:
    """The mean of the values and of their limits."""
    known = [figure for figure in figures if isinstance(figure, Estimate)]
    if len(known) < len(figures) or len(figures) == 1:
        return next((figure for figure in figures if isinstance(figure, Unresolvable)), figures[0])
    value, low, high = (float(np.mean([getattr(one, name) for one in known])) for name in ("value", "low", "high"))
    return replace(known[0], value=value, low=low, high=high, method=f"mean of {len(known)} parts, {known[0].method}")
