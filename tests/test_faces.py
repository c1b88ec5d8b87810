"""Faces: which one is taken, how many there are, and when the detector may be skipped."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces import boxes
from probablyexists.faces.acquire import FLAT, NO_FACE, Face, FacesMode, FrameCheck, acquire, check_frames
from probablyexists.faces.boxes import Box, detect, detect_whole, frame_box
from probablyexists.faces.compiled import PICTURE_SIDE

SKY = (120, 140, 160)


def photo(person: int, number: int = 0, size: int = 192) -> NDArray[np.uint8]:
    return draw_photo(draw_person(11, person), number, size)


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def scene(width: int, height: int, *faces: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A plain picture with drawn people pasted in: (person, left, top, size)."""
    frame = Image.new("RGB", (width, height), SKY)
    for person, left, top, size in faces:
        frame.paste(Image.fromarray(photo(person, 0, size)), (left, top))
    return np.asarray(frame)


def face(data: bytes, mode: FacesMode) -> Face:
    found = acquire([data], mode)[0]
    assert isinstance(found, Face), found
    return found


def inside(box: Box | None, left: int, top: int, size: int) -> bool:
    assert box is not None
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return left < x < left + size and top < y < top + size


# --- detect ---------------------------------------------------------------------------------------------------------


def test_the_larger_of_two_faces_is_taken() -> None:
    found = detect(scene(700, 400, (0, 40, 100, 160), (1, 330, 60, 300)))
    assert found.n_faces == 2
    assert inside(found.box, 330, 60, 300)


def test_the_central_of_two_equal_faces_is_taken() -> None:
    found = detect(scene(900, 300, (0, 10, 50, 200), (1, 350, 50, 200)))
    assert found.n_faces == 2
    assert inside(found.box, 350, 50, 200)


def test_a_person_in_the_middle_wins_over_a_larger_one_at_the_edge() -> None:
    """200 against 240 pixels: area 0.69, but the edge costs exp(-(d / 0.5)^2) < 0.1 at d > 0.75."""
    found = detect(scene(1000, 300, (0, 0, 30, 240), (1, 400, 50, 200)))
    assert found.n_faces == 2
    assert inside(found.box, 400, 50, 200)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """(height, width) of every picture that the detector is given, and how often it doubles it."""
    detector = boxes._detector()
    given: list[tuple[int, int, int]] = []

    class Spy:
        def run(self, image: NDArray[np.uint8], doubled: int, stricter: float) -> object:
            given.append((*image.shape[:2], doubled))
            return detector.run(image, doubled, stricter)

    monkeypatch.setattr(boxes, "_detector", Spy)
    return given


def test_a_large_image_is_looked_at_reduced(looks: list[tuple[int, int, int]]) -> None:
    image = photo(0, size=1024)
    reduced = detect(image).box
    assert looks == [(256, 256, 0)]
    whole = detect_whole(image).box
    assert reduced is not None
    assert whole is not None
    assert inside(reduced, whole.left, whole.top, whole.right - whole.left)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (383, 500, [(500, 383, 0), (500, 383, 1), (500, 383, 1)]),
        (384, 500, [(250, 192, 0), (500, 384, 0), (500, 384, 1), (500, 384, 1)]),
        (501, 769, [(385, 251, 0), (769, 501, 0), (769, 501, 1), (769, 501, 1)]),
        (800, 768, [(192, 200, 0), (384, 400, 0), (768, 800, 0), (768, 800, 1), (768, 800, 1)]),
    ],
)
def test_where_no_face_is_seen_it_is_looked_at_ever_larger(
    looks: list[tuple[int, int, int]], width: int, height: int, expected: list[tuple[int, int, int]]
) -> None:
    assert detect(scene(width, height)).box is None
    assert looks == expected


def test_a_face_too_small_to_be_seen_reduced_wins_where_it_would_win_in_the_whole(
    looks: list[tuple[int, int, int]],
) -> None:
    """The large one is seen at half the size; its centre is 1.2 shorter sides from the middle: exp(-5.8) = 0.003."""
    found = detect(scene(2000, 600, (0, 0, 0, 560), (1, 900, 200, 200)))
    assert looks == [(300, 1000, 0), (600, 2000, 0)]
    assert found.n_faces == 2
    assert inside(found.box, 900, 200, 200)


def test_faces_too_small_to_be_taken_are_not_counted_in_a_large_image() -> None:
    image = scene(1024, 1024, (0, 200, 200, 800), (1, 0, 0, 160))
    assert detect_whole(image).n_faces == 2
    found = detect(image)
    assert found.n_faces == 1
    assert inside(found.box, 200, 200, 800)


def test_several_faces_are_counted_in_the_acquired_face() -> None:
    data = png(scene(700, 400, (0, 40, 100, 160), (1, 330, 60, 300)))
    assert face(data, "detect").n_faces == 2
    assert face(data, "aligned").n_faces == 0  # nobody asked the detector


def test_no_face_is_returned_not_raised() -> None:
    slope = np.asarray(Image.linear_gradient("L").convert("RGB"))
    found = acquire([png(slope)], "detect")[0]
    assert isinstance(found, ImageError)
    assert found.reason == NO_FACE == "no face found"
    assert isinstance(acquire([png(slope)], "aligned")[0], Face)


@pytest.mark.parametrize("mode", ["detect", "aligned"])
def test_a_black_picture_is_flat_and_no_face(mode: FacesMode) -> None:
    for picture in (np.zeros((128, 128, 3), np.uint8), scene(200, 200)):
        found = acquire([png(picture)], mode)[0]
        assert isinstance(found, ImageError)
        assert found.reason == FLAT == "flat picture"
    spotted = np.zeros((128, 128, 3), np.uint8)
    spotted[-1, -1, 2] = 1  # the pictures of an untrained network are nearly of one colour, and are audited
    kept = acquire([png(spotted)], "aligned")[0]
    assert isinstance(kept, Face)


