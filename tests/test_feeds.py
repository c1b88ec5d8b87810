"""How recognisers that are files are fed: known by hash, tried on people, as asked; never in silence."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import probablyexists
from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.drawn.population import write_population
from probablyexists.embeddings import known_networks
from probablyexists.embeddings.embed import in_threads
from probablyexists.embeddings.feed import Feed, feed_of, likely_feeds
from probablyexists.embeddings.feed_trial import FEWEST, FIRST, Trial, try_feeds
from probablyexists.embeddings.known_networks import KNOWN, Known
from probablyexists.embeddings.onnx_recogniser import OnnxRecogniser
from probablyexists.faces.alignment import cut_chip
from probablyexists.intake.feeding import fed
from probablyexists.sources.open_source import open_source

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from feeds import SIDE, fed_network

FEEDS = likely_feeds(SIDE)
SFACE, ADAFACE, ARCFACE = Feed("RGB", "0..255", side=SIDE), Feed("BGR", "-1..1", side=SIDE), FEEDS[0]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people with two photos each, and a network for each feed: `0.onnx` to `8.onnx`."""
    root = tmp_path_factory.mktemp("feeds")
    write_population(root / "people", range(FIRST), range(2))
    for number, feed in enumerate(FEEDS):
        fed_network(root / f"{number}.onnx", feed)
    return root


def network(root: Path, feed: Feed) -> Path:
    return root / f"{FEEDS.index(feed)}.onnx"


def tried(root: Path, recogniser: OnnxRecogniser) -> Trial:
    people = open_source(str(root / "people"))
    return try_feeds(recogniser, [(people, "aligned")], cache=root / "cache", seed=0)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Known]:
    """A table of known networks that a test fills."""
    rows: list[Known] = []
    monkeypatch.setattr(known_networks, "KNOWN", rows)
    return rows


def row(path: Path, feed: Feed, **more: Any) -> Known:
    digest = OnnxRecogniser(path).digest
    return Known("Mine", digest, path.name, "some people", "CC0", "https://example.org", feed, knows=("lfw",), **more)


@pytest.mark.parametrize("feed", FEEDS, ids=str)
def test_an_unknown_file_is_fed_as_it_was_trained(root: Path, feed: Feed) -> None:
    trial = tried(root, OnnxRecogniser(network(root, feed)))
    assert trial.chosen == feed
    assert trial.tried[0].feed == feed
    assert {one.feed for one in trial.tried} == set(FEEDS)
    assert trial.why.startswith(f"the best of 9 ({feed}: AUROC 0.9")


def test_a_file_fed_wrongly_on_purpose_is_refused(root: Path) -> None:
    trial = tried(root, OnnxRecogniser(network(root, SFACE), "BGR,-1..1"))
    assert trial.chosen is None
    assert trial.why.startswith(
        f"does not tell people apart as asked ({ADAFACE}: AUROC 0.500 (8 people); 0.5 is chance), but with {SFACE}: "
    )
    right = tried(root, OnnxRecogniser(network(root, SFACE), "0..255"))
    assert (right.chosen, len(right.tried)) == (SFACE, 1)


def test_a_file_that_tells_nobody_apart_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    """Learnt on numbers that no feed gives."""
    blind = fed_network(tmp_path / "blind.onnx", SFACE, offset=1000.0)
    with pytest.raises(
        InputError, match=r"blind.onnx.*: tells people apart with none of 9 feeds \(.*give a face"
    ) as said:
        probablyexists.embed(
            root / "people", tmp_path / "out", recogniser=str(blind), faces="aligned", cache=tmp_path / "cache"
        )
    assert "\n" not in str(said.value)


