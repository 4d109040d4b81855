"""Promo codes, coupons, batches and gift cards in the panel; who sees a code, who may do what."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, vouchers
from loyalty.events import event
from loyalty.program.effects import LocalText, PercentOff
from loyalty.vouchers import Voucher
from tests.admin import market, shop
from tests.admin.forms import Fields, changed, fields, words
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/vouchers"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    world.now = clock.now() - timedelta(hours=1)
    return visitor


async def _every(world: World) -> list[Voucher]:
    found = await world.db.read(lambda s: vouchers.listing(s, limit=500))
    return list(found.vouchers)


async def _form(visitor: Visitor, kind: str, query: str = "") -> Fields:
    _, page, _ = await visitor.get(f"{HOME}/new/{kind}{query}")
    return changed(fields(page, "rules-form"), do="save")


async def _types(world: World) -> list[str]:
    return [row.type for row in await world.db.read(lambda s: s.execute(sa.select(event)).all())]


async def test_a_promo_code_is_made_used_closed_and_opened(world: World, owner: Visitor) -> None:
    form = changed(
        await _form(owner, "promo_code"), name__ru="Лето", name__en="Summer", code="sum mer-26",
        minimum="300", total_limit="100", customer_limit="2", segment="tier:bronze",
    )  # fmt: skip
    status, page, where = await owner.send(f"{HOME}/new/promo_code", form)
    assert (status, where.url.path.startswith(HOME)) == (200, True), words(page)
    said = words(page)
    assert "SUMMER26" in said
    assert "10% off" in said
    assert "guests of the level Bronze" in said
    (made,) = await _every(world)
    assert (made.minimum, made.total_limit, made.customer_limit) == (300_00, 100, 2)
    # Sent twice, it is one.
    await owner.send(f"{HOME}/new/promo_code", form)
    assert len(await _every(world)) == 1

    guest = await world.customer(name="Анна<i>")
    sold = market.coffee(world, number="A-17")
    await world.sell(guest, sold, vouchers=["Summer26"])
    _, page, _ = await owner.get(f"{HOME}/{made.id}")
    said = words(page)
    assert "Receipt A-17 · ₽639" in said
    assert "Анна<i>" in said
    assert "Анна<i>" not in page
    assert "Used 1 of 100" in said
    status, page, _ = await owner.post(f"{HOME}/{made.id}/block")
    assert "closed" in words(page)
    status, page, _ = await owner.post(f"{HOME}/{made.id}/unblock")
    assert "good Promo code" in words(page)
    types = await _types(world)
    assert {"voucher.created", "voucher.blocked", "voucher.unblocked"} <= set(types)


async def test_mistakes_stand_at_their_fields(world: World, owner: Visitor) -> None:
    await market.voucher(world, code="COOL")
    owner.headers["Accept-Language"] = "ru"
    named = changed(await _form(owner, "promo_code"), name__ru="Лето", name__en="Summer")
    for change, wanted in (
        ({"code": "СООL"}, "Такой код или похожий на него уже есть"),
        ({"code": "a!"}, "От 3 до 32 букв и цифр"),
        ({"ends_on": "2020-01-01"}, "Последний день раньше первого"),
        ({"ends_on": "soon"}, "День, например"),
        ({"total_limit": "0"}, "слишком маленькое или слишком большое"),
        ({"effect__rate_bp": "130"}, "Не больше: 100"),
        ({"effect__kind": "bribe"}, "Выберите"),
        ({"segment": "vip<b>"}, "Выберите"),
        ({"name__ru": ""}, "Заполните"),
        ({"name__en": "x" * 121}, "120"),
    ):
        form = changed(named, **change)
        status, page, _ = await owner.send(f"{HOME}/new/promo_code", form)
        assert (status, wanted in words(page)) == (400, True), (change, words(page)[:900])
        assert 'class="wrong"' in page
    assert len(await _every(world)) == 1


async def test_only_the_fields_of_the_effect_are_shown(owner: Visitor) -> None:
    form = await _form(owner, "promo_code")
    for kind, has in (("amount", "effect.amount"), ("gift_item", "effect.quantity"),
                      ("free_delivery", None)):  # fmt: skip
        _, page, _ = await owner.send(
            f"{HOME}/new/promo_code", changed(form, effect__kind=kind, do="show")
        )
        shown = {name for name, _ in fields(page, "rules-form")}
        effect = {name for name in shown if name.startswith("effect.")}
        assert has is None or has in effect
        assert "effect.rate_bp" not in effect
        assert (effect == {"effect.kind"}) == (kind == "free_delivery")


async def test_a_coupon_from_the_customers_card(world: World, owner: Visitor) -> None:
    guest = await world.customer(name="Анна")
    _, page, _ = await owner.get(f"/admin/customers/{guest}")
    link = re.search(r'href="(/admin/vouchers/new/coupon\?customer=\d+)"', page)
    assert link is not None
    query = link[1].removeprefix(f"{HOME}/new/coupon")
    form = changed(await _form(owner, "coupon", query), name__ru="Подарок", name__en="Treat")
    status, page, _ = await owner.send(f"{HOME}/new/coupon", form)
    assert (status, "Belongs to Анна" in words(page)) == (200, True)
    (made,) = await _every(world)
    assert (made.customer_id, made.total_limit, made.kind) == (guest, 1, vouchers.COUPON)
    _, page, _ = await owner.get(f"/admin/customers/{guest}")
    assert "Treat good through" in words(page)
    for wrong in (str(2**62), "x"):
        status, _, where = await owner.get(f"{HOME}/new/coupon?customer={wrong}")
        assert (status, where.url.path) in ((404, f"{HOME}/new/coupon"), (200, "/admin/customers"))


async def test_a_batch_with_its_file(world: World, owner: Visitor) -> None:
    form = changed(
        await _form(owner, "batch"), name__ru="=Партнёр", name__en="=Partner", count="25"
    )
    status, page, where = await owner.send(f"{HOME}/new/batch", form)
    assert (status, "Codes 25" in words(page)) == (200, True), words(page)
    await owner.send(f"{HOME}/new/batch", form)
    assert len(await _every(world)) == 25
    status, text, answer = await owner.post(f"{where.url.path}/codes")
    assert (status, answer.content_type) == (200, "text/csv")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0] == ["Code", "Title", "Last day"]
    codes = {vouchers.grouped(one.code) for one in await _every(world)}
    assert {row[0] for row in rows[1:]} == codes
    assert {row[1] for row in rows[1:]} == {"'=Partner"}
    assert "voucher.codes_taken" in await _types(world)
    _, page, _ = await owner.get(HOME)
    assert "25 codes" in words(page)
    for count in ("0", "10001", "many", ""):
        status, _, _ = await owner.send(f"{HOME}/new/batch", changed(form, count=count, key="77"))
        assert status == 400
    assert (await owner.get(f"{HOME}/batches/123"))[0] == 404


async def test_a_gift_card_is_sold_spent_and_closed(world: World, owner: Visitor) -> None:
    form = changed(await _form(owner, "gift_card"), amount="1 500")
    status, page, _ = await owner.send(f"{HOME}/new/gift_card", form)
    assert (status, "not sold yet" in words(page)) == (200, True)
    (card,) = await _every(world)
    assert (card.balance, card.status) == (150_000, vouchers.INACTIVE)
    status, page, _ = await owner.post(f"{HOME}/{card.id}/activate")
    assert "good Gift card" in words(page)
    status, page, _ = await owner.post(f"{HOME}/{card.id}/activate")
    assert (status, "not waiting to be sold" in words(page)) == (409, True)
    await world.sell(None, market.coffee(world, number="5"), vouchers=[card.code])
    _, page, _ = await owner.get(f"{HOME}/{card.id}")
    assert "Left on it ₽790 of ₽1,500" in words(page)
    form = changed(await _form(owner, "gift_card"), amount="500", count="3")
    status, page, _ = await owner.send(f"{HOME}/new/gift_card", form)
    assert (status, "3 not sold yet" in words(page)) == (200, True)
    status, _, _ = await owner.send(f"{HOME}/new/gift_card", changed(form, amount="0", key="5"))
    assert status == 400


async def test_search_filters_and_paging(world: World, owner: Visitor) -> None:
    for number in range(45):
        await market.voucher(world, code=f"CODE{number:03d}")
    coupon = await market.voucher(world, kind=vouchers.COUPON)
    _, page, _ = await owner.post(HOME, q="code01")
    assert words(page).count("CODE01") == 10
    _, page, _ = await owner.post(HOME, q="", kind="coupon")
    assert vouchers.grouped(coupon.code) in words(page)
    assert "CODE" not in words(page)
    _, page, _ = await owner.post(HOME, q="", kind="", status="expired")
    assert "Nothing found" in words(page)
    _, page, _ = await owner.get(HOME)
    assert words(page).count("CODE0") == 39
    before = dict(fields(page, "vouchers"))["before"]
    _, page, _ = await owner.post(HOME, before=before, headers={"HX-Request": "true"})
    assert page.count("CODE0") == 6
    assert "<html" not in page
    for odd in ("%", "_", "'", "\x00", "é" * 300):
        assert (await owner.post(HOME, q=odd, kind="'", status="x", before="x"))[0] == 200


async def test_what_people_made_stands_before_rewards(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(HOME)
    assert "Nothing made yet" in words(page)
    await market.voucher(world, code="SUMMER")
    gift = await market.voucher(world, kind=vouchers.COUPON, source_kind="stamps")
    reward = vouchers.grouped(gift.code)
    _, page, _ = await owner.get(HOME)
    assert ("SUMMER" in page, reward in page) == (True, False)
    assert 'aria-current="true">Made by staff' in page
    _, page, _ = await owner.get(f"{HOME}?made=rewards")
    assert ("SUMMER" in page, reward in page) == (False, True)
    assert 'name="made" value="rewards"' in page
    _, page, _ = await owner.get(f"{HOME}?made=all")
    assert ("SUMMER" in page, reward in page) == (True, True)
    _, page, _ = await owner.post(HOME, kind="coupon", made="staff")
    assert reward not in page
    # Whoever has a code at hand does not know where it comes from.
    _, page, _ = await owner.post(HOME, q=gift.code, made="staff")
    assert reward in page
    assert 'aria-current="true">All of them' in page
    _, page, _ = await owner.get(f"{HOME}?made=x")
    assert ("SUMMER" in page, reward in page) == (True, False)


async def test_codes_are_shown_to_those_who_give_them_out(world: World, visitor: Visitor) -> None:
    world.now = clock.now() - timedelta(hours=1)
    promo = await market.voucher(world, code="SUMMER")
    coupon = await market.voucher(world, kind=vouchers.COUPON)
    name = LocalText(ru="Карта", en="Card")
    card = await market.voucher(
        world, kind=vouchers.GIFT_CARD, name=name, effect=None, amount=100_00
    )
    every = {"promo": promo, "coupon": coupon, "card": card}
    whole = {
        "owner": {"promo", "coupon", "card"}, "marketer": {"promo", "coupon"}, "analyst": {"promo"},
    }  # fmt: skip
    for role, seen in whole.items():
        await shop.hire(world, role)
        await visitor.get("/admin/sign-in")
        await visitor.sign_in(role)
        _, page, _ = await visitor.get(HOME)
        for kind, one in every.items():
            code = vouchers.grouped(one.code)
            assert (code in page) == (kind in seen), (role, kind)
            _, own, _ = await visitor.get(f"{HOME}/{one.id}")
            assert (code in own) == (kind in seen)
            wanted = 200 if kind in seen else 403
            assert (await visitor.get(f"{HOME}/{one.id}/qr.svg"))[0] == wanted
            assert (await visitor.get(f"{HOME}/{one.id}/print"))[0] == wanted
            # Nor letter by letter.
            await visitor.get(HOME)
            _, found, _ = await visitor.post(HOME, q=one.code[:6])
            assert (f"{HOME}/{one.id}" in found) == (kind in seen), (role, kind)
        await visitor.post("/admin/sign-out")


async def test_the_qr_holds_the_code_and_prints(world: World, owner: Visitor) -> None:
    made = await market.voucher(world, code="SUMMER", minimum=300_00)
    status, picture, answer = await owner.get(f"{HOME}/{made.id}/qr.svg")
    assert (status, answer.content_type) == (200, "image/svg+xml")
    assert "<path" in picture
    _, page, _ = await owner.get(f"{HOME}/{made.id}/print")
    assert "Summer 10% off" in words(page)
    assert "Receipts from ₽300." in words(page)
    assert "data-print" in page


@pytest.mark.parametrize("role", ["marketer", "analyst"])
async def test_money_is_the_owners(world: World, visitor: Visitor, role: str) -> None:
    world.now = clock.now() - timedelta(hours=1)
    name = LocalText(ru="Карта", en="Card")
    card = await market.voucher(
        world, kind=vouchers.GIFT_CARD, name=name, effect=None, amount=100_00
    )
    promo = await market.voucher(world, effect=PercentOff(rate_bp=500))
    await shop.hire(world, role)
    await visitor.sign_in(role)
    _, page, _ = await visitor.get(HOME)
    assert ("New promo code" in page) == (role == "marketer")
    assert "New gift card" not in page
    assert (await visitor.get(f"{HOME}/new/gift_card"))[0] == 403
    assert (await visitor.get(f"{HOME}/new/promo_code"))[0] == (200 if role == "marketer" else 403)
    await visitor.get(HOME)
    for do in ("activate", "block", "unblock"):
        assert (await visitor.post(f"{HOME}/{card.id}/{do}"))[0] == 403
    assert (await visitor.post(f"{HOME}/new/gift_card", amount="5"))[0] == 403
    wanted = 200 if role == "marketer" else 403
    assert (await visitor.post(f"{HOME}/{promo.id}/block"))[0] == wanted
    assert (await visitor.get(f"{HOME}/{2**63}"))[0] == 404
    status = (await world.db.read(lambda s: vouchers.get(s, voucher_id=card.id))).status
    assert status == vouchers.INACTIVE
