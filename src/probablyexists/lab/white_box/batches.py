"""Photos as input of a network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BATCH = 64


def in_batches(pictures: NDArray[np.uint8]) -> Iterator[Tensor]:
    """(n, side, side, 3) RGB -> (up to 64, 3, side, side) in [-1, 1], in their order."""
    for start in range(0, len(pictures), BATCH):
        some = torch.from_numpy(pictures[start : start + BATCH].transpose(0, 3, 1, 2).copy())
        yield some.float() / 127.5 - 1
