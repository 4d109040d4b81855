"""Talks: one live talk a customer, answers once, and whether they can arrive."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import consent, feedback
from loyalty.consent import PERSONAL_DATA
from loyalty.customers import customer, telegram_chat
from loyalty.errors import (
    OtherTalkOpen,
    TalkClosed,
    TalkNotFound,
    TooManyMessages,
    WordsInvalid,
)
from loyalty.events import event
from loyalty.feedback import talk_message
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox
from loyalty.staff import staff
from tests.world import World

OLGA = "staff:1"


async def write(world: World, customer_id: int, text: str, key: str = "") -> feedback.Written:
    """The customer's words."""
    key = key or str(new_id())
    return await world.db.transact(
        lambda s: feedback.write(s, customer_id=customer_id, text=text, key=key, now=world.now)
    )


async def answer(world: World, talk_id: int, text: str, key: str = "") -> feedback.Answered:
    """The staff's words."""
    key, actor = key or str(new_id()), f"staff:{world.staff_id}"
    return await world.db.transact(
        lambda s: feedback.answer(
            s, talk_id=talk_id, text=text, key=key, actor=actor, now=world.now
        )
    )


async def queued(world: World) -> list[Any]:
    """Messages on their way, oldest first."""
    query = sa.select(outbox).order_by(outbox.c.id)
    return list(await world.db.read(lambda s: s.execute(query).all()))


async def status_of(world: World, talk_id: int) -> str:
    """How the talk stands."""
    return (await world.db.read(lambda s: feedback.thread(s, talk_id))).talk.status


async def test_words_an_answer_and_words_again(world: World) -> None:
    anna = await world.customer(name="Anna", chat=77)
    first = await write(world, anna, "Do you open on Sunday?", key="update:1")
    assert (await write(world, anna, "Do you open on Sunday?", key="update:1")).again
    more = await write(world, anna, "And the terrace?")
    assert more.talk_id == first.talk_id
    assert await world.db.read(feedback.waiting) == 1
    said = await answer(world, first.talk_id, "Yes, from ten.", key="panel:1")
    again = await answer(world, first.talk_id, "Yes, from ten.", key="panel:1")
    assert again == said
    assert said.leaves
    assert await status_of(world, first.talk_id) == "answered"
    assert await world.db.read(feedback.waiting) == 0
    (message,) = await queued(world)
    assert (message.chat_id, message.message_class) == (77, "service")
    # What was said lives in the talk only.
    assert message.payload["values"] == {"talk_message": str(said.message_id)}
    assert await world.db.read(lambda s: feedback.text_of_answer(s, said.message_id)) == (
        "Yes, from ten."
    )
    lines = await world.db.read(lambda s: feedback.recent_lines(s, anna))
    assert [(line.by_staff, line.who, line.text) for line in lines] == [
        (False, None, "Do you open on Sunday?"),
        (False, None, "And the terrace?"),
        (True, "Olga", "Yes, from ten."),
    ]
    await write(world, anna, "Thanks!")
    assert await status_of(world, first.talk_id) == "open"
    kinds = sa.select(event.c.type, event.c.actor, event.c.data).order_by(event.c.id)
    told = await world.db.read(lambda s: s.execute(kinds).all())
    answers = [row for row in told if row.type == "staff.answered"]
    assert [row.actor for row in answers] == [f"staff:{world.staff_id}"]
    assert "from ten" not in str(told)
    erased = sa.update(talk_message).where(talk_message.c.id == said.message_id).values(text="")
    await world.db.transact(lambda s: s.execute(erased))
    assert await world.db.read(lambda s: feedback.text_of_answer(s, said.message_id)) is None
    lines = await world.db.read(lambda s: feedback.recent_lines(s, anna))
    assert [line.text for line in lines][-1] == "Thanks!"
    assert len(lines) == 3


async def test_closing_and_opening_again(world: World) -> None:
    anna = await world.customer(chat=77)
    old = (await write(world, anna, "One")).talk_id

    async def change(what: Any, talk_id: int) -> bool:
        return bool(
            await world.db.transact(lambda s: what(s, talk_id=talk_id, actor=OLGA, now=world.now))
        )

    assert await change(feedback.close, old)
    assert not await change(feedback.close, old)
    with pytest.raises(TalkClosed):
        await answer(world, old, "Too late")
    assert await change(feedback.reopen, old)
    assert not await change(feedback.reopen, old)
    await change(feedback.close, old)
    new = (await write(world, anna, "Two")).talk_id
    assert new != old
    with pytest.raises(OtherTalkOpen) as refused:
        await change(feedback.reopen, old)
    assert refused.value.facts == {"talk_id": str(new)}
    assert (await world.db.read(lambda s: feedback.thread(s, old))).other_id == new
    for doing in (feedback.close, feedback.reopen):
        with pytest.raises(TalkNotFound):
            await change(doing, 5)
    with pytest.raises(TalkNotFound):
        await answer(world, 5, "Nobody")


