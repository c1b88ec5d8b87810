"""A torch network as a function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.text import one_line
from probablyexists.generators.latents import Synthesise

if TYPE_CHECKING:
    import torch


def torch_device() -> torch.device:
    """The GPU if torch sees one, else the CPU; MissingExtraError without torch."""
    required("torch", "lab")
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def runner(network: Any, device: torch.device, where: str) -> Synthesise:
    """`network(latents) -> (n, 3, h, w)` as a function of arrays, without gradients.

    Raises InputError when the network fails or gives no tensor.
    """
    import torch

    def run(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        try:
            with torch.inference_mode():
                images = network(torch.from_numpy(rows).to(device))
        except Exception as error:  # any operator of the network may fail
            raise InputError(
                f"{where}: fails on latents of shape {rows.shape} ({device.type}): {one_line(error)}"
            ) from error
        if not isinstance(images, torch.Tensor):
            raise InputError(f"{where}: gave a {type(images).__name__}; it must give one tensor of pictures")
        pictures: NDArray[np.floating] = images.float().cpu().numpy()
        return pictures

    return run
