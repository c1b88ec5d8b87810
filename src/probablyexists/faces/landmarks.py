"""dlib's five landmarks for many faces at once: the same points, without its lock on Python.

An ensemble of regression trees (Kazemi & Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
Trees", CVPR 2014): in 15 rounds, 500 trees of 15 questions each move the points. A question is whether one pixel is
brighter than another by more than a threshold. dlib follows one face through one tree after the other, and its trees do
not fit into a core's cache. Here all questions of a round are answered for all faces, then each face's way through
each tree is put together from the answers, so that the trees are read once for a batch. Sums are taken in dlib's order
and precision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.models import LANDMARKS_SHA256, model_file
from probablyexists.faces.boxes import Box

if TYPE_CHECKING:
    from PIL import Image

N_POINTS = 5
QUESTIONS, LEAVES = 15, 16
"""Of a tree: four questions deep. In the file, those below question q are 2q + 1 and 2q + 2."""
IN_ORDER = (0, 1, 3, 7, 8, 4, 9, 10, 2, 5, 11, 12, 6, 13, 14)
"""A tree's questions, each followed by all below its left, then all below its right."""
LANES = 16
"""Faces at once: their answers to a round's questions fit into a core's cache."""


@dataclass(frozen=True)
class Round:
    """One round of the cascade. t trees, p pixels."""

    anchors: NDArray[np.float32]
    """(5, p) one at the point that each pixel goes with, else zero."""
    offsets: NDArray[np.float32]
    """(2, p) where it lies from there, x and y, in the frame of the mean shape."""
    turned: NDArray[np.float32]
    """(2, p) the same turned by a quarter: -y and x."""
    pixels: NDArray[np.intp]
    """(2 * 15 * t,) the pixels compared: all first ones, then all second ones, each by question (as `IN_ORDER`),
    then by tree."""
    thresholds: NDArray[np.int16]
    """(15 * t, LANES) the way is left where the first is brighter by more than this; the same in each lane."""
    leaves: NDArray[np.float32]
    """(16 * t, 10) by how much each leaf moves the points."""
    first_leaf: NDArray[np.intp]
    """(t, 1) of each tree."""


@dataclass(frozen=True)
class Cascade:
    """The predictor's parameters. Points are x, y in shares of the box, one after the other."""

    mean: NDArray[np.float32]
    """(10,)"""
    fit: NDArray[np.float64]
    """(10, 2): points times this are a, b of the similarity [[a, -b], [b, a]] that takes the mean shape to them, by
    least squares."""
    rounds: tuple[Round, ...]


def landmarks(pictures: Sequence[Image.Image], boxes: Sequence[Box]) -> NDArray[np.float64]:
    """(n, 5, 2) points x, y in whole pixels: outer and inner corner of each eye, base of the nose.

    `pictures`: RGB; a box each. The points of a face do not depend on the others.
    """
    found = [
        _landmarks(pictures[start : start + LANES], boxes[start : start + LANES], _cascade())
        for start in range(0, len(pictures), LANES)
    ]
    return np.concatenate([np.zeros((0, N_POINTS, 2)), *found])


