"""The export: complete, readable, without a word about anybody else, and fast for regulars."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import privacy
from loyalty.db import Rows
from loyalty.errors import CustomerNotFound
from loyalty.ids import new_id
from loyalty.privacy.exporting import FORMAT, PARTS
from loyalty.receipts import purchase, purchase_line
from loyalty.referrals.tables import referral
from tests.loyalty.privacy.anna import CHAT, KEYS, MARK, PHONE, Anna
from tests.world import ZONE, World

MOST_SECONDS = 20.0
"""Ten thousand receipts take two or three here; a query per receipt would take minutes."""


async def export(world: World, who: int) -> dict[str, Any]:
    found = await world.db.read(lambda s: privacy.export(s, customer_id=who, now=world.now))
    # What cannot be written as JSON fails here.
    read: dict[str, Any] = json.loads(json.dumps(found, ensure_ascii=False))
    return read


async def test_everything_about_her_is_in_it(anna: Anna, world: World) -> None:
    document = await export(world, anna.id)
    assert document["format"] == FORMAT
    assert set(PARTS) <= set(document)
    profile = document["profile"]
    assert (profile["name"], profile["phone"]) == (f"{MARK} P.", PHONE)
    assert profile["birthday"] == {"day": 7, "month": 4, "year": 1991}
    assert profile["interests"] == [MARK]
    assert profile["fields"] == {"car": MARK}
    assert document["telegram"]["telegram_id"] == str(CHAT)
    assert document["numbers_elsewhere"] == [{"system": "erp", "value": "ERP-4711"}]
    given = document["consents"][0]
    assert (given["purpose"], given["granted"], given["language"]) == ("personal_data", True, "en")
    assert len(given["text_sha256"]) == 64
    assert given["text"].startswith("Consent to the processing")
    receipts = document["purchases"]
    assert [row["total"] for row in receipts] == ["900.00", "400.00"]
    assert receipts[1]["points_spent"] == 50
    assert receipts[0]["lines"][0]["sum"] == "900.00"
    assert {row["kind"] for row in document["points"]} >= {"welcome", "redemption", "accrual"}
    assert document["corrections"][0]["reason"] == f"{MARK} asked nicely"
    assert {row["code"] for row in document["coupons"]} == {"FORZINA1", "GIFT0001"}
    assert document["ratings"][0]["text"] == f"{MARK} was not served"
    assert [line["by"] for line in document["talks"][0]["messages"]] == ["you", "staff"]
    assert f"Hello {MARK}" in [row["text"] for row in document["messages"]]
    assert "customer.joined" in {row["what"] for row in document["events"]}
    assert [(row["status"], row["note"]) for row in document["calls"]] == [
        ("open", f"{MARK} is angry"),
        ("done", f"{MARK} is angry"),
    ]
    assert [(row["chain"], row["about"]["category"]) for row in document["chains"]] == [
        ("trial", MARK)
    ]
    assert [row["opened"] for row in document["clicks"]] == ["card"]


async def test_returns_stand_with_their_receipt(anna: Anna, world: World) -> None:
    await world.take_back(anna.purchase_id)
    document = await export(world, anna.id)
    back = document["purchases"][0]["returns"][0]
    assert back["sum"] == "900.00"
    assert back["points_taken_back"] > 0
    assert document["purchases"][0]["lines"][0]["returned_quantity"] == "1"


async def test_nobody_else_is_in_it(anna: Anna, world: World) -> None:
    friends = await world.db.read(
        lambda s: (
            s.execute(sa.select(referral.c.friend_id).where(referral.c.referrer_id == anna.id))
            .scalars()
            .all()
        )
    )
    text = json.dumps(await export(world, anna.id), ensure_ascii=False)
    assert friends
    assert not any(str(friend) in text for friend in friends)
    assert "staff:1" not in text
    assert str(world.staff_id) not in text
    assert "Olga" not in text
    assert KEYS.phone_hash(PHONE) not in text
    assert json.loads(text)["invitations"][0]["role"] == "brought_a_friend"


async def test_the_erased_and_the_unknown_have_none(anna: Anna, world: World) -> None:
    await world.db.transact(
        lambda s: privacy.erase(
            s, customer_id=anna.id, keys=KEYS, actor="system", time_zone=ZONE, now=world.now
        )
    )
    for who in (anna.id, 1):
        with pytest.raises(CustomerNotFound):
            await export(world, who)
        with pytest.raises(CustomerNotFound):
            await held(world, who)


async def held(world: World, who: int) -> privacy.Held:
    return await world.db.read(lambda s: privacy.held(s, customer_id=who, now=world.now))


async def test_three_a_day(anna: Anna, world: World) -> None:
    async def take(update: int) -> bool:
        return await world.db.transact(
            lambda s: privacy.take_export(
                s,
                customer_id=anna.id,
                actor=f"customer:{anna.id}",
                evidence=f"update:{update}",
                now=world.now,
            )
        )

    assert [await take(n) for n in range(4)] == [True, True, True, False]
    assert await take(2), "tried again after a fault: the same file, not another one"
    assert not await take(4)
    world.pass_time(days=1, seconds=1)
    assert await take(5)


async def test_what_is_held_in_figures(anna: Anna, world: World) -> None:
    world.pass_time(days=2)
    found = await held(world, anna.id)
    assert (found.purchases, found.ratings, found.talks) == (2, 1, 1)
    assert found.coupons == 2
    assert found.points > 0
    assert found.birthday == (7, 4, 1991)
    assert [(item.purpose, item.granted) for item in found.agreed] == [
        ("personal_data", True),
        ("ads:telegram", True),
    ]
    text = await world.db.read(
        lambda s: privacy.agreed_text(s, customer_id=anna.id, purpose="ads:telegram")
    )
    assert text is not None
    assert text.body.startswith("Consent to advertising")
    none = await world.db.read(
        lambda s: privacy.agreed_text(s, customer_id=anna.id, purpose="ads:post")
    )
    assert none is None


async def test_ten_thousand_receipts_are_a_matter_of_seconds(world: World) -> None:
    who = await world.customer(name="Regular")

    def unit(session: Any) -> None:
        rows = Rows()
        for n in range(10_000):
            key = new_id()
            moment = world.now + timedelta(minutes=n)
            rows.insert(
                purchase,
                {
                    "id": key, "customer_id": who, "outlet_id": world.outlet_id, "source": "pos",
                    "business_date": moment.date(), "sold_at": moment, "recorded_at": moment,
                    "gross": 30_000, "total": 30_000,
                },
            )  # fmt: skip
            for line in (1, 2):
                rows.insert(
                    purchase_line,
                    {
                        "purchase_id": key, "n": line, "name": "Latte", "quantity_milli": 1000,
                        "price": 15_000, "amount": 15_000,
                    },
                )  # fmt: skip
        rows.put(session)

    await world.db.transact(unit)
    began = time.monotonic()
    document = await export(world, who)
    assert time.monotonic() - began < MOST_SECONDS
    assert len(document["purchases"]) == 10_000
    assert all(len(row["lines"]) == 2 for row in document["purchases"])
    assert document["purchases"][0]["sold_at"] < document["purchases"][-1]["sold_at"]
