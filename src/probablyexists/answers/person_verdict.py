"""The rules for the evidence about one person, fixed before any data is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.results.sheet import Evidence
from probablyexists.stats.estimate import Figure, Unresolvable

WEAK = 0.5
"""Power below which finding nothing about one person says little."""


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
) -> PersonJudgement:
    """The rules for one person: copies first, then the rank among reference people."""
    higher = round(p * (n_reference + 1)) - 1
    who = "nobody comes" if not higher else "one comes" if higher == 1 else f"{higher:,} come"
    times = f"of {n_reference:,} other people, {who} out as high or higher"
    if n_copies:
        n = "One generated picture reproduces" if n_copies == 1 else f"{n_copies:,} generated pictures reproduce"
        sentence = f"{n} a photo that was given of this person."
    elif p <= level:
        sentence = f"The generated pictures resemble this person more than chance explains: {times}."
    else:
        sentence = f"The generated pictures do not resemble this person more than they do others: {times}."
    evidence: Evidence = "copy" if n_copies else "evidence" if p <= level else "no evidence"
    found = []
    if not owner_split:
        found.append(
            "the reference people were not drawn by the generator's owner: if they are another kind of people, or "
            "photographed otherwise, the rank says less; if some were trained on, it says too little"
        )
    if 1 / (n_reference + 1) > level:
        found.append(
            f"{n_reference:,} reference people are too few for p to reach {level:g}, whatever the pictures show"
        )
    if evidence == "no evidence":
        if isinstance(power, Unresolvable):
            found.append(f"how often a leak would have been noticed could not be measured: {power.reason}")
        elif power.value < WEAK:
            found.append(
                f"had a photo of the person been generated, only {power.value:.0%} of cases would have been noticed"
            )
    if compared_on == 1:
        found.append("only one photo was compared; more photos of the person make the answer surer")
    if odd:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        found.append(f"{odd[0]!a}{more} looks unlike the other photos given; is it the same person?")
    if n_left_out:
        who = "1 reference person was" if n_left_out == 1 else f"{n_left_out} reference people were"
        found.append(f"{who} left out, for a photo in common with this person")
    if evidence == "copy" and not copies_resolvable:
        found.append("the reference photos are too few to hold false copies at 1 in 1,000")
    return PersonJudgement(evidence, sentence, found)
