"""A guard: who is refused and who is not, its threshold and its file, generators and pipelines behind it."""

from __future__ import annotations

import ast
import hashlib
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import probablyexists
from drawn_world import World
from probablyexists import Guard, InputError, guarded, open_guard
from probablyexists.cli.app import app
from probablyexists.drawn.population import draw_person, draw_photo
from probablyexists.generators.generator import BrokenPictures, Given
from probablyexists.guarding import guard_file, redrawing
from probablyexists.guarding.likeness import Faces, faces_of
from probablyexists.guarding.redrawing import GIVEN_UP, next_seed
from probablyexists.intake.halves import design_half
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.refusals import people_needed, refusal_limit
from test_generators import open_quickly, write_onnx

RATE = 0.05


def drawn(person: int, photo: int) -> NDArray[np.uint8]:
    return draw_photo(draw_person(0, person), photo, 128)


@pytest.fixture(scope="module")
def guard(world: World) -> Guard:
    return probablyexists.guard(world.training, world.heldout, unseen=world.unseen, rate=RATE)


@pytest.fixture(scope="module")
def nobody(world: World) -> Guard:
    return probablyexists.guard(None, world.heldout, rate=RATE)


@pytest.fixture
def quick_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key from a pass phrase costs half a second on purpose."""
    pytest.importorskip("cryptography", reason="the extra guard")
    monkeypatch.setitem(guard_file._SCRYPT, "n", 2**10)


@pytest.fixture
def written(guard: Guard, tmp_path: Path) -> Path:
    guard.write(tmp_path / "guard.pe")
    return tmp_path / "guard.pe"


# --- the threshold --------------------------------------------------------------------------------------------------


def test_the_threshold_is_an_order_statistic_where_people_have_one_picture() -> None:
    """Of 99 people and a rate of 5 %, four may be refused: (4 + 1) / 100."""
    limit = refusal_limit(np.random.default_rng(0).permutation(99).astype(float), np.arange(99), 0.05)
    assert limit.value == 94
    assert limit.refused.value == pytest.approx(0.05)
    assert (limit.refused.low, limit.refused.high) == pytest.approx((0.0164, 0.1003), abs=1e-3)


def test_a_person_with_many_pictures_weighs_as_one() -> None:
    scores = np.concatenate([np.full(100, 9.0), np.arange(8.0)])
    whose = np.concatenate([np.zeros(100, int), np.arange(1, 9)])
    assert refusal_limit(scores, whose, 0.2).value == 7.0
    assert refusal_limit(scores, whose, 0.1).value == 9.0


@pytest.mark.parametrize("pictures", [1, 5])
def test_strangers_are_refused_at_the_rate_and_the_interval_covers_it(pictures: int) -> None:
    """Scores of a person are alike. The rate given the held-out people is known here, as scores are normal."""
    from scipy.stats import norm

    rng, rate, n = np.random.default_rng(1), 0.03, 200
    rates, inside = [], 0
    for _ in range(400):
        own = rng.normal(size=(n, 1)) + rng.normal(size=(n, pictures))
        limit = refusal_limit(own.ravel(), np.repeat(np.arange(n), pictures), rate)
        true = float(norm.sf(limit.value, scale=np.sqrt(2)))
        rates.append(true)
        inside += limit.refused.low <= true <= limit.refused.high
    error = np.std(rates) / np.sqrt(len(rates))
    assert rate - 0.006 < np.mean(rates) < rate + 2.5 * error
    assert inside >= 0.93 * 400


def test_too_few_heldout_people_for_the_rate_are_refused_with_what_is_possible(world: World) -> None:
    with pytest.raises(InputError) as caught:
        probablyexists.guard(world.training, world.heldout)
    said = str(caught.value)
    assert "needs at least 999 held-out people, and 70 set the threshold" in said
    assert "rate=0.015, the smallest for these" in said
    assert people_needed(0.015) <= 70


# --- decisions ------------------------------------------------------------------------------------------------------


def test_members_are_refused_and_strangers_are_not(guard: Guard, world: World) -> None:
    paths = sorted(world.leaking.iterdir())
    said = dict(zip([path.name for path in paths], guard.check(paths), strict=True))
    assert {name for name, one in said.items() if one.kind == "copy"} == world.copies
    likes = [one for name, one in said.items() if name.startswith("like-")]
    assert np.mean([not one.allowed for one in likes]) > 0.6
    strangers = [one for name, one in said.items() if name.startswith("s")]
    assert np.mean([one.allowed for one in strangers]) > 0.85
    copied = said["copy-8.jpg"]
    assert copied.person in guard.people
    assert copied.photo is not None
    assert copied.photo.startswith("photo:")
    for one in likes:
        assert (one.similarity > one.threshold) == (one.kind == "likeness")  # type: ignore[operator]


def test_people_and_photos_are_called_as_in_the_audit(guard: Guard, world: World) -> None:
    findings = probablyexists.audit(world.training, world.heldout, world.leaking, unseen=world.unseen)
    assert set(guard.people) == set(findings.people["person"].to_pylist())
    copied = {row["sample"]: row["copy_of"] for row in findings.samples.to_pylist() if row["kind"] == "copy"}
    assert {guard.check(world.leaking / name)[0].photo for name in copied} == set(copied.values())


def test_a_picture_is_judged_the_same_in_whatever_form_it_comes(guard: Guard, world: World) -> None:
    torch = pytest.importorskip("torch")
    paths = [world.leaking / "copy-8.jpg", world.leaking / "like-0-0.jpg", world.leaking / "s001.jpg"]
    expected = guard.check(paths)
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    unit = pixels.astype(np.float32) / 255
    tensor = torch.from_numpy(unit).permute(0, 3, 1, 2)
    assert guard.check([path.read_bytes() for path in paths]) == expected
    assert guard.check([Image.open(path) for path in paths]) == expected
    assert guard.check(pixels) == expected
    assert guard.check(unit) == expected
    assert guard.check(tensor, picture_range=(0, 1)) == expected
    assert guard.check(tensor * 2 - 1, picture_range=(-1, 1)) == expected
    assert [guard.check(one)[0] for one in pixels] == expected
    assert guard.check(list(pixels)) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 3, 64, 64), np.uint8), "an array .2, 3, 64, 64.; give .n, height, width, 3., RGB"),
        (np.zeros((64, 64, 3), np.int64), "int64; give uint8, or floats"),
        (np.full((64, 64, 3), np.nan), "12,288 values of a picture are not finite"),
        (np.full((64, 64, 3), 200.0), "values go from 200 to 200, and black and white are 0 and 1"),
        (np.zeros((8, 8, 3), np.uint8), "its sides need 16 pixels"),
        (7, "a int; give PIL images"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(guard: Guard, given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        guard.check(given)


def test_a_float_tensor_without_its_range_is_asked_for_it(guard: Guard) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="say which values of a float tensor are black and white"):
        guard.check(torch.zeros(1, 3, 64, 64))


def test_a_picture_without_a_face_is_allowed_unless_it_copies_a_photo(guard: Guard) -> None:
    """The copy is made flat enough around the face that no detector sees one: only its frame is compared."""
    plain = np.full((128, 128, 3), 90, np.uint8)
    (decision,) = guard.check(plain)
    assert (decision.kind, decision.allowed, decision.reason) == ("no face", True, "flat picture")
    frame = guard.content.members.pictures[:1].copy()
    frame[:, 0] = 0
    seen = SimpleNamespace(
        reasons=("no face found",), with_face=np.empty(0, int), readable=np.array([0]), pictures=frame,
        embeddings=np.zeros((1, 128), np.float32),
    )  # fmt: skip
    assert guard.decide(seen)[0].kind == "copy"  # type: ignore[arg-type]


def test_a_file_that_is_no_picture_is_not_allowed(guard: Guard) -> None:
    (decision,) = guard.check(b"not a picture")
    assert (decision.kind, decision.allowed) == ("unread", False)


# --- what it promises -----------------------------------------------------------------------------------------------


def test_the_miss_rate_is_that_of_the_unseen_photos(guard: Guard, world: World) -> None:
    assert isinstance(guard.content.about.missed, Estimate)
    through = [
        np.mean([one.allowed for one in guard.check(sorted(person.iterdir()))]) for person in world.unseen.iterdir()
    ]
    assert guard.content.about.missed.value == pytest.approx(np.mean(through))
    assert guard.content.about.missed_on == "unseen photos"


def test_without_unseen_photos_each_photo_is_left_out_of_its_template() -> None:
    rng = np.random.default_rng(0)
    owner = np.array([0, 0, 0, 1, 1, 2])
    faces = rng.normal(size=(6, 8)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    means = np.array([faces[owner == i].mean(axis=0) for i in range(3)])
    templates = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    common = np.array([0.1, 0.2, 0.3], np.float32)
    found = Faces(templates, common).left_out(faces, owner)
    for i in range(5):
        others = [j for j in range(6) if owner[j] == owner[i] and j != i]
        own = faces[others].mean(axis=0)
        cosines = templates @ faces[i]
        cosines[owner[i]] = own @ faces[i] / np.linalg.norm(own)
        assert found[i] == pytest.approx((cosines - common).max(), abs=1e-6)
    assert np.isnan(found[5])


def test_what_is_taken_off_is_the_similarity_to_the_three_most_similar_others() -> None:
    templates = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    cosines = templates @ templates.T
    for i, common in enumerate(faces_of(templates).common):
        assert common == pytest.approx(0.4 * np.sort(np.delete(cosines[i], i))[-3:].mean(), abs=1e-6)
    assert faces_of(templates[:1]).common.tolist() == [0]


def test_copies_count_in_the_rate(guard: Guard) -> None:
    """One held-out picture that is taken for a copy uses up what a likeness might have."""
    from probablyexists.guarding.calibrating import set_threshold

    content = guard.content
    scores = faces_of(content.members.templates).scores(content.strangers.embeddings)[0]
    lowest = np.argsort(scores)[:8]
    copied = content.strangers.copied.copy()
    copied[lowest] = 0
    after = set_threshold(replace(content, strangers=replace(content.strangers, copied=copied)))
    assert after.about.threshold > content.about.threshold  # type: ignore[operator]
    assert after.about.refused.value <= RATE  # type: ignore[union-attr]
    copied[:] = 0
    with pytest.raises(InputError, match="are taken for copies of training photos"):
        set_threshold(replace(content, strangers=replace(content.strangers, copied=copied)))


def test_half_of_the_heldout_people_set_the_threshold_always_the_same(world: World) -> None:
    made = [probablyexists.guard(world.training, world.heldout, rate=0.1, half=True, seed=seed) for seed in (0, 1)]
    prints = [one.content.strangers.prints for one in made]
    assert np.array_equal(prints[0], prints[1])
    assert 20 < len(prints[0]) < 50
    assert all(one[0] % 2 == 0 for one in prints[0])
    every = probablyexists.guard(world.training, world.heldout, rate=0.1).content.strangers.prints
    assert sum(one[0] % 2 == 0 for one in every) == len(prints[0])


def test_the_half_follows_from_the_photos_of_a_person() -> None:
    table = SimpleNamespace(sha256=(b"b", b"a", b"c"))
    crowd: Any = SimpleNamespace(table=table, people=SimpleNamespace(rows=(np.array([0, 1]), np.array([2]))))
    expected = [hashlib.sha256(b"salt" + first).digest()[0] % 2 == 0 for first in (b"a", b"c")]
    assert design_half(crowd, b"salt").tolist() == expected


# --- one person -----------------------------------------------------------------------------------------------------


def test_one_person_is_kept_out_without_an_audit_and_taken_out_again(nobody: Guard) -> None:
    assert nobody.check(drawn(900, 9))[0].allowed
    added = nobody.add(np.stack([drawn(900, k) for k in range(4)]), name="me")
    assert added.people == ("me",)
    assert [one.kind for one in added.check([drawn(900, 0), drawn(900, 9)])] == ["copy", "likeness"]
    assert added.check(drawn(901, 0))[0].allowed
    assert nobody.people == ()
    assert added.content.about.missed_on == "each photo left out"
    without = added.remove("me")
    assert without.check(drawn(900, 0))[0].kind == "allowed"
    assert without.content.about == nobody.content.about
    with pytest.raises(InputError, match="nobody in this guard is called so"):
        without.remove("me")


def test_adding_a_person_keeps_the_rate(guard: Guard) -> None:
    """The threshold is set again on the held-out people, and is the old one when they are all taken out again."""
    more = guard
    for person in range(900, 906):
        more = more.add([drawn(person, 0), drawn(person, 1)])
    scores = faces_of(more.content.members.templates).scores(more.content.strangers.embeddings)[0]
    again = refusal_limit(scores, more.content.strangers.whose, RATE)
    assert more.content.about.threshold == again.value
    assert more.content.about.refused.value <= RATE  # type: ignore[union-attr]
    back = more
    for name in more.people[len(guard.people) :]:
        back = back.remove(name)
    assert back.content.about.threshold == guard.content.about.threshold
    assert back.people == guard.people
    assert back.id == guard.id


def test_a_heldout_person_who_is_added_no_longer_counts(nobody: Guard, world: World) -> None:
    """Their own pictures would set the threshold so high that nobody is refused."""
    person = sorted(world.heldout.iterdir())[3]
    added = nobody.add(sorted(person.iterdir())[:2], name="me")
    assert len(added.content.strangers.prints) == len(nobody.content.strangers.prints) - 1
    assert len(added.content.strangers.whose) == len(nobody.content.strangers.whose) - 4
    assert [one.kind for one in added.check(sorted(person.iterdir())[2:])] == ["likeness", "likeness"]


def test_a_person_is_not_added_twice_nor_without_a_face(guard: Guard) -> None:
    added = guard.add(drawn(900, 0), name="me")
    with pytest.raises(InputError, match="is already in this guard"):
        added.add(drawn(901, 0), name="me")
    with pytest.raises(InputError, match="no face is found in any of 1"):
        guard.add(np.full((64, 64, 3), 7, np.uint8))


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_guard_is_the_same_after_writing_and_reading_and_only_its_owner_reads_it(guard: Guard, written: Path) -> None:
    again = open_guard(written)
    assert again.id == guard.id
    assert again.content.about == guard.content.about
    assert again.people == guard.people
    assert written.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("quick_key")
def test_an_encrypted_guard_opens_with_its_pass_phrase_alone(guard: Guard, tmp_path: Path) -> None:
    guard.write(tmp_path / "g.pe", "correct horse")
    assert guard.people[0].encode() not in (tmp_path / "g.pe").read_bytes()
    assert open_guard(tmp_path / "g.pe", pass_phrase="correct horse").id == guard.id
    with pytest.raises(InputError, match="the pass phrase is wrong, or the file is damaged"):
        open_guard(tmp_path / "g.pe", pass_phrase="correct horses")
    with pytest.raises(InputError, match="is encrypted; give its pass phrase"):
        open_guard(tmp_path / "g.pe")


def test_without_the_library_that_encrypts_one_line_says_so(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(probablyexists.MissingExtraError, match="cryptography is not installed; run: pip install"):
        guard.write(tmp_path / "g.pe", "x")
    assert not (tmp_path / "g.pe").exists()


def forged(written: Path, change: Any) -> bytes:
    """The file with other JSON and a right checksum."""
    data = written.read_bytes()
    start = data.index(b"\n") + 1
    (length,) = struct.unpack("<Q", data[start : start + 8])
    head = json.loads(data[start + 8 : start + 8 + length])
    change(head)
    text = json.dumps(head).encode()
    body = struct.pack("<Q", len(text)) + text + data[start + 8 + length : -32]
    return data[:start] + body + hashlib.sha256(body).digest()


def hostile(written: Path) -> Iterator[tuple[str, bytes]]:
    data = written.read_bytes()

    def change(*path: Any, to: Any) -> bytes:
        def apply(head: Any) -> None:
            for part in path[:-1]:
                head = head[part]
            head[path[-1]] = to

        return forged(written, apply)

    yield "is not the file of a guard", b""
    yield "is not the file of a guard", b"\x80\x04\x95pickle"
    yield "another version", data.replace(b"guard 1", b"guard 2", 1)
    yield "damaged", data[:-1]
    yield "damaged", data[: len(data) // 2]
    yield "damaged", data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
    yield "damaged", change("shapes", "of_members", to=[2**39, 128])
    yield "damaged", change("shapes", "of_members", to=[-1, 128])
    yield "damaged", change("shapes", "of_members", to=[128])
    yield "damaged", change("shapes", "owner", to=[1])
    yield "damaged", change("shapes", "pictures", to=[1, 2, 48, 47])
    yield "damaged", change("names", to=["one"])
    yield "damaged", change("names", 0, to=7)
    yield "damaged", change("about", "threshold", to=None)
    yield "damaged", change("about", "threshold", to=float("nan"))
    yield "damaged", change("about", "more", to=1)
    yield "damaged", change("about", to=[])
    yield "damaged", change("shapes", to=None)


def test_a_hostile_guard_is_one_line(written: Path, tmp_path: Path) -> None:
    for said, data in hostile(written):
        (tmp_path / "bad.pe").write_bytes(data)
        with pytest.raises(InputError, match=said) as caught:
            open_guard(tmp_path / "bad.pe")
        assert "\n" not in str(caught.value)


def test_numbers_out_of_range_in_a_guard_are_damage(guard: Guard, tmp_path: Path) -> None:
    members, strangers = guard.content.members, guard.content.strangers
    for bad in (
        replace(guard.content, members=replace(members, owner=members.owner + 100)),
        replace(guard.content, members=replace(members, embeddings=members.embeddings * np.nan)),
        replace(guard.content, strangers=replace(strangers, whose=strangers.whose - 1)),
        replace(guard.content, strangers=replace(strangers, copied=strangers.copied + 10**6)),
    ):
        guard_file.write_guard(bad, tmp_path / "bad.pe")
        with pytest.raises(InputError, match="is damaged"):
            open_guard(tmp_path / "bad.pe")


def test_a_guard_runs_no_code_that_its_file_names(guard: Guard, tmp_path: Path) -> None:
    for name in ("os:system", "/etc/evil.onnx", None):
        guard_file.write_guard(guard.content.with_about(recogniser=name), tmp_path / "g.pe")
        with pytest.raises(InputError, match="is not opened on a file's word; give it again"):
            open_guard(tmp_path / "g.pe")
        assert open_guard(tmp_path / "g.pe", recogniser="dlib").id == guard.id
    with pytest.raises(InputError, match="the guard was made with"):
        open_guard(tmp_path / "g.pe", recogniser="dlib-float32")


# --- generators and pipelines ---------------------------------------------------------------------------------------


class Leaky:
    """Every third seed shows a member, the others strangers."""

    id = "leaky/1"

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        return np.stack([drawn(0, 0) if seed % 3 == 0 else drawn(5000 + seed % 7, 1) for seed in map(int, seeds)])


def test_a_generator_behind_a_guard_draws_again_and_counts(guard: Guard) -> None:
    behind = guarded(Leaky(), guard)
    pictures = behind.sample(range(6))
    assert all(one.allowed for one in guard.check(pictures))
    counts = behind.counts
    assert counts["seeds"] == 6
    assert counts["copy"] >= 2
    assert counts["drawn"] == 6 + counts["copy"] + counts["likeness"]
    assert counts["given up"] == 0
    assert np.array_equal(behind.sample([3]), pictures[3:4])
    assert np.array_equal(guarded(Leaky(), guard).sample([5, 3])[1], pictures[3])
    assert behind.counts == counts
    assert behind.id != Leaky.id


def test_a_seed_that_never_passes_has_no_picture(guard: Guard) -> None:
    class Always(Leaky):
        def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
            return np.stack([drawn(0, 0) if seed > 9 or seed == 3 else drawn(5002, 1) for seed in map(int, seeds)])

    behind = guarded(Always(), guard, most=3)
    for _ in range(2):
        with pytest.raises(BrokenPictures) as caught:
            behind.sample([2, 3])
        assert caught.value.broken == {1: GIVEN_UP}
        assert np.array_equal(caught.value.pictures[0], drawn(5002, 1))
        assert not caught.value.pictures[1].any()
    assert behind.counts == {"seeds": 2, "drawn": 4, "copy": 3, "likeness": 0, "given up": 1}


def test_a_generator_that_is_a_file_goes_behind_a_guard(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrawing, "open_generator", lambda where: open_quickly(where, Given()))
    behind = guarded(write_onnx(tmp_path / "generator.onnx"), guard)
    pictures = behind.sample(range(10))
    assert pictures.shape[0] == behind.counts["drawn"] == 10
    assert len(guard.check(pictures)) == 10


def test_seeds_drawn_again_are_far_from_those_people_count_up_from() -> None:
    again = {next_seed(seed, attempt) for seed in range(200) for attempt in range(1, 5)}
    assert len(again) == 800
    assert all(2**31 <= seed < 2**32 for seed in again)


def test_a_guarded_generator_is_audited_like_any(guard: Guard, world: World) -> None:
    behind = guarded(Leaky(), guard)
    findings = probablyexists.audit(world.training, world.heldout, behind, samples=8)
    assert findings.copies.n_copies == 0
    assert behind.counts["copy"] > 0


def run_safety_checker() -> Any:
    """The installed diffusers' own method, which imports without `transformers` only like this."""
    diffusers = pytest.importorskip("diffusers")
    file = Path(diffusers.__file__).parent / "pipelines/stable_diffusion/pipeline_stable_diffusion.py"
    found = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "run_safety_checker"
    ]
    import torch

    space: dict[str, Any] = {"torch": torch}
    exec(compile(ast.Module([found[0]], []), str(file), "exec"), space)
    return space["run_safety_checker"]


