"""What is kept about a person, in the few figures that fit on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import wallet
from loyalty.consent import PURPOSES, ConsentText, consent, text_version
from loyalty.customers import ERASED, customer
from loyalty.errors import CustomerNotFound
from loyalty.feedback.tables import rating, talk
from loyalty.receipts import customer_stats
from loyalty.stamps.tables import stamp_balance
from loyalty.vouchers.tables import voucher


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The last word on a purpose: when, and by which text."""

    purpose: str
    granted: bool
    at: datetime
    version: int
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is kept. ``points`` can be spent now, ``pending`` later; ``erase_after``: asked to be
    erased then. ``birthday`` is (day, month, year or None)."""

    status: str
    name: str | None
    phone: str | None
    email: str | None
    birthday: tuple[int, int, int | None] | None
    city: str | None
    language: str
    time_zone: str | None
    interests: Sequence[str]
    since: datetime
    purchases: int
    ratings: int
    talks: int
    points: int
    pending: int
    stamps: int
    coupons: int
    agreed: Sequence[Agreed]
    erase_after: datetime | None


def held(session: Session, *, customer_id: int, now: datetime) -> Held:
    """What is kept about this customer.

    Raises:
        CustomerNotFound: nobody by that id, or erased.
    """
    row = session.execute(
        sa.select(customer).where(customer.c.id == customer_id, customer.c.status != ERASED)
    ).one_or_none()
    if row is None:
        raise CustomerNotFound(customer_id=str(customer_id))
    counted = session.execute(sa.select(*_counts(customer_id, now))).one()
    balance = wallet.balance(session, customer_id=customer_id, now=now)
    born = row.birth_day and row.birth_month
    return Held(
        status=row.status,
        name=row.name,
        phone=row.phone,
        email=row.email,
        birthday=(row.birth_day, row.birth_month, row.birth_year) if born else None,
        city=row.city,
        language=row.language,
        time_zone=row.time_zone,
        interests=[str(item) for item in row.interests or []],
        since=row.joined_at or row.created_at,
        purchases=counted.purchases or 0,
        ratings=counted.ratings,
        talks=counted.talks,
        points=balance.available,
        pending=balance.pending,
        stamps=counted.stamps or 0,
        coupons=counted.coupons,
        agreed=_agreed(session, customer_id),
        erase_after=row.erase_after,
    )


def agreed_text(session: Session, *, customer_id: int, purpose: str) -> ConsentText | None:
    """The text that the last word on this purpose was about, in the language it was read in."""
    for last in _agreed(session, customer_id):
        if last.purpose == purpose:
            return text_version(
                session, purpose=purpose, language=last.language, version=last.version
            )
    return None


def _counts(customer_id: int, now: datetime) -> list[sa.Label[Any]]:
    v, s = voucher.c, stamp_balance.c

    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        mine = table.c.customer_id == customer_id
        return sa.select(sa.func.count()).select_from(table).where(mine, *where).scalar_subquery()

    def only(column: sa.ColumnElement[Any], owner: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        return sa.select(column).where(owner == customer_id).scalar_subquery()

    good = sa.or_(v.ends_at.is_(None), v.ends_at > now)
    return [
        only(customer_stats.c.orders, customer_stats.c.customer_id).label("purchases"),
        count(rating).label("ratings"),
        count(talk).label("talks"),
        count(voucher, v.status == "active", good).label("coupons"),
        only(sa.func.sum(s.stamps), s.customer_id).label("stamps"),
    ]


def _agreed(session: Session, customer_id: int) -> list[Agreed]:
    """The last word on each purpose, in the order purposes are listed."""
    c = consent.c
    newest = sa.select(sa.func.max(c.id)).where(c.customer_id == customer_id).group_by(c.purpose)
    query = sa.select(c.purpose, c.granted, c.at, c.text_version, c.language).where(
        c.id.in_(newest)
    )
    found = [
        Agreed(
            purpose=row.purpose,
            granted=row.granted,
            at=row.at,
            version=row.text_version,
            language=row.language,
        )
        for row in session.execute(query)
    ]
    return sorted(found, key=lambda item: PURPOSES.index(item.purpose))
