"""Every rule against a count by hand, on small shops made up at random."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from loyalty import segments
from loyalty.customers import customer
from loyalty.ids import new_id
from loyalty.segments import Rule, top
from loyalty.staff import outlet
from tests.loyalty.segments.brute import EVERY_FIELD, RULES, is_in
from tests.loyalty.segments.shop import PEOPLE, ZONE, Person, Shop
from tests.world import open_world

EXAMPLES = int(os.environ.get("SEGMENT_EXAMPLES", "20"))
MOMENTS = (
    datetime(2026, 3, 2, 9, tzinfo=UTC),
    # Tomorrow already in Moscow; the last days of February, in a leap year and in none.
    datetime(2026, 3, 1, 22, 30, tzinfo=UTC),
    datetime(2027, 2, 28, 9, tzinfo=UTC),
    datetime(2028, 2, 28, 9, tzinfo=UTC),
    datetime(2027, 12, 30, 9, tzinfo=UTC),
)


class _PutBack(Exception):
    """Carries what was found out of the transaction, which is undone."""

    def __init__(self, found: list[tuple[Rule, set[int], str]]) -> None:
        self.found = found


def _asked(session: Session, shop: Shop, rules: list[Rule], outlets: list[int]) -> None:
    """Every rule in one statement, customer by customer and for everybody; some by themselves."""
    shop.put(session, outlets)
    top.forget(session)
    when: dict[str, Any] = {"now": shop.now, "time_zone": ZONE}
    ids = [person.id for person in shop.people]
    real = [_with_outlets(rule, outlets) for rule in rules]
    found = []
    for each in (True, False):
        columns = [
            segments.where(rule, **when, each=each).label(f"r{n}") for n, rule in enumerate(real)
        ]
        rows = session.execute(sa.select(customer.c.id, *columns).where(customer.c.id.in_(ids)))
        told = [list(row) for row in rows]
        for n, rule in enumerate(rules, 1):
            assert {type(row[n]) for row in told} == {bool}, rule
            found.append((rule, {row[0] for row in told if row[n]}, f"each {each}"))
    for rule, asked in list(zip(rules, real, strict=True))[-3:]:
        everybody = segments.matching(session, asked, **when)
        assert segments.count(session, asked, **when) == len(everybody)
        found.append((rule, everybody & set(ids), "matching"))
        found.append((rule, segments.matching(session, asked, **when, among=ids), "among"))
    raise _PutBack(found)


def _with_outlets(rule: Rule, outlets: list[int]) -> Rule:
    """The rule with real ids for outlets 1 and 2."""
    text = rule.model_dump_json(exclude_unset=True)
    for number, key in enumerate(outlets, 1):
        text = text.replace(f'"outlet":"{number}"', f'"outlet":"{key}"')
    return segments.check(json.loads(text))


def test_the_sql_says_what_a_count_by_hand_says(database_url: str) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(open_world(database_url)))
        outlets = sorted([world.outlet_id, new_id()])

        def second(session: Session) -> None:
            other = next(one for one in outlets if one != world.outlet_id)
            row = {"id": other, "name": "Harbour", "time_zone": ZONE, "created_at": world.now}
            session.execute(outlet.insert().values(row))

        runner.run(world.db.transact(second))

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            PEOPLE, EVERY_FIELD, st.lists(RULES, min_size=3, max_size=6), st.sampled_from(MOMENTS)
        )
        def compare(
            people: list[Person], fields: list[Rule], rules: list[Rule], now: datetime
        ) -> None:
            shop = Shop(people, now)
            every = [*fields, *rules]
            try:
                runner.run(world.db.transact(lambda s: _asked(s, shop, every, outlets)))
            except _PutBack as done:
                for rule, told, how in done.found:
                    by_hand = {one.id for one in people if is_in(rule, one, shop)}
                    assert told == by_hand, (how, rule)

        compare()
        runner.run(stack.aclose())
