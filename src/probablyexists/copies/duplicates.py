"""The same image in two roles: set aside from both, counted and listed; too many are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from probablyexists.basis.errors import InputError, option
from probablyexists.basis.roles import Role
from probablyexists.copies.search import SAME_PICTURE, find_all
from probablyexists.embeddings.embed import Embedded

MOST = 0.05
"""Share of a role that may be set aside as duplicates; beyond it the roles are not what they are said to be."""


@dataclass(frozen=True)
class SamePicture:
    """One image found in two roles."""

    roles: tuple[Role, Role]
    rows: tuple[int, int]
    correlation: float
    """Pixel correlation; 1.0 for the same bytes."""


def same_pictures(roles: Mapping[Role, Embedded], threads: int | None = None) -> list[SamePicture]:
    """All pairs of photos in two roles that are the same picture (re-encoded, mirrored, slightly cropped)."""
    pairs = []
    for (a, one), (b, other) in combinations(roles.items(), 2):
        smaller, larger = (one, other) if len(one) <= len(other) else (other, one)
        found = find_all(smaller.pictures, larger.pictures, SAME_PICTURE, threads)
        where: dict[bytes, list[int]] = {}
        for j, key in enumerate(larger.sha256):
            where.setdefault(key, []).append(j)
        found |= {(i, j): 1.0 for i, key in enumerate(smaller.sha256) for j in where.get(key, [])}
        for (i, j), correlation in found.items():
            pairs.append(SamePicture((a, b), (i, j) if smaller is one else (j, i), correlation))
    return sorted(pairs, key=lambda pair: (pair.roles, pair.rows))


def without(roles: Mapping[Role, Embedded], pairs: list[SamePicture]) -> dict[Role, Embedded]:
    """The roles without the photos that are in two roles.

    Raises InputError if these are more than 5 % of a role.
    """
    left: dict[Role, Embedded] = {}
    for role, table in roles.items():
        out = {row for pair in pairs for name, row in zip(pair.roles, pair.rows, strict=True) if name == role}
        if len(out) > MOST * len(table):
            others = sorted({name for pair in pairs if role in pair.roles for name in pair.roles} - {role})
            raise InputError(
                f"{option(role)}: {len(out)} of {len(table)} photos are in {' and '.join(map(option, others))} too "
                "(over 5 %); keep each photo in one role, for example with 'probablyexists split'"
            )
        left[role] = table.take(np.array([i for i in range(len(table)) if i not in out], dtype=np.intp))
    return left
