"""The same people's nearest samples in two audits, put together, so that samples can be dealt to either audit again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from probablyexists.matching.commonness import Alike, without_commonness

Counts = NDArray[np.int16]
"""(samples + 1,) how often each sample is in an audit; the last is for no sample, and 0."""
_STEP = 8
"""Samples of each list that are looked at together: one of them is mostly dealt."""
LOWEST = -1.0
"""The lowest cosine: of a person without any sample."""


@dataclass(frozen=True)
class Rows:
    """n people (held-out people once in each comparison), and the samples of one audit nearest to each."""

    person: tuple[str, ...]
    """Pseudonyms."""
    called: tuple[str | None, ...]
    """What members are called in the findings."""
    is_member: NDArray[np.bool_]
    judges: NDArray[np.bool_]
    """(n,) not those held-out people on whom a guard of the samples was set."""
    stratum: tuple[tuple[str | None, int], ...]
    """The group and the number of photos of the comparison that each row is of."""
    template: tuple[str, ...]
    samples: NDArray[np.intp]
    """(n, k) numbers of the samples, best first; -1 where there are fewer."""
    similarity: NDArray[np.float64]
    """(n, k); -inf where there are fewer."""
    copies: NDArray[np.bool_]
    """(n, k) whether the sample copies a photo of this person."""
    floor: NDArray[np.float64]
    """(n,) no sample that is not in the list is more similar than this; -inf if all are in it."""
    alike: tuple[NDArray[np.intp], ...]
    """Rows of the people who look most like each."""
    closeness: NDArray[np.float64]
    near_members: NDArray[np.float64]
    """(n,) mean cosine with the members most similar to each."""
    n_samples: int

    def __len__(self) -> int:
        return len(self.person)

    @classmethod
    def of(cls, table: pa.Table, n_samples: int, nearest: int) -> Rows:
        """From the table of `results.neighbours_file`."""
        held = table.to_pydict()
        n, k = table.num_rows, max(1, min(nearest, n_samples))
        samples = np.full((n, k), -1, dtype=np.intp)
        similarity, copies = np.full((n, k), -np.inf), np.zeros((n, k), dtype=bool)
        for i, (some, how, own) in enumerate(zip(held["samples"], held["similarity"], held["copies"], strict=True)):
            samples[i, : len(some)], similarity[i, : len(some)] = some, how
            copies[i] = np.isin(samples[i], own)
        return cls(
            tuple(held["person"]),
            tuple(held["called"]),
            np.array([one is not None for one in held["called"]], dtype=bool),
            np.array(held["judges"], dtype=bool),
            tuple(zip(held["group"], held["photos"], strict=True)),
            tuple(held["template"]),
            samples,
            similarity,
            copies & (samples >= 0),
            np.where(n_samples > k, similarity[:, -1], -np.inf),
            tuple(np.asarray(rows, dtype=np.intp) for rows in held["alike"]),
            np.array(held["closeness"], dtype=np.float64),
            np.array(held["near_members"], dtype=np.float64),
            n_samples,
        )

    def mirrored(self, threshold: float, weight: float = 0.0) -> tuple[Rows, int]:
        """Without the samples that a guard of held-out people would refuse, for everybody; and their number.

        A guard of members at this threshold has refused every sample as similar as this to a member, `weight` times the
        member's `near_members` taken off. If strangers' are kept, members look safer than people whom the generator
        never saw.
        """
        strangers = ~self.is_member
        less = weight * self.near_members[strangers, None]
        refused = np.unique(self.samples[strangers][self.similarity[strangers] - less >= threshold])
        refused = refused[refused >= 0]
        gone = np.isin(self.samples, refused)
        numbered = np.where(self.samples < 0, -1, self.samples - np.searchsorted(refused, self.samples))
        order = np.argsort(gone, axis=1, kind="stable")
        kept = replace(
            self,
            samples=np.take_along_axis(np.where(gone, -1, numbered), order, axis=1),
            similarity=np.take_along_axis(np.where(gone, -np.inf, self.similarity), order, axis=1),
            copies=np.take_along_axis(self.copies & ~gone, order, axis=1),
            n_samples=self.n_samples - len(refused),
        )
        return kept, len(refused)


@dataclass(frozen=True)
class Stratum:
    """One comparison: rows of members and of the held-out people whom they are ranked among."""

    members: NDArray[np.intp]
    strangers: NDArray[np.intp]
    alike: Alike
    """Of members, then strangers; rows count within these."""

    @property
    def rows(self) -> NDArray[np.intp]:
        return np.concatenate([self.members, self.strangers])

    def ranked(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) scores of members, then strangers, with commonness taken out."""
        return without_commonness(scores[:, None], self.alike)[:, 0]


