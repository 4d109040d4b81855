"""Exits are asked again when a message that has waited leaves: of rules and segments, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, delivery, segments
from loyalty.chains.tables import chain
from loyalty.customers import customer
from loyalty.delivery import exits
from loyalty.messaging.tables import outbox
from loyalty.segments.tables import segment
from loyalty.wallet.tables import entry
from tests.loyalty.chains.walk import (
    begin,
    decided,
    definition,
    go,
    message,
    passes,
    put_chain,
    somebody,
)
from tests.world import ZONE, World

PLACE = delivery.Place(ZONE, "RUB", "ru")
# Monday, 2 March 2026, a little before nine in the evening in Moscow.
EVENING = datetime(2026, 3, 2, 17, 59, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
FROM_TULA = {"field": "city", "op": "=", "value": "Тула"}
ELSEWHERE = {"field": "city", "op": "!=", "value": "Тула"}
OF_TULA = {"kind": "segment", "rule": FROM_TULA}
GIFT = {"kind": "gift", "id": "gift", "points": 50}
BY_SEGMENT: dict[str, Any] = {"trigger": OF_TULA, "exits": ["left_segment"]}
BY_RULE: dict[str, Any] = {"exits": [ELSEWHERE]}
BOTH = [(BY_SEGMENT, "left_segment"), (BY_RULE, "rule")]


async def enrolled(world: World, *steps: Any, chat: int = 501, **more: Any) -> int:
    """Somebody of Tula who has come to the first of these steps, and the chain."""
    world.now = EVENING
    await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
    person = await somebody(world, chat=chat, city="Тула")
    await begin(world, await put_chain(world, definition(*steps, **more)), person)
    return person


async def move(world: World, person: int, city: str = "Омск") -> None:
    """They live elsewhere now."""
    change = sa.update(customer).where(customer.c.id == person).values(city=city)
    await world.db.transact(lambda s: s.execute(change) and None)


async def let_leave(world: World) -> list[int]:
    """Everything that is due is claimed and begun; the chats that are written to."""

    def unit(session: Session) -> list[int]:
        real = world.now
        rows = delivery.claim(session, owner="me", limit=50, now=world.now, real_now=real)
        begun = delivery.begin(
            session,
            ids=[row.id for row in rows],
            owner="me",
            now=world.now,
            real_now=real,
            place=PLACE,
        )
        return [one.chat_id for one in begun]

    return await world.db.transact(unit)


async def states(world: World) -> list[tuple[str, str | None]]:
    """State and reason of every message."""
    query = sa.select(outbox.c.state, outbox.c.reason).order_by(outbox.c.id)
    return [tuple(row) for row in await world.db.read(lambda s: s.execute(query).all())]


async def until_morning(world: World) -> None:
    """Queued a minute before nine, begun a minute after: it waits for the morning."""
    await go(world)
    assert await states(world) == [("queued", None)]
    world.pass_time(minutes=2)
    assert await let_leave(world) == []
    assert await states(world) == [("queued", "quiet_hours")]


@pytest.mark.parametrize(("more", "reason"), BOTH)
async def test_who_has_left_by_the_morning_is_not_written_to(
    world: World, more: dict[str, Any], reason: str
) -> None:
    steps = [message("one"), {"kind": "wait", "days": 3}, message("two")]
    person = await enrolled(world, *steps, **more)
    await until_morning(world)
    await move(world, person)
    world.now = MORNING
    assert await let_leave(world) == []
    assert await states(world) == [("skipped", reason)]
    assert await decided(world, person) == [("one", "skipped", reason)]
    (way,) = await passes(world)
    assert (way.status, way.reason, way.due_at, way.ended_at) == ("exited", reason, None, MORNING)
    # Coming back brings nothing of it back.
    await move(world, person, "Тула")
    await go(world, MORNING + timedelta(days=10))
    assert await decided(world, person) == [("one", "skipped", reason)]


@pytest.mark.parametrize(("more", "reason"), BOTH)
async def test_who_is_still_there_is_written_to_in_the_morning(
    world: World, more: dict[str, Any], reason: str
) -> None:
    person = await enrolled(world, message("one"), **more)
    await until_morning(world)
    await move(world, person)
    await move(world, person, "Тула")
    world.now = MORNING
    assert await let_leave(world) == [501]
    assert await decided(world, person) == [("one", "send", None)]
    assert [row.status for row in await passes(world)] == ["done"], reason


@pytest.mark.parametrize(("more", "reason"), BOTH)
async def test_a_pass_whose_last_message_was_not_said_has_not_come_to_its_end(
    world: World, more: dict[str, Any], reason: str
) -> None:
    person = await enrolled(world, message("one"), **more)
    await until_morning(world)
    await move(world, person)
    world.now = MORNING
    await let_leave(world)
    assert [(row.status, row.reason) for row in await passes(world)] == [("exited", reason)]


@pytest.mark.parametrize(("more", "reason"), BOTH)
async def test_a_gift_that_waits_with_its_message_is_not_given_either(
    world: World, more: dict[str, Any], reason: str
) -> None:
    late = {"kind": "wait_hour", "hour": 22}
    person = await enrolled(world, late, GIFT, message("one"), **more)
    await go(world, EVENING + timedelta(hours=6))
    assert await decided(world, person) == [("gift", "wait", "quiet_hours")]
    await move(world, person)
    await go(world, MORNING)
    assert await let_leave(world) == []
    assert await decided(world, person) == [("gift", "skipped", reason)]
    assert await states(world) == []
    given = await world.db.read(lambda s: s.execute(sa.select(entry.c.kind)).scalars().all())
    assert "gift" not in given
    assert [(row.status, row.reason) for row in await passes(world)] == [("exited", reason)]


async def test_what_the_chain_itself_gives_does_not_take_its_own_words_back(world: World) -> None:
    poor = {"field": "points", "op": "<", "value": 10}
    tag = {"kind": "tag", "id": "tag", "tag": "met"}
    person = await enrolled(
        world,
        GIFT,
        tag,
        message("one"),
        trigger={"kind": "segment", "rule": poor},
        exits=["left_segment", {"segment": "tag:met"}],
    )
    await go(world)
    assert await let_leave(world) == [501]
    sent = [("gift", "send", None), ("tag", "send", None), ("one", "send", None)]
    assert await decided(world, person) == sent


async def test_one_statement_asks_for_the_whole_batch_and_none_where_no_rule_ends_a_chain(
    world: World,
) -> None:
    people = [await enrolled(world, message("one"), **BY_RULE)]
    version = (await passes(world))[0].chain_version_id
    for chat in range(502, 512):
        people.append(await somebody(world, chat=chat, city="Тула"))
        await begin(world, version, people[-1])
    await go(world)
    for person in people[::2]:
        await move(world, person)
    asked = []

    def unit(session: Session) -> dict[str, set[int]]:
        payload = {"chain_version": version, "step": "one"}
        messages = [(payload, person) for person in people]
        with counted(session) as statements:
            found = exits.fitting(session, messages, now=world.now, time_zone=ZONE)
        asked.append(len(statements))
        return found

    found = await world.db.read(unit)
    assert list(found.values()) == [set(people[::2])]
    assert asked == [3]  # the shop's segments, the program, the rule: however many people
    assert sorted(await let_leave(world)) == [502, 504, 506, 508, 510]
    await world.db.transact(lambda s: s.execute(sa.update(outbox).values(state="sent")) and None)

    plain = await put_chain(world, definition(message("one"), exits=["has_bought"]), key="plain")

    def nothing(session: Session) -> int:
        exits.definition_of(session, plain)
        with counted(session) as statements:
            message = ({"chain_version": plain, "step": "one"}, people[0])
            exits.fitting(session, [message], now=world.now, time_zone=ZONE)
        return len(statements)

    assert await world.db.read(nothing) == 0


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements of a session, while it lasts."""
    seen: list[str] = []
    engine = session.get_bind().engine

    def note(*args: Any) -> None:
        if str(args[2]).lstrip().startswith("SELECT"):
            seen.append(str(args[2]))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def broken(world: World, *steps: Any) -> int:
    """Somebody on a chain that ends by a segment of the shop's, which is gone by now."""
    await world.db.transact(
        lambda s: segments.save(
            s, key="tula", name="Тула", rule=FROM_TULA, actor="staff:1", now=EVENING
        )
    )
    return await enrolled(world, *steps, exits=[{"not": {"segment": "tula"}}])


