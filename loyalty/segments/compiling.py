"""A rule as SQL over customers, and the questions asked with it: who, how many, show me some."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import ERASED, customer
from loyalty.errors import SegmentInvalid
from loyalty.receipts import customer_stats
from loyalty.segments.asking import ASKED
from loyalty.segments.asking.base import Among, Around, Bool
from loyalty.segments.made import ready_made_where
from loyalty.segments.rules import All, AnyOf, InSegment, Is, Not, Rule
from loyalty.segments.saved import Saved, saved
from loyalty.segments.top import with_top

FEW = 2000
"""Up to so many customers are looked at one by one, more by reading whole tables once."""

SAMPLE = 10
MAX_CHAIN = 8
"""Segments that name segments that name segments: so deep and no deeper."""

PEOPLE = sa.and_(customer.c.status != ERASED, customer.c.merged_into.is_(None))
"""Who can be in a segment at all: one row per person, nobody who was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A customer as an example of a segment. ``spent`` in minor units, net of returns."""

    id: int
    name: str | None
    tier: str
    joined_at: datetime | None
    orders: int
    spent: int
    last_purchase_at: datetime | None


def where(
    rule: Rule, *, now: datetime, time_zone: str, saved: Saved | None = None, each: bool = False
) -> Bool:
    """The rule as a condition over ``customer``: never NULL, and false for who was erased or is a
    paper card that became somebody's. ``saved`` comes from ``segments.saved(session, now=now)``;
    ``each`` is for looking at few customers that something else in the statement chooses.

    Raises:
        SegmentInvalid: an unknown segment, field or value, or segments that name one another.
    """
    around = Around(now=now, time_zone=time_zone, saved=saved or Saved(), each=each)
    return sa.and_(PEOPLE, _compile(rule, around, ()))


def matching(
    session: Session,
    rule: Rule,
    *,
    now: datetime,
    time_zone: str,
    among: Collection[int] | None = None,
    saved: Saved | None = None,
) -> set[int]:
    """Ids of the customers (of ``among``, if given) for whom the rule holds at ``now``.

    Raises: as ``where``.
    """
    if among is not None and not among:
        return set()
    each = among is not None and len(among) <= FEW
    found = _asked(session, rule, now, time_zone, saved, each=each)
    query = sa.select(customer.c.id).where(found)
    if among is not None:
        query = query.where(Among(customer.c.id, sorted(set(among))))
    return set(session.execute(query).scalars())


def count(
    session: Session, rule: Rule, *, now: datetime, time_zone: str, saved: Saved | None = None
) -> int:
    """How many customers the rule holds for at ``now``.

    Raises: as ``where``.
    """
    found = _asked(session, rule, now, time_zone, saved)
    query = sa.select(sa.func.count()).select_from(customer).where(found)
    return session.execute(query).scalar_one()


def sample(
    session: Session,
    rule: Rule,
    *,
    now: datetime,
    time_zone: str,
    saved: Saved | None = None,
    size: int = SAMPLE,
) -> list[Sampled]:
    """Some of the customers the rule holds for; the same ones as long as nothing changes.

    Raises: as ``where``.
    """
    found = _asked(session, rule, now, time_zone, saved)
    c, s = customer.c, customer_stats.c
    query = (
        sa.select(
            c.id,
            c.name,
            c.tier,
            c.joined_at,
            sa.func.coalesce(s.orders, 0).label("orders"),
            sa.func.coalesce(s.spent, 0).label("spent"),
            s.last_purchase_at,
        )
        .outerjoin(customer_stats, s.customer_id == c.id)
        .where(found)
        # Ids grow with time: their last digits mix the old and the new.
        .order_by(c.id % 1009, c.id)
        .limit(size)
    )
    return [Sampled(**row._mapping) for row in session.execute(query)]


def members_of(
    session: Session,
    keys: Collection[str],
    customer_ids: Collection[int],
    now: datetime,
    time_zone: str,
    saved: Saved | None = None,
) -> dict[str, set[int]]:
    """For each segment (ready-made or saved), which of these customers are in it, by one query.

    Raises: as ``where``.
    """
    members: dict[str, set[int]] = {key: set() for key in keys}
    if not members or not customer_ids:
        return members
    around = Around(
        now=now,
        time_zone=time_zone,
        saved=saved or _saved(session, now),
        # Columns, not conditions: a database looks at them customer by customer anyway.
        each=True,
    )
    wanted = list(members)
    around = with_top(session, around, *(InSegment(segment=key) for key in wanted))
    columns = [
        _compile(InSegment(segment=key), around, ()).label(f"s{n}") for n, key in enumerate(wanted)
    ]
    query = sa.select(customer.c.id, *columns).where(
        PEOPLE, Among(customer.c.id, sorted(set(customer_ids)))
    )
    for customer_id, *flags in session.execute(query):
        for key, flag in zip(wanted, flags, strict=True):
            if flag:
                members[key].add(customer_id)
    return members


def _saved(session: Session, now: datetime) -> Saved:
    return saved(session, now=now)


def _asked(
    session: Session,
    rule: Rule,
    now: datetime,
    time_zone: str,
    known: Saved | None,
    *,
    each: bool = False,
) -> Bool:
    """The condition of ``where``, with everything looked up that it is read against."""
    around = Around(now=now, time_zone=time_zone, saved=known or _saved(session, now), each=each)
    return sa.and_(PEOPLE, _compile(rule, with_top(session, around, rule), ()))


def _compile(rule: Rule, around: Around, inside: Sequence[str]) -> Bool:
    """``inside`` are the saved segments this one is a part of."""
    match rule:
        case All():
            return sa.and_(sa.true(), *(_compile(one, around, inside) for one in rule.all))
        case AnyOf():
            # Here a database cannot join what it has read for everybody.
            apart = around if len(rule.any) == 1 else replace(around, each=True)
            return sa.or_(sa.false(), *(_compile(one, apart, inside) for one in rule.any))
        case Not():
            return sa.not_(_compile(rule.not_, replace(around, each=True), inside))
        case InSegment():
            return _segment(rule.segment, around, inside)
        case Is():
            asks = ASKED.get(rule.field)
            if asks is None:
                raise SegmentInvalid(problems=[{"field": "field", "problem": "unknown_field"}])
            return asks(rule, around)


def _segment(key: str, around: Around, inside: Sequence[str]) -> Bool:
    made = ready_made_where(key, around)
    if made is not None:
        return made
    rule = around.saved.rules.get(key)
    problem = None
    if rule is None:
        problem = "unknown_segment"
    elif key in inside:
        problem = "circle"
    elif len(inside) >= MAX_CHAIN:
        problem = "too_deep"
    if problem is not None or rule is None:
        raise SegmentInvalid(problems=[{"field": "segment", "problem": problem}])
    return _compile(rule, around, (*inside, key))
