"""A chain of a test's own, people on it, and time that goes on without a scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, consent
from loyalty.chains.tables import chain, chain_version, enrolment
from loyalty.consent import ADS_TELEGRAM
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from tests.world import ZONE, World

TITLE = {"ru": "Проба", "en": "Trial"}
HELLO = {"ru": "Привет", "en": "Hello"}


def message(id_: str, **more: Any) -> dict[str, Any]:
    """A message step with some words."""
    return {"kind": "message", "id": id_, "texts": HELLO, **more}


def definition(*steps: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A chain of these steps that a shop's own event starts."""
    trigger = {"kind": "event", "event": "test.began"}
    return {"title": TITLE, "trigger": trigger, "steps": list(steps), **more}


async def put_chain(world: World, document: Mapping[str, Any], *, key: str = "trial") -> int:
    """Write the chain down, switched on; its version's id. Checked as an owner's would be."""
    checked = chains.check(document)

    def unit(session: Session) -> int:
        chain_id, version_id = new_id(), new_id()
        session.execute(
            sa.insert(chain).values(
                id=chain_id, key=key, enabled=True, enabled_at=world.now, created_at=world.now
            )
        )
        session.execute(
            sa.insert(chain_version).values(
                id=version_id,
                chain_id=chain_id,
                number=1,
                definition=checked.model_dump(mode="json"),
                published_at=world.now,
                author="test",
            )
        )
        return version_id

    return await world.db.transact(unit)


async def somebody(world: World, chat: int = 501, **fields: Any) -> int:
    """A customer who can be written to and has agreed."""
    customer_id = await world.customer(chat=chat, **fields)
    await world.db.transact(lambda s: consent.ensure_texts(s, now=world.now))
    await world.db.transact(
        lambda s: consent.record(
            s,
            customer_id=customer_id,
            purpose=ADS_TELEGRAM,
            granted=True,
            language="ru",
            channel="telegram",
            evidence=str(new_id()),
            now=world.now,
        )
    )
    return customer_id


async def begin(
    world: World,
    version_id: int,
    customer_id: int,
    *,
    occurrence: str = "once",
    at: datetime | None = None,
    day: date | None = None,
    subject: Mapping[str, Any] | None = None,
) -> int:
    """Put the customer on the chain, as a trigger would."""
    at = at or world.now

    def unit(session: Session) -> int:
        enrolment_id = new_id()
        query = sa.select(chain_version.c.chain_id).where(chain_version.c.id == version_id)
        session.execute(
            sa.insert(enrolment).values(
                id=enrolment_id,
                chain_id=session.execute(query).scalar_one(),
                chain_version_id=version_id,
                customer_id=customer_id,
                occurrence=occurrence,
                step=0,
                status="active",
                due_at=at,
                enrolled_at=at,
                day=day,
                subject=subject,
            )
        )
        return enrolment_id

    return await world.db.transact(unit)


async def go(world: World, to: datetime | None = None) -> None:
    """Let time come to ``to`` (from one due moment to the next) and everybody move."""
    target = to or world.now
    due = sa.select(sa.func.min(enrolment.c.due_at)).where(enrolment.c.status == "active")
    while True:
        await world.db.transact(lambda s: chains.advance(s, now=world.now, time_zone=ZONE))
        ahead = await world.db.read(lambda s: s.execute(due).scalar_one())
        if ahead is None or ahead > target:
            break
        world.now = max(world.now, ahead)
    world.now = max(world.now, target)


async def decided(world: World, customer_id: int) -> list[tuple[str, str, str | None]]:
    """(step, decision, reason) of the customer's touches, in order."""
    query = (
        sa.select(touch.c.step, touch.c.decision, touch.c.reason)
        .where(touch.c.customer_id == customer_id)
        .order_by(touch.c.id)
    )
    rows = await world.db.read(lambda s: s.execute(query).all())
    return [(row.step, row.decision, row.reason) for row in rows]


async def leave(world: World) -> None:
    """Everything in the outbox leaves now, so that caps count it."""
    values = {"state": "sent", "left_at": world.now, "settled_at": world.now}
    waiting = sa.update(outbox).where(outbox.c.state == "queued").values(**values)
    await world.db.transact(lambda s: s.execute(waiting))


async def passes(world: World) -> list[Any]:
    """Every enrolment, in order."""
    query = sa.select(enrolment).order_by(enrolment.c.id)
    return list(await world.db.read(lambda s: s.execute(query).all()))
