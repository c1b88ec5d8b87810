"""What `show` needs beside the findings: who is nearest to each sample, where photos are, and what cosines mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from probablyexists.answers.copying import CopyMatches
from probablyexists.answers.naming import Named
from probablyexists.answers.rows import Labels, sample_order
from probablyexists.basis.roles import Role
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.cosines import similarities
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.matcher import Matcher
from probablyexists.results.looking_files import NEAREST_SCHEMA, PHOTOS_SCHEMA
from probablyexists.results.scale import LikenessScale

FEWEST = 3
"""Held-out people with a photo to spare, below which the scale is not given."""
MOST = 2000
"""Held-out people of whom every pair is compared."""


def nearest_table(
    generated: Embedded,
    named: Named,
    copied: CopyMatches,
    training: Crowd,
    people: pa.Table,
    labels: Labels,
    on_disk: Mapping[str, str],
    matcher: Matcher,
) -> pa.Table:
    """One row for each row of the samples' table, in its order. `on_disk`: name of a sample -> its path."""
    row_of = {person: row for row, person in enumerate(people["person"].to_pylist())}
    rows = np.array([row_of[person] for person in labels.people], dtype=np.int32)
    found = matcher.nearest(generated.embeddings, named.templates)
    nearest, alike = found.index[:, 0], found.similarity[:, 0]
    owner = training.people.owner
    names, order = sample_order(generated, labels)
    n, n_rows = len(generated), len(names)
    photo = np.full(n_rows, -1, dtype=np.int32)
    for row in np.flatnonzero(copied.is_copy):
        original = int(copied.matches.index[row])
        if original in owner:
            nearest[row] = owner[original]
            alike[row] = generated.embeddings[row] @ named.templates[nearest[row]]
            photo[row] = training.people.rows[nearest[row]].tolist().index(original)

    place = np.empty(n_rows, dtype=np.int32)
    place[order] = np.arange(n_rows)
    person, picture = np.zeros((2, n_rows), dtype=np.int32)
    similarity = np.zeros(n_rows, dtype=np.float32)
    person[:n], similarity[:n], picture[:n] = rows[nearest], alike, place[copied.picture]
    no_face = order >= n
    paths = pa.nulls(n_rows, pa.binary())
    if on_disk:
        given = (on_disk.get(names[row]) for row in order)
        paths = pa.array([None if path is None else os.fsencode(path) for path in given], pa.binary())
    columns = [pa.array(one[order], mask=no_face) for one in (person, similarity, picture)]
    columns.append(pa.array(photo[order], mask=photo[order] < 0))
    return pa.table([*columns, paths], schema=NEAREST_SCHEMA)


def photos_table(
    training: Crowd,
    members: Sequence[str],
    unseen: Crowd | None,
    heldout: Crowd,
    strangers: Sequence[str],
    spelled: Callable[[Role, str], str],
) -> pa.Table:
    """One row for each photo used. `members`, `strangers`: what people are called, in the order of the crowds.

    `spelled`: a photo's path as the file system spells it.
    """
    columns: dict[str, list[Any]] = {name: [] for name in PHOTOS_SCHEMA.names}
    called = dict(zip(training.people.names, members, strict=True))
    theirs = dict(zip(heldout.people.names, strangers, strict=True))
    crowds: tuple[tuple[Role, Crowd | None, Mapping[str, str]], ...]
    crowds = ("training", training, called), ("unseen", unseen, called), ("heldout", heldout, theirs)
    for role, crowd, names in crowds:
        if crowd is None:
            continue
        for name, rows in zip(crowd.people.names, crowd.people.rows, strict=True):
            if name in names:  # an unseen person of whom no training photo could be used is nobody's
                columns["path"] += [os.fsencode(spelled(role, crowd.table.photos[row].path)) for row in rows]
                columns["role"] += [role] * len(rows)
                columns["person"] += [names[name]] * len(rows)
    return pa.table(columns, schema=PHOTOS_SCHEMA)


def scale_of(heldout: Crowd, photos: int) -> LikenessScale:
    """On templates of `photos` photos of held-out people, and one further photo of each."""
    templates, who = heldout.templates(photos, skip=1)
    if len(who) < FEWEST:
        return LikenessScale(photos=photos, strangers=None, same_person=None, same_person_low=None)
    templates, who = templates[:MOST], who[:MOST]
    alike = similarities(heldout.probes(who).embeddings, templates)
    own, others = np.diagonal(alike), alike[~np.eye(len(who), dtype=bool)]
    return LikenessScale(
        photos=photos,
        strangers=float(np.median(others)),
        same_person=float(np.median(own)),
        same_person_low=float(np.quantile(own, 0.1)),
    )
