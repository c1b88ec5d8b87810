"""Networks saved by torch with their program: TorchScript (.ts, .pt) and torch.export (.pt2).

A side file adds what the program lacks: `generator.json` beside `generator.pt`,

    {"latent_shape": [128], "range": [-1, 1]}

the shape of one sample's latent, and the values of black and white in the pictures ([-1, 1] by default).

TorchScript needs no trust, within the limits of `torchscript_check`. torch.export is opened on trust only: its reader
unpickles (`torch.load(weights_only=False)` for sample inputs and some weights, `pickle.loads` for opaque constants),
evaluates size expressions as Python, and may load compiled libraries.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import check_trust, content_id
from probablyexists.generators.generator import Generator
from probablyexists.generators.latents import MOST_AT_ONCE, LatentGenerator, Synthesise, checked_shape
from probablyexists.generators.torch_run import runner, torch_device
from probablyexists.generators.torchscript_check import check_archive, check_operators


class Side(BaseModel):
    """The side file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    latent_shape: list[int]
    range: list[float] = Field(default=[-1.0, 1.0], min_length=2, max_length=2)


def open_torchscript(path: Path) -> Generator:
    """A .ts or .pt file made by `torch.jit.trace` or `torch.jit.script`: latents (n, *shape) -> (n, 3, h, w).

    Raises InputError for plain pickles, without reading them, and for programs with operators beyond arithmetic.
    """
    where, side = shown(path), _side(path)
    device = torch_device()
    import torch

    check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch recommends torch.export
            jit: Any = torch.jit
            module = jit.load(str(path), map_location=device)
    except Exception as error:  # RuntimeError mostly, with a page of C++
        raise InputError(f"{where}: torch cannot read it ({one_line(error)})") from error
    check_operators(module, where)
    run = _scaled(runner(module.eval(), device, where), side)
    return LatentGenerator(f"{content_id('torchscript', path)}/{device.type}", where, side.latent_shape, run)


def open_exported(path: Path, trust_pickle: bool, progress: Progress) -> Generator:
    """A .pt2 file of `torch.export.save`, only with `trust_pickle`; it runs on the device it was exported on."""
    check_trust(path, "a torch.export file", trust_pickle, progress)
    where, side = shown(path), _side(path)
    torch = required("torch", "lab")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{where}: no torch.export file; write it with torch.export.save")
    try:
        program = torch.export.load(path)
        module = program.module()
        device = next((value.device for value in program.state_dict.values()), torch.device("cpu"))
    except Exception as error:  # the reader raises many types
        raise InputError(
            f"{where}: torch cannot read it ({one_line(error)}); write it with torch.export.save"
        ) from error
    run = _scaled(runner(module, device, where), side)
    id = f"{content_id('torch.export', path)}/{device.type}"
    return LatentGenerator(id, where, side.latent_shape, run, _fixed_batch(program))


def _fixed_batch(program: Any) -> int | None:
    """The batch size of an exported program: fixed, or its upper limit if below `MOST_AT_ONCE`; None: any."""
    by_name = {node.name: node for node in program.graph.nodes}
    rows = by_name[program.graph_signature.user_inputs[0]].meta["val"].shape[0]
    if isinstance(rows, int):
        return rows
    limits = program.range_constraints.get(rows.node.expr)
    upper = math.inf if limits is None else float(limits.upper)
    return int(upper) if upper < MOST_AT_ONCE else None


def _scaled(run: Synthesise, side: Side) -> Synthesise:
    black, white = side.range
    if (black, white) == (-1.0, 1.0):
        return run

    def scaled(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        return (run(rows) - black) * (2 / (white - black)) - 1

    return scaled


def _side(path: Path) -> Side:
    beside = path.with_suffix(".json")
    example = '{"latent_shape": [128], "range": [-1, 1]}'
    try:
        text = beside.read_bytes()
    except OSError:
        raise InputError(
            f"{shown(path)}: {shown(beside.name)} is missing beside it; write it: {example}, the shape of one sample's "
            "latent and the values of black and white"
        ) from None
    try:
        side = Side.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        at = shown(".".join(map(str, first["loc"])))
        raise InputError(f"{shown(beside)}: {at}: {first['msg']}; write it like {example}") from None
    if not side.range[0] < side.range[1]:
        raise InputError(f"{shown(beside)}: range goes from {side.range[0]} to {side.range[1]}; give black, then white")
    checked_shape(side.latent_shape, shown(beside))
    return side
