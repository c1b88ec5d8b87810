"""The blind review of an audit's folder: its questions, and what people have said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from probablyexists.answers.review_answers import Reviewed, reviewed
from probablyexists.answers.review_pairs import Plan, plan_review
from probablyexists.basis.errors import InputError
from probablyexists.report.review_csv import REVIEW, ReviewFile, read_review
from probablyexists.results.findings import Findings
from probablyexists.results.looking_files import read_looking
from probablyexists.results.neighbours_file import read_neighbours


def plan_of(folder: Path, findings: Findings) -> Plan:
    """The questions about the audit in a folder. InputError if the folder lacks what they are made from."""
    nearest, _, _ = read_looking(folder, findings)
    picture = np.asarray(pc.fill_null(nearest["picture"], -1).to_numpy(), dtype=np.int32)
    return plan_review(findings, read_neighbours(folder, findings), picture)


def reviews_of(folder: Path, findings: Findings) -> tuple[list[Reviewed], list[str]]:
    """(what each reviewer said, by name; what there is to say of the file, a line each). Nothing without a file."""
    if not (folder / REVIEW).exists():
        return [], []
    try:
        plan = plan_of(folder, findings)
    except InputError as error:
        return [], [f"{REVIEW}: left out, as its questions cannot be made again ({error})"]
    held = read_review(folder, plan.id, len(plan.questions))
    return results(plan, held), notes(held)


def results(plan: Plan, held: ReviewFile) -> list[Reviewed]:
    """What each reviewer said, by name."""
    return [reviewed(plan, name, its.said, ended=its.ended) for name, its in sorted(held.by_reviewer.items())]


def notes(held: ReviewFile) -> list[str]:
    """What was not taken from the file, and who has not ended."""
    said = []
    if held.n_others:
        said.append(f"{REVIEW}: {held.n_others:,} rows are of another audit or an earlier one, and not counted")
    if held.n_damaged:
        said.append(f"{REVIEW}: {held.n_damaged:,} rows cannot be read, and are not counted")
    going = sum(not its.ended for its in held.by_reviewer.values())
    if going:
        who = "1 reviewer has" if going == 1 else f"{going:,} reviewers have"
        said.append(f"{REVIEW}: {who} not ended the review, and their answers are left out until then")
    return said
