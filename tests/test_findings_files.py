"""Findings on disk: a small JSON and the samples' rows beside it, read again together or refused in one line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import probablyexists
from probablyexists.basis.errors import InputError
from probablyexists.cli.app import app
from probablyexists.intake.looks import read_looks
from probablyexists.report.markdown_summary import markdown_summary
from probablyexists.results.findings import Findings
from test_report import sample_findings


def test_findings_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Also odd names, and no sample at all; the same findings are the same bytes."""
    for findings in (sample_findings(sample='Zoë "\\" \n {}.png'), sample_findings(samples=[])):
        findings.write(tmp_path / "out")
        first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        held, whole = json.loads(first["findings.json"]), json.loads(findings.model_dump_json())
        assert {**held, "samples": whole["samples"]} == whole
        assert held["samples"]["rows"] == len(findings.samples)
        assert Findings.read(tmp_path / "out") == Findings.read(str(tmp_path / "out" / "findings.json")) == findings
        Findings.read(tmp_path / "out").write(tmp_path / "out")
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first


def test_findings_of_many_samples_are_a_small_file(tmp_path: Path) -> None:
    row = sample_findings().samples.slice(0, 1).to_pylist()[0]
    findings = sample_findings(samples=[{**row, "sample": f"{number:07d}.jpg"} for number in range(100_000)])
    findings.write(tmp_path)
    assert (tmp_path / "findings.json").stat().st_size < 100_000
    assert (tmp_path / "samples.parquet").stat().st_size < 1_000_000
    assert Findings.read(tmp_path) == findings


def rows_of_another_kind(findings: Findings, path: Path) -> None:
    pq.write_table(findings.samples.drop_columns(["kind"]), path)


def one_text_in_every_row(findings: Findings, path: Path) -> None:
    """20,000 rows of 64 KiB, in a small file."""
    n = 20_000
    columns = {field.name: pa.nulls(n, field.type) for field in findings.samples.schema}
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["x" * 2**16]))
    pq.write_table(pa.table({**columns, "sample": long}), path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            lambda f, path: path.unlink(),
            r"cannot be read \(No such file or directory\); it belongs beside",
        ),
        (
            lambda f, path: path.write_bytes(path.read_bytes()[:-9]),
            "is damaged, or of another audit than",
        ),
        (lambda f, path: sample_findings(samples=[]).write(path.parent.parent), ""),
        (
            lambda f, path: (path.unlink(), os.mkfifo(path)),
            "is a pipe, a device or a folder, not a file",
        ),
        (rows_of_another_kind, r"not the rows of findings \(not [\d,]+ rows of sample, kind, "),
        (one_text_in_every_row, r"not the rows of findings \(its texts have over 1 GiB\)"),
        (lambda f, path: path.write_bytes(b"PAR1" * 9), r"not the rows of findings \("),
        (lambda f, path: path.write_bytes(b""), r"not the rows of findings \("),
    ],
)
def test_samples_that_were_lost_damaged_or_forged_are_one_line(
    tmp_path: Path, rows: Callable[[Findings, Path], object], said: str
) -> None:
    """Forged ones have a checksum that is right."""
    findings, path = sample_findings(), tmp_path / "out" / "samples.parquet"
    findings.write(tmp_path / "out")
    rows(findings, path)
    if "not the rows" in said:
        held = json.loads((tmp_path / "out" / "findings.json").read_text())
        held["samples"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        if rows is one_text_in_every_row:
            held["samples"]["rows"] = 20_000
        (tmp_path / "out" / "findings.json").write_text(json.dumps(held))
    if not said:  # another audit's
        shutil.copy(tmp_path / "samples.parquet", path)
        said = "is damaged, or of another audit"
    with pytest.raises(InputError, match=f"samples.parquet: {said}") as caught:
        Findings.read(tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_findings_that_name_another_file_for_their_samples_are_refused(tmp_path: Path) -> None:
    sample_findings().write(tmp_path)
    text = (tmp_path / "findings.json").read_text()
    (tmp_path / "findings.json").write_text(text.replace("samples.parquet", "../../secret.parquet"))
    with pytest.raises(InputError, match=r"not the findings of an audit"):
        Findings.read(tmp_path)


def test_a_count_that_no_column_holds_is_one_line(tmp_path: Path) -> None:
    sample_findings().write(tmp_path)
    held = json.loads((tmp_path / "findings.json").read_text())
    held["people"][0]["copies"] = -(2**63) - 1
    (tmp_path / "findings.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match="not the findings of an audit"):
        Findings.read(tmp_path)


COPY = "; copy it again from where it was made, or audit again"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], r"is cut off: it ends in the middle, after [\d,]+ bytes"),
        (lambda whole: whole.rstrip()[:-1], r"is cut off: it ends in the middle, after [\d,]+ bytes"),
        (lambda whole: whole[: whole.index(b": 7")] + b": 7.", "is cut off: it ends in the middle, after 23 bytes"),
        (
            lambda whole: whole[:500] + "\N{EURO SIGN}".encode()[:2],
            "is cut off: .* 502 bytes",
        ),
        (lambda whole: b"", "is empty"),
        (lambda whole: b"\n \n", "is empty"),
        (lambda whole: b"\0" * 4096, "4,096 of its 4,096 bytes, at its end, were never written .zeros."),
        (lambda whole: whole[:9000] + b"\0" * 96, "96 of its 9,096 bytes, at its end, were never written .zeros."),
        (lambda whole: b"[1, 2]", "holds a JSON list, not an object"),
        (lambda whole: b"7", "holds a JSON number, not an object"),
        (lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is no JSON"),
        (lambda whole: b"<html>", "is no JSON"),
        (lambda whole: b"[" * 200_000, "is nested too deeply"),
        (lambda whole: b'{"a":' * 200_000, "is nested too deeply"),
        (lambda whole: whole.replace(b'": ', b'"; ', 1), "is damaged at line 2, column 18"),
        (lambda whole: whole[:500] + b"\xff" + whole[500:], "is damaged at byte 500"),
        (lambda whole: whole.replace(b": 7,", b": " + b"9" * 5000 + b",", 1), "is damaged .a number is too long."),
        (lambda whole: whole.replace(b'"sentence": "', b'"sentence": "\\ud800'), "is damaged .half a character."),
        (lambda whole: b"{}", r"not the findings of an audit \(verdict: Field required, and \d+ more\)"),
    ],
)
def test_findings_that_were_cut_emptied_or_overwritten_say_what_is_wrong_and_what_to_do(
    tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    sample_findings().write(tmp_path)
    path = tmp_path / "findings.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"findings.json: {said}{COPY}$") as caught:
        Findings.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_findings_of_two_gigabytes_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "findings.json").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(InputError, match=rf"findings\.json: has 2\.0 GiB, over 1 GiB{COPY}$"):
        Findings.read(tmp_path)


