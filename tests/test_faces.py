"""Faces: which one is taken, how many there are, and when the detector may be skipped."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.errors import ImageError
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces import boxes, placing, settling
from probablyexists.faces.acquire import FLAT, NO_FACE, Face, acquire
from probablyexists.faces.boxes import Box, detect, detect_whole, frame_box
from probablyexists.faces.compiled import PICTURE_SIDE
from probablyexists.faces.landmarks import landmarks
from probablyexists.faces.placing import FacesMode, place
from probablyexists.faces.settling import by_numpy, implied_boxes, settled

SKY = (120, 140, 160)
MODES: tuple[FacesMode, ...] = get_args(FacesMode)


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


def test_a_detector_is_made_once_for_each_thread_that_looks_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each embedding starts threads of its own; a detector for each took longer than the faces of 100 photos."""
    monkeypatch.setattr(boxes, "_idle", [])
    image = scene(200, 200)
    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            assert {its.n_faces for its in pool.map(detect, [image] * 4)} == {0}
    assert len(boxes._idle) <= 2
    with boxes.a_detector() as one, boxes.a_detector() as other:
        assert one is not other


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """(height, width) of every picture that the detector is given, and how often it doubles it."""
    with boxes.a_detector() as detector:
        pass
    given: list[tuple[int, int, int]] = []

    class Spy:
        def run(self, image: NDArray[np.uint8], doubled: int, stricter: float) -> object:
            given.append((*image.shape[:2], doubled))
            return detector.run(image, doubled, stricter)

    monkeypatch.setattr(boxes, "_idle", [Spy()])
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


@pytest.mark.parametrize("mode", MODES)
def test_a_black_picture_is_flat_and_no_face(mode: FacesMode) -> None:
    for picture in (np.zeros((128, 128, 3), np.uint8), scene(200, 200)):
        found = acquire([png(picture)], mode)[0]
        assert isinstance(found, ImageError)
        assert found.reason == FLAT == "flat picture"
    spotted = np.zeros((128, 128, 3), np.uint8)
    spotted[-1, -1, 2] = 1  # the pictures of an untrained network are nearly of one colour, and are audited
    kept = acquire([png(spotted)], "aligned")[0]
    assert isinstance(kept, Face)


@pytest.mark.parametrize("mode", MODES)
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


