"""Blank paper cards at a till of the POS API: a question names them, a sale enrols them."""

from __future__ import annotations

from loyalty import enrolment
from tests.admin.api.shop import KEYS, Shop, receipt


async def test_a_till_sells_to_a_blank_card(shop: Shop) -> None:
    token, _pseudonym = enrolment.blank(KEYS, now=shop.world.now)
    link = f"https://t.me/regulars_demo_bot?start=c_{token}"
    for path, body in (
        ("/customers/lookup", {"customer": link}),
        ("/purchases/quote", {"customer": link, "receipt": receipt("10.00")}),
    ):
        asked = await shop.till.post(path, body, key="")
        assert (asked.status, asked.code) == (404, "card_blank"), asked.text
    sold = await shop.till.sell(link, "500.00")
    assert (sold.status, sold.body["earned"], sold.body["redeemed"]) == (201, 25, 0), sold.text
    found = await shop.till.post("/customers/lookup", {"customer": link}, key="")
    assert (found.status, found.body["status"]) == (200, "anonymous")
    assert found.body["id"] == sold.body["customer_id"]
    assert (found.body["may_redeem"], found.body["reason"]) == (False, "not_joined")
    guest = int(sold.body["customer_id"])
    member = await shop.customer(name="Ivan")
    await shop.world.db.transact(
        lambda s: enrolment.claim(
            s, keys=KEYS, token=token, customer_id=member, time_zone="UTC", now=shop.world.now
        )
    )
    named = await shop.till.post("/customers/lookup", {"customer": f"id:{guest}"}, key="")
    assert named.body["id"] == str(member), "its old number leads to its owner"
    again = await shop.till.sell(link, "100.00")
    assert again.body["customer_id"] == str(member)
    assert not await shop.faults()
