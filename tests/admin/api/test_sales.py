"""Sales through the till's door."""

from __future__ import annotations

from tests.admin.api.shop import Shop, receipt


async def test_a_sale_earns_points_for_a_shown_card(shop: Shop):
    customer_id = await shop.customer(name="Ivan", phone="+79001234567")
    link = await shop.link(customer_id)
    found = await shop.till.post("/customers/lookup", {"customer": link}, key="")
    assert (found.status, found.body["id"], found.body["may_redeem"]) == (200, str(customer_id), True)
    sold = await shop.till.sell(link, "500.00")
    assert sold.status == 201, sold.text
    assert (sold.body["earned"], sold.body["pending"], sold.body["redeemed"]) == (25, 25, 0)
    assert sold.body["total_to_pay"] == "500.00"
    assert (await shop.balance(customer_id)).pending == 25
