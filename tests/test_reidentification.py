"""What a page shows by default says nothing about anybody: no pixel, no name, nothing to be computed from a photo."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import probablyexists
from drawn_world import MEMBERS, World, save
from probablyexists import Findings
from probablyexists.cli.summary import sheet_summary
from probablyexists.intake.sample_names import sample_names
from probablyexists.report.page import render
from probablyexists.report.sheet_page import render_sheet
from probablyexists.results.sheet import Sheet
from probablyexists.sources.folder import FolderSource
from probablyexists.sources.open_source import Source
from test_report import Page, page, picture, sample_exhibits, sample_findings

NAMES = ("Angela Merkel", "Barack Obama", "Ségolène Royal")
FILES = ("findings.json", "report.html")


def test_a_report_is_the_same_whoever_is_in_the_pictures() -> None:
    findings = sample_findings()
    shown = sample_exhibits(findings)
    exchanged = [
        type(e)(e.kind, e.person, picture(9999 + i), tuple((name, value, picture(i)) for name, value, _ in e.samples))
        for i, e in enumerate(shown)
    ]
    assert render(findings, shown, show_faces=False) == render(findings, exchanged, show_faces=False)
    assert render(findings, shown, show_faces=True) != render(findings, exchanged, show_faces=True)


def test_every_face_of_a_report_is_the_same_drawing() -> None:
    findings = sample_findings()
    html = render(findings, sample_exhibits(findings), show_faces=False)
    drawings = re.findall(r'<svg class="face (\w+)" role="img" aria-label="[^"]*">(.*?)</svg>', html)
    assert len(drawings) == 6 * 4 + 9 * 2
    assert {kind for kind, _ in drawings} == {"training", "generated"}
    assert {inside for _, inside in drawings} == {'<use href="#outline"/>'}
    assert not Page(html).attributes("img", "src")
    assert len(re.findall(r">=</span>", html)) == 9  # a copy is its photo


@pytest.fixture(scope="module")
def sheet(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sheet, Path]:
    """The sheet of a person who is copied and shown, with samples in folders named after people."""
    root = tmp_path_factory.mktemp("asked")
    shutil.copytree(world.leaking, root / "samples" / "Angela_Merkel")
    photos = sorted((world.training / "person-0008").iterdir())
    return probablyexists.ask(photos, root / "samples", world.heldout, out=root / "sheet"), root / "sheet"


def test_ones_own_photos_are_shown_plainly_and_no_sample(sheet: tuple[Sheet, Path]) -> None:
    found, out = sheet
    seen = Page((out / "sheet.html").read_text("utf-8"))
    assert len(seen.attributes("img", "src")) == found.compared_on
    assert seen.attributes("svg", "class").count("face generated") == len(found.nearest) + len(found.copies)
    assert "own photos are shown as they are. Give this page only to people who may see them." in seen.text
    with_samples = Page(render_sheet(found, [picture(1)], {near.sample: picture(2) for near in found.nearest}, True))
    assert len(with_samples.attributes("img", "src")) == 1 + len(found.nearest)


def test_a_sheet_names_nobody_whose_folder_a_sample_is_in(sheet: tuple[Sheet, Path]) -> None:
    found, out = sheet
    assert all(re.fullmatch(r"sample-\d{6}", near.sample) for near in [*found.nearest, *found.copies])
    assert "numbered from 1 by their place in the sorted list" in sheet_summary(found, out)
    assert "numbered from 1 by their place in the sorted list" in (out / "sheet.html").read_text("utf-8")
    for name in ("sheet.json", "sheet.html"):
        assert "Merkel" not in (out / name).read_text("utf-8")


def test_frequent_faces_are_outlines_and_name_nobody(world: World, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(world.leaking, tmp_path / "samples" / "Angela_Merkel")
    for photo in range(200, 215):
        save(tmp_path / "samples" / "Barack_Obama" / f"{photo}.jpg", 0, photo)
    found = probablyexists.blind(tmp_path / "samples", world.heldout, out=tmp_path / "out", faces="aligned")
    assert found.faces
    text = (tmp_path / "out" / "frequent.html").read_text("utf-8")
    assert "<img" not in text
    assert 'class="face generated"' in text
    assert not re.search("Merkel|Obama", text + (tmp_path / "out" / "frequent.json").read_text("utf-8"))


def test_samples_in_folders_named_after_people_are_numbered(world: World, cache: Path, tmp_path: Path) -> None:
    """`withhold.txt` keeps the paths, as somebody must act on them, and is for the owner alone."""
    samples = tmp_path / "samples"
    for i, path in enumerate(sorted(world.leaking.iterdir())):
        at = samples / NAMES[i % 3].replace(" ", "_") / path.name
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, at)
    found = probablyexists.audit(world.training, world.heldout, samples, out=tmp_path / "out")
    assert found.samples_numbered
    for name in FILES:
        text = (tmp_path / "out" / name).read_text("utf-8")
        assert not re.search("Merkel|Obama|Ségolène", text)
    paths = sorted(path.relative_to(samples).as_posix() for path in samples.rglob("*.jpg"))
    numbers = [int(row["sample"].removeprefix("sample-")) for row in leaked(found)]
    withheld = (tmp_path / "out" / "withhold.txt").read_text("utf-8").splitlines()
    assert withheld == [paths[number - 1] for number in numbers]
    assert (tmp_path / "out" / "withhold.txt").stat().st_mode & 0o777 == 0o600
    shown = probablyexists.audit(world.training, world.heldout, samples, show_names=True)
    assert [row["sample"] for row in leaked(shown)] == withheld


def leaked(found: Findings) -> list[dict[str, object]]:
    return [row for row in found.samples.to_pylist() if row["kind"] != "none"]


def named_after(root: Path, files: Iterable[str], people: Iterable[str] = NAMES) -> dict[str, str]:
    """What samples of these names are called in an audit of these people."""
    for at in [*(root / "generated" / file for file in files), *(root / "training" / who / "1.jpg" for who in people)]:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.touch()
    sources: dict[str, Source] = {
        "training": FolderSource(root / "training", True),
        "generated": FolderSource(root / "generated", False),
    }
    return sample_names(sources, show_names=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "file",
    ["angela_merkel_0001.png", "AngelaMerkel01.png", "x-SEGOLENE-ROYAL.png", "barack obama.png", "Angela_Merkel/1.png"],
)
def test_a_sample_named_after_a_person_numbers_all_samples(tmp_path: Path, file: str) -> None:
    assert set(named_after(tmp_path, [file, "s1.png"]).values()) == {"sample-000001", "sample-000002"}


@pytest.mark.parametrize("file", ["seed-17.png", "merkel.png", "00012/img00012345.png", "17.png"])
def test_a_sample_that_names_nobody_keeps_its_path(tmp_path: Path, file: str) -> None:
    """Numbers are no names, not even where people are numbers; nor is a part of a name."""
    assert named_after(tmp_path, [file], [*NAMES, "17", "12"]) == {}


def test_the_name_of_one_sample_among_many_that_differ_in_digits_numbers_all(tmp_path: Path) -> None:
    """Also with a line break in it, and with letters that are not ASCII."""
    many = [f"{number:03d}.png" for number in range(30)]
    named = ["angela\nmerkel_01.png", "Angéla-Merkel.png"]
    for number, file in enumerate(named):
        assert len(named_after(tmp_path / str(number), [*many, file])) == 31
    assert named_after(tmp_path / "nobody", [*many, "zoë\n.png", os.fsdecode(b"\xff.png")]) == {}


def test_who_has_all_photos_of_a_person_cannot_compute_the_pseudonym(world: World, cache: Path, tmp_path: Path) -> None:
    """Nor a photo's fingerprint. A page that holds a hash of a photo can be matched by who has the file."""
    training = tmp_path / "training"
    shutil.copytree(world.training, training)
    shutil.copy(sorted((world.heldout / f"person-{MEMBERS:04d}").iterdir())[0], training / "person-0000" / "same.jpg")
    out = tmp_path / "out"
    found = probablyexists.audit(training, world.heldout, world.leaking, out=out)
    assert found.copies.n_copies
    assert found.data.duplicates
    text = "".join((out / name).read_text("utf-8") for name in FILES)
    for person in training.iterdir():
        hashes = sorted(hashlib.sha256(photo.read_bytes()).digest() for photo in person.iterdir())
        whole = hashlib.sha256(b"probablyexists/person" + b"".join(hashes)).hexdigest()
        assert f"P-{whole[:8]}" not in text
        assert not any(each.hex()[:16] in text for each in hashes)
    again = probablyexists.audit(training, world.heldout, world.honest)
    assert set(again.people["person"].to_pylist()) == set(found.people["person"].to_pylist())


def test_a_file_name_that_is_not_utf8_is_withheld_as_it_is_on_disk(world: World, cache: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    shutil.copytree(world.leaking, samples)
    odd = os.fsdecode(b"copy-\xff.jpg")
    try:
        (samples / "copy-8.jpg").rename(samples / odd)
    except OSError:
        pytest.skip("a file system that takes UTF-8 only")
    probablyexists.audit(world.training, world.heldout, samples, out=tmp_path / "out")
    lines = (tmp_path / "out" / "withhold.txt").read_text("utf-8").splitlines()
    names = [json.loads(line) if line.startswith('"') else line for line in lines]
    assert odd in names
    assert all((samples / name).exists() for name in names)


def test_shown_faces_come_with_a_warning() -> None:
    findings = sample_findings()
    assert "Share this page only with people" in page(findings, sample_exhibits(findings), show_faces=True).text
    assert "Share this page only with people" not in page(findings, sample_exhibits(findings)).text
