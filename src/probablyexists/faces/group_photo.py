"""Every face of a photo, and the one that several photos of a person share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.acquire import Face, cut, decoded
from probablyexists.faces.alignment import Template
from probablyexists.faces.boxes import Box, detect, every_box
from probablyexists.faces.landmarks import landmarks
from probablyexists.faces.placing import Placed

SAME_BOX = 0.3
"""Intersection over union from which two boxes are of one face."""
MARGIN = 0.4
"""What is shown around a face, as a share of its box."""


@dataclass(frozen=True)
class FoundFace:
    """One face of a photo."""

    face: Face
    place: tuple[float, float, float, float]
    """Left, top, width and height of its box, as shares of the picture's."""
    crop: NDArray[np.uint8]
    """(h, w, 3) the part of the picture that shows it."""


def every_face(data: bytes, side: int, template: Template) -> list[FoundFace]:
    """All faces that the detector sees, the most prominent first. ImageError if the file cannot be decoded."""
    image = decoded(data)
    chosen = detect(image).box
    if chosen is None:
        return []
    boxes = [chosen, *(box for box in every_box(image) if _overlap(box, chosen) < SAME_BOX)]
    found = []
    height, width = image.shape[:2]
    for box, points in zip(boxes, landmarks([image] * len(boxes), boxes), strict=True):
        left, top, right, bottom = _clipped(box, width, height, 0)
        place = left / width, top / height, (right - left) / width, (bottom - top) / height
        left, top, right, bottom = _clipped(box, width, height, MARGIN)
        face = cut(image, Placed(points, len(boxes)), side, template)
        found.append(FoundFace(face, place, image[top:bottom, left:right].copy()))
    return found


def shared_faces(embeddings: Sequence[NDArray[np.float32]]) -> tuple[list[int], bool]:
    """(For each of at least two photos the face that the photos share; whether they share another face too.)

    `embeddings`: (n_faces, dim) of each photo. Each face of each photo is followed to the most similar face in every
    other photo, and the one with the highest mean cosine is taken. Another is shared if its mean cosine is nearer to
    that than to the cosine of different people, which are side by side in one photo.
    """
    followed = []
    for i, own in enumerate(embeddings):
        alike = [own @ other.T for j, other in enumerate(embeddings) if j != i]
        scores = np.mean([cosines.max(axis=1) for cosines in alike], axis=0)
        for face, score in enumerate(scores.tolist()):
            there = [int(cosines[face].argmax()) for cosines in alike]
            followed.append((score, [*there[:i], face, *there[i:]]))
    best, chosen = max(followed, key=lambda one: one[0])
    apart = [score for score, faces in followed if all(a != b for a, b in zip(faces, chosen, strict=True))]
    if not apart:
        return chosen, False
    beside = [np.delete(own @ own[face], face).max() for own, face in zip(embeddings, chosen, strict=True)]
    return chosen, max(apart) > (best + float(np.mean(beside))) / 2


def _clipped(box: Box, width: int, height: int, margin: float) -> tuple[int, int, int, int]:
    across, down = round(margin * (box.right - box.left)), round(margin * (box.bottom - box.top))
    left, top = max(0, box.left - across), max(0, box.top - down)
    return left, top, min(width, box.right + across + 1), min(height, box.bottom + down + 1)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0, across) * max(0, down)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (one, other)]
    return both / max(1, sum(areas) - both)
