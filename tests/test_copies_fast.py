"""The copy check is fast and says what it always said: agreement with the plain way, and with itself."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import plain_copies as plain
from probablyexists.copies import normalised as pictures
from probablyexists.copies import registration
from probablyexists.copies.alike import alike
from probablyexists.copies.blocks import Portions
from probablyexists.copies.registration import REGISTRATION, SCREENS
from probablyexists.copies.search import AT_LEAST, Matches, correlate, find, find_all, find_apart
from test_copies import EDITS, drawn, picture

Pictures = NDArray[np.uint8]
N = 60
SHIFTS = 2 * pictures.REACH + 1
EITHER = (None, AT_LEAST)
"""All correlations, or those that can be copies."""


@pytest.fixture(scope="module")
def training() -> Pictures:
    return np.stack([picture(drawn(person, 0)) for person in range(N)])


@pytest.fixture(scope="module")
def asked() -> Pictures:
    """Edited training photos, other photos of the same people, and photos of strangers."""
    edited = [edit(drawn(person, 0)) for person, edit in enumerate(EDITS.values())]
    others = [picture(drawn(person, 1)) for person in range(20)]
    strangers = [picture(drawn(person, 0)) for person in range(100, 130)]
    return np.stack(edited + others + strangers)


compiled_only = pytest.mark.skipif(alike() is None, reason="the package was built without a C compiler")


@pytest.fixture(params=[pytest.param("compiled", marks=compiled_only), "NumPy"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "NumPy":
        monkeypatch.setattr(pictures, "alike", lambda: None)


def grey(n: int, seed: int = 0) -> Pictures:
    """Blurred noise from 0 to 255, some of it cut off."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(n, 48, 48)), (0, 1.5, 1.5))
    return (noise * 400 + 128).clip(0, 255).astype(np.uint8)


def same(a: Matches, b: Matches) -> bool:
    return np.array_equal(a.correlation, b.correlation) and np.array_equal(a.index, b.index)


# --- the plain way --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("either_way")
def test_normalised_pictures_agree(asked: Pictures) -> None:
    """The fast one leaves the last slight blur to those who compare."""
    for shown in (asked[:, 0], asked[:, 1], grey(20)):
        blurred = gaussian_filter(pictures.normalise(shown), (0, pictures.SMOOTH, pictures.SMOOTH))
        np.testing.assert_allclose(blurred, plain.normalise(shown), atol=2e-5)


@pytest.mark.usefixtures("either_way")
def test_hashes_agree_bit_by_bit(asked: Pictures) -> None:
    """Without that blur, and without looking at the mirror image."""
    for shown in (asked[:, 0], asked[:, 1], grey(20)):
        fast = pictures.hashes(pictures.lowest(pictures.normalise(shown)))
        assert np.array_equal(fast[:, 0], plain.hashes(plain.normalise(shown)))
        assert np.array_equal(fast[:, 1], plain.hashes(plain.normalise(shown[:, :, ::-1])))


@pytest.mark.usefixtures("either_way")
def test_correlations_agree_for_pictures_and_their_mirror_images() -> None:
    a, b = grey(30), grey(30, seed=1)
    b[:10], b[10:20] = np.roll(a[:10], (2, -3), axis=(1, 2)), a[10:20, :, ::-1]
    windows, core = pictures.windows(pictures.normalise(b)), pictures.cores(pictures.normalise(a))
    rows = np.arange(30)
    for mirrored, theirs in ((False, a), (True, a[:, :, ::-1])):
        expected = plain.shifted_correlation(plain.normalise(theirs), plain.normalise(b))
        np.testing.assert_allclose(windows.correlation(core, rows, rows, mirrored)[0], expected, atol=5e-6)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("turn", [0.0, -5.0, 2.5])
@pytest.mark.parametrize("scale", [0.9, 1.0, 1.05])
def test_turned_and_scaled_pictures_agree(turn: float, scale: float) -> None:
    np.testing.assert_allclose(pictures.warp(grey(5), turn, scale), plain.warp(grey(5), turn, scale), atol=1e-3)


