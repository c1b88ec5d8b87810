"""A generator trained in the lab: a folder with `generator.json` and `generator.safetensors`. No code in either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.plain_files import json_object, plain_size
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import MOST_MODEL, content_id
from probablyexists.generators.latents import Network, checked_shape
from probablyexists.generators.picture_range import SIGNED
from probablyexists.generators.torch_run import TorchRun, torch_device

DESCRIPTION, WEIGHTS = "generator.json", "generator.safetensors"
FORMAT, VERSION = "probablyexists-generator", 1


FINAL = (Path(), Path("generator"), Path("training", "generator"))
"""Where a generator lies in its own folder, in a training's, and in the folder that `lab train` was given."""


def open_lab_checkpoint(folder: Path) -> Network:
    """The generator in a folder of the lab, with its (averaged) weights, in `eval` mode; InputError for other
    folders."""
    where = shown(folder)
    description = _description(folder / DESCRIPTION)
    shape = checked_shape(description["latent_shape"], where)
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{where}: {WEIGHTS} is missing beside {DESCRIPTION}; copy the whole folder")
    plain_size(folder / WEIGHTS, MOST_MODEL)
    device = torch_device()
    import torch
    from safetensors.torch import load_file

    from probablyexists.networks.build import build_generator

    try:
        with torch.random.fork_rng(devices=[]):  # weights are initialised at random before they are read
            network = build_generator(description["network"])
        network.load_state_dict(load_file(folder / WEIGHTS))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except Exception as error:  # a spec with wrong entries, a damaged file, weights of another network
        raise InputError(f"{where}: {WEIGHTS} and {DESCRIPTION} do not fit ({one_line(error)})") from error
    network.eval().to(device)
    id = content_id("lab", folder, [folder / DESCRIPTION, folder / WEIGHTS])
    run = TorchRun(network, device, where)
    return Network(f"{id}/{device.type}", where, shape, run, range=SIGNED, counted=run.counted)


def _description(path: Path) -> dict[str, Any]:
    found = json_object(path)
    if found.get("format") != FORMAT:
        raise InputError(f'{shown(path)}: no generator of the lab; its "format" must be "{FORMAT}"')
    if found.get("version") != VERSION:
        raise InputError(
            f"{shown(path)}: version {shown(found.get('version'))}; this probablyexists reads version {VERSION}"
        )
    if not isinstance(found.get("network"), dict) or not isinstance(found.get("latent_shape"), list):
        raise InputError(f'{shown(path)}: "network" or "latent_shape" is missing')
    return found
