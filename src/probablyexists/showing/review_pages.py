"""The addresses of the blind review. None of them, and nothing that they answer, says which half a question is of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from probablyexists.answers.review_answers import DECISIONS, decision_of
from probablyexists.basis.errors import InputError
from probablyexists.report.people_texts import is_unjudged
from probablyexists.report.review_texts import LIMITS, n_matched, power, rows, sentences
from probablyexists.showing.front import evidence
from probablyexists.showing.opened import Opened
from probablyexists.showing.reviewing import LONGEST_NAME, Review

MOST_SENT = 4096
"""Bytes of what is posted here."""

Page = Callable[..., HTMLResponse]


def review_routes(audit: Opened, page: Page, base: str) -> list[Route]:
    """Of the review; `page` renders a template, `base` is the start of every address."""
    pages = _Pages(Review(audit), page, base)
    return [
        Route("/review", pages.start),
        Route("/review", pages.begin, methods=["POST"]),
        Route("/review/report", pages.report, methods=["POST"]),
        Route("/review/{who:int}", pages.following),
        Route("/review/{who:int}/result", pages.result),
        Route("/review/{who:int}/stop", pages.stop, methods=["POST"]),
        Route("/review/{who:int}/{question:int}", pages.question),
        Route("/review/{who:int}/{question:int}", pages.decide, methods=["POST"]),
        Route("/picture/review/{question:int}/{at:int}", pages.picture),
    ]


class _Pages:
    """The views; each is one address."""

    def __init__(self, review: Review, page: Page, base: str) -> None:
        self.review, self._page, self._base = review, page, base

    def start(self, _: Request) -> Response:
        review = self.review
        about: dict[str, Any] = {"why_not": None, "lacking": review.lacking, "longest": LONGEST_NAME}
        try:
            plan = review.plan
            named = sum(pair.named for pair in plan.pairs)
            about |= {"n": len(plan.questions), "named": named, "matched": n_matched(plan), "alone": plan.n_alone}
            about |= {"power": power(n_matched(plan)) if n_matched(plan) else "", "notes": review.notes}
        except InputError as error:
            about["why_not"] = error.on_command_line
        return self._page("review.html.j2", here="review", **about)

    def following(self, request: Request) -> Response:
        who = self._who(request)
        question = self.review.next(who)
        if question is None:
            return RedirectResponse(f"{self._base}/review/{who}/result", 303)
        return self._asked(who, question)

    def question(self, request: Request) -> Response:
        who, question = self._who(request), int(request.path_params["question"]) - 1
        decided = self.review.reviewer(who).decided
        if decided.ended or question not in decided.said:
            raise HTTPException(404, "no such question")
        return self._asked(who, question)

    def _asked(self, who: int, question: int) -> Response:
        said, n = self.review.reviewer(who).decided.said, len(self.review.plan.questions)
        last = max((at for at in said if at < question), default=None)
        about = {"who": who, "question": question + 1, "n": n, "photos": self.review.photos(question)}
        return self._page(
            "review_question.html.j2",
            here="review",
            last=None if last is None else last + 1,
            answered=len(said),
            before=said.get(question),
            **about,
        )

    def result(self, request: Request) -> Response:
        who = self._who(request)
        try:
            found, differs = self.review.result(who)
        except ValueError:
            raise HTTPException(404, "the result is shown once the review has ended") from None
        audit = self.review.audit
        row_of = {person["person"]: row for row, person in enumerate(audit.people)}
        unjudged = {row["person"] for row in audit.people if is_unjudged(audit.findings, row)}
        why = {name: evidence(audit, row) for name, row in row_of.items() if any(one.person == name for one in differs)}
        return self._page(
            "review_result.html.j2",
            here="review",
            found=found,
            differs=[
                replace(one, kind="unjudged") if one.kind == "not named" and one.person in unjudged else one
                for one in differs
            ],
            why=why,
            row_of=row_of,
            rows=rows(found),
            sentences=sentences(found),
            limits=LIMITS,
        )

    def picture(self, request: Request) -> Response:
        try:
            data = self.review.picture(int(request.path_params["question"]) - 1, int(request.path_params["at"]))
        except IndexError:
            raise HTTPException(404, "no such picture") from None
        return Response(data, media_type="image/jpeg")

    async def begin(self, request: Request) -> Response:
        name = (await _sent(request)).get("name")
        return await run_in_threadpool(self._begun, name)

    def _begun(self, name: object) -> Response:
        try:
            who = self.review.begin(name if isinstance(name, str) else "")
        except ValueError as error:
            return _refused(f"The name {error}.", 422)
        except InputError as error:
            return _refused(error.on_command_line, 409)
        return JSONResponse({"to": f"/review/{who}"})

    async def decide(self, request: Request) -> Response:
        who, question = self._who(request), int(request.path_params["question"]) - 1
        decision = (await _sent(request)).get("decision")
        return await run_in_threadpool(self._decided, who, question, decision)

    def _decided(self, who: int, question: int, sent: object) -> Response:
        decision = decision_of(sent)
        if decision is None:
            return _refused(f"A decision is one of {', '.join(DECISIONS)}.", 422)
        try:
            self.review.decide(who, question, decision)
        except (IndexError, ValueError):
            return _refused("This question cannot be answered any more.", 409)
        except InputError as error:
            return _refused(error.on_command_line, 507)
        return JSONResponse({"to": f"/review/{who}"})

    async def stop(self, request: Request) -> Response:
        who = self._who(request)
        try:
            await run_in_threadpool(self.review.end, who)
        except InputError as error:
            return _refused(error.on_command_line, 507)
        return JSONResponse({"to": f"/review/{who}/result"})

    async def report(self, _: Request) -> Response:
        try:
            await run_in_threadpool(self.review.into_report)
        except (OSError, ValueError, InputError) as error:
            return _refused(f"report.html cannot be written ({error}).", 507)
        return JSONResponse({"said": "It is in report.html now, before the method."})

    def _who(self, request: Request) -> int:
        who = int(request.path_params["who"])
        try:
            self.review.reviewer(who)
        except IndexError:
            raise HTTPException(404, "the page was opened again; begin the review again under the same name") from None
        return who


def _refused(why: str, status: int) -> Response:
    return JSONResponse({"why": why}, status)


async def _sent(request: Request) -> dict[str, Any]:
    """The JSON object that was posted; an empty one if it is none, or too large."""
    if int(request.headers["content-length"]) > MOST_SENT:
        return {}
    try:
        sent = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}
