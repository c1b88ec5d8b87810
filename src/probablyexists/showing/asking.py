"""Questions about a person, asked on the page: one at a time, and nothing of them is kept but on request."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from probablyexists.basis.errors import InputError, WriteError
from probablyexists.basis.files import write_text
from probablyexists.basis.own_code import is_object_name
from probablyexists.basis.owner_only import make_folder
from probablyexists.basis.text import shown
from probablyexists.generators.open_generator import is_generator
from probablyexists.results.draw_again import drawn_for
from probablyexists.results.findings import Findings
from probablyexists.showing.answering import PHOTOS
from probablyexists.showing.apart import Apart
from probablyexists.showing.uploads import write

KEPT = "asked"
"""The folder below the audit's with sheets that were kept."""
MOST_SHEETS = 20
"""Answers held in memory; the oldest goes."""
BUSY = "another question is being answered; wait until it is done, or stop it"


class Busy(Exception):
    """A question is being answered."""


@dataclass
class Asked:
    """One question and its answer."""

    task: Apart
    refused: list[str] = field(default_factory=list)
    """Files that were not taken, a line each."""
    about: list[str] = field(default_factory=list)
    """Names of the photos."""
    kept: Path | None = None


class Asking:
    """The questions of this session. Thread-safe.

    `settings`: of `ask`, without the photos; or, in words, why nothing can be asked.
    """

    def __init__(self, audit: Path, settings: Mapping[str, Any] | str) -> None:
        self.settings = settings
        self._audit = audit
        self._asked: dict[int, Asked] = {}
        self._last = 0
        self._lock = threading.Lock()
        self._receiving = False

    def __getitem__(self, n: int) -> Asked:
        """A question; KeyError if there is none of this number, or no longer."""
        return self._asked[n]

    @property
    def numbers(self) -> list[int]:
        """Of the questions there are, the last first."""
        return sorted(self._asked, reverse=True)

    @property
    def current(self) -> int | None:
        """The number of the question being answered."""
        return next((n for n, one in list(self._asked.items()) if not one.task.over), None)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within it nobody else can ask. Busy if somebody does."""
        with self._lock:
            if self._receiving or self.current is not None:
                raise Busy
            self._receiving = True
        try:
            yield
        finally:
            self._receiving = False

    def begin(self, photos: Sequence[tuple[str, IO[bytes]]], refused: list[str]) -> int:
        """Ask about photos (name on disk, content), within a `turn`; the number of the question. OSError."""
        assert not isinstance(self.settings, str)
        folder = Path(tempfile.mkdtemp(prefix="probablyexists-ask-"))
        try:
            task = Apart(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            (folder / PHOTOS).mkdir(mode=0o700)
            for name, data in photos:
                write(folder / PHOTOS, name, data)
        except BaseException:
            task.stop()
            raise
        task.begin("ask", {**self.settings, "photos": str(folder / PHOTOS)})
        self._last += 1
        self._asked[self._last] = Asked(task, refused, [name for name, _ in photos])
        if len(self._asked) > MOST_SHEETS:
            del self._asked[min(self._asked)]
        return self._last

    def keep(self, n: int) -> Path:
        """Write a sheet into a folder of its own below the audit's. WriteError."""
        with self._lock:
            one = self._asked[n]
            assert one.task.facts is not None
            if one.kept is None:
                folder = self._new_folder()
                write_text(folder / "sheet.html", one.task.facts["page"])
                write_text(folder / "sheet.json", one.task.facts["json"])
                one.kept = folder
            return one.kept

    def _new_folder(self) -> Path:
        above = self._audit.resolve() / KEPT
        if above.is_symlink():  # the folder may be a stranger's
            raise InputError(f"{shown(above)}: is a link, and sheets are kept in the audit's folder; remove it")
        try:
            make_folder(above)
            for n in range(1, 10_000):
                folder = above / f"sheet-{n:04d}"
                if not folder.exists():
                    folder.mkdir(mode=0o700)
                    return folder
        except OSError as error:
            raise WriteError(above, error, "make the audit's folder writable") from None
        raise InputError(f"{above}: is full; move the sheets elsewhere")

    def close(self) -> None:
        """Stop what is being answered; its photos are gone then."""
        for one in list(self._asked.values()):
            if not one.task.over:
                one.task.stop()


def question(findings: Findings, given: Mapping[str, object]) -> dict[str, Any] | str:
    """The settings of `ask` after those of an audit, or why nothing can be asked. `given`: where roles are now."""
    held = findings.signature.settings
    samples = held.get("generated") if given.get("generated") is None else given["generated"]
    drawn = given.get("generated") is None and "generator" in held
    if drawn or (isinstance(samples, str | Path) and is_generator(str(samples))):
        return (
            "The samples were drawn from a generator, which this page does not run. Draw them into a folder "
            f"({drawn_for(findings)}), and say where it is with --generated."
        )
    if held.get("flat"):
        return (
            "The other people of this audit are groups of similar faces, and a person can only be ranked among "
            "people with names. Use probablyexists ask with reference photos, one folder a person."
        )
    if is_object_name(str(held.get("recogniser"))):
        return (
            f"The recogniser of this audit is code of your own ({held['recogniser']}), and names read from a file are "
            "never run. Use probablyexists ask with --recogniser."
        )
    places = {}
    for setting, role, what in (
        ("generated", "generated", "samples"),
        ("reference", "heldout", "photos of the other people"),
    ):
        place = held.get(role) if given.get(role) is None else given[role]
        if not isinstance(place, str | Path):
            return (
                "The samples are drawn from a generator while they are looked at. Write them into a folder, and look "
                "at the audit with probablyexists show AUDIT --generated FOLDER."
            )
        if not os.path.exists(place):
            return f"The {what} are no longer where the audit read them ({place}). Say where they are with --{role}."
        places[setting] = str(place)
    return {**{name: held.get(name) for name in ("faces", "recogniser", "feed", "seed")}, **places}
