"""The call list: whom to call, one tap to call, one tap for what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, allowed, db, me, sees_phones
from admin.customers import row_id
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, goods, staff, tasks
from loyalty.errors import DomainError, TaskNotFound
from loyalty.staff import MARKETER, OWNER
from loyalty.tasks import Outcome, Task
from loyalty.texts import N_, Translator

HOME = "/admin/calls"
CALLING = (OWNER, MARKETER)
"""Roles that see phone numbers, and so may call."""
_FURTHEST = 10_000

OUTCOMES = {
    "reached": N_("Talked"),
    "will_come": N_("Will come"),
    "no_answer": N_("No answer"),
    "not_interested": N_("Not interested"),
    "wrong_number": N_("Wrong number"),
}
STATUSES = {"open": N_("to call"), "done": N_("called"), "dropped": N_("dropped")}


def routes(id_: str) -> list[web.AbstractRouteDef]:
    """The pages; ``id_`` is the pattern of an id in an address."""
    return [
        web.get(HOME, list_page),
        web.get(f"{HOME}/waiting", waiting_badge),
        web.post(f"{HOME}/{id_}/close", close),
        web.post(f"{HOME}/{id_}/drop", drop),
        web.post(f"{HOME}/{id_}/assign", assign),
    ]


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Calls that are due first; those that are over by the button above."""
    return await _list(request)


@allowed(*PANEL)
async def waiting_badge(request: web.Request) -> web.StreamResponse:
    """How many wait to be made, for the navigation; nothing if none does."""
    found = await db(request).read(tasks.counts)
    return page(request, "_waiting.html", count=found.get(tasks.OPEN, 0))


async def _list(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    query = request.query
    chosen = query.get("state", "") if query.get("state") in tasks.STATUSES else tasks.OPEN
    mine, free = query.get("who") == "me", query.get("who") == "nobody"
    outlet_id = row_id(query.get("outlet", ""))
    number = min(row_id(query.get("page", "1")) or 1, _FURTHEST)
    assignee = me(request).id if mine else None
    now, shows_phones = clock.now(), sees_phones(request)

    def unit(session: Session) -> dict[str, Any]:
        listed = tasks.listing(
            session,
            status=chosen,
            assignee_id=assignee,
            unassigned=free,
            outlet_id=outlet_id,
            offset=(number - 1) * tasks.PAGE,
        )
        shown = listed[: tasks.PAGE]
        callers = [one for one in staff.everyone(session) if one.revoked_at is None]
        return {
            "shown": [_hidden(one) if not shows_phones else one for one in shown],
            "following": number + 1 if len(listed) > tasks.PAGE else None,
            "counts": tasks.counts(
                session, assignee_id=assignee, unassigned=free, outlet_id=outlet_id
            ),
            "last": goods.last_bought(session, {one.customer_id for one in shown}),
            "callers": [one for one in callers if one.role in CALLING],
            "places": staff.outlets(session),
        }

    values = await db(request).read(unit)
    return page(
        request,
        "calls.html",
        status=status,
        problem=problem,
        chosen=chosen,
        states=STATUSES,
        outcomes=OUTCOMES,
        who=query.get("who", "") if mine or free else "",
        outlet_id=outlet_id,
        now=now,
        may_call=me(request).role in CALLING,
        title_of=lambda one: title_of(one, language(request)),
        note_limit=tasks.NOTE_LIMIT,
        **values,
    )


def title_of(one: Task, t: Translator) -> str:
    """What is to be done, in the reader's language if it was said in it."""
    return str(one.title.get(t.language) or next(iter(one.title.values()), ""))


def _hidden(one: Task) -> Task:
    """The same without the phone, for roles that see none."""
    return Task(
        **{name: getattr(one, name) for name in Task.__dataclass_fields__ if name != "phone"},
        phone=None,
    )


@allowed(*CALLING)
async def close(request: web.Request) -> web.StreamResponse:
    """The call was made: what came of it."""
    form = await request.post()
    outcome, note = str(form.get("outcome", "")), str(form.get("note", ""))
    t = language(request)
    if outcome not in tasks.OUTCOMES:
        return await _list(request, problem=str(t("Choose how the call ended.")), status=400)
    task_id, actor, now = _task_id(request), me(request).actor, clock.now()
    return await _do(
        request,
        lambda session: tasks.close(
            session,
            task_id=task_id,
            outcome=cast(Outcome, outcome),
            note=note.replace("\r\n", "\n"),
            actor=actor,
            now=now,
        ),
    )


@allowed(*CALLING)
async def drop(request: web.Request) -> web.StreamResponse:
    """Nobody needs to be called."""
    task_id, actor, now = _task_id(request), me(request).actor, clock.now()
    return await _do(
        request, lambda session: tasks.drop(session, task_id=task_id, actor=actor, now=now)
    )


@allowed(*CALLING)
async def assign(request: web.Request) -> web.StreamResponse:
    """Somebody takes the call, or lets it go."""
    form = await request.post()
    task_id, actor, now = _task_id(request), me(request).actor, clock.now()
    staff_id = row_id(str(form.get("staff", "")))
    return await _do(
        request,
        lambda session: tasks.assign(
            session, task_id=task_id, staff_id=staff_id, actor=actor, now=now
        ),
    )


async def _do(request: web.Request, unit: Callable[[Session], None]) -> web.StreamResponse:
    """Do it, and back to the list as it was; what is refused is told there."""
    try:
        await db(request).transact(unit)
    except TaskNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _list(request, problem=problem, status=status_of(error))
    back = request.query_string
    raise web.HTTPSeeOther(f"{HOME}?{back}" if back else HOME)


def _task_id(request: web.Request) -> int:
    task_id = row_id(request.match_info["id"])
    if task_id is None:
        raise TaskNotFound()
    return task_id