@pytest.mark.parametrize("mode", ["detect", "aligned"])
def test_what_does_not_decode_is_returned_not_raised(mode: FacesMode) -> None:
    found = acquire([b"no image at all"], mode)[0]
    assert isinstance(found, ImageError)
    assert found.reason == "not an image"


# --- aligned --------------------------------------------------------------------------------------------------------


def test_frame_box_is_8_to_92_percent() -> None:
    assert frame_box((200, 100)) == Box(16, 8, 184, 92)


def test_with_and_without_the_detector_the_embeddings_agree(recogniser: DlibRecogniser) -> None:
    """On face crops the two ways of cutting give the same person far more often than not: cosine over 0.97."""
    detected, aligned = [], []
    for person in range(20):
        data = png(photo(person))
        found = acquire([data], "detect")[0]
        if isinstance(found, Face):
            detected.append(found.chip)
            aligned.append(face(data, "aligned").chip)
    assert len(detected) >= 15
    cosines = (recogniser.embed(np.stack(detected)) * recogniser.embed(np.stack(aligned))).sum(axis=1)
    assert np.median(cosines) > 0.99
    assert np.quantile(cosines, 0.2) > 0.95


def test_the_pictures_for_the_copy_check_are_the_small_grey_chip_and_frame() -> None:
    found = face(png(photo(2)), "aligned")
    assert found.chip.shape == (150, 150, 3)
    assert found.picture.shape == (2, PICTURE_SIDE, PICTURE_SIDE) == (2, 48, 48)
    grey = found.chip.astype(float) @ [0.299, 0.587, 0.114]
    assert abs(grey.mean() - found.picture[0].mean()) < 1.5
    frame = photo(2).astype(float) @ [0.299, 0.587, 0.114]
    assert abs(frame.mean() - found.picture[1].mean()) < 1.5


def test_the_picture_does_not_depend_on_the_recogniser() -> None:
    data = png(photo(2))
    other = acquire([data], "aligned", 112, "arcface")[0]
    assert isinstance(other, Face)
    assert other.chip.shape == (112, 112, 3)
    assert np.array_equal(other.picture, face(data, "aligned").picture)


@pytest.mark.parametrize(("size", "least"), [(32, 0.9), (48, 0.95), (64, 0.95)])
def test_small_images_are_enlarged_and_recognised(recogniser: DlibRecogniser, size: int, least: float) -> None:
    """12 people, 3 photos each: AUROC of same against different person."""
    people, photos = 12, 3
    chips = []
    for person in range(people):
        for number in range(photos):
            small = Image.fromarray(photo(person, number, 128)).resize((size, size), Image.Resampling.BOX)
            chips.append(face(png(np.asarray(small)), "aligned").chip)
    embeddings = recogniser.embed(np.stack(chips))
    who = np.repeat(np.arange(people), photos)
    one, other = np.triu_indices(len(who), 1)
    cosines = (embeddings @ embeddings.T)[one, other]
    same = who[one] == who[other]
    wins = cosines[same][:, None] > cosines[~same][None, :]
    assert wins.mean() >= least


# --- auto -----------------------------------------------------------------------------------------------------------


def test_crops_of_one_frame_are_aligned_without_the_detector() -> None:
    """Drawn crops whose pose is not extreme; of all drawn photos fewer agree than the 97 % asked for."""
    check = check_frames([png(photo(person)) for person in range(4, 16)])
    assert check.n_sampled == 12
    assert check.detectable
    assert check.square
    assert check.mode == "aligned"
    assert check.why == f"landmarks agree with and without the detector in {check.n_agree} of {check.n_found} sampled"


def test_small_faces_off_centre_need_the_detector() -> None:
    frames = [png(scene(500, 400, (person, 20 + 10 * person, 180, 160))) for person in range(8)]
    check = check_frames(frames)
    assert check.mode == "detect"
    assert check.n_agree == 0
    assert check.why == f"landmarks agree with and without the detector in only 0 of {check.n_found} sampled"


def test_where_the_detector_sees_nothing_the_shape_decides() -> None:
    squares = [png(scene(100, 100))] * 3
    assert check_frames(squares).mode == "aligned"
    assert check_frames(squares).why == "the detector sees a face in 0 of 3 sampled, square images of one size"
    mixed = [png(scene(100, 100)), png(scene(100, 120))]
    assert check_frames(mixed).mode == "detect"
    assert check_frames(mixed).why == "the detector sees a face in 0 of 2 sampled, images of different shapes"


def test_damaged_images_do_not_count_in_the_sample() -> None:
    assert check_frames([b"", b"no image", png(scene(100, 100))]).n_sampled == 1
    nothing = check_frames([b""])
    assert (nothing.n_sampled, nothing.n_found, nothing.square) == (0, 0, False)
    assert nothing.mode == "detect"


@pytest.mark.parametrize(
    ("found", "agree", "square", "mode"),
    [
        (100, 97, False, "aligned"),
        (100, 96, True, "detect"),
        (30, 30, False, "aligned"),
        (29, 29, False, "detect"),  # too few to go by
        (29, 0, True, "aligned"),
        (0, 0, True, "aligned"),
    ],
)
def test_the_rule_by_hand(found: int, agree: int, square: bool, mode: FacesMode) -> None:
    assert FrameCheck((*[True] * found, *[False] * (100 - found)), agree, square).mode == mode
