"""What the report shows of a finding: a training photo next to samples that copy it or show the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.copying import CopyMatches
from probablyexists.answers.naming import Named
from probablyexists.answers.rows import Labels
from probablyexists.basis.errors import ImageError
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Embedded
from probablyexists.images.decode import decode
from probablyexists.matching.cosines import similarities
from probablyexists.matching.crowd import Crowd
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source

MOST_PEOPLE = 50
MOST_COPIES = 50
N_SAMPLES = 3
LONGEST = 256
"""Pixels along the longer side; the report makes the pictures smaller still."""


@dataclass(frozen=True)
class Exhibit:
    """One finding: a training photo and generated samples. Pictures are never part of the JSON."""

    kind: Literal["copy", "likeness"]
    person: str
    photo: NDArray[np.uint8] | None
    """(h, w, 3) the training photo; None where faces are not shown, or the file can no longer be read."""
    samples: tuple[tuple[str, float, NDArray[np.uint8] | None], ...]
    """(name, similarity, picture) of the generated samples, nearest first."""


def exhibits(
    sources: Mapping[Role, Source],
    training: Crowd,
    generated: Embedded,
    named: Named,
    shown: NDArray[np.intp],
    copied: CopyMatches,
    labels: Labels,
    *,
    show_faces: bool,
) -> list[Exhibit]:
    """Named people with the samples nearest to them, then copies; the strongest first within each kind.

    Pictures are read only with `show_faces`.
    """
    kept = np.flatnonzero(~copied.left_out)
    planned: list[tuple[Literal["copy", "likeness"], str, int, list[tuple[int, float]]]] = []
    order = np.lexsort((-named.exposure, named.p))
    for member in [i for i in order if named.exposed[i]][:MOST_PEOPLE]:
        near = kept[shown == member]
        alike = similarities(named.templates[member : member + 1], generated.embeddings[near])[0]
        best = np.argsort(-alike, kind="stable")[:N_SAMPLES]
        own = training.people.rows[member]
        # The person's photo that is most similar to any of the samples.
        near_each = training.table.embeddings[own] @ generated.embeddings[near[best]].T
        photo = near_each.max(axis=1).argmax() if best.size else 0
        pairs = [(int(near[b]), float(alike[b])) for b in best]
        planned.append(("likeness", labels.people[member], int(own[photo]), pairs))
    owner = training.people.owner
    correlation = copied.matches.correlation
    for row in sorted(np.flatnonzero(copied.is_copy), key=lambda r: (-correlation[r], r))[:MOST_COPIES]:
        source = int(copied.matches.index[row])
        person = labels.people[owner[source]] if source in owner else "a person set aside"
        planned.append(("copy", person, source, [(int(row), float(correlation[row]))]))

    photos = samples = dict[int, NDArray[np.uint8]]()
    if show_faces:
        photos = pictures_of(sources["training"], training.table, [plan[2] for plan in planned])
        samples = pictures_of(sources["generated"], generated, [row for plan in planned for row, _ in plan[3]])
    return [
        Exhibit(
            kind,
            person,
            photos.get(photo),
            tuple((labels.sample(generated.photos[row].path), value, samples.get(row)) for row, value in pairs),
        )
        for kind, person, photo, pairs in planned
    ]


def pictures_of(source: Source, table: Embedded, rows: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    """Row of the table -> picture, without pictures that can no longer be read."""
    found = pictures_at(source, [table.photos[row] for row in rows])
    return {row: found[photo] for row in rows if (photo := table.photos[row]) in found}


def pictures_at(source: Source, photos: Sequence[Photo]) -> dict[Photo, NDArray[np.uint8]]:
    """Photo -> (h, w, 3) picture, without pictures that can no longer be read."""
    pictures = {}
    for photo, data in source.stream(dict.fromkeys(photos)):
        if not isinstance(data, ImageError):
            with suppress(ImageError):  # the file changed since it was embedded; the finding is shown without a picture
                pictures[photo] = decode(data, longest=LONGEST)
    return pictures
