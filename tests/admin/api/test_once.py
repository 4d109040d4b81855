"""Once only: the same key is the same answer, whoever asks how often."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, idempotency
from loyalty.db import Database
from loyalty.staff import find_key
from tests.admin.api.shop import BASE, Shop, receipt
from tests.admin.api.test_sales import sales

PHONE = "tel:+79001234567"


async def stored(shop: Shop) -> list[sa.Row[tuple[object, ...]]]:
    """The answers that are kept."""
    query = sa.select(idempotency.idempotency)
    return list(await shop.world.db.read(lambda s: s.execute(query).all()))


async def test_the_same_key_and_body_get_the_stored_answer(shop: Shop):
    customer_id = await shop.customer(phone=PHONE[4:])
    body = {"customer": PHONE, "receipt": receipt("500.00")}
    first = await shop.till.post("/purchases", body, key="k-1")
    assert (first.status, "Idempotency-Replayed" in first.headers) == (201, False)
    turned = {"receipt": dict(reversed(body["receipt"].items())), "customer": PHONE}
    for _ in range(2):
        again = await shop.till.post("/purchases", turned, key="k-1")
        assert (again.status, again.text) == (201, first.text)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert await sales(shop.world) == 1
    assert (await shop.balance(customer_id)).pending == 25
    kept = await stored(shop)
    assert [row.customer_id for row in kept] == [customer_id]
    assert PHONE[5:] not in str(kept)


async def test_the_same_key_with_another_body_or_path_is_refused(shop: Shop):
    await shop.customer(phone=PHONE[4:])
    body = {"customer": PHONE, "receipt": receipt("500.00")}
    sold = await shop.till.post("/purchases", body, key="k-1")
    body["receipt"]["lines"][0]["price"] = "501.00"
    other = await shop.till.post("/purchases", body, key="k-1")
    assert (other.status, other.code) == (422, "idempotency_conflict")
    path = f"/purchases/{sold.body['purchase_id']}/returns"
    assert (await shop.till.post(path, key="k-1")).code == "idempotency_conflict"
    second = await shop.another_till()
    theirs = await second.post("/purchases", body, key="k-1")
    assert theirs.code == "duplicate_receipt", "keys are each till's own"


async def test_a_key_is_required_and_checked_where_something_is_written(shop: Shop):
    body = {"receipt": receipt("500.00")}
    for key, code in (("", "idempotency_key_missing"), ("x" * 129, "idempotency_key_invalid")):
        for path in ("/purchases", "/events", "/holds", "/purchases/1/returns", "/holds/1/confirm"):
            sent = {
                "/purchases": body,
                "/events": {"customer": "id:1", "type": "seen"},
                "/holds": {"customer": "id:1", "points": 5},
            }.get(path)
            said = await shop.till.post(path, sent, key=key)
            assert (said.status, said.code) == (400, code), (path, said.text)
    assert (await shop.till.post("/purchases", body, key="ä")).code == "idempotency_key_invalid"
    assert await sales(shop.world) == 0


async def test_a_refusal_is_not_kept_and_a_rolled_back_call_leaves_nothing(shop: Shop):
    body = {"customer": PHONE, "receipt": receipt("500.00")}
    assert (await shop.till.post("/purchases", body, key="k-1")).status == 404
    assert await stored(shop) == []
    await shop.customer(phone=PHONE[4:])
    assert (await shop.till.post("/purchases", body, key="k-1")).status == 201


async def test_an_old_number_under_a_new_key_names_the_first_purchase(shop: Shop):
    body = {"receipt": receipt("500.00", number="1")}
    first = await shop.till.post("/purchases", body)
    again = await shop.till.post("/purchases", body)
    assert (again.status, again.code) == (409, "duplicate_receipt")
    assert again.body["purchase_id"] == first.body["purchase_id"]
    body["receipt"]["register"] = "till-2"
    assert (await shop.till.post("/purchases", body)).status == 201


async def test_an_old_number_is_named_although_its_own_sale_has_spent_the_card(shop: Shop):
    """A till that lost the answer and the key with it must not take the sale for a new one."""
    who = await shop.customer(points=100)
    for card in (await shop.link(who), (await shop.card(who)).code):
        body = {"customer": card, "receipt": receipt("500.00"), "redeem": 10}
        first = await shop.till.post("/purchases", body)
        assert first.status == 201, first.text
        again = await shop.till.post("/purchases", body)
        assert (again.status, again.code) == (409, "duplicate_receipt")
        clock.set_offset(timedelta(minutes=11))
        try:
            late = await shop.till.post("/purchases", body)
        finally:
            clock.set_offset(timedelta())
        assert (late.status, late.code) == (409, "duplicate_receipt")
        assert late.body["purchase_id"] == again.body["purchase_id"] == first.body["purchase_id"]
        other = {**body, "receipt": receipt("500.00")}
        assert (await shop.till.post("/purchases", other)).code == "presence_required"


async def test_after_three_days_the_answer_is_forgotten_but_not_the_receipt(shop: Shop):
    body = {"receipt": receipt("500.00")}
    assert (await shop.till.post("/purchases", body, key="k-1")).status == 201
    clock.set_offset(timedelta(hours=73))
    try:
        again = await shop.till.post("/purchases", body, key="k-1")
    finally:
        clock.set_offset(timedelta())
    assert (again.status, again.code) == (409, "duplicate_receipt")


async def test_a_lost_answer_is_had_again(shop: Shop):
    await shop.customer(phone=PHONE[4:])
    body = {"customer": PHONE, "receipt": receipt("500.00")}
    headers = {"Authorization": f"Bearer {shop.till.key}", "Idempotency-Key": "k-1"}
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.server.port)
    text = json.dumps(body).encode()
    lines = [f"POST {BASE}/purchases HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(text)}", "", ""]
    writer.write("\r\n".join(lines).encode() + text)
    await writer.drain()
    writer.close()  # the line is cut: the answer goes nowhere
    with contextlib.suppress(ConnectionError):  # it may be gone already
        await writer.wait_closed()
    del reader
    said = await shop.till.post("/purchases", body, key="k-1")
    while said.status == 409 and said.code == "request_in_flight":
        said = await shop.till.post("/purchases", body, key="k-1")
    assert said.status == 201, said.text
    assert await sales(shop.world) == 1


async def test_many_at_once_with_one_key_sell_once(shop: Shop):
    customer_id = await shop.customer(phone=PHONE[4:])
    body = {"customer": PHONE, "receipt": receipt("500.00")}
    answers = await asyncio.gather(
        *(shop.till.post("/purchases", body, key="k-1") for _ in range(8))
    )
    statuses = {said.status for said in answers}
    assert statuses <= {201, 409}
    for said in answers:
        if said.status == 409:
            assert (said.code, said.headers["Retry-After"]) == ("request_in_flight", "1")
    texts = {said.text for said in answers if said.status == 201}
    assert len(texts) == 1
    assert await sales(shop.world) == 1
    assert (await shop.balance(customer_id)).pending == 25


# SQLite has one writer: there a request waits for the one before it and is replayed.
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_in_flight_is_seen_while_another_connection_works(shop: Shop):
    db: Database = shop.world.db
    body = {"receipt": receipt("500.00")}
    known = await db.read(lambda s: find_key(s, key=shop.till.key))
    assert known is not None
    name = idempotency.lock_name(known.actor, "k-1")
    assert db.engine is not None
    async with db.engine.connect() as connection:
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:name)"), {"name": name})
        said = await shop.till.post("/purchases", body, key="k-1")
        assert (said.status, said.code) == (409, "request_in_flight")
        assert said.headers["Retry-After"] == "1"
        assert (await shop.till.post("/purchases", body, key="k-2")).status == 201
        await connection.rollback()
    after = await shop.till.post("/purchases", body, key="k-1")
    assert after.code == "duplicate_receipt"


async def test_an_erasure_finds_the_answers(shop: Shop):
    customer_id = await shop.customer(phone=PHONE[4:])
    await shop.till.sell(PHONE)
    await shop.till.sell(None)

    def unit(session: Session) -> None:
        idempotency.forget_customer(session, customer_id=customer_id)

    await shop.world.db.transact(unit)
    assert [row.customer_id for row in await stored(shop)] == [None]
