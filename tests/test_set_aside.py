"""What could not be used counts: in the verdict, in the findings, on the terminal and on the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

import probablyexists
from drawn_world import MEMBERS, World
from probablyexists import Findings
from probablyexists.answers.set_aside import losses
from probablyexists.cli.summary import frequent_summary, sheet_summary, summary
from probablyexists.results.findings import RoleData
from test_report import Page
from test_verdict import data, role, ruling


def cut_short(folder: Path, names: str) -> None:
    """End the files early, as a broken download does."""
    for path in folder.rglob(names):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


def of_role(findings: Findings, name: str) -> RoleData:
    (found,) = (role for role in findings.data.roles if role.role == name)
    return found


def test_half_of_the_photos_and_samples_truncated_is_no_no_evidence(world: World, cache: Path, tmp_path: Path) -> None:
    for name, folder in (("training", world.training), ("samples", world.honest)):
        shutil.copytree(folder, tmp_path / name)
    cut_short(tmp_path / "training", "00[01].jpg")
    cut_short(tmp_path / "samples", "s0[0-1]*.jpg")
    found = probablyexists.audit(tmp_path / "training", world.heldout, tmp_path / "samples")
    assert found.verdict != "no evidence"
    assert "50 % of the training photos could not be used (24 truncated)" in found.because
    assert "50 % of the generated samples could not be used (20 truncated)" in found.because
    differs = "the share of images that could not be used differs between training (50 %) and held-out photos"
    assert any(reason.startswith(differs) for reason in found.because)


def test_members_with_unreadable_photos_only_are_counted_as_given(world: World, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(world.training, tmp_path / "training")
    for number in (0, 7, 9, 11):
        for path in (tmp_path / "training" / f"person-{number:04d}").iterdir():
            path.write_bytes(b"ftypheic, as a phone writes it")
    out = tmp_path / "out"
    found = probablyexists.audit(tmp_path / "training", world.heldout, world.leaking, out=out)
    members = of_role(found, "training")
    assert (members.n_people_given, members.n_people) == (MEMBERS, MEMBERS - 4)
    assert members.people_set_aside == {"not an image": 4}
    said = "4 of 12 members are without a usable photo (4 not an image)"
    assert said in [*found.because, *found.cautions]
    terminal = summary(found, out)
    assert "people: 8 of 12 members used, 4 without a usable photo (4 not an image)" in terminal
    assert f"People affected: {found.affected.n} of 8 members (12 given)" in terminal
    text = Page((out / "report.html").read_text("utf-8")).text
    assert "of 8 members (12 given)" in text
    assert "People without a usable photo: 4 (not an image)." in text
    assert any("of 8 members (12 given) are named" in reason for reason in found.because)


def test_one_member_of_many_without_a_photo_is_a_caution() -> None:
    given = role("training").model_copy(update={"n_people_given": 301, "people_set_aside": {"truncated": 1}})
    found = ruling(data=data().model_copy(update={"roles": [given, role("heldout"), role("generated")]}))
    assert found.verdict == "no evidence"
    assert found.cautions == ["1 of 301 members is without a usable photo (1 truncated)"]
    assert "of 300 members (301 given)" in found.sentence


@pytest.mark.parametrize(("n", "verdict"), [(200, "no evidence"), (201, "inconclusive")])
def test_every_reason_counts_towards_the_share_that_may_be_lost(n: int, verdict: str) -> None:
    roles = [role(r, 1000 - n, n // 2) for r in ("training", "heldout")]
    roles = [r.model_copy(update={"n_unreadable": {"truncated": n - n // 2}}) for r in roles]
    found = ruling(data=data().model_copy(update={"roles": [*roles, role("generated")]}))
    assert found.verdict == verdict


def black(folder: Path, n: int, kind: str = "png") -> None:
    for i in range(n):
        Image.new("RGB", (128, 128)).save(folder / f"black-{i:03d}.{kind}")


def test_black_samples_of_a_safety_filter_are_counted_and_said(world: World, cache: Path, tmp_path: Path) -> None:
    """Also where frames are taken as faces, so that a black picture would have an embedding."""
    shutil.copytree(world.honest, tmp_path / "samples")
    black(tmp_path / "samples", 10, "jpg")
    out = tmp_path / "out"
    found = probablyexists.audit(world.training, world.heldout, tmp_path / "samples", out=out, faces="aligned")
    assert of_role(found, "generated").n_unreadable == {"flat picture": 10}
    assert of_role(found, "generated").n_acquired == 40
    said = "10 of 50 samples are flat (black, or of one colour), as a safety filter gives them"
    assert said in found.cautions
    assert "set aside: 10 of 50 generated samples (10 flat picture)" in summary(found, out)
    assert "Set aside: flat picture (10)." in Page((out / "report.html").read_text("utf-8")).text

    frequent = probablyexists.blind(tmp_path / "samples", world.heldout, faces="aligned")
    assert said in frequent.cautions
    assert frequent.n_samples == 40
    assert "10 flat picture" in frequent_summary(frequent, out)
    sheet = probablyexists.ask(world.training / "person-0001", tmp_path / "samples", world.heldout, faces="aligned")
    assert said in sheet.cautions
    assert "10 flat picture" in sheet_summary(sheet, out)


def test_many_samples_that_repeat_are_a_caution_and_a_few_are_not() -> None:
    def found(n: int) -> tuple[list[str], list[str]]:
        judged = losses([role("generated").model_copy(update={"n_repeated": n})])
        return judged.grave, judged.slight

    assert found(10) == ([], [])
    for n in (11, 900):
        assert found(n)[0] == []
        assert found(n)[1][0].startswith(f"{n} of 1,000 samples repeat the picture of another sample")


@pytest.mark.parametrize(("n", "grave", "slight"), [(10, 0, 0), (11, 0, 1), (200, 0, 1), (201, 1, 0)])
def test_many_samples_with_several_faces_are_a_caution_and_very_many_clear_nobody(
    n: int, grave: int, slight: int
) -> None:
    found = losses([role("generated").model_copy(update={"n_several_faces": n})])
    assert (len(found.grave), len(found.slight)) == (grave, slight)
