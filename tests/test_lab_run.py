"""An experiment from its file to the table and the curves."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from probablyexists.attacks.known import ATTACKS
from probablyexists.cli.app import app
from probablyexists.lab.experiment import read_experiment
from probablyexists.lab.leaderboard import YARDSTICKS
from probablyexists.lab.pool import AUDIT, BLIND, SEEN, UNSEEN, pool
from probablyexists.lab.published import in_folder
from probablyexists.lab.run import rows
from probablyexists.lab.white_box import latent_search, steering
from probablyexists.lab.white_box import scores as opened_scores
from probablyexists.lab.white_box.scores import WHITE_BOX
from probablyexists.stats.estimate import Estimate
from probablyexists.stats.roc import auroc

EXPERIMENT = """
name = "tiny"
[defaults]
size = 16
base = 8
batch = 4
images = 8
snapshots = [0.5]
samples = 100
snapshot_samples = 100
people = 4
photos = 2
unseen = 1
heldout_photos = 3
[[grid]]
part = "tiny"
set = "people:28x3"
procedure = "dcgan"
seed = [0, 1]
"""


@pytest.fixture(scope="module", autouse=True)
def short_searches() -> Iterator[None]:
    """Attacks that open a generator search for minutes; here it is asked that they stand in the table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened_scores, "N_STRANGERS", 4)
        patch.setattr(opened_scores, "MOST_PHOTOS", 1)
        patch.setattr(steering, "POOL", 64)
        patch.setattr(steering, "AFTER", tuple(range(len(steering.AFTER))))
        patch.setattr(latent_search.reconstruction_errors, "__kwdefaults__", {"seed": 0, "steps": 3, "pool": 64})
        yield