def test_with_a_turn_its_opposite_is_tried() -> None:
    """Then a mirror image is found as well as the picture."""
    for warps in [warps for _, warps in REGISTRATION] + [screen.trial for screen in SCREENS]:
        assert {(-turn, scale) for turn, scale in warps} == set(warps)


@pytest.mark.usefixtures("either_way")
def test_the_same_is_found(training: Pictures, asked: Pictures) -> None:
    fast, slow = find(asked, training), plain.find(asked, training)
    np.testing.assert_allclose(fast.correlation, slow.correlation, atol=1e-5)
    assert np.array_equal(fast.index, slow.index)


def test_the_same_pairs_are_found(training: Pictures, asked: Pictures) -> None:
    fast, slow = find_all(asked, training, 0.6), plain.find_all(asked, training, 0.6)
    assert fast.keys() == slow.keys()
    assert len(fast) > len(EDITS)
    np.testing.assert_allclose([fast[pair] for pair in slow], list(slow.values()), atol=1e-5)


@pytest.mark.usefixtures("either_way")
def test_pairs_given_correlate_as_before(training: Pictures, asked: Pictures) -> None:
    n = len(training)
    np.testing.assert_allclose(correlate(asked[:n], training), plain.correlate(asked[:n], training), atol=1e-5)


def test_apart_is_part_by_part(training: Pictures, asked: Pictures) -> None:
    """One part against all the others, in turn."""
    together = np.concatenate([training, asked])
    part = np.arange(len(together)) % 5
    found = find_apart(together, part)
    for p in range(5):
        alone = find(together[part == p], together[part != p])
        assert np.array_equal(found.correlation[part == p], alone.correlation)
        assert np.array_equal(found.index[part == p], np.flatnonzero(part != p)[alone.index])


def test_apart_with_nothing_else() -> None:
    found = find_apart(grey(3)[:, None], np.zeros(3, int))
    assert (found.index.tolist(), found.correlation.tolist()) == ([-1] * 3, [-1.0] * 3)


