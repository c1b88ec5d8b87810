"""Photos as input of a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 64


def in_batches(pictures: NDArray[np.uint8]) -> Iterator[Tensor]:
    """(n, side, side, 3) RGB -> (up to 64, 3, side, side) in [-1, 1], in their order."""
    import torch

    for start in range(0, len(pictures), BATCH):
        some = torch.from_numpy(pictures[start : start + BATCH].transpose(0, 3, 1, 2).copy())
        yield some.float() / 127.5 - 1
