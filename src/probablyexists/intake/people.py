"""Group photos by person: by name if there are names, else by clusters of embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded
from probablyexists.intake.halves import design_half
from probablyexists.intake.open_sources import NEED_NAMES, refuse_few_people
from probablyexists.matching.clusters import cluster, sides
from probablyexists.matching.crowd import Crowd
from probablyexists.matching.templates import group
from probablyexists.results.findings import Clusters
from probablyexists.stats.conformal import MIN_HELDOUT
from probablyexists.stats.roc import auroc

PURITY_NOTE = (
    "The photos have no names: a person here is a cluster of similar faces. On LFW with its names hidden, a photo's "
    "cluster held on average 98% photos of the same person and 89% of that person's photos "
    "(docs/results/clusters.md); other sets will differ, and look-alikes may be merged."
)


LEAST_ALIKE = 0.65
"""P(two photos of a person are more alike than photos of two people) below which these are not people."""
LEAST_COMPARED = 20
"""Photos, of people who have several, below which this is not judged."""
FEW = 5
"""People below which photos are compared with held-out people's, too."""
PAIRS = 2000
MOST_ON_BOTH_SIDES = 0.25
"""Share of the groups of similar faces on a side that may be on the other side too. Where people were divided, 3 to
14 % are, by looking alike; where photos were, 33 to 72 % (docs/results/nulls.md)."""


@dataclass(frozen=True)
class Peopled:
    """The groups of people to compare."""

    training: Crowd
    unseen: Crowd | None
    heldout: Crowd
    clusters: Clusters | None
    reference: Crowd | None = None
    """Other people, for attacks that learn from them."""
    design: tuple[str, ...] = ()
    """Held-out people left out by `judging_half`."""
    all_heldout: Crowd | None = None
    """The held-out people with those; None if nobody is left out."""

    @property
    def by_role(self) -> dict[Role, Crowd]:
        """The groups that there are."""
        crowds: dict[Role, Crowd | None] = {"training": self.training, "unseen": self.unseen, "heldout": self.heldout}
        crowds["reference"] = self.reference
        return {role: crowd for role, crowd in crowds.items() if crowd is not None}


def find_people(tables: Mapping[Role, Embedded], *, named: bool, seed: int, threads: int | None = None) -> Peopled:
    """Group photos by person, by name if `named` (reference people always are). InputError if too few are left."""
    crowds = {role: Crowd(table, group(table, seed=seed)) for role, table in tables.items()}
    for role, crowd in crowds.items():
        if named or role == "reference":
            refuse_strangers_as_one(role, crowd, seed, crowds["heldout"])
    if named:
        peopled = Peopled(crowds["training"], crowds.get("unseen"), crowds["heldout"], None, crowds.get("reference"))
    else:
        peopled = _by_clusters(tables["training"], tables["heldout"], seed, threads)
        peopled = replace(peopled, reference=crowds.get("reference"))
    refuse_few_people("heldout", peopled.heldout.people.names, MIN_HELDOUT, " with a usable photo")
    if len(peopled.training.people) == 0:
        raise InputError(f"{option('training')}: no person is left with a usable photo; give more training photos")
    return peopled


def judging_half(people: Peopled, salt: bytes) -> Peopled:
    """The same people without the held-out people of the design half, on whom a guard's thresholds were set.

    `salt`: the guard's. InputError if too few are left to judge.
    """
    design = design_half(people.heldout, salt)
    heldout = people.heldout.alone(np.flatnonzero(~design))
    refuse_few_people("heldout", heldout.people.names, MIN_HELDOUT, " whom the guard was not made with")
    names = people.heldout.people.names
    left_out = tuple(names[i] for i in np.flatnonzero(design))
    return replace(people, heldout=heldout, design=left_out, all_heldout=people.heldout)


