"""However often, late, interleaved or in pieces the planner runs: the same people start."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import chains
from loyalty.chains.tables import chain, chain_cursor, chain_member, enrolment
from loyalty.db import Database
from tests.loyalty.chains.triggers.shop import START, Shop, open_shop
from tests.world import ZONE

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SPAN_HOURS = 150
KINDS = ("event", "date", "silence", "replenish", "segment", "calendar", "expiry")
ZONES = (None, "Asia/Vladivostok", "America/New_York", "Asia/Kathmandu")
TRIGGERS: dict[str, dict[str, Any]] = {
    "once": {"trigger": {"kind": "event", "event": "seen"}},
    "cart": {
        "trigger": {
            "kind": "event", "event": "cart_updated", "occurrence": "subject",
            "subject": "cart_id",
        },
        "re_entry": {"one_at_a_time": True},
    },
    "birthday": {"trigger": {"kind": "date", "field": "birthday", "days_before": 2}},
    "joined": {"trigger": {"kind": "date", "field": "joined"}, "re_entry": {"never": True}},
    "field": {"trigger": {"kind": "date", "field": "field:due", "yearly": True}},
    "silence": {"trigger": {"kind": "silence", "days": 10}, "re_entry": {"days": 60}},
    "replenish": {"trigger": {"kind": "replenish"}, "re_entry": {"days": 2}},
    "segment": {
        "trigger": {
            "kind": "segment", "present": True,
            "rule": {"field": "city", "op": "=", "value": "Тула"},
        }
    },
    "calendar": {"trigger": {"kind": "calendar", "on": "2026-03-05"}},
}  # fmt: skip

people = st.lists(
    st.fixed_dictionaries(
        {
            "zone": st.sampled_from(ZONES),
            "city": st.sampled_from((None, "Тула")),
            "birthday": st.none() | st.tuples(st.sampled_from((2, 3)), st.integers(1, 12)),
            "joined": st.integers(-15, 10),
            "due": st.none() | st.integers(-3, 9),
            # Hours before the planner's first run, and what was bought.
            "bought": st.lists(
                st.tuples(st.integers(1, 700), st.sampled_from(("beans", "tea"))), max_size=5
            ),
            "seen": st.integers(0, 2),
            "carts": st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=4),
        }
    ),
    min_size=1,
    max_size=5,
)
runs = st.lists(
    st.tuples(st.integers(1, SPAN_HOURS * 60), st.permutations(KINDS), st.sampled_from((1, 1, 2))),
    max_size=7,
)


async def fill(shop: Shop, told: list[dict[str, Any]]) -> None:
    """People as hypothesis thinks of them."""
    await shop.pace("beans", 12)
    await shop.pace("tea", 9)
    for n, one in enumerate(told):
        month, day = one["birthday"] or (None, None)
        joined = START - 365 * DAY + one["joined"] * DAY
        due = None if one["due"] is None else (START + one["due"] * DAY).date().isoformat()
        name = f"p{n}"
        await shop.person(
            name,
            time_zone=one["zone"],
            city=one["city"],
            birth_month=month,
            birth_day=day,
            joined_at=joined,
            fields={"due": due},
        )
        for hours, category in one["bought"]:
            await shop.buys(name, START - hours * HOUR, category)
        for _ in range(one["seen"]):
            await shop.happens(name, "seen", at=START - HOUR)
        for number, filled in one["carts"]:
            items = [{"sku": "x"}] if filled else []
            await shop.site(name, "cart_updated", {"cart_id": f"c{number}", "items": items})


async def planned(shop: Shop, schedule: list[Any]) -> set[tuple[int, str, str]]:
    """Who starts what, of chains of their own, when the planner runs so."""
    for table in (enrolment, chain_member, chain_cursor):
        await shop.run(lambda s, table=table: s.execute(sa.delete(table)) and None)
    ends = (0, KINDS, 1), (SPAN_HOURS * 60, KINDS, 1)
    for minutes, order, many in sorted([*schedule, *ends], key=lambda run: run[0]):
        at = START + timedelta(minutes=minutes)
        for kind in order:
            await asyncio.gather(*(shop.plan(at, only={kind}) for _ in range(many)))
        if minutes == 0:
            # Twice at one moment is once.
            assert await shop.plan(at) == 0
    return {(row.customer_id, row.key, row.occurrence) for row in await shop.passes()}


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=people, schedule=runs)
def test_any_schedule_starts_the_same(
    fresh_database: Any, told: list[dict[str, Any]], schedule: list[Any]
) -> None:
    async def example() -> None:
        async with open_shop(fresh_database()) as shop:
            await fill(shop, told)
            for key, more in TRIGGERS.items():
                await shop.chain(key, enabled_at=START - DAY, **more)
            assert await planned(shop, schedule) == await planned(shop, [])

    asyncio.run(example())


async def test_two_machines_start_everybody_once(postgres_database: str) -> None:
    other = Database(postgres_database)
    try:
        async with open_shop(postgres_database) as shop:
            for n in range(40):
                await shop.person(f"p{n}", birth_month=3, birth_day=2, city="Тула")
                await shop.buys(f"p{n}", START - 30 * DAY, "beans")
                await shop.happens(f"p{n}", "seen")
            await shop.pace("beans", 30)
            for key, trigger in (
                ("birthday", {"kind": "date", "field": "birthday"}),
                ("silence", {"kind": "silence", "days": 30}),
                ("replenish", {"kind": "replenish"}),
                ("segment", {**TRIGGERS["segment"]["trigger"]}),
                ("seen", {"kind": "event", "event": "seen"}),
            ):
                await shop.chain(key, trigger, re_entry={"never": True})

            def unit(s: Any) -> chains.Planned:
                return chains.plan(s, now=START, time_zone=ZONE)

            doors = [shop.world.db, other] * 6
            for _ in range(3):
                await asyncio.gather(*(door.transact(unit) for door in doors))
            rows = await shop.passes()
            assert len(rows) == 40 * 5
            assert len({(row.customer_id, row.key) for row in rows}) == 40 * 5
            assert len({row.id for row in rows}) == 40 * 5
    finally:
        await other.close()


async def test_a_planner_passes_by_what_another_holds(postgres_database: str) -> None:
    async with open_shop(postgres_database) as shop:
        await shop.person("anna", birth_month=3, birth_day=2)
        chain_id = await shop.chain("birthday", {"kind": "date", "field": "birthday"})
        await shop.plan(START - 3 * DAY)
        assert shop.world.db.engine is not None
        async with shop.world.db.engine.begin() as held:
            await held.execute(
                sa.select(chain_cursor).where(chain_cursor.c.chain_id == chain_id).with_for_update()
            )
            assert await asyncio.wait_for(shop.plan(START), timeout=10) == 0
        assert await shop.plan(START) == 1


async def test_a_chain_that_is_off_enrols_nobody(shop: Shop) -> None:
    await shop.person("anna", birth_month=3, birth_day=2)
    await shop.chain("birthday", {"kind": "date", "field": "birthday"})
    await shop.run(lambda s: s.execute(sa.update(chain).values(enabled=False)) and None)
    assert await shop.plan(START) == 0
    assert await shop.cursors() == []
