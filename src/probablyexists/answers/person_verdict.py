"""Rules for the evidence about one person, fixed before any data is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.set_aside import Losses
from probablyexists.results.sheet import AskedPhoto, Evidence
from probablyexists.stats.estimate import Figure, Unresolvable

WEAK = 0.5
"""Power below which finding nothing about one person says little."""
MOST_LISTED = 5
"""Unusable photos listed in a caution; the sheet lists all."""


@dataclass(frozen=True)
class PersonJudgement:
    """What the sheet about one person says."""

    evidence: Evidence
    sentence: str
    cautions: list[str]


def judge_person(
    *,
    n_copies: int,
    p: float,
    level: float,
    n_reference: int,
    compared_on: int,
    power: Figure,
    owner_split: bool,
    odd: Sequence[str],
    copies_resolvable: bool,
    n_left_out: int,
    photos: Sequence[AskedPhoto],
    lost: Losses,
) -> PersonJudgement:
    """The rules for one person: copies first, then the rank among reference people."""
    higher = round(p * (n_reference + 1)) - 1
    who = "nobody scores" if not higher else "one scores" if higher == 1 else f"{higher:,} score"
    times = f"of {n_reference:,} other people, {who} as high or higher"
    if n_copies:
        one = "One generated picture reproduces a photo that was given"
        many = f"{n_copies:,} generated pictures reproduce photos that were given"
        sentence = f"{one if n_copies == 1 else many} of this person. The other figures leave copies out."
    elif p <= level:
        sentence = f"The generated pictures resemble this person more than chance can explain: {times}."
    else:
        sentence = f"The generated pictures do not resemble this person more than other people: {times}."
    evidence: Evidence = "copy" if n_copies else "evidence" if p <= level else "no evidence"
    found = []
    if not owner_split:
        found.append(
            "the reference people were not drawn by the generator's owner: if they or their photos are of another "
            "kind, the rank is less reliable; if some were trained on, it understates the evidence"
        )
    if 1 / (n_reference + 1) > level:
        found.append(
            f"{n_reference:,} reference people are too few for p to reach {level:g}, whatever the samples show"
        )
    if evidence == "no evidence":
        if isinstance(power, Unresolvable):
            found.append(f"how often a leak would have been noticed could not be measured: {power.reason}")
        elif power.value < WEAK:
            share = f"{100 * power.value:.0f} %"
            found.append(f"a generated photo of the person would have been noticed in only {share} of cases")
    if compared_on == 1:
        found.append("only one photo was compared; more photos make the answer more certain")
    if odd:
        look = f" and {len(odd) - 1} more look" if len(odd) > 1 else " looks"
        found.append(f"{odd[0]!a}{look} unlike the other photos given; do all show the same person?")
    if n_left_out:
        who = "1 reference person was" if n_left_out == 1 else f"{n_left_out} reference people were"
        found.append(f"{who} left out because a photo of theirs was given for this person too")
    if evidence == "copy" and not copies_resolvable:
        found.append("with so few reference photos, false copies may be more frequent than 1 in 1,000")
    found += _of_photos(photos)
    found += [*lost.grave, *lost.slight]
    return PersonJudgement(evidence, sentence, found)


def _of_photos(photos: Sequence[AskedPhoto]) -> list[str]:
    """Photos that could not be used, and a group photo in which nothing says who is meant."""
    found = []
    unusable = [photo for photo in photos if photo.reason is not None]
    if unusable:
        which = ", ".join(f"{photo.photo!a} ({photo.reason})" for photo in unusable[:MOST_LISTED])
        more = f" and {len(unusable) - MOST_LISTED} more" if len(unusable) > MOST_LISTED else ""
        found.append(f"{len(unusable):,} of {len(photos):,} photos given could not be used: {which}{more}")
    for photo in photos:
        if photo.chosen == "most prominent":
            found.append(
                f"{photo.photo!a} shows {photo.n_faces} faces, and the most prominent was taken; give a second photo "
                "of the person, and the face that both share is taken"
            )
    if any(photo.chosen == "one of several shared" for photo in photos):
        found.append(
            "the photos share more than one face, and the most similar was taken; give a photo of the person alone"
        )
    return found
