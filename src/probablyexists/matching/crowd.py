"""A crowd: the acquired photos of one role, by person, and the views of it that an attack gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.memory import joined
from probablyexists.embeddings.embed import Embedded
from probablyexists.matching.templates import People, templates


@dataclass(frozen=True)
class Photos:
    """Photos or samples, one row each."""

    embeddings: NDArray[np.float32]
    """(n, dim), unit length."""
    pictures: NDArray[np.uint8]
    """(n, 48, 48) grey aligned chips."""

    def __len__(self) -> int:
        return len(self.embeddings)

    def and_(self, others: Photos) -> Photos:
        """These photos followed by the others."""
        return Photos(joined(self.embeddings, others.embeddings), joined(self.pictures, others.pictures))


@dataclass(frozen=True)
class Reference(Photos):
    """Photos of other people: not members, not held out, not the person asked about."""

    people: NDArray[np.intp]
    """(n,) number of the person each photo shows."""


@dataclass(frozen=True)
class Faces:
    """The people to score: the same number k of photos each. A single photo is a person with k = 1."""

    embeddings: NDArray[np.float32]
    """(n, k, dim), unit length."""
    pictures: NDArray[np.uint8]
    """(n, k, 48, 48) grey aligned chips."""

    def __len__(self) -> int:
        return len(self.embeddings)

    def take(self, rows: NDArray[np.intp]) -> Faces:
        """Only these people."""
        return Faces(self.embeddings[rows], self.pictures[rows])

    @property
    def templates(self) -> NDArray[np.float32]:
        """(n, dim) mean embeddings, of unit length."""
        means = self.embeddings.mean(axis=1)
        unit = means / np.linalg.norm(means, axis=1, keepdims=True)
        return np.asarray(unit, dtype=np.float32)

    @property
    def one_by_one(self) -> Photos:
        """The n * k photos, person after person."""
        n, k = self.embeddings.shape[:2]
        return Photos(self.embeddings.reshape(n * k, -1), self.pictures.reshape(n * k, *self.pictures.shape[2:]))


@dataclass(frozen=True)
class Crowd:
    """One role's people with their photos."""

    table: Embedded
    people: People

    def faces(self, photos: int, skip: int = 0) -> tuple[Faces, NDArray[np.intp]]:
        """`photos` photos, after the first `skip`, of all people who have enough; and the numbers of those people."""
        who = np.flatnonzero(self.people.counts >= skip + photos)
        rows = [self.people.rows[i][skip : skip + photos] for i in who]
        return self._of(np.array(rows, dtype=np.intp).reshape(len(who), photos)), who

    def photos(self) -> tuple[Faces, NDArray[np.intp]]:
        """Every photo by itself, person after person; and the number of its person."""
        whose = np.repeat(np.arange(len(self.people)), self.people.counts)
        return self._of(np.concatenate(self.people.rows)[:, None]), whose

    def some(self, people: NDArray[np.intp]) -> Crowd:
        """Only these people; the table keeps all photos."""
        chosen = People(tuple(self.people.names[i] for i in people), tuple(self.people.rows[i] for i in people))
        return Crowd(self.table, chosen)

    def reference(self, people: NDArray[np.intp] | None = None) -> Reference:
        """All photos of these people (None: everybody), as training data for an attack."""
        people = np.arange(len(self.people)) if people is None else people
        rows = np.concatenate([self.people.rows[i] for i in people])
        whose = np.repeat(people, self.people.counts[people])
        return Reference(self.table.embeddings[rows], self.table.pictures[rows, 0], whose)

    def _of(self, rows: NDArray[np.intp]) -> Faces:
        return Faces(self.table.embeddings[rows], self.table.pictures[rows, 0])

    def templates(self, photos: int, skip: int = 0) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Templates of `photos` photos, after the first `skip`, and the numbers of the people who have enough."""
        return templates(self.table.embeddings, self.people, photos, skip)

    def probes(self, who: NDArray[np.intp]) -> Photos:
        """The first photo of each of these people: `faces(..., skip=1)` never contain it."""
        rows = np.array([self.people.rows[i][0] for i in who], dtype=np.intp)
        return Photos(self.table.embeddings[rows], self.table.pictures[rows, 0])


def photos_of(table: Embedded) -> Photos:
    """A table of samples (or photos) as an attack sees it."""
    return Photos(table.embeddings, table.pictures[:, 0])


def common_count(*counts: NDArray[np.intp]) -> int:
    """Largest number of photos that at least 80 % of the people on every side have; at least 1."""
    return max(1, min(int(np.quantile(c, 0.2, method="lower")) for c in counts if c.size))
