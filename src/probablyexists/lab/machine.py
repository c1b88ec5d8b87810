"""Where training runs: one device, or several through Hugging Face accelerate; and in which precision."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from probablyexists.basis.errors import InputError, MissingExtraError

Precision = Literal["auto", "bfloat16", "float32"]


@dataclass(frozen=True)
class Machine:
    """One process of a training run."""

    device: torch.device
    bfloat16: bool
    rank: int = 0
    n_processes: int = 1
    accelerator: Any = None
    layout: torch.memory_format = torch.channels_last
    """Of weights and images in memory: convolutions run on channels-last without copies."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def place(self, module: nn.Module) -> nn.Module:
        """The module on the device, in the layout."""
        return module.to(self.device, memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def autocast(self) -> AbstractContextManager[Any]:
        """Forward passes inside run in bfloat16, weights and sums stay float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.n_processes == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="mean")
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()

    def wait(self) -> None:
        """Until every process has come this far."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def find_machine(device: str = "auto", precision: Precision = "auto") -> Machine:
    """`device`: auto, cpu, cuda, cuda:1, ...; under `accelerate launch` each process gets its own.

    `precision` auto is bfloat16 where the processor multiplies it faster than float32, else float32.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        try:
            from accelerate import Accelerator
        except ImportError:
            raise MissingExtraError("accelerate", "lab") from None
        accelerator = Accelerator(cpu=device == "cpu")
        place = accelerator.device
        return Machine(
            place, _is_fast(place, precision), accelerator.process_index, accelerator.num_processes, accelerator
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"device {device!r}: cannot be used ({said}); try cpu") from None
    return Machine(place, _is_fast(place, precision))


def _is_fast(device: torch.device, precision: Precision) -> bool:
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