def clouds(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """Noise whose amplitudes fall with frequency as in photos: nobody's face."""
    waves = np.fft.fft2(np.random.default_rng(seed).normal(size=(height, width)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(width), np.fft.fftfreq(height)))
    frequency[0, 0] = np.inf
    grey = np.fft.ifft2(waves / frequency**1.2).real
    return np.repeat(np.uint8(255 * (grey - grey.min()) / np.ptp(grey))[..., None], 3, axis=2)


def points(image: NDArray[np.uint8], mode: FacesMode) -> NDArray[np.float64]:
    (found,) = place([image], mode)
    assert found is not None
    return found.points


def test_crops_are_taken_on_their_frame_as_with_aligned() -> None:
    crops = [png(photo(person)) for person in range(4, 12)]
    found, framed = ([face(crop, mode) for crop in crops] for mode in MODES[::2])
    assert [its.n_faces for its in found] == [0] * len(crops)
    same = [np.array_equal(one.chip, other.chip) for one, other in zip(found, framed, strict=True)]
    assert sum(same) >= 6  # the others' landmarks moved, and came to rest


def test_in_a_photo_with_room_around_the_face_the_right_face_is_taken() -> None:
    """The frame's landmarks are beside the face; `aligned` takes them, `auto` does not."""
    for person in range(4):
        image = scene(420, 400, (person, 20 + 10 * person, 180, 160))
        right, found, wrong = points(image, "detect"), points(image, "auto"), points(image, "aligned")
        eyes = np.linalg.norm(right[0] - right[2])
        assert np.linalg.norm(found - right, axis=1).mean() < 0.1 * eyes
        assert np.linalg.norm(wrong - right, axis=1).mean() > 0.3 * eyes


def test_a_face_with_room_around_it_is_found_from_the_middle_without_the_detector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for person in (4, 5, 8):
        image = scene(320, 320, (person, 60, 60, 200))
        (found,), right = settled([image]), points(image, "detect")
        assert found is not None
        assert np.linalg.norm(found - right, axis=1).mean() < 0.05 * np.linalg.norm(right[0] - right[2])
        with monkeypatch.context() as patched:
            patched.setattr(settling, "MIDDLE", boxes.FRAME_MARGIN)
            assert settled([image]) == [None]


def test_landmarks_settle_in_compiled_code_where_they_do_in_numpy() -> None:
    images = [scene(220 + 9 * i, 230, (i, 2 * i, 60 - 5 * i, 150 + 4 * i)) for i in range(12)]
    images += (
        [photo(i) for i in range(8)] + [clouds(i, 200, 240) for i in range(6)] + [np.zeros((192, 192, 3), np.uint8)]
    )
    starts = [
        [boxes.frame_box((image.shape[1], image.shape[0]), margin) for image in images]
        for margin in (boxes.FRAME_MARGIN, settling.MIDDLE)
    ]
    slower = by_numpy(images, starts)
    assert 5 < sum(its is None for its in slower) < 20
    for ours, theirs in zip(settled(images), slower, strict=True):
        assert (ours is None) == (theirs is None)
        assert ours is None or np.array_equal(ours, theirs)
    assert settled([]) == []


def test_crops_and_photos_in_one_folder_are_each_taken_by_their_own_rule() -> None:
    """64 images of a source used to decide for all of them."""
    crop, wide = png(photo(4)), png(scene(700, 400, (0, 40, 100, 160), (1, 330, 60, 300)))
    found = acquire([crop, wide, crop], "auto")
    assert [its.n_faces for its in found if isinstance(its, Face)] == [0, 2, 0]


def test_an_image_does_not_depend_on_the_others_of_its_batch() -> None:
    files = [
        png(photo(4)),
        png(scene(420, 400, (1, 30, 180, 160))),
        b"no image",
        png(clouds(0, 256, 256)),
        png(scene(100, 100)),
        png(photo(0, 1, 64)),
        png(scene(700, 400, (0, 40, 100, 160), (1, 330, 60, 300))),
    ]
    together = acquire(files, "auto")
    turned = acquire(files[::-1], "auto")[::-1]
    for data, one, other in zip(files, together, turned, strict=True):
        (alone,) = acquire([data], "auto")
        for found in (one, other):
            if isinstance(alone, ImageError):
                assert isinstance(found, ImageError)
                assert found.reason == alone.reason
            else:
                assert isinstance(found, Face)
                assert np.array_equal(found.chip, alone.chip)
                assert np.array_equal(found.picture, alone.picture)
                assert found.n_faces == alone.n_faces
    assert [isinstance(its, ImageError) for its in together] == [False, False, True, True, True, False, False]


@pytest.mark.parametrize(("width", "height"), [(256, 256), (193, 240), (256, 192)])
def test_a_photo_without_a_face_has_no_face_found(width: int, height: int) -> None:
    slope = np.asarray(Image.linear_gradient("L").convert("RGB").resize((width, height)))
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for image in (slope, noise, *(clouds(seed, width, height) for seed in range(4))):
        (found,) = acquire([png(image)], "auto")
        assert isinstance(found, ImageError)
        assert found.reason == NO_FACE


@pytest.mark.parametrize("size", [32, 128])
def test_a_small_square_sample_is_kept_though_no_face_is_seen_in_it(size: int) -> None:
    """As generators make them; whether the samples show faces is measured on the samples."""
    noise = png(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))
    assert isinstance(acquire([noise], "detect")[0], ImageError)
    kept, framed = face(noise, "auto"), face(noise, "aligned")
    assert np.array_equal(kept.chip, framed.chip)
    assert kept.n_faces == 0


def test_pictures_of_a_camera_go_to_the_detector_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """4:3 and wider or taller are no crops; nor is a strip."""
    monkeypatch.setattr(placing, "settled", lambda images: [None for image in images if 1 / 0])
    for width, height in ((400, 300), (300, 400), (533, 300), (192, 900)):
        image = scene(width, height, (2, 20, 20, 160))
        (found,) = place([image], "auto")
        assert found is None or found.n_faces == 1


def test_tiny_and_long_pictures_have_a_face_or_a_reason() -> None:
    draw = np.random.default_rng(1)
    for width, height in ((16, 16), (16, 50), (70, 20), (31, 24)):
        image = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
        (found,) = acquire([png(image)], "auto")
        assert isinstance(found, Face) or found.reason == NO_FACE


def test_the_box_that_landmarks_imply() -> None:
    """Eyes' centres at (10, 20) and (50, 20): 40 apart. Mean of the points (30, 22), centre (31, 38.4), side 101.6."""
    eyes_and_nose = [[55, 20], [45, 20], [5, 20], [15, 20], [30, 30]]
    assert implied_boxes(np.array([eyes_and_nose, np.zeros((5, 2))], float)) == [Box(-20, -12, 82, 89), Box(0, 0, 0, 0)]


def test_the_implied_box_is_near_the_detectors() -> None:
    """Each edge within a quarter of its side: dlib's boxes come in steps of 1.2 in side, and drawn noses are short."""
    for person in range(5):
        image = photo(person)
        box = detect(image).box
        if box is not None:
            (implied,) = implied_boxes(landmarks([image], [box]))
            edges = np.subtract(
                (implied.left, implied.top, implied.right, implied.bottom), (box.left, box.top, box.right, box.bottom)
            )
            assert np.abs(edges).max() < 0.25 * (box.right - box.left)
