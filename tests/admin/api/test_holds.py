"""Two-step redemptions: each hold ends exactly once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock
from loyalty.errors import HoldAlreadyResolved
from loyalty.messaging.tables import outbox
from loyalty.purchases import holding
from loyalty.wallet.tables import entry
from tests.admin.api.shop import Said, Shop, receipt
from tests.admin.api.test_sales import caught, sales


async def held(shop: Shop, customer_id: int, points: int = 200, **more: object) -> Said:
    """A hold with a fresh code."""
    code = (await shop.card(customer_id)).code
    return await shop.till.post("/holds", {"customer": code, "points": points, **more})


async def asked(shop: Shop, customer_id: int, points: int = 600) -> tuple[str, dict[str, object]]:
    """A large redemption that waits for the tap: its key and its body."""
    body = {
        "customer": await shop.link(customer_id),
        "receipt": receipt("3000.00"),
        "redeem": points,
    }
    said = await shop.till.post("/purchases", body, key="big-1")
    assert (said.status, said.code) == (409, "confirmation_required"), said.text
    assert int(said.body["hold_id"]) > 0
    return said.body["hold_id"], body


async def approve(shop: Shop, hold_id: str, customer_id: int) -> int:
    """The customer's tap, as the bot hands it on."""
    return await shop.world.db.transact(
        lambda s: holding.approve(s, hold_id=int(hold_id), customer_id=customer_id, now=clock.now())
    )


async def test_a_hold_is_confirmed_with_a_receipt_as_one_purchase(shop: Shop):
    customer_id = await shop.customer(points=300)
    hold = await held(shop, customer_id, 200)
    assert (hold.status, hold.body["status"], hold.body["needs_tap"]) == (201, "open", False)
    balance = await shop.balance(customer_id)
    assert (balance.available, balance.held) == (100, 200)
    path = f"/holds/{hold.body['hold_id']}"
    shown = await shop.till.call("GET", path)
    assert (shown.status, shown.body) == (200, hold.body)
    body = {"receipt": receipt("1000.00")}
    done = await shop.till.post(f"{path}/confirm", body, key="c-1")
    assert done.status == 200, done.text
    assert (done.body["status"], done.body["balance"]) == ("posted", 100)
    bought = done.body["purchase"]
    assert (bought["redeemed"], bought["earned"], bought["total_to_pay"]) == (200, 40, "800.00")
    assert done.body["purchase_id"] == bought["purchase_id"]
    again = await shop.till.post(f"{path}/confirm", body, key="c-1")
    assert (again.text, again.headers["Idempotency-Replayed"]) == (done.text, "true")
    twice = await shop.till.post(f"{path}/confirm", body, key="c-2")
    assert (twice.status, twice.code) == (409, "hold_already_resolved")
    assert (twice.body["state"], twice.body["purchase_id"]) == ("posted", bought["purchase_id"])
    assert (await shop.till.call("DELETE", path)).code == "hold_already_resolved"
    assert await sales(shop.world) == 1
    assert not await shop.faults()


async def test_a_hold_is_confirmed_without_a_receipt_as_points_alone(shop: Shop):
    customer_id = await shop.customer(points=300, chat=4001)
    hold = await held(shop, customer_id, 200)
    path = f"/holds/{hold.body['hold_id']}"
    done = await shop.till.post(f"{path}/confirm")
    assert done.status == 200, done.text
    assert (done.body["purchase"], done.body["balance"]) == (None, 100)
    assert await sales(shop.world) == 0
    kinds = sa.select(entry.c.amount).where(entry.c.kind == "redemption")
    assert await shop.world.db.read(lambda s: s.execute(kinds).scalars().all()) == [-200]
    told = sa.select(outbox.c.payload)
    texts = await shop.world.db.read(lambda s: s.execute(told).scalars().all())
    assert any("200 баллов" in payload["text"] for payload in texts)
    assert not await shop.faults()


