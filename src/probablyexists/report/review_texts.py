"""What a blind review found, in words: on its page, in the report and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from probablyexists.answers.review_answers import Compared, Half, Reviewed
from probablyexists.answers.review_pairs import Plan
from probablyexists.report.markdown_text import bullets, plain, table
from probablyexists.report.page import render_page
from probablyexists.report.words import counted, number, p_is, percent, percent_parts
from probablyexists.stats.paired import ERROR, pairs_needed, sign_test, smallest_rate

BY_CHANCE = 0.2
"""How often "same" is said of strangers, for what is said of power before anything is known."""
HEADS = ("Of whom", "Asked", "“Same”", "“Different”", "Cannot say", "Rate of “same”")
LIMITS = (
    "A person’s “same” is an impression and no proof: people err often on faces that they do not know; passport "
    "officers took one in seven impostors for the person in the photo (White, Kemp, Jenkins, Matheson & Burton 2014, "
    "PLoS ONE 9(8), e103510).",
    "It says nothing about members who were not in it, or about samples other than the one shown with each person.",
    "Whoever knows the people, or has looked at other pages of the audit before, was not blind.",
    "Photos of members and of strangers from different sources may differ in light, background or sharpness. The "
    "pictures are brought to one size, and not made alike in anything else.",
    "All reviewers see the same pairs: their p-values are not independent, and the smallest of several is too small.",
)


@dataclass(frozen=True)
class Row:
    """One side of one kind of pairs, as text."""

    who: str
    half: Half

    @property
    def rate(self) -> tuple[str, str]:
        """The rate and its interval."""
        return percent_parts(self.half.rate)


def rows(found: Reviewed) -> list[Row]:
    """The table of one reviewer, the members named first: only rows of which somebody was asked about."""
    sides = (
        ("Members named", found.named),
        ("Members not named", found.not_named),
        ("At equal similarity: members", found.matched.members),
        ("At equal similarity: strangers", found.matched.strangers),
        ("No stranger as similar: members", found.beyond.members),
        ("No stranger as similar: nearest strangers", found.beyond.strangers),
    )
    return [Row(who, half) for who, half in sides if half.n]


def sentences(found: Reviewed) -> list[str]:
    """What the figures mean."""
    said = _named(found.named)
    said.append(_matched(found.matched))
    if found.beyond.members.n:
        said.append(_beyond(found.beyond))
    if found.n_half:
        said.append(f"{counted(found.n_half, 'answer')} without the answer to its counterpart: not counted.")
    return said


def _named(half: Half) -> list[str]:
    n, same = half.n, half.same
    if not n:
        return []
    said = f"Of the {n:,} members named who were asked about, “same” was said of {same:,}."
    if n == 1:
        said = f"Of the one member named who was asked about, “same” was {'' if same else 'not '}said."
    return [f"{said} The audit names people for what it measures; nothing here withdraws a name."]


def _matched(both: Compared) -> str:
    n = both.members.n
    if n == 0:
        return "No pair was equally similar and answered whole, so nothing can be compared at equal similarity."
    what = (
        "At equal similarity, named or not: "
        f"“same” was said of {both.members.same} of {counted(n, 'member')}, and of {both.strangers.same} of as many "
        f"strangers whose samples are as similar ({_balance(both)})"
    )
    if both.p <= ERROR:
        return (
            f"{what}: more often than chance explains ({p_is(both.p)}). The reviewer saw something of the members in "
            "the samples that similarity alone does not say."
        )
    return (
        f"{what}: no more often than chance explains ({p_is(both.p)}).{_least_p(n)} It tests whether the eye adds to "
        f"similarity, and does not test the names. {power(n)}"
    )


def _least_p(n: int) -> str:
    """How small p can get with few pairs."""
    least = sign_test(n, 0)
    return f" With {counted(n, 'pair')} p cannot be below {number(least)}." if least > ERROR else ""


def _beyond(both: Compared) -> str:
    what = (
        f"For {counted(both.members.n, 'member')} no free stranger had a sample as similar; the most similar were "
        f"asked about as controls ({_balance(both)}). “Same” was said of {both.members.same} of these members and of "
        f"{both.strangers.same} of these strangers ({p_is(both.p)})"
    )
    return f"{what}. What differs here may be the similarity itself, for which the audit names people."


def _balance(both: Compared) -> str:
    ours, theirs = both.members, both.strangers
    return (
        f"mean cosine {number(ours.similarity, 3)} and {number(theirs.similarity, 3)}; with the faces most like theirs "
        f"{number(ours.common, 3)} and {number(theirs.common, 3)}"
    )


def power(n: int) -> str:
    """What so many pairs can find, said before and after."""
    least = smallest_rate(n, BY_CHANCE)
    start = f"If “same” is said of {percent(BY_CHANCE)} of strangers, {counted(n, 'pair')} "
    if least is None:
        needed = pairs_needed(1.0, BY_CHANCE)
        return f"{start}cannot show a difference in 4 of 5 reviews, however large; {needed} pairs could."
    return (
        f"{start}show a difference in 4 of 5 reviews where it is said of {percent(least, 0)} of members or more "
        f"(at {percent(ERROR, 0)}, one-sided). For half of the members it needs {pairs_needed(0.5, BY_CHANCE)} pairs."
    )


def n_matched(plan: Plan) -> int:
    """Pairs that can be compared at equal similarity."""
    return sum(pair.matched for pair in plan.pairs)


def review_section(found: Sequence[Reviewed]) -> str:
    """The section of the report, as HTML."""
    return render_page("reviewed.html.j2", True, reviews=[(one, rows(one), sentences(one)) for one in found], l=LIMITS)


_SECTION = re.compile(r'<section id="reviewed".*?</section>\n*', re.DOTALL)
_BEFORE = '<section id="method"'


def with_reviews(html: str, found: Sequence[Reviewed]) -> str:
    """A report with this section, before the method, in place of an earlier one; as it is where nobody has ended a
    review."""
    ended = [one for one in found if one.ended]
    if not ended or html.count(_BEFORE) != 1:
        return html
    head, _, rest = _SECTION.sub("", html).partition(_BEFORE)
    return f"{head}{review_section(ended)}\n{_BEFORE}{rest}"


def markdown_reviews(found: Sequence[Reviewed]) -> str:
    """The same in Markdown; nothing where nobody has ended a review."""
    ended = [one for one in found if one.ended]
    if not ended:
        return ""
    parts = ["\n## Reviewed by people\n"]
    for one in ended:
        cells = ([plain(cell) for cell in _cells(row)] for row in rows(one))
        said = "\n\n".join(map(plain, sentences(one)))
        parts.append(f"\n### {plain(one.reviewer)}\n\n{said}\n\n{table(HEADS, cells)}")
    parts.append(f"\n*Limits.*\n\n{bullets(map(plain, LIMITS))}")
    return "".join(parts)


def _cells(row: Row) -> list[str]:
    half = row.half
    numbers = [str(x) for x in (half.n, half.same, half.different, half.unsure)]
    return [row.who, *numbers, f"{row.rate[0]} ({row.rate[1]})"]
