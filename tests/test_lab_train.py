"""Training: exact, resumable, and stopped in one line when a number is not finite."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from probablyexists.basis.errors import InputError, TrainingError, WriteError
from probablyexists.basis.progress import Silent
from probablyexists.cli.app import app
from probablyexists.lab import checkpoint
from probablyexists.lab.checkpoint import load_state, save_state
from probablyexists.lab.machine import find_machine
from probablyexists.lab.procedures import PROCEDURES
from probablyexists.lab.train import Game, Trained, train
from probablyexists.lab.training import Training


def photos(n: int = 12) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)


class StoppedAt(Silent):
    """A progress bar whose user has enough after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def stage(self, title: str, total: int | None) -> StoppedAt:
        return self

    def __enter__(self) -> StoppedAt:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt


def settings(procedure: str, **more: object) -> Training:
    images = 16 * PROCEDURES[procedure].n_critic
    given = {
        "size": 16,
        "base": 8 if procedure != "diffusion" else 16,
        "batch": 4,
        "images": images,
        "snapshots": (0.5,),
        **more,
    }
    return Training.model_validate({"procedure": procedure, **given})


def weights(trained: Trained) -> bytes:
    return (trained.generator / "generator.safetensors").read_bytes()


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("augment", [False, True])
def test_a_stopped_run_ends_as_one_that_was_not(tmp_path: Path, procedure: str, augment: bool) -> None:
    if augment and procedure == "diffusion":
        pytest.skip("diffusion has no discriminator to augment for")
    machine = find_machine("cpu")
    chosen = settings(procedure, augment=augment)
    whole = train(chosen, photos(), tmp_path / "whole", machine, Silent())
    with pytest.raises(KeyboardInterrupt):
        train(chosen, photos(), tmp_path / "stopped", machine, StoppedAt(1), save_seconds=0)
    assert json.loads((tmp_path / "stopped" / "checkpoint.json").read_text())["steps"] in (1, 2)
    resumed = train(chosen, photos(), tmp_path / "stopped", machine, Silent())
    assert weights(resumed) == weights(whole)
    assert resumed.images == whole.images
    assert sorted(resumed.snapshots) == sorted(whole.snapshots)


