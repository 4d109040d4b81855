"""Sales through the till's door: who the customer is, what is earned and spent, and once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.customers import external_id
from loyalty.errors import AlreadyAttached, ClaimExpired, CodeInvalid, NotNewHere
from loyalty.purchases import claims
from loyalty.receipts import purchase
from tests.admin.api.shop import KEYS, Shop, receipt
from tests.world import World


async def sales(world: World) -> int:
    """How many purchases there are."""
    count = sa.select(sa.func.count()).select_from(purchase)
    return await world.db.read(lambda s: s.execute(count).scalar_one())


async def test_a_sale_earns_points_for_a_shown_card(shop: Shop):
    customer_id = await shop.customer(name="Ivan", phone="+79001234567")
    link = await shop.link(customer_id)
    found = await shop.till.post("/customers/lookup", {"customer": link}, key="")
    assert (found.status, found.body["id"]) == (200, str(customer_id))
    assert found.body["may_redeem"] is True
    sold = await shop.till.sell(link, "500.00")
    assert sold.status == 201, sold.text
    assert (sold.body["earned"], sold.body["pending"], sold.body["redeemed"]) == (25, 25, 0)
    assert sold.body["total_to_pay"] == "500.00"
    assert sold.body["tier"] == "bronze"
    assert (await shop.balance(customer_id)).pending == 25


async def test_every_name_of_a_customer_is_understood(shop: Shop):
    customer_id = await shop.customer(name="Ivan", phone="+79001234567", points=70)

    def imported(session: Session) -> None:
        session.execute(
            sa.insert(external_id).values(system="cdnow", value="A-17", customer_id=customer_id)
        )

    await shop.world.db.transact(imported)
    card = await shop.card(customer_id)
    shown = (
        f"c_{card.token}",
        card.token,
        f"t.me/any_bot?start=c_{card.token}",
        card.code,
        f"{card.code[:4]} {card.code[4:]}",
    )
    named = ("tel:+79001234567", f"id:{customer_id}", "id:A-17", "id:cdnow:A-17")
    for customer in (*shown, *named):
        found = await shop.till.post("/customers/lookup", {"customer": customer}, key="")
        assert found.status == 200, (customer, found.text)
        assert found.body["id"] == str(customer_id)
        assert (found.body["available"], found.body["name"]) == (70, "Ivan")
        assert found.body["may_redeem"] is (customer in shown), customer
    for nobody in ("tel:+79009999999", "id:1", "id:B", "c_" + "A" * 39, "hello", "tel:8900"):
        found = await shop.till.post("/customers/lookup", {"customer": nobody}, key="")
        assert found.status == 404, (nobody, found.text)


async def test_points_are_spent_by_a_fresh_code_once(shop: Shop):
    customer_id = await shop.customer(points=300)
    code = (await shop.card(customer_id)).code
    sold = await shop.till.sell(code, "1000.00", redeem=250)
    assert sold.status == 201, sold.text
    assert (sold.body["redeemed"], sold.body["total_to_pay"]) == (250, "750.00")
    assert (sold.body["balance"], sold.body["earned"]) == (50, 37)
    again = await shop.till.sell(code, "100.00", redeem=10)
    assert (again.status, again.code, again.body["reason"]) == (403, "presence_required", "used")
    assert (await shop.till.sell(code, "100.00")).status == 201
    assert not await shop.faults()


async def test_a_name_is_not_enough_to_spend(shop: Shop):
    customer_id = await shop.customer(phone="+79001234567", points=300)
    for customer in ("tel:+79001234567", f"id:{customer_id}"):
        said = await shop.till.sell(customer, "1000.00", redeem=10)
        assert (said.status, said.code) == (403, "presence_required"), customer
    assert (await shop.till.sell(None, "1000.00", redeem=10)).code == "presence_required"
    assert await sales(shop.world) == 0


async def test_a_redemption_is_refused_with_its_reason(shop: Shop):
    customer_id = await shop.customer(points=300)
    code = (await shop.card(customer_id)).code
    much = await shop.till.sell(code, "500.00", redeem=200)
    assert (much.status, much.code, much.body["max_redeem"]) == (409, "redemption_too_large", 150)
    more = await shop.till.sell(code, "2000.00", redeem=400)
    assert (more.status, more.code, more.body["available"]) == (409, "insufficient_points", 300)
    blocked = await shop.customer(status="blocked", phone="+79005555555")
    said = await shop.till.sell(f"id:{blocked}")
    assert (said.status, said.code) == (403, "customer_blocked")
    erased = await shop.customer(status="erased")
    assert (await shop.till.sell(f"id:{erased}")).status == 404


async def test_a_quote_says_what_a_sale_would_do_and_writes_nothing(shop: Shop):
    customer_id = await shop.customer(points=300)
    body = {"customer": await shop.link(customer_id), "receipt": receipt("1000.00")}
    body["receipt"]["lines"][0]["category"] = "coffee"
    said = await shop.till.post("/purchases/quote", {**body, "redeem": 100}, key="")
    assert said.status == 200, said.text
    assert (said.body["max_redeem"], said.body["redeem"], said.body["earn"]) == (300, 100, 45)
    assert (said.body["total"], said.body["total_to_pay"]) == ("1000.00", "900.00")
    assert said.body["stamps"][0]["added"] == 1
    assert any("45 points" in line for line in said.body["messages"])
    assert any("Silver" in line for line in said.body["messages"])
    assert any("Coffee card: 1 of 4" in line for line in said.body["messages"])
    assert await sales(shop.world) == 0
    nobody = await shop.till.post("/purchases/quote", {"receipt": receipt("10.00")}, key="")
    assert (nobody.status, nobody.body["earn"], nobody.body["max_redeem"]) == (200, 0, 0)
    bare = {"lines": [{"name": "Tea", "price": "10.00"}]}
    assert (await shop.till.post("/purchases/quote", {"receipt": bare}, key="")).status == 200


async def test_weighed_goods_and_unearning_payments(shop: Shop):
    customer_id = await shop.customer(phone="+79001234567")
    body = {
        "customer": "tel:+79001234567",
        "receipt": {
            **receipt("1000.00", quantity="0.350"),
            "register": "till-2",
            "payments": [{"kind": "bonus", "amount": "100.00"}, {"kind": "card", "amount": "250"}],
        },
    }
    wrong = await shop.till.post("/purchases", body)
    assert wrong.body["errors"] == [
        {
            "field": "receipt.payments[1].amount",
            "problem": "a decimal string with two places, like 450.00",
        }
    ]
    body["receipt"]["payments"][1]["amount"] = "250.00"
    sold = await shop.till.post("/purchases", body)
    assert (sold.body["total"], sold.body["earned"]) == ("350.00", 12)
    assert (await shop.balance(customer_id)).pending == 12


async def test_an_anonymous_sale_is_answered_with_a_claim(shop: Shop):
    sold = await shop.till.sell(None, "500.00")
    assert (sold.status, sold.body["customer_id"], sold.body["earned"]) == (201, None, 0)
    link, token = sold.body["claim_url"].split("?start=")
    assert link == "https://t.me/regulars_bot"
    assert token.startswith("k_")
    assert len(token) <= 64
    db, now = shop.world.db, clock.now()
    purchase_id, until = claims.read(KEYS, token)
    assert str(purchase_id) == sold.body["purchase_id"]
    assert timedelta(hours=71) < until - now < timedelta(hours=73)
    shop.world.now = now + timedelta(minutes=1)
    newcomer = await shop.customer()
    old = await world_before(shop)

    def claim(customer_id: int, text: str = token, hours: int = 1) -> object:
        moment = now + timedelta(hours=hours)
        return db.transact(
            lambda s: claims.claim(s, keys=KEYS, token=text, customer_id=customer_id, now=moment)
        )

    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    for customer_id, refusal, changed in (
        (newcomer, CodeInvalid, {"text": forged}),
        (newcomer, ClaimExpired, {"hours": 74}),
        (old, NotNewHere, {}),
    ):
        problem = await caught(claim(customer_id, **changed))
        assert isinstance(problem, refusal), problem
    result = await claim(newcomer)  # type: ignore[misc]
    assert (result.customer_id, result.earned) == (newcomer, 25)
    assert isinstance(await caught(claim(await shop.customer())), AlreadyAttached)
    assert (await shop.balance(newcomer)).pending == 25


async def world_before(shop: Shop) -> int:
    """A customer of long ago."""
    now, shop.world.now = shop.world.now, shop.world.now - timedelta(days=100)
    customer_id = await shop.customer()
    shop.world.now = now
    return customer_id


async def caught(doing: object) -> Exception | None:
    """What it raises."""
    try:
        await doing  # type: ignore[misc]
    except Exception as problem:  # noqa: BLE001 - handed to the test
        return problem
    return None


async def test_a_sale_finds_its_customer_a_moment_later(shop: Shop):
    customer_id = await shop.customer(phone="+79001234567")
    sold = await shop.till.sell(None, "500.00")
    path = f"/purchases/{sold.body['purchase_id']}/customer"
    other = await (await shop.another_outlet()).post(path, {"customer": "tel:+79001234567"})
    assert (other.status, other.code) == (404, "purchase_not_found")
    given = await shop.till.post(path, {"customer": "tel:+79001234567"}, key="attach-1")
    assert (given.status, given.body["earned"]) == (201, 25), given.text
    assert given.body["customer_id"] == str(customer_id)
    again = await shop.till.post(path, {"customer": "tel:+79001234567"}, key="attach-1")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    await shop.customer(phone="+79001234568")
    twice = await shop.till.post(path, {"customer": "tel:+79001234568"})
    assert (twice.status, twice.code) == (409, "already_attached")
    late = await shop.till.sell(None, "500.00")
    clock.set_offset(timedelta(minutes=16))
    try:
        path = f"/purchases/{late.body['purchase_id']}/customer"
        said = await shop.till.post(path, {"customer": "tel:+79001234567"})
    finally:
        clock.set_offset(timedelta())
    assert (said.status, said.code) == (409, "late_attach")
    assert (await shop.balance(customer_id)).pending == 25


async def test_two_tills_with_one_receipt_record_it_once(shop: Shop):
    await shop.customer(phone="+79001234567")
    second = await shop.another_till()
    body = {"customer": "tel:+79001234567", "receipt": receipt("500.00", number="77")}
    answers = await asyncio.gather(
        shop.till.post("/purchases", body), second.post("/purchases", body)
    )
    good, bad = sorted(answers, key=lambda said: said.status)
    assert (good.status, bad.status, bad.code) == (201, 409, "duplicate_receipt")
    assert bad.body["purchase_id"] == good.body["purchase_id"]
    assert await sales(shop.world) == 1
    elsewhere = await shop.another_outlet()
    assert (await elsewhere.post("/purchases", body)).status == 201
