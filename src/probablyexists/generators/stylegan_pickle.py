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
from probablyexists.generators.file_checks import content_id
from probablyexists.generators.latents import Network
from probablyexists.generators.torch_run import TorchRun, torch_device


def open_stylegan(path: Path) -> Network:
    """`G_ema` of a .pkl file that the user trusts, without truncation, with constant noise, in float32.

    Truncation would hide rare people. The published samples of a truncated generator can be audited as a folder.
    """
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
    run = TorchRun(synthesise, device, where)
    return Network(id, where, [getattr(network, "z_dim", None)], run, counted=run.counted)


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
