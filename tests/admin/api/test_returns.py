"""Returns, events and vouchers through the till's door."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, vouchers
from loyalty.db.rows import Rows
from loyalty.events import event
from loyalty.program import AmountOff, LocalText
from tests.admin.api.shop import Shop, receipt

PHONE = "tel:+79001234567"
NAME = LocalText(ru="Весна", en="Spring")


async def test_a_return_is_looked_at_and_then_recorded_once(shop: Shop):
    customer_id = await shop.customer(phone=PHONE[4:], points=300)
    code = (await shop.card(customer_id)).code
    body = {"customer": code, "redeem": 100, "receipt": receipt("500.00", quantity=2)}
    body["receipt"]["lines"].append({"name": "Bun", "price": "100.00"})
    sold = await shop.till.post("/purchases", body)
    assert sold.status == 201, sold.text
    path = f"/purchases/{sold.body['purchase_id']}/returns"
    lines = {"lines": [{"n": 1, "quantity": 1}]}
    seen = await shop.till.post(f"{path}?preview=true", lines, key="")
    assert (seen.status, seen.body["return_id"]) == (200, None)
    assert (await shop.balance(customer_id)).available == 200
    assert (await shop.till.post(f"{path}/preview", lines, key="")).text == seen.text
    done = await shop.till.post(path, lines, key="r-1")
    assert done.status == 201, done.text
    same = {name: value for name, value in done.body.items() if name != "return_id"}
    assert same == {name: value for name, value in seen.body.items() if name != "return_id"}
    assert (done.body["amount"], done.body["spent_returned"]) == ("500.00", 45)
    assert done.body["lines"] == [{"n": 1, "quantity": "1"}]
    assert (await shop.till.post(path, lines, key="r-1")).text == done.text
    much = await shop.till.post(path, {"lines": [{"n": 1, "quantity": 2}]})
    assert (much.status, much.code) == (409, "return_exceeds_purchase")
    unknown = await shop.till.post(path, {"lines": [{"n": 7}]})
    assert (unknown.status, unknown.code) == (409, "receipt_invalid")
    rest = await shop.till.post(path, {"lines": [{"n": 1}, {"n": 2}]})
    assert rest.body["amount"] == "600.00"
    assert (await shop.till.post(path)).code == "nothing_to_return"
    balance = await shop.balance(customer_id)
    assert (balance.available, balance.pending, balance.debt) == (300, 0, 0)
    assert not await shop.faults()


async def test_all_of_a_purchase_comes_back_at_its_own_outlet_only(shop: Shop):
    sold = await shop.till.sell(None, "500.00")
    path = f"/purchases/{sold.body['purchase_id']}/returns"
    elsewhere = await shop.another_outlet()
    assert (await elsewhere.post(path)).code == "purchase_not_found"
    assert (await shop.till.post("/purchases/1/returns")).code == "purchase_not_found"
    done = await shop.till.post(path)
    assert (done.status, done.body["money_back"]) == (201, "500.00")
    wrong = await shop.till.post(f"{path}?preview=1")
    assert (wrong.status, wrong.code) == (400, "bad_request")
    assert (await shop.till.post(f"{path}?other=true")).status == 400


async def test_events_are_written_down_with_what_they_tell(shop: Shop):
    customer_id = await shop.customer(phone=PHONE[4:])
    moment = clock.now().replace(microsecond=0).isoformat()
    data = {
        "items": [{"sku": "COF-1", "quantity": 2, "price": 1.5, "gift": False}, "note"],
        "total": "500.00",
        "delivery": {"city": "Казань", "floor": None},
    }
    body = {"customer": PHONE, "type": "cart_updated", "data": data, "occurred_at": moment}
    first = await shop.till.post("/events", body, key="e-1")
    assert first.status == 201, first.text
    again = await shop.till.post("/events", body, key="e-1")
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    query = sa.select(event).where(event.c.type == "cart_updated")
    rows = await shop.world.db.read(lambda s: s.execute(query).all())
    assert [(str(row.id), row.customer_id) for row in rows] == [
        (first.body["event_id"], customer_id)
    ]
    assert rows[0].data["data"] == data
    assert rows[0].data["occurred_at"] == moment
    for changed in (
        {"type": "purchase.recorded"},
        {"type": "Cart"},
        {"data": {"a": {"b": {"c": {"d": 1}}}}},
        {"data": {"a": 10**17}},
        {"data": {"a": "x" * 501}},
        {"data": {f"k{n}": 1 for n in range(51)}},
        {"data": {"": 1}},
        {"data": []},
    ):
        said = await shop.till.post("/events", {**body, **changed})
        assert (said.status, said.code) == (400, "validation_failed"), changed


async def made(shop: Shop, **fields: object) -> str:
    """A voucher's code."""

    def unit(session: Session) -> str:
        rows = Rows()
        options = {
            "kind": vouchers.PROMO_CODE, "name": NAME, "effect": AmountOff(amount=5000),
            "source_kind": "staff", "created_by": "system", "now": clock.now(), **fields,
        }  # fmt: skip
        issued = vouchers.issue(rows, **options)  # type: ignore[arg-type]
        rows.put(session)
        return issued.code

    return await shop.world.db.transact(unit)


