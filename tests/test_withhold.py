"""What an audit does not withhold is copied: by content, whole or not at all, and nothing is lost or overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import probablyexists
from drawn_world import World
from probablyexists import InputError, withhold
from probablyexists.answers.rows import contents
from probablyexists.cli.app import app
from probablyexists.embeddings.embed import Embedded, SetAside
from probablyexists.faces.acquire import NO_FACE
from probablyexists.report.first_page_steps import next_steps
from probablyexists.report.words import NO_BREAK
from probablyexists.results.contents import content_of, sample_salt
from probablyexists.results.findings import SAMPLES_SCHEMA, Findings
from probablyexists.sources.listing import Photo
from probablyexists.tasks import withhold as task
from test_report import sample_findings

KINDS = {"a.png": "none", "b.png": "copy", "c.png": "likeness", "d.png": "none", "e.png": "none"}
FACELESS = "e.png"


def content(data: bytes) -> str:
    return content_of(hashlib.sha256(data).digest(), sample_findings().data.sample_salt)


def data_of(name: str) -> bytes:
    return f"picture {name}".encode()


def write_audit(folder: Path, kinds: Mapping[str, str] = KINDS, **changes: Any) -> Path:
    """An audit of files that each hold `data_of` their name."""
    rows = [
        {
            "sample": name,
            "kind": kind,
            "similarity": None if name == FACELESS else 0.3,
            "content": content(data_of(name)),
        }
        for name, kind in kinds.items()
    ]
    sample_findings(samples=rows, **changes).write(folder)
    return folder


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return write_audit(tmp_path / "audit")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    (tmp_path / "samples").mkdir()
    for name in KINDS:
        (tmp_path / "samples" / name).write_bytes(data_of(name))
    return tmp_path / "samples"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_copies_and_likenesses_are_withheld_and_the_rest_is_copied(audit: Path, samples: Path) -> None:
    kept = samples.parent / "deep" / "kept"
    done = withhold(audit, samples, kept)
    assert names(kept) == ["a.png", "d.png", "e.png"]
    assert all((kept / name).read_bytes() == data_of(name) for name in names(kept))
    assert names(samples) == sorted(KINDS)
    assert (done.let_through, done.no_face, done.withheld, done.unknown, done.missing, done.n_audited) == (
        3,
        1,
        2,
        0,
        0,
        5,
    )
    assert os.listdir(kept.parent) == ["kept"]
    assert kept.stat().st_mode & 0o077 == 0


def test_files_added_changed_or_renamed_since_the_audit_are_known_by_what_they_hold(audit: Path, samples: Path) -> None:
    """Also a likeness under another name, which is withheld, and a second file of the same content."""
    (samples / "new.png").write_bytes(b"of another day")
    (samples / "d.png").write_bytes(b"changed")
    (samples / "a.png").rename(samples / "renamed.png")
    (samples / "again.png").write_bytes(data_of("c.png"))
    done = withhold(audit, samples, samples.parent / "kept")
    assert names(samples.parent / "kept") == ["e.png", "renamed.png"]
    assert (done.let_through, done.withheld, done.unknown, done.missing) == (2, 3, 2, 1)


def test_numbered_samples_in_folders_are_found_although_files_were_added(tmp_path: Path) -> None:
    """The numbers are places in the sorted list of paths, and a new file moves them."""
    numbered = {"sample-000001": "none", "sample-000002": "likeness"}
    write_audit(tmp_path / "audit", numbered, samples_numbered=True)
    for name, data in (("ann/1.png", "sample-000001"), ("bob/1.png", "sample-000002")):
        (tmp_path / "samples" / name).parent.mkdir(parents=True)
        (tmp_path / "samples" / name).write_bytes(data_of(data))
    (tmp_path / "samples" / "aaa.png").write_bytes(b"new")
    done = withhold(tmp_path / "audit", tmp_path / "samples", tmp_path / "kept")
    assert names(tmp_path / "kept") == ["ann/1.png"]
    assert (done.withheld, done.unknown) == (1, 1)


def test_samples_that_the_audit_could_not_read_are_not_published(samples: Path) -> None:
    rows = [{"sample": "a.png", "kind": "none", "similarity": 0.2, "content": content(data_of("a.png"))}]
    rows += [{"sample": "d.png", "kind": "none"}]
    sample_findings(samples=rows).write(samples.parent / "audit")
    assert withhold(samples.parent / "audit", samples, samples.parent / "kept").unknown == 4
    assert names(samples.parent / "kept") == ["a.png"]


def test_a_sample_without_a_face_has_a_content_and_one_that_was_not_read_has_none() -> None:
    """A picture that did not decode here may show a face elsewhere."""
    keys = [bytes([n]) * 32 for n in range(3)]
    photos = [Photo(f"{n}.png", None) for n in range(4)]
    aside = (
        SetAside(photos[1], NO_FACE, keys[1]),
        SetAside(photos[2], "truncated", keys[2]),
        SetAside(photos[3], "unreadable"),
    )
    one = np.zeros((1, 4), np.float32)
    table = Embedded((photos[0],), (keys[0],), one, None, np.ones(1, np.int32), aside, 0)
    salt = b"salt"
    found = contents(table, salt).to_pylist()
    assert found == [*(content_of(key, sample_salt(salt)) for key in keys[:2]), None, None]
    assert len({*found}) == 3


def test_a_target_that_holds_something_is_left_as_it_is(audit: Path, samples: Path) -> None:
    kept = samples.parent / "kept"
    kept.mkdir()
    (kept / "a.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"kept: holds something already \(a.png\), and nothing is overwritten"):
        withhold(audit, samples, kept)
    assert (kept / "a.png").read_bytes() == b"mine"
    (kept / "a.png").unlink()
    assert withhold(audit, samples, kept).let_through == 3


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("samples", "is the folder of the samples, inside it, or around it"),
        ("samples/kept", "is the folder of the samples, inside it, or around it"),
        (".", "is the folder of the samples, inside it, or around it"),
        ("link/kept", "is the folder of the samples, inside it, or around it"),
        ("samples/a.png", "is the folder of the samples, inside it, or around it"),
        ("file", "is a file; give a folder"),
    ],
)
def test_a_target_that_cannot_be_is_one_line(audit: Path, samples: Path, to: str, said: str) -> None:
    (samples.parent / "link").symlink_to(samples)
    (samples.parent / "file").write_bytes(b"")
    with pytest.raises(InputError, match=said) as caught:
        withhold(audit, samples, samples.parent / to)
    assert "\n" not in str(caught.value)
    assert names(samples) == sorted(KINDS)


def test_another_folder_an_archive_and_a_generator_are_one_line(audit: Path, samples: Path) -> None:
    other, packed = samples.parent / "other", samples.parent / "samples.zip"
    other.mkdir()
    (other / "a.png").write_bytes(b"something else")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.png", data_of("a.png"))
    for place, said in (
        (other, r"holds no sample of this audit \(of /data/out/generated.zip\); give the folder that"),
        (packed, "is an archive or a table; unpack it"),
        (samples.parent / "none", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            withhold(audit, place, samples.parent / "kept")
    drawn = sample_findings().signature
    drawn = drawn.model_copy(update={"settings": {**drawn.settings, "generator": "onnx/1"}})
    write_audit(samples.parent / "drawn", signature=drawn)
    with pytest.raises(InputError, match=r"drawn from a generator: draw them into a folder .probablyexists draw "):
        withhold(samples.parent / "drawn", samples.parent / "none", samples.parent / "kept")
    assert not (samples.parent / "kept").exists()
    assert not [name for name in os.listdir(samples.parent) if name.endswith(".part")]
    # Drawn again into a folder they are known by their content, as any.
    assert withhold(samples.parent / "drawn", samples, samples.parent / "kept").let_through


def test_moved_samples_are_gone_from_the_folder_and_links_stay(audit: Path, samples: Path) -> None:
    elsewhere = samples.parent / "elsewhere.png"
    (samples / "a.png").rename(elsewhere)
    (samples / "a.png").symlink_to(elsewhere)
    done = withhold(audit, samples, samples.parent / "kept", move=True)
    assert names(samples) == ["a.png", "b.png", "c.png"]
    assert (done.let_through, done.not_moved) == (3, 1)
    assert elsewhere.read_bytes() == data_of("a.png")
    assert not (samples.parent / "kept" / "a.png").is_symlink()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_run_that_is_stopped_leaves_no_part_and_moves_nothing(
    audit: Path, samples: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    written: list[Path] = []

    def stopped(path: Path, data: bytes, *, safely: bool) -> None:
        if written:
            raise error
        written.append(path)
        path.write_bytes(data)

    monkeypatch.setattr(task, "_write", stopped)
    with pytest.raises((KeyboardInterrupt, InputError)):
        withhold(audit, samples, samples.parent / "kept", move=True)
    assert names(samples) == sorted(KINDS)
    assert sorted(os.listdir(samples.parent)) == ["audit", "samples"]


def test_a_sample_that_changes_while_it_is_moved_is_not_removed(
    audit: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = task._write

    def changes(path: Path, data: bytes, *, safely: bool) -> None:
        write(path, data, safely=safely)
        if path.name == "d.png":
            (samples / "d.png").write_bytes(b"a newer picture")

    monkeypatch.setattr(task, "_write", changes)
    assert withhold(audit, samples, samples.parent / "kept", move=True).not_moved == 1
    assert (samples / "d.png").read_bytes() == b"a newer picture"
    assert (samples.parent / "kept" / "d.png").read_bytes() == data_of("d.png")


def test_odd_names_are_published_as_they_are(audit: Path, samples: Path) -> None:
    odd = [b"-rf.png", b"a\nb.png", b"\xff.png", "\N{RIGHT-TO-LEFT OVERRIDE}gnp.png".encode(), b"..a.png2"]
    for name in odd:
        Path(os.fsdecode(os.path.join(os.fsencode(samples), name))).write_bytes(data_of("a.png"))
    withhold(audit, samples, samples.parent / "kept")
    there = {os.fsencode(name) for name in os.listdir(samples.parent / "kept")}
    assert set(odd[:4]) <= there


def test_the_command_says_how_many_and_what_withholding_is_not(audit: Path, samples: Path) -> None:
    (samples / "new.png").write_bytes(b"new")
    given = ["withhold", str(audit), "--from", str(samples), "--to", str(samples.parent / "kept"), "-q"]
    said = CliRunner().invoke(app, given).stdout.splitlines()
    assert said == [
        f"copied to '{samples.parent / 'kept'}': 3 of 5 samples audited",
        "copied without a comparison, as no face was found in them: 1",
        "withheld, as copies or likenesses: 2",
        "held back, as they are no samples of this audit, or changed, or no pictures to it: 1",
        "caution: the audit's verdict is leak; withholding samples does not mend the generator",
    ]
    given[5] = str(samples.parent / "kept2")
    assert json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)["let_through"] == 3


def test_an_audit_whose_split_is_not_fair_says_that_it_claims_no_likeness(samples: Path) -> None:
    naming = sample_findings(n_named=0).naming.model_copy(update={"n_exposed": None})
    audit = write_audit(samples.parent / "audit", n_named=0, naming=naming)
    given = ["withhold", str(audit), "--from", str(samples), "--to", str(samples.parent / "kept"), "-q"]
    assert "it claims copies alone, and no likeness" in CliRunner().invoke(app, given).stdout


def test_damaged_findings_let_nothing_through(audit: Path, samples: Path) -> None:
    (audit / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is damaged"):
        probablyexists.withhold(audit, samples, samples.parent / "kept")
    assert not (samples.parent / "kept").exists()


def test_samples_that_resemble_somebody_who_could_not_be_named_are_held_back_and_counted_before(
    audit: Path, samples: Path
) -> None:
    """They passed for publishable, as an audit with too few held-out people calls them neither copy nor likeness."""
    rows = Findings.read(audit).samples.to_pylist()
    for row in rows:
        row["unjudged"] = "person-0003" if row["sample"] in ("a.png", "d.png") else None
    naming = sample_findings().naming.model_copy(update={"n_heldout": 20})
    write_audit(audit, naming=naming)
    Findings.read(audit).model_copy(update={"samples": pa.Table.from_pylist(rows, SAMPLES_SCHEMA)}).write(audit)
    (samples / "of d.png").write_bytes(data_of("d.png"))
    given = ["withhold", str(audit), "--from", str(samples), "--to", str(samples.parent / "kept")]
    done = CliRunner().invoke(app, given)
    assert names(samples.parent / "kept") == ["e.png"]
    said = "2 samples resemble a member who could not be named with 20 held-out people (similarity 0.873 or more): not"
    assert said in " ".join(done.stderr.split())
    assert "held back, as they resemble a person who is neither named nor cleared: 3" in done.stdout.splitlines()
    assert names(samples) == sorted([*KINDS, "of d.png"])


def test_the_likenesses_of_an_audit_with_few_heldout_people_are_not_let_through(world: World, tmp_path: Path) -> None:
    """12 members and 20 held-out people: nobody is named, though five people's likenesses are among the samples."""
    for person in sorted(world.heldout.iterdir())[:20]:
        (tmp_path / "heldout" / person.name).parent.mkdir(exist_ok=True)
        (tmp_path / "heldout" / person.name).symlink_to(person)
    findings = probablyexists.audit(
        world.training, tmp_path / "heldout", world.leaking, out=tmp_path / "audit", show_names=True
    )
    assert findings.affected.n_named == 0
    resemble = [row for row in findings.samples.to_pylist() if row["unjudged"] is not None]
    assert len(resemble) >= 15
    assert all(row["sample"].startswith("like-") and row["kind"] == "none" for row in resemble)
    assert {row["unjudged"] for row in resemble} == world.planted
    done = withhold(tmp_path / "audit", world.leaking, tmp_path / "kept")
    assert (done.unjudged, done.withheld) == (len(resemble), 3)
    assert not {row["sample"] for row in resemble} & set(names(tmp_path / "kept"))
    (step,) = (step.text for step in next_steps(findings) if step.name == "Add held-out people")
    assert "To name one person alone among 12 members" in step.replace(NO_BREAK, " ")
    assert "399 held-out people are needed; here are 20. Unjudged until then, not cleared: person-" in step
