"""What goes with what by receipts, against the formula worked out by hand; the pace of goods."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, goods, jobs
from loyalty.errors import ProductInvalid
from loyalty.goods.pairs import LIFT_BP, TOGETHER, TOP
from loyalty.goods.tables import goes_with
from loyalty.ids import new_id
from loyalty.receipts import purchase, purchase_line
from scheduler.goods import JOB, last_night, learn_pairs
from tests.loyalty.goods.shelf import buy
from tests.world import ZONE, World


async def receipts(world: World, baskets: list[list[str]]) -> None:
    """Receipts as an import writes them, many at once."""

    def unit(session: Session) -> None:
        for basket in baskets:
            id_ = new_id()
            session.execute(
                sa.insert(purchase).values(
                    id=id_, source="import", business_date=world.now.date(), sold_at=world.now,
                    recorded_at=world.now, gross=100, total=100,
                )
            )  # fmt: skip
            for n, sku in enumerate(basket, 1):
                session.execute(
                    sa.insert(purchase_line).values(
                        purchase_id=id_, n=n, sku=sku, name=sku.upper(), quantity_milli=1000,
                        price=100, amount=100,
                    )
                )  # fmt: skip

    await world.db.transact(unit)


def by_hand(baskets: list[list[str]]) -> dict[str, list[tuple[str, int]]]:
    """The definition, without a database."""
    sets = [set(basket) for basket in baskets]
    alone = Counter(sku for basket in sets for sku in basket)
    both = Counter(pair for basket in sets for pair in permutations(sorted(basket), 2))
    found: dict[str, list[tuple[int, int, str]]] = {}
    for (one, other), n in both.items():
        lift = n * len(sets) * 10_000 // (alone[one] * alone[other])
        if n >= TOGETHER and lift >= LIFT_BP:
            found.setdefault(one, []).append((-lift, -n, other))
    return {
        sku: [(other, -lift) for lift, _, other in sorted(ranked)[:TOP]]
        for sku, ranked in found.items()
    }


async def test_lift_is_what_the_formula_says(world: World) -> None:
    draw = random.Random(5)
    shelf = [f"g{n}" for n in range(12)]
    baskets = []
    for _ in range(220):
        basket = draw.sample(shelf, draw.randint(1, 5))
        if "g1" in basket and draw.random() < 0.7:
            basket.append("g2")
        # The same goods in two lines of a receipt are one.
        baskets.append([*basket, basket[0]])
    await receipts(world, baskets)
    found: dict[str, list[tuple[str, int | None]]] = {}
    for pair in await world.db.read(lambda s: goods.measure(s, now=world.now)):
        assert pair.name == pair.other.upper()
        found.setdefault(pair.sku, []).append((pair.other, pair.lift_bp))
    assert found == by_hand(baskets)
    assert found["g1"][0][0] == "g2"


async def test_few_old_returned_and_endless_receipts_say_nothing(world: World) -> None:
    for _ in range(4):
        await buy(world, None, "oil", "fil")
    await receipts(world, [["bag"]] * 20)
    assert await world.db.read(lambda s: goods.measure(s, now=world.now)) == []
    fifth = await buy(world, None, "oil", "fil")
    assert len(await world.db.read(lambda s: goods.measure(s, now=world.now))) == 2
    assert await world.db.read(lambda s: goods.measure(s, now=world.now, receipts=3)) == []
    await world.take_back(fifth, [(2, 1000)])
    assert await world.db.read(lambda s: goods.measure(s, now=world.now)) == []
    await receipts(world, [[f"x{n}" for n in range(61)]] * 6)
    assert await world.db.read(lambda s: goods.measure(s, now=world.now)) == []
    await receipts(world, [["a", "b"]] * 6)
    assert len(await world.db.read(lambda s: goods.measure(s, now=world.now))) == 2
    later = world.now + timedelta(days=366)
    assert await world.db.read(lambda s: goods.measure(s, now=later)) == []


async def test_every_night_once_and_by_hand_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: world.now)
    await receipts(world, [["a", "b"], ["c"]] * 6)
    await world.db.transact(
        lambda s: goods.set_pairs(s, sku="a", others=["c"], actor="staff:1", now=world.now)
    )
    assert await learn_pairs(world.db, time_zone=ZONE) == 2
    assert await learn_pairs(world.db, time_zone=ZONE) == 0
    assert await world.db.read(
        lambda s: jobs.is_finished(s, job=JOB, scheduled_for=last_night(world.now, ZONE))
    )
    known = await world.db.read(lambda s: goods.pairs_of(s, "a"))
    assert [(one.other, one.name, one.lift_bp) for one in known] == [
        ("c", "C", None), ("b", "B", 20_000)
    ]  # fmt: skip
    # A night later "a" goes with something else, and what was found before is gone.
    world.pass_time(days=400)
    await receipts(world, [["a", "d"], ["c"]] * 6)
    assert await learn_pairs(world.db, time_zone=ZONE) == 2
    known = await world.db.read(lambda s: goods.pairs_of(s, "a"))
    assert [one.other for one in known] == ["c", "d"]


async def test_a_run_that_was_broken_off_is_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: world.now)
    await receipts(world, [["a", "b"], ["c"]] * 6)
    night = last_night(world.now, ZONE)
    await world.db.transact(
        lambda s: jobs.start_run(s, job=JOB, scheduled_for=night, now=world.now)
    )
    assert await learn_pairs(world.db, time_zone=ZONE) == 2


async def test_pairs_by_hand_are_kept_in_order_and_checked(world: World) -> None:
    await receipts(world, [["a", "b", "c"]])

    async def choose(*others: str) -> None:
        await world.db.transact(
            lambda s: goods.set_pairs(s, sku="a", others=others, actor="staff:1", now=world.now)
        )

    await choose("c", "b", "c", " ")
    assert [one.other for one in await world.db.read(lambda s: goods.pairs_of(s, "a"))] == [
        "c", "b"
    ]  # fmt: skip
    await choose("c", "b")
    await choose()
    assert await world.db.read(lambda s: goods.pairs_of(s, "a")) == []
    for others, problem in ((["a"], "itself"), (["z"], "unknown"), ([*"defghijklmn"], "too_many")):
        with pytest.raises(ProductInvalid) as refusal:
            await choose(*others)
        assert refusal.value.facts["problem"] == problem
    left = sa.select(sa.func.count()).select_from(goes_with)
    assert await world.db.read(lambda s: s.execute(left).scalar_one()) == 0


async def test_the_pace_of_a_category(world: World) -> None:
    gaps = {0: [10, 20, 30], 1: [20, 20, 40], 2: [5, 20, 50], 3: [20]}
    start = world.now
    for between in gaps.values():
        person = await world.customer()
        day = start
        await buy(world, person, "oil", at=day)
        for gap in between:
            day += timedelta(days=gap)
            world.now = day
            await buy(world, person, "oil")
            # A second time on that day is the same visit.
            await buy(world, person, "oil")
    world.now = start + timedelta(days=120)
    await buy(world, None, "oil")
    once = await world.customer()
    await buy(world, once, "cap")
    found = await world.db.read(lambda s: goods.suggestions(s, now=world.now))
    assert {name: (one.days, one.repeats) for name, one in found.items()} == {"Масло": (20, 10)}
    with pytest.raises(ProductInvalid):
        await world.db.transact(
            lambda s: goods.set_pace(s, category=" ", days=3, actor="staff:1", now=world.now)
        )