def test_findings_saved_again_by_an_editor_are_read(tmp_path: Path) -> None:
    findings = sample_findings()
    findings.write(tmp_path)
    path = tmp_path / "findings.json"
    text = path.read_text("utf-8")
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(text, encoding, newline="\r\n")
        assert Findings.read(tmp_path) == findings
    path.write_text(
        json.dumps({**json.loads(text), "sentence": "\N{FACE WITH TEARS OF JOY}"}), "ascii"
    )  # in two halves
    assert Findings.read(tmp_path).sentence == "\N{FACE WITH TEARS OF JOY}"


def test_every_command_that_reads_an_audit_says_the_same_of_one_that_was_cut(tmp_path: Path) -> None:
    for name in ("cut", "training", "heldout", "samples"):
        (tmp_path / name).mkdir()
    sample_findings().write(tmp_path / "cut")
    path = tmp_path / "cut" / "findings.json"
    path.write_bytes(path.read_bytes()[:2000])
    cut, samples, out = str(tmp_path / "cut"), str(tmp_path / "samples"), ("--out", str(tmp_path / "out"))
    people = ("--training", str(tmp_path / "training"), "--heldout", str(tmp_path / "heldout"))
    for words in (
        ("export", cut, "--csv"),
        ("compare", cut, cut, *out),
        ("reaudit", cut, *people, "--generated", samples, *out),
        ("withhold", cut, "--from", samples, "--to", str(tmp_path / "kept")),
    ):
        error = CliRunner().invoke(app, words).exception
        assert isinstance(error, InputError), words
        assert error.on_command_line == f"{path}: is cut off: it ends in the middle, after 2,000 bytes{COPY}"


def test_a_count_of_looks_that_was_cut_says_so(tmp_path: Path) -> None:
    (tmp_path / "reaudits.json").write_text('{"looks": [{"before": "f", ')
    with pytest.raises(InputError, match=r"reaudits\.json: is cut off: .*, after 27 bytes; it counts .*: put back"):
        read_looks(tmp_path)