async def remove_segments(world: World) -> None:
    """Nothing in the product takes one away; somebody's hand in the database may."""
    await world.db.transact(lambda s: s.execute(sa.delete(segment)) and None)


async def test_a_chain_whose_exit_cannot_be_read_keeps_no_other_chain_back(world: World) -> None:
    person = await broken(world, message("one"))
    await remove_segments(world)
    other = await somebody(world, chat=502)
    fine = definition(message("fine"))
    await begin(world, await put_chain(world, fine, key="fine"), other)
    await world.db.transact(lambda s: chains.advance(s, now=world.now, time_zone=ZONE) and None)
    assert await decided(world, other) == [("fine", "send", None)]
    assert await decided(world, person) == []
    rows = await world.db.read(lambda s: s.execute(sa.select(chain).order_by(chain.c.key)).all())
    found = [(row.key, row.enabled, row.halted_reason) for row in rows]
    assert found == [("fine", True, None), ("trial", False, "segment_invalid")]


async def test_a_chain_whose_exit_cannot_be_read_any_more_is_switched_off(world: World) -> None:
    person = await broken(world, message("one"))
    await go(world)
    await remove_segments(world)
    assert await let_leave(world) == []
    assert await decided(world, person) == [("one", "skipped", "paused")]
    halted = await world.db.read(lambda s: s.execute(sa.select(chain)).one())
    assert (halted.enabled, halted.halted_reason) == (False, "segment_invalid")
