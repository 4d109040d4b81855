"""Events of other systems, and whether a voucher is good."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from admin.api.answers import CheckOut, EventOut
from admin.api.door import Call, Done, Refused
from admin.api.fields import moment_text, money_text
from admin.api.requests import CheckIn, EventIn
from admin.api.sales import check_time
from admin.api.who import NotIdentified, identify
from admin.api.words import title_of
from loyalty import clock, events, vouchers
from loyalty.db.rows import Rows
from loyalty.errors import VoucherNotFound
from loyalty.purchases.offers import groups_of
from loyalty.texts import translator

LONGEST_CODE = 64


def record_event(session: Session, call: Call, body: EventIn) -> Done | Refused:
    """``POST /events``."""
    occurred_at = body.occurred_at or call.now
    check_time(occurred_at, call.now, "occurred_at")
    who = identify(session, call, body.customer)
    if isinstance(who, NotIdentified):
        return Refused(who.error)
    rows = Rows()
    data: dict[str, Any] = {
        "occurred_at": occurred_at.isoformat(),
        "outlet_id": str(call.till.outlet_id),
        "data": body.data,
    }
    if body.type == "cart_updated" and not _is_name(body.data.get("cart_id")):
        # A site that does not tell carts apart: one a day, so that a chain may follow it.
        data["cart_id"] = f"day-{clock.local_date(occurred_at, call.till.time_zone)}"
    event_id = events.record(
        rows,
        type=body.type,
        customer_id=who.customer_id,
        actor=call.till.actor,
        data=data,
        now=call.now,
    )
    rows.put(session)
    return Done(EventOut(event_id=str(event_id)), 201, who.customer_id)


def _is_name(value: object) -> bool:
    """Whether something can name a cart: a short text or a whole number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    return 0 < len(str(value)) <= LONGEST_CODE


def check_voucher(session: Session, call: Call, body: CheckIn) -> Done | Refused:
    """``POST /vouchers/{code}/check``."""
    code = call.path["code"]
    if len(code) > LONGEST_CODE:
        raise VoucherNotFound(code=code[:32])
    customer_id, groups = None, frozenset[str]()
    if body.customer is not None:
        who = identify(session, call, body.customer)
        if isinstance(who, NotIdentified):
            return Refused(who.error)
        customer_id = who.customer_id
        groups = groups_of(
            session, customer_id=customer_id, time_zone=call.till.time_zone, now=call.now
        )
    total = body.receipt.receipt(call.now).total if body.receipt is not None else None
    checked = vouchers.check_code(
        session,
        code,
        customer_id=customer_id,
        segments=groups,
        total=total,
        by=call.till.actor,
        now=call.now,
    )
    reason, found = checked.reason, checked.voucher
    message = title_of(translator(call.language), reason.code, 409) if reason else None
    answer = CheckOut(valid=reason is None, reason=reason.code if reason else None, message=message)
    if found is not None:
        answer.kind, answer.name = found.kind, found.name.said_in(call.language)
        answer.minimum = money_text(found.minimum)
        answer.balance = money_text(found.balance) if found.balance is not None else None
        answer.ends_at = moment_text(found.ends_at) if found.ends_at else None
    return Done(answer, customer_id=customer_id)