def test_sface_by_its_hash_is_fed_0_to_255_without_a_trial(root: Path, listed: list[Known]) -> None:
    path = network(root, SFACE)
    listed.append(row(path, Feed(scaling="0..255"), sure="checked"))
    recogniser = OnnxRecogniser(path)
    assert (recogniser.feed, recogniser.certain) == (SFACE, True)
    assert (recogniser.trained_on, recogniser.knows) == ("some people", ("lfw",))
    renamed = path.parent / "glintr100.onnx"
    renamed.write_bytes(path.read_bytes())
    assert OnnxRecogniser(renamed).feed == SFACE
    assert OnnxRecogniser(network(root, ADAFACE)).known is None


def test_a_row_that_is_only_listed_is_tried_before_it_is_trusted(root: Path, listed: list[Known]) -> None:
    path = network(root, ADAFACE)
    listed.append(row(path, Feed(colours="BGR")))
    assert not OnnxRecogniser(path).certain
    assert tried(root, OnnxRecogniser(path)).why.startswith("as Mine is known to be fed (BGR -1..1")
    listed[0] = row(path, Feed(scaling="0..255"))
    trial = tried(root, OnnxRecogniser(path))
    assert trial.chosen == ADAFACE
    assert trial.why.startswith("better so than as Mine is said to be fed (BGR -1..1")


def test_the_feed_is_in_the_id_and_travels_with_the_recogniser(root: Path) -> None:
    one = OnnxRecogniser(network(root, SFACE))
    other = one.fed(SFACE)
    assert one.id != other.id
    assert other.id == f"onnx/{one.digest[:16]}/arcface-1/RGB/0..255/mirror"
    again = pickle.loads(pickle.dumps(other))
    assert (again.id, again.feed) == (other.id, SFACE)


def test_people_without_names_are_embedded_as_most_are_and_told_so(root: Path, tmp_path: Path) -> None:
    for number, photo in enumerate(sorted((root / "people").rglob("*.png"))):
        (tmp_path / "flat").mkdir(exist_ok=True)
        (tmp_path / "flat" / f"{number}.png").write_bytes(photo.read_bytes())
    source = open_source(str(tmp_path / "flat"), named=False)
    said: list[str] = []
    recogniser = OnnxRecogniser(network(root, SFACE))
    (settled,), (caution,) = _fed(recogniser, {"images": source}, tmp_path, said)
    assert isinstance(settled, OnnxRecogniser)
    assert settled.feed == ARCFACE
    needs = f"a trial needs {FEWEST} people with a name and two photos with a face, and there are none"
    not_tried = f"and this was not tried: {needs}"
    assert said == [f"recogniser 2.onnx: fed {ARCFACE}, {not_tried}"]
    assert caution == f"The recogniser 2.onnx was fed {ARCFACE}, as most are, {not_tried}."


def test_members_and_heldout_people_take_part_alike(root: Path, tmp_path: Path) -> None:
    """With four people a side, neither side alone is enough for a trial."""
    people = sorted((root / "people").iterdir())
    sources = {}
    for role, those in (("training", people[:4]), ("heldout", people[4:])):
        for person in those:
            for photo in person.iterdir():
                at = tmp_path / role / person.name / photo.name
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(photo.read_bytes())
        sources[role] = open_source(str(tmp_path / role))
    said: list[str] = []
    (settled,), cautions = _fed(OnnxRecogniser(network(root, ADAFACE)), sources, tmp_path, said)
    assert isinstance(settled, OnnxRecogniser)
    assert (settled.feed, cautions) == (ADAFACE, [])
    assert "(8 people)" in said[0]