@dataclass(frozen=True)
class Pooled:
    """The samples of both audits, those of the first numbered first."""

    people: Rows
    """Of the first audit."""
    samples: NDArray[np.intp]
    """(n, k) best first; the number of samples where there are fewer."""
    similarity: NDArray[np.float64]
    copies: NDArray[np.bool_]
    floor: NDArray[np.float64]
    """(n,) the score of a person to whom none of their samples is dealt."""
    n_first: int
    n_second: int

    @cached_property
    def strata(self) -> Sequence[Stratum]:
        people, found = self.people, []
        for stratum in dict.fromkeys(people.stratum):
            here = np.array([one == stratum for one in people.stratum])
            members, strangers = np.flatnonzero(here & people.is_member), np.flatnonzero(here & ~people.is_member)
            found.append(Stratum(members, strangers, _alike(people, np.concatenate([members, strangers]))))
        return found

    def best(self, dealt: Counts) -> NDArray[np.float64]:
        """(n,) similarity of each person's nearest sample among those dealt."""
        found, left = self.floor.copy(), np.arange(len(self.floor))
        for start in range(0, self.samples.shape[1], _STEP):
            columns = slice(start, start + _STEP)
            there = dealt[self.samples[left, columns]] > 0
            first = there.argmax(axis=1)
            hit = there[np.arange(len(left)), first]
            found[left[hit]] = self.similarity[left[hit], start + first[hit]]
            left = left[~hit]
            if not left.size:
                break
        return found


def pooled(first: Rows, second: Rows) -> Pooled:
    """Both audits' samples for the same people, row for row. Only samples that neither list can lack are kept."""
    k = max(first.samples.shape[1], second.samples.shape[1])
    none = first.n_samples + second.n_samples
    theirs = np.where(second.samples >= 0, second.samples + first.n_samples, none)
    samples = np.concatenate([np.where(first.samples >= 0, first.samples, none), theirs], axis=1)
    similarity = np.concatenate([first.similarity, second.similarity], axis=1)
    copies = np.concatenate([first.copies, second.copies], axis=1)
    floor = np.maximum(first.floor, second.floor)
    lacks = similarity < floor[:, None]
    similarity = np.where(lacks, -np.inf, similarity)
    order = np.argsort(-similarity, axis=1, kind="stable")
    samples, similarity, copies = (
        np.take_along_axis(values, order, axis=1)
        for values in (np.where(lacks, none, samples), similarity, copies & ~lacks)
    )
    if similarity.shape[1] > k:
        cut = np.where(np.isfinite(similarity[:, k]), similarity[:, k - 1], floor)
        floor = np.maximum(floor, cut)
    return Pooled(
        first,
        samples[:, :k],
        similarity[:, :k],
        copies[:, :k],
        np.maximum(floor, LOWEST),
        first.n_samples,
        second.n_samples,
    )


def _alike(people: Rows, rows: NDArray[np.intp]) -> Alike:
    """Those most alike of these rows, numbered within them. All have as many, as `most_alike` gives."""
    at = np.full(len(people), -1, dtype=np.intp)
    at[rows] = np.arange(len(rows))
    k = min((len(people.alike[row]) for row in rows), default=0)
    near = np.array([at[people.alike[row][:k]] for row in rows], dtype=np.intp).reshape(len(rows), k)
    return Alike(near, people.closeness[rows])
