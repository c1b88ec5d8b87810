"""What a guard's file holds: the people who are kept out, and the strangers on whom its threshold was set."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from probablyexists.basis.errors import InputError
from probablyexists.basis.text import shown
from probablyexists.stats.estimate import Estimate, Figure


@dataclass(frozen=True)
class Members:
    """The people who are kept out, and their photos as the copy check needs them."""

    names: tuple[str, ...]
    """Pseudonyms, or what the user called them."""
    embeddings: NDArray[np.float32]
    """(photos, dim), unit length."""
    pictures: NDArray[np.uint8]
    """(photos, 2, 48, 48) grey: chip and frame."""
    owner: NDArray[np.int32]
    """(photos,) number of each photo's person; -1 for a photo of nobody known, which is only protected from copying."""
    prints: NDArray[np.uint8]
    """(photos, 8) fingerprint of each photo, as audits show it."""
    copy_from: NDArray[np.float32]
    """(photos,) correlation from which a picture is a copy of this photo."""

    @cached_property
    def templates(self) -> NDArray[np.float32]:
        """(n, dim) means of each person's embeddings, of unit length."""
        known = self.owner >= 0
        sums = np.zeros((len(self.names), self.embeddings.shape[1]))
        np.add.at(sums, self.owner[known], self.embeddings[known])
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), dtype=np.float32)

    @property
    def n_photos(self) -> NDArray[np.intp]:
        """(n,) photos of each person."""
        return np.bincount(self.owner[self.owner >= 0], minlength=len(self.names)).astype(np.intp)

    def photo(self, row: int) -> str:
        """What a photo is called: its fingerprint."""
        return f"photo:{self.prints[row].tobytes().hex()}"

    def called(self, name: str) -> tuple[str, ...]:
        """Who is called so, or so alike that readers take it for the same name (`read_as`)."""
        return (name,) if name in self.names else tuple(one for one in self.names if read_as(one) == read_as(name))

    def number(self, name: str) -> int:
        """The number of a person by name, in any case and form of Unicode. InputError if nobody is called so, or
        several are."""
        found = self.called(name)
        if not found:
            raise InputError(f"{shown(name)}: nobody in this guard is called so; see who is: probablyexists guard show")
        if len(found) > 1:
            raise InputError(f"{shown(name)}: may be {' or '.join(map(ascii, found))}; give one as it is written here")
        return self.names.index(found[0])

    def at(self, rows: NDArray[np.intp], names: tuple[str, ...], owner: NDArray[np.int32]) -> Members:
        """These rows of the photos, of people with these names; `owner`: (photos,) their numbers among them."""
        return Members(
            names, self.embeddings[rows], self.pictures[rows], owner[rows], self.prints[rows], self.copy_from[rows]
        )

    def only(self, number: int) -> Members:
        """One of these people, alone; -1: photos of nobody known."""
        rows = np.flatnonzero(self.owner == number)
        names = self.names[number : number + 1] if number >= 0 else ()
        return self.at(rows, names, np.where(self.owner < 0, -1, 0).astype(np.int32))

    def and_(self, more: Members) -> Members:
        """These people followed by others."""
        owner = np.where(more.owner < 0, -1, more.owner + len(self.names)).astype(np.int32)
        return Members(
            self.names + more.names,
            np.concatenate([self.embeddings, more.embeddings]),
            np.concatenate([self.pictures, more.pictures]),
            np.concatenate([self.owner, owner]),
            np.concatenate([self.prints, more.prints]),
            np.concatenate([self.copy_from, more.copy_from]),
        )


@dataclass(frozen=True)
class Strangers:
    """Held-out people: their pictures' embeddings, so that the threshold can be set again for other members."""

    embeddings: NDArray[np.float32]
    """(pictures, dim), unit length."""
    whose: NDArray[np.int32]
    """(pictures,) number of each picture's person."""
    copied: NDArray[np.int32]
    """(pictures,) row of the member's photo that each is taken for a copy of; -1 for none."""
    photos: NDArray[np.uint8]
    """(pictures, 8) fingerprint of each picture."""
    prints: NDArray[np.uint8]
    """(people, 32) fingerprints, by which a later audit knows that they took part."""

    def without(self, people: NDArray[np.intp]) -> Strangers:
        """Without these people."""
        kept = ~np.isin(np.arange(len(self.prints)), people)
        rows = kept[self.whose]
        whose = (np.cumsum(kept) - 1)[self.whose[rows]].astype(np.int32)
        return Strangers(self.embeddings[rows], whose, self.copied[rows], self.photos[rows], self.prints[kept])


def read_as(name: str) -> str:
    """The name without what readers do not tell apart: case, spaces, forms of Unicode, characters that are not seen.

    >>> read_as("Jose\N{COMBINING ACUTE ACCENT}  M") == read_as("jos\N{LATIN SMALL LETTER E WITH ACUTE} m")
    True
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(one for one in plain if unicodedata.category(one) != "Cf").split())


class About(BaseModel):
    """How the guard was made, and what it promises."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: Literal[1] = 1
    made_by: str = Field(max_length=100)
    recogniser: str | None = Field(max_length=1000)
    """Its name, where it has one; None for an object."""
    recogniser_id: str = Field(max_length=1000)
    feed: str | None = Field(max_length=100)
    faces: Literal["auto", "detect", "aligned"]
    salt: str = Field(pattern="^[0-9a-f]{64}$")
    """What pseudonyms and fingerprints are made with."""
    half: bool
    """Whether half of the held-out people were left for verdicts."""
    rate: float = Field(gt=0.0, lt=1.0)
    """Share of strangers' pictures that may be refused on average over draws of held-out people, as asked for."""
    threshold: float | None = None
    """The score above which a picture is refused; None without members."""
    refused: Estimate | None = None
    """Share of strangers' pictures that are refused: expected over draws of held-out people; the interval is for
    these."""
    missed: Figure | None = None
    """Share of members' other photos that are let through; None where this was not measured."""
    missed_on: Literal["unseen photos", "each photo left out"] | None = None


@dataclass(frozen=True)
class Content:
    """All of a guard's file."""

    about: About
    members: Members
    strangers: Strangers

    def with_about(self, **changed: object) -> Content:
        """The same with other figures."""
        return replace(self, about=self.about.model_copy(update=changed))


def check_content(content: Content) -> None:
    """ValueError, in a few words, if the parts do not belong together or hold what no guard writes."""
    members, strangers = content.members, content.strangers
    n, photos, people = len(members.names), len(members.pictures), len(strangers.prints)
    if members.embeddings.shape != (photos, strangers.embeddings.shape[1]) or len(set(members.names)) != n:
        raise ValueError("people and embeddings do not match")
    if not len(members.owner) == len(members.prints) == len(members.copy_from) == photos:
        raise ValueError("photos do not match")
    if not len(strangers.embeddings) == len(strangers.whose) == len(strangers.copied) == len(strangers.photos):
        raise ValueError("held-out pictures do not match")
    for numbers, low, below in ((members.owner, -1, n), (strangers.whose, 0, people), (strangers.copied, -1, photos)):
        if numbers.size and not low <= numbers.min() <= numbers.max() < below:
            raise ValueError("a number is out of range")
    if not members.n_photos.all():
        raise ValueError("a person has no photo")
    for vectors in (members.embeddings, strangers.embeddings):
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
            raise ValueError("vectors are not of unit length")
    if not np.isfinite(members.copy_from).all() or (n > 0) != (content.about.threshold is not None):
        raise ValueError("a threshold is missing")
