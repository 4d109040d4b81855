"""Talks with guests: who waits for an answer, the words, the answer."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, allowed, db, me
from admin.customers import row_id
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, feedback
from loyalty.errors import DomainError, TalkNotFound
from loyalty.ids import new_id
from loyalty.staff import MARKETER, OWNER

HOME = "/admin/talks"
ANSWERING = (OWNER, MARKETER)
"""Roles that speak for the house; the analyst reads."""
_PAGE = 30
_FURTHEST = 10_000


def routes(id_: str) -> list[web.AbstractRouteDef]:
    """The pages; ``id_`` is the pattern of an id in an address."""
    return [
        web.get(HOME, list_page),
        web.get(f"{HOME}/waiting", waiting_badge),
        web.get(f"{HOME}/{id_}", thread_page),
        web.post(f"{HOME}/{id_}/answer", answer),
        web.post(f"{HOME}/{id_}/close", close),
        web.post(f"{HOME}/{id_}/reopen", reopen),
    ]


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Those who wait first, the longest first."""
    chosen = request.query.get("state", "")
    status = chosen if chosen in feedback.STATUSES else None
    number = row_id(request.query.get("page", "1")) or 1
    offset = (min(number, _FURTHEST) - 1) * _PAGE

    def unit(session: Session) -> dict[str, Any]:
        return {
            "listed": feedback.talks(session, status=status, limit=_PAGE, offset=offset),
            "counts": feedback.counts(session),
        }

    values = await db(request).read(unit)
    listed = values.pop("listed")
    return page(
        request,
        "talks.html",
        shown=listed[:_PAGE],
        following=number + 1 if len(listed) > _PAGE else None,
        chosen=status or "",
        states=feedback.STATUSES,
        **values,
    )


@allowed(*PANEL)
async def waiting_badge(request: web.Request) -> web.StreamResponse:
    """How many wait, for the navigation of every page; nothing if nobody does."""
    count = await db(request).read(feedback.waiting)
    return page(request, "_waiting.html", count=count)


@allowed(*PANEL)
async def thread_page(request: web.Request) -> web.StreamResponse:
    """One talk with all its words."""
    return await _show(request, _talk_id(request))


async def _show(
    request: web.Request,
    talk_id: int,
    *,
    problem: str | None = None,
    typed: str = "",
    key: str | None = None,
    status: int = 200,
) -> web.Response:
    thread = await db(request).read(lambda session: feedback.thread(session, talk_id))
    return page(
        request,
        "talk.html",
        status=status,
        problem=problem,
        typed=typed,
        thread=thread,
        talk=thread.talk,
        limit=feedback.WORDS_LIMIT,
        # Made with the form: sent twice, it is one answer.
        key=key or str(new_id()),
        may_answer=me(request).role in ANSWERING,
    )


@allowed(*ANSWERING)
async def answer(request: web.Request) -> web.StreamResponse:
    """Say something to the guest."""
    talk_id, actor, now = _talk_id(request), me(request).actor, clock.now()
    form = await request.post()
    # A browser sends line ends of two characters and counts them as one.
    typed, key = str(form.get("text", "")).replace("\r\n", "\n"), str(form.get("key", ""))[:40]

    def unit(session: Session) -> None:
        feedback.answer(
            session, talk_id=talk_id, text=typed, key=f"panel:{key}", actor=actor, now=now
        )

    try:
        await db(request).transact(unit)
    except TalkNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show(
            request, talk_id, problem=problem, typed=typed, key=key, status=status_of(error)
        )
    raise web.HTTPSeeOther(f"{HOME}/{talk_id}#last")


@allowed(*ANSWERING)
async def close(request: web.Request) -> web.StreamResponse:
    """Nothing more is owed; on to those who wait."""
    talk_id, actor, now = _talk_id(request), me(request).actor, clock.now()
    await db(request).transact(
        lambda session: feedback.close(session, talk_id=talk_id, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(HOME)


@allowed(*ANSWERING)
async def reopen(request: web.Request) -> web.StreamResponse:
    """It waits for an answer again."""
    talk_id, actor, now = _talk_id(request), me(request).actor, clock.now()
    try:
        await db(request).transact(
            lambda session: feedback.reopen(session, talk_id=talk_id, actor=actor, now=now)
        )
    except TalkNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show(request, talk_id, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(f"{HOME}/{talk_id}")


def _talk_id(request: web.Request) -> int:
    talk_id = row_id(request.match_info["id"])
    if talk_id is None:
        raise TalkNotFound()
    return talk_id
