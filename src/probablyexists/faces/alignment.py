"""Cut a face out upright, by its landmarks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.compiled import CHIP_SIDE, aligner, rgb

Template = Literal["dlib", "arcface", "facenet"]

_ARCFACE_POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 80.5]]) / 112.0
"""Centres of the left and the right eye in the picture, and the base of the nose, as shares of the side. The eyes are
those of ArcFace's published template. Its nose is a tip; dlib marks the base, which is put between ArcFace's tip and
mouth corners."""
_FACENET_BOX = (2.48, 3.32, 0.19)
"""Width and height of FaceNet's crop, and how far its centre is below that of the five landmarks, in distances of the
eyes: the box of facenet-pytorch's detector on 138 photos of LFW with a margin of 14 of 160 pixels, as its author tests
(docs/results/feeds.md)."""


def cut_chip(
    image: NDArray[np.uint8], points: NDArray[np.float64], side: int = CHIP_SIDE, template: Template = "dlib"
) -> NDArray[np.uint8]:
    """(side, side, 3) face: dlib's own chip (padding 0.25), ArcFace's frame, or FaceNet's box.

    The first two are upright and keep the face's shape. FaceNet's box is cut as it is, ends at the image's border, and
    is made square.

    `image`: (height, width, 3), RGB. `points`: (5, 2) landmarks x, y in pixels.
    """
    if template == "arcface":
        return _warp(image, points, side)
    if template == "facenet":
        return _box(image, points, side)
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


def _box(image: NDArray[np.uint8], points: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    width, height, below = _FACENET_BOX
    eyes = float(np.linalg.norm(points[[0, 1]].mean(axis=0) - points[[2, 3]].mean(axis=0)))
    x, y = points.mean(axis=0) + np.array([0.5, 0.5 + below * eyes])
    box = np.array([x - width * eyes / 2, y - height * eyes / 2, x + width * eyes / 2, y + height * eyes / 2])
    most = np.tile(image.shape[1::-1], 2)
    left, top, right, bottom = np.clip(box, 0, most)
    if right - left < 1 or bottom - top < 1:  # landmarks on one point, or outside the image
        left, top, right, bottom = 0, 0, *most[:2]
    upright = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, (left, top, right, bottom))
    return np.asarray(upright)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Least-squares a, b, x, y with target = [[a, -b], [b, a]] @ source + (x, y)."""
    rows, values = [], []
    for (u, v), (p, q) in zip(source, target, strict=True):
        rows += [[u, -v, 1, 0], [v, u, 0, 1]]
        values += [p, q]
    a, b, x, y = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return float(a), float(b), float(x), float(y)
