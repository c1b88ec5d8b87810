"""One person, and no member known: planted faces are found, strangers are not, bad input is one line."""

from __future__ import annotations

import base64
import html
import io
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import probablyexists
from probablyexists import ProbablyExistsError, Sheet, demo
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.cli.summary import frequent_summary, sheet_summary
from probablyexists.drawn.population import draw_person, draw_photo, write_population
from probablyexists.embeddings.embed import Embedded, embed, open_store
from probablyexists.embeddings.recognisers import DlibRecogniser
from probablyexists.faces.boxes import detect
from probablyexists.faces.group_photo import every_face
from probablyexists.generators.generated_source import GeneratedSource
from probablyexists.generators.generator import Given
from probablyexists.generators.open_generator import open_generator
from probablyexists.intake.asked_photos import faces_asked
from probablyexists.intake.open_sources import generator_of
from probablyexists.report.sheet_page import render_sheet
from probablyexists.report.words import NO_BREAK
from probablyexists.results.sheet import CopiedPhoto
from probablyexists.sources.open_source import Source, open_source
from probablyexists.stats.estimate import Estimate

REFERENCE, SHOWN, COPIED, STRANGER = 60, 1, 2, 3
HOW: dict[str, Any] = {"faces": "aligned", "level": 0.05}


@dataclass(frozen=True)
class World:
    """Drawn people on disk: 60 reference people, samples that show one person 15 times and copy a photo of another."""

    photos: Path
    reference: Path
    samples: Path

    def of(self, person: int) -> list[Path]:
        return sorted((self.photos / f"person-{person:04d}").iterdir())


def save(path: Path, person: int, photo: int, quality: int = 92) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_photo(draw_person(0, person), photo, 96)).save(path, quality=quality)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("asked")
    write_population(root / "photos", (SHOWN, COPIED, STRANGER), range(3), kind="jpg")
    write_population(root / "reference", range(100, 100 + REFERENCE), range(3), kind="jpg")
    for i in range(60):
        save(root / "samples" / f"s{i:03d}.jpg", 1000 + i, 0)
    for i in range(15):
        save(root / "samples" / f"shown-{i:02d}.jpg", SHOWN, 100 + i)
    Image.open(root / "photos" / f"person-{COPIED:04d}" / "001.jpg").save(root / "samples" / "copy.jpg", quality=60)
    return World(root / "photos", root / "reference", root / "samples")


@pytest.fixture(scope="module")
def shown(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sheet, Path]:
    out = tmp_path_factory.mktemp("out") / "sheet"
    return probablyexists.ask(world.of(SHOWN), world.samples, world.reference, out=out, **HOW), out


def test_who_is_shown_comes_out_above_everybody(shown: tuple[Sheet, Path]) -> None:
    sheet, _ = shown
    assert sheet.evidence == "evidence"
    assert sheet.p == pytest.approx(1 / (REFERENCE + 1))
    assert (sheet.compared_on, sheet.n_reference, sheet.photos_used) == (3, REFERENCE, 3)
    assert all(near.sample.startswith("shown-") for near in sheet.nearest)
    assert [near.similarity for near in sheet.nearest] == sorted((n.similarity for n in sheet.nearest), reverse=True)
    assert isinstance(sheet.power, Estimate)
    assert sheet.power.value > 0.5
    assert (sheet.rank, sheet.n_tied, sheet.nearest[0].n_as_alike) == (1, 0, 0)


def test_a_similarity_comes_with_a_scale_from_strangers_to_the_same_person(shown: tuple[Sheet, Path]) -> None:
    sheet, out = shown
    scale, page, said = sheet.scale, (out / "sheet.html").read_text(), sheet_summary(sheet, out)
    assert scale.same_person is not None
    assert scale.strangers < scale.others < min(scale.others_highest, scale.same_person, sheet.similarity)
    assert f"has a similarity of {sheet.similarity:.3f} to this person. That does not mean" in page
    for mark in (scale.strangers, scale.others, scale.others_highest, scale.same_person, sheet.similarity):
        assert f'<span class="value">{mark:.3f}</span>' in page
    assert f"two strangers {scale.strangers:.3f}; others with their nearest sample {scale.others:.3f}" in said
    assert "0 of 60 others have one as alike" in page


