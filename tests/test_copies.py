"""Copies: edited photos are found, other photos of the same person are not, and the threshold is worked out by hand."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter

from probablyexists.answers.copying import copies, find_copies
from probablyexists.copies.blocks import Portions
from probablyexists.copies.normalised import REACH, SMOOTH, cores, hashes, lowest, normalise, windows
from probablyexists.copies.search import AT_LEAST, correlate, find, find_all, threshold
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import Face, acquire
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.sources.listing import Photo

Pictures = NDArray[np.uint8]
N = 40


def shifted_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) largest correlation of each normalised picture of `a`, its border cut, with the same of `b` shifted."""
    return windows(b).correlation(cores(a), np.arange(len(b)), np.arange(len(b)), False)[0]


def picture(image: Image.Image, kind: str = "PNG", **options: object) -> Pictures:
    """The two small grey pictures that the copy check sees of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    (face,) = acquire([buffer.getvalue()], "aligned")
    assert isinstance(face, Face)
    return face.picture


@functools.cache
def drawn(person: int, photo: int) -> Image.Image:
    return Image.fromarray(draw_photo(draw_person(21, person), photo, 128))


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    """One photo of each of 40 people: the training photos."""
    return [drawn(person, 0) for person in range(N)]


@pytest.fixture(scope="module")
def training(photos: list[Image.Image]) -> Pictures:
    return np.stack([picture(photo) for photo in photos])


@pytest.fixture(scope="module")
def limit(training: Pictures) -> float:
    """Set on 120 strangers and on two photos of each of them, of which one pair may reach it."""
    strangers = np.stack([picture(drawn(person, 0)) for person in range(100, 220)])
    again = np.stack([picture(drawn(person, 1)) for person in range(100, 220)])
    return threshold(find(strangers, training).correlation, correlate(strangers, again)).value


def cropped(photo: Image.Image, share: float) -> Image.Image:
    """10 % of the width and height cut away, or added by repeating the edge."""
    by = round(abs(share) * photo.width / 2)
    if share > 0:
        return ImageOps.crop(photo, by)
    padded = np.pad(np.asarray(photo), ((by, by), (by, by), (0, 0)), mode="edge")
    return Image.fromarray(padded)


EDITS: dict[str, Callable[[Image.Image], Pictures]] = {
    "the same": picture,
    "re-encoded": lambda photo: picture(photo, "JPEG", quality=50),
    "as WebP": lambda photo: picture(photo, "WEBP", quality=60),
    "reduced": lambda photo: picture(photo.resize((90, 90), Image.Resampling.LANCZOS)),
    "enlarged": lambda photo: picture(photo.resize((256, 256), Image.Resampling.BICUBIC)),
    "mirrored": lambda photo: picture(ImageOps.mirror(photo)),
    "cropped 10 %": lambda photo: picture(cropped(photo, 0.1)),
    "widened 10 %": lambda photo: picture(cropped(photo, -0.1)),
    "brighter": lambda photo: picture(ImageEnhance.Brightness(photo).enhance(1.2)),
    "darker": lambda photo: picture(ImageEnhance.Brightness(photo).enhance(0.7)),
    "less contrast": lambda photo: picture(ImageEnhance.Contrast(photo).enhance(0.7)),
    "grey": lambda photo: picture(photo.convert("L")),
    "mirrored, reduced, re-encoded": lambda photo: picture(
        ImageOps.mirror(photo).resize((96, 96), Image.Resampling.LANCZOS), "JPEG", quality=60
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_photos_are_found(photos: list[Image.Image], training: Pictures, limit: float, edit: str) -> None:
    """At least 18 of 20 of each kind (an edit may mislead the landmarks), each as the photo that it is."""
    found = find(np.stack([EDITS[edit](photo) for photo in photos[:20]]), training)
    copies = found.correlation >= limit
    assert copies.sum() >= 18
    assert found.index[copies].tolist() == np.flatnonzero(copies).tolist()


def test_other_photos_of_the_same_people_are_no_copies(training: Pictures, limit: float) -> None:
    """At most 1 in 16: drawn people keep their hair and their smooth skin, so theirs are more alike than real ones."""
    others = np.stack([picture(drawn(person, photo)) for person in range(N) for photo in (1, 2)])
    assert (find(others, training).correlation >= limit).sum() <= 5


def test_strangers_are_no_copies(training: Pictures, limit: float) -> None:
    strangers = np.stack([picture(drawn(person, 0)) for person in range(300, 380)])
    assert (find(strangers, training).correlation >= limit).sum() == 0


def test_every_pair_above_a_value(photos: list[Image.Image], training: Pictures) -> None:
    """Two edits of one photo in the references: both pairs are found."""
    references = np.concatenate([training, EDITS["mirrored"](photos[3])[None], EDITS["darker"](photos[3])[None]])
    pairs = find_all(training[[3, 8]], references, 0.9)
    assert {(0, 3), (0, N), (0, N + 1), (1, 8)} == {pair for pair, _ in pairs.items() if pair[1] in (3, 8, N, N + 1)}
    assert pairs[0, 3] == pytest.approx(1.0, abs=1e-5)


# --- the parts ------------------------------------------------------------------------------------------------------


def smooth(n: int, seed: int = 0) -> NDArray[np.float32]:
    x = np.random.default_rng(seed).normal(size=(n, 48, 48))
    return np.asarray(gaussian_filter(x, (0, 1.5, 1.5)), dtype=np.float32)


def test_correlation_equals_the_plain_one_over_all_shifts() -> None:
    """numpy's corrcoef of the cut-out middle with each of the 49 windows, all slightly blurred; the largest."""
    a, b = smooth(5), smooth(5, seed=1)
    b[0] = a[0]
    b[1] = np.roll(a[1], (2, -3), axis=(0, 1))
    inner = 48 - 2 * REACH
    expected = []
    for x, y in zip(*(gaussian_filter(of, (0, SMOOTH, SMOOTH)) for of in (a, b)), strict=True):
        core = x[REACH : REACH + inner, REACH : REACH + inner].ravel()
        windows = [y[i : i + inner, j : j + inner].ravel() for i in range(7) for j in range(7)]
        expected.append(max(np.corrcoef(core, w)[0, 1] for w in windows))
    found = shifted_correlation(a, b)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[:2].tolist() == pytest.approx([1, 1], abs=1e-3)  # the blur draws in what was rolled over the edge


