"""Promotions in the database: states as rows, the counter tills follow, what a process keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import promotions
from loyalty.customers import customer
from loyalty.db import Database, Rows
from loyalty.errors import PromotionNotFound
from loyalty.events import event
from loyalty.ids import new_id
from loyalty.program import PointsGift
from loyalty.promotions import Live, Stored, goal_progress, promotion_version, store
from loyalty.promotions.model import FixedPoints, Goal
from tests.loyalty.promotions.builders import promo

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = "staff:1"
T = TypeVar("T")


class Desk:
    """An open database and the owner's moves on it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def do(self, unit: Callable[[Session], T]) -> T:
        return await self.db.transact(unit)

    async def saved(self, points: int, promotion_id: int | None = None, **rest: Any) -> Stored:
        rules = promo(FixedPoints(points=points), **rest)
        return await self.do(lambda s: promotions.save(s, promotion_id, rules, BY, NOW))

    async def on(self, promotion_id: int) -> Stored:
        return await self.do(lambda s: promotions.switch_on(s, promotion_id, BY, NOW))

    async def off(self, promotion_id: int) -> Stored:
        return await self.do(lambda s: promotions.switch_off(s, promotion_id, BY, NOW))

    async def revision(self) -> int:
        return await self.db.read(promotions.current_revision)

    async def live(self, revision: int | None = None) -> list[int]:
        """The points of the promotions that are on, in the order they apply."""
        at = await self.revision() if revision is None else revision
        found = await self.db.read(lambda s: promotions.live_at(s, at))
        return [one.rules.effect.points for one in found]

    async def listed(self, promotion_id: int) -> promotions.Listed:
        return await self.db.read(lambda s: promotions.get(s, promotion_id))


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    db = Database(database_url)
    yield Desk(db)
    await db.close()


async def test_a_draft_is_nothing_to_tills_until_it_is_switched_on(desk: Desk) -> None:
    assert (await desk.revision(), await desk.live()) == (0, [])
    draft = await desk.saved(50)
    assert (draft.status, draft.revision, draft.live.number) == ("draft", None, 1)
    assert (await desk.revision(), await desk.live()) == (0, [])
    one = draft.live.promotion_id
    assert (await desk.on(one)).revision == 1
    assert (await desk.revision(), await desk.live()) == (1, [50])
    # A change waits as a draft; tills go on with what they have.
    await desk.saved(70, one)
    listed = await desk.listed(one)
    assert (listed.status, listed.has_draft, await desk.live()) == ("on", True, [50])
    assert listed.running is not None
    assert (listed.running.rules, listed.newest.rules) == (
        promo(FixedPoints(points=50)),
        promo(FixedPoints(points=70)),
    )
    await desk.on(one)
    assert await desk.live() == [70]


