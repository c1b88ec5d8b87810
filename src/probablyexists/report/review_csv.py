"""`review.csv` in an audit's folder: who decided what, and when, in a blind review; a row for each decision.

Rows are added, never changed: of several about one question by one person the last counts. Nothing in it says which
question is about a member, so that one reviewer's file does not unblind the next. It names reviewers, so only its owner
may read it.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from probablyexists.answers.review_answers import Decision, decision_of
from probablyexists.basis.errors import InputError, WriteError
from probablyexists.basis.plain_files import read_plain
from probablyexists.basis.text import shown
from probablyexists.report.csv_tables import harmless

REVIEW = "review.csv"
COLUMNS = ("review", "reviewer", "when", "question", "decision")
ENDED = "result seen"
"""The decision of a row without a question: nobody can go on who has seen which question was about whom."""
MOST_BYTES = 2**24
_MARK = "\N{BYTE ORDER MARK}"


@dataclass
class Decisions:
    """What one person decided."""

    said: dict[int, Decision]
    """Question from 0 -> decision."""
    ended: bool = False


@dataclass(frozen=True)
class ReviewFile:
    """What the file holds of one review."""

    by_reviewer: dict[str, Decisions]
    """Names as they are written in the file."""
    n_others: int
    """Rows of another audit's review, or of an earlier one of this folder."""
    n_damaged: int
    """Rows that cannot be read."""


def read_review(folder: Path, review: str, n_questions: int) -> ReviewFile:
    """The rows of one review; none if there is no file. InputError if it cannot be read as text."""
    path = folder / REVIEW
    found, others, damaged = dict[str, Decisions](), 0, 0
    try:
        text = read_plain(path, MOST_BYTES).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except FileNotFoundError:
        return ReviewFile({}, 0, 0)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{shown(path)}: cannot be read as a table ({type(error).__name__}); move it away") from None
    for row in rows:
        if row == list(COLUMNS) or not row:
            continue
        if len(row) != len(COLUMNS):
            damaged += 1
        elif row[0] != review:
            others += 1
        elif not _taken(found, row, n_questions):
            damaged += 1
    return ReviewFile(found, others, damaged)


def _taken(found: dict[str, Decisions], row: list[str], n_questions: int) -> bool:
    """Put a row where it belongs; whether it means something."""
    _, reviewer, _, question, decision = row
    if decision == ENDED and not question:
        found.setdefault(reviewer, Decisions({})).ended = True
        return True
    said = decision_of(decision)
    if said is None or not (question.isascii() and question.isdecimal() and len(question) < 6):
        return False
    if not 1 <= int(question) <= n_questions:
        return False
    its = found.setdefault(reviewer, Decisions({}))
    if not its.ended:
        its.said[int(question) - 1] = said
    return True


def add_row(folder: Path, review: str, reviewer: str, when: str, question: int | None, decision: str) -> None:
    """Add a row, on disk when this returns. `question` from 0; None for `ENDED`. WriteError."""
    path = folder / REVIEW
    cells = (review, harmless(reviewer), when, "" if question is None else question + 1, decision)
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        with open(handle, "rb+", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise FileExistsError(17, "it is not a file")
            os.fchmod(handle, 0o600)
            size = file.seek(0, os.SEEK_END)
            start = _MARK + _row(COLUMNS) if size == 0 else "" if _ends_a_row(handle, size) else "\r\n"
            file.write((start + _row(cells)).encode("utf-8", "backslashreplace"))
            os.fsync(handle)
    except OSError as error:
        raise WriteError(path, error, "free the folder for writing; nothing was decided") from None


def _ends_a_row(handle: int, size: int) -> bool:
    return os.pread(handle, 1, size - 1) == b"\n"


def _row(cells: Iterable[object]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()
