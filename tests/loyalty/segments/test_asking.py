"""Rules asked of a real little business: sales through the door, returns, messages."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import segments
from loyalty.customers import customer
from loyalty.errors import SegmentInvalid
from loyalty.purchases import Line, Receipt
from loyalty.segments import FIELDS, Saved
from loyalty.segments.asking import ASKED
from tests.world import ZONE, World

OIL = {"all": [{"field": "bought_days_ago", "op": ">", "value": 183, "category": "масло"}]}
_ONE: dict[str, Any] = {
    "number": 3,
    "money": 100_00,
    "days": 5,
    "share": 1500,
    "date": "2026-03-01",
    "bool": True,
    "text": "5",
    "choice": "5",
}


async def who(world: World, document: Any, **options: Any) -> set[int]:
    """Everybody the rule holds for, asked in both ways."""
    rule = segments.check(document)

    def unit(session: Session) -> set[int]:
        when: dict[str, Any] = {"now": world.now, "time_zone": ZONE, **options}
        found = segments.matching(session, rule, **when)
        ids = session.execute(sa.select(customer.c.id)).scalars().all()
        assert segments.matching(session, rule, **when, among=ids) == found
        assert segments.count(session, rule, **when) == len(found)
        return found

    return await world.db.read(unit)


def receipt(world: World, category: str, amount: int = 500_00) -> Receipt:
    line = Line(amount=amount, price=amount, category=category, name=f"{category} 5W-40")
    return Receipt(sold_at=world.now, lines=(line,))


async def test_bought_oil_long_ago_and_nothing_since(world: World) -> None:
    gone, back, other, tea = [await world.customer() for _ in range(4)]
    for one in (gone, back, other):
        await world.sell(one, receipt(world, "Масло"))
    await world.sell(tea, receipt(world, "Чай"))
    world.pass_time(days=100)
    await world.sell(back, receipt(world, "масло"))
    await world.sell(other, receipt(world, "Чай"))
    world.pass_time(days=90)
    # No oil for half a year; and, asked more strictly, nothing at all.
    assert await who(world, OIL) == {gone, other}
    nothing = {"field": "last_purchase_days_ago", "op": ">", "value": 183}
    assert await who(world, {"all": [*OIL["all"], nothing]}) == {gone}
    no_more = {"field": "bought", "op": "=", "value": 0, "category": "масло", "days": 183}
    ever = {"field": "bought", "op": ">=", "value": 1, "category": "МАСЛО"}
    assert await who(world, {"all": [ever, no_more]}) == {gone, other}


async def test_what_came_back_was_not_bought(world: World) -> None:
    kept, returned = await world.customer(), await world.customer()
    await world.sell(kept, receipt(world, "coffee"))
    sold = await world.sell(returned, receipt(world, "coffee"))
    coffee = {"field": "bought", "op": ">=", "value": 1, "category": "coffee", "days": 7}
    assert await who(world, coffee) == {kept, returned}
    await world.take_back(sold.purchase_id)
    assert await who(world, coffee) == {kept}
    assert await who(world, {"field": "spent", "op": "=", "value": 0}) == {returned}
    spent = {"field": "bought_sum", "op": ">=", "value": 500_00, "name": "5w-40"}
    assert await who(world, spent) == {kept}
    here = {"field": "bought", "op": ">=", "value": 1, "outlet": str(world.outlet_id)}
    assert await who(world, here) == {kept}
    assert await who(world, {**here, "outlet": "12"}) == set()


async def test_home_outlet_and_zone_and_interests(world: World) -> None:
    home = await world.customer(home_outlet_id=world.outlet_id, interests=["Чай"])
    away = await world.customer(time_zone="Asia/Tokyo")
    key = str(world.outlet_id)
    assert await who(world, {"field": "home_outlet", "value": key}) == {home}
    assert await who(world, {"field": "home_outlet", "op": "not_in", "value": [key]}) == {away}
    assert await who(world, {"field": "time_zone", "value": "Asia/Tokyo"}) == {away}
    assert await who(world, {"field": "time_zone", "value": ZONE}) == {home}
    assert await who(world, {"field": "interest", "value": "Чай"}) == {home}
    assert await who(world, {"field": "was_brought", "value": False}) == {home, away}


async def test_every_field_answers_and_never_leaves_anybody_out(world: World) -> None:
    assert set(ASKED) == set(FIELDS)
    people = {await world.customer(tags=["x"], points=50, fields={"5": "2026-03-02"})}
    people.add(await world.customer())
    await world.sell(min(people), receipt(world, "5"))

    def unit(session: Session) -> None:
        for document in every_condition():
            rule = segments.check(document)
            opposite = segments.Not.model_validate({"not": rule})
            when: dict[str, Any] = {"now": world.now, "time_zone": ZONE}
            yes = segments.matching(session, rule, **when)
            no = segments.matching(session, opposite, **when)
            assert yes | no == people, document
            assert not yes & no, document
            assert segments.matching(session, rule, **when, among=people) == yes, document

    await world.db.read(unit)


def every_condition() -> list[dict[str, Any]]:
    """Each field with each of its operators, bare and with all it takes."""
    found = []
    for key, known in FIELDS.items():
        for op in known.operators:
            one: Any = known.choices[0][0] if known.choices else _ONE[known.kind]
            value = [one, one] if op == "between" else [one] if op in ("in", "not_in") else one
            bare = {"field": key, "op": op, "value": value}
            full = dict(bare)
            for extra in known.extras:
                fallback: Any = 30 if extra.kind == "days" else "5"
                given = extra.choices[0][0] if extra.choices else fallback
                full[extra.name] = given
                if extra.required:
                    bare[extra.name] = given
            found += [bare, full]
    return found


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE customer; --", "%", "_", "\\", '"', "$.a", "]]", "😀", "NULL", "{}"]
)
async def test_words_stay_words(world: World, text: str) -> None:
    like = await world.customer(city=text, tags=[text], fields={"a": text})
    other = await world.customer(city="x", tags=["x"], fields={"a": "x"})
    assert await who(world, {"field": "city", "value": text}) == {like}
    assert await who(world, {"field": "city", "op": "contains", "value": text}) == {like}
    assert await who(world, {"field": "tag", "value": text}) == {like}
    assert await who(world, {"segment": f"tag:{text}"}) == {like}
    assert await who(world, {"field": "field_text", "key": "a", "value": text}) == {like}
    assert await who(world, {"field": "city", "op": "!=", "value": text}) == {other}


async def test_members_of_several_segments_at_once(world: World) -> None:
    new, old = await world.customer(), await world.customer(tier="gold")
    world.pass_time(days=31)
    latest = await world.customer()
    rule = segments.check({"any": [{"segment": "newcomers"}, {"segment": "tier:gold"}]})
    saved = Saved(rules={"ours": rule})

    def unit(session: Session) -> None:
        keys = ["newcomers", "vip", "ours", "no_purchases"]
        everybody = [new, old, latest]
        when: dict[str, Any] = {"now": world.now, "time_zone": ZONE, "saved": saved}
        assert segments.members_of(session, keys, everybody, **when) == {
            "newcomers": {latest},
            "vip": {old},
            "ours": {old, latest},
            "no_purchases": {new, old, latest},
        }
        assert segments.members_of(session, ["vip"], [new], **when) == {"vip": set()}
        assert segments.members_of(session, [], [new], **when) == {}
        assert segments.members_of(session, ["vip"], [], **when) == {"vip": set()}
        with pytest.raises(SegmentInvalid):
            segments.members_of(session, ["nobody_made_it"], [new], **when)

    await world.db.read(unit)


async def test_a_sample_shows_a_few(world: World) -> None:
    people = {await world.customer(name=f"Guest {n}") for n in range(12)}
    await world.sell(min(people), 300_00)

    def unit(session: Session) -> None:
        rule = segments.check({"all": []})
        when: dict[str, Any] = {"now": world.now, "time_zone": ZONE}
        shown = segments.sample(session, rule, **when)
        assert len(shown) == 10
        assert {one.id for one in shown} < people
        assert shown == segments.sample(session, rule, **when)
        buyer = segments.check({"field": "orders", "op": ">=", "value": 1})
        (one,) = segments.sample(session, buyer, **when)
        assert (one.id, one.orders, one.spent) == (min(people), 1, 300_00)
        assert one.last_purchase_at == world.now

    await world.db.read(unit)


async def test_among_very_many(world: World) -> None:
    one = await world.customer()
    rule = segments.check({"field": "orders", "op": "=", "value": 0})
    many = [*range(1, 40_000), one]

    def unit(session: Session) -> set[int]:
        return segments.matching(session, rule, now=world.now, time_zone=ZONE, among=many)

    assert await world.db.read(unit) == {one}


async def test_the_top_five_in_a_hundred(world: World) -> None:
    people = [await world.customer() for _ in range(21)]
    for n, one in enumerate(people, 1):
        await world.sell(one, n * 100_00)
    # Two of twenty-one: one would be less than five in a hundred.
    assert await who(world, {"segment": "vip"}) == set(people[-2:])
    await world.sell(people[0], 5_000_00)
    world.pass_time(hours=1)
    assert await who(world, {"segment": "vip"}) == {people[0], people[-1]}
    world.pass_time(days=366)
    assert await who(world, {"segment": "vip"}) == set()


async def test_how_near_the_next_tier_is(world: World) -> None:
    near, far, top = [await world.customer(), await world.customer(), await world.customer()]
    await world.sell(near, 8_600_00)
    await world.sell(far, 8_400_00)
    await world.sell(top, 20_000_00)
    soon = {"field": "to_next_tier_share", "op": "<", "value": 1500}
    assert await who(world, soon) == {near}
    assert await who(world, {"field": "to_next_tier", "op": "=", "value": 1_600_00}) == {far}
    # At the top nothing is left; what is unknown fits only "is not".
    assert await who(world, {"field": "to_next_tier", "op": ">=", "value": 0}) == {near, far}
    assert await who(world, {"field": "tier", "op": ">=", "value": "silver"}) == {top}
    assert await who(world, {"not": soon}) == {far, top}
