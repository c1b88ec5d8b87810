"""Rules for the evidence about one person, fixed before any data is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.audit_verdict import few_distinct, few_faces
from probablyexists.answers.copying import COPIES_P
from probablyexists.answers.one_person import Rank
from probablyexists.answers.person_copies import PersonCopies
from probablyexists.answers.set_aside import Losses
from probablyexists.basis.text import one_in
from probablyexists.images.kinds import cure
from probablyexists.results.findings import Sampling
from probablyexists.results.sheet import AskedPhoto, Evidence
from probablyexists.stats.estimate import Figure, Unresolvable

WEAK = 0.5
"""Power below which finding nothing about one person says little."""
MOST_LISTED = 5
"""Unusable photos listed in a caution; the sheet lists all."""
NOT_AMONG_THEM = 0.10
"""A p-value among the look-alikes above which a small p among all is weaker evidence."""


@dataclass(frozen=True)
class PersonJudgement:
    """What the sheet about one person says."""

    evidence: Evidence
    sentence: str
    cautions: list[str]


def judge_person(
    *,
    copies: PersonCopies,
    at: Rank,
    level: float,
    sampling: Sampling,
    power: Figure,
    owner_split: bool,
    of_audit: bool,
    odd: Sequence[str],
    n_left_out: int,
    photos: Sequence[AskedPhoto],
    lost: Losses,
) -> PersonJudgement:
    """The rules for one person: copies beyond chance first, then the rank among reference people."""
    n = at.reference.size
    small = at.p <= level
    evidence: Evidence = "copy" if copies.beyond_chance else "evidence" if small else "no evidence"
    found = []
    if of_audit:
        found.append(
            "the other people are those whom the generator never saw, by the word of whoever made this audit: if some "
            "were trained on after all, or if this person is of another kind, the rank is less reliable"
        )
    elif not owner_split:
        found.append(
            "the other people were chosen by whoever asked, not at random by the generator's owner: if they or their "
            "photos are of another kind, the rank is less reliable; if some were trained on, it understates the "
            "evidence"
        )
    if 1 / (n + 1) > level:
        found.append(f"{n:,} reference people are too few for p to reach {level:g}, whatever the samples show")
    if evidence == "no evidence":
        found += _of_power(power) + few_distinct(sampling)
    found += few_faces(sampling)
    if small and at.p_of_look_alikes > NOT_AMONG_THEM:
        found.append(_of_look_alikes(at))
    if copies.n and not copies.beyond_chance:
        found.append(_perhaps_copies(copies, n))
    if at.compared_on == 1:
        found.append("only one photo was compared; more photos make the answer more certain")
    if n_left_out:
        who = "1 reference person was" if n_left_out == 1 else f"{n_left_out} reference people were"
        found.append(f"{who} left out because a photo of theirs was given for this person too")
    found += _of_photos(photos)
    found += [*lost.grave, *lost.slight]
    return PersonJudgement(
        evidence, _sentence(evidence, copies, at, sampling, small=small) + _of_odd(odd, photos), found
    )


def _sentence(evidence: Evidence, copies: PersonCopies, at: Rank, sampling: Sampling, *, small: bool) -> str:
    n = at.reference.size
    ranks = f"compared with {n:,} other people, this person ranks {place(at.n_higher + 1, at.n_tied, n + 1)}"
    if evidence == "copy":
        likely = "" if copies.n_certain else "probably "
        one = f"One generated picture {likely}reproduces a photo that was given"
        repeats = f" ({copies.n_distinct:,} distinct)" if copies.n_distinct < copies.n else ""
        these = "this copy" if copies.n == 1 else "these copies"
        unsure = f" ({copies.n_certain:,} certain, the others probable)" if 0 < copies.n_certain < copies.n else ""
        many = f"{copies.n:,} generated pictures{repeats} {likely}reproduce photos that were given{unsure}"
        others = (
            f"Apart from {these}, the pictures resemble this person more than chance can explain as well"
            if small
            else f"That stands by itself. Apart from {these}, nothing shows that the pictures resemble this person "
            "more than other people"
        )
        return f"{one if copies.n == 1 else many} of this person. {others}: {ranks}."
    if evidence == "evidence":
        return f"The generated pictures resemble this person more than chance can explain: {ranks}."
    return (
        f"Nothing shows that the generated pictures resemble this person more than other people: {ranks}. A face that "
        f"the generator shows in fewer than {one_in(sampling.unseen_rate)} pictures can be missing from those given."
    )


def _of_odd(odd: Sequence[str], photos: Sequence[AskedPhoto]) -> str:
    """Beside the finding, because a stranger's photo makes it one about nobody."""
    if not odd:
        return ""
    if len(odd) >= sum(photo.reason is None for photo in photos):
        return (
            " But the photos given look unlike one another: if they are of different people, do not rely on this "
            "finding; ask again with a third photo, which tells who is meant."
        )
    which = ", ".join(f"{path!a}" for path in odd[:MOST_LISTED])
    more = f" and {len(odd) - MOST_LISTED:,} more" if len(odd) > MOST_LISTED else ""
    looks, them = ("looks", "it") if len(odd) == 1 else ("look", "them")
    return (
        f" But {which}{more} {looks} unlike the other photos given: if somebody else is on {them}, do not rely on "
        f"this finding; ask again without {them}."
    )


