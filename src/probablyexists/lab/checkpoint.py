"""Checkpoints: tensors as safetensors, settings as JSON; complete or absent, no pickle."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import write_text, written_whole
from probablyexists.generators.lab_checkpoint import FORMAT, VERSION


def save_state(path: Path, modules: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.Optimizer]) -> None:
    """All that training needs to continue, in one file: weights, buffers and the optimisers' moments."""
    tensors = {f"{name}/{key}": it for name, module in modules.items() for key, it in module.state_dict().items()}
    for name, optimiser in optimisers.items():
        for number, state in optimiser.state_dict()["state"].items():
            tensors.update({f"{name}/{number}/{key}": value for key, value in state.items()})
    _save(path, tensors)


def load_state(path: Path, modules: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.Optimizer]) -> None:
    """Load what `save_state` wrote; InputError if the file is damaged or belongs to other networks."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and train again") from None
    try:
        for name, module in modules.items():
            module.load_state_dict(_under(tensors, name))
        for name, optimiser in optimisers.items():
            parameters = [p for group in optimiser.param_groups for p in group["params"]]
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _under(tensors, name).items():
                number, what = key.split("/")
                if value.dim() and value.shape != parameters[int(number)].shape:
                    raise ValueError(f"{key} has shape {tuple(value.shape)}")
                state.setdefault(int(number), {})[what] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    except (RuntimeError, LookupError, ValueError) as error:
        said = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: not a checkpoint of these networks ({said}); delete the run's folder") from None


def save_generator(folder: Path, network: nn.Module, spec: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """A generator to sample from: `generator.safetensors` and, written last, `generator.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "generator.safetensors", network.state_dict())
    shape = list(network.latent_shape)  # type: ignore[arg-type]
    described = {"format": FORMAT, "version": VERSION, "network": dict(spec), "latent_shape": shape, **about}
    write_text(folder / "generator.json", json.dumps(described, indent=1) + "\n")


def _save(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    with written_whole(path) as aside:
        try:
            save_file({key: value.detach().contiguous().cpu() for key, value in tensors.items()}, aside)
        except SafetensorError as error:
            number = int(found[1]) if (found := re.search(r"os error (\d+)", str(error))) else 0
            raise OSError(number, os.strerror(number) if number else str(error)) from None


def _under(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
