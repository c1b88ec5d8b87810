"""An audit opened to be looked at: its findings, who is nearest to each sample, and the pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from probablyexists.basis.roles import Role
from probablyexists.basis.seeds import rng
from probablyexists.report.copy_certainty import SureCopies, sure_copies
from probablyexists.results.findings import Findings
from probablyexists.results.looking_files import read_looking
from probablyexists.results.scale import LikenessScale
from probablyexists.showing.small_pictures import Pictures

ORDERS = {"random": "At random", "likeness": "Most alike first", "copies": "Copies", "repeated": "Repeated"}
"""In which samples are gone through -> what it is called; repeated: pictures that several samples show."""


@dataclass(frozen=True)
class Opened:
    """An audit's folder, read once; samples and people are numbered by their rows."""

    folder: Path
    findings: Findings
    nearest: NDArray[np.int32]
    """(n_samples,) row of the person nearest to each sample; -1 where no face was found."""
    similarity: NDArray[np.float32]
    """(n_samples,) cosine with that person; NaN where no face was found."""
    picture: NDArray[np.int32]
    """(n_samples,) the sample that stands for the same picture; -1 where no face was found."""
    photo: pa.ChunkedArray
    """Of each copy, which training photo of its person it reproduces; null for others."""
    paths: pa.ChunkedArray
    """Of each sample, where its path differs from its name."""
    scale: LikenessScale
    photos: Mapping[str, Mapping[Role, tuple[str, ...]]]
    """Person -> role -> paths of their photos, in the order in which photos are compared."""
    pictures: Pictures

    @cached_property
    def people(self) -> list[dict[str, Any]]:
        """The rows of everybody, the most exposed first."""
        return list(self.findings.people.to_pylist())

    @cached_property
    def sure(self) -> SureCopies:
        """Which copies are certain, and whose they are."""
        return sure_copies(self.findings)

    @property
    def n_samples(self) -> int:
        return int(self.findings.samples.num_rows)

    @cached_property
    def kind(self) -> NDArray[np.int8]:
        """(n_samples,) 0 none, 1 likeness, 2 copy."""
        kinds = self.findings.samples["kind"]
        return np.asarray(pc.index_in(kinds, value_set=pa.array(["none", "likeness", "copy"])).to_numpy(), np.int8)

    @cached_property
    def times(self) -> NDArray[np.int32]:
        """(n_samples,) how many samples show the picture that this one stands for; 0 where another stands for it."""
        return np.bincount(self.picture[self.picture >= 0], minlength=self.n_samples).astype(np.int32)

    @cached_property
    def _random(self) -> NDArray[np.int32]:
        """Rows of the samples with a face; of samples that show the same picture one, and every copy and likeness."""
        rows = np.flatnonzero((self.times > 0) | (self.kind > 0)).astype(np.int32)
        return np.asarray(rng(0, "show").permutation(rows))

    @cached_property
    def _alike(self) -> NDArray[np.int32]:
        """The same rows, copies first, then likenesses, each the most alike first."""
        rows = np.sort(self._random)
        return rows[np.lexsort((-self.similarity[rows], -self.kind[rows]))]

    @cached_property
    def _repeated(self) -> NDArray[np.int32]:
        """Rows that stand for several samples, the most frequent first."""
        rows = np.flatnonzero(self.times > 1).astype(np.int32)
        return rows[np.argsort(-self.times[rows], kind="stable")]

    def in_order(self, order: str) -> NDArray[np.int32]:
        """Rows of the samples, in one of `ORDERS`."""
        if order == "random":
            return self._random
        if order == "repeated":
            return self._repeated
        copies = self._alike[self.kind[self._alike] == 2]
        return copies if order == "copies" else self._alike[len(copies) :]

    def of_person(self, person: int) -> NDArray[np.int32]:
        """Rows of the samples that are nearest to this person, copies and likenesses first, then the most alike."""
        rows = np.flatnonzero(self.nearest == person).astype(np.int32)
        return rows[np.lexsort((-self.similarity[rows], -self.kind[rows]))]

    def sample(self, row: int) -> dict[str, Any]:
        """The row of one sample."""
        return dict(self.findings.samples.slice(row, 1).to_pylist()[0])

    def row_of(self, name: str) -> int | None:
        """The row of the sample of this name; None if there is none."""
        row = pc.index(self.findings.samples["sample"], name).as_py()
        return None if row < 0 else int(row)

    def sample_path(self, row: int) -> str:
        """Where the sample is in its source."""
        path = self.paths[row].as_py()
        return str(self.findings.samples["sample"][row].as_py()) if path is None else os.fsdecode(path)

    def photo_paths(self, person: str, role: Role = "training") -> tuple[str, ...]:
        """Paths of a person's photos; empty if there are none."""
        return self.photos.get(person, {}).get(role, ())


def open_audit(folder: Path, findings: Findings, pictures: Pictures) -> Opened:
    """The findings with what `show` needs beside them. InputError if that is missing, or of another audit."""
    nearest, photos, scale = read_looking(folder, findings)
    person, picture = (
        np.asarray(pc.fill_null(nearest[name], -1).to_numpy(), dtype=np.int32) for name in ("person", "picture")
    )
    alike = np.asarray(pc.fill_null(nearest["similarity"], float("nan")).to_numpy(), dtype=np.float32)
    pa.default_memory_pool().release_unused()  # what reading took beside what is kept
    columns = person, alike, picture, nearest["photo"], nearest["path"]
    return Opened(folder, findings, *columns, scale, _by_person(photos), pictures)


def _by_person(photos: pa.Table) -> dict[str, dict[Role, tuple[str, ...]]]:
    found: dict[str, dict[Role, list[str]]] = {}
    columns = (photos[name].to_pylist() for name in ("person", "role", "path"))
    for person, role, path in zip(*columns, strict=True):
        found.setdefault(person, {}).setdefault(role, []).append(os.fsdecode(path))
    return {person: {role: tuple(paths) for role, paths in roles.items()} for person, roles in found.items()}
