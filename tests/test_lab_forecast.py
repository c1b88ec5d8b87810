"""What a dry run says that runs will cost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from probablyexists.basis.errors import InputError
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.lab.experiment import Experiment, read_experiment
from probablyexists.lab.forecast import ASSUMED_CALL, _Count, _Counted, forecasts
from probablyexists.lab.machine import find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game

HEAD = """
name = "x"
[defaults]
base = 8
batch = 8
people = 4
set = "people"
"""


def runs_of(tmp_path: Path, *grids: str) -> Experiment:
    (tmp_path / "x.toml").write_text(HEAD + "".join(f"[[grid]]\n{grid}\n" for grid in grids), encoding="utf-8")
    return read_experiment(tmp_path / "x.toml")


def test_operations_of_a_convolution_and_its_gradients_are_those_counted_by_hand() -> None:
    """8 kernels of 3 x 3 x 3 on 10 x 10 places: a multiplication and an addition, and as many for either gradient."""
    images, kernels = torch.randn(2, 3, 12, 12, requires_grad=True), torch.randn(8, 3, 3, 3, requires_grad=True)
    forwards = 2 * (2 * 100) * 8 * (3 * 3 * 3)
    with _Count() as count:
        made = torch.nn.functional.conv2d(images, kernels)
        assert count.operations == forwards
        made.sum().backward()
    assert count.operations == 3 * forwards


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_procedure_takes_a_step_at_the_largest_size_in_bfloat16(tmp_path: Path, procedure: str) -> None:
    size = 64 if procedure == "diffusion" else 128  # a picture of it takes 25 passes
    asked = runs_of(tmp_path, f'procedure = "{procedure}"\nsize = {size}\nbatch = 4\nimages = 1_000_000')
    (cost,) = forecasts(asked.runs, find_machine("cpu", "bfloat16"), Silent(), assumed=True)
    assert cost is not None
    assert cost.memory > 4 * 3 * size * size * 2  # at least the batch itself
    assert cost.seconds >= 1_000_000 / 4 / 5 * ASSUMED_CALL  # at least a call a step; a step shows at most 5 batches


def test_memory_is_at_least_that_of_weights_gradients_moments_and_the_average(tmp_path: Path) -> None:
    asked = runs_of(tmp_path, 'procedure = "dcgan"\nimages = 800')
    (cost,) = forecasts(asked.runs, find_machine("cpu", "float32"), Silent())
    assert cost is not None
    game = Game(asked.runs[0].training, find_machine("cpu", "float32"))
    mine, other = (sum(p.nbytes for p in game.modules[name].parameters()) for name in ("generator", "discriminator"))
    assert cost.memory > 5 * mine + 4 * other


def test_time_grows_with_images_and_samples_and_seeds_cost_the_same(tmp_path: Path) -> None:
    grid = 'procedure = "dcgan"\nimages = {}\nseed = [0, 1]\nsamples = {}\nsnapshots = []'
    asked = runs_of(tmp_path, grid.format(8_000, 100), grid.format(16_000, 100), grid.format(8_000, 200))
    found = forecasts(asked.runs, find_machine("cpu"), Silent(), assumed=True)
    a, b, more, _, sampled, _ = (cost.seconds for cost in found if cost is not None)
    assert a == b
    training, sampling = more - a, sampled - a  # of 8,000 images, of 100 pictures
    assert a == pytest.approx(training + sampling)


def test_a_call_of_an_assumed_gpu_takes_its_time_however_little_it_does() -> None:
    nothing = _Counted(operations=10.0, calls=300, seconds=99.0, kept=0)
    assert nothing.on(1.0, assumed=True) == pytest.approx(300 * ASSUMED_CALL)
    assert nothing.on(2.0, assumed=False) == 198.0


def test_a_budget_in_minutes_says_no_hours(tmp_path: Path) -> None:
    asked = runs_of(tmp_path, 'procedure = "dcgan"\nminutes = 3')
    assert forecasts(asked.runs, find_machine("cpu"), Silent()) == [None]


def test_a_dry_run_says_hours_and_memory_also_of_a_gpu_that_is_not_here(tmp_path: Path) -> None:
    runs_of(tmp_path, 'procedure = "dcgan"\nimages = 4_000_000', 'procedure = "dcgan"\nminutes = 3')
    given = ["lab", "run", str(tmp_path / "x.toml"), "--out", str(tmp_path / "out"), "--dry-run"]
    here = CliRunner().invoke(app, [*given, "--device", "cpu"])
    assert here.exit_code == 0, here.output
    first, second = here.stdout.splitlines()
    assert first.endswith(" GiB")
    assert " h, " in first
    assert second.endswith("seed 0")
    assert "2 to do: " in here.stderr
    assert "on cpu, as one step of each took now; of 1 more the minutes are in the file" in here.stderr
    assert not (tmp_path / "out").exists()
    if not torch.cuda.is_available():
        there = CliRunner().invoke(app, [*given, "--device", "cuda"])
        assert "on a GPU assumed to reach 20 TFLOP/s, as there is none here" in there.stderr
        assert isinstance(CliRunner().invoke(app, [*given, "--device", "nonsense"]).exception, InputError)
