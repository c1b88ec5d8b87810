"""The tables of the findings: one row for each member, one for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from probablyexists.answers.affected import Reasons
from probablyexists.answers.copying import CopyMatches
from probablyexists.answers.naming import Named
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import NO_FACE
from probablyexists.matching.crowd import Crowd, common_count
from probablyexists.matching.matcher import Matcher
from probablyexists.results.contents import contents_of, sample_salt
from probablyexists.results.findings import PEOPLE_SCHEMA, SAMPLES_SCHEMA


@dataclass(frozen=True)
class Labels:
    """What members, their photos and the samples are called in the findings."""

    people: tuple[str, ...]
    """In the order of the training crowd."""
    show_names: bool
    samples: Mapping[str, str]
    """Path of a sample -> its name, for those that are not called by their paths."""
    salt: bytes
    """What fingerprints of photos are made with."""

    def sample(self, path: str) -> str:
        """What the sample at this path is called."""
        return self.samples.get(path, path)


def contents(generated: Embedded, salt: bytes) -> pa.StringArray:
    """The fingerprint of each sample's file: those with a face, then those set aside, null where not readable.

    `salt`: of the training photos.
    """
    aside = [one.sha256 if one.reason == NO_FACE else None for one in generated.set_aside]
    return contents_of([*generated.sha256, *aside], sample_salt(salt))


def people_table(
    named: Named, reasons: Reasons, training: Crowd, labels: Labels, samples: Embedded, groups: Mapping[str, str]
) -> pa.Table:
    """One row a member, the most exposed first (smallest p, then highest exposure, then name)."""
    why = reasons.each
    order = np.lexsort((np.array(labels.people), -named.exposure, named.p))
    near = [[labels.sample(samples.photos[j].path) for j in named.nearest[i] if j >= 0] for i in order]
    columns = {
        "person": [labels.people[i] for i in order],
        "group": [groups.get(training.people.names[i]) for i in order],
        "photos": training.people.counts[order],
        "compared_on": named.compared_on[order],
        "similarity": named.similarity[order],
        "exposure": named.exposure[order],
        "p": named.p[order],
        "q": named.q[order],
        "exposed": named.exposed[order],
        "copies": reasons.copies[order],
        "reason": [why[i] for i in order],
        "nearest": near,
    }
    return pa.table(columns, schema=PEOPLE_SCHEMA)


def samples_table(
    shown: NDArray[np.intp],
    similarity: NDArray[np.float64],
    unjudged: NDArray[np.intp],
    training: Crowd,
    heldout: Crowd,
    generated: Embedded,
    others: Embedded,
    copied: CopyMatches,
    labels: Labels,
    content: pa.StringArray,
    seed: int,
    matcher: Matcher,
) -> pa.Table:
    """One row a sample, sorted by path; `shown`, `similarity` and `unjudged` have one entry for each of the `others`.

    `others`: the samples that are not left out. `content`: as `contents` gives.

    Images without a face are included: kind `none`, no similarity.
    """
    n = len(generated)
    kept = np.flatnonzero(~copied.left_out)
    ours, theirs = _equal_galleries(training, heldout, seed)
    ours_near = matcher.nearest(others.embeddings, ours).similarity[:, 0]
    theirs_near = matcher.nearest(others.embeddings, theirs).similarity[:, 0]
    owner = training.people.owner

    n_rows = n + len(generated.set_aside)
    kind = np.full(n_rows, "none", dtype=object)
    person, copy_of, alike = np.full((3, n_rows), None, dtype=object)
    value, stranger = np.zeros((2, n_rows))
    value[kept], stranger[kept] = ours_near, theirs_near
    lacks_face = np.arange(n_rows) >= n
    lacks_stranger = np.ones(n_rows, dtype=bool)
    lacks_stranger[kept] = False
    likes = np.flatnonzero(shown >= 0)
    kind[kept[likes]], value[kept[likes]] = "likeness", similarity[likes]
    person[kept[likes]] = [labels.people[member] for member in shown[likes]]
    unsure = np.flatnonzero((unjudged >= 0) & (shown < 0) & ~copied.is_copy[kept])
    alike[kept[unsure]] = [labels.people[member] for member in unjudged[unsure]]
    for row in np.flatnonzero(copied.is_copy & (kind[:n] == "none")):
        source = int(copied.matches.index[row])
        kind[row] = "copy"
        person[row] = labels.people[owner[source]] if source in owner else None  # a photo that was set aside
        copy_of[row] = training.table.label(source, labels.salt, show_names=labels.show_names)
        value[row], lacks_stranger[row] = copied.matches.correlation[row], True
    names, order = sample_order(generated, labels)
    columns = {
        "sample": names,
        "kind": kind,
        "person": person,
        "similarity": pa.array(value, mask=lacks_face),
        "heldout_similarity": pa.array(stranger, mask=lacks_stranger),
        "copy_of": copy_of,
        "unjudged": alike,
        "content": content,
    }
    table = pa.table(columns, schema=SAMPLES_SCHEMA)
    return table if np.array_equal(order, np.arange(n_rows)) else table.take(order)


def sample_order(generated: Embedded, labels: Labels) -> tuple[list[str], NDArray[np.intp]]:
    """(what the samples are called, those with a face first; the order in which they are rows of the table)."""
    names = [photo.path for photo in (*generated.photos, *(one.photo for one in generated.set_aside))]
    if labels.samples:
        names = [labels.sample(name) for name in names]
    in_order = names == sorted(names)
    order = np.arange(len(names)) if in_order else np.asarray(pc.sort_indices(pa.array(names)), dtype=np.intp)
    return names, order


def _equal_galleries(training: Crowd, heldout: Crowd, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Templates of equally many members and held-out people, on equally many photos."""
    photos = common_count(training.people.counts, heldout.people.counts)
    sides = [crowd.templates(photos)[0] for crowd in (training, heldout)]
    size = min(map(len, sides))
    ours, theirs = (
        side if len(side) == size else side[np.sort(rng(seed, "gallery", name).permutation(len(side))[:size])]
        for side, name in zip(sides, ("training", "heldout"), strict=True)
    )
    return ours, theirs
