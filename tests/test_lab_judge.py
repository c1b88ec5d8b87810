"""Finished runs of the lab judged again by another recogniser."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from probablyexists.cli.app import app
from probablyexists.embeddings.feed import Feed
from probablyexists.lab import judging
from probablyexists.lab.judges_table import Compared, compared
from probablyexists.lab.judging import JUDGED, Judged
from probablyexists.lab.pool import AUDIT, UNSEEN, answer_of
from probablyexists.lab.reading import SCORES_SCHEMA
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable
from probablyexists.stats.roc import auroc

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from feeds import SIDE, fed_network

EXPERIMENT = """
name = "tiny"
[defaults]
size = 32
base = 8
batch = 4
images = 8
samples = 100
snapshots = []
snapshot_samples = 100
people = 6
photos = 2
unseen = 1
heldout_photos = 3
set = "people:27x3"
procedure = "dcgan"
[[grid]]
part = "alone"
[[grid]]
part = "behind a guard"
guard = 0.2
set = "people:46x3"
"""
FEED = "RGB,0..255"


def lab(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", *arguments])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs in out/, and a second recogniser."""
    folder = tmp_path_factory.mktemp("judge")
    (folder / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    said = lab(
        *("run", str(folder / "tiny.toml"), "--out", str(folder / "out"), "--cache", str(folder / "cache"), "-q"),
        *("--device", "cpu"),
    )
    assert said.exit_code == 0, said.output
    fed_network(folder / "second.onnx", Feed("RGB", "0..255", side=SIDE))
    return folder


def judge(folder: Path, runs: list[Path], recogniser: str, *more: str) -> Any:
    cache = folder / "cache"
    return lab("judge", *map(str, runs), "--recogniser", recogniser, *more, "--cache", str(cache), "-q")


def by_second(folder: Path) -> Any:
    return judge(folder, runs(folder, "alone"), str(folder / "second.onnx"), "--feed", FEED)


def runs(folder: Path, part: str) -> list[Path]:
    """Folders of the runs of a part of the experiment."""
    rows = {path.parent: json.loads(path.read_text()) for path in sorted(folder.glob("out/*/row.json"))}
    return [path for path, row in rows.items() if row["part"] == part]


def value(row: dict[str, Any]) -> float:
    answer = answer_of(row, UNSEEN, "person")
    assert answer is not None
    return float(answer["auroc"]["value"])


def cells_of(text: str) -> list[list[str]]:
    """The table's lines, without its head."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]


def test_judged_by_its_own_recogniser_a_run_has_its_own_figures(done: Path) -> None:
    """So the samples are the same, those behind a guard too, and so are the people and the halves of the baseline."""
    folders = [*runs(done, "alone"), *runs(done, "behind a guard")]
    shown = judge(done, folders, "dlib")
    assert shown.exit_code == 0, shown.output
    for folder in folders:
        own = json.loads((folder / "row.json").read_text())
        (again,) = folder.joinpath(JUDGED).glob("dlib-*.json")
        other = json.loads(again.read_text())
        left_out = {"curve", "controls"}
        assert {key: other[key] for key in own if key not in left_out} == {k: own[k] for k in own if k not in left_out}
        assert pq.read_table(again.with_suffix(".parquet")).equals(pq.read_table(folder / "scores.parquet"))
        assert "person-" not in again.read_text()
    for line in cells_of(shown.output):
        assert line[5] == line[6]
        assert line[7] == "-"
        assert line[8] == line[9]


def test_another_recogniser_stands_beside_it_and_the_difference_is_theirs(done: Path) -> None:
    shown = by_second(done)
    assert shown.exit_code == 0, shown.output
    (folder,) = runs(done, "alone")
    (kept,) = folder.joinpath(JUDGED).glob("onnx-*.json")
    own, other = (json.loads(path.read_text()) for path in (folder / "row.json", kept))
    assert own["id"] == other["id"]
    (line,) = cells_of(shown.output)
    assert line[:5] == ["alone", "people:27x3", "dcgan", "6 x 2", "1"]
    assert line[5].startswith(f"{value(own):.2f} (")
    assert line[6].startswith(f"{value(other):.2f} (")
    assert line[7].startswith(f"{value(other) - value(own):+.2f} (")
    assert value(own) != value(other)
    table = pq.read_table(kept.with_suffix(".parquet")).to_pylist()
    here = [s for s in table if (s["attack"], s["population"], s["level"]) == (AUDIT, UNSEEN, "person")]
    sides = [np.array([s["score"] for s in here if s["side"] == side]) for side in ("member", "heldout")]
    assert auroc(*sides) == pytest.approx(value(other))
    assert "onnx/" in shown.output


@pytest.mark.parametrize("left", ["scores alone", "a row of faces that were cut in another way"])
def test_what_a_folder_holds_is_not_done_again_and_what_was_stopped_is(
    done: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    first = by_second(done)
    (kept,) = runs(done, "alone")[0].joinpath(JUDGED).glob("onnx-*.json")
    text, table = kept.read_text(), pq.read_table(kept.with_suffix(".parquet"))
    whole = json.loads(text)
    if left == "scores alone":
        kept.unlink()
    else:
        kept.write_text(json.dumps({**whole, "judge": {**whole["judge"], "acquire": 0}}))
    audited = []

    def again(*given: Any) -> tuple[dict[str, Any], pa.Table]:
        audited.append(given)
        return {key: value for key, value in whole.items() if key != "judge"}, table

    monkeypatch.setattr(judging, "_audited_again", again)
    for _ in range(2):
        assert by_second(done).output == first.output
        assert len(audited) == 1
        assert kept.read_text() == text


def scores(members: list[float], strangers: list[float]) -> pa.Table:
    rows = [
        {"attack": AUDIT, "population": UNSEEN, "level": "person", "side": side, "person": f"{side}{i}", "score": score}
        for side, its in (("member", members), ("heldout", strangers))
        for i, score in enumerate(its)
    ]
    return pa.Table.from_pylist(rows, SCORES_SCHEMA)


def test_the_paired_difference_by_hand(done: Path) -> None:
    """Two runs. Own: three of four pairs, and all; the other: one of four, and all. (0.25 + 1 - 0.75 - 1) / 2."""
    one = json.loads((runs(done, "alone")[0] / "row.json").read_text())
    two = {**one, "id": "another", "training": {**one["training"], "seed": 1}}
    above = scores([0.9, 0.8], [0.1, 0.2])
    own, other = scores([0.9, 0.4], [0.5, 0.3]), scores([0.2, 0.4], [0.5, 0.3])
    (found,) = compared([Judged(one, own, one, other), Judged(two, above, two, above)])
    assert isinstance(found.difference, Estimate)
    assert found.difference.value == pytest.approx(-0.25)
    (lost,) = compared([Judged(one, None, one, other), Judged(two, above, two, above)])
    assert lost.difference == Unresolvable("the scores of some runs are missing", 2, 1)


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        (0.1, 0.1, "both"),
        (0.1, -0.1, "its own alone"),
        (-0.1, 0.1, "the other alone"),
        (0.0, -0.1, "neither"),
        (0.1, None, "not resolvable"),
    ],
)
def test_with_which_recogniser_the_finding_holds(done: Path, own: float, other: float | None, said: str) -> None:
    """It holds where the lower limit is above 0."""

    def above(low: float | None) -> dict[str, Figure]:
        return {UNSEEN: Unresolvable("none") if low is None else Estimate(low + 0.2, low, low + 0.4, 0.95, "", 6)}

    row = json.loads((runs(done, "alone")[0] / "row.json").read_text())
    table = scores([0.9, 0.8], [0.1, 0.2])
    cell = compared([Judged(row, table, row, table)])[0].own
    found = Compared(replace(cell, above=above(own)), replace(cell, above=above(other)), Unresolvable("none"))
    assert found.holds == said


def test_a_file_whose_feed_is_not_certain_needs_it(done: Path) -> None:
    said = str(judge(done, runs(done, "alone"), str(done / "second.onnx")).exception)
    assert "must be the same for every run" in said
    assert "\n" not in said


def test_a_run_without_its_generator_is_one_line(done: Path, tmp_path: Path) -> None:
    run = runs(done, "alone")[0]
    shutil.copytree(run, tmp_path / run.name, ignore=shutil.ignore_patterns("training", JUDGED))
    said = str(judge(done, [tmp_path], "dlib").exception)
    assert "lacks training/generator" in said
    assert "\n" not in said