def test_a_private_person_reads_how_many_others_came_as_near_before_any_p(shown: tuple[Sheet, Path]) -> None:
    sheet, out = shown
    page, said = ((out / "sheet.html").read_text().replace(NO_BREAK, " "), sheet_summary(sheet, out))
    plain = f"Of {REFERENCE} other people, none came as near to a generated picture as this person. Of people whom the "
    plain += f"generator does not know, luck alone brings 1 in {REFERENCE + 1} as near."
    figures = "Rank 1st of 61; p = 0.016 (smallest possible here 0.016, 0.05 or less counts as evidence);"
    for text in (page, said):
        assert 0 < text.index(plain) < text.index(figures)
    assert not re.search(r"<em>p</em>|\bp = ", page[page.index("</header>") : page.index(plain)])
    power = sheet.power
    assert isinstance(power, Estimate)
    noticed = f"For {power.value * power.n:.0f} of {power.n} other people it would"
    interval = f"95 % interval {100 * power.low:.0f} to {100 * power.high:.0f} %, {power.n} people; noticed is p"
    assert all(one in page and one in said for one in (noticed, interval))
    second = sheet.model_copy(update={"rank": 3, "n_tied": 1})
    assert "Of 60 other people, 3 came as near" in sheet_summary(second, out)  # two nearer, one who shares the place


def test_below_a_certain_copy_sheet_and_terminal_call_it_probable_as_a_report_does(
    shown: tuple[Sheet, Path], tmp_path: Path
) -> None:
    copy = CopiedPhoto(sample="sample-000001", photo="me.jpg", correlation=0.93)
    told = {
        "evidence": "copy",
        "copies_beyond_chance": True,
        "copies": [copy],
        "copies_p": 0.005,
        "n_distinct_copies": 1,
    }
    for certain, n, badge, said in (
        (0, 1, "probable copy", "Probably: 1 of 76 pictures probably reproduces one."),
        (1, 1, "copy", "Yes: 1 of 76 pictures certainly reproduces one."),
        (1, 3, "copy", "Yes: 3 of 76 pictures reproduce one, 1 certainly and 2 probably."),
    ):
        sheet = shown[0].model_copy(update={**told, "n_copies": n, "n_certain_copies": certain})
        page = render_sheet(sheet, [], {}, False).replace(NO_BREAK, " ")
        assert f'<span class="badge">{badge}</span>' in page
        assert sheet_summary(sheet, tmp_path).startswith(f"finding: {badge}\n")
        assert said in page
        assert said in sheet_summary(sheet, tmp_path)
        assert ("Generated pictures that probably copy one" in page) == (certain == 0)


def test_without_a_photo_to_spare_the_scale_ends_at_strangers(world: World, tmp_path: Path, cache: Path) -> None:
    write_population(tmp_path / "reference", range(100, 120), range(1), kind="jpg")
    out = tmp_path / "out"
    sheet = probablyexists.ask(world.of(STRANGER)[0], world.samples, tmp_path / "reference", out=out, **HOW)
    assert sheet.scale.same_person is None
    assert (
        "how alike two photos of the same person are could not be measured" in (out / "sheet.html").read_text().lower()
    )
    assert "another photo of the same person not measured" in sheet_summary(sheet, out)


def test_a_copied_photo_is_found(world: World, cache: Path) -> None:
    sheet = probablyexists.ask(world.of(COPIED), world.samples, world.reference, **HOW)
    assert sheet.evidence == "copy"
    assert [(c.sample, Path(c.photo).name) for c in sheet.copies] == [("copy.jpg", "001.jpg")]
    assert sheet.copies_beyond_chance
    assert sheet.p > 0.05
    assert (
        "That stands by itself. Apart from this copy, nothing shows that the pictures resemble this person more"
        in sheet.sentence
    )


