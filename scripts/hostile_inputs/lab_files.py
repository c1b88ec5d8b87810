"""What the lab reads: experiments, and finished runs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_inputs.harm import harm, json_with, name
from hostile_inputs.kind import Draw, Kind, Planted, chance, pick
from hostile_inputs.pages import judged_text

TOML = """name = "small"
about = "for damage"

[defaults]
people = 8
photos = 2
unseen = 2
images = 64
size = 16
samples = 100
snapshot_samples = 100
base = 8
batch = 8

[procedures.dcgan]
augment = false

[[grid]]
set = "people:32x4"
procedure = "dcgan"
seed = [0]
"""


def make_lab(folder: Path) -> None:
    from probablyexists.basis.progress import Silent
    from probablyexists.lab.experiment import read_experiment
    from probablyexists.lab.machine import find_machine
    from probablyexists.lab.run import run_experiment

    folder.mkdir(parents=True)
    (folder / "small.toml").write_text(TOML)
    asked = read_experiment(folder / "small.toml")
    run_experiment(asked, folder / "out", None, folder / "cache", find_machine("cpu"), Silent(), 1)


TOML_TEXTS = (
    "nan",
    "inf",
    "1e999",
    "-1",
    "9" * 5000,
    '"' + "x" * 100_000 + '"',
    "[" * 3000,
    "{a={b={}}}",
    '"\\u001b[31m"',
    "1979-05-27",
    "true",
    "[]",
    "[1,[2]]",
    '"<b>"',
    "0",
    "99999999999",
)


def damaged_toml(draw: Draw, text: str) -> tuple[bytes, str]:
    if chance(draw, 0.4):
        return harm(draw, text.encode())
    lines = text.splitlines()
    at = pick(draw, [i for i, line in enumerate(lines) if "=" in line])
    value = str(pick(draw, TOML_TEXTS))
    key = lines[at].partition("=")[0]
    if chance(draw, 0.3):
        key = json.dumps(name(draw).encode("utf-8", "replace").decode())
    lines[at] = f"{key} = {value}"
    return "\n".join(lines).encode("utf-8", "surrogatepass"), f"{key[:30]} = {value[:30]}".encode(
        "ascii", "backslashreplace"
    ).decode()


def plant_experiment(draw: Draw, folder: Path, _: Any) -> Planted:
    from probablyexists.lab.experiment import read_experiment

    at = folder / "small.toml"
    data, note = damaged_toml(draw, TOML)
    at.write_bytes(data)
    if chance(draw, 0.04):
        at.unlink()
        os.mkfifo(at)
        note = "fifo"
    return Planted(note, lambda: len(read_experiment(at).runs))


def plant_rows(draw: Draw, folder: Path, world: Any) -> Planted:
    """`lab table` and the readers of `lab leaderboard` on a damaged folder."""
    at = folder / "out"
    shutil.copytree(world.base / "lab" / "out", at, ignore=shutil.ignore_patterns("training", "audit"))
    (run,) = (path for path in at.iterdir() if path.is_dir())
    which = pick(
        draw,
        [
            path
            for path in (
                run / "row.json",
                run / "row.json",
                run / "scores.parquet",
                at / "rows.jsonl",
                run / "split.csv",
            )
            if path.exists()
        ],
    )
    if which.suffix in (".json", ".jsonl") and chance(draw, 0.6):
        data, note = json_with(draw, json.loads(which.read_text().splitlines()[0]))
    else:
        data, note = harm(draw, which.read_bytes())
    which.write_bytes(data)
    odd = pick(draw, ("", *[""] * 12, "fifo", "folder", "gone"))
    if odd:
        which.unlink()
        if odd == "fifo":
            os.mkfifo(which)
        elif odd == "folder":
            which.mkdir()
    where = at / "rows.jsonl" if which.name == "rows.jsonl" else at

    def read() -> str:
        from probablyexists.cli.lab.lab_options import as_written, finished
        from probablyexists.lab.pool import pool
        from probablyexists.lab.results_table import table
        from probablyexists.lab.victims import find_victims

        if which.name == "row.json" and chance(draw, 0.3):
            find_victims([at])
        rows, scores = finished(world.base / "lab" / "small.toml", where)
        with as_written(where):
            text = table(pool(rows, scores))
        judged_text(text, "lab table")
        return text

    return Planted(f"{which.name}: {note} {odd}", read)


Maker = Callable[[Path], object]


def _lab(world: Any) -> object:
    return world.made("lab", make_lab)


KINDS = (
    Kind("lab: experiments", "writing", plant_experiment, 0.8),
    Kind("lab: finished runs", "writing", plant_rows, 0.8, heavy=_lab, suite=False),
)