async def test_twenty_messages_an_hour(world: World) -> None:
    anna, boris = await world.customer(chat=77), await world.customer(chat=78)
    for number in range(20):
        world.pass_time(minutes=1)
        talk_id = (await write(world, anna, f"No. {number}")).talk_id
    with pytest.raises(TooManyMessages) as refused:
        await write(world, anna, "One more")
    assert refused.value.facts == {"retry_after_s": 41 * 60}
    await write(world, boris, "I may")
    await answer(world, talk_id, "We are reading")
    world.pass_time(minutes=41)
    await write(world, anna, "Now")
    for text in ("", "\x00", "ы" * 2001):
        with pytest.raises(WordsInvalid):
            await write(world, boris, text)
        with pytest.raises(WordsInvalid):
            await answer(world, talk_id, text)
    assert (await write(world, boris, "ы" * 2000)).message_id


async def test_the_list_puts_those_who_wait_first(world: World) -> None:
    ids = []
    for number in range(4):
        person = await world.customer(name=f"Guest {number}", chat=80 + number)
        world.pass_time(minutes=5)
        ids.append((await write(world, person, f"Words {number}")).talk_id)
    world.pass_time(minutes=5)
    await answer(world, ids[0], "Hello")
    await world.db.transact(lambda s: feedback.close(s, talk_id=ids[2], actor=OLGA, now=world.now))
    found = await world.db.read(feedback.talks)
    assert [item.id for item in found] == [ids[1], ids[3], ids[0], ids[2]]
    assert [item.last.text for item in found if item.last] == [
        "Words 1",
        "Words 3",
        "Hello",
        "Words 2",
    ]
    assert await world.db.read(feedback.counts) == {"open": 2, "answered": 1, "closed": 1}
    paged = await world.db.read(lambda s: feedback.talks(s, limit=2, offset=1))
    assert [item.id for item in paged] == [ids[3], ids[0], ids[2]]
    waiting = await world.db.read(lambda s: feedback.talks(s, status="open"))
    assert [item.id for item in waiting] == [ids[1], ids[3]]


@pytest.mark.parametrize("barrier", ["blocked_bot", "no_chat", "withdrawn", "gone"])
async def test_an_answer_that_cannot_arrive_is_known_before(world: World, barrier: str) -> None:
    anna = await world.customer(chat=77)
    talk_id = (await write(world, anna, "Hello?")).talk_id
    reach = await world.db.read(lambda s: feedback.reach_of(s, anna))
    assert (reach.can_arrive, reach.chat_id) == (True, 77)

    def stand_in_the_way(session: Any) -> None:
        if barrier == "blocked_bot":
            session.execute(sa.update(telegram_chat).values(reachable=False))
        elif barrier == "no_chat":
            session.execute(sa.update(telegram_chat).values(customer_id=None))
        elif barrier == "gone":
            session.execute(sa.update(customer).values(status="erased"))
        else:
            consent.ensure_texts(session, now=world.now)
            for granted in (True, False):
                consent.record(
                    session,
                    customer_id=anna,
                    purpose=PERSONAL_DATA,
                    granted=granted,
                    language="ru",
                    channel="telegram",
                    evidence=f"update:{granted}",
                    now=world.now,
                )

    await world.db.transact(stand_in_the_way)
    thread = await world.db.read(lambda s: feedback.thread(s, talk_id))
    assert thread.reach.barrier == barrier
    said = await answer(world, talk_id, "Hello!")
    assert not said.leaves
    assert await queued(world) == []


async def test_the_owner_with_a_chat_learns_that_somebody_waits(world: World) -> None:
    rows = [
        {"id": new_id(), "name": "Marina", "role": "owner", "telegram_id": 500, "language": "en"},
        {"id": new_id(), "name": "Gone", "role": "owner", "telegram_id": 501,
         "revoked_at": world.now},
        {"id": new_id(), "name": "Ann", "role": "analyst", "telegram_id": 502},
    ]  # fmt: skip
    for row in rows:
        statement = sa.insert(staff).values(created_at=world.now, **row)
        await world.db.transact(lambda s, st=statement: s.execute(st))  # type: ignore[misc]
    anna = await world.customer(name="Anna", chat=77)
    talk_id = (await write(world, anna, "Secret words")).talk_id
    await write(world, anna, "More of them")
    (told,) = await queued(world)
    assert (told.chat_id, told.payload["template"], told.customer_id) == (500, "talk_waits", None)
    assert "Secret" not in str(told.payload)
    await answer(world, talk_id, "Here we are")
    await write(world, anna, "Again")
    assert [row.chat_id for row in await queued(world)] == [500, 77, 500]
