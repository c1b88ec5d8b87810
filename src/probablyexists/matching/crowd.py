"""A crowd: the acquired photos of one role with their people; and the parts of it that an attack gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
    made: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]
    """The pictures, or what makes them when an attack asks for them: few do, and of a million they have 2.3 GB."""

    def __len__(self) -> int:
        return len(self.embeddings)

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        """(n, 48, 48) grey aligned chips."""
        return self.made() if callable(self.made) else self.made

    def take(self, rows: NDArray[np.intp]) -> Photos:
        """Only these."""
        return Photos(self.embeddings[rows], lambda: self.pictures[rows])

    def and_(self, others: Photos) -> Photos:
        """These photos followed by the others."""
        return _Joined(self, others)

    @property
    def parts(self) -> tuple[Photos, ...]:
        """What these photos were joined from, for an attack that needs no copy of all in one array."""
        return (self,)


class _Joined(Photos):
    """Photos followed by others; an array of both is made when it is asked for."""

    _parts: tuple[Photos, Photos]

    def __init__(self, one: Photos, other: Photos) -> None:
        object.__setattr__(self, "_parts", (one, other))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def parts(self) -> tuple[Photos, ...]:
        return self._parts

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        return joined(*(part.embeddings for part in self.parts))

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        return joined(*(part.pictures for part in self.parts))


@dataclass(frozen=True)
class Reference(Photos):
    """Photos of reference people: neither members, nor held out, nor asked about."""

    people: NDArray[np.intp]
    """(n,) number of each photo's person."""


@dataclass(frozen=True)
class Faces:
    """n people to be scored, with k photos each; single photos are people with one."""

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
        return templates(self.embeddings)

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
        """(`photos` photos of each person who has them, after the first `skip`; the numbers of these people)."""
        rows, who = self._rows(photos, skip)
        return self._of(rows), who

    def photos(self) -> tuple[Faces, NDArray[np.intp]]:
        """(every photo by itself, person after person; the number of each photo's person)."""
        whose = np.repeat(np.arange(len(self.people)), self.people.counts)
        return self._of(np.concatenate(self.people.rows)[:, None]), whose

    def some(self, people: NDArray[np.intp]) -> Crowd:
        """The crowd of only these people; the table keeps all photos."""
        chosen = People(tuple(self.people.names[i] for i in people), tuple(self.people.rows[i] for i in people))
        return Crowd(self.table, chosen)

    def alone(self, people: NDArray[np.intp]) -> Crowd:
        """The crowd of only these people, and a table of only their photos."""
        rows = np.sort(np.concatenate([np.empty(0, np.intp), *(self.people.rows[i] for i in people)])).astype(np.intp)
        place = {int(row): i for i, row in enumerate(rows)}
        theirs = tuple(np.array([place[int(row)] for row in self.people.rows[i]], dtype=np.intp) for i in people)
        return Crowd(self.table.take(rows), People(tuple(self.people.names[i] for i in people), theirs))

    def reference(self, people: NDArray[np.intp] | None = None) -> Reference:
        """All photos of these people (None: all people), for an attack to learn from."""
        people = np.arange(len(self.people)) if people is None else people
        rows = np.concatenate([self.people.rows[i] for i in people])
        whose = np.repeat(people, self.people.counts[people])
        return Reference(self.table.embeddings[rows], self.table.pictures[rows, 0], whose)

    def _rows(self, photos: int, skip: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        who = np.flatnonzero(self.people.counts >= skip + photos)
        rows = [self.people.rows[i][skip : skip + photos] for i in who]
        return np.array(rows, dtype=np.intp).reshape(len(who), photos), who

    def _of(self, rows: NDArray[np.intp]) -> Faces:
        return Faces(self.table.embeddings[rows], self.table.pictures[rows, 0])

    def templates(self, photos: int, skip: int = 0) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """((n, dim) templates from `photos` photos of each person who has them, after the first `skip`; their numbers).

        `skip=1` keeps the photos of `probes` out of the templates.
        """
        rows, who = self._rows(photos, skip)
        return templates(self.table.embeddings[rows]), who

    def probes(self, who: NDArray[np.intp]) -> Photos:
        """The first photo of each of these people, which `faces(..., skip=1)` never contains."""
        rows = np.array([self.people.rows[i][0] for i in who], dtype=np.intp)
        return Photos(self.table.embeddings[rows], self.table.pictures[rows, 0])


def photos_of(table: Embedded) -> Photos:
    """The photos of a table in the form that an attack gets; used for samples. The embeddings cannot be written."""
    embeddings = table.embeddings.view()
    embeddings.flags.writeable = False
    return Photos(embeddings, lambda: table.each_picture[:, 0].whole)


def common_count(*counts: NDArray[np.intp]) -> int:
    """Largest number of photos, at least 1, that at least 80 % of the people on every side have."""
    return max(1, min(int(np.quantile(c, 0.2, method="lower")) for c in counts if c.size))
