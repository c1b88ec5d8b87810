"""The seven answers of an audit, in the order of the questions."""

from __future__ import annotations

from probablyexists.report.answer_parts import Answer
from probablyexists.report.limit_texts import can_the_recogniser_be_trusted, what_was_missed
from probablyexists.report.membership_text import can_an_attacker_tell
from probablyexists.report.people_texts import does_more_leak_more, who
from probablyexists.report.sample_texts import copy_or_likeness, which_samples
from probablyexists.results.findings import Findings


def seven_answers(findings: Findings) -> list[Answer]:
    """Each as text, with figures, limits and, for some, a chart."""
    return [
        can_an_attacker_tell(findings),
        who(findings),
        which_samples(findings),
        copy_or_likeness(findings),
        does_more_leak_more(findings),
        what_was_missed(findings),
        can_the_recogniser_be_trusted(findings),
    ]
