"""The page of two audits compared: this one, and another whose folder was given at the start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from probablyexists.results.findings import Findings
from probablyexists.showing.apart import Apart
from probablyexists.showing.door import Framed


class Comparing:
    """A comparison of two audits, made once, when it is first looked at; nothing is written."""

    def __init__(self, audit: Path, other: Path) -> None:
        """The audit made earlier is the one before. InputError if the other is none."""
        dated = [(Findings.read(folder).signature.date, folder) for folder in (audit, other)]
        (self.before_date, self.before), (self.after_date, self.after) = sorted(dated)
        self._task: Apart | None = None
        self._lock = threading.Lock()

    @property
    def task(self) -> Apart:
        """Started if it was not."""
        with self._lock:
            if self._task is None:
                self._task = Apart()
                self._task.begin("compare", {"before": str(self.before), "after": str(self.after)})
            return self._task

    def close(self) -> None:
        """Stop it."""
        if self._task is not None and not self._task.over:
            self._task.stop()


def compare_routes(comparing: Comparing, page: Callable[..., Response]) -> list[Route]:
    """The addresses below /compare."""

    def about(_: Request) -> Response:
        return page("compare.html.j2", here="compare", two=comparing, task=comparing.task)

    def state(_: Request) -> Response:
        task = comparing.task
        if not task.over:
            doing = task.doing
            said = {"what": doing.what, "done": doing.done, "total": doing.total, "left": doing.left}
            return JSONResponse({"state": "working", **said})
        if task.facts is None:
            return JSONResponse({"state": "failed", "error": task.error})
        return JSONResponse({"state": "done", "sentence": task.facts["sentence"]})

    def sheet(_: Request) -> Response:
        facts = comparing.task.facts
        if facts is None:
            raise HTTPException(404, "not compared yet")
        return Framed(facts["page"])

    return [Route("/compare", about), Route("/compare/state", state), Route("/compare/page", sheet)]
