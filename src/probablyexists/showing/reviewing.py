"""A blind review on the page: who reviews, what is asked next, what was decided, and the result at the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from probablyexists.answers.review_answers import Decision, Differs, Reviewed, differing, reviewed
from probablyexists.answers.review_pairs import Plan, Side, plan_review
from probablyexists.basis.files import write_text
from probablyexists.basis.plain_files import MOST_RESULT, read_plain
from probablyexists.basis.roles import Role
from probablyexists.basis.text import on_one_line
from probablyexists.report.csv_tables import harmless
from probablyexists.report.review_csv import ENDED, Decisions, add_row, read_review
from probablyexists.report.review_texts import with_reviews
from probablyexists.results.neighbours_file import read_neighbours
from probablyexists.showing.blind_pictures import SIDE, blind_jpeg, common_size
from probablyexists.showing.opened import Opened
from probablyexists.tasks.review import notes, results

MOST_PHOTOS = 3
LONGEST_NAME = 60
NEEDED: tuple[Role, ...] = ("training", "heldout", "generated")


@dataclass
class Reviewer:
    """One person, and what they decided; kept in review.csv too."""

    name: str
    decided: Decisions


class Review:
    """The review of one audit. Thread-safe."""

    def __init__(self, audit: Opened) -> None:
        self.audit = audit
        self._reviewers: list[Reviewer] = []
        self._lock = threading.RLock()

    @cached_property
    def plan(self) -> Plan:
        """The questions, made when they are first asked for. InputError."""
        with self._lock:
            findings = self.audit.findings
            return plan_review(findings, read_neighbours(self._folder, findings), self.audit.picture)

    @property
    def lacking(self) -> list[Role]:
        """Roles whose pictures are not where the audit read them."""
        return [role for role in NEEDED if not self.audit.pictures.has(role)]

    @property
    def notes(self) -> list[str]:
        """What there is to say of review.csv. InputError."""
        return notes(read_review(self._folder, self.plan.id, len(self.plan.questions)))

    def begin(self, name: str) -> int:
        """The number of a reviewer; whoever has begun under this name goes on. ValueError for what is no name, and
        InputError if review.csv cannot be read."""
        name = on_one_line(name, LONGEST_NAME)
        with self._lock:
            for number, one in enumerate(self._reviewers):
                if one.name == name:
                    return number
            held = read_review(self._folder, self.plan.id, len(self.plan.questions))
            self._reviewers.append(Reviewer(name, held.by_reviewer.get(harmless(name), Decisions({}))))
            return len(self._reviewers) - 1

    def reviewer(self, number: int) -> Reviewer:
        """IndexError if there is none, as after the server was started again."""
        return self._reviewers[number]

    def next(self, number: int) -> int | None:
        """The first question that is not answered; None at the end."""
        one = self.reviewer(number)
        if one.decided.ended:
            return None
        return next((at for at in range(len(self.plan.questions)) if at not in one.decided.said), None)

    def decide(self, number: int, question: int, decision: Decision) -> None:
        """Keep an answer, on disk first; the last one ends the review. WriteError, IndexError, ValueError: it ended."""
        one = self.reviewer(number)
        if not 0 <= question < len(self.plan.questions):
            raise IndexError(question)
        with self._lock:
            if one.decided.ended:
                raise ValueError("the review has ended")
            add_row(self._folder, self.plan.id, one.name, now(), question, decision)
            one.decided.said[question] = decision
            if len(one.decided.said) == len(self.plan.questions):
                self.end(number)

    def end(self, number: int) -> None:
        """Stop, to see the result; there is no going on. WriteError."""
        one = self.reviewer(number)
        with self._lock:
            if not one.decided.ended:
                add_row(self._folder, self.plan.id, one.name, now(), None, ENDED)
                one.decided.ended = True

    def result(self, number: int) -> tuple[Reviewed, list[Differs]]:
        """What the reviewer said, and where audit and reviewer differ. ValueError if the review has not ended."""
        one = self.reviewer(number)
        if not one.decided.ended:
            raise ValueError("the review has not ended")
        return (
            reviewed(self.plan, one.name, one.decided.said, ended=True),
            differing(self.plan, one.decided.said),
        )

    def into_report(self) -> None:
        """Put the ended reviews into report.html. InputError if review.csv cannot be read; OSError if the report."""
        path = self._folder / "report.html"
        with self._lock:
            held = read_review(self._folder, self.plan.id, len(self.plan.questions))
            html = read_plain(path, MOST_RESULT).decode("utf-8")
            write_text(path, with_reviews(html, results(self.plan, held)))

    def photos(self, question: int) -> int:
        """How many photos are shown with a question: as many of a member as of the stranger who is the control."""
        both = self.plan.pairs[self.plan.questions[question][0]]
        return min(len(self._photos(both.member, "training")), len(self._photos(both.stranger, "heldout")))

    def picture(self, question: int, at: int) -> bytes:
        """The generated picture (`at` 0) or a photo (from 1) of a question. IndexError if there is none."""
        if not 0 <= question < len(self.plan.questions) or not 0 <= at <= self.photos(question):
            raise IndexError(at)
        side, (_, member) = self.plan.side(question), self.plan.questions[question]
        if at == 0:
            return blind_jpeg(self.audit.pictures, "generated", self.audit.sample_path(side.sample), SIDE)
        role: Role = "training" if member else "heldout"
        return blind_jpeg(self.audit.pictures, role, self._photos(side, role)[at - 1], self._size)

    def _photos(self, side: Side, role: Role) -> tuple[str, ...]:
        """Paths of photos of the template, the first ones."""
        return self.audit.photo_paths(side.person, role)[: min(side.photos, MOST_PHOTOS)]

    @cached_property
    def _size(self) -> int:
        with self._lock:
            sides = [(one.member, one.stranger) for one in self.plan.pairs]
            every: list[tuple[Role, str]] = []
            for ours, theirs in sides:
                every += [("training", path) for path in self._photos(ours, "training")]
                every += [("heldout", path) for path in self._photos(theirs, "heldout")]
            return common_size(self.audit.pictures, every)

    @property
    def _folder(self) -> Path:
        return self.audit.folder


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
