"""What Telegram will never take: said in the log by number and reason, never by its words."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import delivery, messaging
from loyalty.db import Rows
from loyalty.delivery.settling import code_of
from loyalty.events import event
from loyalty.messaging.tables import outbox
from tests.world import ZONE, World

PLACE = delivery.Place(ZONE, "RUB", "ru")
SAID = 'Bad Request: can\'t parse entities: unsupported start tag "anna petrova" at byte 5'


async def reject(world: World, message_class: str) -> int:
    """A message that is called and refused; its row."""
    person = await world.customer(chat=501, name="Анна Петрова")

    def unit(session: Session) -> int:
        rows, real = Rows(), world.now
        row_id = messaging.enqueue(
            rows,
            customer_id=person,
            chat_id=501,
            message_class=message_class,
            key="receipt:1",
            payload={"text": "<anna petrova>"},
            now=world.now,
        )
        rows.put(session)
        session.execute(
            sa.update(outbox).values(state="sending", lease_owner="me", attempts=1, left_at=real)
        )
        outgoing = delivery.Outgoing(row_id, 501, "sendMessage", {}, message_class, person)
        refused = delivery.Outcome(outgoing, "rejected", reason=SAID)
        delivery.settle(session, [refused], owner="me", now=world.now)
        return row_id

    return await world.db.transact(unit)


@pytest.mark.parametrize(("message_class", "counted"), [("service", 1), ("trigger", 0)])
async def test_a_rejected_message_is_warned_of_without_anybody_s_words(
    world: World, caplog: pytest.LogCaptureFixture, message_class: str, counted: int
) -> None:
    with caplog.at_level(logging.WARNING, logger="loyalty.delivery"):
        row_id = await reject(world, message_class)
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"outbox row {row_id} ({message_class}) was rejected: bad_markup"]
    assert "petrova" not in caplog.text
    lost = await world.db.read(lambda s: delivery.count_lost(s, since=world.now))
    assert lost == counted
    query = sa.select(event.c.data).where(event.c.type == delivery.REJECTED)
    told = await world.db.read(lambda s: s.execute(query).scalars().all())
    assert (
        list(told)
        == [{"outbox": str(row_id), "class": message_class, "code": "bad_markup"}] * counted
    )


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (SAID, "bad_markup"),
        ("Bad Request: message is too long", "too_long"),
        ("Bad Request: BUTTON_DATA_INVALID", "bad_button"),
        ("Bad Request: wrong file identifier/HTTP URL specified", "bad_link"),
        ("http_418", "unreadable_answer"),
        ("Bad Request: Анна Петрова", "other"),
        (None, "other"),
    ],
)
def test_telegram_s_words_become_one_of_ours(reason: str | None, code: str) -> None:
    assert code_of(reason) == code