def refuse_strangers_as_one(role: Role, crowd: Crowd, seed: int, others: Crowd | None = None) -> None:
    """InputError if two photos of one person are hardly more alike than photos of two people: these are not people.

    Fewer than `FEW` people, who may be twins, or one alone, are also compared with `others`. On LFW and on drawn people
    a pair of one person is the more alike in 90 % of cases or more, even among three people; in folders of 10 or more
    photos at random in 46 to 56 % (docs/decisions/0026-what-is-a-person.md).
    """
    several = [rows for rows in crowd.people.rows if len(rows) >= 2]
    if sum(map(len, several)) < LEAST_COMPARED:
        return
    draw = rng(seed, "people", role)
    people = np.resize(draw.permutation(len(several)), PAIRS)
    firsts, seconds = np.array([draw.choice(several[person], 2, replace=False) for person in people]).T
    x, rows = crowd.table.embeddings, np.concatenate(several)
    pool, owner = x[rows], np.repeat(np.arange(len(several)), [len(own) for own in several])
    if len(several) < FEW and others is not None:
        drawn = draw.integers(0, len(others.table), PAIRS)
        pool = np.concatenate([pool, others.table.embeddings[drawn]])
        owner = np.append(owner, np.full(PAIRS, len(several)))
    a, b = draw.integers(0, len(rows), 10 * PAIRS), draw.integers(0, len(pool), 10 * PAIRS)
    apart = owner[a] != owner[b]
    if not apart.any():
        return
    found = auroc(_cosines(x[firsts], x[seconds]), _cosines(pool[a[apart]], pool[b[apart]]))
    if found >= LEAST_ALIKE:
        return
    instead = "" if role in NEED_NAMES else f", or give {option('flat', True)} if the photos have no names"
    raise InputError(
        f"{option(role)}: photos of one person (one folder, or one name) are hardly more alike than photos of two "
        f"(in {100 * found:.0f} % of comparisons, by chance 50 %), as if folders were not people, or the recogniser "
        f"too weak for these photos; give one folder a person, or another {option('recogniser')}{instead}"
    )


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((one * other).sum(axis=1), dtype=np.float32)


def _by_clusters(training: Embedded, heldout: Embedded, seed: int, threads: int | None) -> Peopled:
    """Cluster both sides together; of a cluster on both sides only the photos of its own side are used (`sides`).

    Training photos set aside stay in the table, so that copies of them are found. InputError if the same people seem to
    be on both sides.
    """
    tables: dict[Role, Embedded] = {"training": training, "heldout": heldout}
    labels, limit = cluster(np.concatenate([training.embeddings, heldout.embeddings]), seed, threads)
    is_training = np.arange(len(labels)) < len(training)
    of_training, of_both = sides(labels, is_training, [*training.sha256, *heldout.sha256], seed)
    _refuse_same_people(labels, is_training, of_both)
    kept = of_training[labels] == is_training
    by_role: dict[Role, NDArray[np.bool_]] = {"training": is_training, "heldout": ~is_training}
    people: dict[Role, Crowd] = {}
    aside: dict[Role, int] = {}
    photos_aside: dict[Role, int] = {}
    for role, here in by_role.items():
        own, rows = labels[here], np.flatnonzero(kept[here])
        table = tables[role] if role == "training" else tables[role].take(rows)
        at = rows if role == "training" else np.arange(len(rows))
        names = {int(i): f"cluster-{own[row]:07d}" for i, row in zip(at, rows, strict=True)}
        people[role] = Crowd(table, group(table, names, seed))
        photos_aside[role] = len(own) - len(rows)
        aside[role] = len(np.unique(own)) - len(people[role].people)
    return Peopled(
        people["training"],
        None,
        people["heldout"],
        Clusters(
            threshold=limit,
            n_people_training=len(people["training"].people),
            n_people_heldout=len(people["heldout"].people),
            n_on_both_sides=int(of_both.sum()),
            n_people_set_aside=aside,
            n_photos_set_aside=photos_aside,
            note=PURITY_NOTE,
        ),
    )


def _refuse_same_people(labels: NDArray[np.intp], is_training: NDArray[np.bool_], of_both: NDArray[np.bool_]) -> None:
    """InputError if so many clusters are on both sides that photos were divided, not people."""
    n = min(len(np.unique(labels[side])) for side in (is_training, ~is_training))
    found = int(of_both.sum())
    if found > MOST_ON_BOTH_SIDES * n:
        raise InputError(
            f"{option('training')} and {option('heldout')}: {found:,} groups of similar faces are in both, of {n:,} in "
            "the smaller, as if photos had been divided, not people; held-out people must never have been trained on: "
            "divide people, or give their names"
        )


def salt_of(training: Embedded) -> bytes:
    """What pseudonyms and fingerprints are made with: a hash of all training photos, which no result shows.

    The same training set gives the same pseudonyms in every audit. Without the whole set nobody can compute one, not
    even who has every photo of a person.
    """
    return hashlib.sha256(b"probablyexists/salt" + b"".join(sorted(training.sha256))).digest()


def pseudonyms(crowd: Crowd, salt: bytes, length: int = 8) -> tuple[str, ...]:
    """A pseudonym for each person, computed from the content of their photos and `salt`; of at least so many digits."""
    names = []
    for rows in crowd.people.rows:
        content = b"".join(sorted(crowd.table.sha256[i] for i in rows))
        names.append(hashlib.sha256(b"probablyexists/person" + salt + content).hexdigest())
    while len({name[:length] for name in names}) < len(names):
        length += 2
    return tuple(f"P-{name[:length]}" for name in names)
