"""The other side of `apart`: run a task, and tell on standard output how far it is, a line of JSON each time."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import InputError, ProbablyExistsError, WriteError
from probablyexists.basis.progress import Progress
from probablyexists.basis.text import on_one_line, one_line
from probablyexists.images.kinds import cure

PHOTOS, STORE = "photos", "store"
"""In the private folder of a question: the photos, and what is computed of them."""
Tell = Callable[[dict[str, Any]], None]
_OFTEN = 0.1
"""Seconds between two reports of one stage."""
_MOST_SAID = 1000


def main() -> None:
    """Read the folder to remove, then the task; answer; end. Ends when the process that started it is gone, too."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to the terminal
    folder = json.loads(sys.stdin.buffer.readline() or b'""')

    def tell(message: dict[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")
        out.flush()

    asked = sys.stdin.buffer.readline()
    if not asked:
        _gone(folder)
    threading.Thread(target=_watch, args=(folder,), daemon=True).start()
    given = json.loads(asked)
    try:
        tell({"facts": _TASKS[given["task"]](given["settings"], _Told(tell))})
    except OSError as error:
        said = error if isinstance(error, ProbablyExistsError) else WriteError(error.filename or "a file", error)
        tell({"error": _line(said, folder)})
    except ProbablyExistsError as error:
        tell({"error": _line(error, folder)})
    except Exception as error:
        import traceback

        traceback.print_exception(error)
        tell({"error": f"a failure of the program ({one_line(error)}); the terminal shows more"})
    os._exit(0)


def _ask(settings: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from probablyexists.generators.open_generator import is_generator
    from probablyexists.intake.settings import AskSettings, checked
    from probablyexists.report.sheet_texts import finding
    from probablyexists.tasks.ask import with_page

    if is_generator(settings["generated"]):  # put there since the page was opened
        raise InputError("the samples: a generator, which this page does not run; give a folder of its samples")
    sheet, page = with_page(checked(AskSettings, settings), progress, Path(settings["photos"]).parent / STORE)
    return {
        "page": page,
        "finding": finding(sheet),
        "sentence": sheet.sentence,
        "json": sheet.model_dump_json(indent=1) + "\n",
        "near": list(dict.fromkeys([*(at.sample for at in sheet.copies), *(at.sample for at in sheet.nearest)])),
        "not_used": [_not_used(photo.photo, photo.reason) for photo in sheet.photos if photo.reason is not None],
    }


def _not_used(photo: str, reason: str) -> str:
    todo = cure(reason)
    return f"{photo}: not used ({reason})" + (f"; {todo}" if todo else "")


def _compare(settings: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from probablyexists.intake.settings import CompareSettings, checked
    from probablyexists.report.comparison_page import render_comparison
    from probablyexists.tasks.compare import run

    comparison = run(checked(CompareSettings, settings), progress)
    return {"page": render_comparison(comparison), "sentence": comparison.sentence}


_TASKS: dict[str, Callable[[dict[str, Any], Progress], dict[str, Any]]] = {"ask": _ask, "compare": _compare}


def _line(error: ProbablyExistsError, folder: str) -> str:
    """The error for the page: with the options of `show`, and without the folder that the photos were in."""
    text = error.on_command_line.replace("--reference", "--heldout")
    if folder:
        photos = os.path.join(folder, PHOTOS)
        text = text.replace(photos + os.sep, "").replace(photos, "").replace(folder, "the folder for the photos")
    return on_one_line(text.replace("PHOTOS :", "the photos:").replace("PHOTOS", "the photos"), 10_000)[:_MOST_SAID]


def _watch(folder: str) -> None:
    while os.read(0, 1024):
        pass
    _gone(folder)


def _gone(folder: str) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


class _Told:
    """Progress as lines; one stage at a time."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._done, self._told = 0, 0.0

    def say(self, text: str) -> None:
        """What the reader must know is on the page made."""

    def stage(self, title: str, total: int | None) -> _Told:
        self._done, self._told = 0, 0.0
        self._tell({"stage": title, "total": total})
        return self

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if time.monotonic() - self._told > _OFTEN:
            self._told = time.monotonic()
            self._tell({"done": self._done})
