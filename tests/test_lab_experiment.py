"""Experiments as TOML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probablyexists.basis.errors import InputError
from probablyexists.lab.experiment import Experiment, read_experiment

GRID = """
name = "two sets"
[defaults]
images = 1000
people = 5
batch = 32
[procedures.diffusion]
batch = 16
images = 500
[[grid]]
part = "a"
set = ["one", "two"]
procedure = ["dcgan", "diffusion"]
seed = [0, 1]
[[grid]]
set = "one"
procedure = "dcgan"
people = 9
dose = [1, 2, 4]
images = 250
"""


def read(tmp_path: Path, text: str) -> Experiment:
    path = tmp_path / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    return read_experiment(path)


def test_every_combination_is_a_run_in_the_order_of_the_file(tmp_path: Path) -> None:
    runs = read(tmp_path, GRID).runs
    assert [(r.set, r.training.procedure, r.seed) for r in runs[:8]] == [
        (name, procedure, seed) for name in ("one", "two") for procedure in ("dcgan", "diffusion") for seed in (0, 1)
    ]
    assert [r.part for r in runs] == ["a"] * 8 + ["grid-2"]
    assert runs[8].design.dose == (1, 2, 4)


def test_the_grid_wins_over_the_procedure_and_the_procedure_over_the_defaults(tmp_path: Path) -> None:
    runs = read(tmp_path, GRID).runs
    assert (runs[0].training.batch, runs[0].training.images) == (32, 1000)
    assert (runs[2].training.batch, runs[2].training.images) == (16, 500)
    assert (runs[8].training.images, runs[8].design.people) == (250, 9)


def test_an_id_tells_runs_apart_and_does_not_hang_on_the_part(tmp_path: Path) -> None:
    runs = read(tmp_path, GRID).runs
    assert len({run.id for run in runs}) == 9
    renamed = read(tmp_path, GRID.replace('part = "a"', 'part = "b"')).runs
    assert [run.id for run in renamed] == [run.id for run in runs]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("images = 1000", "imagse = 1000"), r"\[\[grid\]\] 1, imagse: Extra inputs"),
        (('"dcgan", "diffusion"', '"dcgan", "dcgna"'), "procedure 'dcgna': not known; known are dcgan"),
        (("[procedures.diffusion]", "[procedures.difusion]"), "procedure 'difusion': not known"),
        (("[defaults]", "[default]"), "unknown table 'default'"),
        (('set = "one"\n', ""), r"\[\[grid\]\] 2: set is missing"),
        (("people = 9", "people = 1"), r"\[\[grid\]\] 2, design.people: Input should be greater"),
        (("people = 9", "people = 9\npenalty_weight = 0.1"), r"\[\[grid\]\] 2, training: dcgan has no penalty_weight"),
        (("people = 9", "people = 9\nmixing = 0.5"), r"\[\[grid\]\] 2, training: dcgan has no mixing"),
        (("seed = [0, 1]", "seed = [0, 0]"), "contains .* twice"),
        (('name = "two sets"', "name = two sets"), "is not valid TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, GRID.replace(*change))
    assert "\n" not in str(caught.value)


def test_results_keep_their_names_when_settings_are_added(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    kept = (root / "docs" / "results" / "lab" / "paper.jsonl").read_text(encoding="utf-8").splitlines()
    planned = read_experiment(root / "experiments" / "paper.toml").runs
    assert {run.id for run in planned} == {json.loads(line)["id"] for line in kept}
    own = read(tmp_path, GRID.replace("people = 9", "people = 9\nlr = 0.001")).runs[8]
    assert own.id != read(tmp_path, GRID).runs[8].id


def test_the_experiments_of_the_repository_can_be_read() -> None:
    for path in sorted((Path(__file__).parents[1] / "experiments").glob("*.toml")):
        assert read_experiment(path).runs, path