def test_beside_a_window_only_the_nine_around_it_are_looked_at() -> None:
    """At the edge, the nine that are there."""
    a, b = grey(1), grey(1, seed=1)
    windows, core, one = pictures.windows(pictures.normalise(b)), pictures.cores(pictures.normalise(a)), np.array([0])
    middle = np.arange(SHIFTS**2, dtype=np.int32)
    near = [windows.correlation(core, one, one, False, middle[[i]]) for i in range(SHIFTS**2)]
    inside = [7 * min(max(i // 7, 1), 5) + min(max(i % 7, 1), 5) for i in range(SHIFTS**2)]
    assert [near[i] for i in inside] == near
    whole, where = windows.correlation(core, one, one, False)
    assert max(correlation for correlation, _ in near) == whole
    for i, (correlation, found) in zip(inside, near, strict=True):
        assert max(abs(found[0] // 7 - i // 7), abs(found[0] % 7 - i % 7)) <= 1
        reaches = max(abs(where[0] // 7 - i // 7), abs(where[0] % 7 - i % 7)) <= 1
        assert (correlation == whole) == reaches


# --- without a C compiler -------------------------------------------------------------------------------------------


def test_where_there_is_a_compiler_the_package_is_compiled() -> None:
    """Else the other tests would compare NumPy with NumPy. After a change of alike.c: pip install -e ."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not compiler or shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    assert alike() is not None


@pytest.mark.parametrize("at_least", EITHER)
def test_without_a_compiler_the_same_copies_are_found(
    training: Pictures, asked: Pictures, at_least: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = find(asked, training, at_least=at_least)
    monkeypatch.setattr(pictures, "alike", lambda: None)
    slower = find(asked, training, at_least=at_least)
    np.testing.assert_allclose(slower.correlation, compiled.correlation, atol=3e-6)
    assert np.array_equal(slower.index, compiled.index)
    assert np.array_equal(slower.correlation >= AT_LEAST, compiled.correlation >= AT_LEAST)


# --- from a threshold on --------------------------------------------------------------------------------------------


def test_from_a_threshold_on_the_same_copies_are_found(training: Pictures, asked: Pictures) -> None:
    """And no correlation is higher than without it."""
    whole, screened = find(asked, training), find(asked, training, at_least=AT_LEAST)
    copies = whole.correlation >= AT_LEAST
    assert copies.sum() >= len(EDITS) - 1
    assert np.array_equal(screened.correlation >= AT_LEAST, copies)
    assert np.array_equal(screened.index[copies], whole.index[copies])
    assert (screened.correlation <= whole.correlation).all()


def test_what_cannot_reach_the_threshold_is_left_early(
    training: Pictures, asked: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of strangers' photos, at most a tenth as many pairs are turned and scaled."""
    normalised: list[int] = []

    def counted(shown: Pictures | NDArray[np.float32]) -> NDArray[np.float32]:
        normalised.append(len(shown))
        return pictures.normalise(shown)

    monkeypatch.setattr(registration, "normalise", counted)
    find(asked[-30:], training)
    whole = sum(normalised)
    find(asked[-30:], training, at_least=AT_LEAST)
    assert sum(normalised) - whole <= whole / 10


def test_pairs_of_one_picture_are_found_from_a_threshold_on(training: Pictures, asked: Pictures) -> None:
    slow = plain.find_all(asked, training, AT_LEAST)
    assert find_all(asked, training, AT_LEAST).keys() == slow.keys()


# --- itself ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "chunk"), [(1, 1024), (7, 1024), (64, 5), (3, 10)])
@pytest.mark.parametrize("at_least", EITHER)
def test_blocks_change_nothing(
    training: Pictures, asked: Pictures, block: int, chunk: int, at_least: float | None
) -> None:
    """Not by a bit: the correlations are equal, not nearly equal."""
    whole, apart = find(asked, training, threads=1, at_least=at_least), correlate(asked[:N], training)
    portions = Portions(chunk=chunk, block=block)
    assert same(find(asked, training, at_least=at_least, portions=portions), whole)
    assert np.array_equal(correlate(asked[:N], training, portions=portions), apart)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("at_least", EITHER)
def test_threads_change_nothing(training: Pictures, asked: Pictures, threads: int, at_least: float | None) -> None:
    assert same(find(asked, training, threads, at_least=at_least), find(asked, training, at_least=at_least))


@pytest.mark.parametrize("at_least", EITHER)
def test_the_order_changes_nothing(training: Pictures, asked: Pictures, at_least: float | None) -> None:
    order = np.random.default_rng(0).permutation(len(asked))
    whole = find(asked, training, at_least=at_least)
    reordered = Matches(whole.correlation[order], whole.index[order])
    assert same(find(asked[order], training, at_least=at_least), reordered)


@pytest.mark.parametrize("at_least", EITHER)
def test_references_that_are_too_many_to_hold_are_compared_alike(
    training: Pictures, asked: Pictures, at_least: float | None
) -> None:
    part, portions = np.arange(len(asked)) % 3, Portions(chunk=20, held=10)
    whole, apart = find(asked, training, at_least=at_least), find_apart(asked, part, at_least=at_least)
    assert same(find(asked, training, at_least=at_least, portions=portions), whole)
    assert same(find_apart(asked, part, at_least=at_least, portions=portions), apart)


def test_pictures_on_disk_are_compared_alike(training: Pictures, asked: Pictures, tmp_path: Path) -> None:
    np.save(tmp_path / "training.npy", training)
    np.save(tmp_path / "asked.npy", asked)
    on_disk = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("asked", "training")]
    assert same(find(*on_disk), find(asked, training))


def test_a_mirror_image_is_found_as_the_picture_is(training: Pictures, asked: Pictures) -> None:
    """Whichever of the two is mirrored; only the order of sums differs."""
    whole = find(asked, training)
    for a, b in ((asked[..., ::-1], training), (asked, training[..., ::-1]), (asked[..., ::-1], training[..., ::-1])):
        found = find(a, b)
        np.testing.assert_allclose(found.correlation, whole.correlation, atol=5e-6)
        assert np.array_equal(found.index, whole.index)
