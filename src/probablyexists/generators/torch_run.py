"""A torch network as a function of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, required
from probablyexists.basis.text import shown

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

        with torch.inference_mode():
            return self._pictures(rows)

    def counted(self, rows: NDArray[np.float32]) -> tuple[NDArray[Any], float]:
        """The pictures, and the operations of matrix products, convolutions and attention on a CPU. None are told of
        a GPU, which needs large batches, nor of a network that does not let them be counted."""
        import torch
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils.flop_counter import flop_registry

        total = 0.0

        class Count(TorchDispatchMode):  # type: ignore[no-untyped-call]
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                nonlocal total
                kwargs = kwargs or {}
                result = func(*args, **kwargs)
                operations = flop_registry.get(func._overloadpacket)
                total += 0 if operations is None else operations(*args, **kwargs, out_val=result)
                return result

        if self._device.type != "cpu":
            return self(rows), 0.0
        try:  # without inference mode, in which convolutions have another name
            with torch.no_grad(), Count():  # type: ignore[no-untyped-call]
                return self._pictures(rows), total
        except InputError:
            return self(rows), 0.0

    def _pictures(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        import torch

        try:
            images = self._network(torch.from_numpy(rows).to(self._device))
        except Exception as error:  # any operator of the network may fail
            raise InputError(
                f"{self._where}: fails on latents of shape {rows.shape} ({self._device.type}): {_last_line(error)}"
            ) from error
        if not isinstance(images, torch.Tensor):
            raise InputError(f"{self._where}: gave a {type(images).__name__}; it must give one tensor of pictures")
        pictures: NDArray[Any] = (images if images.dtype == torch.uint8 else images.float()).cpu().numpy()
        return pictures


def _last_line(error: Exception) -> str:
    """What TorchScript says of an error is a page of its code; the cause is the last line."""
    return shown((str(error).strip().splitlines() or [type(error).__name__])[-1][:200])