async def test_a_voided_hold_frees_the_points_and_the_showing(shop: Shop):
    customer_id = await shop.customer(points=300)
    code = (await shop.card(customer_id)).code
    hold = await shop.till.post("/holds", {"customer": code, "points": 200})
    used = await shop.till.post("/holds", {"customer": code, "points": 10})
    assert (used.status, used.code, used.body["reason"]) == (403, "presence_required", "used")
    path = f"/holds/{hold.body['hold_id']}"
    gone = await shop.till.call("DELETE", path)
    assert (gone.status, gone.body["status"]) == (200, "voided")
    assert (await shop.till.call("DELETE", path)).body["state"] == "voided"
    assert (await shop.till.post(f"{path}/confirm")).code == "hold_already_resolved"
    assert (await shop.till.call("GET", path)).status == 404
    assert (await shop.balance(customer_id)).available == 300
    again = await shop.till.post("/holds", {"customer": code, "points": 10})
    assert again.status == 201


async def test_a_hold_times_out(shop: Shop):
    customer_id = await shop.customer(points=300)
    hold = await held(shop, customer_id, 200, seconds=60)
    path = f"/holds/{hold.body['hold_id']}"
    clock.set_offset(timedelta(seconds=61))
    try:
        assert (await shop.till.call("GET", path)).body["status"] == "timed_out"
        late = await shop.till.post(f"{path}/confirm")
        gone = await shop.till.call("DELETE", path)
    finally:
        clock.set_offset(timedelta())
    for said in (late, gone):
        assert (said.status, said.code) == (409, "hold_already_resolved")
        assert said.body["state"] == "timed_out"


async def test_holds_are_refused_like_redemptions_and_kept_from_other_outlets(shop: Shop):
    customer_id = await shop.customer(points=300, phone="+79001234567")
    named = await shop.till.post("/holds", {"customer": "tel:+79001234567", "points": 5})
    assert (named.status, named.code) == (403, "presence_required")
    much = await held(shop, customer_id, 301)
    assert (much.status, much.code, much.body["available"]) == (409, "insufficient_points", 300)
    hold = await held(shop, customer_id, 100)
    elsewhere = await shop.another_outlet()
    path = f"/holds/{hold.body['hold_id']}"
    for said in (
        await elsewhere.call("GET", path),
        await elsewhere.call("DELETE", path),
        await elsewhere.post(f"{path}/confirm"),
        await shop.till.call("GET", "/holds/1"),
        await shop.till.call("GET", "/holds/9999999999999999999"),
    ):
        assert said.status == 404, said.text
    here = await shop.another_till()
    assert (await here.post(f"{path}/confirm")).status == 200
    nobody = await shop.customer(status="anonymous", points=50)
    said = await held(shop, nobody, 10)
    assert (said.status, said.body["reason"]) == (403, "not_joined")


async def test_two_tills_confirm_one_hold_once(shop: Shop):
    customer_id = await shop.customer(points=300)
    hold = await held(shop, customer_id, 200, receipt=receipt("1000.00"))
    path = f"/holds/{hold.body['hold_id']}/confirm"
    tills = [shop.till, await shop.another_till()]
    answers = await asyncio.gather(*(till.post(path) for till in tills * 3))
    assert sorted(said.status for said in answers) == [200, 409, 409, 409, 409, 409]
    assert {said.code for said in answers if said.status == 409} == {"hold_already_resolved"}
    assert await sales(shop.world) == 1
    assert not await shop.faults()


async def test_many_points_wait_for_the_tap_and_the_same_request_gets_the_sale(shop: Shop):
    customer_id = await shop.customer(points=1000, chat=4001)
    hold_id, body = await asked(shop, customer_id)
    assert (await shop.balance(customer_id)).held == 600, "the hold stays though it is a refusal"
    again = await shop.till.post("/purchases", body, key="big-1")
    assert (again.status, again.body["hold_id"]) == (409, hold_id)
    other = await shop.till.post("/purchases", {**body, "redeem": 601}, key="big-1")
    assert (other.status, other.code) == (422, "idempotency_conflict")
    early = await shop.till.post(f"/holds/{hold_id}/confirm")
    assert (early.status, early.code) == (409, "confirmation_required")
    asking = await shop.world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert len(asking) == 1
    assert "600 баллов" in asking[0].payload["text"].replace("\u00a0", " ")
    assert "Main Street" in asking[0].payload["text"]
    assert await approve(shop, hold_id, customer_id) == 600
    assert await approve(shop, hold_id, customer_id) == 600
    sold = await shop.till.post("/purchases", body, key="big-1")
    assert sold.status == 201, sold.text
    assert (sold.body["redeemed"], sold.body["balance"]) == (600, 400)
    replay = await shop.till.post("/purchases", body, key="big-1")
    assert (replay.text, replay.headers["Idempotency-Replayed"]) == (sold.text, "true")
    assert await sales(shop.world) == 1
    spent = await shop.till.sell(body["customer"], "100.00", redeem=5)
    assert spent.code == "presence_required", "the showing was used by the sale"
    assert not await shop.faults()