def _landmarks(pictures: Sequence[Image.Image], boxes: Sequence[Box], cascade: Cascade) -> NDArray[np.float64]:
    n = len(pictures)
    greys = np.concatenate([np.asarray(_grey(picture)).reshape(-1) for picture in pictures])
    sides = np.array([picture.size for picture in pictures], np.uint32)[:, :, None]
    width = sides[:, 0].astype(np.int32)
    area = sides.prod(axis=1, dtype=np.int32)
    start = np.cumsum(area, axis=0, dtype=np.int32) - area
    corner = np.array([[[box.left], [box.top]] for box in boxes], np.float64)
    size = np.array([[[box.right], [box.bottom]] for box in boxes], np.float64) - corner
    points = np.repeat(cascade.mean[None], n, axis=0)
    for its in cascade.rounds:
        where = _pixels(points, cascade.fit, its).astype(np.float64)
        where *= size
        where += corner + 0.5
        at = np.floor(where, out=where).astype(np.int32)
        inside = at.view(np.uint32) < sides  # what is negative is large without its sign
        row_start = at[:, 1] * width
        row_start += start
        grey = np.take(greys, at[:, 0] + row_start, mode="clip")
        grey *= (inside[:, 0] & inside[:, 1]).view(np.uint8)
        leaf = _leaves(grey.T.astype(np.int16, order="C"), its)
        moves = np.empty((1 + len(leaf), n, 2 * N_POINTS), np.float32)
        moves[0] = points
        np.take(its.leaves, leaf.reshape(-1), axis=0, out=moves[1:].reshape(-1, 2 * N_POINTS), mode="clip")
        points = np.add.reduce(moves, axis=0)  # over the first axis: one after the other, as dlib does
    return np.floor(points.reshape(n, N_POINTS, 2) * size.transpose(0, 2, 1) + (corner.transpose(0, 2, 1) + 0.5))


def _pixels(points: NDArray[np.float32], fit: NDArray[np.float64], its: Round) -> NDArray[np.float32]:
    """(n, 2, p) x and y in shares of the box: offsets turned and scaled as the points are, from their anchors."""
    similarity: NDArray[np.float32] = (points.astype(np.float64) @ fit).astype(np.float32)
    a, b = similarity.T[:, :, None, None]
    by_axis = points.reshape(-1, N_POINTS, 2).transpose(0, 2, 1).reshape(-1, N_POINTS)
    at: NDArray[np.float32] = a * its.offsets
    at += b * its.turned
    at += (by_axis @ its.anchors).reshape(at.shape)
    return at


def _grey(picture: Image.Image) -> Image.Image:
    """The mean of red, green and blue, rounded down."""
    third, sixth = 1 / 3, 1 / 6  # means are thirds apart: a sixth above one, nothing is lost to a float's rounding
    return picture.convert("L", (third, third, third, sixth - 0.5))  # Pillow adds the half to round


def _leaves(grey: NDArray[np.int16], its: Round) -> NDArray[np.intp]:
    """(t, n) the leaf each face comes to in each tree, as a row of `Round.leaves`. `grey`: (p, n)."""
    n = grey.shape[1]
    brighter, than = np.take(grey, its.pixels, axis=0).reshape(2, -1, n)
    brighter -= than
    right = (brighter <= its.thresholds[:, :n]).view(np.uint8).reshape(QUESTIONS, -1, n)
    leaf = answer = right[0]
    below = right[1:]
    while len(below):
        left, other = below[: len(below) // 2], below[len(below) // 2 :]
        below = left ^ ((left ^ other) & np.negative(answer))  # negative: all bits set where the way went right
        answer, below = below[0], below[1:]
        leaf = leaf + leaf | answer  # NumPy adds bytes faster than it shifts them
    found: NDArray[np.intp] = leaf.astype(np.intp)
    found += its.first_leaf
    return found


# --- dlib's file ----------------------------------------------------------------------------------------------------

_NUMBER = re.compile(
    b"|".join(b"[" + re.escape(bytes([n])) + re.escape(bytes([0x80 | n])) + b"]" + b"." * n for n in range(5)),
    re.DOTALL,
)
"""An integer: how many bytes follow (high bit: negative), and these, little-endian."""


@cache
def _cascade() -> Cascade:
    return read_cascade(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256).read_bytes())


