"""Drawn people: the same whenever drawn, different from one another, never twice the same picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.drawn.drawing import draw
from probablyexists.drawn.population import draw_person, draw_photo, draw_scene, write_population

SIZE = 64


def mean_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two pictures, in levels of 255."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_a_photo_is_the_same_in_whatever_order_it_is_drawn() -> None:
    keys = [(person, photo) for person in range(3) for photo in range(2)]
    forward = {key: draw_photo(draw_person(5, key[0]), key[1], SIZE) for key in keys}
    backward = {key: draw_photo(draw_person(5, key[0]), key[1], SIZE) for key in reversed(keys)}
    for key in keys:
        np.testing.assert_array_equal(forward[key], backward[key])


@pytest.mark.parametrize("size", [32, 64, 101, 128])
def test_a_photo_is_square_rgb_bytes(size: int) -> None:
    photo = draw_photo(draw_person(0, 1), 0, size)
    assert photo.shape == (size, size, 3)
    assert photo.dtype == np.uint8
    assert photo.flags.writeable
    assert photo.std() > 10


def test_size_changes_the_sharpness_and_not_the_picture() -> None:
    person = draw_person(0, 2)
    large = Image.fromarray(draw_photo(person, 0, 128)).resize((SIZE, SIZE), Image.Resampling.BOX)
    assert mean_difference(np.asarray(large), draw_photo(person, 0, SIZE)) < 6


def test_everybody_can_be_drawn() -> None:
    for number in range(60):
        photo = draw_photo(draw_person(1, number), number, 32)
        assert photo.std() > 5


def test_people_differ_under_one_scene() -> None:
    scene = draw_scene(draw_person(0, 0), 0)
    photos = [draw(draw_person(0, number), scene, SIZE) for number in range(12)]
    for i, photo in enumerate(photos):
        assert min(mean_difference(photo, other) for other in photos[:i] + photos[i + 1 :]) > 4


def test_populations_differ() -> None:
    assert draw_person(0, 3).skin != draw_person(1, 3).skin


def test_photos_of_a_person_differ_in_pose_light_expression_and_background() -> None:
    person = draw_person(0, 4)
    photos = [draw_photo(person, photo, SIZE) for photo in range(6)]
    for i, photo in enumerate(photos):
        assert min(mean_difference(photo, other) for other in photos[:i] + photos[i + 1 :]) > 8
    scenes = [draw_scene(person, photo) for photo in range(6)]
    for name in ("yaw", "pitch", "roll", "light_azimuth", "smile", "background", "clothes"):
        assert len({getattr(scene, name) for scene in scenes}) > 3


def test_a_person_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        draw_person(0, 0).age = 0.5  # type: ignore[misc]


def test_write_population_writes_one_folder_a_person_and_one_file_a_photo(tmp_path: Path) -> None:
    write_population(tmp_path, people=[2, 11], photos=iter([0, 3]), seed=7, size=SIZE)
    written = sorted(str(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*.*"))
    assert written == [
        "person-0002/000.png",
        "person-0002/003.png",
        "person-0011/000.png",
        "person-0011/003.png",
    ]
    stored = np.asarray(Image.open(tmp_path / "person-0011" / "003.png"))
    np.testing.assert_array_equal(stored, draw_photo(draw_person(7, 11), 3, SIZE))


def test_write_population_adds_people_to_a_folder_and_writes_jpeg(tmp_path: Path) -> None:
    for n in range(3):
        write_population(tmp_path, people=[n], photos=range(n), size=SIZE, kind="jpg")
    assert [len(list(tmp_path.glob(f"person-{n:04d}/*.jpg"))) for n in range(3)] == [0, 1, 2]
    stored = np.asarray(Image.open(tmp_path / "person-0002" / "001.jpg"))
    assert mean_difference(stored, draw_photo(draw_person(0, 2), 1, SIZE)) < 8
