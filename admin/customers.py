"""Customers: the list with live search, and one customer's card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import (
    PANEL,
    SEE_PHONES,
    SETTINGS,
    allowed,
    db,
    me,
    sees_phones,
)
from admin.chains_card import card_values
from admin.guard import is_fragment
from admin.own_views import own_of
from admin.render import language, last_day_of, page
from admin.standing import standing_of
from admin.voices import voices_of
from loyalty import clock, events, privacy, program, sources, wallet
from loyalty.db import Rows
from loyalty.errors import CustomerNotFound
from loyalty.ids import new_id
from loyalty.reports import card, people
from loyalty.texts import dots

HISTORY = 15
_MAX_ID = 2**63 - 1


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Everybody, newest first."""
    return await _list(request, "", None)


@allowed(*PANEL)
async def search(request: web.Request) -> web.StreamResponse:
    """Those who fit. A form, not an address: phones and names stay out of the history."""
    form = await request.post()
    before = row_id(str(form.get("before", "")))
    return await _list(request, str(form.get("q", "")), before)


async def _list(request: web.Request, text: str, before: int | None) -> web.StreamResponse:
    by_phone, now = sees_phones(request), clock.now()

    def unit(session: Session) -> tuple[people.FoundPage, bool]:
        found = people.search(session, text=text, by_phone=by_phone, now=now, before_id=before)
        return found, bool(privacy.waiting(session, limit=1))

    found, anybody_leaves = await db(request).read(unit)
    template = "_people.html" if is_fragment(request) else "customers.html"
    return page(
        request,
        template,
        found=found,
        text=text,
        by_phone=by_phone,
        continued=before is not None,
        anybody_leaves=anybody_leaves,
    )


@allowed(*PANEL)
async def card_page(request: web.Request) -> web.StreamResponse:
    """One customer: profile, points, purchases, messages, consents; a paper card that a member
    has taken leads to the member."""
    customer_id = customer_id_of(request)
    owner = await db(request).read(lambda s: people.owner_of(s, customer_id=customer_id))
    if owner is not None:
        raise web.HTTPSeeOther(f"/admin/customers/{owner}")
    return await show_card(request, customer_id)


async def show_card(
    request: web.Request,
    customer_id: int,
    *,
    problem: str | None = None,
    status: int = 200,
    typed_own: tuple[str, str] | None = None,
) -> web.Response:
    """The card's page; ``problem`` is told at its top. ``typed_own`` is an own field's key and
    what could not be kept in it."""
    t, now, time_zone = language(request), clock.now(), request.app[SETTINGS].time_zone

    def unit(session: Session) -> dict[str, Any]:
        rules = program.current(session, now=now).program
        history = wallet.history(session, customer_id=customer_id, limit=HISTORY + 1)
        bought, following = card.purchases(session, customer_id=customer_id)
        messages = card.communications(session, customer_id=customer_id)
        person = card.profile(session, customer_id=customer_id)
        return {
            "person": person,
            "posters": {one.key: one.name for one in sources.listing(session)},
            "balance": wallet.balance(session, customer_id=customer_id, now=now),
            "expiring": wallet.expiring(
                session, customer_id=customer_id, now=now, time_zone=time_zone
            ),
            "pending": wallet.pending(session, customer_id=customer_id, now=now),
            "history": history[:HISTORY],
            "history_goes_on": len(history) > HISTORY,
            "bought": bought,
            "following": cursor(following),
            "messages": messages,
            "consents": card.consents(session, customer_id=customer_id),
            "pause_note": wallet.freeze_note(session, customer_id=customer_id),
            "waiting": wallet.waiting_adjustments(session, customer_id=customer_id),
            "alone_up_to": rules.adjustment_alone_up_to,
            "erasure": privacy.asked(session, customer_id=customer_id),
            "erasure_days": rules.erasure_days,
            **standing_of(session, customer_id=customer_id, now=now, time_zone=time_zone),
            "own_fields": own_of(session, customer_id=customer_id, t=t, typed=typed_own),
            **voices_of(session, customer_id=customer_id),
            **card_values(request, session, messages, person, rules),
        }

    values = await db(request).read(unit)
    return page(
        request,
        "customer.html",
        status=status,
        problem=problem,
        may_see_phone=sees_phones(request),
        # Made with the form: sent twice, it is one correction.
        adjustment_key=str(new_id()),
        stamps_key=str(new_id()),
        dots=dots,
        last_day=last_day_of(request),
        tomorrow=clock.local_date(now, time_zone) + timedelta(days=1),
        **values,
    )


@allowed(*PANEL)
async def more_purchases(request: web.Request) -> web.StreamResponse:
    """The next purchases of the card."""
    customer_id = customer_id_of(request)
    before = read_cursor(request.query.get("before", ""))
    bought, following = await db(request).read(
        lambda session: card.purchases(session, customer_id=customer_id, before=before)
    )
    return page(
        request,
        "_purchases.html",
        customer_id=customer_id,
        bought=bought,
        following=cursor(following),
    )


@allowed(*PANEL)
async def more_points(request: web.Request) -> web.StreamResponse:
    """The next lines of the points history."""
    customer_id = customer_id_of(request)
    before = row_id(request.query.get("before", ""))
    history = await db(request).read(
        lambda session: wallet.history(
            session, customer_id=customer_id, before_id=before, limit=HISTORY + 1
        )
    )
    return page(
        request,
        "_points.html",
        customer_id=customer_id,
        history=history[:HISTORY],
        history_goes_on=len(history) > HISTORY,
    )


@allowed(*SEE_PHONES)
async def show_phone(request: web.Request) -> web.StreamResponse:
    """The phone in full; who asked for it is kept in the audit trail."""
    customer_id = customer_id_of(request)
    actor, now = me(request).actor, clock.now()

    def unit(session: Session) -> str | None:
        number = card.phone(session, customer_id=customer_id)
        rows = Rows()
        events.record(
            rows, type="staff.phone_seen", customer_id=customer_id, actor=actor, data={}, now=now
        )
        rows.put(session)
        return number

    number = await db(request).transact(unit)
    if not is_fragment(request):
        raise web.HTTPSeeOther(f"/admin/customers/{customer_id}")
    return page(request, "_phone.html", number=number)


def customer_id_of(request: web.Request) -> int:
    """The customer of the address.

    Raises:
        CustomerNotFound: no id the database could hold.
    """
    customer_id = row_id(request.match_info["id"])
    if customer_id is None:
        raise CustomerNotFound()
    return customer_id


def row_id(text: str) -> int | None:
    """An id from an address; None for anything the database could not hold."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if int(text) <= _MAX_ID else None


def cursor(key: tuple[datetime, int] | None) -> str | None:
    """Where a list goes on, for an address: microseconds and id."""
    if key is None:
        return None
    moment, row_id = key
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    return f"{micros}-{row_id}"


def read_cursor(text: str) -> tuple[datetime, int] | None:
    """Where a list goes on, from an address; None for anything else."""
    micros, _, number = text.partition("-")
    moment, found = row_id(micros), row_id(number)
    if moment is None or found is None or moment > 253_402_300_799_000_000:
        return None
    return datetime.fromtimestamp(moment // 1_000_000, UTC).replace(
        microsecond=moment % 1_000_000
    ), found
