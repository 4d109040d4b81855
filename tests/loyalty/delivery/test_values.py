"""Every variable of a marketer's text, in both languages, there and missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import events, goods, stamps
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.delivery.wording import Gone
from loyalty.goods import Product
from loyalty.messaging import placeholders
from loyalty.program.rules import COFFEE_CARD
from tests.loyalty.delivery.words import chain_of, plain, said
from tests.loyalty.goods.shelf import buy
from tests.world import World

EXPIRY = {"kind": "expiry", "days_before": 14}
BIRTHDAY = {"kind": "date", "field": "birthday"}
WARNED = {"kind": "event", "event": "tier.warned", "occurrence": "event"}


async def put(world: World, sku: str, name: str, **more: Any) -> None:
    await world.db.transact(
        lambda s: goods.put(s, Product(sku=sku, name=name, **more), actor="staff:1", now=world.now)
    )


async def happened(world: World, customer_id: int, data: dict[str, Any]) -> int:
    def unit(session: Any) -> int:
        rows = Rows()
        event_id = events.record(
            rows,
            type="cart_updated",
            customer_id=customer_id,
            actor="key:1",
            data={"data": data},
            now=world.now,
        )
        rows.put(session)
        return event_id

    return await world.db.transact(unit)


async def test_name_balance_and_outlet(world: World) -> None:
    anna = await world.customer(name="Анна <Ж>", points=1, home_outlet_id=world.outlet_id)
    nobody = await world.customer()
    text = chain_of("{name|друг}, {balance}, {outlet|у нас}")
    assert plain(await said(world, text, anna)).startswith("Анна, 1 балл, ")
    assert plain(await said(world, text, nobody)) == "друг, 0 баллов, у нас"
    odd = await world.customer(name="<b>&", points=5)
    assert plain(await said(world, text, odd, language="en")) == "&lt;b&gt;&amp;, 5 points, у нас"


async def test_points_of_the_day_the_chain_is_about(world: World) -> None:
    person = await world.customer()
    day = world.now.date() + timedelta(days=3)
    await world.grant(person, 21, expires_at=world.now + timedelta(days=4) - timedelta(hours=12))
    text = chain_of("{expiring} · {days} · {until}", trigger=EXPIRY)
    assert plain(await said(world, text, person, day=day)) == "21 балл · 3 дня · 5 марта"
    english = await said(world, text, person, day=day, language="en")
    assert plain(english) == "21 points · 3 days · 5 March"
    with pytest.raises(Gone, match="points_spent"):
        await said(world, text, person, day=day + timedelta(days=1))


async def test_days_to_a_day_of_ones_own_in_ones_own_zone(world: World) -> None:
    # 20:00 in Moscow is the next day in Vladivostok already.
    world.pass_time(hours=8)
    near = await world.customer()
    far = await world.customer(time_zone="Asia/Vladivostok")
    text = chain_of("{days} до {until}", trigger=BIRTHDAY)
    day = date(2026, 3, 9)
    assert plain(await said(world, text, near, day=day)) == "7 дней до 9 марта"
    assert plain(await said(world, text, far, day=day)) == "6 дней до 9 марта"
    world.pass_time(days=30)
    assert plain(await said(world, text, near, day=day)) == "0 дней до 9 марта"


async def test_points_that_expire_next_where_no_day_is_named(world: World) -> None:
    person, without = await world.customer(), await world.customer()
    await world.grant(person, 5, expires_at=world.now + timedelta(days=10))
    text = chain_of("{expiring} до {until}")
    assert plain(await said(world, text, person)).startswith("5 баллов до ")
    with pytest.raises(Gone, match="nothing_expires"):
        await said(world, text, without)
    soft = chain_of("{expiring|ваши баллы} ждут {until|вас}")
    assert plain(await said(world, soft, without)) == "ваши баллы ждут вас"


async def test_the_coupon_and_its_last_day(world: World) -> None:
    person = await world.customer()
    text = chain_of("{code} до {until}, {days}")
    subject = {"code": "KH7PM4X2QRTW", "code_until": "2026-03-09T21:00:00+00:00"}
    assert plain(await said(world, text, person, subject=subject)) == (
        "KH7P-M4X2-QRTW до 9 марта, 7 дней"
    )
    with pytest.raises(Gone, match="no_code"):
        await said(world, text, person)
    assert plain(await said(world, chain_of("{code|подарок}"), person)) == "подарок"
    assert "KH7P" in plain(await said(world, text, person, sample=True))


async def test_tiers_and_stamps(world: World) -> None:
    person = await world.customer()
    text = chain_of("{tier}: {to_next_tier}; {stamps}")
    assert plain(await said(world, text, person)) == "Бронза: 10 000 ₽; 0 из 4"

    def give(session: Any) -> None:
        stamps.grant(
            session, rule=COFFEE_CARD, customer_id=person, stamps=3, cause_kind="test",
            cause_id="1", actor="system", day=world.now.date(), now=world.now,
            time_zone="Europe/Moscow",
        )  # fmt: skip

    await world.db.transact(give)
    english = plain(await said(world, text, person, language="en"))
    assert english == "Bronze: ₽10,000; 3 of 4"
    await world.sell(person, 200_000_00)
    with pytest.raises(Gone, match="top_tier"):
        await said(world, text, person)
    assert plain(await said(world, chain_of("{to_next_tier|вершина}"), person)) == "вершина"
    await world.set_program(stamp_cards=())
    with pytest.raises(Gone, match="no_stamp_cards"):
        await said(world, chain_of("{stamps}"), person)


async def test_a_level_in_danger(world: World) -> None:
    person = await world.customer(tier="silver")
    text = chain_of("{tier} до {until}: {to_keep}, {days}", trigger=WARNED)
    with pytest.raises(Gone, match="tier_kept"):
        await said(world, text, person)
    await world.db.transact(
        lambda s: s.execute(
            sa.update(customer)
            .where(customer.c.id == person)
            .values(tier_warned_for=date(2026, 4, 1), tier_warned_at=world.now)
        )
    )
    assert plain(await said(world, text, person)) == "Серебро до 31 марта: 10 000 ₽, 29 дней"


async def test_what_was_bought_and_what_goes_with_it(world: World) -> None:
    person, nobody = await world.customer(), await world.customer()
    await put(world, "fil", "Фильтр <X>", link="https://shop.example/f?a=1&b=2", picture=5)
    await buy(world, person, "oil", "bag")
    await world.db.transact(
        lambda s: goods.set_pairs(
            s, sku="oil", others=["bag", "fil"], actor="staff:1", now=world.now
        )
    )
    text = chain_of("{last_product|кое-что} + {goes_with|новинка}")
    message = await said(world, text, person)
    # The bag was bought a moment ago: it is not offered again.
    assert message.text == (
        'Масло 5W-30 + <a href="https://shop.example/f?a=1&amp;b=2">Фильтр &lt;X&gt;</a>'
    )
    assert message.picture == 5
    linked = chain_of('<a href="https://a.example">{goes_with|новинка}</a>')
    assert (await said(world, linked, person)).text == (
        '<a href="https://a.example">Фильтр &lt;X&gt;</a>'
    )
    message = await said(world, text, nobody)
    assert (message.text, message.picture) == ("кое-что + новинка", None)


async def test_the_goods_of_the_pass_go_before_the_last_ones(world: World) -> None:
    person = await world.customer()
    purchase_id = await buy(world, person, "oil", "cap", "cro")
    world.pass_time(days=1)
    await buy(world, person, "fil")
    text = chain_of("{last_product|—}")
    about = {"purchase": str(purchase_id)}
    assert plain(await said(world, text, person)) == "Фильтр"
    assert plain(await said(world, text, person, subject=about)) == "Масло 5W-30"
    coffee = about | {"category": "Кофе"}
    assert plain(await said(world, text, person, subject=coffee)) == "Капучино"


async def test_what_waits_in_a_cart(world: World) -> None:
    person = await world.customer()
    await put(world, "cap", "Капучино", picture=9)
    text = chain_of("Ждёт: {last_product|ваш выбор}", "Waiting: {last_product|your choice}")
    carts = [
        ([{"sku": "cap"}], "Ждёт: Капучино"),
        ([{"sku": "cap"}, {"name": "A&B"}], "Ждёт: Капучино и A&amp;B"),
        ([{"sku": "cap"}, *({"name": f"№ {n}"} for n in (1, 2, 3))], "Ждёт: Капучино, № 1 и ещё 2"),
        ([{"sku": "unknown"}], "Ждёт: ваш выбор"),
    ]
    for items, words in carts:
        event_id = await happened(world, person, {"cart_id": "c", "items": items})
        message = await said(world, text, person, subject={"event": str(event_id)})
        assert message.text == words
        assert message.picture == (9 if items[0] == {"sku": "cap"} else None)
    english = await said(world, text, person, subject={"event": str(event_id - 1)}, language="en")
    assert english.text == "Waiting: your choice"


async def test_a_sample_needs_nothing(world: World) -> None:
    person = await world.customer()
    every = " ".join(
        f"{{{name}|—}}" if name in placeholders.MAY_BE_EMPTY else f"{{{name}}}"
        for name in sorted(placeholders.VARIABLES)
    )
    assert list(placeholders.problems_of(every)) == []
    shown = plain(await said(world, chain_of(every), person, sample=True))
    assert "{" not in shown
    assert "KH7P-M4X2-QRTW" in shown
    assert "120 баллов" in shown
