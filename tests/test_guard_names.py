"""A person in a guard under two names: refused, told, and found again when they ask to be taken out."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import probablyexists
from drawn_world import World, save
from probablyexists import Guard, InputError, open_guard
from probablyexists.cli.app import app

RATE = 0.05


@pytest.fixture(scope="module")
def guard(world: World) -> Guard:
    return probablyexists.guard(world.training, world.heldout, rate=RATE)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of person 900: 0 to 3, and 0 as JPEG of low quality, mirrored, and as PNG."""
    root = tmp_path_factory.mktemp("photos")
    for photo in range(4):
        save(root / f"{photo}.jpg", 900, photo)
    first = Image.open(root / "0.jpg")
    first.save(root / "low.jpg", quality=40)
    first.save(root / "other.png")
    first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "mirrored.png")
    return root


@pytest.fixture(scope="module")
def with_me(guard: Guard, photos: Path) -> Guard:
    return guard.add([photos / "0.jpg", photos / "1.jpg"], name="me")


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["guard", *map(str, words)])
    if isinstance(result.exception, InputError):
        return 2, result.exception.on_command_line
    assert result.exception is None, result.exception
    return 0, result.output


def test_the_same_files_under_two_names_are_refused_with_the_name_that_has_them(with_me: Guard, photos: Path) -> None:
    with pytest.raises(InputError) as caught:
        with_me.add([photos / "0.jpg", photos / "3.jpg"], name="Ann")
    assert str(caught.value) == (
        "photos=...: are in this guard already, under me (1 of 2), who is kept out; leave these photos out, or give "
        "twice=True to have the person under both names (each has to be removed then)"
    )
    with pytest.raises(InputError, match=r"under me \(1 of 2\)"):  # a pseudonym would differ, as the files do
        with_me.add([photos / "0.jpg", photos / "3.jpg"])


@pytest.mark.parametrize("name", ["low.jpg", "other.png", "mirrored.png"])
def test_the_same_photo_saved_again_is_refused_under_another_name(with_me: Guard, photos: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"under me \(1 of 1\)"):
        with_me.add(photos / name, name="Ann")


def test_a_training_photo_under_a_name_is_refused_with_its_pseudonym(guard: Guard, world: World) -> None:
    person = sorted(world.training.iterdir())[2]
    own = guard.check(sorted(person.iterdir()))[0].person
    with pytest.raises(InputError, match=rf"under {own} \(4 of 4\)"):
        guard.add(sorted(person.iterdir()), name="Ann")


def test_other_photos_of_a_person_who_is_there_are_added_with_a_caution(with_me: Guard, photos: Path) -> None:
    added = with_me.add([photos / "2.jpg", photos / "3.jpg"], name="Ann")
    (other,) = added.other_names("Ann")
    assert (other.person, other.photos) == ("me", 0)
    assert other.similarity > other.threshold
    assert [one.person for one in added.other_names("me")] == ["Ann"]


def test_members_who_differ_are_not_taken_for_one(with_me: Guard) -> None:
    """As often as a stranger's picture is refused, at most; of these 13 nobody."""
    assert [with_me.other_names(name) for name in with_me.people] == [()] * 13


