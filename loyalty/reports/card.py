"""One customer's card for staff: profile, purchases, communications, consents.

Points are told by ``loyalty.wallet`` (balance, expiring, pending, history).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import promotions
from loyalty.consent import consent, consent_text
from loyalty.customers import customer, external_id, telegram_chat
from loyalty.errors import CustomerNotFound
from loyalty.messaging.tables import click, outbox, touch
from loyalty.program import LocalText
from loyalty.promotions import Part
from loyalty.receipts import customer_stats, purchase, purchase_line, purchase_return
from loyalty.staff import outlet, staff

PURCHASES = 10
MESSAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who the customer is. ``spent`` in minor units net of returns."""

    id: int
    status: str
    name: str | None
    phone: str | None
    phone_verified: bool
    email: str | None
    birthday: tuple[int, int, int | None] | None  # day, month, year
    sex: str | None
    city: str | None
    language: str
    source: str | None
    tier: str
    tags: list[str]
    created_at: datetime
    joined_at: datetime | None
    home_outlet: str | None
    externals: list[tuple[str, str]]  # system, number there
    telegram: bool
    reachable: bool
    orders: int
    spent: int
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtLine:
    """A line of a receipt; ``amount`` after its discount, minor units."""

    n: int
    name: str | None
    sku: str | None
    category: str | None
    quantity_milli: int
    returned_milli: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A return of a purchase; money in minor units, points whole."""

    id: int
    at: datetime
    amount: int
    earned_reversed: int
    spent_returned: int
    debt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A purchase with its lines and returns; ``redeemed`` and ``earned`` in points."""

    id: int
    sold_at: datetime
    number: str | None
    outlet: str | None
    staff: str | None
    source: str
    total: int
    discount: int
    returned: int
    earned: int
    redeemed: int
    # Minor units that gift cards paid.
    gift_paid: int
    unlinked_return: bool
    # Where the points come from, and what the promotions among that are called, by version.
    parts: list[Part]
    names: Mapping[int, LocalText]
    lines: list[BoughtLine]
    returns: list[Returned]


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """A message, or the decision not to send one, and why.

    ``source`` is "chain:KEY", "campaign:ID" or None for service; ``template`` our own words by
    name, ``text`` a marketer's (HTML). ``state`` is the outbox's, None if nothing was queued.
    ``clicked``: a link or a button of it was tapped.
    """

    at: datetime
    message_class: str
    source: str | None
    step: str | None
    decision: str
    reason: str | None
    template: str | None
    text: str | None
    state: str | None
    state_reason: str | None
    due_at: datetime
    variant: str | None = None
    version_id: int | None = None
    clicked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven:
    """A grant or a withdrawal and the text it was about."""

    purpose: str
    granted: bool
    at: datetime
    version: int
    sha256: str
    language: str
    channel: str
    body: str | None


