"""Takes deliveries with a lease, and writes down how the calls ended."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.webhooks.endpoints import OPEN, is_demo
from loyalty.webhooks.tables import webhook, webhook_delivery

LEASE = timedelta(seconds=30)
"""How long a process may hold a delivery, real time: thrice what a call may take."""

AT_ONCE = 8
"""Calls to one endpoint at a time, a process; a single one while it fails."""

_MINUTE, _HOUR = 60, 3600
BACK_OFF_S = (
    _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR,
    24 * _HOUR,
)  # fmt: skip
"""Pauses between attempts; a tenth more or less, so that they do not come in step."""

MAX_ATTEMPTS = len(BACK_OFF_S) + 1
GIVE_UP_AFTER = timedelta(days=3)
"""An endpoint that has failed for so long is switched off."""

LARGEST_BODY = 64 * 1024
KEPT = timedelta(days=30)
"""How long it is remembered what was told."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be posted where. ``body`` is what the signature is made of, byte for byte."""

    id: int
    webhook_id: int
    url: str
    secret_number: int
    type: str
    body: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Deliveries this process holds now; ``demo``: it may call its own machine."""

    calls: Sequence[Call] = ()
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. ``answer`` is a status or a code, with milliseconds; ``retry_after_s``
    is how long the other side asked to be left alone."""

    call: Call
    ok: bool
    answer: str
    retry_after_s: int = 0


def is_anything_due(session: Session, *, now: datetime, real_now: datetime) -> bool:
    """Whether ``claim`` would find something; cheap, for asking often."""
    query = sa.select(webhook_delivery.c.id).join(webhook, _ON).where(OPEN, _due(now, real_now))
    return session.execute(query.limit(1)).first() is not None


_ON = sa.and_(webhook.c.id == webhook_delivery.c.webhook_id, webhook.c.disabled_at.is_(None))


def _due(now: datetime, real_now: datetime) -> sa.ColumnElement[bool]:
    """Waits and is due, or was held by a process that has died."""
    d = webhook_delivery.c
    queued = sa.and_(d.state == "queued", d.due_at <= now)
    return sa.or_(queued, sa.and_(d.state == "calling", d.lease_until < real_now))


def claim(
    session: Session,
    *,
    owner: str,
    limit: int,
    now: datetime,
    real_now: datetime,
    busy: Mapping[int, int] | None = None,
) -> Claimed:
    """Hold up to ``limit`` deliveries that are due, the longest waiting of each endpoint first.

    ``busy`` says how many calls of this process are under way to each endpoint: no endpoint gets
    more than ``AT_ONCE``, so that one that hangs does not stop the others.
    """
    w = webhook.c
    on = sa.select(w.id, w.url, w.secret_number, w.failing_since).where(w.disabled_at.is_(None))
    calls: list[Call] = []
    for endpoint in session.execute(on.order_by(w.id)).all():
        most = AT_ONCE if endpoint.failing_since is None else 1
        room = min(most - (busy or {}).get(endpoint.id, 0), limit - len(calls))
        if room > 0:
            calls += _take(session, endpoint, room, owner, now, real_now)
    return Claimed(calls, is_demo(session) if calls else False)


def _take(
    session: Session, endpoint: Any, room: int, owner: str, now: datetime, real_now: datetime
) -> list[Call]:
    d = webhook_delivery.c
    query = (
        sa.select(d.id, d.type, d.body, d.attempts)
        .where(d.webhook_id == endpoint.id, OPEN, _due(now, real_now))
        .order_by(d.due_at, d.id)
        .limit(room)
        .with_for_update(skip_locked=True)
    )
    found = session.execute(query).all()
    if not found:
        return []
    # Counted before the call: one that kills its caller every time comes to an end too.
    session.execute(
        sa.update(webhook_delivery)
        .where(d.id.in_([row.id for row in found]))
        .values(
            state="calling",
            attempts=d.attempts + 1,
            lease_owner=owner,
            lease_until=real_now + LEASE,
        )
    )
    return [
        Call(
            id=row.id,
            webhook_id=endpoint.id,
            url=endpoint.url,
            secret_number=endpoint.secret_number,
            type=row.type,
            body=_bytes(row.body),
            attempts=row.attempts + 1,
        )
        for row in found
    ]


