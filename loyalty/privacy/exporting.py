"""Everything about one person as one JSON document; its shape is told in ``docs/privacy.md``.

Money as decimal strings, moments in ISO 8601 and UTC, ids as strings. Of other people nothing:
who served them is "staff", a friend they brought is only a date and what became of it. Lists
are read by pages, so that a customer of ten thousand receipts holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import amounts, events, wallet
from loyalty.customers import ERASED, customer, external_id, telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import CustomerNotFound
from loyalty.events import event
from loyalty.privacy import export_parts as parts
from loyalty.privacy import plans
from loyalty.privacy.cards import cards_of
from loyalty.staff import outlet

FORMAT = "regulars.personal-data/1"
EXPORTS_A_DAY = 3
_TAKEN = "privacy.exported"


def take_export(
    session: Session, *, customer_id: int, actor: str, evidence: str, now: datetime
) -> bool:
    """Note that the file is being made; False: it was made ``EXPORTS_A_DAY`` times in 24 hours.

    ``evidence``: the wish it answers; the same one again (the file did not get through) is not
    counted twice. Event ``privacy.exported``.
    """
    lately = sa.select(event.c.data).where(
        event.c.customer_id == customer_id,
        event.c.type == _TAKEN,
        event.c.at > now - timedelta(days=1),
    )
    # One at a time, so that a burst of taps gets no more files than one would.
    session.execute(sa.select(customer.c.id).where(customer.c.id == customer_id).with_for_update())
    taken = [data.get("evidence") for data in session.scalars(lately)]
    if evidence in taken:
        return True
    if len(taken) >= EXPORTS_A_DAY:
        return False
    rows = Rows()
    data = {"evidence": evidence}
    events.record(rows, type=_TAKEN, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)
    return True


def export(
    session: Session, *, customer_id: int, now: datetime, currency: str = "RUB"
) -> dict[str, Any]:
    """All that is kept about this customer, ready for ``json.dumps``.

    Raises:
        CustomerNotFound: nobody by that id, or erased.
    """
    row = session.execute(
        sa.select(customer, outlet.c.name.label("outlet"))
        .outerjoin(outlet, outlet.c.id == customer.c.home_outlet_id)
        .where(customer.c.id == customer_id, customer.c.status != ERASED)
    ).one_or_none()
    if row is None:
        raise CustomerNotFound(customer_id=str(customer_id))
    ids = cards_of(session, customer_id)
    document: dict[str, Any] = {
        "format": FORMAT,
        "made_at": now,
        "currency": currency,
        "profile": _profile(row),
        "telegram": _telegram(session, customer_id),
        "numbers_elsewhere": _externals(session, customer_id),
        "balance": _balance(session, customer_id, now),
    }
    document = plain(document)
    for name, part in PARTS.items():
        document[name] = [plain(item) for item in part(session, ids)]
    return document


Part = Callable[[Session, Sequence[int]], Iterator[Mapping[str, Any]]]

PARTS: Mapping[str, Part] = {
    "consents": parts.consents,
    "cards": parts.cards,
    "purchases": parts.purchases,
    "points": parts.points,
    "points_to_come_or_end": parts.lots,
    "debts": parts.debts,
    "corrections": parts.corrections,
    "stamps": parts.stamps,
    "coupons": parts.coupons,
    "goals": parts.goals,
    "invitations": parts.invitations,
    "ratings": parts.ratings,
    "talks": parts.talks,
    "messages": parts.messages,
    "decisions_about_messages": parts.touches,
    "clicks": plans.clicks,
    "chains": plans.chains,
    "calls": plans.calls,
    "events": parts.happenings,
}
"""The lists of the document, by name."""


def plain(value: Any) -> Any:
    """A value as JSON has it: moments and days in ISO 8601."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _profile(row: Any) -> dict[str, Any]:
    names = (
        "status", "name", "phone", "phone_verified_at", "email", "sex", "city", "language",
        "time_zone", "tier", "tier_since", "tags", "fields", "interests", "source",
        "referral_code", "created_at", "joined_at", "erase_asked_at", "erase_after",
    )  # fmt: skip
    born = {"day": row.birth_day, "month": row.birth_month, "year": row.birth_year}
    quiet = {"from_minute": row.quiet_start, "to_minute": row.quiet_end}
    return {
        "number": str(row.id),
        **{name: getattr(row, name) for name in names},
        # The code of a friend is the friend's.
        "source": "referral" if (row.source or "").startswith("referral:") else row.source,
        "birthday": born if row.birth_day else None,
        "quiet_hours": quiet if row.quiet_start is not None else None,
        "home_outlet": row.outlet,
    }


def _telegram(session: Session, customer_id: int) -> dict[str, Any] | None:
    t = telegram_chat.c
    row = session.execute(
        sa.select(t.telegram_id, t.language, t.reachable, t.first_seen_at, t.last_seen_at).where(
            t.customer_id == customer_id
        )
    ).one_or_none()
    return None if row is None else {**row._mapping, "telegram_id": str(row.telegram_id)}


def _externals(session: Session, customer_id: int) -> list[dict[str, str]]:
    e = external_id.c
    query = sa.select(e.system, e.value).where(e.customer_id == customer_id)
    return [dict(row._mapping) for row in session.execute(query.order_by(e.system, e.value))]


def _balance(session: Session, customer_id: int, now: datetime) -> dict[str, Any]:
    found = wallet.balance(session, customer_id=customer_id, now=now)
    return {
        "points_to_spend": found.available,
        "points_on_the_way": found.pending,
        "points_owed": found.debt,
        "worth": str(amounts.to_decimal(amounts.points_to_money(found.available))),
        "spending_paused_until": found.frozen_until,
    }
