"""Clicks: every tap on a link or a button of a message is a row, the first of each also a fact."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.delivery.tracking import Tracked
from loyalty.ids import new_id
from loyalty.messaging.outbox import SERVICE, insert_new
from loyalty.messaging.tables import click, outbox, touch

CLICKED = "message.clicked"
LINK, BUTTON = "link", "button"
_LONGEST_TARGET = 64
_LONGEST_KEY = 64


def note_link(session: Session, link: Tracked, *, now: datetime) -> bool:
    """Count a link that was followed; False if its customer has left, of whom nothing is kept."""
    return _note(session, link.outbox_id, kind=LINK, target=link.target, key=None, now=now)


def note_tap(
    session: Session, *, outbox_id: int, chat_id: int, screen: str, key: str, now: datetime
) -> bool:
    """Count a tap on a message's button; whether it was new.

    ``key`` names the tap: handled again it is the same one. A message that is not in the chat of
    whoever taps was never shown to them: it is not counted.
    """
    return _note(
        session,
        outbox_id,
        kind=BUTTON,
        target=screen[:_LONGEST_TARGET],
        key=key[:_LONGEST_KEY],
        now=now,
        chat_id=chat_id,
    )


def _note(
    session: Session,
    outbox_id: int,
    *,
    kind: str,
    target: str,
    key: str | None,
    now: datetime,
    chat_id: int | None = None,
) -> bool:
    found = _message(session, outbox_id)
    if found is None or found.status == "erased":
        return False
    if chat_id is not None and (found.chat_id != chat_id or found.message_class == SERVICE):
        return False
    facts = {"source": found.source, "step": found.step, "variant": found.variant}
    first = not _was_clicked(session, outbox_id, kind, target)
    row = {
        "id": new_id(),
        "at": now,
        "outbox_id": outbox_id,
        "customer_id": found.customer_id,
        "touch_id": found.touch_id,
        **facts,
        "kind": kind,
        "target": target,
        "key": key,
    }
    if not insert_new(session, click, [row]):
        return False
    if first and found.customer_id is not None:
        data = {"message_id": str(outbox_id), **facts, "kind": kind, "target": target}
        _say(session, found.customer_id, data, now)
    return True


def _message(session: Session, outbox_id: int) -> Any:
    """The message and its touch. Its row is locked, so that of two first clicks one is first."""
    query = (
        sa.select(
            outbox.c.customer_id,
            outbox.c.chat_id,
            outbox.c.message_class,
            outbox.c.touch_id,
            customer.c.status,
            touch.c.source,
            touch.c.step,
            touch.c.variant,
        )
        .outerjoin(customer, customer.c.id == outbox.c.customer_id)
        .outerjoin(touch, touch.c.id == outbox.c.touch_id)
        .where(outbox.c.id == outbox_id)
        .with_for_update(of=outbox)
    )
    return session.execute(query).one_or_none()


def _was_clicked(session: Session, outbox_id: int, kind: str, target: str) -> bool:
    c = click.c
    same = sa.and_(c.outbox_id == outbox_id, c.kind == kind, c.target == target)
    return session.execute(sa.select(c.id).where(same).limit(1)).first() is not None


def _say(session: Session, customer_id: int, data: dict[str, Any], now: datetime) -> None:
    rows = Rows()
    actor = f"customer:{customer_id}"
    events.record(rows, type=CLICKED, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)