def _bytes(body: Mapping[str, Any]) -> bytes:
    ordered = {name: body.get(name) for name in ("id", "type", "at", "data")}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def settle(session: Session, outcomes: Sequence[Outcome], *, owner: str, now: datetime) -> int:
    """Write down how calls ended; how many endpoints were switched off for it.

    A delivery whose lease went to another process meanwhile is that one's to settle.
    """
    switched_off = 0
    for webhook_id in sorted({outcome.call.webhook_id for outcome in outcomes}):
        mine = [one for one in outcomes if one.call.webhook_id == webhook_id]
        w = webhook.c
        query = sa.select(w.failing_since, w.disabled_at).where(w.id == webhook_id)
        endpoint = session.execute(query.with_for_update()).one_or_none()
        if endpoint is None:
            continue  # removed meanwhile, its deliveries with it
        for outcome in mine:
            _settle_one(session, outcome, owner=owner, now=now)
        switched_off += _note_health(session, webhook_id, endpoint, mine, now=now)
    return switched_off


def _settle_one(session: Session, outcome: Outcome, *, owner: str, now: datetime) -> None:
    d, call = webhook_delivery.c, outcome.call
    values: dict[str, Any] = {
        "lease_owner": None,
        "lease_until": None,
        "answer": outcome.answer[:200],
        "settled_at": now,
    }
    if outcome.ok:
        values["state"] = "sent"
    elif call.attempts >= MAX_ATTEMPTS:
        values["state"] = "dead"
    else:
        values |= {"state": "queued", "settled_at": None}
        values["due_at"] = now + pause_after(call.attempts, retry_after_s=outcome.retry_after_s)
    held = sa.and_(d.id == call.id, d.state == "calling", d.lease_owner == owner)
    session.execute(sa.update(webhook_delivery).where(held).values(**values))


def pause_after(attempts: int, *, retry_after_s: int = 0) -> timedelta:
    """How long to wait after so many attempts that failed; longer if the other side asks."""
    planned = BACK_OFF_S[min(attempts, len(BACK_OFF_S)) - 1]
    jittered = planned * random.uniform(0.9, 1.1)
    return timedelta(seconds=max(jittered, min(retry_after_s, BACK_OFF_S[-1])))


def _note_health(
    session: Session, webhook_id: int, endpoint: Any, outcomes: Sequence[Outcome], *, now: datetime
) -> int:
    """How the endpoint does; 1 if it is given up."""
    change = sa.update(webhook).where(webhook.c.id == webhook_id)
    if any(outcome.ok for outcome in outcomes):
        if endpoint.failing_since is not None:
            session.execute(change.values(failing_since=None))
        return 0
    since = endpoint.failing_since or now
    values: dict[str, Any] = {"failing_since": since}
    given_up = endpoint.disabled_at is None and now - since >= GIVE_UP_AFTER
    if given_up:
        values["disabled_at"] = now
        rows = Rows()
        data = {"webhook_id": str(webhook_id), "failing_since": since.isoformat()}
        events.record(
            rows,
            type="webhook.given_up",
            customer_id=None,
            actor=events.SYSTEM,
            data=data,
            now=now,
        )
        rows.put(session)
    if given_up or endpoint.failing_since is None:
        session.execute(change.values(**values))
    return int(given_up)


def release(session: Session, *, owner: str) -> int:
    """Give back what ``owner`` holds and has not called; the attempt is not counted."""
    d = webhook_delivery.c
    done = session.execute(
        sa.update(webhook_delivery)
        .where(OPEN, d.state == "calling", d.lease_owner == owner)
        .values(state="queued", attempts=d.attempts - 1, lease_owner=None, lease_until=None)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def sweep(session: Session, *, now: datetime) -> int:
    """Forget what was told long ago, and what waits for an endpoint that is off for long."""
    d = webhook_delivery.c
    old = d.created_at < now - KEPT
    gone = session.execute(sa.delete(webhook_delivery).where(old))
    return int(gone.rowcount)  # type: ignore[attr-defined]
