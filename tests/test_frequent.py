"""Faces given too often: planted ones are found, none where samples are drawn as reference people are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from probablyexists.answers.frequency import frequent, one_face

DIM = 32


def unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def strangers(draw: np.random.Generator, n: int) -> NDArray[np.float32]:
    return unit(draw.normal(0, 1, (n, DIM)) + 0.5)


def test_two_planted_faces_are_found_with_their_samples() -> None:
    draw = np.random.default_rng(0)
    often, sometimes = strangers(draw, 2)
    samples = np.concatenate(
        [
            unit(often + draw.normal(0, 0.03, (60, DIM))),
            unit(sometimes + draw.normal(0, 0.03, (15, DIM))),
            strangers(draw, 425),
        ]
    )
    found = frequent(samples, strangers(draw, 400), 0.05)
    assert len(found.faces) == 2
    assert set(found.faces[0].samples[:60]) == set(range(60))
    assert set(range(60, 75)) <= set(found.faces[1].samples)


def test_nothing_is_found_where_samples_are_drawn_as_reference_people_are() -> None:
    """At most one false alarm in twenty worlds is expected at this level; three would be a fault."""
    alarms = 0
    for seed in range(20):
        draw = np.random.default_rng(seed)
        alarms += bool(frequent(strangers(draw, 300), strangers(draw, 200), 0.05).faces)
    assert alarms <= 2


def test_the_test_is_fishers_exact_one() -> None:
    """By hand: a sample with 3 of 4 other samples near and 1 of 5 reference people."""
    samples = unit(np.array([[1, 0, 0], [1, 0.01, 0], [1, 0, 0.01], [1, 0.01, 0.01], [0, 1, 0.0]], dtype=float))
    reference = unit(np.array([[1, 0.02, 0], [0, 0, 1], [0, -1, 0.3], [-1, 0, 0], [-0.5, -0.5, -1]], dtype=float))
    found = frequent(samples, reference, 1.0)
    wanted = fisher_exact([[3, 1], [1, 4]], alternative="greater").pvalue
    assert found.faces[0].p == pytest.approx(wanted)
    assert sorted(found.faces[0].samples) == [0, 1, 2, 3]
    assert found.faces[0].n_reference == 1


def test_one_face_is_what_one_pair_in_a_thousand_reaches() -> None:
    reference = strangers(np.random.default_rng(1), 100)
    pairs = np.sort([float(reference[i] @ reference[j]) for i in range(100) for j in range(i)])
    threshold = one_face(reference)
    assert (pairs >= threshold - 1e-6).sum() == 5  # of 4,950


def test_the_order_of_samples_changes_nothing() -> None:
    draw = np.random.default_rng(2)
    samples = np.concatenate([unit(strangers(draw, 1) + draw.normal(0, 0.03, (20, DIM))), strangers(draw, 100)])
    reference = strangers(draw, 100)
    one, other = frequent(samples, reference, 0.05), frequent(samples[::-1], reference, 0.05)
    assert [face.p for face in one.faces] == [face.p for face in other.faces]
    assert [len(face.samples) for face in one.faces] == [len(face.samples) for face in other.faces]
