"""A sheet of samples, to watch a generator learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from probablyexists.basis.files import written_whole
from probablyexists.generators.latents import latents
from probablyexists.lab.machine import Machine

ROWS, COLUMNS = 4, 8


@torch.no_grad()
def write_sheet(path: Path, network: nn.Module, machine: Machine) -> None:
    """32 samples, of the same latents on every sheet, so that sheets can be compared."""
    shape: tuple[int, ...] = network.latent_shape  # type: ignore[assignment]
    n = ROWS * COLUMNS
    images = network(torch.from_numpy(latents(range(n), shape)).to(machine.device)).float().clamp(-1, 1).cpu().numpy()
    pixels = np.round((images + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    side = pixels.shape[1]
    sheet = pixels.reshape(ROWS, COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(ROWS * side, -1, 3)
    with written_whole(path) as aside:
        Image.fromarray(sheet).save(aside, format="PNG")
