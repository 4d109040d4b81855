"""Webhooks in the panel: where the shop's other systems are told, and whether they answer."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import KEYS, allowed, db, me
from admin.customers import row_id
from admin.errors import status_of
from admin.render import language, page
from admin.webhooks_words import AnswerWords
from loyalty import clock, webhooks
from loyalty.errors import WebhookInvalid, WebhookNotFound
from loyalty.ids import new_id
from loyalty.staff import OWNER
from loyalty.webhooks import Endpoint

HOME = "/admin/webhooks"
_SHOWN = 30


def routes(id_: str) -> list[web.AbstractRouteDef]:
    """The pages, all of them the owner's; ``id_`` is the pattern of an id in an address."""
    one = f"{HOME}/{id_}"
    return [
        web.get(HOME, list_page),
        web.post(HOME, add),
        web.get(one, one_page),
        web.post(one, change),
        web.get(f"{one}/deliveries", deliveries_part),
        web.post(f"{one}/test", send_test),
        web.post(f"{one}/secret", rotate),
        web.post(f"{one}/switch", switch),
        web.post(f"{one}/remove", remove),
        web.post(f"{one}/resend", resend),
    ]


@allowed(OWNER)
async def list_page(request: web.Request) -> web.StreamResponse:
    """All endpoints, and a new one."""
    return await _list(request)


async def _list(
    request: web.Request,
    *,
    typed: tuple[str, list[str]] = ("", []),
    problem: str | None = None,
    key: str | None = None,
    status: int = 200,
) -> web.Response:
    def unit(session: Session) -> tuple[list[Endpoint], dict[int, int]]:
        return webhooks.listing(session), webhooks.waiting(session)

    found, waiting = await db(request).read(unit)
    return page(
        request,
        "webhooks.html",
        status=status,
        found=found,
        waiting=waiting,
        typed=typed,
        problem=problem,
        key=key or str(new_id()),
        types=webhooks.TYPES,
        answers=AnswerWords(language(request)),
        full=len(found) >= webhooks.MOST,
    )


@allowed(OWNER)
async def add(request: web.Request) -> web.StreamResponse:
    """A new endpoint; its secret is on the page that answers, and never again."""
    url, wanted, form = await _typed(request)
    number, actor, now = row_id(str(form.get("key", ""))), me(request).actor, clock.now()

    def unit(session: Session) -> tuple[Endpoint, bool]:
        if not wanted:
            raise WebhookInvalid(problem="no_events")
        known = number is not None and any(e.id == number for e in webhooks.listing(session))
        if known and number is not None:
            return webhooks.get(session, number), False
        made = webhooks.add(
            session, url=url, wanted=wanted, actor=actor, now=now, webhook_id=number
        )
        return made, True

    try:
        endpoint, fresh = await db(request).transact(unit)
    except WebhookInvalid as error:
        problem = AnswerWords(language(request)).problem(error)
        return await _list(
            request,
            typed=(url, wanted),
            problem=problem,
            key=str(number or new_id()),
            status=status_of(error),
        )
    return await _one(request, endpoint.id, show_secret=fresh)


@allowed(OWNER)
async def one_page(request: web.Request) -> web.StreamResponse:
    """One endpoint: how it does, what it was told, what can be done."""
    return await _one(request, _id(request))


