"""The page to ask about a person: photos in, the evidence sheet out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from probablyexists.basis.errors import InputError
from probablyexists.showing.asking import BUSY, MOST_SHEETS, Asked, Asking, Busy
from probablyexists.showing.door import MOST_SENT, Framed
from probablyexists.showing.opened import Opened
from probablyexists.showing.uploads import MOST_PHOTOS, taken

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what cannot be read is said on the page


def ask_routes(audit: Opened, asking: Asking, page: Callable[..., Response]) -> list[Route]:
    """The addresses below /ask."""
    views = _Views(audit, asking, page)
    return [
        Route("/ask", views.page),
        Route("/ask", views.ask, methods=["POST"]),
        Route("/ask/{n:int}", views.sheet),
        Route("/ask/{n:int}/state", views.state),
        Route("/ask/{n:int}/keep", views.keep, methods=["POST"]),
        Route("/ask/{n:int}/stop", views.stop, methods=["POST"]),
    ]


class _Views:
    def __init__(self, audit: Opened, asking: Asking, page: Callable[..., Response]) -> None:
        self.audit, self.asking, self._page = audit, asking, page

    def page(self, _: Request) -> Response:
        settings = self.asking.settings
        counts = {role.role: role.n_images for role in self.audit.findings.data.roles}
        return self._page(
            "ask.html.j2",
            here="ask",
            why_not=settings if isinstance(settings, str) else "",
            places=None if isinstance(settings, str) else (settings["generated"], settings["reference"]),
            aligned=not isinstance(settings, str) and settings["faces"] == "aligned",
            earlier=[(n, self.asking[n].about) for n in self.asking.numbers if self.asking[n].task.facts],
            current=self.asking.current,
            counts=counts,
            most={"photos": MOST_PHOTOS, "bytes": MOST_SENT, "sheets": MOST_SHEETS},
        )

    async def ask(self, request: Request) -> Response:
        try:
            with self.asking.turn():
                return await self._received(request)
        except Busy:
            async for _ in request.stream():  # a browser reads no answer before it has sent all
                pass
            return _refused(BUSY, 409)

    async def _received(self, request: Request) -> Response:
        if isinstance(self.asking.settings, str):
            return _refused(self.asking.settings, 409)
        try:
            async with request.form(max_files=MOST_PHOTOS, max_fields=0) as form:
                files = [one for _, one in form.multi_items() if isinstance(one, UploadFile)]
                names, refused = taken([one.filename for one in files])
                photos = [(name, one.file) for name, one in zip(names, files, strict=True) if name is not None]
                if not photos:
                    return _refused("; ".join(refused) or "no photos were sent; choose some", 400)
                n = await run_in_threadpool(self.asking.begin, photos, refused)
        except (HTTPException, FormParserError, ClientDisconnect):
            return _refused(f"the photos cannot be read as they were sent; send at most {MOST_PHOTOS}", 400)
        except OSError as error:
            return _refused(f"the photos cannot be put aside ({error.strerror}); free some space", 507)
        return JSONResponse({"n": n}, 202)

    def state(self, request: Request) -> Response:
        one = self._asked(request)
        task = one.task
        if not task.over:
            doing = task.doing
            said = {"what": doing.what, "done": doing.done, "total": doing.total, "left": doing.left}
            return JSONResponse({"state": "working", **said})
        if task.facts is None:
            return JSONResponse({"state": "failed", "error": task.error, "lines": one.refused})
        return JSONResponse(
            {
                "state": "done",
                "about": one.about,
                "finding": task.facts["finding"],
                "sentence": task.facts["sentence"],
                "lines": [*one.refused, *task.facts["not_used"]],
                "near": self._rows(task.facts["near"]),
                "kept": one.kept and str(one.kept),
            }
        )

    def sheet(self, request: Request) -> Response:
        facts = self._asked(request).task.facts
        if facts is None:
            raise HTTPException(404, "no such sheet")
        return Framed(facts["page"])

    def keep(self, request: Request) -> Response:
        if self._asked(request).task.facts is None:
            raise HTTPException(404, "no such sheet")
        try:
            return JSONResponse({"kept": str(self.asking.keep(request.path_params["n"]))})
        except InputError as error:
            return _refused(error.on_command_line, 507)

    def stop(self, request: Request) -> Response:
        one = self._asked(request)
        if not one.task.over:
            one.task.stop()
        return JSONResponse({})

    def _asked(self, request: Request) -> Asked:
        try:
            return self.asking[request.path_params["n"]]
        except KeyError:
            raise HTTPException(404, "no such sheet") from None

    def _rows(self, names: list[str]) -> list[int]:
        """Rows of the samples that a sheet names, as far as the audit has them."""
        rows = (self.audit.row_of(name) for name in names)
        return [row for row in rows if row is not None]


def _refused(why: str, status: int) -> Response:
    said: dict[str, Any] = {"error": why}
    return JSONResponse(said, status)
