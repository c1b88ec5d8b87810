"""Libraries that were compiled from C when the package was built."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.ctypeslib import ndpointer

from probablyexists.basis.files import sha256_file

_COMPILED = ".compiled"
"""Suffix of a compiled library; a .so could be imported as a Python module."""


def compiled(source: Path) -> ctypes.CDLL | None:
    """What was compiled from `source`; None if it is missing, made for another machine, or made from another source."""
    try:
        library = ctypes.CDLL(str(source.with_suffix(_COMPILED)))
        made_from = (ctypes.c_char * 64).in_dll(library, "source_sha256").value.decode()
    except (OSError, ValueError):  # ValueError: the library has no such name
        return None
    return library if made_from == sha256_file(source) else None


def array(dtype: type[np.generic], shape: tuple[int, ...] | None = None) -> Any:
    """An argument: a contiguous array, of this shape if given."""
    return ndpointer(dtype, shape=shape, flags="C_CONTIGUOUS")
