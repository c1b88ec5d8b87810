"""The evidence sheet about one person: what `ask` returns."""

from __future__ import annotations

from typing import Literal

from probablyexists.results.findings import Frozen, RoleData, Signature
from probablyexists.stats.estimate import Figure

Evidence = Literal["copy", "evidence", "no evidence"]
Chosen = Literal["only face", "most prominent", "shared", "one of several shared"]


class NearSample(Frozen):
    """A generated sample and how alike it is."""

    sample: str
    """Path in the source of the samples, or its number (`sample-000001`) where paths may carry names."""
    similarity: float
    """Cosine with the person's template, -1 to 1."""
    p: float
    """Share of reference people, this person among them, whose own nearest sample is at least as alike to them."""
    n_as_alike: int
    """Reference people whose own nearest sample is at least as alike to them."""


class Scale(Frozen):
    """What a cosine means here: measured on the reference people, on as many photos as the person was compared on.

    Cosines between faces are high for strangers too: 0.93 is not "93 % alike".
    """

    strangers: float
    """Median cosine of a reference person with a photo of another one, -1 to 1."""
    others: float
    """Median cosine of a reference person with their own nearest sample, -1 to 1."""
    others_highest: float
    """Cosine that 1 in 100 reference people reach with their own nearest sample; with fewer than 100, the highest."""
    same_person: float | None
    """Median cosine of a reference person with a further photo of the same person, -1 to 1; null where fewer than 20
    have a photo to spare."""
    own_photos: float | None
    """Median cosine of each photo of the person asked about with their other photos, -1 to 1; null with one photo."""


class CopiedPhoto(Frozen):
    """A generated sample that reproduces one of the photos asked about."""

    sample: str
    """Path in the source of the samples, or its number (`sample-000001`) where paths may carry names."""
    photo: str
    """Path of the photo that it reproduces."""
    correlation: float
    """Pixel correlation of the two, -1 to 1."""


class AskedPhoto(Frozen):
    """A photo that was given, and what became of it."""

    photo: str
    """Path of the photo, as it was given."""
    reason: str | None
    """Why it could not be used; null if it was."""
    n_faces: int | None
    """Faces that the detector saw; null if the photo was not used, or taken as a face crop."""
    face: tuple[float, float, float, float] | None
    """The face that was taken: left, top, width and height, as shares of the picture's; null as for `n_faces`."""
    chosen: Chosen | None
    """Why this face: there is only one, it is the most prominent, or it is the one most similar to the faces in the
    other photos (of several, if the photos share more than one face); null as for `n_faces`."""


class Sheet(Frozen):
    """One person against one generator."""

    version: Literal[5] = 5
    """Version of this format."""
    evidence: Evidence
    """A copy of a photo, evidence by likeness, or no evidence."""
    sentence: str
    """The finding in one sentence."""
    cautions: list[str]
    """What limits the finding."""
    photos_given: int
    """Photos of the person that were given."""
    photos_used: int
    """Photos of the person in which a face was acquired."""
    photos: list[AskedPhoto]
    """Each photo that was given."""
    compared_on: int
    """Photos in the template, of this person and of each reference person."""
    n_samples: int
    """Samples that were compared."""
    n_distinct: int
    """Distinct pictures among them: near-identical ones are one."""
    with_face: Figure
    """Share of the samples in which the detector sees a face, 0 to 1."""
    unseen_rate: float
    """What appears less often than this, per sample, can be missing from so many distinct samples, with probability 5 %
    or more: about 3 / n_distinct."""
    n_reference: int
    """Reference people compared on as many photos."""
    rank: int
    """Place of the person among n_reference + 1 people, 1 is the most exposed; of a shared place, the first."""
    n_tied: int
    """Reference people who share the place."""
    similarity: float
    """Cosine with the nearest sample that is no copy, -1 to 1. The scale says what that means."""
    scale: Scale
    """Cosines from strangers to the same person, measured here."""
    exposure: float
    """The same in standard deviations above the mean of the reference people."""
    p: float
    """Conformal p-value among the reference people, above 0 to 1; lower is more exposed."""
    p_floor: float
    """Smallest p-value possible: 1 / (n_reference + 1)."""
    level: float
    """Largest p-value that counts as evidence."""
    n_look_alikes: int
    """Reference people who look most like the person: a tenth of all, at least 20."""
    p_of_look_alikes: float
    """The p-value among them only. If p is small and this is not, p may come from a kind that few others share."""
    owner_split: bool
    """Whether the generator's owner drew the reference people at random before training."""
    of_audit: bool = False
    """Whether the reference people are the held-out people of an audit, on whose page was asked."""
    power: Figure
    """Share of reference people who would have had p <= level, had another photo of theirs been generated."""
    nearest: list[NearSample]
    """The nearest samples, best first; without copies, if those are beyond chance."""
    copies: list[CopiedPhoto]
    """The copies, best first; at most 20."""
    n_copies: int
    """Samples that reproduce a photo of this person, or seem to."""
    n_certain_copies: int
    """Of these, samples with a pixel correlation of 0.95 or more, which only the same photograph reaches. The others
    are probable copies, if there are more than chance explains."""
    n_distinct_copies: int
    """Distinct pictures among the copies."""
    copies_p: float | None
    """Conformal p-value of the most alike pair of photo and sample among the reference people; null without copies, and
    if one is so alike that only the same photograph is."""
    copies_beyond_chance: bool
    """Whether there is such a copy, or copies_p is 0.01 or less. If not, copies are a caution, not a finding."""
    samples_numbered: bool
    """Whether samples are called by their place in the sorted list of their paths, as the paths may carry names."""
    roles: list[RoleData]
    """What was given and what became of it."""
    signature: Signature
    """Versions, settings, data and date."""

    def __repr__(self) -> str:
        return (
            f"Sheet({self.evidence}: p = {self.p:.2g} among {self.n_reference:,} reference people, "
            f"{self.n_copies:,} copies in {self.n_samples:,} samples)"
        )

    __str__ = __repr__