def test_removing_a_person_who_is_there_twice_says_under_which_name_they_remain(
    with_me: Guard, photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "guard.pe"
    with_me.write(file)
    code, said = run("add", file, photos / "low.jpg", photos / "3.jpg", "--name", "Ann M")
    assert (code, "or give --twice to have the person under both names" in said) == (2, True)
    code, said = run("add", file, photos / "low.jpg", photos / "3.jpg", "--name", "Ann M", "--twice")
    assert code == 0
    assert (
        "caution: 1 of these photos are here as me too; if this is the person, both names must be removed to take "
        "them out" in said
    )
    code, said = run("remove", file, "me")
    assert said.startswith(
        "removed: me, 2 photos\ncaution: still in this guard: 1 of these photos are here as Ann M too; if this is the "
        f"person, remove that name too: probablyexists guard remove {file} 'Ann M'\n"
    )
    assert open_guard(file).check(photos / "0.jpg")[0].person == "Ann M"
    said = run("remove", file, "Ann M")[1]
    assert "caution" not in said
    assert "no other name here has these photos or looks enough like the person; somebody who was added with" in said
    assert open_guard(file).check(photos / "0.jpg")[0].allowed


def test_removing_a_person_says_who_looks_like_them(with_me: Guard, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "guard.pe"
    with_me.add([photos / "2.jpg", photos / "3.jpg"], name="Ann").write(file)
    (other,) = json.loads(run("remove", file, "me", "--json")[1])["other_names"]
    assert (other["person"], other["photos"]) == ("Ann", 0)
    with_me.add([photos / "2.jpg", photos / "3.jpg"], name="Ann").write(file)
    assert "caution: perhaps still in this guard: Ann looks like the same person (sim" in run("remove", file, "me")[1]


def test_a_photo_under_two_names_stays_a_copy_when_one_is_removed(with_me: Guard, photos: Path) -> None:
    left = with_me.add([photos / "low.jpg", photos / "3.jpg"], name="Ann", twice=True).remove("me")
    decision = left.check(photos / "0.jpg")[0]
    assert (decision.kind, decision.person) == ("copy", "Ann")


def test_photos_of_nobody_known_go_with_the_person_whom_they_show(with_me: Guard, photos: Path) -> None:
    """A training photo that was put to nobody is protected from copying; nobody's name would remove it."""
    content = with_me.content
    members = content.members
    own = np.flatnonzero(members.owner == 12)
    nobodys = replace(members.at(own[:1], (), np.full(len(members.owner), -1, np.int32)))
    guard = Guard(replace(content, members=members.and_(nobodys)), with_me.recogniser)
    left = guard.remove("me")
    assert len(left.content.members.pictures) == len(members.pictures) - 2
    assert left.check(photos / "0.jpg")[0].kind != "copy"
    assert len(guard.remove(guard.people[0]).content.members.pictures) == len(members.pictures) + 1 - 4


def test_names_that_differ_by_case_or_form_of_unicode_are_one(guard: Guard, photos: Path) -> None:
    composed = "Jos\N{LATIN SMALL LETTER E WITH ACUTE} M"
    added = guard.add(photos / "0.jpg", name=unicodedata.normalize("NFD", composed))
    assert added.people[-1] == composed
    for twin in (
        composed,
        composed.upper(),
        f" {composed} ",
        composed.replace("M", "\N{FULLWIDTH LATIN CAPITAL LETTER M}"),
    ):
        with pytest.raises(InputError, match="is already in this guard"):
            added.add(photos / "2.jpg", name=twin)
        assert added.remove(twin).people == guard.people


def test_a_name_that_two_people_have_but_for_case_removes_neither(guard: Guard, photos: Path) -> None:
    """Files of earlier versions may hold both."""
    two = guard.add(photos / "0.jpg", name="ann").add(photos / "2.jpg", name="other")
    both = replace(two.content.members, names=(*two.people[:-1], "Ann"))
    old = Guard(replace(two.content, members=both), two.recogniser)
    with pytest.raises(InputError, match="ANN: may be 'ann' or 'Ann'; give one as it is written here"):
        old.remove("ANN")
    assert old.remove("Ann").people[-1] == "ann"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty; leave it out, or say something"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", r"has the character U\+202E, which is not seen; leave it out"),
        ("x" * 201, "has 201 characters"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(guard: Guard, photos: Path, name: str, said: str) -> None:
    """One of more than 1,000 characters made a file that could not be read."""
    with pytest.raises(InputError, match=said):
        guard.add(photos / "0.jpg", name=name)


def test_adding_a_heldout_person_whom_the_rate_needs_says_so(world: World) -> None:
    guard = probablyexists.guard(None, world.heldout, rate=1 / 71)
    person = sorted(world.heldout.iterdir())[3]
    with pytest.raises(InputError, match="needs 70 of them, with 69 left; make the guard again with more held-out"):
        guard.add(sorted(person.iterdir())[:2], name="me")


@pytest.mark.parametrize(("rate", "cure"), [(0.015, "leave out half=True, give"), (0.01, "half=True with rate=0.015")])
def test_too_few_people_because_of_half_says_to_leave_it_out(world: World, rate: float, cure: str) -> None:
    with pytest.raises(InputError, match="half=True leaves 33 of 70 to set the threshold; leave out") as caught:
        probablyexists.guard(world.training, world.heldout, rate=rate, half=True)
    assert cure in str(caught.value)
    assert str(caught.value).endswith("give more people, or rate=0.03, the smallest for these")


def test_a_guard_says_that_its_rate_is_an_average_and_what_it_may_be_itself(with_me: Guard, tmp_path: Path) -> None:
    with_me.write(tmp_path / "g.pe")
    said = run("show", tmp_path / "g.pe")[1]
    assert "on average over guards made like this one, asked for at most 5 %; by this guard itself" in said
    helped = " ".join(run("--help")[1].replace("│", " ").split())
    assert "at most --rate of them on average over draws of the held-out people" in helped
    assert "the default, 1 in 1,000, needs 999." in helped
