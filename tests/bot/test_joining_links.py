"""Joining by a poster, a friend and a receipt at once; guessing; a number in a second account."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.app import RunningBot
from loyalty import clock, customers, staff, wallet
from loyalty.customers import telegram_chat
from loyalty.db import Database
from loyalty.errors import RedemptionFrozen
from loyalty.staff import failed_try
from tests.bot.phone import Telegram, running_bot, until
from tests.bot.test_arriving import brought, code_of, owner_of, sold
from tests.bot.test_joining_paths import EN, RU, Words, at_the_number, joined_by, to_phone
from tests.bot.test_offers import id_of


@pytest.fixture(autouse=True)
def _clock_goes_back() -> object:
    yield
    clock.set_offset(timedelta())


@pytest.fixture(params=[EN, RU], ids=["en", "ru"])
def said(request: pytest.FixtureRequest) -> Words:
    """The words of each language."""
    words: Words = request.param
    return words


async def test_a_poster_counts_days_later_and_after_a_plain_start(
    telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, language_code=said.language)
    async with running_bot(db, telegram):
        await ann.send("/start")
        await ann.with_button(said.agree)
    clock.set_offset(timedelta(days=2))
    async with running_bot(db, telegram) as running:
        await ann.send("/start s_Window-7")
        await until(lambda: running.handled == 1, "the second start")
        await ann.send("/start s_other")
        await until(lambda: running.handled == 2, "another poster")
    clock.set_offset(timedelta(days=5))
    async with running_bot(db, telegram):
        await ann.tap(said.agree)
        await ann.reads(said.last_step)
        await ann.share()
        await ann.with_button("ads_no")
    person = await joined_by(db, 1)
    assert person.source == "Window-7", "the first source wins, as it was written"
    # Who has joined has used the links up.
    query = sa.select(telegram_chat.c.links).where(telegram_chat.c.telegram_id == 1)
    assert await db.read(lambda s: s.execute(query).scalar_one()) is None


@pytest.mark.parametrize("payload", ["s_", "s_ü", "s_a b", "s_<b>", "S_window", "s_a.b", "s-a"])
async def test_forged_posters_are_a_plain_start(
    running: RunningBot, telegram: Telegram, db: Database, payload: str
) -> None:
    ann = await telegram.person(1)
    await to_phone(ann, EN, payload)
    await ann.share()
    await ann.with_button("ads_no")
    assert (await joined_by(db, 1)).source is None


async def test_poster_friend_and_receipt_all_count(
    telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, first_name="Ann")
    bob = await telegram.person(2, language_code=said.language)
    async with running_bot(db, telegram) as running:
        await ann.joins()
        purchase_id, token = await sold(db, 600_00)
        code = await code_of(db, 1)
        for n, payload in enumerate(("r_NOBODY22", "s_flyer", f"r_{code}", token), 1):
            before = running.handled
            await bob.send(f"/start {payload}")
            await until(lambda b=before: running.handled > b, f"start {n}")
        await bob.tap(said.agree)
        await bob.reads(said.last_step)
    async with running_bot(db, telegram):
        await bob.share()
        await bob.with_button("ads_no")
    person = await joined_by(db, 2)
    assert person.source == "flyer"
    assert await brought(db) == [(person.id, await id_of(db, 1))]
    assert await owner_of(db, purchase_id) == person.id
    assert not await db.read(wallet.reconcile)


async def test_a_friend_first_and_a_poster_later(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    ann = await telegram.person(1, first_name="Ann")
    bob = await telegram.person(2, language_code=said.language)
    await ann.joins()
    code = await code_of(db, 1)
    await bob.send(f"/start r_{code}")
    await bob.with_button(said.agree)
    await running.idle()
    before = running.handled
    await bob.send("/start s_flyer")
    await until(lambda: running.handled > before, "the second start")
    await bob.tap(said.agree)
    await bob.reads(said.last_step)
    await bob.share()
    await bob.with_button("ads_no")
    assert (await joined_by(db, 2)).source == f"referral:{code}"
    assert len(await brought(db)) == 1


async def test_guessing_links_is_stopped_for_a_while(
    running: RunningBot, telegram: Telegram, db: Database
) -> None:
    ann, bob = await telegram.person(1, first_name="Ann"), await telegram.person(2)
    await ann.joins()
    await bob.joins()
    code = await code_of(db, 1)
    wrong = ("r_NOBODY22", "k_" + "A" * 32, "c_" + "A" * 39, "r_NOBODY33", "r_NOBODY44")
    for payload in (*wrong, "r_NOBODY55", f"r_{code}"):
        before = running.handled
        await bob.send(f"/start {payload}")
        await until(lambda b=before: running.handled > b, f"an answer to {payload}")
        assert (await bob.from_bot())[-1]["text"].startswith("You have 100 points")
    count = sa.select(sa.func.count()).select_from(failed_try)
    mine = count.where(failed_try.c.subject == "link:2")
    assert await db.read(lambda s: s.execute(mine).scalar_one()) == 5, "no look-up after five"
    assert await brought(db) == []
    clock.set_offset(timedelta(seconds=61))
    await bob.send(f"/start r_{code}")
    await bob.reads("You came by a friend's invitation")
    # Others are not held up.
    assert (
        await db.read(
            lambda s: staff.failures(s, subject="link:1", since=clock.now() - timedelta(hours=1))
        )
        == 0
    )


async def test_a_number_in_a_second_account(
    running: RunningBot, telegram: Telegram, db: Database, said: Words
) -> None:
    old = await telegram.person(1, phone="+79991112233", language_code=said.language)
    new = await telegram.person(2, phone="+79991112233", language_code=said.language)
    await old.joins(russian=said is RU)
    before = await joined_by(db, 1)
    await to_phone(new, said)
    await new.share()
    await new.tap("ads_no")
    await new.reads(said.menu)
    after = await joined_by(db, 2)
    assert after.id == before.id
    told = sa.text("SELECT chat_id, message_class FROM outbox WHERE key LIKE 'card_moved:%'")
    rows = await db.read(lambda s: s.execute(told).all())
    assert [tuple(row) for row in rows] == [(1, "service")], "the old chat is told"
    with pytest.raises(RedemptionFrozen):
        await db.transact(
            lambda s: wallet.lock(s, [after.id])[after.id].check_not_frozen(clock.now())
        )
    # The old chat has no card any more: its menu leads to joining, and shows nobody's points.
    await old.tap("balance")
    await old.with_button(said.agree)
    assert await joined_by(db, 1) is None
    await running.idle()
    handled = running.handled
    await old.send("/card")
    await until(lambda: running.handled > handled, "an answer to /card")
    assert said.agree in str((await old.from_bot())[-1]["buttons"]), "asked to join"
    # Staff let it go.
    await db.transact(
        lambda s: wallet.unfreeze(s, customer_id=after.id, actor="staff:1", now=clock.now())
    )
    balance = await db.read(lambda s: wallet.balance(s, customer_id=after.id, now=clock.now()))
    assert (balance.available, balance.frozen_until) == (100, None)
    # And back again: the first account takes its card home, frozen anew.
    await old.tap(said.agree)
    await until(lambda: at_the_number(old), "asked for the number")
    await old.share()
    await old.with_button("ads_no")
    assert (await joined_by(db, 1)).id == before.id
    assert await db.read(lambda s: customers.find_by_telegram(s, 2)) is None
    balance = await db.read(lambda s: wallet.balance(s, customer_id=after.id, now=clock.now()))
    assert balance.frozen_until is not None
    assert running.intake.failed == 0