async def test_a_voucher_is_checked_and_used(shop: Shop):
    await shop.customer(phone=PHONE[4:])
    code = await made(shop, minimum=30_000)
    path = f"/vouchers/{code.lower()}/check"
    good = await shop.till.post(path, key="")
    assert (good.status, good.body["valid"], good.body["name"]) == (200, True, "Spring")
    assert good.body["minimum"] == "300.00"
    small = await shop.till.post(path, {"customer": PHONE, "receipt": receipt("100.00")}, key="")
    assert (small.body["valid"], small.body["reason"]) == (False, "voucher_below_minimum")
    assert small.body["message"] == "The receipt is too small for the voucher"
    body = {"customer": PHONE, "receipt": receipt("500.00"), "vouchers": [code]}
    quoted = await shop.till.post("/purchases/quote", body, key="")
    assert quoted.body["total_to_pay"] == "450.00"
    assert quoted.body["discounts"] == [
        {"kind": "promo_code", "name": "Spring", "voucher": code, "amount": "50.00"}
    ]
    sold = await shop.till.post("/purchases", body)
    assert (sold.status, sold.body["total_to_pay"]) == (201, "450.00")
    body["receipt"] = receipt("100.00")
    refused = await shop.till.post("/purchases", body)
    assert (refused.status, refused.code) == (409, "voucher_below_minimum")
    assert refused.body["minimum"] == "300.00"


async def test_unknown_vouchers_are_counted_like_codes(shop: Shop):
    said = await shop.till.post("/vouchers/NOSUCH/check", key="")
    assert (said.status, said.body["valid"], said.body["reason"]) == (
        200, False, "voucher_not_found",
    )  # fmt: skip
    for _ in range(4):
        sold = await shop.till.sell(None, vouchers=["NOSUCH"])
        assert (sold.status, sold.code, sold.body["voucher"]) == (
            404, "voucher_not_found", "NOSUCH",
        )  # fmt: skip
    for said in (
        await shop.till.sell(None, vouchers=["NOSUCH"]),
        await shop.till.post("/vouchers/NOSUCH/check", key=""),
    ):
        assert (said.status, said.code) == (429, "too_many_tries")
    assert (await shop.till.sell(None)).status == 201


async def test_stamps_fill_a_card_and_bring_a_voucher(shop: Shop):
    await shop.customer(phone=PHONE[4:])
    body = {"customer": PHONE, "receipt": receipt("200.00", quantity=5, category="coffee")}
    sold = await shop.till.post("/purchases", body, key="s-1")
    assert sold.status == 201, sold.text
    card = sold.body["stamps"][0]
    assert (card["card"], card["stamps"], card["needed"], card["added"]) == ("coffee", 1, 4, 5)
    assert len(sold.body["vouchers"]) == 1
    found = await shop.till.post("/customers/lookup", {"customer": PHONE}, key="")
    assert [voucher["code"] for voucher in found.body["vouchers"]] == sold.body["vouchers"]
    assert found.body["stamps"][0]["stamps"] == 1
