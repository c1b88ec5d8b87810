"""Who is trained on, with how many photos, and who is held out: drawn by person, from a seed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import written_whole
from probablyexists.basis.seeds import rng
from probablyexists.lab.sets import Crop

Treatment = Literal["nothing", "remove", "cap", "deduplicate"]


class Design(BaseModel):
    """How people are divided into members and held-out people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: int = Field(ge=2)
    """Members, |Y_G|."""
    photos: int | Literal["all"] = 10
    """Training photos of a member; `all`: as many as there are, less the unseen ones."""
    unseen: int = Field(default=4, ge=0)
    """Photos of each member that are not trained on. With `all` photos: at most half of a member's photos."""
    dose: tuple[int, ...] = ()
    """Numbers of training photos, assigned to the members at random, equally often; instead of `photos`."""
    most: int | None = None
    """One member, drawn at random, gets this many training photos: the over-represented person."""
    near: int = Field(default=0, ge=0)
    """Near-identical pictures of each photo of the over-represented person that are trained on beside it."""
    treat: Treatment = "nothing"
    """What is done to the training photos before training: the over-represented person is removed, everybody is capped
    at `cap` photos, or of near-identical pictures one is left. The audit's training photos are those before it."""
    cap: int = Field(default=2, ge=1)
    people_seed: int | None = None
    """Of the draw of people, photos and near-identical pictures; None: the run's seed."""
    include: tuple[str, ...] = ()
    """People who must be members."""
    heldout_photos: int = Field(default=12, ge=1)
    """Most photos of a held-out person; the audit compares people on the same number of photos."""
    heldout: Literal["alike", "everybody"] = "alike"
    """`alike`: people with as many photos as a member needs, so that both sides are drawn from one population;
    `everybody`: all other people of the set."""
    truth: Literal["members", "strangers"] = "members"
    """`strangers`: the generator is trained on other people than the audit's members; nothing it finds is true."""

    @property
    def fewest_photos(self) -> int:
        """Photos that somebody must have to get a role; who has fewer is neither a member nor held out."""
        return 1 if self.heldout == "everybody" else self.member_photos

    @property
    def member_photos(self) -> int:
        """Photos that somebody must have to be drawn as a member, with the largest number of training photos."""
        if self.photos == "all" and not self.dose:
            return 1
        largest = max(self.dose) if self.dose else int(self.photos)
        return max(largest, self.most or 0) + self.unseen

    def seed_of_people(self, seed: int) -> int:
        """Of the draw of people and photos, in a run with this seed."""
        return seed if self.people_seed is None else self.people_seed


@dataclass(frozen=True)
class Split:
    """The photos of every role."""

    trained: tuple[Crop, ...]
    """What the generator is trained on."""
    training: tuple[Crop, ...]
    """What the audit takes as the training set: `trained`, except with `strangers`."""
    unseen: tuple[Crop, ...]
    heldout: tuple[Crop, ...]
    controls: frozenset[str]
    """Held-out people with as many photos as a member needs; with `alike` all of them."""
    most: str | None
    """The over-represented person."""

    def write(self, path: Path) -> None:
        """Write a manifest for the audit: path, person, role."""
        with written_whole(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "person", "role"])
            for role, chosen in (("training", self.training), ("unseen", self.unseen), ("heldout", self.heldout)):
                writer.writerows([crop.path.resolve().as_posix(), crop.person, role] for crop in chosen)


def split(crops: Sequence[Crop], design: Design, seed: int) -> Split:
    """Draw the roles, from the design's own seed if it has one.

    The order of `crops` changes nothing, nor do the photos of those who have too few.

    Members are drawn from everybody with enough photos for any role in the design, so that members do not have more
    photos than others of them. Raises InputError when the set has too few such people.
    """
    seed = design.seed_of_people(seed)
    photos = _by_person(crops, seed)
    needed = design.member_photos
    able = sorted(person for person, own in photos.items() if len(own) >= needed)
    if missing := sorted(set(design.include) - set(able)):
        raise InputError(f"design: {', '.join(missing)} must be members and lack the {needed} photos which that needs")
    sides = 2 if design.truth == "strangers" else 1
    if len(able) < sides * design.people + 1:
        raise InputError(
            f"design: needs {sides * design.people} people and some held-out ones with at least {needed} photos, "
            f"the set has {len(able)}; ask for fewer people or photos"
        )
    order = [able[i] for i in rng(seed, "lab", "people").permutation(len(able)) if able[i] not in design.include]
    members = [*design.include, *order][: design.people]
    rest = order[design.people - len(design.include) :]
    counts, most = _counts(members, photos, design, seed)
    trained_on = members
    if design.truth == "strangers":
        trained_on, rest = rest[: design.people], rest[design.people :]
    others = rest if design.heldout == "alike" else sorted(set(photos) - set(members) - set(trained_on))
    training = [crop for person, n in zip(members, counts, strict=True) for crop in photos[person][:n]]
    trained = [crop for person, n in zip(trained_on, counts, strict=True) for crop in photos[person][:n]]
    unseen = [crop for person, n in zip(members, counts, strict=True) for crop in photos[person][n : n + design.unseen]]
    heldout = [crop for person in sorted(others) for crop in photos[person][: design.heldout_photos]]
    return Split(tuple(trained), tuple(training), tuple(unseen), tuple(heldout), frozenset(rest), most)


def _by_person(crops: Sequence[Crop], seed: int) -> dict[str, list[Crop]]:
    """Each person's photos in an order drawn for that person alone; of equal crops one is kept."""
    photos: dict[str, dict[Path, Crop]] = {}
    for crop in sorted(crops):
        photos.setdefault(crop.person, {}).setdefault(crop.path, crop)
    kept = {person: list(own.values()) for person, own in photos.items()}
    return {who: [own[i] for i in rng(seed, "lab", "photos", who).permutation(len(own))] for who, own in kept.items()}


def _counts(
    members: Sequence[str], photos: dict[str, list[Crop]], design: Design, seed: int
) -> tuple[list[int], str | None]:
    """Training photos of each member, and the name of the over-represented one."""
    if design.dose:
        doses = [design.dose[i % len(design.dose)] for i in range(len(members))]
        counts = [doses[i] for i in rng(seed, "lab", "dose").permutation(len(members))]
    elif design.photos == "all":
        counts = [len(photos[person]) - min(design.unseen, len(photos[person]) // 2) for person in members]
    else:
        counts = [int(design.photos)] * len(members)
    if design.most is not None:
        counts[rng(seed, "lab", "most").integers(len(members))] = design.most
    top = int(np.argmax(counts))
    return counts, members[top] if counts.count(counts[top]) == 1 else None