def lab(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["lab", *arguments])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """The experiment's file, its folder, and what carrying it out said."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    said = lab(
        *("run", str(folder / "tiny.toml"), "--out", str(folder / "out"), "--cache", str(folder / "cache"), "-q"),
        *("--device", "cpu"),
    )
    return folder / "tiny.toml", folder / "out", said


def test_every_run_has_a_row_and_a_report(done: tuple[Path, Path, Any]) -> None:
    path, out, said = done
    assert said.exit_code == 0, said.output
    found = rows(read_experiment(path), out)
    assert [row["design"]["people"] for row in found] == [4, 4]
    for row in found:
        assert row["images"] == 8
        assert row["n_trained_on"] == 8
        assert row["n_heldout_people"] == 24
        assert [point["images"] for point in row["curve"]] == [4]
        assert {(m["population"], m["level"]) for m in row["membership"]} == {
            (population, level) for population in (SEEN, UNSEEN) for level in ("photo", "person")
        }
        assert [photos for photos, _ in row["by_photos"]] == [2, 2, 2, 2]
        assert sum(named for _, named in row["by_photos"]) == row["n_named"]
        assert (out / row["id"] / "audit" / "report.html").exists()
        assert (out / row["id"] / "training" / "generator" / "sheet.png").exists()


def test_no_name_of_a_person_is_in_a_row(done: tuple[Path, Path, Any]) -> None:
    _, out, _ = done
    for path in out.glob("*/row.json"):
        assert not re.search(r"person-\d", path.read_text())


def test_a_finished_grid_is_not_carried_out_again(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*") if file.is_file() and file.name != ".claim"}
    again = lab("run", str(path), "--out", str(out), "-q", "--device", "cpu")
    assert again.exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
    dry = lab("run", str(path), "--out", str(out), "--dry-run")
    assert dry.output.count("done") == 2


def test_the_scores_are_those_of_the_figures(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    for row in rows(read_experiment(path), out):
        scores = pq.read_table(out / row["id"] / "scores.parquet").to_pylist()
        for answer in row["membership"]:
            kind = (answer["population"], answer["level"])
            here = [s for s in scores if (s["attack"], s["population"], s["level"]) == (AUDIT, *kind)]
            members, strangers = (
                np.array([s["score"] for s in here if s["side"] == side]) for side in ("member", "heldout")
            )
            assert auroc(members, strangers) == pytest.approx(answer["auroc"]["value"])


def test_the_baseline_judges_the_same_members_and_each_stranger_once(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    for row in rows(read_experiment(path), out):
        scores = pq.read_table(out / row["id"] / "scores.parquet").to_pylist()

        def people(attack: str, side: str, scores: list[dict[str, Any]] = scores) -> list[str]:
            kind = (attack, UNSEEN, "person", side)
            return sorted(s["person"] for s in scores if (s["attack"], s["population"], s["level"], s["side"]) == kind)

        for half in BLIND:
            assert people(half, "member") == people(AUDIT, "member")
        assert sorted(people(BLIND[0], "heldout") + people(BLIND[1], "heldout")) == people(AUDIT, "heldout")
        attack = next(m for m in row["membership"] if (m["population"], m["level"]) == (UNSEEN, "person"))["auroc"]
        above = row["above_baseline"][UNSEEN]
        assert above["value"] == pytest.approx(attack["value"] - row["baseline"][UNSEEN]["value"])
        assert above["low"] < above["value"] < above["high"]


def test_runs_that_differ_in_their_seed_are_one_line_of_the_table(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    (cell,) = pool(rows(read_experiment(path), out), in_folder(out))
    values = [
        next(m["auroc"]["value"] for m in row["membership"] if (m["population"], m["level"]) == (UNSEEN, "person"))
        for row in cell.rows
    ]
    pooled = cell.auroc[UNSEEN, "person"]
    assert isinstance(pooled, Estimate)
    assert pooled.value == pytest.approx(sum(values) / 2)
    above = cell.above[UNSEEN]
    assert isinstance(above, Estimate)
    assert above.value == pytest.approx(sum(row["above_baseline"][UNSEEN]["value"] for row in cell.rows) / 2)
    shown = lab("table", str(path), "--out", str(out))
    assert shown.exit_code == 0
    assert f"| people:28x3 | dcgan | 4 x 2 | 2 | {pooled.value:.2f} (" in shown.output


def test_a_published_table_is_that_of_the_folder_without_a_name(done: tuple[Path, Path, Any], tmp_path: Path) -> None:
    path, out, _ = done
    to = tmp_path / "tiny.jsonl"
    from_folder = lab("table", str(path), "--out", str(out), "--to", str(to))
    assert from_folder.exit_code == 0, from_folder.output
    assert lab("table", str(path), "--out", str(to)).stdout == from_folder.stdout
    assert "person-" not in to.read_text()
    assert "person-" not in str(pq.read_table(to.with_suffix(".parquet")).to_pylist())


def test_every_attack_stands_on_the_leaderboard_and_ones_own_beside_them(
    done: tuple[Path, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own is the nearest sample under another name, and has the same figures."""
    _, out, _ = done
    (tmp_path / "mine.py").write_text(
        "from probablyexists.attacks.nearest import NearestSample\n\n\nclass Mine(NearestSample):\n    id = 'mine/1'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    asked = ("leaderboard", str(out), "-q", "--more-attacks", "mine:Mine")
    alone = lab(*asked, "--samples-alone")
    assert alone.exit_code == 0, alone.output
    assert "opened" not in alone.output
    shown = lab(*asked, "--plot", str(out.parent / "leaderboard.svg"))
    assert shown.exit_code == 0, shown.output
    assert (out.parent / "leaderboard.svg").read_text().startswith("<?xml")
    assert shown.output.startswith(alone.output.split("\n\n")[0])
    samples_alone, opened = shown.output.split("GANs, opened")
    openers = {name for name, attack in WHITE_BOX.items() if not attack.diffusion}
    for text, attacks in ((samples_alone, {*ATTACKS, "mine/1"}), (opened, {*YARDSTICKS, *openers})):
        lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
        assert {line.split(" | ")[0].removeprefix("| ") for line in lines} == attacks
        values = [float(line.split(" | ")[1].split(" (")[0]) for line in lines]
        assert values == sorted(values, reverse=True)
    assert "Chosen on 1 victims" in samples_alone
    first = samples_alone.splitlines()
    mine, nearest = (next(line for line in first if line.startswith(f"| {id} ")) for id in ("mine/1", YARDSTICKS[0]))
    assert mine.split(" | ")[1] == nearest.split(" | ")[1]
    assert mine.split(" | ")[3:9] == nearest.split(" | ")[3:9]
    before = {file: file.stat().st_mtime_ns for file in out.glob("*/attacks.*")}
    assert len(before) == 4
    assert lab(*asked).output == shown.output
    one = lab("leaderboard", str(next(out.glob("*/row.json")).parent), "-q")
    assert one.output.startswith("1 victims, samples alone")
    assert "The margin of the best attack needs two runs or more." in one.output
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_an_attack_that_is_new_or_was_stopped_before_its_costs_is_scored_once(done: tuple[Path, Path, Any]) -> None:
    """One victim lacks its scores and costs, the other its costs alone."""
    _, out, _ = done
    lab("leaderboard", str(out), "-q")
    new, first = "plda/1", True
    whole = {}
    for words in sorted(out.glob("*/attacks.json")):
        table = whole[words] = pq.read_table(words.with_suffix(".parquet"))
        words.write_text(json.dumps({k: v for k, v in json.loads(words.read_text()).items() if k != new}))
        if first:
            kept = [row for row in table.to_pylist() if row["attack"] != new]
            pq.write_table(pa.Table.from_pylist(kept, schema=table.schema), words.with_suffix(".parquet"))
        first = False
    assert lab("leaderboard", str(out), "-q").exit_code == 0
    for words, table in whole.items():
        again = pq.read_table(words.with_suffix(".parquet")).to_pylist()
        assert sorted(map(str, again)) == sorted(map(str, table.to_pylist()))
        assert new in json.loads(words.read_text())


def test_strangers_are_judged_once_and_never_by_an_attack_that_knows_them(done: tuple[Path, Path, Any]) -> None:
    _, out, _ = done
    for path in out.glob("*/attacks.parquet"):
        rows = pq.read_table(path).to_pylist()
        kind = ("nearest-sample/1", False, UNSEEN, "person")
        here = [r for r in rows if (r["attack"], r["blind"], r["population"], r["level"]) == kind]
        strangers = [r["person"] for r in here if r["side"] == "heldout"]
        assert len(strangers) == len(set(strangers)) == 24
        members = [r["person"] for r in here if r["side"] == "member"]
        assert len(members) == 4 * len(set(members))


def test_the_curves_are_drawn(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    drawn = lab("plot", str(path), "--out", str(out), "--to", str(out.parent / "plots"))
    assert drawn.exit_code == 0, drawn.output
    assert (out.parent / "plots" / "time.svg").read_text().startswith("<?xml")


def test_a_failed_run_is_counted_and_the_exit_code_says_so(done: tuple[Path, Path, Any]) -> None:
    path, out, _ = done
    kept = {file: file.read_text() for file in (*out.glob("*/row.json"), out / "rows.jsonl")}
    first = next(iter(kept))
    row = json.loads(kept[first])
    try:
        first.write_text(
            json.dumps(
                {
                    **{k: row[k] for k in ("version", "id", "part", "set", "design", "training", "samples")},
                    "failed": "step 3: not finite",
                }
            )
        )
        again = lab("run", str(path), "--out", str(out), "-q", "--device", "cpu")
        assert again.exit_code == 1
        assert "step 3: not finite" in again.output
        assert "1 (+1 failed)" in lab("table", str(path), "--out", str(out)).output
    finally:
        for file, text in kept.items():
            file.write_text(text)


@pytest.mark.parametrize("name", ["training_seconds", "auroc", "design", "above_baseline", "scores"])
def test_a_damaged_row_is_one_line(done: tuple[Path, Path, Any], tmp_path: Path, name: str) -> None:
    """A key renamed in the row of a finished run; scores that are no table."""
    shutil.copytree(done[1], tmp_path / "out", ignore=shutil.ignore_patterns("training", "audit"))
    run = next((tmp_path / "out").glob("*/row.json")).parent
    (run / "row.json").write_text((run / "row.json").read_text().replace(f'"{name}":', '"another":'))
    if name == "scores":
        (run / "scores.parquet").write_bytes(b"PAR1")
    said = str(lab("table", str(done[0]), "--out", str(tmp_path / "out")).exception)
    assert "holds a run that is damaged" in said, said
    assert "\n" not in said


def test_an_empty_folder_is_one_line(tmp_path: Path, done: tuple[Path, Path, Any]) -> None:
    said = lab("table", str(done[0]), "--out", str(tmp_path))
    assert "holds no row" in str(said.exception)