def test_a_file_or_folder_of_another_kind_given_for_an_audit_says_what_to_give(tmp_path: Path) -> None:
    findings, audit = sample_findings(), tmp_path / "audit"
    findings.write(audit)
    (audit / "report.html").write_text("<html>")
    for name in ("report.html", "samples.parquet"):
        with pytest.raises(InputError) as caught:
            probablyexists.export(audit / name, csv=True)
        said = f"{audit / name}: is not the findings of an audit; give the folder that it is in, {audit}"
        assert str(caught.value) == said
    assert not (audit / "export").exists()
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "comparison.json").write_text("{}")
    is_two = "is a comparison of two audits, not an audit; give the folder of an audit, or its findings.json"
    for given, said in (
        (tmp_path / "photo.jpg", "is no JSON; give the folder of an audit, or its findings.json"),
        (tmp_path / "two", is_two),
        (tmp_path / "two" / "comparison.json", is_two),
        (tmp_path / "none\nsuch", r"cannot be read \(No such file or directory\); give the folder of an audit"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            probablyexists.export(given, csv=True)
        assert "\n" not in str(caught.value)


def test_findings_under_another_name_are_those_that_are_exported(tmp_path: Path) -> None:
    sample_findings("leak").write(tmp_path)
    held = json.loads((tmp_path / "findings.json").read_text())
    (tmp_path / "copy.json").write_text(json.dumps({**held, "sentence": "Another sentence."}))
    probablyexists.export(tmp_path / "copy.json", markdown=True)
    assert "Another sentence" in (tmp_path / "export" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("people", 0), "somebody"),
        (("people", 0), {}),
        (("people", 0, "nearest"), [None]),
        (("missed", "power", "power"), float("nan")),
        (("trust", 0, "rates", 0, "fmr", "high"), float("inf")),
        (("naming", "p_floor"), 0),
        (("sampling", "unseen_rate"), 0),
    ],
)
def test_findings_with_values_that_no_audit_writes_are_one_line(
    tmp_path: Path, at: tuple[str | int, ...], value: object
) -> None:
    sample_findings("leak").write(tmp_path)
    held = json.loads((tmp_path / "findings.json").read_text())
    within = held
    for step in at[:-1]:
        within = within[step]
    within[at[-1]] = value
    (tmp_path / "findings.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match=r"findings\.json: not the findings of an audit \([\w/]+: "):
        Findings.read(tmp_path)


def test_findings_with_numbers_out_of_all_bounds_are_shown(tmp_path: Path) -> None:
    sample_findings("leak").write(tmp_path)
    held = json.loads((tmp_path / "findings.json").read_text())
    held["membership"][0]["auroc"]["value"] = held["copies"]["heldout_rate"]["low"] = -1e308
    held["trust"][0]["rates"][0]["fnmr"]["level"] = 1e308
    held["naming"]["strangers"]["counts"][0] = 10**30
    (tmp_path / "findings.json").write_text(json.dumps(held))
    assert markdown_summary(Findings.read(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held["affected"].update(n=3), "affected.n is 3, and the people are 9"),
        (lambda held: held["naming"].update(n_exposed=0), "naming.n_exposed is 0, and the people are 6"),
        (lambda held: held["naming"].update(n_members=241), "naming.n_members is 241, and the people are 240"),
        (lambda held: held["people"].pop(), "naming.n_members is 240, and the people are 239"),
        (lambda held: held["people"][0].update(q=0.9), "q of people does not follow from their p"),
        (lambda held: held["people"][0].update(p=0.9), "q is below p"),
        (lambda held: held["naming"].update(level=0.9), "who is named does not follow from q and the level 0.9"),
        (lambda held: held["people"][2].update(person="somebody"), "'person-0002', who is not among the people"),
        (lambda held: held["people"][2].update(person="person-0001"), "a person is in two rows"),
        (lambda held: held["resemblance"].update(n_likenesses=0), "n_likenesses is 0, and the samples have 18"),
    ],
)
def test_findings_changed_by_hand_so_that_they_contradict_themselves_are_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    sample_findings().write(tmp_path)
    held = json.loads((tmp_path / "findings.json").read_text())
    change(held)
    (tmp_path / "findings.json").write_text(json.dumps(held))
    with pytest.raises(InputError, match="contradicts itself, so it was changed since it was written") as refused:
        probablyexists.export(tmp_path, markdown=True)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
