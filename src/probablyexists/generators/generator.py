"""The protocol of a generator: seeds -> pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Generator(Protocol):
    """Makes the picture of a seed. A new kind is one file and one line in `open_generator`."""

    @property
    def id(self) -> str:
        """Kind, name and content hash: changes whenever a picture would."""

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3) RGB, in the order of the seeds.

        The picture of a seed never depends on the other seeds, their number or their order. Raises InputError if the
        model does not give finite colour pictures of one size.
        """
