"""Networks saved by torch with their program: TorchScript (.ts, .pt) and torch.export (.pt2).

The program lacks the shape of one sample's latent. It is given as the setting `latent_shape`, or in a side file:
`generator.json` beside `generator.pt`,

    {"latent_shape": [128], "range": [-1, 1]}

in which the values of black and white may be left out: see `picture_range`.

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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probablyexists.basis.errors import InputError, option, required
from probablyexists.basis.plain_files import MOST_JSON, read_plain
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.generator import Given
from probablyexists.generators.latents import MOST_AT_ONCE, Network, checked_shape
from probablyexists.generators.picture_range import Range
from probablyexists.generators.torch_run import TorchRun, torch_device
from probablyexists.generators.torchscript_check import check_archive, check_operators


class Side(BaseModel):
    """The side file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    latent_shape: list[int]
    range: list[float] | None = Field(default=None, min_length=2, max_length=2)


def open_torchscript(path: Path, given: Given) -> Network:
    """A .ts or .pt file made by `torch.jit.trace` or `torch.jit.script`: latents (n, *shape) -> (n, 3, h, w).

    Raises InputError for plain pickles, without reading them, and for programs with operators beyond arithmetic.
    """
    where, (shape, within) = shown(path), _latent(path, given)
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
    run = TorchRun(module.eval(), device, where)
    return Network(_id("torchscript", path, device, shape), where, shape, run, None, within, run.counted)


def open_exported(path: Path, given: Given) -> Network:
    """A .pt2 file of `torch.export.save` that the user trusts; it runs on the device it was exported on."""
    where, (shape, within) = shown(path), _latent(path, given)
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
    run = TorchRun(module, device, where)
    id = _id("torch.export", path, device, shape)
    return Network(id, where, shape, run, _fixed_batch(program), within, run.counted)


def _id(kind: str, path: Path, device: Any, shape: tuple[int, ...]) -> str:
    return f"{content_id(kind, path)}/{device.type}/{'x'.join(map(str, shape))}"


def _fixed_batch(program: Any) -> int | None:
    """The batch size of an exported program: fixed, or its upper limit if below `MOST_AT_ONCE`; None: any."""
    by_name = {node.name: node for node in program.graph.nodes}
    rows = by_name[program.graph_signature.user_inputs[0]].meta["val"].shape[0]
    if isinstance(rows, int):
        return rows
    limits = program.range_constraints.get(rows.node.expr)
    upper = math.inf if limits is None else float(limits.upper)
    return int(upper) if upper < MOST_AT_ONCE else None


def _latent(path: Path, given: Given) -> tuple[tuple[int, ...], Range | None]:
    """The shape of a latent, from the settings or else the side file, and the range of the pictures in that file."""
    beside = path.with_suffix(".json")
    side = None
    if given.latent_shape is None or beside.is_file():
        side = _side(path, beside)
    shape = side.latent_shape if given.latent_shape is None and side is not None else given.latent_shape or ()
    within = None if side is None else side.range
    return checked_shape(shape, shown(beside)), None if within is None else Range(*within)


def _side(path: Path, beside: Path) -> Side:
    example = '{"latent_shape": [128], "range": [-1, 1]}'
    try:
        text = read_plain(beside, MOST_JSON)
    except OSError:
        raise InputError(
            f"{shown(path)}: the shape of its latents is not known; give it, such as "
            f"{option('latent_shape', '128')}, or write {shown(beside.name)} beside it: {example}, "
            "with the values of black and white"
        ) from None
    try:
        side = Side.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        at = shown(".".join(map(str, first["loc"])))
        raise InputError(f"{shown(beside)}: {at}: {first['msg']}; write it like {example}") from None
    if side.range is not None and not side.range[0] < side.range[1]:
        raise InputError(f"{shown(beside)}: range goes from {side.range[0]} to {side.range[1]}; give black, then white")
    return side