def test_a_picture_without_any_detail_is_like_nothing() -> None:
    flat = np.full((2, 48, 48), 128, np.uint8)
    with np.errstate(all="raise"):
        assert np.abs(shifted_correlation(normalise(flat), smooth(2))).max() < 0.1
        assert np.abs(shifted_correlation(smooth(2), normalise(flat))).max() < 0.1
        assert np.abs(shifted_correlation(normalise(flat), normalise(flat))).max() < 0.1


def test_brightness_and_contrast_do_not_matter(training: Pictures) -> None:
    """Half the contrast and 60 grey levels more: nearly the same normalised picture."""
    chips = training[:5, 0]
    faint = (chips * 0.5 + 60).astype(np.uint8)
    assert shifted_correlation(normalise(chips), normalise(faint)).min() > 0.95


def test_a_hash_has_256_bits_and_differs_between_pictures() -> None:
    """And so for mirror images."""
    found = hashes(lowest(smooth(10))).reshape(-1, 32)
    assert found.shape == (20, 32)
    bits = np.unpackbits(found, axis=1)
    apart = [(bits[i] != bits[j]).sum() for i in range(20) for j in range(i)]
    assert 90 < min(apart) <= max(apart) < 166  # about half of the 256


def test_the_answer_does_not_depend_on_how_many_are_asked_at_once(training: Pictures) -> None:
    queries = np.concatenate([training[5:15, :, :, ::-1], training[::3]])
    whole = find(queries, training)
    parts = find(queries, training, portions=Portions(chunk=4))
    assert np.array_equal(whole.index, parts.index)
    np.testing.assert_allclose(whole.correlation, parts.correlation, atol=2e-6)


def test_identical_references_give_the_first() -> None:
    one = (smooth(1) * 300 + 128).clip(0, 255).astype(np.uint8)[:, None]
    assert find(one, np.repeat(one, 3, axis=0)).index.tolist() == [0]


def test_nothing_to_compare_with(training: Pictures) -> None:
    nothing = find(training[:2], training[:0])
    assert (nothing.index.tolist(), nothing.correlation.tolist()) == ([-1, -1], [-1.0, -1.0])
    assert find(training[:0], training).index.size == 0
    assert find_all(training[:2], training[:0], 0.5) == {}
    assert correlate(training[:0], training[:0]).size == 0


# --- the threshold --------------------------------------------------------------------------------------------------

NOBODY = np.array([])


def falling(n: int) -> NDArray[np.float64]:
    """0.99, then steps down to 0.5: all different."""
    return np.linspace(0.99, 0.5, n)


