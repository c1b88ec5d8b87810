"""The photos of the person asked about: which could be used, and which face of a group photo is the person."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.basis.progress import Progress
from probablyexists.basis.roles import TITLES
from probablyexists.embeddings.embed import Embedded, embedded
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.group_photo import FoundFace, every_face, shared_faces
from probablyexists.faces.placing import FacesMode
from probablyexists.results.sheet import AskedPhoto, Chosen
from probablyexists.sources.open_source import Source


@dataclass(frozen=True)
class AskedPhotos:
    """The photos of the person, each with the person's face."""

    table: Embedded
    """With the embedding of the face that was taken."""
    photos: list[AskedPhoto]
    """Used or not, sorted by path."""
    crops: dict[int, NDArray[np.uint8]]
    """Row of the table -> the part of the photo around that face, for rows with several faces."""


def faces_asked(
    source: Source, table: Embedded, mode: FacesMode, recogniser: Recogniser, progress: Progress
) -> AskedPhotos:
    """Take the person's face in each photo.

    With two or more photos it is, in a group photo, the face that the photos share; with one photo the most prominent.
    In a photo with one face it is that of the table. In mode `aligned` the frame is the face.
    """
    every = {} if mode == "aligned" else _every_face(source, table, recogniser, progress)
    taken = dict.fromkeys(every, 0)
    groups = [row for row, found in every.items() if len(found) > 1]
    vectors, pictures = table.embeddings, None if table.read_pictures is None else table.pictures
    how: Chosen = "most prominent"
    if groups:
        several = {row: embedded(np.stack([one.face.chip for one in every[row]]), recogniser) for row in groups}
        if len(table) > 1:
            each = [several.get(row, table.embeddings[row : row + 1]) for row in range(len(table))]
            shared, more = shared_faces(each)
            how = "one of several shared" if more else "shared"
            taken |= {row: shared[row] for row in groups}
        vectors, pictures = vectors.copy(), None if pictures is None else pictures.copy()
        for row in groups:
            vectors[row] = several[row][taken[row]]
            if pictures is not None:
                pictures[row] = every[row][taken[row]].face.picture
    photos = [
        AskedPhoto(photo=aside.photo.path, reason=aside.reason, n_faces=None, face=None, chosen=None)
        for aside in table.set_aside
    ]
    for row, photo in enumerate(table.photos):
        found = every.get(row)
        if found is None:
            photos.append(AskedPhoto(photo=photo.path, reason=None, n_faces=None, face=None, chosen=None))
            continue
        n = len(found)
        photos.append(
            AskedPhoto(
                photo=photo.path,
                reason=None,
                n_faces=n,
                face=found[taken[row]].place,
                chosen="only face" if n == 1 else how,
            )
        )
    crops = {row: every[row][taken[row]].crop for row in groups}
    new = replace(table, embeddings=vectors, read_pictures=pictures)
    return AskedPhotos(new, sorted(photos, key=lambda photo: photo.photo), crops)


def _every_face(
    source: Source, table: Embedded, recogniser: Recogniser, progress: Progress
) -> dict[int, list[FoundFace]]:
    """Row of the table -> all faces of the photo; without photos that can no longer be read."""
    rows = {photo: row for row, photo in enumerate(table.photos)}
    found = {}
    with progress.stage(f"{TITLES['asked']}: every face", len(rows)) as bar:
        for photo, data in source.stream(rows):
            with suppress(ImageError):  # the file changed since it was embedded
                if not isinstance(data, ImageError):
                    found[rows[photo]] = every_face(data, recogniser.side, recogniser.template)
            bar.advance()
    return {row: faces for row, faces in found.items() if faces}
