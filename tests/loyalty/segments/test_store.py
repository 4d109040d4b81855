"""The shop's own segments: kept, changed, put away, never in a circle."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import segments
from loyalty.errors import SegmentInvalid, SegmentNotFound
from loyalty.events import event
from loyalty.segments import Stored
from tests.world import ZONE, World

RULE = {"field": "orders", "op": ">=", "value": 2}


async def save(world: World, key: str | None, name: str, rule: Any) -> Stored:
    return await world.db.transact(
        lambda s: segments.save(s, key=key, name=name, rule=rule, actor="staff:1", now=world.now)
    )


async def refused(world: World, key: str | None, name: str, rule: Any) -> list[tuple[str, str]]:
    with pytest.raises(SegmentInvalid) as problem:
        await save(world, key, name, rule)
    return [(one["field"], one["problem"]) for one in problem.value.facts["problems"]]


async def audit(world: World) -> list[str]:
    def unit(session: Session) -> list[str]:
        mine = sa.select(event).where(event.c.type.like("segment.%")).order_by(event.c.id)
        rows = session.execute(mine).all()
        assert all(row.actor == "staff:1" and row.customer_id is None for row in rows)
        return [f"{row.type} {row.data['segment']}" for row in rows]

    return await world.db.read(unit)


async def test_saved_changed_and_put_away(world: World) -> None:
    made = await save(world, "regulars", "  Наши   люди ", RULE)
    assert (made.key, made.name, made.archived_at) == ("regulars", "Наши люди", None)
    assert made.rule == segments.check(RULE)
    # The same again says nothing new.
    assert await save(world, "regulars", "Наши люди", RULE) == made
    start = world.now
    world.pass_time(days=1)
    changed = await save(world, "regulars", "Наши люди", {**RULE, "value": 3})
    assert (changed.created_at, changed.changed_at) == (start, world.now)

    def put_away(session: Session) -> Stored:
        return segments.archive(session, key="regulars", actor="staff:1", now=world.now)

    away = await world.db.transact(put_away)
    assert away.archived_at == world.now
    assert await world.db.transact(put_away) == away
    assert await world.db.read(segments.listing) == []
    every = await world.db.read(lambda s: segments.listing(s, archived=True))
    assert [one.key for one in every] == ["regulars"]
    back = await save(world, "regulars", "Наши люди", {**RULE, "value": 3})
    assert back.archived_at is None
    assert await audit(world) == [
        "segment.created regulars",
        "segment.changed regulars",
        "segment.archived regulars",
        "segment.changed regulars",
    ]


async def test_a_key_of_its_own_and_the_order_by_name(world: World) -> None:
    first = await save(world, None, "Б", RULE)
    second = await save(world, None, "а", RULE)
    assert first.key != second.key
    assert [one.name for one in await world.db.read(segments.listing)] == ["а", "Б"]


async def test_what_cannot_be_saved(world: World) -> None:
    assert await refused(world, "vip", "VIP", RULE) == [("key", "wrong_value")]
    assert await refused(world, "A b", "x", RULE) == [("key", "wrong_value")]
    assert await refused(world, None, " ", RULE) == [("name", "empty")]
    assert await refused(world, None, "x" * 121, {"field": "moon"}) == [
        ("name", "too_long"),
        ("field", "unknown_field"),
    ]
    assert await refused(world, None, "x", {"segment": "nobody"}) == [
        ("segment", "unknown_segment")
    ]
    for ask in (lambda s: segments.get(s, "nobody"),):
        with pytest.raises(SegmentNotFound):
            await world.db.read(ask)
    with pytest.raises(SegmentNotFound):
        await world.db.transact(
            lambda s: segments.archive(s, key="nobody", actor="staff:1", now=world.now)
        )
    assert await audit(world) == []


async def test_no_circles(world: World) -> None:
    await save(world, "a", "A", RULE)
    await save(world, "b", "B", {"not": {"segment": "a"}})
    await save(world, "c", "C", {"all": [{"segment": "b"}]})
    assert await refused(world, "a", "A", {"any": [RULE, {"segment": "c"}]}) == [
        ("any.1.segment", "circle")
    ]
    assert await refused(world, "a", "A", {"segment": "a"}) == [("segment", "circle")]


async def test_segments_made_of_segments_answer(world: World) -> None:
    often, once = await world.customer(), await world.customer()
    for one in (often, often, once):
        await world.sell(one, 100_00)
    await save(world, "a", "A", RULE)
    await save(world, "b", "B", {"not": {"segment": "a"}})

    def unit(session: Session) -> set[int]:
        rule = segments.check({"segment": "b"})
        return segments.matching(session, rule, now=world.now, time_zone=ZONE)

    assert await world.db.read(unit) == {once}
    # Who uses it goes on after it was put away.
    await world.db.transact(lambda s: segments.archive(s, key="a", actor="staff:1", now=world.now))
    assert await world.db.read(unit) == {once}


async def test_a_circle_in_the_rows_is_refused_not_walked(world: World) -> None:
    circle = {"a": segments.check({"segment": "b"}), "b": segments.check({"segment": "a"})}
    saved = segments.Saved(rules=circle)

    def unit(session: Session) -> set[int]:
        rule = segments.check({"segment": "a"})
        when: dict[str, Any] = {"now": world.now, "time_zone": ZONE, "saved": saved}
        return segments.matching(session, rule, **when)

    with pytest.raises(SegmentInvalid) as refused_:
        await world.db.read(unit)
    assert refused_.value.facts["problems"] == [{"field": "segment", "problem": "circle"}]