@pytest.mark.parametrize(
    ("n", "may_reach", "resolvable"),
    [
        (10, 0, False),
        (998, 0, False),
        (999, 0, True),  # floor(1000 / 1000) - 1 = 0
        (1998, 0, True),
        (1999, 1, True),  # floor(2000 / 1000) - 1 = 1
        (2999, 2, True),
    ],
)
def test_how_many_strangers_may_reach_the_threshold(n: int, may_reach: int, resolvable: bool) -> None:
    strangers = np.random.default_rng(n).permutation(falling(n))
    found = threshold(strangers, NOBODY)
    assert (strangers >= found.value).sum() == may_reach
    assert (found.n_heldout, found.resolvable) == (n, resolvable)
    # the smallest such threshold: a hair lower, and one more would reach it
    assert (strangers >= np.nextafter(found.value, 0)).sum() == may_reach + 1


def test_by_hand() -> None:
    assert threshold(np.array([0.3, 0.95, 0.2]), NOBODY).value == np.nextafter(0.95, 1)
    assert threshold(falling(1999), NOBODY).value == np.nextafter(falling(1999)[1], 1)


@pytest.mark.parametrize(("n", "may_reach"), [(1, 0), (99, 0), (100, 1), (199, 1), (200, 2)])
def test_how_many_photos_of_the_same_person_may_reach_the_threshold(n: int, may_reach: int) -> None:
    found = threshold(np.full(1000, 0.2), falling(n))
    assert (falling(n) >= found.value).sum() == may_reach


def test_no_threshold_below_the_least() -> None:
    assert threshold(np.full(2000, 0.1), np.full(200, 0.3)).value == AT_LEAST
    assert threshold(NOBODY, NOBODY).value == AT_LEAST
    assert not threshold(NOBODY, NOBODY).resolvable


def test_strangers_that_tie_stay_out_together() -> None:
    """1,999 strangers, one may reach the threshold; but the two highest tie, so none does."""
    strangers = falling(1999)
    strangers[1] = strangers[0]
    assert (strangers >= threshold(strangers, NOBODY).value).sum() == 0


def test_the_stricter_of_both_rates_holds() -> None:
    strangers, same = np.full(999, 0.90), np.full(50, 0.95)
    assert threshold(strangers, same).value == np.nextafter(0.95, 1)
    assert threshold(same.repeat(20), strangers[:50]).value == np.nextafter(0.95, 1)


STUDIO = 0
"""A person who is always photographed alike, as passport photos are: all photos of theirs are three fifths one."""


def photo_of(person: int, photo: int) -> Image.Image:
    own = drawn(person, photo)
    return Image.blend(own, drawn(person, 0), 0.6) if person == STUDIO else own


def crowd(owned: list[tuple[int, int]]) -> Crowd:
    """Drawn photos (person, photo) as the answers get them; embeddings play no part."""
    table = Embedded(
        tuple(Photo(f"{person}/{photo}.png", f"person-{person}") for person, photo in owned),
        tuple(f"{person}/{photo}".encode() for person, photo in owned),
        np.tile(np.eye(1, 4, dtype=np.float32), (len(owned), 1)),
        np.stack([picture(photo_of(person, photo)) for person, photo in owned]),
        np.zeros(len(owned), np.int32),
        (),
        len(owned),
    )
    return Crowd(table, group(table))


def test_new_photos_of_somebody_with_many_photos_alike_are_no_copies() -> None:
    """The threshold that held-out people's few photos set is not theirs; a copy is found all the same."""
    training = crowd([(STUDIO, photo) for photo in range(1, 121)] + [(person, 0) for person in range(1, 6)])
    heldout = crowd([(person, photo) for person in range(100, 160) for photo in range(4)])
    new = [(STUDIO, photo) for photo in range(500, 540)]
    generated = crowd([*new, (STUDIO, 7), (3, 0)]).table
    found = find_copies(training, heldout, generated)
    assert int((found.matches.correlation[: len(new)] >= found.threshold.value).sum()) >= 10
    # At most 1 in 100 new photos: of 40, two or more would be chance in one test of twenty.
    assert int(found.is_copy[: len(new)].sum()) <= 1
    assert found.is_copy[len(new) :].all()


def test_without_copies_the_highest_correlation_is_still_reported() -> None:
    """Samples are left early where they cannot be copies; then the most alike are compared in every way."""
    training = crowd([(person, 0) for person in range(1, 11)])
    heldout = crowd([(person, photo) for person in range(100, 106) for photo in range(2)])
    generated = crowd([(person, 0) for person in range(300, 308)]).table
    found = find_copies(training, heldout, generated)
    assert not found.is_copy.any()
    whole = find(generated.pictures, training.table.pictures)
    assert np.array_equal(found.matches.correlation, whole.correlation)
    assert copies(found, heldout, fair=True).highest == whole.correlation.max()
