"""Finding customers: by name, phone, code on the card, number in another system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import card, card_code, customer, external_id
from loyalty.receipts import customer_stats

PAGE = 30
_LONGEST_QUERY = 80
_PHONE = re.compile(r"^[+]?[\d\s().-]{4,24}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One line of the list. ``spent`` in minor units, net of returns."""

    id: int
    status: str
    name: str | None
    phone: str | None
    external: str | None
    tier: str
    created_at: datetime
    joined_at: datetime | None
    orders: int
    spent: int
    last_purchase_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """A page of customers, newest first; ``next_before`` continues it, None at the end."""

    people: list[Found]
    next_before: int | None


def search(
    session: Session,
    *,
    text: str = "",
    by_phone: bool,
    now: datetime,
    before_id: int | None = None,
    limit: int = PAGE,
) -> FoundPage:
    """Customers who fit ``text``, newest first; all of them for an empty text.

    Every word must be in the name; digits are looked for in phones (if ``by_phone``, for those
    who may see them), as the code now on somebody's card, and as a number in another system.
    """
    c = customer.c
    number = (
        sa.select(sa.func.min(external_id.c.value))
        .where(external_id.c.customer_id == c.id)
        .scalar_subquery()
    )
    query = (
        sa.select(
            c.id, c.status, c.name, c.phone, number.label("external"), c.tier, c.created_at,
            c.joined_at, sa.func.coalesce(customer_stats.c.orders, 0).label("orders"),
            sa.func.coalesce(customer_stats.c.spent, 0).label("spent"),
            customer_stats.c.last_purchase_at,
        )
        .outerjoin(customer_stats, customer_stats.c.customer_id == c.id)
        .where(c.status != "erased")
        .order_by(c.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    # What cannot be printed cannot be in a name either; PostgreSQL refuses NUL outright.
    wanted = " ".join("".join(sign for sign in text if sign.isprintable()).split())
    wanted = wanted[:_LONGEST_QUERY]
    if wanted:
        query = query.where(_fits(session, wanted, by_phone=by_phone, now=now))
    if before_id is not None:
        query = query.where(c.id < before_id)
    rows = session.execute(query).all()
    people = [Found(**row._mapping) for row in rows[:limit]]
    return FoundPage(people=people, next_before=people[-1].id if len(rows) > limit else None)


def owner_of(session: Session, *, customer_id: int) -> int | None:
    """The member who has taken this paper card; None: nobody, or it is no paper card."""
    query = sa.select(customer.c.merged_into).where(customer.c.id == customer_id)
    found: int | None = session.execute(query).scalar_one_or_none()
    return found


def _fits(
    session: Session, wanted: str, *, by_phone: bool, now: datetime
) -> sa.ColumnElement[bool]:
    c = customer.c
    named = sa.and_(*(_has_word(session, word) for word in wanted.split()))
    elsewhere = c.id.in_(sa.select(external_id.c.customer_id).where(external_id.c.value == wanted))
    ways: list[sa.ColumnElement[bool]] = [named, elsewhere]
    digits = re.sub(r"\D", "", wanted)
    if _PHONE.match(wanted):
        if by_phone:
            # 8 and +7 begin the same Russian number: the last ten digits tell people apart.
            ways.append(c.phone.contains(digits[-10:], autoescape=True))
        if len(digits) == 8:
            shown = (
                sa.select(card.c.customer_id)
                .join(card_code, card_code.c.card_id == card.c.id)
                .where(card_code.c.code == digits, card_code.c.expires_at > now)
            )
            ways.append(c.id.in_(shown))
        if digits == wanted and len(digits) <= 18:
            ways.append(c.id == int(digits))
    return sa.or_(*ways)


def _has_word(session: Session, word: str) -> sa.ColumnElement[bool]:
    """A word anywhere in the name, however it is capitalized.

    SQLite folds the case of Latin letters only, so the usual spellings are tried by name.
    """
    if session.get_bind().dialect.name == "postgresql":
        return customer.c.name.icontains(word, autoescape=True)
    spellings = {word, word.lower(), word.upper(), word.capitalize(), word.title()}
    return sa.or_(*(customer.c.name.contains(s, autoescape=True) for s in sorted(spellings)))