def test_a_picture_that_only_looks_like_a_photo_is_a_caution(world: World, tmp_path: Path, cache: Path) -> None:
    """Two photos of one person on top of each other, and 60 reference people: too few to tell chance."""
    samples = shutil.copytree(world.samples, tmp_path / "samples")
    first, second = (Image.open(path) for path in world.of(STRANGER)[:2])
    Image.blend(first, second, 0.3).save(samples / "mixed.png")
    out = tmp_path / "out"
    sheet = probablyexists.ask(world.of(STRANGER), samples, world.reference, out=out, **HOW)
    assert [copy.sample for copy in sheet.copies] == ["mixed.png"]
    assert (sheet.n_copies, sheet.copies_beyond_chance) == (1, False)
    assert sheet.evidence != "copy"
    said = "1 generated picture looks like a copy of a photo that was given; with 60 reference people it cannot be told"
    assert any(said in caution for caution in sheet.cautions)
    assert "mixed.png" in [near.sample for near in sheet.nearest]
    assert "Not shown: 1 of 77 pictures looks like one, which may be chance." in sheet_summary(sheet, out)
    assert "Generated pictures that look like one of these photos" in (out / "sheet.html").read_text()


def test_a_generator_that_repeats_a_picture_has_few_distinct_samples(world: World, tmp_path: Path, cache: Path) -> None:
    samples = shutil.copytree(world.samples, tmp_path / "samples")
    for i in range(50):
        shutil.copy(samples / "s003.jpg", samples / f"again-{i:02d}.jpg")
    out = tmp_path / "out"
    sheet = probablyexists.ask(world.of(STRANGER), samples, world.reference, out=out, **HOW)
    assert (sheet.n_samples, sheet.n_distinct) == (126, 76)
    assert sheet.unseen_rate == pytest.approx(1 - 0.05 ** (1 / 76))
    assert "Nothing shows that the generated pictures resemble this person" in sheet.sentence
    assert "shows in fewer than 1 in 26 pictures can be missing from those given" in sheet.sentence
    assert any("76 distinct samples are too few" in caution for caution in sheet.cautions)
    assert "76 different ones. A face that the generator shows in fewer than 1 in 26" in sheet_summary(sheet, out)

    found = probablyexists.blind(samples, world.reference, out=tmp_path / "frequent", faces="aligned")
    assert (found.n_samples, found.n_distinct) == (126, 76)
    repeated = next(face for face in found.faces if "s003.jpg" in face.samples)
    assert repeated.n_distinct < len(repeated.samples) - 49
    assert "distinct picture" in frequent_summary(found, tmp_path)
    assert "distinct picture" in (tmp_path / "frequent" / "frequent.html").read_text()


def test_a_stranger_is_not_found(world: World, cache: Path) -> None:
    sheet = probablyexists.ask(world.photos / f"person-{STRANGER:04d}", world.samples, world.reference, **HOW)
    assert sheet.evidence == "no evidence"
    assert sheet.p > 0.05
    assert sheet.n_copies == 0


def test_the_sheet_can_be_read_back(shown: tuple[Sheet, Path]) -> None:
    sheet, out = shown
    assert Sheet.model_validate_json((out / "sheet.json").read_text()) == sheet


def test_the_page_shows_no_other_persons_photo_and_asks_for_nothing(shown: tuple[Sheet, Path]) -> None:
    sheet, out = shown
    page = (out / "sheet.html").read_text()
    assert page.count("<img ") == sheet.compared_on
    assert page.count('class="face generated"') == len(sheet.nearest)
    assert "own photos are shown as they are" in page
    assert not re.search(r"person-01\d\d", page)
    assert "http://" not in page
    assert not re.search(r"<(script|link|iframe)", page)


def test_somebody_among_the_reference_people_is_left_out(world: World, cache: Path) -> None:
    """Somebody who is their own reference would rank below themselves."""
    sheet = probablyexists.ask(world.reference / "person-0100", world.samples, world.reference, **HOW)
    assert sheet.n_reference == REFERENCE - 1
    assert any("1 reference person was left out" in caution for caution in sheet.cautions)


def test_a_photo_of_somebody_else_is_pointed_at(world: World, cache: Path) -> None:
    photos = [*world.of(SHOWN), world.of(STRANGER)[0]]
    sheet = probablyexists.ask(photos, world.samples, world.reference, **HOW)
    assert (
        "/person-0003/000.jpg' looks unlike the other photos given: if somebody else is on it, do not rely"
        in sheet.sentence
    )


def test_a_sheet_says_what_to_do_now_and_a_figure_that_reads_as_safe_says_what_it_cannot_see(
    shown: tuple[Sheet, Path],
) -> None:
    sheet, out = shown
    page, said = (out / "sheet.html").read_text(), sheet_summary(sheet, out)
    assert '<span class="badge">evidence</span>' in page
    assert "What you can do now" in page
    assert "docs/how-to/ask-about-yourself.md" in page
    assert "a letter to the owner: docs/how-to/ask-about-yourself.md" in said
    assert "This holds only if a picture of the person is among these 76 samples." in page
    assert "Would it be noticed? " in said
    assert "only if a picture of the person is among these 76 samples. What the generator never showed here" in said


