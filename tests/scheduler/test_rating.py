"""The question how it was: two hours after a purchase, unless it was returned or rated."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import chains, clock, feedback
from loyalty.chains.model import TRACK
from loyalty.errors import ChainInvalid
from loyalty.feedback import talk_message
from loyalty.ids import short_of
from loyalty.messaging.tables import outbox
from loyalty.receipts import purchase_return
from tests.scheduler.stage import Stage
from tests.world import ZONE

ANNA = 501


async def _bought(stage: Stage, customer_id: int) -> int:
    """A purchase of this moment, without the receipt's message."""
    stage.world.now = clock.now()
    return (await stage.world.sell(customer_id, 45_000)).purchase_id


async def _questions(stage: Stage) -> list[str]:
    return [text for text in await stage.texts(ANNA) if "Поставьте оценку" in text]


async def _decisions(stage: Stage, customer_id: int) -> list[tuple[str, str | None]]:
    found = await stage.touches(customer_id)
    return [(t.decision, t.reason) for t in found if t.source == "chain:rating"]


async def test_asked_after_two_hours_with_five_stars(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    bought = await _bought(stage, anna)
    await stage.advance(hours=1, minutes=59)
    assert await _questions(stage) == []
    await stage.advance(minutes=2)
    (question,) = await _questions(stage)
    assert "Анна" in question
    assert "Main Street" in question
    screen = await stage.client.screen(ANNA)
    (row,) = screen[-1]["buttons"]
    assert [b["callback_data"].partition(TRACK)[0] for b in row] == [
        f"go:rate:{short_of(bought)}:{score}" for score in range(1, 6)
    ]
    await stage.advance(days=3)
    assert len(await _questions(stage)) == 1


@pytest.mark.parametrize("why", ["returned", "undone", "rated"])
async def test_nobody_is_asked_about_what_is_settled(stage: Stage, why: str) -> None:
    anna = await stage.person(ANNA)
    bought = await _bought(stage, anna)
    await stage.advance(minutes=30)
    stage.world.now = clock.now()
    if why == "rated":
        await stage.world.db.transact(
            lambda s: feedback.rate(
                s, customer_id=anna, purchase_id=bought, score=5, now=clock.now()
            )
        )
    else:
        await stage.world.take_back(bought)
    if why == "undone":
        # An undone sale counts as such whatever its sums say.
        mark = sa.update(purchase_return).values(undo=True)
        await stage.world.db.transact(lambda s: s.execute(mark))
    await stage.advance(days=1)
    assert await _questions(stage) == []
    assert await _decisions(stage, anna) == []


async def test_a_return_while_the_question_waits_holds_it_back(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    stage.jump(clock.now() + timedelta(hours=8))
    bought = await _bought(stage, anna)
    # Bought at eight in the evening: due at ten, so it waits for the morning.
    await stage.advance(hours=4)
    assert await _decisions(stage, anna) == [("wait", "quiet_hours")]
    stage.world.now = clock.now()
    await stage.world.take_back(bought)
    await stage.advance(days=1)
    assert await _questions(stage) == []
    assert await _decisions(stage, anna) == [("skipped", "purchase_returned")]


async def test_who_wants_no_offers_is_not_asked(stage: Stage) -> None:
    anna = await stage.person(ANNA, ads=False)
    await _bought(stage, anna)
    await stage.advance(days=1)
    assert await _questions(stage) == []
    assert await _decisions(stage, anna) == [("skipped", "no_consent")]


async def test_an_answer_of_the_staff_is_worded_when_it_leaves(stage: Stage) -> None:
    anna, boris = await stage.person(ANNA), await stage.person(502)
    world, now = stage.world, clock.now()

    async def answered(customer_id: int, words: str) -> int:
        def unit(session: sa.orm.Session) -> int:
            written = feedback.write(
                session, customer_id=customer_id, text="?", key=f"q:{customer_id}", now=now
            )
            said = feedback.answer(
                session,
                talk_id=written.talk_id,
                text=words,
                key=f"a:{customer_id}",
                actor=f"staff:{world.staff_id}",
                now=now,
            )
            return said.message_id

        return await world.db.transact(unit)

    await answered(anna, "До <b>десяти</b> & дольше")
    gone = await answered(boris, "Стёртые слова")
    erase = sa.delete(talk_message).where(talk_message.c.id == gone)
    await world.db.transact(lambda s: s.execute(erase))
    await stage.advance(minutes=1)
    assert "До <b>десяти</b> & дольше" in (await stage.texts(ANNA))[-1]
    screen = await stage.client.screen(ANNA)
    assert screen[-1]["buttons"][0][0]["callback_data"].partition(TRACK)[0] == "go:talk"
    assert await stage.texts(502) == []
    query = sa.select(outbox.c.reason).where(outbox.c.chat_id == 502)
    assert await world.db.read(lambda s: s.execute(query).scalars().all()) == ["customer_gone"]


@pytest.mark.parametrize(
    ("data", "occurrence", "problem"),
    [
        ("rate:{purchase}", "once", "unknown_variable"),
        ("rate:{customer}", "purchase", "unknown_variable"),
        ("rate:" + "x" * 44 + "{purchase}", "purchase", "data_length"),
    ],
)
def test_what_a_button_may_carry(data: str, occurrence: str, problem: str) -> None:
    button = {"texts": {"ru": "А", "en": "A"}, "data": data}
    document = {
        "title": {"ru": "Проба", "en": "Trial"},
        "trigger": {"kind": "event", "event": "purchase.recorded", "occurrence": occurrence},
        "steps": [
            {
                "kind": "message",
                "id": "ask",
                "texts": {"ru": "Раз", "en": "One"},
                "buttons": [[button]],
            }
        ],
    }
    with pytest.raises(ChainInvalid) as refused:
        chains.check(document)
    assert [item["problem"] for item in refused.value.facts["problems"]] == [problem]


async def test_of_a_day_s_purchases_the_latest_is_asked_about(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    bought = []
    for _ in range(3):
        bought.append(await _bought(stage, anna))
        await stage.advance(minutes=30)
    ahead = await stage.world.db.read(
        lambda s: chains.preview(s, now=clock.now(), time_zone=ZONE, days=3, only="rating")
    )
    await stage.advance(days=3)
    assert len(await _questions(stage)) == 1
    decided = [("skipped", "later_purchase")] * 2 + [("send", None)]
    assert await _decisions(stage, anna) == decided
    assert [(row.decision, row.reason) for row in ahead.rows] == decided
    screen = await stage.client.screen(ANNA)
    assert short_of(bought[-1]) in screen[-1]["buttons"][0][0]["callback_data"]


@pytest.mark.parametrize("rated", [False, True])
async def test_one_question_is_open_at_a_time(stage: Stage, rated: bool) -> None:
    anna = await stage.person(ANNA)
    first = await _bought(stage, anna)
    await stage.advance(hours=3)
    assert len(await _questions(stage)) == 1
    if rated:
        await stage.world.db.transact(
            lambda s: feedback.rate(
                s, customer_id=anna, purchase_id=first, score=5, now=clock.now()
            )
        )
    await _bought(stage, anna)
    await stage.advance(days=2)
    # Whoever has answered is asked about the second visit the next morning.
    assert len(await _questions(stage)) == (2 if rated else 1)
    assert (("skipped", "asked_already") in await _decisions(stage, anna)) is not rated


async def test_what_was_given_back_and_what_was_bought_the_day_before_count_for_nothing(
    stage: Stage,
) -> None:
    anna = await stage.person(ANNA)
    await _bought(stage, anna)
    await stage.advance(minutes=30)
    later = await _bought(stage, anna)
    await stage.advance(minutes=30)
    stage.world.now = clock.now()
    await stage.world.take_back(later)
    await stage.advance(days=1)
    assert len(await _questions(stage)) == 1
    await _bought(stage, anna)
    await stage.advance(days=1)
    assert len(await _questions(stage)) == 2