def test_a_diffusers_pipeline_blackens_what_the_guard_refuses(guard: Guard) -> None:
    run = run_safety_checker()
    import torch
    from diffusers.image_processor import VaeImageProcessor

    class Features:
        pixel_values = torch.zeros(2, 3, 8, 8)

        def to(self, device: object) -> Features:
            return self

    pipeline = SimpleNamespace(
        safety_checker=guard.safety_checker(),
        feature_extractor=lambda pictures, return_tensors: Features(),
        image_processor=VaeImageProcessor(),
    )
    pixels = np.stack([drawn(0, 0), drawn(5002, 1)]).astype(np.float32) / 255
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2) * 2 - 1
    for images in (tensor.clone(), pixels.copy()):
        after, flags = run(pipeline, images, "cpu", torch.float32)
        assert flags == [True, False]
        assert not np.asarray(after[0]).any()
        assert np.asarray(after[1]).any()
    assert [one.kind for one in pipeline.safety_checker.decisions] == ["copy", "allowed"]


# --- the command line -----------------------------------------------------------------------------------------------


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["guard", *map(str, words)], catch_exceptions=True)
    if isinstance(result.exception, InputError):
        return 2, result.exception.on_command_line
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_command_makes_shows_and_checks_a_guard(world: World, tmp_path: Path) -> None:
    file, kept = tmp_path / "guard.pe", tmp_path / "kept"
    made = ("--training", world.training, "--heldout", world.heldout, "--out", file, "--rate", RATE, "-q")
    code, said = run(*made)
    assert code == 0
    assert "It is biometric data" in said
    assert "asked for at most 5 %; by this guard itself" in said
    assert "as 70 held-out people set its threshold" in said
    assert "measured on photos of 12 people, each left out in turn" in said
    code, said = run(*made)
    assert code == 2
    assert f"--out {file}: is there already" in said
    assert json.loads(run("show", file, "--json")[1])["heldout_people"] == 70
    code, said = run("check", file, "--generated", world.leaking, "--to", kept, "-q")
    assert code == 0
    assert "copy-8.jpg: copy of P-" in said
    n = len(list(kept.iterdir()))
    assert f"{n} of {len(list(world.leaking.iterdir()))} may leave, and are copied to {kept}" in said
    assert "; 3 refused as copies; " in said
    assert not any(path.name in world.copies for path in kept.iterdir())
    assert (kept / "s001.jpg").read_bytes() == (world.leaking / "s001.jpg").read_bytes()
    code, said = run("check", file, "--generated", world.leaking, "--to", kept, "-q")
    assert (code, "is not empty; give a new folder" in said) == (2, True)