def test_the_command_on_a_sheet_makes_it_again_with_the_pictures(world: World, tmp_path: Path, cache: Path) -> None:
    photos = shutil.copytree(world.photos / f"person-{COPIED:04d}", tmp_path / "my photos")
    how = ["--generated", str(world.samples), "--reference", str(world.reference), "--faces", "aligned"]
    first = CliRunner().invoke(app, ["ask", str(photos), *how, "--out", str(tmp_path / "sheet")])
    assert first.exit_code == 0, first.output
    assert "came as near to a generated picture as this person, this copy left out" in first.output
    page = (tmp_path / "sheet" / "sheet.html").read_text()
    assert "this copy left out" in page
    found = re.search(r"with the pictures: <code>(.*?)</code>", page)
    assert found is not None
    program, *command = shlex.split(html.unescape(found[1]))
    assert program == "probablyexists"
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0, again.output
    page = (tmp_path / "sheet" / "sheet.html").read_text()
    assert 'class="face generated"' not in page
    assert "with the pictures: <code>" not in page


def test_who_chose_the_reference_people_is_told(world: World, shown: tuple[Sheet, Path], cache: Path) -> None:
    outsider, _ = shown
    owner = probablyexists.ask(world.of(SHOWN), world.samples, world.reference, owner_split=True, **HOW)
    assert any("not at random by the generator's owner" in caution for caution in outsider.cautions)
    assert not any("owner" in caution for caution in owner.cautions)
    assert owner.p == outsider.p


def test_bad_input_is_one_line(world: World, tmp_path: Path, cache: Path) -> None:
    few = tmp_path / "few"
    write_population(few, range(200, 205), range(1), kind="jpg")
    for photos, reference, said in (
        ([tmp_path / "none.jpg"], world.reference, "none.jpg': does not exist"),
        ([*world.of(SHOWN), tmp_path / "m e.jpg"], world.reference, "m e.jpg: does not exist; check its name"),
        ([*world.of(SHOWN), world.photos], world.reference, "is not an image file; give image files"),
        (world.of(SHOWN), few, r"reference=\.\.\.: needs at least 20 people, has 5"),
    ):
        with pytest.raises(ProbablyExistsError, match=said) as error:
            probablyexists.ask(photos, world.samples, reference, **HOW)
        assert "\n" not in str(error.value)


def test_a_folder_of_several_people_is_no_one_person(world: World) -> None:
    with pytest.raises(ProbablyExistsError, match=r"holds 3 people or folders .*; give the photos of one person"):
        probablyexists.ask(world.photos, world.samples, world.reference, **HOW)


def test_the_commands(world: World, tmp_path: Path, cache: Path) -> None:
    how = ["--generated", str(world.samples), "--reference", str(world.reference), "--faces", "aligned", "-q"]
    asked = CliRunner().invoke(app, ["ask", *map(str, world.of(SHOWN)), *how, "--out", str(tmp_path / "sheet")])
    assert asked.exit_code == 0, asked.output
    assert "finding: evidence" in asked.output
    listed = CliRunner().invoke(app, ["blind", *how, "--out", str(tmp_path / "frequent")])
    assert listed.exit_code == 0, listed.output
    assert re.match(r"1 face appears too often|\d+ faces appear too often", listed.output)
    assert (tmp_path / "frequent" / "frequent.html").exists()


def test_blind_lists_the_face_that_is_given_too_often(world: World, cache: Path, tmp_path: Path) -> None:
    found = probablyexists.blind(world.samples, world.reference, out=tmp_path / "out", faces="aligned")
    first = found.faces[0]
    assert len([name for name in first.samples if name.startswith("shown-")]) >= 10
    assert first.share > 10 * first.reference_share
    assert first.q < 0.01
    page = (tmp_path / "out" / "frequent.html").read_text()
    assert "shown-" in page


