"""What the tests of ratings and talks share: a purchase, what is kept, the staff's answer."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, customers, feedback, purchases
from loyalty.db import Database
from loyalty.ids import short_of
from loyalty.purchases import Receipt
from tests.bot.phone import TOKEN, Phone

ZONE = "Europe/Moscow"


async def id_of(db: Database, telegram_id: int) -> int:
    """The customer behind a chat."""
    found = await db.read(lambda s: customers.find_by_telegram(s, telegram_id))
    assert found is not None
    return found.id


async def buys(db: Database, customer_id: int, amount: int = 45_000) -> str:
    """A purchase of now, as buttons name it."""
    now = clock.now()
    receipt = Receipt.of_sum(amount, sold_at=now)
    result = await db.transact(
        lambda s: purchases.record(
            s,
            customer_id=customer_id,
            receipt=receipt,
            redeem=0,
            may_redeem=False,
            actor="system",
            outlet_id=None,
            staff_id=None,
            source="pos",
            time_zone=ZONE,
            now=now,
        )
    )
    return short_of(result.purchase_id)


async def opens(phone: Phone, data: str) -> None:
    """Tap a button under a message that came by itself, as a reminder does."""
    button = {"text": "Open", "callback_data": data}
    body = {
        "chat_id": phone.id,
        "text": "A reminder",
        "reply_markup": {"inline_keyboard": [[button]]},
    }
    url = f"{phone.telegram.url}/bot{TOKEN}/sendMessage"
    async with phone.telegram.http.post(url, json=body) as answer:
        sent = await answer.json()
    assert sent["ok"], sent
    await phone.tap("Open", message_id=sent["result"]["message_id"])


async def kept(db: Database, customer_id: int) -> list[tuple[int, str | None]]:
    """Scores and words of this customer, newest first."""
    found = await db.read(lambda s: feedback.ratings(s, customer_id=customer_id))
    return [(item.score, item.text) for item in found]


async def lines(db: Database, customer_id: int) -> list[str]:
    """What was said in this customer's talks, oldest first."""
    found = await db.read(lambda s: feedback.recent_lines(s, customer_id, limit=50))
    return [line.text for line in found]


async def step_of(db: Database, telegram_id: int) -> str | None:
    """The question that waits in a chat."""
    table = customers.telegram_chat
    query = sa.select(table.c.step).where(table.c.telegram_id == telegram_id)
    step: str | None = await db.read(lambda s: s.execute(query).scalar_one())
    return step


async def answers(db: Database, customer_id: int, text: str) -> None:
    """The staff's answer in the customer's talk."""

    def unit(session: Session) -> Any:
        found = feedback.talk_of(session, customer_id)
        assert found is not None
        return feedback.answer(
            session, talk_id=found.id, text=text, key=f"panel:{text}", actor="staff:1",
            now=clock.now(),
        )  # fmt: skip

    await db.transact(unit)
