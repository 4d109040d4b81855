"""Who starts a chain by something that happened: read from the events, after each chain's cursor.

Ids of events grow with the clock of the process that drew them, and a row may be committed after
a later one was read; so the last two minutes are looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains import triggers_carts as carts
from loyalty.chains.model import EventTrigger
from loyalty.chains.store import OVERLAP_IDS, Chain
from loyalty.chains.tables import ACTIVE, enrolment
from loyalty.chains.triggers_common import Place, Relation, enrol, standing, starts_query
from loyalty.chains.triggers_progress import Progress, keep, take
from loyalty.customers import customer
from loyalty.db.types import BigId, JsonValue, UtcDateTime
from loyalty.events import event
from loyalty.ids import new_id

PAGE = 500
"""Events taken at a time: a unit stays short under live sales."""

_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Start:
    """Somebody's beginning of a chain, as an event tells it."""

    customer_id: int
    occurrence: str
    at: datetime
    about: Mapping[str, str]


def newest(session: Session, items: Sequence[Chain]) -> dict[str, int]:
    """The id of the newest event of each type that starts a chain: one look at an index tells
    almost every time that there is nothing to do."""
    types = {
        item.definition.trigger.event
        for item in items
        if isinstance(item.definition.trigger, EventTrigger)
    }
    if not types:
        return {}
    rows = [{"type": type_} for type_ in sorted(types)]
    wanted = Relation({"type": sa.Text()}, rows).of(session, "wanted")
    last = sa.select(sa.func.max(event.c.id)).where(event.c.type == wanted.c.type)
    query = sa.select(wanted.c.type, last.correlate(wanted).scalar_subquery())
    return {type_: id_ for type_, id_ in session.execute(query) if id_ is not None}


def follow(
    place: Place, item: Chain, *, pages: int, known: Progress | None, newest_id: int
) -> tuple[int, bool]:
    """Enrol whom new events of a chain concern; how many were new, and whether more are waiting.

    Reads at most ``pages`` pages of what is new. ``known`` is how far the chain had come when it
    was last read: if no event is later, the chain is not even held.
    """
    trigger = item.definition.trigger
    assert isinstance(trigger, EventTrigger)
    session = place.session
    if newest_id <= _look_from(known.last_event_id if known is not None else 0):
        return 0, False
    progress = take(session, item.id)
    if progress is None:
        return 0, False
    fresh = progress.last_event_id
    position, enrolled, read = _look_from(fresh), 0, 0
    more = False
    while True:
        page = _events_after(session, trigger.event, position)
        if page:
            enrolled += _enrol(place, item, trigger, page)
            position = page[-1].id
            # Looking back over the overlap does not use up the pages for what is new.
            read += position > fresh
        if len(page) < PAGE:
            break
        if read >= pages:
            more = True
            break
    if position > fresh:
        progress.last_event_id = position
        keep(session, progress)
    return enrolled, more


def _look_from(cursor: int) -> int:
    return min(cursor, max(cursor - OVERLAP_IDS, new_id() - 2 * OVERLAP_IDS))


def _events_after(session: Session, type_: str, position: int) -> Sequence[Any]:
    query = (
        sa.select(event.c.id, event.c.at, event.c.customer_id, event.c.data)
        .where(event.c.type == type_, event.c.id > position)
        .order_by(event.c.id)
        .limit(PAGE)
    )
    return session.execute(query).all()


def _enrol(place: Place, item: Chain, trigger: EventTrigger, page: Sequence[Any]) -> int:
    first: dict[tuple[int, str], Start] = {}
    latest: dict[tuple[int, str], Start] = {}
    for one in _starts(item, trigger, page, now=place.now):
        key = one.customer_id, one.occurrence
        first[key] = min(first.get(key, one), one, key=_when)
        latest[key] = max(latest.get(key, one), one, key=_when)
    if trigger.event == carts.UPDATED and trigger.occurrence == "subject":
        first = latest = _live(place, item, latest)
    if not first:
        return 0
    enrolled = enrol(place.session, item, _query(place.session, list(first.values())))
    if trigger.occurrence == "subject":
        _begin_later(place.session, item, list(latest.values()))
    return enrolled