def test_blind_lists_nothing_where_everybody_is_somebody_else(world: World, cache: Path, tmp_path: Path) -> None:
    for i in range(60):
        save(tmp_path / "samples" / f"s{i:03d}.jpg", 1000 + i, 0)
    assert not probablyexists.blind(tmp_path / "samples", world.reference, faces="aligned").faces


def test_no_reference_person_decides_for_another(world: World, cache: Path) -> None:
    """Law: the p-value is a rank, and the same whatever the names of the reference people are."""
    sheet = probablyexists.ask(world.of(STRANGER), world.samples, world.reference, **HOW)
    assert np.isclose(sheet.p * (sheet.n_reference + 1) % 1, 0)


def test_blind_finds_the_over_represented_person_of_the_demo(cache: Path, tmp_path: Path, recogniser: Any) -> None:
    """From samples and strangers alone; only the test knows the members."""
    generator = Path(probablyexists.__file__).parent / "assets" / demo.GENERATOR
    write_population(tmp_path / "strangers", range(demo.N_MEMBERS, demo.N_MEMBERS + 60), range(1), kind="jpg")
    found = probablyexists.blind(generator, tmp_path / "strangers", faces="aligned", samples=300)
    first = found.faces[0]
    assert first.share > 0.25

    write_population(tmp_path / "members", range(demo.N_MEMBERS), range(6), kind="jpg")
    members = embedded(open_source(tmp_path / "members"), recogniser, cache)
    drawn = open_generator(str(generator), Given(threads=1))
    assert drawn is not None
    samples = embedded(GeneratedSource(drawn, str(generator), 300, 0), recogniser, cache)
    shows = np.isin([photo.path for photo in samples.photos], first.samples)
    face = samples.embeddings[shows].mean(axis=0)
    whose = [photo.person for photo in members.photos]
    alike = {who: float(np.mean(members.embeddings[[w == who for w in whose]] @ face)) for who in set(whose)}
    assert max(alike, key=lambda who: alike[who]) == f"person-{demo.MOST:04d}"


def embedded(source: Source, recogniser: Any, cache: Path) -> Embedded:
    store = open_store(cache, recogniser, "aligned", generator_of(source))
    return embed(source, recogniser, store, "aligned", Silent(), "")


