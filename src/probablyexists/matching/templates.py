"""People and their templates: the mean of a person's embeddings, from the same number of photos for everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.embeddings.embed import Embedded


@dataclass(frozen=True)
class People:
    """The people of one role, and the rows of their photos in the table."""

    names: tuple[str, ...]
    """Sorted."""
    rows: tuple[NDArray[np.intp], ...]
    """Rows of each person's photos, in an order drawn from the seed and the photos' content, not from file names."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def counts(self) -> NDArray[np.intp]:
        """(n_people,) number of photos of each person."""
        return np.array([len(r) for r in self.rows], dtype=np.intp)

    @property
    def owner(self) -> dict[int, int]:
        """Row of the table -> number of its person."""
        return {int(row): i for i, rows in enumerate(self.rows) for row in rows}


def group(table: Embedded, person_of: Mapping[int, str] | None = None, seed: int = 0) -> People:
    """Group a table's rows by person (`person_of`: row -> name; default: the photo's own); others are left out."""
    rows: dict[str, list[int]] = {}
    for i, photo in enumerate(table.photos):
        name = person_of.get(i) if person_of is not None else photo.person
        if name is not None:
            rows.setdefault(name, []).append(i)
    names = tuple(sorted(rows))
    return People(names, tuple(_shuffled(rows[name], table.sha256, seed) for name in names))


def _shuffled(rows: Sequence[int], sha256: Sequence[bytes], seed: int) -> NDArray[np.intp]:
    salt = str(seed).encode()
    return np.array(sorted(rows, key=lambda i: (hashlib.sha256(salt + sha256[i]).digest(), i)), dtype=np.intp)


def templates(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, photos, dim) embeddings -> (n, dim) their means over the photos, of unit length."""
    means = embeddings.mean(axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)
