"""The pairs of a blind review: a member and a sample, and a stranger whose sample is as similar.

A member is shown with the nearest sample that is no copy, a held-out person likewise. Each person is shown once, and
each picture once. Pairs are matched within one comparison of the audit (the same group, the same number of photos),
greedily, whoever is most similar first, as they have the fewest to choose from. Who is within a fifth of a standard
deviation of the strangers' similarities counts as equally similar (Austin 2011, Pharmaceutical Statistics 10(2)). Of
these the one is taken whose face is most equally common: a face like many others is like many samples, and named people
are those who are more similar than their faces explain (Rosenbaum & Rubin 1985, The American Statistician 39(1), match
so, within calipers on what matters most). Where nobody is equally similar, the most similar is taken, and the pair does
not count as matched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from probablyexists.basis.seeds import rng
from probablyexists.results.findings import Findings

MOST_PAIRS = 30
CALIPER = 0.2
BLOCK = 5
"""Pairs whose questions are asked together, in random order: whoever stops early has answered most pairs whole."""


@dataclass(frozen=True)
class Near:
    """A person with the samples nearest to them that are no copies, the nearest first."""

    person: str
    """As in `people`; a stranger as in neighbours.parquet."""
    stratum: tuple[str | None, int]
    """The group and the number of photos of the comparison."""
    samples: tuple[tuple[int, int, float], ...]
    """(row of the sample, the sample that stands for its picture, cosine)"""
    common: float = 0.0
    """How common the face is: mean cosine with those who look most like it."""


@dataclass(frozen=True)
class Side:
    """One question: is this person in this sample?"""

    person: str
    photos: int
    sample: int
    """Row of the sample."""
    similarity: float
    common: float
    """As in `Near`."""


@dataclass(frozen=True)
class Pair:
    """A member, and the stranger who is the control."""

    member: Side
    stranger: Side
    named: bool
    """Whether the audit names the member."""
    matched: bool
    """Whether both are equally similar to their samples; if not, no stranger was who is free."""


@dataclass(frozen=True)
class Plan:
    """All questions of a review, in the order in which everybody is asked."""

    pairs: tuple[Pair, ...]
    questions: tuple[tuple[int, bool], ...]
    """(pair, whether its member is asked about), 2 for each pair."""
    id: str
    """The same for the same audit and questions."""
    n_alone: int
    """Members left out: no held-out person is compared on as many photos in their group, or no sample is left."""

    def side(self, question: int) -> Side:
        """Who is asked about."""
        pair, member = self.questions[question]
        return self.pairs[pair].member if member else self.pairs[pair].stranger


def plan_review(findings: Findings, neighbours: pa.Table, picture: NDArray[np.int32]) -> Plan:
    """The review of an audit: those named first, then who is next.

    `neighbours`: of `results.neighbours_file`; `picture`: (n_samples,) of `results.looking_files`, -1 without a face.
    """
    is_copy = np.asarray(pc.equal(findings.samples["kind"], "copy").to_numpy())
    members, strangers = _near(neighbours, picture, is_copy)
    rows = findings.people.select(["person", "exposed"]).to_pylist()
    in_order = [members[row["person"]] for row in rows if row["person"] in members]
    named = {row["person"] for row in rows if row["exposed"]}
    pairs, n_alone = match(in_order, strangers, named, MOST_PAIRS)
    seed = findings.signature.settings.get("seed")
    questions = shuffled(len(pairs), rng(seed if isinstance(seed, int) else 0, "review"))
    about = repr((findings.signature.data_fingerprint, pairs, questions))
    return Plan(tuple(pairs), questions, hashlib.sha256(about.encode()).hexdigest()[:12], n_alone)


def match(
    members: Sequence[Near], strangers: Sequence[Near], named: Iterable[str], most: int
) -> tuple[list[Pair], int]:
    """(pairs in the order of their members, members left out). The first `most` members who have a control are taken;
    equally close strangers are taken in the order given."""
    named, used = set(named), set[int]()
    of: dict[tuple[str | None, int], list[Near]] = {}
    for one in strangers:
        if one.samples:
            of.setdefault(one.stratum, []).append(one)
    chosen: list[tuple[Near, Side]] = []
    n_alone = 0
    for one in members:
        if len(chosen) == most:
            break
        side = _first_free(one, used) if one.stratum in of else None
        if side is None:
            n_alone += 1
        else:
            chosen.append((one, side))
    about = {key: np.array([(one.samples[0][2], one.common) for one in ours]) for key, ours in of.items()}
    taken: set[str] = set()
    found: dict[str, Pair] = {}
    for one, side in sorted(chosen, key=lambda both: -both[1].similarity):
        theirs = about[one.stratum]
        apart, otherwise = np.abs(theirs - (side.similarity, side.common)).T
        equal = apart <= CALIPER * float(theirs[:, 0].std())
        closest = np.lexsort((apart, np.where(equal, otherwise, 0.0), ~equal))
        free = (i for i in closest if (it := of[one.stratum][i]).person not in taken and it.samples[0][1] not in used)
        i = next(free, None)
        control = None if i is None else _first_free(of[one.stratum][i], used)
        if control is None:
            n_alone += 1
            continue
        taken.add(control.person)
        found[one.person] = Pair(side, control, one.person in named, bool(equal[i]))
    return [found[one.person] for one, _ in chosen if one.person in found], n_alone


def shuffled(n_pairs: int, draw: np.random.Generator) -> tuple[tuple[int, bool], ...]:
    """The questions of n pairs: pairs in random order, and within each block of pairs all questions in random order."""
    pairs = draw.permutation(n_pairs)
    questions: list[tuple[int, bool]] = []
    for at in range(0, n_pairs, BLOCK):
        block = [(int(pair), member) for pair in pairs[at : at + BLOCK] for member in (True, False)]
        questions += [block[i] for i in draw.permutation(len(block))]
    return tuple(questions)


def _first_free(one: Near, used: set[int]) -> Side | None:
    """The nearest sample whose picture is not shown yet; it is used from now on."""
    for row, picture, similarity in one.samples:
        if picture not in used:
            used.add(picture)
            return Side(one.person, one.stratum[1], row, similarity, one.common)
    return None


def _near(
    table: pa.Table, picture: NDArray[np.int32], is_copy: NDArray[np.bool_]
) -> tuple[dict[str, Near], list[Near]]:
    """Members by name with all their samples, and strangers who judge with the nearest one."""
    faces = np.flatnonzero(picture >= 0)  # the file's numbers are among the samples with a face, in the same order
    columns = {name: table[name].to_pylist() for name in ("person", "called", "judges", "group", "photos", "closeness")}
    lists = {name: table[name].combine_chunks() for name in ("samples", "similarity")}
    starts = np.asarray(lists["samples"].offsets)
    rows, cosines = faces[lists["samples"].values.to_numpy()], lists["similarity"].values.to_numpy()
    kept = ~is_copy[rows]
    members, strangers = {}, []
    for i, (person, called) in enumerate(zip(columns["person"], columns["called"], strict=True)):
        at = starts[i] + np.flatnonzero(kept[starts[i] : starts[i + 1]])
        stratum = columns["group"][i], columns["photos"][i]
        if called is not None:
            members[called] = Near(called, stratum, _listed(at, rows, picture, cosines), columns["closeness"][i])
        elif columns["judges"][i]:
            strangers.append(Near(person, stratum, _listed(at[:1], rows, picture, cosines), columns["closeness"][i]))
    return members, strangers


def _listed(
    at: NDArray[np.intp], rows: NDArray[Any], picture: NDArray[np.int32], cosines: NDArray[Any]
) -> tuple[tuple[int, int, float], ...]:
    return tuple((int(rows[i]), int(picture[rows[i]]), float(cosines[i])) for i in at)
