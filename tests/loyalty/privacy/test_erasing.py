"""Erasure: nothing of the person is left in any column, the sums stand, coming back is new."""

from __future__ import annotations

import logging
import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import checkup, customers, privacy, tasks, wallet
from loyalty.chains.tables import chain_member
from loyalty.consent import consent
from loyalty.customers import card_code, customer, phone_seen, telegram_chat
from loyalty.db.sqlite import sqlite_path
from loyalty.errors import CodeInvalid, CustomerNotFound
from loyalty.messaging.tables import outbox
from loyalty.privacy.wiping import FAREWELL
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import entry
from tests.loyalty.privacy.anna import (
    CHAT,
    KEYS,
    MARK,
    PHONE,
    TRACES,
    Anna,
    join_again,
    move_in,
    traces,
)
from tests.world import ZONE, World, open_world


async def erase(anna: Anna) -> bool:
    world = anna.world
    return await world.db.transact(
        lambda s: privacy.erase(
            s, customer_id=anna.id, keys=KEYS, actor="system", time_zone=ZONE, now=world.now
        )
    )


async def send_off(world: World, state: str = "sent") -> None:
    """The last message leaves, as the dispatcher would have it."""
    await world.db.transact(
        lambda s: (
            s.execute(
                sa.update(outbox)
                .where(outbox.c.key.like(FAREWELL + "%"))
                .values(state=state, left_at=world.now, settled_at=world.now)
            )
            and None
        )
    )


async def sweep(world: World) -> privacy.Done:
    return await world.db.transact(
        lambda s: privacy.erase_due(s, keys=KEYS, time_zone=ZONE, now=world.now)
    )


