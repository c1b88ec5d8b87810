"""The five landmarks of many faces at once, against dlib's own predictor."""

from __future__ import annotations

from typing import Any

import dlib
import numpy as np
import pytest
from PIL import Image

from probablyexists.basis.errors import InputError
from probablyexists.basis.models import LANDMARKS_SHA256, model_file
from probablyexists.faces.boxes import Box, frame_box
from probablyexists.faces.landmarks import LANES, landmarks, read_cascade
from probablyexists.images.drawn import draw_person, draw_photo

Faces = tuple[list[Image.Image], list[Box]]


@pytest.fixture(scope="module")
def weights() -> bytes:
    return model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256).read_bytes()


@pytest.fixture(scope="module")
def faces() -> Faces:
    """More than two batches of photos of all shapes, on boxes that may lie half outside."""
    draw = np.random.default_rng(0)
    pictures, boxes = [], []
    for number in range(2 * LANES + 5):
        image = draw_photo(draw_person(3, number), 0, int(draw.integers(100, 300)))
        image = image[: draw.integers(80, len(image) + 1)]
        left, top = (int(x) for x in draw.integers(-60, 60, 2))
        moved = Box(left, top, left + int(draw.integers(60, 300)), top + int(draw.integers(60, 300)))
        pictures.append(Image.fromarray(image))
        boxes.append(moved if number % 2 else frame_box(pictures[-1].size))
    noise = Image.fromarray(draw.integers(0, 256, (120, 90, 3), dtype=np.uint8))
    black = Image.new("RGB", noise.size)
    return [*pictures, noise, black], [*boxes, frame_box(noise.size), Box(200, 200, 300, 300)]


def by_dlib(picture: Image.Image, box: Box, predictor: Any) -> list[list[int]]:
    shape = predictor(np.asarray(picture), dlib.rectangle(box.left, box.top, box.right, box.bottom))
    return [[part.x, part.y] for part in shape.parts()]


def test_the_points_are_dlibs(faces: Faces) -> None:
    predictor = dlib.shape_predictor(str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256)))
    theirs = [by_dlib(picture, box, predictor) for picture, box in zip(*faces, strict=True)]
    assert np.array_equal(landmarks(*faces), theirs)


def test_a_face_does_not_depend_on_the_others(faces: Faces) -> None:
    together = landmarks(*faces)
    for number in (0, 1, LANES, len(together) - 1):
        (alone,) = landmarks([faces[0][number]], [faces[1][number]])
        assert np.array_equal(alone, together[number])
    backwards = landmarks(faces[0][::-1], faces[1][::-1])
    assert np.array_equal(backwards[::-1], together)


def test_of_no_faces_there_are_no_points() -> None:
    assert landmarks([], []).shape == (0, 5, 2)


def test_a_file_that_is_another_is_one_line(weights: bytes) -> None:
    for damaged, said in [
        (b"", "ends too early"),
        (weights[:100_000], "not a row of integers|ends too early"),
        (weights + b"\x01\x05", "do not belong together"),
        (b"\x01\x02" + weights[2:], "another version"),
        (b"\x0f" + weights, "not a row of integers"),
        (weights.replace(b"\x01\x0f", b"\x01\x0e"), "four questions deep|ends too early|another version"),
    ]:
        with pytest.raises(InputError, match=said):
            read_cascade(damaged)
