"""Held-out people in two halves, drawn once from what their photos are: who sets thresholds, and who judges."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.crowd import Crowd


def fingerprints(crowd: Crowd, salt: bytes) -> tuple[bytes, ...]:
    """SHA-256 of `salt` and the smallest SHA-256 among each person's photos: the same wherever these photos are."""
    return tuple(
        hashlib.sha256(salt + min(crowd.table.sha256[row] for row in rows)).digest() for rows in crowd.people.rows
    )


def design_half(crowd: Crowd, salt: bytes) -> NDArray[np.bool_]:
    """(n_people,) who sets thresholds; the others judge. `salt`: `intake.people.salt_of` the training photos."""
    return np.array([print[0] % 2 == 0 for print in fingerprints(crowd, salt)], dtype=bool)