def read_cascade(data: bytes) -> Cascade:
    """Parse dlib's `shape_predictor` of five points; InputError if it is not built as we know it.

    The file is a row of integers: a version, the mean shape, of each round its trees (questions: two pixels and a
    threshold; leaves), then of each round the pixels' anchors and their offsets. A number with a fraction is two
    integers, mantissa and binary exponent; a list begins with its length, a matrix with its sides, negative.
    """
    numbers = _Numbers(_integers(data))
    numbers.expect(1, -2 * N_POINTS, -1)
    mean = numbers.fractions(2 * N_POINTS)
    trees = []
    for _ in range(numbers.one()):
        n_trees = numbers.one()
        a_tree = 1 + 4 * QUESTIONS + 1 + LEAVES * (2 + 2 * 2 * N_POINTS)
        rows = numbers.some(n_trees * a_tree).reshape(n_trees, a_tree)
        questions, leaves = rows[:, 1 : 1 + 4 * QUESTIONS], rows[:, 2 + 4 * QUESTIONS :].reshape(n_trees, LEAVES, -1)
        if (rows[:, 0] != QUESTIONS).any() or (rows[:, 1 + 4 * QUESTIONS] != LEAVES).any():
            raise InputError("not dlib's five landmarks: a tree that is not four questions deep")
        trees.append((questions.reshape(n_trees, QUESTIONS, 4), leaves[:, :, 2:]))
    anchors = [numbers.some(numbers.one()) for _ in range(numbers.one())]
    offsets = [numbers.fractions(2 * numbers.one()).reshape(-1, 2) for _ in range(numbers.one())]
    if not numbers.at_end or not len(trees) == len(anchors) == len(offsets):
        raise InputError("not dlib's five landmarks: parts that do not belong together")
    centred = mean.reshape(N_POINTS, 2).astype(np.float64)
    centred -= centred.mean(axis=0)
    x, y = centred.T
    fit = np.stack([centred, np.stack([-y, x], axis=1)], axis=2).reshape(2 * N_POINTS, 2) / (centred**2).sum()
    return Cascade(mean, fit, tuple(_round(*its) for its in zip(trees, anchors, offsets, strict=True)))


def _round(
    trees: tuple[NDArray[np.int64], NDArray[np.int64]], anchors: NDArray[np.int64], offsets: NDArray[np.float32]
) -> Round:
    questions, leaves = trees
    pixels = questions[:, IN_ORDER, :2].transpose(2, 1, 0)
    # Differences of grey levels are whole: above a threshold is above its floor.
    whole = np.floor(_fractions(questions[:, IN_ORDER, 2:])).astype(np.int16).T
    x, y = offsets.T
    return Round(
        (anchors == np.arange(N_POINTS)[:, None]).astype(np.float32),
        np.stack([x, y]),
        np.stack([-y, x]),
        np.ascontiguousarray(pixels, np.intp).reshape(-1),
        np.repeat(whole.reshape(-1, 1), LANES, axis=1),
        _fractions(leaves.reshape(-1, 2 * N_POINTS, 2)),
        LEAVES * np.arange(len(leaves))[:, None],
    )


def _integers(data: bytes) -> NDArray[np.int64]:
    found = _NUMBER.findall(data)
    if sum(map(len, found)) != len(data):
        raise InputError("not dlib's five landmarks: not a row of integers")
    bytes_of = np.array(found, dtype="S8").view(np.uint8).reshape(-1, 8).astype(np.int64)
    size = bytes_of[:, 1] | bytes_of[:, 2] << 8 | bytes_of[:, 3] << 16 | bytes_of[:, 4] << 24
    return np.asarray(np.where(bytes_of[:, 0] & 0x80, -size, size))


def _fractions(pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """(..., 2) mantissas and exponents -> (...)"""
    return np.asarray(np.ldexp(pairs[..., 0].astype(np.float64), pairs[..., 1].astype(np.int32)), np.float32)


class _Numbers:
    """Integers, taken from the front."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self._numbers, self._at = numbers, 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._numbers)

    def some(self, n: int) -> NDArray[np.int64]:
        found = self._numbers[self._at : self._at + n]
        if n < 0 or len(found) < n:
            raise InputError("not dlib's five landmarks: it ends too early")
        self._at += n
        return found

    def one(self) -> int:
        return int(self.some(1)[0])

    def fractions(self, n: int) -> NDArray[np.float32]:
        return _fractions(self.some(2 * n).reshape(n, 2))

    def expect(self, *numbers: int) -> None:
        if tuple(self.some(len(numbers))) != numbers:
            raise InputError("not dlib's five landmarks: another version, or other points")
