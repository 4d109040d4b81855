"""What is told of an event: ids as strings, money as in the POS API, no name and no phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.receipts.tables import purchase

_MINOR = 100

# What of an event's own data is handed on, and what of it is money.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "customer.joined": ("source", "new", "moved"),
    "purchase.recorded": ("purchase_id", "first", "total", "earned", "redeemed"),
    "purchase.returned": (
        "purchase_id",
        "return_id",
        "amount",
        "earned_reversed",
        "spent_returned",
        "undo",
    ),
    "points.expired": ("points",),
    "tier.changed": ("from", "to", "reason", "spent"),
    "consent.changed": ("purpose", "granted"),
    "message.clicked": ("message_id", "source", "step", "variant", "kind", "target"),
}
_MONEY = frozenset({"total", "amount", "spent"})


def money(amount: int) -> str:
    """Minor units as the POS API writes them: ``450.00``."""
    sign, whole = "-" if amount < 0 else "", abs(amount)
    return f"{sign}{whole // _MINOR}.{whole % _MINOR:02d}"


def data_of(session: Session, events: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """The data of each event by its id; purchases are read for all of them at once."""
    sold = _purchases(session, events)
    found: dict[int, dict[str, Any]] = {}
    for row in events:
        own = row.data if isinstance(row.data, dict) else {}
        data: dict[str, Any] = {
            "customer_id": str(row.customer_id) if row.customer_id is not None else None
        }
        for name in _FIELDS[row.type]:
            if name in own:
                data[name] = _value(name, own[name])
        if row.type.startswith("purchase."):
            data |= sold.get(_number(own.get("purchase_id")), {})
        found[row.id] = data
    return found


def _value(name: str, value: Any) -> Any:
    if name in _MONEY and isinstance(value, int):
        return money(value)
    if name.endswith("_id") and isinstance(value, int):
        return str(value)
    return value


def _number(text: Any) -> int:
    return int(text) if str(text).isdigit() else 0


def _purchases(session: Session, events: Sequence[Any]) -> dict[int, dict[str, Any]]:
    ids = {
        _number(row.data.get("purchase_id")) for row in events if row.type.startswith("purchase.")
    }
    if not ids:
        return {}
    p = purchase.c
    query = sa.select(
        p.id, p.outlet_id, p.register, p.number, p.sold_at, p.total, p.discount, p.gift_paid
    ).where(p.id.in_(sorted(ids)))
    return {
        row.id: {
            "outlet_id": str(row.outlet_id) if row.outlet_id is not None else None,
            "register": row.register or None,
            "number": row.number,
            "sold_at": row.sold_at.isoformat(),
            "total": money(row.total),
            "discount": money(row.discount),
            "gift_paid": money(row.gift_paid),
        }
        for row in session.execute(query).all()
    }