def place(rank: int, n_tied: int, n: int) -> str:
    """A place among n people, 1 is the first; a shared one says so.

    >>> place(1, 0, 201), place(22, 2, 201)
    ('1st of 201', '22nd to 24th of 201 (shared)')
    """
    if not n_tied:
        return f"{_ordinal(rank)} of {n:,}"
    return f"{_ordinal(rank)} to {_ordinal(rank + n_tied)} of {n:,} (shared)"


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def _of_power(power: Figure) -> list[str]:
    if isinstance(power, Unresolvable):
        return [f"how often a leak would have been noticed could not be measured: {power.reason}"]
    if power.value >= WEAK:
        return []
    return [
        "a leak would often not be noticed: a picture of the person among the samples would be noticed in only "
        f"{100 * power.value:.0f} % of cases"
    ]


def _of_look_alikes(at: Rank) -> str:
    higher = int((at.look_alikes >= at.score).sum())
    return (
        f"the small p is weaker evidence: of the {at.look_alikes.size:,} reference people who look most like this "
        f"person, {higher:,} score as high or higher, so it may come from a kind of face that few others share"
    )


def _perhaps_copies(copies: PersonCopies, n_reference: int) -> str:
    looks = "picture looks" if copies.n == 1 else "pictures look"
    said = f"{copies.n:,} generated {looks} like a copy of a photo that was given"
    if 1 / (n_reference + 1) > COPIES_P:
        return (
            f"{said}; with {n_reference:,} reference people it cannot be told whether that is chance: give at least "
            f"{round(1 / COPIES_P) - 1}, or compare the pictures yourself"
        )
    return (
        f"{said}, which chance can explain: other people's photos have pictures as alike (p = {copies.p:.2g}); compare "
        "the pictures yourself"
    )


def _of_photos(photos: Sequence[AskedPhoto]) -> list[str]:
    """Photos that could not be used, and a group photo in which nothing says who is meant."""
    found = []
    unusable = [photo for photo in photos if photo.reason is not None]
    if unusable:
        which = ", ".join(f"{photo.photo!a} ({photo.reason})" for photo in unusable[:MOST_LISTED])
        more = f" and {len(unusable) - MOST_LISTED} more" if len(unusable) > MOST_LISTED else ""
        todo = "".join(f"; {text}" for text in dict.fromkeys(cure(str(photo.reason)) for photo in unusable) if text)
        found.append(f"{len(unusable):,} of {len(photos):,} photos given could not be used: {which}{more}{todo}")
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