async def test_no_column_of_any_table_knows_her_any_more(
    anna: Anna, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    before = await world.db.read(traces)
    assert len(before) > 15, "she should have left traces everywhere"
    with caplog.at_level(logging.DEBUG):
        document = await world.db.read(
            lambda s: privacy.export(s, customer_id=anna.id, now=world.now)
        )
        assert MARK in document["profile"]["name"]
        assert await erase(anna)
        left = await world.db.read(traces)
        # The last message knows its chat until it has left.
        assert left == {("outbox", "chat_id")}
        await send_off(world)
        assert (await sweep(world)).finished == 1
    assert await world.db.read(traces) == set()
    own = [r for r in caplog.records if not r.name.startswith(("sqlalchemy", "aiosqlite"))]
    said = "\n".join(record.getMessage() for record in own)
    assert not any(trace in said for trace in TRACES)


async def test_the_phone_hash_is_left_only_among_welcomed_phones(anna: Anna, world: World) -> None:
    known = KEYS.phone_hash(PHONE)
    assert ("customer", "phone_hash") in await world.db.read(lambda s: traces(s, (known,)))
    await erase(anna)
    assert await world.db.read(lambda s: traces(s, (known,))) == {("phone_seen", "phone_hash")}
    row = await world.db.read(
        lambda s: s.execute(sa.select(customer).where(customer.c.id == anna.id)).one()
    )
    assert row.status == "erased"
    assert row.phone_hash == KEYS.mac("erased", known.encode()).hex()


async def test_nor_is_the_hash_of_a_phone_she_had_before(anna: Anna, world: World) -> None:
    former = KEYS.phone_hash(PHONE)

    def move(session: Session) -> None:
        customers.change_phone(
            session, keys=KEYS, customer_id=anna.id, phone="+79005550001", now=world.now
        )

    await world.db.transact(move)
    by_phone = sa.select(entry.c.source_id).where(entry.c.source_kind == "phone")
    assert former in await world.db.read(lambda s: s.execute(by_phone).scalars().all())
    await erase(anna)
    assert former not in await world.db.read(lambda s: s.execute(by_phone).scalars().all())


async def test_the_books_add_up_and_nothing_can_be_spent(anna: Anna, world: World) -> None:
    before = await world.balance(anna.id)
    assert before.available + before.pending > 0
    assert await erase(anna)
    after = await world.balance(anna.id)
    assert (after.available, after.pending) == (0, 0)
    assert await world.faults() == []
    assert not (await world.db.read(checkup.check)).faults
    posted = await world.db.read(
        lambda s: (
            s.execute(sa.select(entry.c.amount).where(entry.c.source_kind == "erasure"))
            .scalars()
            .all()
        )
    )
    assert len(posted) == 1
    assert posted[0] < 0
    with pytest.raises(CustomerNotFound):
        await world.sell(anna.id, 10_000)
    # A return of what she bought is still possible, and still adds up.
    await world.take_back(anna.purchase_id)
    assert await world.faults() == []


async def test_nobody_calls_her_any_more(anna: Anna, world: World) -> None:
    assert await erase(anna)
    left = await world.db.read(lambda s: tasks.listing(s, status=None, customer_id=anna.id))
    assert sorted((one.status, one.note) for one in left) == [("done", None), ("dropped", None)]
    members = sa.select(sa.func.count()).select_from(chain_member)
    assert await world.db.read(lambda s: s.execute(members).scalar_one()) == 0


async def test_erased_twice_is_erased_once(anna: Anna, world: World) -> None:
    assert await erase(anna)
    assert not await erase(anna)
    with pytest.raises(CustomerNotFound):
        await world.db.transact(
            lambda s: privacy.erase(
                s, customer_id=1, keys=KEYS, actor="system", time_zone=ZONE, now=world.now
            )
        )


async def test_card_code_and_coupons_are_dead_and_the_gift_card_lives(
    anna: Anna, world: World
) -> None:
    await erase(anna)
    with pytest.raises(CodeInvalid):
        await world.db.read(
            lambda s: customers.identify_token(s, keys=KEYS, token=anna.token, now=world.now)
        )
    found = await world.db.transact(
        lambda s: customers.identify_code(s, code=anna.code, by="till", now=world.now)
    )
    assert found is None
    rows = await world.db.read(lambda s: {row.kind: row for row in s.execute(sa.select(voucher))})
    assert rows["coupon"].status == "blocked"
    assert (rows["gift_card"].status, rows["gift_card"].customer_id) == ("active", None)
    codes = await world.db.read(
        lambda s: s.execute(sa.select(sa.func.count()).select_from(card_code)).scalar_one()
    )
    assert codes == 0


async def test_proof_of_consent_stays_and_ends_in_a_withdrawal(anna: Anna, world: World) -> None:
    await erase(anna)
    rows = await world.db.read(
        lambda s: s.execute(
            sa.select(consent).where(consent.c.customer_id == anna.id).order_by(consent.c.id)
        ).all()
    )
    said = [(row.purpose, row.granted) for row in rows]
    assert said[:2] == [("personal_data", True), ("ads:telegram", True)]
    assert sorted(said[2:]) == [("ads:telegram", False), ("personal_data", False)]
    assert all(row.text_sha256 for row in rows)


async def test_coming_back_is_a_new_card_without_a_second_welcome(anna: Anna, world: World) -> None:
    await erase(anna)
    world.pass_time(days=1)
    joined = await join_again(world)
    assert joined.created
    assert joined.customer_id != anna.id
    assert joined.welcome == 0
    seen = await world.db.read(
        lambda s: s.execute(sa.select(sa.func.count()).select_from(phone_seen)).scalar_one()
    )
    assert seen == 1


async def test_a_phone_that_was_never_welcomed_counts_as_seen(anna: Anna, world: World) -> None:
    await world.db.transact(lambda s: s.execute(sa.delete(phone_seen)) and None)
    await erase(anna)
    assert (await join_again(world)).welcome == 0


@pytest.mark.parametrize("state", ["sent", "unknown", "blocked", "skipped", "dead"])
async def test_the_last_message_is_wiped_however_it_ended(
    anna: Anna, world: World, state: str
) -> None:
    await erase(anna)
    assert (await sweep(world)).finished == 0, "it has not left yet"
    await send_off(world, state)
    assert (await sweep(world)).finished == 1
    assert await world.db.read(traces) == set()
    assert (await sweep(world)).total == 0


async def test_a_message_nobody_takes_is_given_up_after_an_hour(anna: Anna, world: World) -> None:
    await erase(anna)
    world.pass_time(minutes=61)
    assert (await sweep(world)).finished == 1
    assert await world.db.read(traces) == set()


async def test_a_message_on_its_way_is_wiped_when_it_has_settled(anna: Anna, world: World) -> None:
    await world.db.transact(
        lambda s: (
            s.execute(
                sa.update(outbox)
                .where(outbox.c.key == "m:1")
                .values(state="sending", lease_owner="d")
            )
            and None
        )
    )
    await erase(anna)
    await send_off(world)
    assert (await sweep(world)).finished == 0
    await world.db.transact(
        lambda s: (
            s.execute(sa.update(outbox).where(outbox.c.key == "m:1").values(state="sent")) and None
        )
    )
    assert (await sweep(world)).finished == 1
    assert await world.db.read(traces) == set()


async def test_somebody_unreachable_is_erased_without_a_word(anna: Anna, world: World) -> None:
    await world.db.transact(
        lambda s: (
            s.execute(
                sa.update(telegram_chat)
                .where(telegram_chat.c.telegram_id == CHAT)
                .values(reachable=False)
            )
            and None
        )
    )
    await erase(anna)
    assert await world.db.read(traces) == set()
    assert await world.db.read(lambda s: privacy.next_due(s, now=world.now)) is None


async def test_a_paper_card_that_became_hers_goes_with_her(anna: Anna, world: World) -> None:
    paper = await world.customer(
        status="anonymous", phone=None, name=TRACES[0], merged_into=anna.id, points=7
    )
    await erase(anna)
    await send_off(world)
    await sweep(world)
    assert await world.db.read(traces) == set()
    assert (await world.balance(paper)).available == 0
    assert await world.faults() == []


async def test_debt_stays_in_the_books(world: World) -> None:
    who = await world.customer(chat=55)
    bought = await world.sell(who, 100_000)
    world.pass_time(days=2)
    await world.sell(who, 100_000, redeem=50)
    await world.take_back(bought.purchase_id)
    await world.db.transact(
        lambda s: privacy.erase(
            s, customer_id=who, keys=KEYS, actor="system", time_zone=ZONE, now=world.now
        )
    )
    world.pass_time(days=400)
    assert await world.faults() == []
    assert (await world.balance(who)).available == 0
    expired = await world.db.transact(lambda s: wallet.expire_due(s, now=world.now))
    assert expired.lots == 0


async def test_not_even_the_file_remembers(sqlite_database: str) -> None:
    """What is deleted is overwritten: the bytes of the database hold no trace of her."""
    path = sqlite_path(sqlite_database)
    async with open_world(sqlite_database) as world:
        anna = await move_in(world)
        assert await erase(anna)
        await send_off(world)
        await sweep(world)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = path.read_bytes()
    assert len(content) > 100_000
    for trace in (MARK, PHONE, "zina@example.org", "Lukomorye", "ERP-4711"):
        assert trace.encode() not in content
