"""The functions of `alike.c`, if the package was built with a C compiler. Without them NumPy does the same, slower."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from probablyexists.basis.native import array, compiled


@cache
def alike() -> ctypes.CDLL | None:
    """Arrays passed to the functions must be contiguous, and of the shapes that alike.c says."""
    library = compiled(Path(__file__).with_name("alike.c"))
    if library is None:
        return None
    floats, rows, whole, number = array(np.float32), array(np.int64), array(np.int32), ctypes.c_int64
    library.normalise.argtypes = [floats, number, floats, whole]
    library.cut_cores.argtypes = [floats, number, floats, floats]
    library.warp.argtypes = [floats, number, whole, floats, floats, floats]
    pairs = [rows, rows, number, ctypes.c_int, ctypes.c_void_p]
    library.correlate.argtypes = [floats, floats, floats, *pairs, floats, whole]
    for function in (library.normalise, library.cut_cores, library.warp, library.correlate):
        function.restype = None
    return library