def beside(path: Path, *people: tuple[int, int, int]) -> Path:
    """A group photo: (person, photo, size in pixels) from left to right."""
    frame = Image.new("RGB", (sum(size for *_, size in people) + 60, 420), (150, 170, 190))
    left = 20
    for person, photo, size in people:
        frame.paste(Image.fromarray(draw_photo(draw_person(0, person), photo, size)), (left, 20))
        left += size + 20
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def few(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Part of the world: in every picture the detector looks for faces, which takes its time."""
    root = tmp_path_factory.mktemp("few")
    for number in range(100, 122):
        write_population(root / "reference", (number,), range(1), kind="jpg")
    (root / "samples").mkdir()
    for path in [*sorted(world.samples.glob("shown-*"))[:6], *sorted(world.samples.glob("s0*"))[:12]]:
        shutil.copy(path, root / "samples")
    return World(world.photos, root / "reference", root / "samples")


def test_one_group_photo_says_which_face_was_taken(few: World, tmp_path: Path, cache: Path) -> None:
    photo = beside(tmp_path / "us.jpg", (SHOWN, 0, 200), (STRANGER, 0, 330))
    out = tmp_path / "out"
    sheet = probablyexists.ask(photo, few.samples, few.reference, out=out, faces="detect")
    (given,) = sheet.photos
    assert (given.n_faces, given.chosen) == (2, "most prominent")
    assert given.face is not None
    assert given.face[0] > 0.4  # the larger face, on the right
    assert any("shows 2 faces, and the most prominent was taken; give a second photo" in c for c in sheet.cautions)
    said = r"2 faces, taken: the one at the (bottom |top )?right \(\d\d % of the width\), the most prominent"
    assert re.search(said, sheet_summary(sheet, out))
    assert re.search(said, (out / "sheet.html").read_text())


def test_in_one_group_photo_the_most_prominent_face_is_taken_even_if_the_frame_settled_on_another(
    tmp_path: Path, recogniser: DlibRecogniser
) -> None:
    """The table holds the smaller face, as if landmarks had settled there; the sheet says "the most prominent"."""
    source = open_source(beside(tmp_path / "us.jpg", (SHOWN, 0, 200), (STRANGER, 0, 330)).parent)
    larger, smaller = every_face((tmp_path / "us.jpg").read_bytes(), recogniser.side, recogniser.template)
    vectors = recogniser.embed(np.stack([larger.face.chip, smaller.face.chip]))
    pictures = smaller.face.picture[None]
    table = Embedded(source.photos, (b"a",), vectors[1:], pictures, np.zeros(1, np.int32), (), 1)
    found = faces_asked(source, table, "auto", recogniser, Silent())
    assert np.allclose(found.table.embeddings[0], vectors[0], atol=1e-6)
    assert np.array_equal(found.table.pictures[0], larger.face.picture)
    assert (found.photos[0].n_faces, found.photos[0].chosen, found.photos[0].face) == (
        2,
        "most prominent",
        larger.place,
    )


def test_of_two_group_photos_the_face_they_share_is_taken(few: World, tmp_path: Path, cache: Path) -> None:
    """In both the person is the smaller one, beside two different people."""
    photos = [
        beside(tmp_path / "one.jpg", (SHOWN, 0, 220), (STRANGER, 0, 330)),
        beside(tmp_path / "two.jpg", (COPIED, 1, 330), (SHOWN, 1, 220)),
    ]
    out = tmp_path / "out"
    sheet = probablyexists.ask(photos, few.samples, few.reference, out=out, faces="detect")
    one, two = sheet.photos
    assert one.chosen == two.chosen == "shared"
    assert one.face is not None
    assert two.face is not None
    assert one.face[0] < 0.4
    assert two.face[0] > 0.4
    assert sheet.evidence == "evidence"
    assert not any("looks unlike" in caution for caution in sheet.cautions)
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', (out / "sheet.html").read_text())
    for uri in shown:  # a crop of the face, without the other person
        crop = Image.open(io.BytesIO(base64.b64decode(uri)))
        assert detect(np.asarray(crop.convert("RGB").resize((240, 240)))).n_faces == 1


def test_of_a_couple_in_every_photo_one_person_is_taken_throughout_and_it_is_said(
    few: World, tmp_path: Path, cache: Path
) -> None:
    couple = [beside(tmp_path / f"{k}.jpg", (9, k, 330), (5, k, 220)) for k in (0, 2)]
    couple.append(beside(tmp_path / "1.jpg", (5, 1, 220), (9, 1, 330)))
    sheet = probablyexists.ask(couple, few.samples, few.reference, faces="detect")
    assert {photo.chosen for photo in sheet.photos} == {"one of several shared"}
    lefts = [photo.face[0] < 0.4 for photo in sheet.photos if photo.face is not None]
    assert lefts in ([True, False, True], [False, True, False])
    assert sum("share more than one face" in caution for caution in sheet.cautions) == 1


def test_ask_says_which_photo_was_unusable_and_why(world: World, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "phone.heic").write_bytes(b"ftypheic")
    Image.new("RGB", (128, 128)).save(tmp_path / "dark.png")
    photos = [*world.of(SHOWN), tmp_path / "phone.heic", tmp_path / "dark.png"]
    sheet = probablyexists.ask(photos, world.samples, world.reference, out=tmp_path / "out", **HOW)
    reasons = {Path(photo.photo).name: photo.reason for photo in sheet.photos}
    assert reasons == {
        **dict.fromkeys(("000.jpg", "001.jpg", "002.jpg")),
        "phone.heic": "not an image",
        "dark.png": "flat picture",
    }
    assert any(
        "2 of 5 photos given could not be used" in c and "phone.heic' (not an image)" in c for c in sheet.cautions
    )
    assert "phone.heic' (not an image)" in sheet_summary(sheet, tmp_path)
    assert "not used (not an image)" in (tmp_path / "out" / "sheet.html").read_text()


def test_blind_says_how_many_reference_people_were_used(world: World, tmp_path: Path, cache: Path) -> None:
    shutil.copytree(world.reference, tmp_path / "reference")
    for path in (tmp_path / "reference" / "person-0100").iterdir():
        path.write_bytes(b"")
    (tmp_path / "reference" / "more.zip").touch()
    found = probablyexists.blind(world.samples, tmp_path / "reference", faces="aligned")
    assert "reference photos: 1 archive is not opened" in found.cautions
    assert "1 of 60 reference people is without a usable photo (1 empty file)" in found.cautions
    assert "people: 59 of 60 reference people used, 1 without a usable photo" in frequent_summary(found, tmp_path)


def mostly_noise(folder: Path, of: World) -> Path:
    """Four samples with a face, and six of noise."""
    folder.mkdir()
    for path in sorted(of.samples.iterdir())[:4]:
        shutil.copy(path, folder)
    draw = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(draw.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(folder / f"noise-{i}.png")
    return folder


def test_a_generator_that_makes_mostly_noise_is_not_cleared(few: World, tmp_path: Path, cache: Path) -> None:
    samples = mostly_noise(tmp_path / "samples", few)
    sheet = probablyexists.ask(few.of(STRANGER), samples, few.reference, faces="detect")
    assert isinstance(sheet.with_face, Estimate)
    assert sheet.with_face.value == pytest.approx(0.4)
    said = "a face can be detected in only 40 % of the samples: the generator makes no faces"
    assert any(said in caution for caution in sheet.cautions)


def test_blind_says_that_samples_hold_no_faces(few: World, tmp_path: Path, cache: Path) -> None:
    write_population(tmp_path / "reference", range(100, 150), range(1), kind="jpg")
    found = probablyexists.blind(mostly_noise(tmp_path / "samples", few), tmp_path / "reference", faces="detect")
    assert any("a face can be detected in only 40 % of the samples" in caution for caution in found.cautions)
    assert any("4 distinct samples are too few" in caution for caution in found.cautions)


def test_photos_can_be_left_off_a_sheet_that_is_given_away(
    world: World, shown: tuple[Sheet, Path], tmp_path: Path, cache: Path
) -> None:
    _, out = shown
    assert "Photo of the person asked about" in (out / "sheet.html").read_text()
    given = {"out": tmp_path / "sheet", "hide_photos": True, **HOW}
    sheet = probablyexists.ask(world.of(SHOWN), world.samples, world.reference, **given)
    page = (tmp_path / "sheet" / "sheet.html").read_text()
    assert "Photo of the person asked about" not in page
    assert "own photos were left out of this page" in page
    assert "--hide-photos" in page  # of the command that makes it again
    assert sheet.evidence == "evidence"


def test_ones_own_photos_stand_on_the_scale_too(world: World, shown: tuple[Sheet, Path], cache: Path) -> None:
    """By hand: each photo with the mean of the others, by the recogniser."""
    sheet, out = shown
    source = open_source(world.photos / f"person-{SHOWN:04d}")
    recogniser = DlibRecogniser(cache)
    x = embed(source, recogniser, open_store(cache, recogniser, "aligned"), "aligned", Silent(), "x").embeddings
    means = [np.delete(x, i, axis=0).mean(axis=0) for i in range(3)]
    by_hand = np.median([float(x[i] @ m / np.linalg.norm(m)) for i, m in enumerate(means)])
    assert sheet.scale.own_photos == pytest.approx(by_hand, abs=1e-5)
    assert f"own photos with each other {by_hand:.3f}" in sheet_summary(sheet, out)
    alone = probablyexists.ask(world.of(SHOWN)[:1], world.samples, world.reference, **HOW)
    assert alone.scale.own_photos is None


def test_of_two_photos_that_look_unlike_neither_is_left_out_but_a_third_is_asked_for(world: World, cache: Path) -> None:
    photos = [world.of(SHOWN)[0], world.of(STRANGER)[0]]
    sheet = probablyexists.ask(photos, world.samples, world.reference, **HOW)
    assert "ask again without" not in sheet.sentence
    assert "look unlike one another" in sheet.sentence
    assert "a third photo" in sheet.sentence


def test_a_screenshot_of_several_faces_is_said_to_count_as_one(few: World, tmp_path: Path, cache: Path) -> None:
    shutil.copytree(few.samples, tmp_path / "samples")
    for i in range(6):
        beside(tmp_path / "samples" / f"grid-{i}.jpg", (1000 + i, 0, 300), (1010 + i, 0, 300))
    sheet = probablyexists.ask(few.of(SHOWN)[0], tmp_path / "samples", few.reference, faces="detect")
    (several,) = [caution for caution in sheet.cautions if "several faces" in caution]
    assert re.match(r"[4-6] of 24 samples show several faces, and one of each was looked at", several)
