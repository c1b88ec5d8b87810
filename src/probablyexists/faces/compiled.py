"""The functions of `align.c`, if the package was built with a C compiler. Without them dlib and Pillow do the same,
slower."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.ctypeslib import ndpointer
from numpy.typing import NDArray

from probablyexists.basis.files import sha256_file

CHIP_SIDE = 150
"""Side, in pixels, of dlib's chip, the input of its network."""

PICTURE_SIDE = 48
"""Side, in pixels, of the small grey pictures that are kept beside each embedding for the copy search."""

SOURCE = Path(__file__).with_name("align.c")
_COMPILED = ".compiled"
"""Suffix of the compiled library; a .so could be imported as a Python module."""


class Picture(ctypes.Structure):
    """align.c's `Picture`. Its pointers are valid as long as the arrays exist."""

    _fields_ = (
        ("rgb", ctypes.c_void_p),
        ("grey", ctypes.c_void_p),
        *((name, ctypes.c_int32) for name in ("width", "height", "left", "top", "right", "bottom")),
    )


@cache
def aligner() -> ctypes.CDLL | None:
    """The compiled functions of this package; None if there are none, see `loaded`."""
    return loaded(SOURCE)


def loaded(source: Path) -> ctypes.CDLL | None:
    """What was compiled from `source`; None if it is missing, made for another machine, or made from another source.

    Arrays passed to them must be contiguous, and have the shape given here, if any.
    """
    try:
        library = ctypes.CDLL(str(source.with_suffix(_COMPILED)))
        made_from = (ctypes.c_char * 64).in_dll(library, "source_sha256").value.decode()
        if made_from != sha256_file(source):
            return None
    except (OSError, ValueError):  # ValueError: the library has no such name
        return None
    number, image = ctypes.c_int, _array(np.uint8)
    library.read_cascade.argtypes = [ctypes.c_char_p, ctypes.c_size_t, image]
    library.landmarks.argtypes = [image, number, ctypes.POINTER(Picture), _array(np.float32)]
    library.landmarks.restype = None
    chip, edges = _array(np.uint8, (CHIP_SIDE, CHIP_SIDE, 3)), _array(np.float64, (4,))
    library.cut_chip.argtypes = [image, number, number, edges, ctypes.c_double, chip]
    small = _array(np.uint8, (PICTURE_SIDE, PICTURE_SIDE))
    library.small_grey.argtypes = [image, number, number, _array(np.int32), small]
    library.small_grey.restype = None
    return library


def _array(dtype: type[np.generic], shape: tuple[int, ...] | None = None) -> Any:
    return ndpointer(dtype, shape=shape, flags="C_CONTIGUOUS")


def rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image` as the C functions read it, contiguous; ValueError if it is not (height, width, 3) of uint8."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size >= 1 << 31:
        raise ValueError(f"an image must be (height, width, 3) of uint8, below 2 GiB: {image.shape} of {image.dtype}")
    return np.ascontiguousarray(image)
