"""Points corrected by hand and spending paused: forms on the customer's card, and the list of
corrections that wait for a second person."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.customers import row_id, show_card
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, program, staff, wallet
from loyalty.errors import AdjustmentNotFound, CustomerNotFound, DomainError, PointsInvalid
from loyalty.reports import card
from loyalty.staff import MARKETER, OWNER

_POINTS = re.compile(r"([+\-\u2212]?)([0-9]{1,8})")
_PAUSES = {"": None, "3": 3, "30": 30}
"""Days a pause may last; None is until somebody releases it."""


@allowed(OWNER)
async def adjust(request: web.Request) -> web.StreamResponse:
    """Correct a customer's points, or ask another owner when it is many."""
    customer_id, form = _customer_id(request), await request.post()
    actor, now, time_zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone
    text, until = str(form.get("points", "")), str(form.get("expires", "")).strip()

    def unit(session: Session) -> None:
        rules = program.current(session, now=now).program
        points = _points(text)
        wallet.request_adjustment(
            session,
            adjustment_id=_adjustment_id(str(form.get("key", ""))),
            customer_id=customer_id,
            points=points,
            reason=str(form.get("reason", "")),
            actor=actor,
            alone_up_to=rules.adjustment_alone_up_to,
            now=now,
            expires_at=_expiry(until, rules, now=now, time_zone=time_zone),
        )

    return await _on_card(request, customer_id, unit)


@allowed(OWNER, MARKETER)
async def pause(request: web.Request) -> web.StreamResponse:
    """Let no points of this customer be spent, for a reason."""
    customer_id, form = _customer_id(request), await request.post()
    actor, now = me(request).actor, clock.now()
    days = _PAUSES.get(str(form.get("days", "")))
    until = None if days is None else now + timedelta(days=days)

    def unit(session: Session) -> None:
        wallet.pause_spending(
            session,
            customer_id=customer_id,
            reason=str(form.get("reason", "")),
            until=until,
            actor=actor,
            now=now,
        )

    return await _on_card(request, customer_id, unit)


@allowed(OWNER, MARKETER)
async def release(request: web.Request) -> web.StreamResponse:
    """Let points be spent again; also after a phone has moved to a new chat."""
    customer_id, actor, now = _customer_id(request), me(request).actor, clock.now()
    return await _on_card(
        request,
        customer_id,
        lambda session: wallet.release_spending(
            session, customer_id=customer_id, actor=actor, now=now
        ),
    )


@allowed(OWNER)
async def repair(request: web.Request) -> web.StreamResponse:
    """Make points that do not add up do so again, by corrections; released by the next check."""
    customer_id, form = _customer_id(request), await request.post()
    actor, now = me(request).actor, clock.now()
    return await _on_card(
        request,
        customer_id,
        lambda session: wallet.repair(
            session,
            customer_id=customer_id,
            reason=str(form.get("reason", "")),
            actor=actor,
            now=now,
        ),
    )


@allowed(OWNER)
async def waiting_page(request: web.Request) -> web.StreamResponse:
    """Corrections that wait for a second person."""
    return await _waiting(request)


@allowed(OWNER)
async def approve(request: web.Request) -> web.StreamResponse:
    """Post a correction that another person asked for."""
    actor, now = me(request).actor, clock.now()
    return await _decide(
        request,
        lambda session, number: wallet.approve_adjustment(
            session, adjustment_id=number, actor=actor, now=now
        ),
    )


@allowed(OWNER)
async def decline(request: web.Request) -> web.StreamResponse:
    """Turn it down."""
    actor, now = me(request).actor, clock.now()
    return await _decide(
        request,
        lambda session, number: wallet.decline_adjustment(
            session, adjustment_id=number, actor=actor, now=now
        ),
    )


async def _on_card(
    request: web.Request, customer_id: int, unit: Callable[[Session], object]
) -> web.StreamResponse:
    """Do it and show the card again; a refusal is told on it."""
    try:
        await db(request).transact(unit)
    except CustomerNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await show_card(request, customer_id, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(f"/admin/customers/{customer_id}")


async def _decide(
    request: web.Request, decision: Callable[[Session, int], object]
) -> web.StreamResponse:
    number = _adjustment_id(request.match_info["id"])
    try:
        await db(request).transact(lambda session: decision(session, number))
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _waiting(request, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther("/admin/adjustments")


async def _waiting(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.StreamResponse:
    def unit(session: Session) -> list[dict[str, object]]:
        people = {person.actor: person.name for person in staff.everyone(session)}
        return [
            {
                "request": asked,
                "person": card.profile(session, customer_id=asked.customer_id),
                "asked_by": people.get(asked.requested_by, asked.requested_by),
            }
            for asked in wallet.waiting_adjustments(session)
        ]

    found = await db(request).read(unit)
    return page(request, "adjustments.html", status=status, waiting=found, problem=problem)


def _customer_id(request: web.Request) -> int:
    customer_id = row_id(request.match_info["id"])
    if customer_id is None:
        raise CustomerNotFound()
    return customer_id


def _adjustment_id(text: str) -> int:
    number = row_id(text)
    if not number:
        raise AdjustmentNotFound()
    return number


def _points(text: str) -> int:
    """Points with their sign: "50", "+50", "−50".

    Raises:
        PointsInvalid: anything else.
    """
    found = _POINTS.fullmatch("".join(text.split()))
    if found is None:
        raise PointsInvalid()
    return int(found[2]) if found[1] in ("", "+") else -int(found[2])


def _expiry(text: str, rules: program.Program, *, now: datetime, time_zone: str) -> datetime | None:
    """When the points stop being good: after the day that was chosen, or as earned ones do.

    Raises:
        PointsInvalid: not a day.
    """
    if not text:
        days = rules.expiry_days
        today = clock.local_date(now, time_zone)
        return None if days is None else clock.end_of_validity(today, days, time_zone)
    try:
        last = date.fromisoformat(text)
    except ValueError:
        raise PointsInvalid() from None
    if not 1970 <= last.year <= 9000:
        raise PointsInvalid()
    return clock.end_of_validity(last, 0, time_zone)
