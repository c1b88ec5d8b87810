"""What an attack is: faces and samples in, one score a face out. An attack never grades itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Attack(Protocol):
    """A membership attack that sees generated samples only."""

    @property
    def id(self) -> str:
        """Name and version, for the signature."""

    def score(self, faces: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) scores of (n, dim) unit photos or templates against (m, dim) unit samples.

        Higher = more alike = more likely a member.
        """