async def _one(
    request: web.Request,
    webhook_id: int,
    *,
    show_secret: bool = False,
    typed: tuple[str, list[str]] | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    def unit(session: Session) -> dict[str, Any]:
        return {
            "endpoint": webhooks.get(session, webhook_id),
            "waiting": webhooks.waiting(session).get(webhook_id, 0),
            **_deliveries(session, webhook_id),
        }

    values = await db(request).read(unit)
    endpoint: Endpoint = values["endpoint"]
    secret = None
    if show_secret:
        secret = webhooks.secret_of(
            request.app[KEYS], webhook_id=endpoint.id, number=endpoint.secret_number
        )
    return page(
        request,
        "webhook.html",
        status=status,
        secret=secret,
        problem=problem,
        typed=typed or (endpoint.url, list(endpoint.events or webhooks.TYPES)),
        types=webhooks.TYPES,
        answers=AnswerWords(language(request)),
        older=None,
        **values,
    )


def _deliveries(session: Session, webhook_id: int, *, before: int | None = None) -> dict[str, Any]:
    found = webhooks.deliveries(session, webhook_id, limit=_SHOWN + 1, before=before)
    shown = found[:_SHOWN]
    now = clock.now()
    return {
        "shown": shown,
        "following": shown[-1].id if len(found) > _SHOWN else None,
        # While something is on its way the page looks again by itself.
        "moving": any(
            one.state == "calling" or (one.state == "queued" and one.due_at <= now) for one in shown
        ),
        "bodies": {one.id: json.dumps(one.body, ensure_ascii=False, indent=2) for one in shown},
    }


@allowed(OWNER)
async def deliveries_part(request: web.Request) -> web.StreamResponse:
    """The list of what was told, for the page that looks again; ``before``: what is older."""
    webhook_id = _id(request)
    before = row_id(request.query.get("before", ""))

    def unit(session: Session) -> dict[str, Any]:
        return {
            "endpoint": webhooks.get(session, webhook_id),
            **_deliveries(session, webhook_id, before=before),
        }

    values = await db(request).read(unit)
    return page(
        request,
        "_webhook_deliveries.html",
        answers=AnswerWords(language(request)),
        older=before,
        **values,
    )


@allowed(OWNER)
async def change(request: web.Request) -> web.StreamResponse:
    """Another address, other events."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    url, wanted, _form = await _typed(request)

    def unit(session: Session) -> None:
        if not wanted:
            raise WebhookInvalid(problem="no_events")
        webhooks.change(session, webhook_id, url=url, wanted=wanted, actor=actor, now=now)

    try:
        await db(request).transact(unit)
    except WebhookInvalid as error:
        problem = AnswerWords(language(request)).problem(error)
        return await _one(
            request, webhook_id, typed=(url, wanted), problem=problem, status=status_of(error)
        )
    raise web.HTTPSeeOther(f"{HOME}/{webhook_id}")


@allowed(OWNER)
async def send_test(request: web.Request) -> web.StreamResponse:
    """Tell it a test, at once."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    await db(request).transact(
        lambda session: webhooks.send_test(session, webhook_id, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(f"{HOME}/{webhook_id}#told")


@allowed(OWNER)
async def rotate(request: web.Request) -> web.StreamResponse:
    """A new secret, on the page that answers and never again."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    number = row_id(str((await request.post()).get("number", "")))
    endpoint = await db(request).transact(
        lambda session: webhooks.rotate(session, webhook_id, actor=actor, now=now, number=number)
    )
    fresh = number is None or endpoint.secret_number == number + 1
    return await _one(request, webhook_id, show_secret=fresh)


@allowed(OWNER)
async def switch(request: web.Request) -> web.StreamResponse:
    """Off, or on again."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    turn = webhooks.enable if (await request.post()).get("on") == "1" else webhooks.disable
    await db(request).transact(lambda session: turn(session, webhook_id, actor=actor, now=now))
    raise web.HTTPSeeOther(f"{HOME}/{webhook_id}")


@allowed(OWNER)
async def remove(request: web.Request) -> web.StreamResponse:
    """Forget it, and what it was to be told."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    await db(request).transact(
        lambda session: webhooks.remove(session, webhook_id, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(HOME)


@allowed(OWNER)
async def resend(request: web.Request) -> web.StreamResponse:
    """Tell it something once more. ``id`` in the address is the endpoint's."""
    webhook_id, actor, now = _id(request), me(request).actor, clock.now()
    delivery_id = row_id(str((await request.post()).get("delivery", "")))
    if delivery_id is None:
        raise WebhookNotFound()
    number: int = delivery_id
    await db(request).transact(
        lambda session: webhooks.resend(session, number, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(f"{HOME}/{webhook_id}#told")


async def _typed(request: web.Request) -> tuple[str, list[str], Any]:
    form: Any = await request.post()
    url = str(form.get("url", "")).strip()[: webhooks.LONGEST_URL + 1]
    return url, [str(type_) for type_ in form.getall("events", [])], form


def _id(request: web.Request) -> int:
    webhook_id = row_id(request.match_info["id"])
    if webhook_id is None:
        raise WebhookNotFound()
    return webhook_id
