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

import probablyexists
from probablyexists.basis.errors import InputError
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
