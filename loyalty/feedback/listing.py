"""Talks as the customer and the staff read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.errors import TalkNotFound
from loyalty.feedback.reach import Reach, reach_of
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.feedback.talking import ANSWERED, CLOSED, OPEN
from loyalty.receipts import purchase
from loyalty.staff import outlet, staff

STATUSES = (OPEN, ANSWERED, CLOSED)
SHOWN = 100
"""Messages of a talk that are read at once, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message of a talk. ``by_staff``: said by us; ``who`` names the staff member. The text is
    empty once it is erased."""

    id: int
    at: datetime
    by_staff: bool
    who: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A talk in the list. ``last`` is its newest message; score and purchase are those of the
    rating it belongs to; ``outlet`` that of the purchase, else the customer's home."""

    id: int
    customer_id: int
    name: str | None
    kind: str
    status: str
    opened_at: datetime
    last_at: datetime
    outlet: str | None
    score: int | None
    purchase_id: int | None
    total: int | None
    sold_at: datetime | None
    last: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A talk with its words, oldest first; ``other_id`` the customer's live talk if it is
    another one than this; ``earlier``: there are older messages than those shown."""

    talk: Talk
    lines: Sequence[Line]
    earlier: bool
    reach: Reach
    other_id: int | None


def waiting(session: Session) -> int:
    """How many talks wait for an answer."""
    query = sa.select(sa.func.count()).where(talk.c.status == OPEN)
    return int(session.execute(query).scalar_one())


def counts(session: Session) -> dict[str, int]:
    """How many talks there are of each status."""
    query = sa.select(talk.c.status, sa.func.count()).group_by(talk.c.status)
    return {row[0]: int(row[1]) for row in session.execute(query)}


def talks(
    session: Session, *, status: str | None = None, limit: int = 30, offset: int = 0
) -> list[Talk]:
    """Talks of that status, or all: those that wait first (the longest first), then the newest.

    One more than ``limit`` is returned if there are more.
    """
    waits = sa.case((talk.c.status == OPEN, 0), else_=1)
    query = _TALK.order_by(
        waits,
        sa.case((talk.c.status == OPEN, talk.c.last_at)),
        talk.c.last_at.desc(),
        talk.c.id.desc(),
    )
    if status is not None:
        query = query.where(talk.c.status == status)
    rows = session.execute(query.limit(limit + 1).offset(offset)).all()
    newest = _newest(session, [row.id for row in rows])
    return [_talk(row, newest.get(row.id)) for row in rows]


def thread(session: Session, talk_id: int) -> Thread:
    """A whole talk.

    Raises:
        TalkNotFound: there is no such talk.
    """
    row = session.execute(_TALK.where(talk.c.id == talk_id)).one_or_none()
    if row is None:
        raise TalkNotFound()
    query = (
        _LINE.where(talk_message.c.talk_id == talk_id)
        .order_by(talk_message.c.id.desc())
        .limit(SHOWN + 1)
    )
    lines = [_line(item) for item in session.execute(query)]
    return Thread(
        talk=_talk(row, lines[0] if lines else None),
        lines=lines[:SHOWN][::-1],
        earlier=len(lines) > SHOWN,
        reach=reach_of(session, row.customer_id),
        other_id=_other(session, row.customer_id, talk_id),
    )


def recent_lines(session: Session, customer_id: int, *, limit: int = 5) -> list[Line]:
    """The last words between a customer and the staff, oldest first."""
    mine = sa.select(talk.c.id).where(talk.c.customer_id == customer_id)
    query = (
        _LINE.where(talk_message.c.talk_id.in_(mine), talk_message.c.text != "")
        .order_by(talk_message.c.id.desc())
        .limit(limit)
    )
    return [_line(row) for row in session.execute(query)][::-1]


def talk_of(session: Session, customer_id: int) -> Talk | None:
    """The newest talk of a customer; None if they have never written."""
    query = _TALK.where(talk.c.customer_id == customer_id)
    row = session.execute(
        query.order_by(talk.c.opened_at.desc(), talk.c.id.desc()).limit(1)
    ).first()
    return _talk(row, None) if row is not None else None


_home = outlet.alias("home")
_TALK = (
    sa.select(
        talk.c.id,
        talk.c.customer_id,
        customer.c.name,
        talk.c.kind,
        talk.c.status,
        talk.c.opened_at,
        talk.c.last_at,
        sa.func.coalesce(outlet.c.name, _home.c.name).label("outlet"),
        rating.c.score,
        rating.c.purchase_id,
        purchase.c.total,
        purchase.c.sold_at,
    )
    .select_from(talk)
    .join(customer, customer.c.id == talk.c.customer_id)
    .outerjoin(rating, rating.c.id == talk.c.rating_id)
    .outerjoin(purchase, purchase.c.id == rating.c.purchase_id)
    .outerjoin(outlet, outlet.c.id == rating.c.outlet_id)
    .outerjoin(_home, _home.c.id == customer.c.home_outlet_id)
)
_LINE = sa.select(
    talk_message.c.id,
    talk_message.c.talk_id,
    talk_message.c.at,
    talk_message.c.author,
    talk_message.c.text,
    staff.c.name.label("who"),
).outerjoin(
    staff, talk_message.c.author == sa.literal("staff:").concat(sa.cast(staff.c.id, sa.String))
)


def _talk(row: Any, last: Line | None) -> Talk:
    return Talk(**row._mapping, last=last)


def _line(row: Any) -> Line:
    by_staff = not row.author.startswith("customer:")
    return Line(id=row.id, at=row.at, by_staff=by_staff, who=row.who, text=row.text)


def _newest(session: Session, talk_ids: Sequence[int]) -> dict[int, Line]:
    if not talk_ids:
        return {}
    newest = (
        sa.select(sa.func.max(talk_message.c.id))
        .where(talk_message.c.talk_id.in_(talk_ids))
        .group_by(talk_message.c.talk_id)
    )
    rows = session.execute(_LINE.where(talk_message.c.id.in_(newest)))
    return {row.talk_id: _line(row) for row in rows}


def _other(session: Session, customer_id: int, talk_id: int) -> int | None:
    query = sa.select(talk.c.id).where(
        talk.c.customer_id == customer_id, talk.c.status != CLOSED, talk.c.id != talk_id
    )
    return session.execute(query).scalar_one_or_none()
