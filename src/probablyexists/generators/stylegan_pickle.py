"""Pickles of StyleGAN2-ADA and StyleGAN3 (the PyTorch code of Karras et al.): the averaged generator, `G_ema`.

Such a pickle contains the network's Python source and runs it when opened, so it is opened on trust only. The folder of
the code that trained it (`dnnlib`, `torch_utils`) must be on PYTHONPATH.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import one_line, shown
from probablyexists.generators.file_checks import content_id, needs_trust
from probablyexists.generators.generator import Generator
from probablyexists.generators.latents import LatentGenerator
from probablyexists.generators.torch_run import runner, torch_device

PICKLE = "a pickle"


def open_stylegan(path: Path, *, trust_pickle: bool) -> Generator:
    """`G_ema` of a .pkl file, without truncation, with constant noise, in float32; only with `trust_pickle`.

    Truncation would hide rare people. The published samples of a truncated generator can be audited as a folder.
    """
    if not trust_pickle:
        raise needs_trust(path, PICKLE)
    where = shown(path)
    device = torch_device()
    import torch

    network = _unpickled(path, where).eval().to(device)
    if getattr(network, "c_dim", 0):
        raise InputError(f"{where}: needs a class for each picture (c_dim = {network.c_dim}); audit its samples")

    def synthesise(z: Any) -> Any:
        label = torch.zeros([len(z), 0], device=device)
        return network(z, label, truncation_psi=1, noise_mode="const", force_fp32=True)

    id = f"{content_id('stylegan', path)}/{device.type}"
    return LatentGenerator(id, where, [getattr(network, "z_dim", None)], runner(synthesise, device, where))


def _unpickled(path: Path, where: str) -> Any:
    import torch

    try:
        with path.open("rb") as file:
            found = pickle.load(file)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{where}: needs the module {error.name}; put the folder of the StyleGAN code that trained it on PYTHONPATH"
        ) from None
    except Exception as error:  # a pickle may raise anything
        raise InputError(f"{where}: cannot be unpickled ({one_line(error)})") from error
    network = found.get("G_ema") if isinstance(found, dict) else None
    if not isinstance(network, torch.nn.Module):
        raise InputError(f"{where}: holds no network under G_ema; it is no pickle of StyleGAN2 or StyleGAN3")
    return network
