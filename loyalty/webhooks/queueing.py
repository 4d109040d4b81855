"""What is to be told, put in the queue: read from the journal of events, or by a chain's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.events import event
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.webhooks.bodies import data_of
from loyalty.webhooks.naming import CHAIN_STEP, EVENTS
from loyalty.webhooks.tables import webhook, webhook_delivery

_ID_BITS = 21
OVERLAP_IDS = 120_000 << _ID_BITS
"""Two minutes of ids: how late a row may be committed after its id was drawn."""

BACKLOG = timedelta(days=7)
"""So far back an endpoint that was switched off is told what it has missed."""

PAGE = 500
"""Events taken at a time: a unit stays short under live sales."""

_BACKLOG_IDS = int(BACKLOG.total_seconds() * 1000) << _ID_BITS


def enqueue(
    session: Session, *, type: str, key: str, data: Mapping[str, Any], now: datetime
) -> int:
    """Tell every endpoint that wants ``type``; to how many it is new.

    ``key`` (``touch:ID``) makes it once per endpoint, however often the unit runs. ``data`` holds
    opaque ids, numbers and words of the shop's own, never a name or a phone; whole numbers
    called ``…_id`` become strings. What ``type`` nobody wants costs one read.
    """
    wanted = [row.id for row in _endpoints(session, now) if wants(row.events, type)]
    if not wanted:
        return 0
    body = _body(key, type, now, _with_text_ids(data))
    rows = [_row(webhook_id, key, type, body, now) for webhook_id in wanted]
    return len(insert_new(session, webhook_delivery, rows))


def enqueue_step(session: Session, *, touch_id: int, data: Mapping[str, Any], now: datetime) -> int:
    """A chain has come to a webhook step: tell whoever wants ``chain.step``; to how many."""
    return enqueue(session, type=CHAIN_STEP, key=f"touch:{touch_id}", data=data, now=now)


def wants(chosen: Sequence[str], type: str) -> bool:
    """Whether an endpoint that chose these types is told of ``type``; none chosen is all."""
    return not chosen or type in chosen


def queue_events(session: Session, *, now: datetime, pages: int = 4, look_back: bool = True) -> int:
    """Queue what happened since each endpoint's cursor; how much was new.

    Reads on at most ``pages`` pages for each. ``look_back`` looks again at the last two minutes:
    ids grow with the clock of the process that drew them, and a row may be committed after a
    later one was read. Safe to run anywhere, twice, or late.
    """
    queued = 0
    for row in _endpoints(session, now, working=True):
        types = [type_ for type_ in EVENTS if wants(row.events, type_)]
        if types:
            queued += _follow(session, row, types, now=now, pages=pages, look_back=look_back)
    return queued


def _endpoints(session: Session, now: datetime, *, working: bool = False) -> Sequence[Any]:
    """Endpoints that are on; and those switched off lately, which may be switched on again."""
    on: sa.ColumnElement[bool] = webhook.c.disabled_at.is_(None)
    if not working:
        on = sa.or_(on, webhook.c.disabled_at > now - BACKLOG)
    query = sa.select(webhook.c.id, webhook.c.events, webhook.c.last_event_id)
    return session.execute(query.where(on).order_by(webhook.c.id)).all()


def _follow(
    session: Session, row: Any, types: Sequence[str], *, now: datetime, pages: int, look_back: bool
) -> int:
    latest = new_id()
    # Never before the endpoint was there, nor further back than its backlog.
    cursor = max(row.last_event_id, row.id, latest - _BACKLOG_IDS)
    position = cursor
    if look_back:
        position = max(row.id, min(cursor, max(cursor - OVERLAP_IDS, latest - 2 * OVERLAP_IDS)))
    queued = read = 0
    while read < pages:
        page = _events_after(session, types, position)
        if page:
            queued += _put(session, row.id, page, now=now)
            position = page[-1].id
        # Looking back over the overlap does not use up the pages for what is new.
        read += position > cursor
        if len(page) < PAGE:
            if latest - position > 5 * OVERLAP_IDS:
                # Nothing wanted for long: do not read over the same quiet days again and again.
                position = latest - OVERLAP_IDS
            break
    if position > cursor:
        session.execute(
            sa.update(webhook).where(webhook.c.id == row.id).values(last_event_id=position)
        )
    return queued


def _events_after(session: Session, types: Sequence[str], position: int) -> Sequence[Any]:
    query = (
        sa.select(event.c.id, event.c.at, event.c.type, event.c.customer_id, event.c.data)
        .where(event.c.type.in_(types), event.c.id > position)
        .order_by(event.c.id)
        .limit(PAGE)
    )
    return session.execute(query).all()


def _put(session: Session, webhook_id: int, page: Sequence[Any], *, now: datetime) -> int:
    keys = {f"event:{found.id}": found for found in page}
    d = webhook_delivery.c
    known = sa.select(d.key).where(d.webhook_id == webhook_id, d.key.in_(list(keys)))
    for key in session.execute(known).scalars():
        del keys[key]
    if not keys:
        return 0
    data = data_of(session, list(keys.values()))
    rows = [
        _row(webhook_id, key, found.type, _body(key, found.type, found.at, data[found.id]), now)
        for key, found in keys.items()
    ]
    return len(insert_new(session, webhook_delivery, rows))


def _body(key: str, type: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """``id`` is the same at every endpoint and every attempt: receivers know a copy by it."""
    name = key.partition(":")[2]
    return {"id": name if name.isdigit() else key, "type": type, "at": at.isoformat(), "data": data}


def _with_text_ids(data: Mapping[str, Any]) -> dict[str, Any]:
    """Ids as text: 64 bits do not fit into the numbers of many a language."""
    return {
        name: str(value) if name.endswith("_id") and isinstance(value, int) else value
        for name, value in data.items()
    }


def _row(
    webhook_id: int, key: str, type: str, body: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "webhook_id": webhook_id,
        "key": key,
        "type": type,
        "body": body,
        "state": "queued",
        "attempts": 0,
        "due_at": now,
        "created_at": now,
    }
