"""Where training runs: the device, the precision, the layout in memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from probablyexists.basis.errors import InputError

Precision = Literal["auto", "bfloat16", "float32"]


@dataclass(frozen=True)
class Machine:
    """One device."""

    device: torch.device
    bfloat16: bool
    layout: torch.memory_format = torch.channels_last
    """Of weights and images in memory: convolutions run on channels-last without copies."""

    def place(self, module: nn.Module) -> nn.Module:
        """The module on the device, in the layout."""
        return module.to(self.device, memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def autocast(self) -> AbstractContextManager[Any]:
        """Forward passes inside run in bfloat16, weights and sums stay float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)


def find_machine(device: str = "auto", precision: Precision = "auto") -> Machine:
    """`device`: auto, cpu, cuda, cuda:1, ...; InputError if torch cannot use it.

    `precision` auto is bfloat16 where the processor multiplies it faster than float32, else float32.
    """
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