def _fed(recogniser: OnnxRecogniser, sources: dict[Any, Any], at: Path, said: list[str]) -> Any:
    class Heard(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    return fed([recogniser], sources, "aligned", cache=at / "cache", seed=0, look=in_threads(1), progress=Heard())


def test_words_of_a_feed() -> None:
    assert feed_of("0..255, BGR", 112) == Feed("BGR", "0..255")
    assert feed_of("facenet,standardised", 160) == Feed("RGB", "standardised", "facenet", 160)
    for wrong in ("GBR", "", "RGB,BGR"):
        with pytest.raises(InputError, match=r"feed='.*': give at most one word each of: RGB, BGR; -1..1, "):
            feed_of(wrong, 112)


def test_a_feed_for_a_recogniser_that_is_no_file_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"feed='BGR': is for an .onnx file, and the recogniser is dlib; leave it out"):
        probablyexists.embed(root / "people", tmp_path / "out", feed="BGR", cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("feed", "expected"),
    [("RGB,-1..1", (1, -1, -0.6)), ("BGR,-1..1", (-0.6, -1, 1)), ("BGR,0..1", (0.2, 0, 1)), ("0..255", (255, 0, 51))],
)
def test_numbers_by_hand(feed: str, expected: tuple[float, ...]) -> None:
    chip = np.array([255, 0, 51], np.uint8) * np.ones((1, 4, 4, 1), np.uint8)
    np.testing.assert_allclose(feed_of(feed, 4).numbers(chip)[0, 0, 0], expected, atol=1e-6)


def test_standardised_pictures_have_mean_0_and_deviation_1() -> None:
    chips = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    x = Feed(scaling="standardised", side=8).numbers(np.concatenate([chips, np.full((1, 8, 8, 3), 9, np.uint8)]))
    np.testing.assert_allclose(x.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=(1, 2, 3)), [1, 1, 1, 0], atol=1e-5)


@pytest.mark.parametrize(("n", "runs"), [(1, 1), (3, 3), (16, 16)])
def test_a_network_for_two_faces_gets_crop_and_mirror_image_together(
    root: Path, tmp_path: Path, n: int, runs: int
) -> None:
    fixed = OnnxRecogniser(fed_network(tmp_path / "two.onnx", ARCFACE, batch=2))
    free = OnnxRecogniser(network(root, ARCFACE))
    session, counted = fixed._session, []

    class Counted:
        def run(self, *given: Any) -> Any:
            counted.append(given)
            return session.run(*given)

    fixed._session = Counted()
    chips = np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE, 3)).astype(np.uint8)
    np.testing.assert_allclose(fixed.embed(chips), free.embed(chips), atol=1e-5)
    assert len(counted) == runs


def test_facenets_crop_is_a_box_on_the_face_as_it_is() -> None:
    """Eyes 40 pixels apart: the box is 99 wide and 133 high, its centre 8 below that of the landmarks."""
    points = np.array([[125.0, 100], [115, 100], [75, 100], [85, 100], [100, 130]])
    below = points[:, 1].mean() + 0.19 * 40
    image = np.zeros((240, 200, 3), np.uint8)
    top, bottom = round(below - 3.32 * 20), round(below + 3.32 * 20)
    image[top:bottom, round(100 - 2.48 * 20) : round(100 + 2.48 * 20)] = 255
    assert cut_chip(image, points, 160, "facenet").mean() > 250
    assert cut_chip(image, points, 150, "facenet").shape == (150, 150, 3)
    cut = Image.fromarray(image).crop((60, 0, 200, 120))
    assert cut_chip(np.asarray(cut), points - (60, 0), 160, "facenet").shape == (160, 160, 3)


def test_the_table_names_each_network_once() -> None:
    hashes = [one.sha256 for one in KNOWN if one.sha256 is not None]
    assert len(set(hashes)) == len(hashes) == sum(one.sure != "told" for one in KNOWN)
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in hashes)
    assert len({one.name for one in KNOWN}) == len(KNOWN)
    by_name = {one.name: one.feed for one in KNOWN}
    assert by_name["SFace"] == Feed("RGB", "0..255")
    assert by_name["AdaFace-IR-101"] == Feed("BGR", "-1..1")
    assert by_name["MagFace-iResNet100"] == Feed("BGR", "0..1")
    assert (by_name["FaceNet-VGGFace2"].template, by_name["FaceNet-VGGFace2"].side) == ("facenet", 160)
