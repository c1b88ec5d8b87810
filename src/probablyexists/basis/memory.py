"""Allocate arrays: small ones in memory, large ones in an unnamed file that the system caches in memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from probablyexists.basis.errors import InputError

LARGE = 1 << 29
"""Arrays of at least this many bytes are in a file (in $TMPDIR)."""


def allocated(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An uninitialised array. InputError if the disk has no space for a large one."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="probablyexists-") as file:
            if hasattr(os, "posix_fallocate"):  # a sparse file would kill the process when the disk is full
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise InputError(
            f"{tempfile.tempdir or 'the folder for temporary files'}: no space for {size / 2**30:.1f} GiB "
            f"({error.strerror or error}); free some space, or set TMPDIR to another folder"
        ) from error


def joined(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """The rows of `one`, then those of `other`."""
    return np.concatenate([one, other], out=allocated((len(one) + len(other), *one.shape[1:]), one.dtype))
