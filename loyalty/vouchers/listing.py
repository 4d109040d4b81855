"""Showing vouchers: to a panel, to their owner, to a till that asks whether a code is good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.errors import DomainError, TooManyTries, VoucherNotFound
from loyalty.staff.tries import failures, note_failure, oldest_failure
from loyalty.vouchers.checking import check
from loyalty.vouchers.codes import normalize
from loyalty.vouchers.model import ACTIVE, COLUMNS, EXPIRED, REDEEMED, Voucher, of_row
from loyalty.vouchers.reading import find, uses_by
from loyalty.vouchers.tables import voucher, voucher_use

TRIES_PER_MINUTE = 5
"""Unknown codes that one till may type within a minute."""

BY_STAFF = "staff"
"""The source of what people make by hand; of a reward it is the rule that gave it."""

_WINDOW = timedelta(minutes=1)
_ALL = [voucher.c[name] for name in COLUMNS.split(", ")]


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a code is good: ``voucher`` if there is one, ``reason`` why it is not good now."""

    voucher: Voucher | None
    reason: DomainError | None

    @property
    def is_good(self) -> bool:
        """Whether it may be used as things stand."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Page:
    """Some vouchers, newest first; ``before`` asks for the next page, None: that was all."""

    vouchers: Sequence[Voucher]
    before: int | None


@dataclass(frozen=True, slots=True)
class UseView:
    """One use: sums in minor units, ``returned_at`` when it stopped counting."""

    purchase_id: int
    customer_id: int | None
    at: datetime
    amount: int
    returned: int
    returned_at: datetime | None
    actor: str


def ensure_may_try(session: Session, *, by: str, now: datetime) -> None:
    """Nothing, while ``by`` (a till: ``staff:ID``, ``key:ID``) may type another code.

    Raises:
        TooManyTries: too many wrong codes within a minute (fact ``retry_after_s``).
    """
    subject, since = _subject(by), now - _WINDOW
    if failures(session, subject=subject, since=since) < TRIES_PER_MINUTE:
        return
    oldest = oldest_failure(session, subject=subject, since=since) or now
    wait = (oldest + _WINDOW - now).total_seconds()
    raise TooManyTries(retry_after_s=max(1, int(wait) + 1))


def note_wrong(session: Session, *, by: str, now: datetime) -> None:
    """Count a wrong code of ``by``; in a unit that commits (refuse after it)."""
    note_failure(session, subject=_subject(by), now=now)


def _subject(by: str) -> str:
    return f"voucher:{by}"[:80]


def check_code(
    session: Session,
    code: str,
    *,
    customer_id: int | None = None,
    segments: frozenset[str] = frozenset(),
    total: int | None = None,
    by: str | None = None,
    now: datetime,
) -> Checked:
    """Whether a code is good now for this customer and a receipt of ``total`` minor units.

    Without ``total`` the minimum is not looked at, without ``customer_id`` a personal voucher
    answers ``VoucherNeedsCustomer``. With ``by`` (who types it) an unknown code is counted:
    run it in a unit that commits. It only reads otherwise.

    Raises:
        TooManyTries: ``by`` has typed too many unknown codes within a minute.
    """
    if by is not None:
        ensure_may_try(session, by=by, now=now)
    found = find(session, code)
    if found is None:
        if by is not None:
            note_wrong(session, by=by, now=now)
        return Checked(None, VoucherNotFound(code=normalize(code) or code.strip()[:32]))
    try:
        check(
            found,
            customer_id=customer_id,
            segments=segments,
            uses=uses_by(session, [found], customer_id).get(found.id, 0),
            total=found.minimum if total is None else total,
            now=now,
        )
    except DomainError as reason:
        return Checked(found, reason)
    return Checked(found, None)


def get(session: Session, *, voucher_id: int) -> Voucher:
    """One voucher.

    Raises:
        VoucherNotFound: no such voucher.
    """
    row = session.execute(sa.select(*_ALL).where(voucher.c.id == voucher_id)).one_or_none()
    if row is None:
        raise VoucherNotFound(code="")
    return of_row(row)


def listing(
    session: Session,
    *,
    search: str = "",
    kind: str | None = None,
    status: str | None = None,
    customer_id: int | None = None,
    by_staff: bool | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """Vouchers for a panel, newest first; ``search`` is the beginning of a code.

    ``by_staff``: made by hand (True), given by rules as a reward (False), or either (None).
    ``before`` is the last page's ``before``.
    """
    query = sa.select(*_ALL)
    if search.strip():
        query = query.where(_begins_with(search))
    for column, value in (("kind", kind), ("status", status), ("customer_id", customer_id)):
        if value is not None:
            query = query.where(voucher.c[column] == value)
    if by_staff is not None:
        query = query.where((voucher.c.source_kind == BY_STAFF) == by_staff)
    if before is not None:
        query = query.where(voucher.c.id < before)
    rows = session.execute(query.order_by(voucher.c.id.desc()).limit(limit + 1)).all()
    found = [of_row(row) for row in rows[:limit]]
    return Page(found, found[-1].id if len(rows) > limit else None)


def _begins_with(search: str) -> sa.ColumnElement[bool]:
    # Less than a whole code may be typed: what is not yet one is cleaned the same way.
    start = normalize(search) or normalize(f"000{search}")[3:]
    if not start:
        return sa.false()
    return voucher.c.code.startswith(start, autoescape=True)


def mine(session: Session, *, customer_id: int, now: datetime) -> list[Voucher]:
    """What the customer can use now or soon: own vouchers, the first to end first."""
    v = voucher.c
    rows = session.execute(
        sa.select(*_ALL)
        .where(v.customer_id == customer_id, v.status == ACTIVE)
        .where(sa.or_(v.ends_at.is_(None), v.ends_at > now))
        .order_by(v.ends_at.is_(None), v.ends_at, v.id)
    )
    return [of_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Past:
    """A voucher that its owner cannot use any more: used or run out, and when."""

    voucher: Voucher
    was_used: bool
    at: datetime


def past(
    session: Session, *, customer_id: int, since: datetime, now: datetime, limit: int = 6
) -> list[Past]:
    """The customer's own vouchers that were used up or ran out since then, the latest first."""
    v, u = voucher.c, voucher_use.c
    used_at = (
        sa.select(sa.func.max(u.at))
        .where(u.voucher_id == v.id, u.returned_at.is_(None))
        .scalar_subquery()
    )
    over = sa.or_(v.status == EXPIRED, sa.and_(v.status == ACTIVE, v.ends_at <= now))
    rows = session.execute(
        sa.select(*_ALL, sa.type_coerce(used_at, u.at.type).label("used_at"))
        .where(v.customer_id == customer_id)
        .where(sa.or_(sa.and_(v.status == REDEEMED, used_at >= since),
                      sa.and_(over, v.ends_at >= since)))
    )  # fmt: skip
    found = []
    for row in rows:
        item = of_row(row)
        used = item.status == REDEEMED
        at = row.used_at if used else item.ends_at
        if at is not None:
            found.append(Past(item, used, at))
    return sorted(found, key=lambda one: (one.at, one.voucher.id), reverse=True)[:limit]


def uses_of(session: Session, *, voucher_id: int, limit: int = 50) -> list[UseView]:
    """The last uses of a voucher, newest first."""
    u = voucher_use.c
    rows = session.execute(
        sa.select(u.purchase_id, u.customer_id, u.at, u.amount, u.returned, u.returned_at, u.actor)
        .where(u.voucher_id == voucher_id)
        .order_by(u.id.desc())
        .limit(limit)
    )
    return [UseView(*row) for row in rows]