async def test_every_state_stays_and_a_past_revision_is_what_it_was(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    other = (await desk.saved(20, priority=5)).live.promotion_id
    await desk.on(one)
    await desk.on(other)
    await desk.off(one)
    await desk.do(lambda s: promotions.archive(s, other, BY, NOW))
    seen = [await desk.live(revision) for revision in range(5)]
    assert seen == [[], [50], [20, 50], [20], []]
    states = await desk.db.read(lambda s: promotions.history(s, one))
    assert [state.status for state in states] == ["off", "on", "draft"]
    assert {state.created_at for state in states} == {NOW}
    assert [state.author for state in states] == [BY] * 3


async def test_switching_twice_is_switching_once(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    first, again = await desk.on(one), await desk.on(one)
    assert (again.live.id, await desk.revision()) == (first.live.id, 1)


async def test_switches_are_on_record(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    await desk.on(one)
    await desk.off(one)
    query = sa.select(event.c.type, event.c.actor, event.c.data).order_by(event.c.id)
    rows = (await desk.db.read(lambda s: s.execute(query).all()))[-2:]
    assert [(row.type, row.actor) for row in rows] == [("promotion.on", BY), ("promotion.off", BY)]
    assert rows[0].data == {"promotion_id": str(one), "version": 2}


async def test_lists(desk: Desk) -> None:
    first = (await desk.saved(50)).live.promotion_id
    second = (await desk.saved(20)).live.promotion_id
    await desk.on(first)
    await desk.do(lambda s: promotions.archive(s, first, BY, NOW))
    await desk.saved(30, second)
    listed = await desk.db.read(promotions.listing)
    assert [(one.promotion_id, one.status, one.running) for one in listed] == [
        (second, "draft", None)
    ]
    every = await desk.db.read(lambda s: promotions.listing(s, archived=True))
    assert [(one.promotion_id, one.status) for one in every] == [
        (second, "draft"),
        (first, "archived"),
    ]


@pytest.mark.parametrize("move", ["get", "history", "switch_on", "switch_off", "archive", "save"])
async def test_there_is_no_such_promotion(desk: Desk, move: str) -> None:
    rest = {"switch_on": (BY, NOW), "switch_off": (BY, NOW), "archive": (BY, NOW)}.get(move, ())
    if move == "save":
        rest = (promo(FixedPoints(points=1)), BY, NOW)
    with pytest.raises(PromotionNotFound):
        await desk.do(lambda s: getattr(promotions, move)(s, 404, *rest))


async def test_versions_by_id(desk: Desk) -> None:
    draft = await desk.saved(50)
    stored = await desk.on(draft.live.promotion_id)
    store._versions.clear()
    wanted = [draft.live.id, stored.live.id, 404]
    found = await desk.db.read(lambda s: promotions.by_ids(s, wanted))
    assert found == {draft.live.id: draft.live, stored.live.id: stored.live}
    # Versions never change, so the second time nothing is asked.
    again = await desk.db.read(lambda s: promotions.by_ids(s, wanted[:2]))
    assert again[draft.live.id] is found[draft.live.id]
    assert promotions.names_of(found.values()) == {
        draft.live.id: draft.rules.name,
        stored.live.id: draft.rules.name,
    }


async def test_tills_read_a_revision_once(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    await desk.on(one)
    kept: list[tuple[Live, ...]] = []

    def look(session: Session) -> int:
        asked: list[str] = []
        engine = session.get_bind().engine
        sa.event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
        kept.append(promotions.live_at(session, 1))
        return sum("promotion_version" in statement for statement in asked)

    assert await desk.db.read(look) == 1
    assert await desk.db.read(look) == 0
    assert kept[0] is kept[1]


async def test_what_was_rolled_back_is_not_kept(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    other = (await desk.saved(20)).live.promotion_id

    class Stop(Exception):
        pass

    def stopped(session: Session) -> None:
        promotions.switch_on(session, one, BY, NOW)
        assert [x.promotion_id for x in promotions.live_at(session, 1)] == [one]
        raise Stop

    with pytest.raises(Stop):
        await desk.do(stopped)
    assert await desk.revision() == 0

    def switched(session: Session) -> list[int]:
        # In the writer, whose own view of revision 1 must not be the one that never was.
        promotions.switch_on(session, other, BY, NOW)
        return [x.promotion_id for x in promotions.live_at(session, 1)]

    assert await desk.do(switched) == [other]
    found = await desk.do(lambda s: promotions.live_at(s, 1))
    assert [x.promotion_id for x in found] == [other]


async def test_many_switches_at_once_are_counted_one_by_one(desk: Desk) -> None:
    ids = [(await desk.saved(n + 1)).live.promotion_id for n in range(4)]
    stored = await asyncio.gather(*(desk.on(one) for one in ids))
    assert sorted(each.revision or 0 for each in stored) == [1, 2, 3, 4]
    assert await desk.live() == [1, 2, 3, 4]


async def test_two_editors_of_one_promotion_make_two_drafts(desk: Desk) -> None:
    one = (await desk.saved(50)).live.promotion_id
    await asyncio.gather(desk.saved(60, one), desk.saved(70, one))
    states = await desk.db.read(lambda s: promotions.history(s, one))
    assert [state.live.number for state in states] == [3, 2, 1]
    assert {state.rules.effect.points for state in states[:2]} == {60, 70}


async def test_rows_are_what_the_model_says(desk: Desk) -> None:
    draft = await desk.saved(50)
    query = sa.select(promotion_version.c.rules)
    assert await desk.db.read(lambda s: s.execute(query).scalar_one()) == draft.rules.model_dump(
        mode="json"
    )


async def test_how_far_a_customer_is(desk: Desk) -> None:
    customer_id = new_id()
    goal = promo(Goal(target=3, gift=PointsGift(points=100)))
    begun, fresh = [
        await desk.do(lambda s: promotions.save(s, None, goal, BY, NOW)) for _ in range(2)
    ]
    week = date(2026, 3, 2)

    def fill(session: Session) -> None:
        rows = Rows()
        rows.insert(
            customer,
            {
                "id": customer_id,
                "status": "active",
                "language": "ru",
                "created_at": NOW,
                "joined_at": NOW,
            },
        )
        for period, bought, reached in ((week - timedelta(days=7), 3, NOW), (week, 2, None)):
            rows.insert(
                goal_progress,
                {
                    "customer_id": customer_id,
                    "promotion_id": begun.live.promotion_id,
                    "period": period,
                    "purchases": bought,
                    "spent": bought * 100,
                    "reached_at": reached,
                    "ends_on": period + timedelta(days=6),
                },
            )
        rows.put(session)

    await desk.do(fill)

    async def at(day: date) -> list[tuple[int, int, int, bool, date]]:
        lives = [begun.live, fresh.live]
        found = await desk.db.read(lambda s: promotions.standings(s, customer_id, lives, day=day))
        return [(one.live.id, one.purchases, one.spent, one.reached, one.ends_on) for one in found]

    sunday = date(2026, 3, 8)
    assert await at(week) == [
        (begun.live.id, 2, 200, False, sunday),
        (fresh.live.id, 0, 0, False, sunday),
    ]
    assert (await at(week - timedelta(days=1)))[0] == (
        begun.live.id,
        3,
        300,
        True,
        date(2026, 3, 1),
    )
    assert await desk.db.read(lambda s: promotions.standings(s, customer_id, [], day=week)) == []
