"""Landmarks, chips and small grey pictures: align.c against dlib and Pillow, number for number."""

from __future__ import annotations

import io
import os
import platform
import shlex
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import dlib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.errors import InputError
from probablyexists.basis.model_files import LANDMARKS_SHA256, model_file
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.faces import acquire, alignment, compiled, landmarks, settling
from probablyexists.faces.boxes import Box, frame_box
from probablyexists.faces.compiled import aligner, loaded

Faces = tuple[list[NDArray[np.uint8]], list[Box]]

compiled_only = pytest.mark.skipif(aligner() is None, reason="the package was built without a C compiler")
MODULES: tuple[ModuleType, ...] = (acquire, alignment, landmarks, settling)


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Photos of all shapes, on boxes that may lie half outside, or wholly."""
    draw = np.random.default_rng(0)
    images, boxes = [], []
    for number in range(37):
        image = draw_photo(draw_person(3, number), 0, int(draw.integers(100, 300)))
        image = image[: draw.integers(80, len(image) + 1)]
        left, top = (int(x) for x in draw.integers(-60, 60, 2))
        moved = Box(left, top, left + int(draw.integers(60, 300)), top + int(draw.integers(60, 300)))
        images.append(image)
        boxes.append(moved if number % 2 else frame_box((image.shape[1], image.shape[0])))
    noise = draw.integers(0, 256, (120, 90, 3), dtype=np.uint8)
    return [*images, noise, np.zeros_like(noise)], [*boxes, Box(7, 10, 83, 110), Box(200, 200, 300, 300)]


@pytest.fixture(params=[pytest.param("compiled", marks=compiled_only), "by dlib"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of aligning, one after the other."""
    if request.param == "by dlib":
        for module in MODULES:
            monkeypatch.setattr(module, "aligner", lambda: None)


# --- landmarks ------------------------------------------------------------------------------------------------------


def points_by_dlib(image: NDArray[np.uint8], box: Box, predictor: Any) -> list[list[int]]:
    shape = predictor(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))
    return [[part.x, part.y] for part in shape.parts()]


@pytest.mark.usefixtures("way")
def test_the_points_are_dlibs(faces: Faces) -> None:
    predictor = dlib.shape_predictor(str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256)))
    theirs = [points_by_dlib(image, box, predictor) for image, box in zip(*faces, strict=True)]
    assert np.array_equal(landmarks.landmarks(*faces), theirs)


def test_pixels_on_an_edge_are_dlibs() -> None:
    """A frame's box of 256 or 512 pixels: places often lie half way between two pixels, and the last bit decides."""
    predictor = dlib.shape_predictor(str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256)))
    draw = np.random.default_rng(0)
    for side in (304, 610):
        box = frame_box((side, side))
        assert box.right - box.left in (256, 512)
        images = [draw.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(60)]
        theirs = [points_by_dlib(image, box, predictor) for image in images]
        assert np.array_equal(landmarks.landmarks(images, [box] * len(images)), theirs)


