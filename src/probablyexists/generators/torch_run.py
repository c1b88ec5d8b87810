"""A torch network as a function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.text import one_line

if TYPE_CHECKING:
    import torch


def torch_device() -> torch.device:
    """The GPU if torch sees one, else the CPU; MissingExtraError without torch."""
    required("torch", "lab")
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class TorchRun:
    """`network(latents) -> (n, 3, h, w)` as a function of arrays, without gradients: see `Network`.

    Raises InputError when the network fails or gives no tensor.
    """

    def __init__(self, network: Any, device: torch.device, where: str) -> None:
        self._network, self._device, self._where = network, device, where

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        """The pictures of these latents: floats, or uint8 as the network gives them."""
        import torch

        try:
            with torch.inference_mode():
                images = self._network(torch.from_numpy(rows).to(self._device))
        except Exception as error:  # any operator of the network may fail
            raise InputError(
                f"{self._where}: fails on latents of shape {rows.shape} ({self._device.type}): {one_line(error)}"
            ) from error
        if not isinstance(images, torch.Tensor):
            raise InputError(f"{self._where}: gave a {type(images).__name__}; it must give one tensor of pictures")
        pictures: NDArray[Any] = (images if images.dtype == torch.uint8 else images.float()).cpu().numpy()
        return pictures

    def counted(self, rows: NDArray[np.float32]) -> tuple[NDArray[Any], float]:
        """The pictures, and the operations of matrix products, convolutions and attention. None are told of a GPU,
        which needs large batches."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            pictures = self(rows)
        return pictures, float(counter.get_total_flops()) if self._device.type == "cpu" else 0.0
