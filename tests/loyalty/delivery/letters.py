"""Messages of a chain of one step, as they lie in the outbox once they have left."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.model import Definition
from loyalty.chains.tables import chain, chain_version
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from tests.world import World

SHOP, MENU, SALE = "https://shop.example/?a=1&b=2", "https://shop.example/menu", "https://s.example"
LINKED = {
    "en": 'Look <a href="https://shop.example/?a=1&amp;b=2">here</a>, or'
    ' <a href="https://shop.example/new">there</a>',
    "ru": 'Смотрите <a href="https://shop.example/?a=1&amp;b=2">сюда</a>',
}


def words(text: str) -> dict[str, str]:
    """The same in both languages."""
    return {"en": text, "ru": text}


def button(**what: Any) -> dict[str, Any]:
    """A button that says "Go"."""
    return {"texts": words("Go"), **what}


DEFINITION = Definition.model_validate(
    {
        "title": words("Spring"),
        "trigger": {"kind": "event", "event": "customer.joined"},
        "steps": [
            {
                "kind": "message",
                "id": "look",
                "texts": LINKED,
                "buttons": [[button(data="card"), button(url=SHOP)], [button(url=MENU)]],
                "variants": [
                    {"key": "b", "share_bp": 5000, "texts": words("B"),
                     "buttons": [[button(url=SALE)]]}
                ],
                "for_segments": [
                    {"rule": {"segment": "vip"}, "texts": words("VIP"),
                     "buttons": [[button(url="https://vip.example/")]]}
                ],
            }
        ],
    }
)  # fmt: skip


async def publish(world: World) -> int:
    """The chain; the id of its version."""
    chain_id, version_id = new_id(), new_id()

    def unit(session: Session) -> None:
        session.execute(
            sa.insert(chain).values(
                id=chain_id, key=f"spring{chain_id}"[:32], enabled=True, created_at=world.now
            )
        )
        session.execute(
            sa.insert(chain_version).values(
                id=version_id,
                chain_id=chain_id,
                number=1,
                definition=DEFINITION.model_dump(mode="json"),
                published_at=world.now,
                author="test",
            )
        )

    await world.db.transact(unit)
    return version_id


async def letter(
    world: World,
    customer_id: int | None,
    payload: dict[str, Any],
    *,
    chat_id: int = 77,
    message_class: str = "trigger",
    state: str = "sent",
) -> int:
    """A message with its touch; its id in the outbox."""
    outbox_id, touch_id = new_id(), new_id()

    def unit(session: Session) -> None:
        if customer_id is not None:
            session.execute(
                sa.insert(touch).values(
                    id=touch_id,
                    customer_id=customer_id,
                    source="chain:spring",
                    step="look",
                    occurrence=str(touch_id),
                    message_class=message_class,
                    decision="send",
                    due_at=world.now,
                    deadline=world.now,
                    decided_at=world.now,
                    variant=payload.get("variant"),
                )
            )
        session.execute(
            sa.insert(outbox).values(
                id=outbox_id,
                customer_id=customer_id,
                chat_id=chat_id,
                message_class=message_class,
                key=f"touch:{touch_id}",
                payload=payload,
                priority=1,
                state=state,
                due_at=world.now,
                deadline=world.now,
                created_at=world.now,
                attempts=1,
                left_at=world.now,
                touch_id=touch_id if customer_id is not None else None,
            )
        )

    await world.db.transact(unit)
    return outbox_id
