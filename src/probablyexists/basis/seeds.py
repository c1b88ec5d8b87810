"""Randomness is an argument: every random choice has its own generator, named after its purpose."""

from __future__ import annotations

import hashlib

import numpy as np


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for one purpose, from the audit's seed and the purpose's names.

    Two purposes never share a stream, so adding one random step does not change another:

    >>> bool(rng(0, "photos", "ann").random() == rng(0, "photos", "ann").random())
    True
    >>> bool(rng(0, "photos", "ann").random() == rng(0, "photos", "bob").random())
    False
    """
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
