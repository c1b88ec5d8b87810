"""Landmarks that come to rest, from the frame on: the face of an image without the detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.boxes import FRAME_MARGIN, Box, frame_box
from probablyexists.faces.compiled import Box as CBox
from probablyexists.faces.compiled import Rule, aligner, rgb
from probablyexists.faces.landmarks import NUMBERS, Batch, c_box, cascade, landmarks, pairs

STILL_AT_ONCE, STILL = 0.025, 0.01
"""Landmarks settle if, looked for again in the box that they imply, they move by at most this share of the distance of
the outer eye corners in the mean: the first ones on the frame, and all others, which are misplaced more often."""
RE_PASSES = 4
"""How often landmarks are looked for again, from either start."""
MIDDLE = 0.2
"""Where landmarks do not settle from the frame's box, they start once more, from 20 to 80 % of the frame: there may be
room around the face."""

_CENTRE, _SIDE = np.array([0.025, 0.41]), 2.54
"""The detector's box around landmarks: centre from their mean, and side, in distances of the eyes' centres. Medians on
people of LFW."""

Found = list[NDArray[np.float64] | None]
"""(5, 2) points x, y in pixels of each image; None where they do not settle."""


def settled(images: Sequence[NDArray[np.uint8]]) -> Found:
    """Landmarks of each image, (height, width, 3).

    The first ones on the frame if the next hardly differ: the frame of a crop is as good a box as any. Else the last.
    """
    images = [rgb(image) for image in images]
    starts = [
        [frame_box((image.shape[1], image.shape[0]), margin) for image in images] for margin in (FRAME_MARGIN, MIDDLE)
    ]
    library = aligner()
    if library is None:
        return by_numpy(images, starts)
    batch, n = Batch(images, starts[0]), len(images)
    begin = (CBox * (2 * n))(*(c_box(box) for start in starts for box in start))
    before, points, rests = (
        np.empty((n, NUMBERS), np.float32),
        np.empty((n, NUMBERS), np.float32),
        np.empty(n, np.uint8),
    )
    rule = Rule(RE_PASSES, STILL_AT_ONCE, STILL, *_CENTRE, _SIDE)
    library.settle(cascade(library), rule, n, batch.pictures, begin, np.empty(n, np.int32), before, points, rests)
    return [its if rest else None for its, rest in zip(pairs(points), rests, strict=True)]


def by_numpy(images: Sequence[NDArray[np.uint8]], starts: Sequence[Sequence[Box]]) -> Found:
    """`settled` without its C function: the same points."""
    found: Found = [None] * len(images)
    for number, boxes in enumerate(starts):
        left = [i for i, points in enumerate(found) if points is None]
        before = landmarks([images[i] for i in left], [boxes[i] for i in left])
        for again in range(RE_PASSES):
            first = number == again == 0
            after = landmarks([images[i] for i in left], implied_boxes(before))
            still = moves(before, after) <= (STILL_AT_ONCE if first else STILL)
            for row in np.flatnonzero(still):
                found[left[row]] = before[row] if first else after[row]
            left, before = [left[row] for row in np.flatnonzero(~still)], after[~still]
    return found


def implied_boxes(points: NDArray[np.float64]) -> list[Box]:
    """The boxes that the detector would give to faces with these (n, 5, 2) landmarks."""
    eyes = np.linalg.norm(points[:, :2].mean(axis=1) - points[:, 2:4].mean(axis=1), axis=1)[:, None]
    half = np.maximum(eyes * _SIDE, 1) / 2
    centre = points.mean(axis=1) + _CENTRE * eyes
    return [Box(*edges) for edges in np.rint(np.hstack([centre - half, centre + half])).astype(int).tolist()]


def moves(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) mean distance of two sets of (n, 5, 2) landmarks, in distances of the outer eye corners."""
    apart = np.linalg.norm(after[:, 0] - after[:, 2], axis=1)
    found: NDArray[np.float64] = np.linalg.norm(after - before, axis=2).mean(axis=1) / np.maximum(apart, 1)
    return found
