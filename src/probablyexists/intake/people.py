"""Who is who: by name where there are names, by clusters of embeddings where there are none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from probablyexists.basis.errors import InputError
from probablyexists.embeddings.embed import Embedded
from probablyexists.findings import Clusters
from probablyexists.matching.clusters import cluster
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group

MIN_HELDOUT = 20
"""Fewer held-out people and not even a single member could reach p = 0.05."""

PURITY_NOTE = (
    "The photos have no names: a person here is a cluster of similar faces. On LFW with its names hidden, a photo's "
    "cluster held on average {precision:.0%} photos of the same person and {recall:.0%} of that person's photos "
    "(docs/results/clusters.md); other sets will differ, and look-alikes may be merged."
)
PRECISION, RECALL = 0.94, 0.94


@dataclass(frozen=True)
class Peopled:
    """The three populations of people, ready to be compared."""

    training: Crowd
    unseen: Crowd | None
    heldout: Crowd
    clusters: Clusters | None


def find_people(tables: dict[str, Embedded], *, named: bool, seed: int) -> Peopled:
    """Group photos by person. Raises InputError when too few people are left."""
    if named:
        crowds = {role: Crowd(table, group(table, seed=seed)) for role, table in tables.items()}
        peopled = Peopled(crowds["training"], crowds.get("unseen"), crowds["heldout"], None)
    else:
        peopled = _by_clusters(tables["training"], tables["heldout"], seed)
    n = len(peopled.heldout.people)
    if n < MIN_HELDOUT:
        raise InputError(
            f"--heldout: needs at least {MIN_HELDOUT} people, has {n} with a usable photo; "
            "give more people that the generator was not trained on"
        )
    if len(peopled.training.people) == 0:
        raise InputError("--training: no person is left with a usable photo; give more training photos")
    return peopled


def _by_clusters(training: Embedded, heldout: Embedded, seed: int) -> Peopled:
    """Cluster both sides together; a cluster on both sides is set aside from the held-out people."""
    labels, limit = cluster(np.concatenate([training.embeddings, heldout.embeddings]), seed)
    ours, theirs = labels[: len(training)], labels[len(training) :]
    both = set(ours.tolist()) & set(theirs.tolist())
    kept = {i: f"cluster-{label:07d}" for i, label in enumerate(theirs) if int(label) not in both}
    rows = np.array(sorted(kept), dtype=np.intp)
    strangers = heldout.take(rows)
    people_training = group(training, {i: f"cluster-{label:07d}" for i, label in enumerate(ours)}, seed)
    people_heldout = group(strangers, {j: kept[int(i)] for j, i in enumerate(rows)}, seed)
    return Peopled(
        Crowd(training, people_training),
        None,
        Crowd(strangers, people_heldout),
        Clusters(
            threshold=limit,
            n_people_training=len(people_training),
            n_people_heldout=len(people_heldout),
            n_on_both_sides=len(both),
            note=PURITY_NOTE.format(precision=PRECISION, recall=RECALL),
        ),
    )


def pseudonyms(crowd: Crowd) -> tuple[str, ...]:
    """A pseudonym a person, from the content of their photos: without a photo nobody can work it out.

    The same photos give the same pseudonym in every audit; somebody who has all of a person's photos can look
    that person up, and nobody else can.
    """
    names = []
    for rows in crowd.people.rows:
        content = b"".join(sorted(crowd.table.sha256[i] for i in rows))
        names.append(hashlib.sha256(b"probablyexists/person" + content).hexdigest())
    length = 8
    while len({name[:length] for name in names}) < len(names):
        length += 2
    return tuple(f"P-{name[:length]}" for name in names)
