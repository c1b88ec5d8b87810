"""Cut a face out upright, by its landmarks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.compiled import CHIP_SIDE, aligner, rgb

Template = Literal["dlib", "arcface"]

_ARCFACE_POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 80.5]]) / 112.0
"""Centres of the left and the right eye in the picture, and the base of the nose, as shares of the side. The eyes are
those of ArcFace's published template. Its nose is a tip; dlib marks the base, which is put between ArcFace's tip and
mouth corners."""


def cut_chip(
    image: NDArray[np.uint8], points: NDArray[np.float64], side: int = CHIP_SIDE, template: Template = "dlib"
) -> NDArray[np.uint8]:
    """(side, side, 3) upright face: dlib's own chip (padding 0.25) or ArcFace's frame.

    `image`: (height, width, 3), RGB. `points`: (5, 2) landmarks x, y in pixels.
    """
    return _dlib_chip(image, points, side) if template == "dlib" else _warp(image, points, side)


def _dlib_chip(image: NDArray[np.uint8], points: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    import dlib

    image = rgb(image)
    parts = [dlib.point(x, y) for x, y in points.astype(int).tolist()]
    face = dlib.full_object_detection(dlib.rectangle(0, 0, 0, 0), parts)
    where = dlib.get_face_chip_details(face, side, 0.25)
    library, square = aligner(), where.rect
    if library is not None and side == CHIP_SIDE:
        edges = np.array([square.left(), square.top(), square.right(), square.bottom()])
        chip = np.empty((side, side, 3), np.uint8)
        if library.cut_chip(image, image.shape[1], image.shape[0], edges, where.angle, chip):
            return chip
    return np.asarray(dlib.extract_image_chip(image, where))


def _warp(image: NDArray[np.uint8], points: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    eyes = np.array([points[[2, 3]].mean(axis=0), points[[0, 1]].mean(axis=0), points[4]])
    if eyes[0, 0] > eyes[1, 0]:
        eyes[[0, 1]] = eyes[[1, 0]]
    # Landmarks are at pixel centres; Pillow's coordinates start at the pixel's corner.
    a, b, x, y = _similarity(_ARCFACE_POINTS * side + 0.5, eyes + 0.5)
    affine = (a, -b, x, b, a, y)
    upright = Image.fromarray(image).transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(upright)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Least-squares a, b, x, y with target = [[a, -b], [b, a]] @ source + (x, y)."""
    rows, values = [], []
    for (u, v), (p, q) in zip(source, target, strict=True):
        rows += [[u, -v, 1, 0], [v, u, 0, 1]]
        values += [p, q]
    a, b, x, y = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return float(a), float(b), float(x), float(y)
