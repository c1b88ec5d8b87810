"""Open the file or folder of a generator, by its kind. It may be a stranger's: this runs in a process of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from probablyexists.basis.errors import InputError, option
from probablyexists.generators.generator import Given
from probablyexists.generators.latents import Network
from probablyexists.generators.picture_range import Range

Kind = Literal["onnx", "torchscript", "exported", "stylegan", "lab", "diffusers"]
LIBRARIES: dict[Kind, tuple[str, ...]] = {
    "onnx": ("onnx",),
    "torchscript": ("torch",),
    "exported": ("torch",),
    "stylegan": ("torch",),
    "lab": ("torch", "safetensors.torch"),
    "diffusers": ("torch", "diffusers.models.unets.unet_2d", "diffusers.schedulers.scheduling_ddim"),
}
"""What a kind needs, beside numpy; ONNX Runtime is imported by `onnx_session` alone."""


@dataclass(frozen=True)
class Found:
    """A file or folder that holds a generator, not yet read."""

    kind: Kind
    path: Path


def prepare(kind: Kind, threads: int | None) -> None:
    """Import what this kind needs, as it can take seconds, and limit torch's threads."""
    for name in LIBRARIES[kind]:
        importlib.import_module(name)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        if threads is not None:
            torch.set_num_threads(threads)
        if torch.cuda.is_available():
            torch.zeros(1, device="cuda")  # its libraries take gigabytes of memory, which are not the generator's


def open_network(found: Found, given: Given) -> Network:
    """The network, not yet run. InputError, which begins with the path, if there is none, and for options that it
    does not leave open."""
    network = replace(_opener(found.kind, given)(found.path), samples=given.samples)
    if given.picture_range is not None:
        network = replace(network, range=Range(*given.picture_range))
    if given.latent_shape is not None and tuple(network.latent_shape) != given.latent_shape:
        raise InputError(
            f"{network.where}: its latents have shape ({', '.join(map(str, network.latent_shape))}); leave out "
            f"{option('latent_shape')}"
        )
    return network


def _opener(kind: Kind, given: Given) -> Callable[[Path], Network]:
    if kind == "onnx":
        from probablyexists.generators.onnx_file import open_onnx

        return lambda path: open_onnx(path, given)
    if kind == "lab":
        from probablyexists.generators.lab_checkpoint import open_lab_checkpoint

        return open_lab_checkpoint
    if kind == "diffusers":
        from probablyexists.generators.diffusers_folder import open_diffusers

        return open_diffusers
    if kind == "stylegan":
        from probablyexists.generators.stylegan_pickle import open_stylegan

        return open_stylegan
    from probablyexists.generators.torch_files import open_exported, open_torchscript

    return lambda path: (open_exported if kind == "exported" else open_torchscript)(path, given)