@pytest.mark.usefixtures("quick_key")
def test_the_command_adds_and_removes_a_person_in_an_encrypted_guard(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, phrase = tmp_path / "guard.pe", tmp_path / "phrase"
    phrase.write_text("a b c\n")
    for k in range(3):
        Image.fromarray(drawn(900, k)).save(tmp_path / f"{k}.png")
    code, said = run("--heldout", world.heldout, "--out", file, "--rate", RATE, "-q", "--pass-phrase-file", phrase)
    assert (code, "nobody is kept out yet" in said) == (0, True)
    assert run("show", file) == (2, "the guard's pass phrase is needed; give --pass-phrase-file, or set "
                                    "PROBABLYEXISTS_PASS_PHRASE")  # fmt: skip
    monkeypatch.setenv("PROBABLYEXISTS_PASS_PHRASE", "a b c")
    code, said = run("add", file, *(tmp_path / f"{k}.png" for k in range(3)), "--name", "me")
    assert code == 0
    assert "added: me, 3 of 3 photos used" in said
    assert guard_file.is_encrypted(file)
    assert json.loads(run("show", file, "--json")[1])["people"] == [{"person": "me", "photos": 3}]
    assert run("remove", file, "me")[0] == 0
    assert json.loads(run("show", file, "--json")[1])["people"] == []
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_guard_command_without_its_options_says_which(world: World) -> None:
    assert run("--training", world.training) == (2, "missing option --heldout; see probablyexists guard --help")


def test_a_file_that_is_no_guard_is_not_replaced(world: World, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    with pytest.raises(InputError, match="is no guard, and is not replaced; give another file"):
        probablyexists.guard(world.training, world.heldout, rate=RATE, out=precious, overwrite=True)
    assert precious.read_text() == "precious"
