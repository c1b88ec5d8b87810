"""The best of a few candidates for each picture: correlation over small shifts, then over small turns and scalings.

Where only correlations from some value on are asked for, what cannot reach it is left early (`Screen`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.blocks import Floats, How, Pictures, Rows
from probablyexists.copies.normalised import Windows, cores, normalise, warp

Warps = tuple[tuple[float, float], ...]

_SCALES = (0.9, 0.95, 1.05, 1.1)
_TURNED = tuple((t, s) for t in (-5.0, -2.5, 2.5, 5.0) for s in (0.9, 0.95, 1.0, 1.05, 1.1))
REGISTRATION: tuple[tuple[float, Warps], ...] = (
    (0.65, tuple((0.0, s) for s in _SCALES) + _TURNED),
    (0.40, tuple((0.0, s) for s in _SCALES)),
)
"""For each view: the correlation from which turning and scaling is tried, and the turns (degrees) and scales.
Landmarks of an edited picture move by a pixel or two, which turns and scales its chip. A crop of 10 % enlarges the
frame by a ninth and never turns it, but starts from a low correlation. Turns come in pairs of opposite sign, so that a
mirror image gets the same turns."""


FEW_BITS = 64
"""Of the 256 bits of two hashes."""


@dataclass(frozen=True)
class Screen:
    """What a pair must have, in one view, to be compared further where only correlations from `at_least` on count.

    Set on 20 edits each of 200 photos of LFW (scripts/copies_edits.py): of the pairs that reach 0.85, none had less.
    """

    outline: float
    """Cosine of the outlines, for a comparison of the pixels; or at most `FEW_BITS` of the hashes differ."""
    trial: Warps
    """Turns (degrees) and scales of the normalised picture, tried before those of the picture itself."""
    extended: float
    """By how many times the gain of the trial its best correlation is extended."""
    below: float
    """By how much this may be below `at_least`."""


SCREENS = (
    Screen(0.82, ((-2.5, 1.0), (2.5, 1.0), (0.0, 0.95), (0.0, 1.05)), 1.0, 0.03),
    Screen(0.78, ((0.0, 0.9), (0.0, 1.1)), 0.0, 0.13),
)
"""For each view."""


def best(
    pictures: Pictures,
    normal: NDArray[np.float32],
    references: Windows,
    place: Rows,
    how: How,
    *,
    kept: NDArray[np.bool_] | None = None,
    at_least: float | None = None,
    every: bool,
) -> tuple[Rows, Floats]:
    """(n, 2, k) number of the candidate, and its correlation after small turns and scalings where these are tried.

    `normal`: the pictures, normalised. `place`: (n, 2, c) rows of `references`, for each picture and its mirror image.
    `kept`: (n, 2, c) the pairs that are compared; others get -1. Turns and scalings are not tried where they promise
    less than `at_least`. k is 1, or c with `every`.
    """
    found, window = np.full(place.shape, -1.0), np.zeros(place.shape, np.int32)
    kept = np.ones(place.shape, bool) if kept is None else kept
    compared = np.flatnonzero(kept.any(axis=(1, 2)))

    def compare(rows: slice) -> None:
        some = compared[rows]
        found[some], window[some] = _correlations(cores(normal[some]), references, place[some], kept[some])

    how.in_blocks(compare, len(compared))
    which = np.broadcast_to(np.arange(place.shape[2]), place.shape)
    if not every:
        which = found.argmax(axis=2)[:, :, None]
        found, window, place = (np.take_along_axis(of, which, axis=2) for of in (found, window, place))
    worth, warps = REGISTRATION[how.view]
    asked = found >= worth
    if at_least is not None:
        asked &= _promising(normal, references, place, how, found, window, asked, at_least)
    alike = np.flatnonzero(asked.any(axis=(1, 2)))

    def register(rows: slice) -> None:
        some = alike[rows]
        for turn, scale in warps:
            core = cores(normalise(warp(pictures[some], turn, scale)))
            found[some] = np.maximum(found[some], _correlations(core, references, place[some], asked[some])[0])

    how.in_blocks(register, len(alike))
    return which, found


def _promising(
    normal: NDArray[np.float32],
    references: Windows,
    place: Rows,
    how: How,
    found: Floats,
    window: NDArray[np.int32],
    asked: NDArray[np.bool_],
    at_least: float,
) -> NDArray[np.bool_]:
    """(n, 2, k) which pairs may reach `at_least` by turning and scaling."""
    screen = SCREENS[how.view]
    promising = found >= at_least
    asked = asked & ~promising
    tried = np.flatnonzero(asked.any(axis=(1, 2)))

    def attempt(rows: slice) -> None:
        some = tried[rows]
        highest = np.full(place[some].shape, -1.0)
        for turn, scale in screen.trial:
            core = cores(warp(normal[some], turn, scale))
            near = _correlations(core, references, place[some], asked[some], window[some])[0]
            highest = np.maximum(highest, near)
        extended = highest + screen.extended * (highest - found[some])
        promising[some] |= asked[some] & (extended >= at_least - screen.below)

    how.in_blocks(attempt, len(tried))
    return promising


def _correlations(
    core: NDArray[np.float32],
    references: Windows,
    place: Rows,
    kept: NDArray[np.bool_],
    near: NDArray[np.int32] | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """(n, 2, k) correlations of the pictures and their mirror images with the kept places, -1 elsewhere; and the
    windows in which they are reached. `near`: only windows beside these are tried."""
    found, window = np.full(place.shape, -1.0), np.zeros(place.shape, np.int32)
    for flip in range(2):
        i, k = np.nonzero(kept[:, flip])
        if i.size:
            at = i, flip, k
            beside = None if near is None else near[at]
            found[at], window[at] = references.correlation(core, i, place[at], bool(flip), beside)
    return found, window
