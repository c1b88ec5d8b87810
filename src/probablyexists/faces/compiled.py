"""The functions of `align.c`, if the package was built with a C compiler. Without them dlib and Pillow do the same,
slower."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.native import array, compiled

CHIP_SIDE = 150
"""Side, in pixels, of dlib's chip, the input of its network."""

PICTURE_SIDE = 48
"""Side, in pixels, of the small grey pictures that are kept beside each embedding for the copy search."""

SOURCE = Path(__file__).with_name("align.c")


class Box(ctypes.Structure):
    """align.c's `Box`."""

    _fields_ = tuple((name, ctypes.c_int32) for name in ("left", "top", "right", "bottom"))


class Picture(ctypes.Structure):
    """align.c's `Picture`. Its pointers are valid as long as the arrays exist."""

    _fields_ = (
        ("rgb", ctypes.c_void_p),
        ("grey", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("box", Box),
    )


class Rule(ctypes.Structure):
    """align.c's `Rule`."""

    _fields_ = (
        ("re_passes", ctypes.c_int32),
        *((name, ctypes.c_double) for name in ("still_at_once", "still", "across", "down", "side")),
    )


@cache
def aligner() -> ctypes.CDLL | None:
    """The compiled functions of this package; None if there are none, see `loaded`."""
    return loaded(SOURCE)


def loaded(source: Path) -> ctypes.CDLL | None:
    """What was compiled from `source`, see `basis.native`.

    Arrays passed to its functions must be contiguous, and have the shape given here, if any.
    """
    library = compiled(source)
    if library is None:
        return None
    number, image, rows, points = ctypes.c_int, array(np.uint8), array(np.int32), array(np.float32)
    pictures, boxes = ctypes.POINTER(Picture), ctypes.POINTER(Box)
    library.read_cascade.argtypes = [ctypes.c_char_p, ctypes.c_size_t, image]
    library.landmarks.argtypes = [image, number, pictures, rows, points]
    library.landmarks.restype = None
    library.settle.argtypes = [image, ctypes.POINTER(Rule), number, pictures, boxes, rows, points, points, image]
    library.settle.restype = None
    chip, edges = array(np.uint8, (CHIP_SIDE, CHIP_SIDE, 3)), array(np.float64, (4,))
    library.cut_chip.argtypes = [image, number, number, edges, ctypes.c_double, chip]
    small = array(np.uint8, (PICTURE_SIDE, PICTURE_SIDE))
    library.small_grey.argtypes = [image, number, number, rows, small]
    library.small_grey.restype = None
    return library


def rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image` as the C functions read it, contiguous; ValueError if it is not (height, width, 3) of uint8."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size >= 1 << 31:
        raise ValueError(f"an image must be (height, width, 3) of uint8, below 2 GiB: {image.shape} of {image.dtype}")
    return np.ascontiguousarray(image)
