"""What an evidence sheet says in everyday words, and the figures behind: the same for the page and the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from probablyexists.answers.audit_verdict import LEAST_SAMPLES
from probablyexists.answers.copying import CERTAIN_COPY, COPIES_P
from probablyexists.answers.person_verdict import place
from probablyexists.basis.text import one_in
from probablyexists.report.words import count, counted, number, p_is, p_value, percent_parts
from probablyexists.results.sheet import Sheet
from probablyexists.stats.estimate import Estimate


@dataclass(frozen=True)
class Plain:
    """One question that somebody without statistics asks, its answer, and the figures behind it."""

    question: str
    answer: str
    figures: str


def finding(sheet: Sheet) -> str:
    """The evidence in words: a copy is certain or probable, as in a report."""
    return "probable copy" if sheet.evidence == "copy" and not sheet.n_certain_copies else sheet.evidence


def plain_answers(sheet: Sheet) -> list[Plain]:
    """What was found, in the order in which a person asks."""
    return [_resembles(sheet), _how_far(sheet), _copies(sheet), _looked_at(sheet), _noticed(sheet)]


def _resembles(sheet: Sheet) -> Plain:
    n = sheet.n_reference
    as_high = sheet.rank - 1 + sheet.n_tied
    others, left_out = counted(n, "other person", "other people"), ""
    if sheet.copies_beyond_chance:
        left_out = f", {'this copy' if sheet.n_copies == 1 else 'these copies'} left out"
    return Plain(
        "Do the pictures resemble this person more than others?",
        f"Of {others}, {count(as_high) if as_high else 'none'} came as near to a generated picture as this person"
        f"{left_out}. Of people whom the generator does not know, luck alone brings {count(as_high + 1)} in "
        f"{count(n + 1)} as near.",
        f"Rank {place(sheet.rank, sheet.n_tied, n + 1)}; {p_is(sheet.p)} (smallest possible here "
        f"{p_value(sheet.p_floor)}, {sheet.level:g} or less counts as evidence); "
        f"{counted(sheet.compared_on, 'photo')} of each person",
    )


def _how_far(sheet: Sheet) -> Plain:
    side = "above" if sheet.exposure >= 0 else "below"
    return Plain(
        "How far from the others is that?",
        f"{number(abs(sheet.exposure), 1)} steps {side} the average of the {count(sheet.n_reference)} others. One step "
        "is how far they usually are from it.",
        f"Exposure {number(sheet.exposure, 2, signed=True)}, in standard deviations of the others (n = "
        f"{count(sheet.n_reference)}); 0 is like anybody else",
    )


def _copies(sheet: Sheet) -> Plain:
    n, of = sheet.n_copies, counted(sheet.n_samples, "picture")
    probable = n - sheet.n_certain_copies
    figures = [f"{count(n)} of {counted(sheet.n_samples, 'sample')}"]
    if n:
        figures[0] += f", {counted(sheet.n_distinct_copies, 'distinct picture')}"
        best = number(max(at.correlation for at in sheet.copies), 3)
        figures.append(f"highest pixel correlation {best}, certain from {number(CERTAIN_COPY)} on")
    if sheet.copies_p is not None:
        figures.append(f"{p_is(sheet.copies_p)}, a copy counts at {COPIES_P:g} or less")
    verb = "reproduces" if n == 1 else "reproduce"
    if not n:
        said = f"No: none of {of} reproduces one."
    elif not sheet.copies_beyond_chance:
        said = f"Not shown: {count(n)} of {of} {'looks' if n == 1 else 'look'} like one, which may be chance."
    elif not probable:
        said = f"Yes: {count(n)} of {of} certainly {verb} one."
    elif not sheet.n_certain_copies:
        said = f"Probably: {count(n)} of {of} probably {verb} one."
    else:
        sure = f"{count(sheet.n_certain_copies)} certainly and {count(probable)} probably"
        said = f"Yes: {count(n)} of {of} {verb} one, {sure}."
    return Plain("Is one of the photos given among the pictures?", said, "; ".join(figures))


def _looked_at(sheet: Sheet) -> Plain:
    n, rare = sheet.n_distinct, one_in(sheet.unseen_rate)
    return Plain(
        "How many pictures were looked at?",
        f"{count(n)} different {'one' if n == 1 else 'ones'}. A face that the generator shows in fewer than {rare} "
        "pictures can be missing from them.",
        f"{counted(n, 'distinct sample')} of {count(sheet.n_samples)}; {rare} is a 95 % limit",
    )


def _noticed(sheet: Sheet) -> Plain:
    power = sheet.power
    value, interval = percent_parts(power)
    holds = (
        f"This holds only if a picture of the person is among these {counted(sheet.n_samples, 'sample')}. What the "
        "generator never showed here, this cannot see."
    )
    if not isinstance(power, Estimate):
        return Plain("Would it be noticed?", f"That could not be measured. {holds}", interval)
    noticed = round(power.value * power.n)
    few = "So few pictures seldom show any one person. " if sheet.n_distinct < LEAST_SAMPLES else ""
    return Plain(
        "Would it be noticed?",
        f"{few}For {count(noticed)} of {counted(power.n, 'other person', 'other people')} it would, if another photo "
        f"of them were among the pictures. {holds}",
        f"{value}, {interval}, {counted(power.n, 'person', 'people')}; noticed is p ≤ {sheet.level:g}",
    )
