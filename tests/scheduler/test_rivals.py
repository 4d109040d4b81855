"""A mass message makes way for a trigger of the same local day: one that has left, one that is
queued, and one that a chain will only come to later that day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, clock
from loyalty.chains import editing
from loyalty.chains.tables import enrolment
from loyalty.messaging.tables import outbox
from tests.scheduler.stage import Stage
from tests.world import ZONE

ANNA = 501
QUESTION = "Поставьте оценку"


async def _buy(stage: Stage, customer_id: int) -> None:
    stage.world.now = clock.now()
    await stage.world.sell(customer_id, 450_00)


async def _news(stage: Stage, customer_id: int) -> None:
    await stage.queue(ANNA, "Новости", customer_id=customer_id, message_class="mass")
    await stage.running.run_due()


async def _fate(stage: Stage) -> tuple[str, str | None]:
    query = sa.select(outbox.c.state, outbox.c.reason).where(outbox.c.message_class == "mass")
    row = await stage.world.db.read(lambda s: s.execute(query).one())
    return row.state, row.reason


async def _heard(stage: Stage) -> list[str]:
    marks = {"Новости": "news", QUESTION: "question", "Сегодня праздник": "feast"}
    texts = await stage.texts(ANNA)
    return [said for text in texts for mark, said in marks.items() if mark in text]


YIELDED = ("skipped", "trigger_first")


async def test_it_yields_to_what_a_chain_will_say_later_today(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await _buy(stage, anna)
    await stage.advance(hours=1)
    await _news(stage, anna)
    assert await _fate(stage) == YIELDED
    await stage.advance(hours=2)
    assert await _heard(stage) == ["question"]


async def test_it_yields_to_what_has_left_today(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await _buy(stage, anna)
    await stage.advance(hours=3)
    await _news(stage, anna)
    assert await _fate(stage) == YIELDED
    assert await _heard(stage) == ["question"]


async def test_what_a_chain_says_tomorrow_does_not_stand_in_its_way(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    stage.jump(clock.now() + timedelta(hours=8))
    # Bought at eight in the evening: the question would be due at ten, and waits for the morning.
    await _buy(stage, anna)
    await stage.advance(minutes=20)
    await _news(stage, anna)
    assert (await _fate(stage))[0] == "sent"
    await stage.advance(days=1)
    assert await _heard(stage) == ["news", "question"]


@pytest.mark.parametrize("why", ["off", "held_out"])
async def test_it_does_not_yield_to_what_nobody_will_say(stage: Stage, why: str) -> None:
    anna = await stage.person(ANNA)
    await _buy(stage, anna)
    await stage.advance(hours=1)
    if why == "held_out":
        drawn = sa.update(enrolment).values(control=True)
        await stage.world.db.transact(lambda s: s.execute(drawn) and None)
    else:
        await stage.world.db.transact(
            lambda s: chains.set_enabled(s, key="rating", enabled=False, now=clock.now())
        )
    await _news(stage, anna)
    assert (await _fate(stage))[0] == "sent"
    await stage.advance(hours=3)
    assert await _heard(stage) == ["news"]


def _feast() -> dict[str, Any]:
    today = clock.local_date(clock.now(), ZONE)
    return {
        "title": {"ru": "Праздник", "en": "A feast"},
        "trigger": {"kind": "calendar", "on": today.isoformat(), "hour": 18},
        "steps": [
            {
                "kind": "message",
                "id": "hello",
                "texts": {"ru": "Сегодня праздник", "en": "A feast today"},
            }
        ],
    }


async def test_it_yields_to_a_chain_that_begins_only_this_evening(stage: Stage) -> None:
    anna = await stage.person(ANNA)

    def on(session: sa.orm.Session) -> None:
        key = editing.create(
            session, title={"ru": "Праздник", "en": "A feast"}, definition=_feast(),
            actor="staff:1", now=clock.now(),
        )  # fmt: skip
        editing.publish_draft(session, key=key, actor="staff:1", now=clock.now())
        editing.switch(session, key=key, enabled=True, actor="staff:1", now=clock.now())

    await stage.world.db.transact(on)
    await stage.advance(hours=2)
    await _news(stage, anna)
    assert await _fate(stage) == YIELDED
    await stage.advance(hours=6)
    assert await _heard(stage) == ["feast"]
