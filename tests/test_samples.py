"""How many samples there are, how many differ, which show a face, and what fewer of them would have told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import betabinom

import probablyexists
from drawn_world import World, save
from probablyexists.answers import membership as answer_1
from probablyexists.answers.copying import CopyMatches, copies, independent_share
from probablyexists.answers.naming import Named, name_people, naming
from probablyexists.answers.rows import Labels
from probablyexists.answers.sampling import curve, face_variety, sampling, unseen_rate
from probablyexists.answers.view import View
from probablyexists.attacks.nearest import NearestSample
from probablyexists.cli.summary import summary
from probablyexists.copies.search import Matches, threshold
from probablyexists.embeddings.embed import Embedded, SetAside
from probablyexists.intake.faces_seen import FacesSeen, drawn, faces_seen
from probablyexists.matching.cosines import similarities
from probablyexists.matching.crowd import Crowd, Photos
from probablyexists.matching.repeats import SAME, content_hashes, distinct_pictures, standing
from probablyexists.matching.templates import People
from probablyexists.report.contact import contact_sheet
from probablyexists.results.findings import RoleData
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import open_source
from probablyexists.stats.estimate import Estimate, Unresolvable
from test_report import Page
from test_verdict import ruling

Vectors = NDArray[np.float32]


def unit(x: NDArray[np.floating]) -> Vectors:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)


# --- distinct pictures ----------------------------------------------------------------------------------------------


def near_identical(draw: np.random.Generator, pictures: int, repeats: int) -> Vectors:
    """Repeats with a cosine of about 0.9995 with one another."""
    base = np.repeat(unit(draw.normal(size=(pictures, 64))), repeats, axis=0)
    return unit(base + draw.normal(0, 0.002, base.shape))


@pytest.mark.parametrize(("pictures", "repeats"), [(1, 600), (200, 50), (3000, 1), (0, 1), (1, 1)])
def test_near_identical_samples_are_one_picture(pictures: int, repeats: int) -> None:
    samples = near_identical(np.random.default_rng(0), pictures, repeats)
    found = distinct_pictures(samples)
    assert len(standing(found)) == pictures
    # All repeats of a picture are one, and no others are.
    assert np.array_equal(np.unique(found // max(1, repeats)), np.arange(pictures))
    assert np.array_equal(found // repeats, np.arange(len(samples)) // repeats)


def test_the_order_of_the_samples_does_not_change_what_is_distinct() -> None:
    """Also where the repeats form a chain, so that which sample comes first decides who is joined to whom."""
    draw = np.random.default_rng(1)
    steps = draw.normal(0, 0.02, (400, 8)).cumsum(axis=0) + 1.0
    samples = np.concatenate([unit(steps), unit(steps[::7]), unit(draw.normal(size=(1500, 8)))])
    found = samples[distinct_pictures(samples)]
    n = len(standing(distinct_pictures(samples)))
    assert 20 < n < len(samples) - 60
    assert ((samples * found).sum(axis=1) >= SAME - 1e-5).all()
    for _ in range(3):
        order = draw.permutation(len(samples))
        again = samples[order]
        assert np.array_equal(again[distinct_pictures(again)], found[order])


def test_pictures_are_those_that_comparing_all_pairs_gives() -> None:
    """Embeddings as of faces: they differ along few axes most. Some pairs are just above or just below the cosine."""
    draw = np.random.default_rng(3)
    faces = unit(1 + draw.normal(size=(1200, 64)) * np.geomspace(1, 0.02, 64))
    away = unit(draw.normal(size=(300, 64)))
    cosines = np.repeat([SAME - 2e-6, SAME, SAME + 2e-6, 0.999, 0.99], 60)[:, None]
    away = unit(away - (away * faces[:300]).sum(axis=1)[:, None] * faces[:300])
    samples = np.concatenate([faces, unit(cosines * faces[:300] + np.sqrt(1 - cosines**2) * away)])
    found = distinct_pictures(samples)
    order = np.argsort(content_hashes(samples), kind="stable")
    near = similarities(samples, samples) >= SAME
    leaders: list[int] = []
    for row in order:
        earlier = np.flatnonzero(near[row, leaders])
        assert found[row] == (leaders[earlier[0]] if earlier.size else row)
        leaders += [] if earlier.size else [row]
    assert 1260 < len(leaders) < 1400


def test_beyond_the_most_pictures_only_equal_ones_are_joined() -> None:
    samples = near_identical(np.random.default_rng(2), 3000, 1)
    twice = np.concatenate([samples, samples, unit(samples + 1e-4)])
    assert len(standing(distinct_pictures(twice))) == 3000
    assert 3000 < len(standing(distinct_pictures(twice, most=1024))) <= 6000


# --- copies by distinct picture -------------------------------------------------------------------------------------


def found_copies(correlation: NDArray[np.float64], heldout: NDArray[np.float64], repeats: int) -> CopyMatches:
    limit = threshold(heldout, np.empty(0))
    n = len(correlation)
    matches = Matches(correlation, np.zeros(n, np.intp))
    is_copy = correlation >= limit.value
    return CopyMatches(matches, is_copy, limit, heldout, np.arange(n) // repeats * repeats, is_copy)


def people_of(n: int, photos: int = 1) -> Crowd:
    table = Embedded((), (), np.empty((0, 1), np.float32), None, np.empty(0, np.int32), (), 0)
    return Crowd(table, People(tuple(map(str, range(n))), tuple(np.arange(n * photos).reshape(n, photos))))


def test_fifty_samples_of_one_picture_are_one_copy() -> None:
    heldout = np.linspace(0.5, 0.88, 2000)
    samples = np.full(1000, 0.5)
    samples[:50] = 0.9
    one = copies(found_copies(samples, heldout, 50), people_of(2000), fair=True)
    assert (one.n_copies, one.n_samples, one.n_distinct) == (50, 1000, 1)
    # One of 2,000 held-out photos may reach the threshold: the rate of a false copy is Beta(2, 1999).
    assert one.p == pytest.approx(betabinom.sf(0, 20, 2, 1999))
    assert not one.beyond_chance
    fifty = copies(found_copies(samples, heldout, 1), people_of(2000), fair=True)
    assert fifty.n_distinct == 50
    assert fifty.p == pytest.approx(betabinom.sf(49, 1000, 2, 1999))
    assert fifty.beyond_chance
    assert not copies(found_copies(samples, heldout, 1), people_of(2000), fair=False).beyond_chance


@pytest.mark.parametrize(("pictures", "repeats", "photos"), [(200, 50, 1), (10_000, 1, 1), (1000, 1, 5)])
def test_samples_without_copies_are_rarely_beyond_chance(pictures: int, repeats: int, photos: int) -> None:
    """1 % of 120 audits is 1, and more than 5 come in 2 of 1,000; each sample by itself, 200 x 50 gave 16 %."""
    draw = np.random.default_rng(3)
    beyond = 0
    for _ in range(120):
        base = np.repeat(draw.normal(size=pictures), repeats)
        people = np.repeat(draw.normal(size=1000 // photos), photos)
        strangers = people if photos == 1 else 0.7 * people + 0.7 * draw.normal(size=1000)
        samples, heldout = (0.86 + 0.02 * np.tanh(z / 4) for z in (base + draw.normal(0, 0.02, len(base)), strangers))
        found = found_copies(samples, heldout, repeats)
        beyond += copies(found, people_of(1000 // photos, photos), fair=True).beyond_chance
    assert beyond <= 5


def test_photos_of_one_person_that_go_together_count_as_few() -> None:
    draw = np.random.default_rng(4)
    alone, same = draw.normal(size=1000), np.repeat(draw.normal(size=200), 5)
    people = people_of(200, 5).people
    assert independent_share(alone, people) > 0.85
    assert independent_share(same, people) == pytest.approx(0.23, abs=0.05)
    assert independent_share(np.zeros(3), people_of(1, 3).people) == 1.0


def test_a_picture_that_repeats_counts_once_in_the_excess() -> None:
    correlation = np.array([0.5, 0.5, 0.99, 0.5])
    found = replace(found_copies(correlation, np.linspace(0, 0.8, 50), 1), picture=np.array([0, 0, 2, 3]))
    assert found.others.tolist() == [0, 3]


# --- faces ----------------------------------------------------------------------------------------------------------


def noise(folder: Path, n: int, side: int = 128) -> Path:
    draw = np.random.default_rng(5)
    folder.mkdir()
    for i in range(n):
        Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"n{i:02d}.png")
    return folder


@pytest.mark.parametrize("side", [128, 200])
def test_a_generator_that_makes_no_faces_is_not_cleared(world: World, cache: Path, tmp_path: Path, side: int) -> None:
    out = tmp_path / "out"
    found = probablyexists.audit(world.training, world.heldout, noise(tmp_path / "noise", 20, side), out=out)
    share = found.sampling.with_face
    assert isinstance(share, Estimate)
    assert (share.value, share.n, share.method) == (0.0, 20, "Wilson, samples drawn at random")
    assert 0 < share.high < 0.2
    assert found.verdict == "inconclusive"
    assert any("a face can be detected in none of the samples" in reason for reason in found.because)
    assert ruling(sampling=sampling(5000, 5000, share, [])).verdict == "inconclusive"
    page = Page((out / "report.html").read_text("utf-8"))
    assert "16 samples drawn at random" in page.text
    assert page.text.count("no face found") >= 16
    assert not [attrs for tag, attrs in page.elements if tag == "img"]


def test_where_the_detector_was_used_every_sample_counts_that_could_be_decoded(tmp_path: Path) -> None:
    for i in range(5):
        save(tmp_path / f"{i}.png", i, 0)
    source = open_source(tmp_path)
    reasons = ["no face found", "flat picture", "truncated"]
    aside = [SetAside(photo, reason) for photo, reason in zip(source.photos[2:], reasons, strict=True)]
    table = Embedded(
        source.photos[:2], (b"a", b"b"), np.eye(2, dtype=np.float32), None, np.ones(2, np.int32), tuple(aside), 0
    )
    found = faces_seen(source, table, "detect", seed=0)
    assert (found.n, found.n_seen, found.every) == (4, 2, True)
    assert dict(found.of_drawn) == dict(zip(source.photos, (True, True, False, False, None), strict=True))
    share = found.share
    assert isinstance(share, Estimate)
    assert (share.value, share.method, share.n) == (0.5, "Wilson, all samples", 4)
    assert isinstance(FacesSeen(0, 0, False, ()).share, Unresolvable)


def test_the_contact_sheet_shows_sixteen_samples_drawn_by_the_seed(tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path / f"{i:02d}.png", i, 0)
    source = open_source(tmp_path)
    sheets = []
    for seed in (0, 0, 1):
        of_drawn = [(photo, True) for photo in drawn(source, seed)]
        labels = Labels((), False, {"03.png": "sample-000004"}, b"")
        sheets.append(contact_sheet(source, of_drawn, labels, show_faces=False))
        assert len(sheets[-1]) == 16
        assert all(entry.picture is None for entry in sheets[-1])
        shown = contact_sheet(source, of_drawn, labels, show_faces=True)
        assert all(entry.picture is not None and entry.picture.shape == (128, 128, 3) for entry in shown)
    assert sheets[0] == sheets[1] != sheets[2]
    assert "sample-000004" in {entry.name for sheet in sheets for entry in sheet}
    assert "03.png" not in {entry.name for sheet in sheets for entry in sheet}


# --- whole audits ---------------------------------------------------------------------------------------------------


def test_ten_samples_clear_nobody(world: World, cache: Path, tmp_path: Path) -> None:
    for i in range(10):
        save(tmp_path / "samples" / f"s{i:03d}.jpg", 1000 + i, 0)
    found = probablyexists.audit(world.training, world.heldout, tmp_path / "samples")
    assert found.sampling.n_distinct == 10
    assert found.sampling.unseen_rate == pytest.approx(0.2589, abs=1e-4)
    assert found.sampling.curve == []
    assert found.verdict == "inconclusive"
    assert any("10 distinct samples are too few" in reason for reason in found.because)


def test_a_collapsed_generator_is_no_no_evidence(world: World, cache: Path, tmp_path: Path) -> None:
    """The same picture again and again, with a little noise."""
    one = np.asarray(Image.open(world.honest / "s000.jpg")).astype(int)
    grain = np.random.default_rng(0)
    for i in range(20):
        save(tmp_path / "samples" / f"s{i:03d}.png", 1000 + i, 0)
        noisy = np.clip(one + grain.integers(-1, 2, one.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / "samples" / f"t{i:03d}.png")
    found = probablyexists.audit(world.training, world.heldout, tmp_path / "samples", faces="aligned")
    (generated,) = (role for role in found.data.roles if role.role == "generated")
    assert isinstance(generated, RoleData)
    repeated = generated.n_repeated
    assert repeated is not None
    assert 17 <= repeated <= 20  # the noise is too much for one or the other
    assert (found.sampling.n_samples, found.sampling.n_distinct) == (40, 40 - repeated)
    assert found.resemblance.n_samples == 40 - repeated
    assert found.verdict == "inconclusive"
    assert any(f"{40 - repeated} distinct samples are too few" in reason for reason in found.because)
    said = f"{repeated} of 40 samples repeat the picture of another sample"
    assert any(said in caution for caution in found.cautions)
    assert f"repeated: {repeated} of 40 samples, of the picture of another" in summary(found, tmp_path)
    # Faces are looked for although the frames were taken as faces.
    share = found.sampling.with_face
    assert isinstance(share, Estimate)
    assert (share.n, share.method) == (40, "Wilson, samples drawn at random")
    assert share.value > 0.9


# --- what fewer samples would have told -----------------------------------------------------------------------------


def crowd(draw: np.random.Generator, who: Vectors, photos: Sequence[int], role: str) -> Crowd:
    counts = np.resize(photos, len(who))
    embeddings = unit(np.repeat(who, counts, axis=0) + draw.normal(0, 0.05, (counts.sum(), who.shape[1])))
    n = len(embeddings)
    pictures = np.zeros((n, 2, 48, 48), np.uint8)
    paths = tuple(Photo(f"{role}/{i}", None) for i in range(n))
    table = Embedded(paths, (b"",) * n, embeddings, pictures, np.ones(n, np.int32), (), 0)
    rows = tuple(np.split(np.arange(n), np.cumsum(counts)[:-1]))
    return Crowd(table, People(tuple(f"{role}-{i:03d}" for i in range(len(who))), rows))


def a_view(n_samples: int, n_leaking: int = 12) -> View:
    """20 members and 200 held-out people; the first samples are of members."""
    draw = np.random.default_rng(6)
    who = unit(draw.normal(size=(220, 16)))
    samples = unit(draw.normal(size=(n_samples, 16)))
    samples[:n_leaking] = unit(who[:n_leaking] + draw.normal(0, 0.03, (n_leaking, 16)))
    samples = samples[draw.permutation(n_samples)]
    sides = crowd(draw, who[:20], (1, 2, 4), "m"), crowd(draw, who[20:], (1, 2, 3, 4), "h")
    return View("drawn", sides[0], None, sides[1], Photos(samples, np.zeros((n_samples, 48, 48), np.uint8)))


def named_of(view: View) -> Named:
    return name_people(view, view.scorers([NearestSample()]), 0.05)


@pytest.mark.parametrize(("n_samples", "parts"), [(40, [8, 4, 2, 1]), (1700, [16, 8, 4, 2, 1])])
def test_the_last_point_of_the_curve_is_the_audit_itself(n_samples: int, parts: list[int]) -> None:
    view = a_view(n_samples)
    named = named_of(view)
    found = curve([view], [named], seed=0)
    assert [point.n_parts for point in found] == parts
    assert [point.n_samples for point in found] == [round(n_samples / n) for n in parts]
    last = found[-1]
    assert last.named == last.named_low == last.named_high == naming(named, 200).n_exposed
    assert last.named >= 8
    answers = answer_1.membership(view.training, None, view.heldout, view.scorers([NearestSample()]), 0)
    (by_person,) = (answer for answer in answers if answer.level == "person")
    assert last.auroc == by_person.auroc
    # Half of the samples show about half of the people.
    assert found[0].named < found[-2].named < last.named
    assert found[0].named_low <= found[0].named <= found[0].named_high
    for point in found:
        assert isinstance(point.auroc, Estimate)
        assert point.auroc.low <= point.auroc.value <= point.auroc.high


def test_the_order_of_the_samples_does_not_change_the_curve() -> None:
    view = a_view(100)
    named = named_of(view)
    order = np.random.default_rng(7).permutation(100)
    turned = replace(view, samples=Photos(view.samples.embeddings[order], view.samples.pictures[order]))
    assert curve([view], [named], seed=0) == curve([turned], [named], seed=0)
    assert curve([view], [named], seed=0)[:-1] != curve([view], [named], seed=1)[:-1]


def test_no_curve_where_samples_are_few() -> None:
    assert curve([a_view(31)], [named_of(a_view(31))], seed=0) == []


@pytest.mark.parametrize(("n", "rate"), [(0, 0.95), (1, 0.95), (10, 0.2589), (1000, 0.002991), (10_000, 0.00029953)])
def test_what_samples_can_have_missed_is_the_exact_rule_of_three(n: int, rate: float) -> None:
    assert unseen_rate(n) == pytest.approx(rate, rel=1e-3)
    if n >= 1000:
        assert unseen_rate(n) == pytest.approx(3 / n, rel=0.01)


def test_faces_in_the_samples_are_looked_for_however_they_are_cropped(world: World, cache: Path) -> None:
    source, nothing = open_source(world.honest), people_of(1).table
    found = [faces_seen(source, nothing, mode, 0) for mode in ("auto", "aligned")]
    assert found[0] == found[1]
    assert (found[0].n, found[0].every) == (40, False)
    assert found[0].n_seen > 36


def test_the_variety_of_faces_is_of_as_many_samples_as_photos_in_any_order() -> None:
    """The same photos are at distance 0; one face over and over is one; neither depends on the order."""
    draw = np.random.default_rng(0)
    photos = unit_rows(draw, 64)
    same = face_variety(photos[::-1], photos)
    assert same is not None
    assert (same.n, same.distance) == (64, pytest.approx(0, abs=1e-6))
    one = face_variety(np.repeat(photos[:1], 500, axis=0), photos)
    assert one is not None
    assert (one.n, one.different) == (64, pytest.approx(1))
    assert one.distance > 0.5
    many = unit_rows(draw, 300)
    found = face_variety(many, photos)
    assert found is not None
    assert found.n == 64
    assert found == face_variety(many[draw.permutation(300)], photos)
    assert found.different > 3
    assert face_variety(many[:20], photos) is None


def unit_rows(draw: np.random.Generator, n: int) -> NDArray[np.float32]:
    rows = draw.normal(size=(n, 8))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
