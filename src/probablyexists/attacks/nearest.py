"""The nearest-neighbour attack: how alike is the most alike generated sample?

Webster, Rabin, Simon & Jurie, "This Person (Probably) Exists" (arXiv 2107.06018), with cosine similarity; as a
membership attack on generative models it goes back to GAN-Leaks (Chen et al. 2020, full black box).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.neighbours import nearest


class NearestSample:
    """Best cosine similarity to any sample."""

    id = "nearest-sample/1"

    def score(self, faces: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Without any sample everybody scores -1, the lowest cosine."""
        return np.maximum(nearest(faces, samples).similarity[:, 0], -1.0)