@pytest.mark.parametrize("first", ["confirm", "purchase"])
async def test_after_the_tap_either_call_records_the_one_sale(shop: Shop, first: str):
    customer_id = await shop.customer(points=1000, chat=4001)
    hold_id, body = await asked(shop, customer_id)
    await approve(shop, hold_id, customer_id)
    confirm = f"/holds/{hold_id}/confirm"
    if first == "confirm":
        done = await shop.till.post(confirm)
        assert done.status == 200, done.text
        sold = await shop.till.post("/purchases", body, key="big-1")
        assert sold.status == 201, sold.text
        assert sold.body["purchase_id"] == done.body["purchase_id"]
        assert sold.body["redeemed"] == 600
    else:
        assert (await shop.till.post("/purchases", body, key="big-1")).status == 201
        assert (await shop.till.post(confirm)).code == "hold_already_resolved"
    assert await sales(shop.world) == 1
    assert (await shop.balance(customer_id)).available == 400


async def test_a_no_a_stranger_and_a_late_tap_spend_nothing(shop: Shop):
    customer_id = await shop.customer(points=1000, chat=4001)
    stranger = await shop.customer(points=1000, chat=4002)
    hold_id, body = await asked(shop, customer_id)
    assert isinstance(await caught(approve(shop, hold_id, stranger)), HoldAlreadyResolved)
    await shop.world.db.transact(
        lambda s: holding.decline(s, hold_id=int(hold_id), customer_id=customer_id, now=clock.now())
    )
    said = await shop.till.post("/purchases", body, key="big-1")
    assert (said.status, said.code, said.body["state"]) == (409, "hold_already_resolved", "voided")
    assert (await shop.till.call("GET", f"/holds/{hold_id}")).body["status"] == "voided"
    assert (await shop.balance(customer_id)).available == 1000
    body = {"customer": await shop.link(customer_id), "receipt": receipt("3000.00"), "redeem": 600}
    second = await shop.till.post("/purchases", body, key="big-2")
    clock.set_offset(timedelta(seconds=121))
    try:
        late = await caught(approve(shop, second.body["hold_id"], customer_id))
        over = await shop.till.post("/purchases", body, key="big-2")
    finally:
        clock.set_offset(timedelta())
    assert isinstance(late, HoldAlreadyResolved)
    assert (over.code, over.body["state"]) == ("hold_already_resolved", "timed_out")


async def test_who_has_no_chat_cannot_be_asked(shop: Shop):
    customer_id = await shop.customer(points=1000)
    said = await shop.till.sell(await shop.link(customer_id), "3000.00", redeem=600)
    assert (said.status, said.code, said.body["reason"]) == (403, "presence_required", "no_chat")
    assert (await shop.balance(customer_id)).held == 0


async def test_a_large_hold_waits_for_the_tap_and_then_lasts(shop: Shop):
    customer_id = await shop.customer(points=1000, chat=4001)
    hold = await held(shop, customer_id, 700, seconds=3600)
    assert (hold.status, hold.body["needs_tap"], hold.body["approved"]) == (201, True, False)
    path = f"/holds/{hold.body['hold_id']}"
    assert (await shop.till.post(f"{path}/confirm")).code == "confirmation_required"
    await approve(shop, hold.body["hold_id"], customer_id)
    clock.set_offset(timedelta(minutes=50))
    try:
        shown = await shop.till.call("GET", path)
        done = await shop.till.post(f"{path}/confirm")
    finally:
        clock.set_offset(timedelta())
    assert (shown.body["approved"], shown.body["status"]) == (True, "open")
    assert (done.status, done.body["balance"]) == (200, 300)
