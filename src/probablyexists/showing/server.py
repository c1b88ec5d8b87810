"""The routes of the page: an address to a view, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from traceback import print_exception
from typing import Any

import anyio
import anyio.to_thread
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from probablyexists.basis.errors import ImageError
from probablyexists.basis.roles import Role
from probablyexists.report import words
from probablyexists.report.page import tight
from probablyexists.showing.ask_page import ask_routes
from probablyexists.showing.asking import Asking
from probablyexists.showing.compare_page import Comparing, compare_routes
from probablyexists.showing.door import Door
from probablyexists.showing.front import about_sample, face
from probablyexists.showing.opened import ORDERS, Opened
from probablyexists.showing.people_pages import SHOWN, SORTS, Asked, person, table
from probablyexists.showing.review_pages import review_routes
from probablyexists.showing.small_pictures import SIDES
from probablyexists.showing.ticket import Ticket
from probablyexists.showing.wall import wall

THREADS = 6
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ROLES: tuple[Role, ...] = ("training", "unseen", "heldout")


def app(
    audit: Opened,
    token: str,
    port: int,
    asking: Asking,
    comparing: Comparing | None = None,
    ticket: Ticket | None = None,
) -> Door:
    """The page for one audit, behind its door; with another to compare it with, if there is one."""
    pages = _Pages(audit, token, compares=comparing is not None)
    routes = [
        Route("/", pages.front),
        Route("/face", pages.face),
        Route("/people", pages.people),
        Route("/people/{row:int}", pages.person),
        Route("/samples", pages.samples),
        Route("/samples/{row:int}", pages.sample),
        Route("/picture/sample/{row:int}/{side:int}", pages.sample_picture),
        Route("/picture/person/{row:int}/{role}/{at:int}/{side:int}", pages.person_picture),
        *review_routes(audit, pages.page, f"/{token}"),
        Route("/static/{name}", _static),
        *ask_routes(audit, asking, pages.page),
        *([] if comparing is None else compare_routes(comparing, pages.page)),
    ]
    handlers = {HTTPException: pages.failed, Exception: pages.broken}
    return Door(Starlette(routes=routes, exception_handlers=handlers, lifespan=_few_threads), token, port, ticket)


@asynccontextmanager
async def _few_threads(_: Starlette) -> AsyncIterator[None]:
    """Fewer threads than the library's 40, each of which keeps memory of its own once it has decoded a picture."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


class _Pages:
    """The views; each is one address."""

    def __init__(self, audit: Opened, token: str, *, compares: bool) -> None:
        self.audit = audit
        templates = Environment(
            loader=ChoiceLoader([PackageLoader("probablyexists.showing"), PackageLoader("probablyexists.report", "")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        has = {"samples": audit.pictures.has("generated"), "photos": audit.pictures.has("training")}
        has["comparison"] = compares
        templates.globals.update(w=words, tight=tight, base=f"/{token}", f=audit.findings, has=has)
        self._templates = templates

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(name).render(values), status)

    def failed(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self.page("nothing.html.j2", error.status_code, here="", what=error.detail)

    def broken(self, _: Request, error: Exception) -> Response:
        """A fault of the program: told in the terminal, as the browser is not shown what only its owner should see."""
        print_exception(error)
        return self.page("nothing.html.j2", 500, here="", what="A fault of the program; the terminal says which")

    def front(self, request: Request) -> Response:
        order = _order(request)
        return self.page("front.html.j2", here="front", order=order, orders=ORDERS, n=len(self.audit.in_order(order)))

    def face(self, request: Request) -> Response:
        try:
            return JSONResponse(face(self.audit, _order(request), _number(request, "at")))
        except IndexError:
            raise HTTPException(404, "no such sample") from None

    def people(self, request: Request) -> Response:
        given = request.query_params
        sort, which = given.get("sort", "exposure"), given.get("which", "all")
        asked = Asked(
            sort if sort in SORTS else "exposure",
            which if which in SHOWN else "all",
            given.get("group", ""),
            given.get("text", "")[:200],
            _number(request, "page"),
        )
        return self.page("people.html.j2", here="people", sorts=SORTS, choices=SHOWN, **table(self.audit, asked))

    def person(self, request: Request) -> Response:
        row = _row(request, len(self.audit.people))
        return self.page("person.html.j2", here="people", sides=SIDES, **person(self.audit, row))

    def samples(self, request: Request) -> Response:
        order = request.query_params.get("order", "likeness")
        order = order if order in ORDERS else "likeness"
        return self.page(
            "wall.html.j2", here="samples", orders=ORDERS, **wall(self.audit, order, _number(request, "page"))
        )

    def sample(self, request: Request) -> Response:
        row = _row(request, self.audit.n_samples)
        about, path = about_sample(self.audit, row), self.audit.sample_path(row)
        return self.page("sample.html.j2", here="samples", one=about, path=path)

    def sample_picture(self, request: Request) -> Response:
        row = _row(request, self.audit.n_samples)
        return self._picture("generated", self.audit.sample_path(row), request)

    def person_picture(self, request: Request) -> Response:
        role, at = request.path_params["role"], request.path_params["at"]
        row = _row(request, len(self.audit.people))
        paths = self.audit.photo_paths(self.audit.people[row]["person"], role) if role in _ROLES else ()
        if at >= len(paths):
            raise HTTPException(404, "no such photo")
        return self._picture(role, paths[at], request)

    def _picture(self, role: Role, path: str, request: Request) -> Response:
        side = request.path_params["side"]
        if side not in SIDES:
            raise HTTPException(404, "no such size")
        try:
            return Response(self.audit.pictures.jpeg(role, path, side), media_type="image/jpeg")
        except ImageError as error:
            return PlainTextResponse(f"{error.reason}\n", 404)


def _order(request: Request) -> str:
    order = request.query_params.get("order", "random")
    return order if order in ORDERS else "random"


def _number(request: Request, name: str) -> int:
    """A number of the query from 0; 0 if there is none."""
    text = request.query_params.get(name, "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _row(request: Request, n: int) -> int:
    row = int(request.path_params["row"])
    if row >= n:
        raise HTTPException(404, "no such page")
    return row


def _static(request: Request) -> Response:
    """The page's own scripts and style, by name."""
    name = request.path_params["name"]
    kind = _KINDS.get(name.rpartition(".")[2])
    known = {file.name: file for file in resources.files("probablyexists.showing").joinpath("static").iterdir()}
    if kind is None or name not in known:
        raise HTTPException(404, "no such file")
    return Response(known[name].read_bytes(), media_type=kind)
