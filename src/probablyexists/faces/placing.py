"""Where the face of an image is: landmarks on the frame where they settle, else in the detector's box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.boxes import FRAME_MARGIN, SMALLEST, Box, detect, frame_box
from probablyexists.faces.landmarks import landmarks

FacesMode = Literal["auto", "detect", "aligned"]

STILL_AT_ONCE, STILL = 0.025, 0.01
"""Landmarks settle if, looked for again in the box that they imply, they move by at most this share of the distance of
the outer eye corners in the mean: the first ones on the frame, and all others, which are misplaced more often."""
RE_PASSES = 4
"""How often landmarks are looked for again, from either start."""
MIDDLE = 0.2
"""Where landmarks do not settle from the frame's box, they start once more, from 20 to 80 % of the frame: there may be
room around the face."""
LONGEST = 4 / 3
"""A face crop's longer side is less than this many times the shorter. Cameras give 4:3, 3:2 and 16:9."""

_CENTRE, _SIDE = np.array([0.025, 0.41]), 2.54
"""The detector's box around landmarks: centre from their mean, and side, in distances of the eyes' centres. Medians on
people of LFW."""


@dataclass(frozen=True)
class Placed:
    """The face of an image."""

    points: NDArray[np.float64]
    """(5, 2) landmarks x, y in pixels."""
    n_faces: int
    """Faces that the detector counted; 0 if the face is the frame's: nobody counted, or none was seen."""


def place(images: Sequence[NDArray[np.uint8]], mode: FacesMode) -> list[Placed | None]:
    """The face of each (height, width, 3) image, at least `SMALLEST` pixels a side; None if there is none.

    `aligned` takes the frame as the face. `detect` asks the detector. `auto` takes the landmarks on the frame if the
    image may be a face crop and they settle, else asks the detector; if that sees no face, a square no larger than
    `SMALLEST`, as generators make them, is taken on its frame (docs/decisions/0032-the-right-face.md). The result for
    an image does not depend on the others.
    """
    if mode == "detect":
        return _detected(images)
    if mode == "aligned":
        return [*_framed(images)]
    found: list[Placed | None] = [None] * len(images)
    maybe = [i for i, image in enumerate(images) if max(image.shape[:2]) < LONGEST * min(image.shape[:2])]
    for i, points in zip(maybe, settled([images[i] for i in maybe]), strict=True):
        found[i] = None if points is None else Placed(points, 0)
    rest = [i for i, placed in enumerate(found) if placed is None]
    for i, placed in zip(rest, _detected([images[i] for i in rest]), strict=True):
        found[i] = placed
    rest = [i for i in rest if found[i] is None and images[i].shape[:2] == (SMALLEST, SMALLEST)]
    for i, placed in zip(rest, _framed([images[i] for i in rest]), strict=True):
        found[i] = placed
    return found


def _framed(images: Sequence[NDArray[np.uint8]]) -> list[Placed]:
    boxes = [frame_box((image.shape[1], image.shape[0])) for image in images]
    return [Placed(points, 0) for points in landmarks(images, boxes)]


def _detected(images: Sequence[NDArray[np.uint8]]) -> list[Placed | None]:
    looked = [detect(image) for image in images]
    boxes = [its.box for its in looked if its.box is not None]
    seen = [image for image, its in zip(images, looked, strict=True) if its.box is not None]
    points = iter(landmarks(seen, boxes))
    return [None if its.box is None else Placed(next(points), its.n_faces) for its in looked]


def settled(images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float64] | None]:
    """(5, 2) landmarks of each image, found without the detector; None where they do not settle.

    The first ones on the frame if the next hardly differ: the frame of a crop is as good a box as any. Else the last.
    """
    found = _settled(images, FRAME_MARGIN, STILL_AT_ONCE)
    left = [i for i, points in enumerate(found) if points is None]
    for i, points in zip(left, _settled([images[i] for i in left], MIDDLE, None), strict=True):
        found[i] = points
    return found


def _settled(
    images: Sequence[NDArray[np.uint8]], margin: float, at_once: float | None
) -> list[NDArray[np.float64] | None]:
    """Landmarks that come to rest, from the frame without this margin. `at_once`: the first are kept at such a move."""
    found: list[NDArray[np.float64] | None] = [None] * len(images)
    left = list(range(len(images)))
    first = before = landmarks(images, [frame_box((image.shape[1], image.shape[0]), margin) for image in images])
    for number in range(RE_PASSES):
        limit = STILL if number or at_once is None else at_once
        after = landmarks([images[i] for i in left], implied_boxes(before))
        still = _moves(before, after) <= limit
        for row in np.flatnonzero(still):
            found[left[row]] = after[row] if number or at_once is None else first[row]
        left, before = [left[row] for row in np.flatnonzero(~still)], after[~still]
    return found


def implied_boxes(points: NDArray[np.float64]) -> list[Box]:
    """The boxes that the detector would give to faces with these (n, 5, 2) landmarks."""
    eyes = np.linalg.norm(points[:, :2].mean(axis=1) - points[:, 2:4].mean(axis=1), axis=1)[:, None]
    half = np.maximum(eyes * _SIDE, 1) / 2
    centre = points.mean(axis=1) + _CENTRE * eyes
    return [Box(*edges) for edges in np.rint(np.hstack([centre - half, centre + half])).astype(int).tolist()]


def _moves(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) mean distance of two sets of (n, 5, 2) landmarks, in distances of the outer eye corners."""
    apart = np.linalg.norm(after[:, 0] - after[:, 2], axis=1)
    moves: NDArray[np.float64] = np.linalg.norm(after - before, axis=2).mean(axis=1) / np.maximum(apart, 1)
    return moves