def test_adam_steps_the_weights_wherever_they_lie() -> None:
    """The optimiser holds views in the order of memory: the same steps as on the weights themselves."""
    game = Game(settings("r3gan"), find_machine("cpu", "float32"))
    plain = copy.deepcopy(game.generator)
    adam = torch.optim.Adam(plain.parameters(), game.procedure.lr, game.procedure.betas)
    for number in range(3):
        latents = torch.randn(4, 64, generator=torch.Generator().manual_seed(number))
        game._descend(game.generator(latents).square().mean(), game.generator, game.optimiser_g, "it")
        adam.zero_grad()
        plain(latents).square().mean().backward()
        adam.step()
    for ours, theirs in zip(game.generator.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_what_a_run_sets_itself_is_what_it_trains_with() -> None:
    machine = find_machine("cpu", "float32")
    own = {"lr": 0.01, "discriminator_base": 16, "mapping_layers": 2, "mixing": 0.0}
    game, usual = (Game(settings("stylegan2", **more), machine) for more in (own, {}))
    assert [it.param_groups[0]["lr"] for it in game.optimisers.values()] == [0.01, 0.01]
    assert [it.param_groups[0]["lr"] for it in usual.optimisers.values()] == [0.002, 0.002]
    assert [len(g.modules["generator"].mapping) for g in (game, usual)] == [2, 4]
    assert [len(g.modules["discriminator"].from_rgb.weight) for g in (game, usual)] == [16, 8]
    pictures = torch.from_numpy(photos().transpose(0, 3, 1, 2).copy())
    loss = [Game(settings("stylegan2", penalty_weight=w), machine).step(0, pictures)["d_loss"] for w in (0, 1, 3)]
    assert loss[1] > loss[0]
    assert loss[2] - loss[0] == pytest.approx(3 * (loss[1] - loss[0]), rel=1e-3)
    assert Game(settings("stylegan2"), machine).step(0, pictures)["d_loss"] == loss[1]


def test_a_run_with_a_setting_of_its_own_does_not_go_on_from_one_without(tmp_path: Path) -> None:
    machine = find_machine("cpu")
    train(settings("hinge-sn"), photos(), tmp_path, machine, Silent())
    assert "lr" not in json.loads((tmp_path / "checkpoint.json").read_text())["training"]
    with pytest.raises(InputError, match=r"other settings or photos \(lr None\)"):
        train(settings("hinge-sn", lr=0.01), photos(), tmp_path, machine, Silent())


def test_moments_of_another_shape_are_refused(tmp_path: Path) -> None:
    game = Game(settings("dcgan"), find_machine("cpu"))
    game.step(0, torch.from_numpy(photos().transpose(0, 3, 1, 2).copy()))
    save_state(tmp_path / "state.safetensors", game.modules, game.optimisers)
    load_state(tmp_path / "state.safetensors", game.modules, game.optimisers)
    tensors = load_file(tmp_path / "state.safetensors")
    key = next(key for key, value in tensors.items() if key.startswith("optimiser_g/") and value.dim() == 4)
    save_file({**tensors, key: tensors[key].permute(0, 3, 1, 2).contiguous()}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"not a checkpoint of these networks .*has shape"):
        load_state(tmp_path / "other.safetensors", game.modules, game.optimisers)


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    machine = find_machine("cpu")
    one, same, other = (
        weights(train(settings("hinge-sn", seed=seed), photos(), tmp_path / name, machine, Silent()))
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert one == same
    assert one != other


def test_training_leaves_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(settings("dcgan"), photos(), tmp_path, find_machine("cpu"), Silent())
    assert torch.equal(torch.rand(3), expected)


def test_another_run_in_the_folder_is_not_overwritten(tmp_path: Path) -> None:
    machine = find_machine("cpu")
    train(settings("dcgan"), photos(), tmp_path, machine, Silent())
    with pytest.raises(InputError, match="holds a run with other settings or photos"):
        train(settings("dcgan", seed=1), photos(), tmp_path, machine, Silent())
    with pytest.raises(InputError, match="holds a run with other settings or photos"):
        train(settings("dcgan"), photos(13), tmp_path, machine, Silent())


def test_other_settings_in_the_same_folder_leave_the_split_of_the_run_there(tmp_path: Path, cache: Path) -> None:
    def lab_train(seed: int) -> Result:
        given = ["people:9x3", "--people", "4", "--photos", "2", "--unseen", "1", "--size", "16", "--base", "8"]
        given += ["--batch", "4", "--images", "8", "--seed", str(seed), "--out", str(tmp_path), "--device", "cpu"]
        return CliRunner().invoke(app, ["lab", "train", *given, "--cache", str(cache), "-q"])

    assert lab_train(0).exit_code == 0
    split = (tmp_path / "split.csv").read_bytes()
    refused = lab_train(1).exception
    assert isinstance(refused, InputError)
    assert re.search(r"holds a run with other settings or photos \(seed 0, other photos\); give another", refused.raw)
    assert (tmp_path / "split.csv").read_bytes() == split
    assert lab_train(0).exit_code == 0


def test_a_checkpoint_on_a_full_disk_is_one_line_and_what_a_kill_left_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = find_machine("cpu")
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(WriteError, match=r"safetensors: cannot be written \(No space left on device\); free some"):
            train(settings("dcgan"), photos(), tmp_path, machine, Silent())
    (tmp_path / ".checkpoint-1.safetensors.x.part").touch()
    train(settings("dcgan"), photos(), tmp_path, machine, Silent())
    assert not list(tmp_path.glob(".*"))


def test_a_gradient_that_is_not_finite_stops_the_run() -> None:
    game = Game(settings("dcgan"), find_machine("cpu"))
    with torch.no_grad():
        next(game.generator.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="the gradient of the discriminator is not finite"):
        game.step(0, torch.from_numpy(photos().transpose(0, 3, 1, 2).copy()))


def test_the_budget_is_either_images_or_minutes(tmp_path: Path) -> None:
    machine = find_machine("cpu")
    for budget in ({"images": None}, {"images": 40, "minutes": 1.0}):
        with pytest.raises(InputError, match="either images or minutes"):
            train(settings("dcgan", **budget), photos(), tmp_path, machine, Silent())
    timed = train(settings("dcgan", images=None, minutes=0.01), photos(), tmp_path, machine, Silent())
    assert timed.images > 0
    assert timed.seconds >= 0.6


def test_an_unknown_device_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="device 'tpu0': cannot be used"):
        find_machine("tpu0")