@pytest.mark.usefixtures("way")
def test_what_is_no_picture_is_refused() -> None:
    box = Box(0, 0, 60, 60)
    for image in (np.zeros((64, 64)), np.zeros((64, 64), np.uint8), np.zeros((64, 64, 4), np.uint8)):
        with pytest.raises(ValueError, match="must be"):
            landmarks.landmarks([image], [box])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="must be"):
            alignment.cut_chip(image, np.zeros((5, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="argument"):
        landmarks.landmarks([np.zeros((64, 64, 3), np.uint8)], [box, box])


@pytest.mark.usefixtures("way")
def test_a_face_does_not_depend_on_the_others(faces: Faces) -> None:
    together = landmarks.landmarks(*faces)
    for number in (0, 1, 16, len(together) - 1):
        (alone,) = landmarks.landmarks([faces[0][number]], [faces[1][number]])
        assert np.array_equal(alone, together[number])
    backwards = landmarks.landmarks(faces[0][::-1], faces[1][::-1])
    assert np.array_equal(backwards[::-1], together)


@pytest.mark.usefixtures("way")
def test_of_no_faces_there_are_no_points() -> None:
    assert landmarks.landmarks([], []).shape == (0, 5, 2)


@compiled_only
def test_a_file_that_is_another_is_one_line() -> None:
    library = aligner()
    assert library is not None
    weights = model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256).read_bytes()
    landmarks.read_cascade(library, weights)
    draw = np.random.default_rng(0)
    cut = [weights[: draw.integers(len(weights))] for _ in range(20)]
    # A version, two sides, the mean (ten mantissas and exponents), 15 rounds of 500 trees, 15 questions: now the first.
    question = _after(weights, 1 + 2 + 20 + 1 + 1 + 1)
    pixel = weights[:question] + b"\x02\x20\x03" + weights[_after(weights, 1, question) :]  # 800 of 0 to 799
    trees = 1 + 4 * 15 + 1 + 16 * (2 + 20)
    anchors = _after(weights, 1 + 2 + 20 + 1 + 15 * (1 + 500 * trees) + 1 + 1)
    anchor = weights[:anchors] + b"\x01\x05" + weights[_after(weights, 1, anchors) :]  # 5 of 0 to 4
    other = [
        b"",
        weights + b"\x01\x05",
        b"\x01\x02" + weights[2:],
        b"\x0f" + weights,
        b"\xff" * 1000,
        weights.replace(b"\x01\x0f", b"\x01\x0e"),
        pixel,
        anchor,
    ]
    for damaged in cut + other:
        with pytest.raises(InputError, match="not dlib's five landmarks"):
            landmarks.read_cascade(library, damaged)


def _after(weights: bytes, n: int, at: int = 0) -> int:
    """Byte offset of the integer after `n` others."""
    for _ in range(n):
        at += 1 + (weights[at] & 0x7F)
    return at


# --- chips ----------------------------------------------------------------------------------------------------------


def chip_by_dlib(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    face = dlib.full_object_detection(dlib.rectangle(0, 0, 0, 0), parts)
    chip: NDArray[np.uint8] = dlib.get_face_chip(image, face, size=150, padding=0.25)
    return chip


def assert_same_chip(image: NDArray[np.uint8], points: NDArray[np.float64]) -> None:
    ours, theirs = alignment.cut_chip(image, points), chip_by_dlib(image, points)
    if platform.machine() in ("x86_64", "AMD64"):
        assert np.array_equal(ours, theirs)
    else:  # where dlib's own sums may have been built otherwise
        assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.usefixtures("way")
def test_the_chips_are_dlibs(faces: Faces) -> None:
    for image, points in zip(faces[0], landmarks.landmarks(*faces), strict=True):
        assert_same_chip(image, points)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 260),
    st.integers(1, 260),
    st.lists(st.tuples(st.integers(-400, 600), st.integers(-400, 600)), min_size=5, max_size=5),
    st.sampled_from(["noise", "white", "half"]),
)
def test_the_chips_of_any_points_are_dlibs(height: int, width: int, points: list[tuple[int, int]], kind: str) -> None:
    """Upside down, outside, in one point, so far apart that the picture is halved first."""
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind != "noise":
        image[:, : width if kind == "white" else width // 2] = 255
    assert_same_chip(image, np.array(points, np.float64))


@compiled_only
@pytest.mark.parametrize(("scale", "cut"), [(0.2, True), (0.99, True), (1.9, True), (2.1, False), (5.0, False)])
def test_chips_of_faces_twice_as_large_are_dlibs_to_cut(scale: float, cut: bool) -> None:
    """So the other tests compare what they mean to compare."""
    library = aligner()
    assert library is not None
    image, chip = np.full((900, 900, 3), 9, np.uint8), np.zeros((150, 150, 3), np.uint8)
    square = np.array([20.0, 20.0, 20.0 + 150 * scale, 20.0 + 150 * scale])
    assert bool(library.cut_chip(image, 900, 900, square, 0.1, chip)) is cut
    assert bool((chip == 9).mean() > 0.9) is cut


# --- the small grey pictures ----------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(16, 400), st.integers(16, 400), st.booleans())
@example(225, 150, False)  # as high as ours may be
@example(960, 640, False)
@example(192, 12288, True)
def test_small_greys_are_pillows(height: int, width: int, white: bool) -> None:
    image = np.random.default_rng(height * width).integers(250 if white else 0, 256, (height, width, 3), dtype=np.uint8)
    theirs = Image.fromarray(image).convert("L").resize((48, 48), Image.Resampling.BOX)
    assert np.array_equal(acquire.small_grey(image), theirs)


# --- the compiled functions -----------------------------------------------------------------------------------------


def test_where_there_is_a_compiler_its_library_is_used() -> None:
    """Else the other tests would compare dlib with dlib. After a change of align.c: pip install -e ."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not compiler or shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    assert aligner() is not None


@compiled_only
def test_only_what_was_compiled_from_this_source_is_used(tmp_path: Path) -> None:
    source, ours = tmp_path / "align.c", compiled.SOURCE
    source.write_bytes(ours.read_bytes())
    assert loaded(source) is None  # not compiled
    source.with_suffix(".compiled").write_bytes(b"no library")
    assert loaded(source) is None
    source.with_suffix(".compiled").write_bytes(ours.with_suffix(".compiled").read_bytes())
    assert loaded(source) is not None
    source.write_bytes(ours.read_bytes() + b"\n")
    assert loaded(source) is None


# --- all of it ------------------------------------------------------------------------------------------------------


@compiled_only
@pytest.mark.parametrize("template", ["dlib", "arcface"])
@pytest.mark.parametrize("mode", ["aligned", "auto", "detect"])
def test_both_ways_acquire_the_same(
    mode: acquire.FacesMode, template: alignment.Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for number, size in enumerate((96, 150, 192, 256, 640)):
        image = draw_photo(draw_person(3, number), 0, size)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image[:, number:])).save(buffer, "PNG")
        files.append(buffer.getvalue())
    in_c = acquire.acquire(files, mode, 112, template)
    for module in MODULES:
        monkeypatch.setattr(module, "aligner", lambda: None)
    by_dlib = acquire.acquire(files, mode, 112, template)
    for one, other in zip(in_c, by_dlib, strict=True):
        assert isinstance(one, acquire.Face)
        assert isinstance(other, acquire.Face)
        assert np.array_equal(one.chip, other.chip)
        assert np.array_equal(one.picture, other.picture)


@pytest.mark.usefixtures("way")
def test_arrays_may_lie_in_memory_as_they_like(faces: Faces) -> None:
    """Every second row, from the other side."""
    for image, box in zip(*faces, strict=True):
        sparse = np.repeat(image[:, ::-1], 2, axis=0)[::2, ::-1]
        assert not sparse.flags.c_contiguous
        (points,) = landmarks.landmarks([image], [box])
        assert np.array_equal(landmarks.landmarks([sparse], [box])[0], points)
        assert np.array_equal(alignment.cut_chip(sparse, points), alignment.cut_chip(image, points))
        assert np.array_equal(acquire.small_grey(sparse), acquire.small_grey(image))
