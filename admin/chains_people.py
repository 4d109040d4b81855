"""Taking a customer out of a chain, on their card."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import allowed, db, me
from admin.chains import EDITORS
from admin.customers import customer_id_of, row_id
from loyalty import clock
from loyalty.chains import editing
from loyalty.reports import card


@allowed(*EDITORS)
async def take_out(request: web.Request) -> web.StreamResponse:
    """End a customer's way through a chain."""
    customer_id, form = customer_id_of(request), await request.post()
    number, actor, now = row_id(str(form.get("way", ""))), me(request).actor, clock.now()

    def unit(session: Session) -> None:
        card.profile(session, customer_id=customer_id)
        if number is not None:
            editing.take_out(
                session, enrolment_id=number, customer_id=customer_id, actor=actor, now=now
            )

    await db(request).transact(unit)
    raise web.HTTPSeeOther(f"/admin/customers/{customer_id}#h-messages")