def profile(session: Session, *, customer_id: int) -> Profile:
    """Who the customer is.

    Raises:
        CustomerNotFound: nobody by that id, or erased.
    """
    query = (
        sa.select(
            customer,
            outlet.c.name.label("outlet_name"),
            telegram_chat.c.telegram_id,
            telegram_chat.c.reachable,
            customer_stats.c.orders,
            customer_stats.c.spent,
            customer_stats.c.first_purchase_at,
            customer_stats.c.last_purchase_at,
        )
        .outerjoin(outlet, outlet.c.id == customer.c.home_outlet_id)
        .outerjoin(telegram_chat, telegram_chat.c.customer_id == customer.c.id)
        .outerjoin(customer_stats, customer_stats.c.customer_id == customer.c.id)
        .where(customer.c.id == customer_id, customer.c.status != "erased")
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise CustomerNotFound(customer_id=str(customer_id))
    externals = session.execute(
        sa.select(external_id.c.system, external_id.c.value)
        .where(external_id.c.customer_id == customer_id)
        .order_by(external_id.c.system, external_id.c.value)
    )
    born = row.birth_day and row.birth_month
    return Profile(
        **{
            name: getattr(row, name)
            for name in (
                "id", "status", "name", "phone", "email", "sex", "city", "language", "source",
                "tier", "created_at", "joined_at", "first_purchase_at", "last_purchase_at",
            )
        },
        phone_verified=row.phone_verified_at is not None,
        birthday=(row.birth_day, row.birth_month, row.birth_year) if born else None,
        tags=[str(tag) for tag in row.tags or []],
        home_outlet=row.outlet_name,
        externals=[(system, value) for system, value in externals],
        telegram=row.telegram_id is not None,
        reachable=bool(row.reachable),
        orders=row.orders or 0,
        spent=row.spent or 0,
    )  # fmt: skip


def phone(session: Session, *, customer_id: int) -> str | None:
    """The customer's phone in full, for somebody who asked to see it.

    Raises:
        CustomerNotFound: nobody by that id, or erased.
    """
    return profile(session, customer_id=customer_id).phone


def purchases(
    session: Session, *, customer_id: int, before: tuple[datetime, int] | None = None,
    limit: int = PURCHASES,
) -> tuple[list[Bought], tuple[datetime, int] | None]:  # fmt: skip
    """Purchases, newest first, and the key to continue from (None at the end)."""
    p = purchase.c
    query = (
        sa.select(purchase, outlet.c.name.label("outlet_name"), staff.c.name.label("staff_name"))
        .outerjoin(outlet, outlet.c.id == p.outlet_id)
        .outerjoin(staff, staff.c.id == p.staff_id)
        .where(p.customer_id == customer_id)
        .order_by(p.sold_at.desc(), p.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        at, purchase_id = before
        query = query.where(sa.or_(p.sold_at < at, sa.and_(p.sold_at == at, p.id < purchase_id)))
    rows = session.execute(query).all()
    shown = rows[:limit]
    ids = [row.id for row in shown]
    lines, returns = _lines(session, ids), _returns(session, ids)
    parts = {row.id: _parts(row) for row in shown}
    versions = {part.version_id for found in parts.values() for part in found}
    known = promotions.by_ids(session, [one for one in versions if one is not None])
    names = promotions.names_of(known.values())
    bought = [
        Bought(
            **{
                name: getattr(row, name)
                for name in (
                    "id", "sold_at", "number", "source", "total", "discount", "returned",
                    "earned", "redeemed", "gift_paid", "unlinked_return",
                )
            },
            outlet=row.outlet_name,
            staff=row.staff_name,
            parts=parts[row.id],
            names=names,
            lines=lines.get(row.id, []),
            returns=returns.get(row.id, []),
        )
        for row in shown
    ]  # fmt: skip
    following = (shown[-1].sold_at, shown[-1].id) if len(rows) > limit else None
    return bought, following


def _parts(row: Any) -> list[Part]:
    """As the purchase keeps them; where no promotion applied, the tier's rate gave it all."""
    kept = (row.pricing or {}).get("parts")
    if kept:
        return [Part.of_json(part) for part in kept]
    rate = row.earn_rate_bp
    return [Part("base", None, row.earned, rate_bp=rate)] if row.earned and rate else []


def communications(
    session: Session, *, customer_id: int, limit: int = MESSAGES
) -> list[Communication]:
    """What was sent, what was not and why: decisions about marketing and service messages.

    The newest ``limit``, newest first.
    """
    of_touch = sa.select(touch, outbox.c.payload, outbox.c.state, outbox.c.reason.label("why"))
    touches = session.execute(
        of_touch.outerjoin(outbox, outbox.c.touch_id == touch.c.id)
        .where(touch.c.customer_id == customer_id)
        .order_by(touch.c.id.desc())
        .limit(limit)
    ).all()
    tapped = _tapped(session, [row.outbox_id for row in touches if row.outbox_id is not None])
    found = [
        Communication(
            at=row.decided_at,
            message_class=row.message_class,
            source=row.source,
            step=row.step,
            decision=row.decision,
            reason=row.reason,
            **_words(row.payload),
            state=row.state,
            state_reason=row.why,
            due_at=row.due_at,
            variant=row.variant,
            version_id=row.version_id,
            clicked=row.outbox_id in tapped,
        )
        for row in touches
    ]
    service = session.execute(
        sa.select(outbox)
        .where(outbox.c.customer_id == customer_id, outbox.c.touch_id.is_(None))
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )
    found += [
        Communication(
            at=row.left_at or row.created_at,
            message_class=row.message_class,
            source=None,
            step=None,
            decision="send",
            reason=None,
            **_words(row.payload),
            state=row.state,
            state_reason=row.reason,
            due_at=row.due_at,
        )
        for row in service
    ]
    return sorted(found, key=lambda item: item.at, reverse=True)[:limit]


def _tapped(session: Session, outbox_ids: Sequence[int]) -> set[int]:
    query = sa.select(click.c.outbox_id).where(click.c.outbox_id.in_(outbox_ids)).distinct()
    return set(session.execute(query).scalars()) if outbox_ids else set()


def consents(session: Session, *, customer_id: int) -> list[ConsentGiven]:
    """Every grant and withdrawal, newest first, with the text that was shown."""
    query = (
        sa.select(consent, consent_text.c.body)
        .outerjoin(
            consent_text,
            sa.and_(
                consent_text.c.purpose == consent.c.purpose,
                consent_text.c.language == consent.c.language,
                consent_text.c.version == consent.c.text_version,
            ),
        )
        .where(consent.c.customer_id == customer_id)
        .order_by(consent.c.id.desc())
    )
    return [
        ConsentGiven(
            purpose=row.purpose,
            granted=row.granted,
            at=row.at,
            version=row.text_version,
            sha256=row.text_sha256,
            language=row.language,
            channel=row.channel,
            body=row.body,
        )
        for row in session.execute(query)
    ]


def _words(payload: Any) -> dict[str, Any]:
    said = payload if isinstance(payload, dict) else {}
    return {"template": said.get("template"), "text": said.get("text")}


def _lines(session: Session, purchase_ids: Sequence[int]) -> dict[int, list[BoughtLine]]:
    c = purchase_line.c
    query = (
        sa.select(purchase_line).where(c.purchase_id.in_(purchase_ids)).order_by(c.purchase_id, c.n)
    )
    found: dict[int, list[BoughtLine]] = {}
    for row in session.execute(query):
        line = BoughtLine(
            n=row.n,
            name=row.name,
            sku=row.sku,
            category=row.category,
            quantity_milli=row.quantity_milli,
            returned_milli=row.returned_milli,
            amount=row.amount - row.discount,
        )
        found.setdefault(row.purchase_id, []).append(line)
    return found


def _returns(session: Session, purchase_ids: Sequence[int]) -> dict[int, list[Returned]]:
    c = purchase_return.c
    query = sa.select(purchase_return).where(c.purchase_id.in_(purchase_ids)).order_by(c.id)
    found: dict[int, list[Returned]] = {}
    for row in session.execute(query):
        item = Returned(
            id=row.id,
            at=row.at,
            amount=row.amount,
            earned_reversed=row.earned_reversed,
            spent_returned=row.spent_returned,
            debt=row.debt,
        )
        found.setdefault(row.purchase_id, []).append(item)
    return found
