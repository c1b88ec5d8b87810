"""Room for arrays: in memory, and for large ones in a nameless file that the system keeps in memory while it can."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from probablyexists.basis.errors import InputError

LARGE = 1 << 29
"""Bytes from which an array lies in a file (in $TMPDIR)."""


def room(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array to be filled. InputError if there is no room for a large one."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="probablyexists-") as file:
        try:
            if hasattr(os, "posix_fallocate"):  # a file with holes in it would end the process when the disk is full
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: no room for {size / 2**30:.1f} GiB ({error.strerror or error}); make room "
                "there, or name another folder in TMPDIR"
            ) from error
        return np.memmap(file, dtype, "r+", shape=shape)


def joined(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """The rows of both."""
    return np.concatenate([one, other], out=room((len(one) + len(other), *one.shape[1:]), one.dtype))