def _when(one: Start) -> datetime:
    return one.at


def _live(
    place: Place, item: Chain, told: Mapping[tuple[int, str], Start]
) -> dict[tuple[int, str], Start]:
    """Carts with something in them, each as of the last time it was touched."""
    found = {}
    for (customer_id, cart_id), state in carts.states(place.session, list(told)).items():
        if state.is_live and state.at >= (item.enabled_at or place.now):
            at, about = min(state.at, place.now), {"event": str(state.event_id)}
            found[customer_id, cart_id] = Start(customer_id, cart_id, at, about)
    return found


def _starts(
    item: Chain, trigger: EventTrigger, page: Sequence[Any], *, now: datetime
) -> Iterator[Start]:
    since = item.enabled_at or now
    for row in page:
        facts, at = carts.facts_of(row.data), carts.happened_at(row)
        # A till that was offline tells of a sale late: its steps are reckoned from the sale, but
        # whether the chain was on is told by when we heard of it.
        told = row.at if "purchase_id" in facts else min(at, row.at)
        if row.customer_id is None or told < since or not _fits(trigger, facts):
            continue
        occurrence = _occurrence(trigger, row.id, facts)
        if occurrence is None or len(occurrence) > _LONGEST:
            continue
        about = {"event": str(row.id)}
        if "purchase_id" in facts:
            about["purchase"] = str(facts["purchase_id"])
        yield Start(row.customer_id, occurrence, min(at, now), about)


def _fits(trigger: EventTrigger, facts: Mapping[str, Any]) -> bool:
    if trigger.first and facts.get("first") is not True:
        return False
    return all(
        # True is not 1 here.
        key in facts and facts[key] == value and isinstance(facts[key], type(value))
        for key, value in trigger.where.items()
    )


def _occurrence(trigger: EventTrigger, event_id: int, facts: Mapping[str, Any]) -> str | None:
    if trigger.occurrence == "once":
        return "once"
    if trigger.occurrence == "purchase":
        return str(facts.get("purchase_id", event_id))
    if trigger.occurrence == "event":
        return str(event_id)
    value = facts.get(trigger.subject or "")
    return None if value in (None, "") or isinstance(value, (dict, list)) else str(value)


_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "customer_id": BigId,
    "occurrence": sa.Text(),
    "starts_at": UtcDateTime(),
    "about": JsonValue,
}


def _relation(session: Session, starts: Sequence[Start]) -> sa.FromClause:
    rows = [
        {
            "customer_id": one.customer_id,
            "occurrence": one.occurrence,
            "starts_at": one.at,
            "about": dict(one.about),
        }
        for one in starts
    ]
    return Relation(_COLUMNS, rows).of(session, "told")


def _query(session: Session, starts: Sequence[Start]) -> sa.Select[Any]:
    found = _relation(session, starts)
    return (
        starts_query(
            found.c.customer_id,
            occurrence=found.c.occurrence,
            starts_at=found.c.starts_at,
            about=found.c.about,
        )
        .select_from(found)
        .join(customer, customer.c.id == found.c.customer_id)
        .where(*standing())
    )


def _begin_later(session: Session, item: Chain, starts: Sequence[Start]) -> None:
    """Who is still at the first step waits from what they did last, not from what they did
    first: nobody is reminded of a cart they are filling."""
    found = _relation(session, starts)
    mine = sa.and_(
        found.c.customer_id == enrolment.c.customer_id,
        found.c.occurrence == enrolment.c.occurrence,
        found.c.starts_at > enrolment.c.enrolled_at,
    )
    later = sa.select(found.c.starts_at).where(mine).scalar_subquery()
    about = sa.select(found.c.about).where(mine).scalar_subquery()
    session.execute(
        sa.update(enrolment)
        .where(
            enrolment.c.chain_id == item.id,
            enrolment.c.customer_id.in_(sorted({one.customer_id for one in starts})),
            ACTIVE,
            enrolment.c.step == 0,
            sa.exists().where(mine),
        )
        .values(enrolled_at=later, due_at=later, arrived_at=None, subject=about)
        .execution_options(synchronize_session=False)
    )
