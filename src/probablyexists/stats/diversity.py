"""How many different things a set of points shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def effective_number(rows: NDArray[np.floating]) -> float:
    """Effective number of different rows, 1 to the smaller of n and d. `rows`: (n, d), n > 0, of unit length.

    The exponential of the entropy of the eigenvalues of the rows' cosines, divided by n: the Vendi score (Friedman &
    Dieng 2023, arXiv 2210.02410). n equal rows count as 1, n orthogonal ones as n. Faces have most of their embedding
    in common, so the number is small; compare it between generators.

    >>> effective_number(np.array([[1.0, 0.0], [1.0, 0.0]])), effective_number(np.eye(2))
    (1.0, 2.0)
    """
    shares = np.linalg.svd(rows / np.sqrt(len(rows)), compute_uv=False).astype(np.float64) ** 2
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
