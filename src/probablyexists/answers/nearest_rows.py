"""For each member and held-out person the samples most similar to them: what is kept to compare two audits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from probablyexists.answers.comparisons import Comparison
from probablyexists.answers.copying import CopyMatches
from probablyexists.answers.judges import Judge
from probablyexists.answers.rows import Labels
from probablyexists.matching.commonness import N_KEPT_OUT, most_alike
from probablyexists.matching.crowd import Crowd, photos_of
from probablyexists.results.neighbours_file import N_NEAREST, NEIGHBOURS_SCHEMA


@dataclass(frozen=True)
class Called:
    """Pseudonyms of both sides, in the order of the crowds."""

    members: Sequence[str]
    heldout: Sequence[str]
    not_judging: Set[str]
    """Names of the held-out people who do not judge."""


def nearest_rows(
    judge: Judge, compared: Sequence[Comparison], copied: CopyMatches, called: Called, labels: Labels
) -> pa.Table:
    """One row for each person in each of the judge's comparisons, as `results.neighbours_file` describes them.

    Copies are among the samples: an attacker sees them too, and whether a sample is there does not depend on what else
    was drawn.
    """
    training, heldout = judge.crowds["training"], judge.crowds["heldout"]
    owner = training.people.owner
    copy_of = np.full(len(judge.generated), -1, dtype=np.intp)
    for row in np.flatnonzero(copied.left_out):
        copy_of[row] = owner.get(int(copied.matches.index[row]), -1)
    samples = photos_of(judge.generated).embeddings
    known = _all_photos(training)
    columns: dict[str, list[Any]] = {name: [] for name in NEIGHBOURS_SCHEMA.names}
    for one in compared:
        start, k = len(columns["person"]), one.stratum[1]
        strangers = one.strangers[heldout.people.counts[one.strangers] >= k]
        n, m = len(one.members), len(strangers)
        faces = np.concatenate([one.ours.templates, one.theirs.templates])
        near = judge.matcher.nearest(faces, samples, N_NEAREST)
        own = np.concatenate([one.members, np.full(m, -1)])
        columns["near_members"] += most_alike(faces, known, own, judge.matcher, N_KEPT_OUT).closeness.tolist()
        found = near.index >= 0
        columns["person"] += [called.members[i] for i in one.members] + [called.heldout[i] for i in strangers]
        columns["called"] += [labels.people[i] for i in one.members] + [None] * m
        names = heldout.people.names
        columns["judges"] += [True] * n + [names[i] not in called.not_judging for i in strangers]
        columns["group"] += [one.stratum[0]] * (n + m)
        columns["photos"] += [k] * (n + m)
        columns["template"] += [_fingerprint(training, i, k, labels.salt) for i in one.members]
        columns["template"] += [_fingerprint(heldout, i, k, labels.salt) for i in strangers]
        for i in range(n + m):
            rows = near.index[i, found[i]]
            columns["samples"].append(rows)
            columns["similarity"].append(near.similarity[i, found[i]].astype(np.float32))
            columns["copies"].append(rows[(copy_of[rows] == own[i]) & (own[i] >= 0)])
            columns["picture"].append(int(copied.picture[rows[0]]) if len(rows) else None)
            columns["alike"].append(start + one.alike.rows[i])
        columns["closeness"] += one.alike.closeness.tolist()
    return pa.table(columns, schema=NEIGHBOURS_SCHEMA)


def _all_photos(crowd: Crowd) -> NDArray[np.float32]:
    """(n_people, dim) templates on all photos of each person, as a guard has them."""
    means = np.array([crowd.table.embeddings[rows].mean(axis=0) for rows in crowd.people.rows])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


def _fingerprint(crowd: Crowd, person: int | np.intp, photos: int, salt: bytes) -> str:
    """Of the photos in a template."""
    content = b"".join(sorted(crowd.table.sha256[row] for row in crowd.people.rows[person][:photos]))
    return hashlib.sha256(b"probablyexists/template" + salt + content).hexdigest()[:16]
