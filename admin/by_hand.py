"""Stamps and a level given by hand, on a customer's card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.customers import customer_id_of, row_id, show_card
from admin.errors import status_of
from admin.render import language
from admin.words import Words
from loyalty import clock, events, program, stamps, tiers
from loyalty.db import Rows
from loyalty.errors import CustomerNotFound, DomainError, StampsInvalid
from loyalty.reports import card
from loyalty.staff import OWNER
from loyalty.tiers import REASONS

MOST_STAMPS = 50


@allowed(OWNER)
async def give_stamps(request: web.Request) -> web.StreamResponse:
    """Stamps as a gift; the same form sent twice gives them once."""
    customer_id, form = customer_id_of(request), await request.post()
    actor, now, time_zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone
    key, wanted = row_id(str(form.get("key", ""))), str(form.get("stamps", "")).strip()
    reason = _reason(form.get("reason"))

    def unit(session: Session) -> None:
        rules = program.current(session, now=now).program
        rule = rules.stamp_card(str(form.get("card", "")))
        number = row_id(wanted)
        if rule is None or key is None or number is None or not 1 <= number <= MOST_STAMPS:
            raise StampsInvalid(maximum=MOST_STAMPS)
        card.profile(session, customer_id=customer_id)
        given = stamps.grant(
            session,
            rule=rule,
            customer_id=customer_id,
            stamps=number,
            cause_kind="panel",
            cause_id=str(key),
            actor=actor,
            day=clock.local_date(now, time_zone),
            now=now,
            time_zone=time_zone,
        )
        if given is not None:
            data = {"card": rule.key, "stamps": number, "reason": reason}
            _note(session, "stamps.granted", customer_id, actor, data, now)

    return await _on_card(request, customer_id, unit)


@allowed(OWNER)
async def give_level(request: web.Request) -> web.StreamResponse:
    """A level that the monthly review never goes below, or no such level any more."""
    customer_id, form = customer_id_of(request), await request.post()
    actor, now = me(request).actor, clock.now()
    tier = str(form.get("tier", ""))[:16] or None
    return await _on_card(
        request,
        customer_id,
        lambda session: tiers.grant(
            session,
            customer_id=customer_id,
            tier=tier,
            actor=actor,
            reason=_reason(form.get("reason")),
            now=now,
        ),
    )


def _reason(given: object) -> str:
    # A code, since the audit trail keeps no free text.
    return str(given) if given in REASONS else "other"


def _note(
    session: Session, type: str, customer_id: int, actor: str, data: dict[str, Any], now: datetime
) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)


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
