"""`align.c`, where the package was built with a C compiler. Without it dlib and Pillow do the same, slower."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.ctypeslib import ndpointer

from probablyexists.basis.files import sha256_file

_SOURCE = Path(__file__).with_name("align.c")


class Picture(ctypes.Structure):
    """align.c's `Picture`. Its pointers are good for as long as the arrays live."""

    _fields_ = (
        ("rgb", ctypes.c_void_p),
        ("grey", ctypes.c_void_p),
        *((name, ctypes.c_int32) for name in ("width", "height", "left", "top", "right", "bottom")),
    )


@cache
def aligner() -> ctypes.CDLL | None:
    """The compiled functions; None where there are none, none for this machine, or those of another align.c.

    Arrays must be contiguous; each call keeps its own alive.
    """
    try:
        library = ctypes.CDLL(str(_SOURCE.with_suffix(".so")))
        made_from = (ctypes.c_char * 64).in_dll(library, "source_sha256").value.decode()
    except (OSError, ValueError):  # ValueError: it has no such name
        return None
    if made_from != sha256_file(_SOURCE):
        return None
    number, levels = ctypes.c_int, _array(np.uint8)
    library.read_cascade.argtypes = [ctypes.c_char_p, ctypes.c_size_t, levels]
    library.landmarks.argtypes = [levels, number, ctypes.POINTER(Picture), _array(np.float32)]
    library.landmarks.restype = None
    library.cut_chip.argtypes = [levels, number, number, _array(np.float64), ctypes.c_double, levels]
    library.small_grey.argtypes = [levels, number, number, _array(np.int32), levels]
    library.small_grey.restype = None
    return library


def _array(dtype: type[np.generic]) -> Any:
    return ndpointer(dtype, flags="C_CONTIGUOUS")
