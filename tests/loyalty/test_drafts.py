"""Sale drafts: one per shown card, one purchase per draft, whoever taps and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import customers, errors, program, staff, wallet
from loyalty.customers import customer, telegram_chat
from loyalty.db import Database, Rows
from loyalty.purchases import drafts, till
from loyalty.purchases.drafts import Draft
from loyalty.receipts import purchase
from loyalty.tokens import Keys

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = Keys("a secret for tests that is long enough")
ZONE = "Europe/Moscow"


class Shop:
    """Two outlets, three cashiers, one customer with 1,000 points; and doors to the drafts."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def open(self) -> Shop:
        def unit(session: Session) -> None:
            program.ensure_default(session, now=NOW)
            places = [
                staff.add_outlet(session, name=name, time_zone=ZONE, now=NOW)
                for name in ("Tverskaya", "Arbat")
            ]
            self.anna, self.boris, self.vera = (
                self._cashier(session, name, place, telegram_id)
                for name, place, telegram_id in (
                    ("Anna", places[0], 501),
                    ("Boris", places[0], 502),
                    ("Vera", places[1], 503),
                )
            )
            rows = Rows()
            self.customer_id = customers.create(
                rows, status="active", language="en", now=NOW, name="Ivan Petrov", joined_at=NOW
            )
            wallet.open_account(rows, customer_id=self.customer_id)
            rows.put(session)
            customers.open_chat(session, telegram_id=700, language="en", now=NOW)
            self.bind_chat(session, 700)
            wallet.grant(
                session,
                customer_id=self.customer_id,
                points=1000,
                kind="adjustment",
                source_kind="test",
                source_id="1",
                actor="system",
                now=NOW,
                expires_at=NOW + timedelta(days=30),
            )

        await self.db.transact(unit)
        return self

    def _cashier(self, session: Session, name: str, place: Any, telegram_id: int) -> staff.Staff:
        person = staff.add(
            session, name=name, role="cashier", outlet_id=place.id, now=NOW, actor="system"
        )
        token = staff.invite(session, staff_id=person.id, now=NOW)
        return staff.accept_bot_invitation(session, token=token, telegram_id=telegram_id, now=NOW)

    def bind_chat(self, session: Session, telegram_id: int) -> None:
        chats = sa.update(telegram_chat)
        session.execute(chats.values(customer_id=None))
        session.execute(
            chats.where(telegram_chat.c.telegram_id == telegram_id).values(
                customer_id=self.customer_id
            )
        )

    async def show(self, now: datetime = NOW) -> str:
        shown = await self.db.transact(
            lambda s: customers.show_card(s, keys=KEYS, customer_id=self.customer_id, now=now)
        )
        return shown.token

    async def scan(
        self, token: str, by: staff.Staff, *, now: datetime = NOW, update: int = 1
    ) -> Draft:
        def unit(session: Session) -> Draft:
            found = customers.identify_token(session, keys=KEYS, token=token, now=now)
            return drafts.open_draft(
                session, identified=found, staff=by, now=now, update_key=str(update)
            )

        return await self.db.transact(unit)

    async def do(self, function: Callable[..., Any], draft: Draft, by: staff.Staff, **more: Any):
        more.setdefault("now", NOW)
        return await self.db.transact(lambda s: function(s, draft_id=draft.id, staff=by, **more))

    async def purchases(self) -> int:
        count = sa.select(sa.func.count()).select_from(purchase)
        return await self.db.read(lambda s: s.execute(count).scalar_one())

    async def available(self, now: datetime = NOW) -> int:
        found = await self.db.read(
            lambda s: wallet.balance(s, customer_id=self.customer_id, now=now)
        )
        return found.available


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    db = Database(database_url)
    yield await Shop(db).open()
    await db.close()


async def test_a_sale_from_the_scan_to_the_purchase(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    assert (draft.status, draft.may_redeem, draft.amount) == ("open", True, None)
    draft = await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    quote = await shop.db.read(lambda s: drafts.quote_of(s, draft=draft, now=NOW))
    assert (quote.earn, quote.max_redeem, quote.limit) == (22, 135, "share")
    draft = await shop.do(drafts.set_redeem, draft, shop.anna, points=135)
    result = await shop.do(drafts.confirm, draft, shop.anna, shown=(45000, 135))
    # 450 − 135 = 315 in money; 5 % of it is 15.75, floored.
    assert (result.to_pay, result.redeemed, result.earned) == (31500, 135, 15)
    assert (result.balance, result.pending, result.replayed) == (865, 15, False)
    again = await shop.do(drafts.confirm, draft, shop.anna, shown=(45000, 135))
    assert (again.purchase_id, again.replayed) == (result.purchase_id, True)
    assert await shop.purchases() == 1
    assert not await shop.db.read(wallet.reconcile)


async def test_without_points_the_plain_rate_earns(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    result = await shop.do(drafts.confirm, draft, shop.anna)
    assert (result.earned, result.redeemed, result.pending) == (22, 0, 22)


async def test_a_second_scan_moves_the_draft_to_the_other_cashier(shop):
    token = await shop.show()
    first = await shop.scan(token, shop.anna)
    await shop.do(drafts.set_amount, first, shop.anna, amount=45000)
    same = await shop.scan(token, shop.anna, update=2)
    assert (same.id, same.moved_from, same.amount) == (first.id, None, 45000)
    moved = await shop.scan(token, shop.boris, update=3)
    assert (moved.id, moved.moved_from) == (first.id, shop.anna.id)
    with pytest.raises(errors.DraftClosed) as refused:
        await shop.do(drafts.confirm, first, shop.anna)
    assert refused.value.facts["status"] == "moved"
    result = await shop.do(drafts.confirm, first, shop.boris)
    late = await shop.do(drafts.confirm, first, shop.anna)
    assert (late.purchase_id, late.replayed) == (result.purchase_id, True)


async def test_a_cashier_of_another_outlet_cannot_touch_it(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    for function, more in (
        (drafts.confirm, {}),
        (drafts.set_amount, {"amount": 100}),
        (drafts.cancel, {}),
    ):
        with pytest.raises(errors.DraftNotFound):
            await shop.do(function, draft, shop.vera, **more)


@pytest.mark.parametrize("taps", [2, 12])
async def test_confirms_at_once_make_one_purchase(shop, taps):
    draft = await shop.scan(await shop.show(), shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    await shop.do(drafts.set_redeem, draft, shop.anna, points=100)
    results = await asyncio.gather(
        *(shop.do(drafts.confirm, draft, shop.anna) for _ in range(taps))
    )
    assert len({result.purchase_id for result in results}) == 1
    assert sum(not result.replayed for result in results) == 1
    assert await shop.purchases() == 1
    assert await shop.available() == 900
    assert not await shop.db.read(wallet.reconcile)


async def test_two_cashiers_at_once_share_one_draft_and_one_purchase(shop):
    token = await shop.show()
    scans = await asyncio.gather(
        *(shop.scan(token, by, update=n) for n, by in enumerate((shop.anna, shop.boris) * 4))
    )
    assert len({draft.id for draft in scans}) == 1
    holder = (await shop.db.read(lambda s: drafts.get(s, draft_id=scans[0].id))).staff_id
    by = shop.anna if holder == shop.anna.id else shop.boris
    await shop.do(drafts.set_amount, scans[0], by, amount=45000)
    results = await asyncio.gather(
        *(shop.do(drafts.confirm, scans[0], who) for who in (shop.anna, shop.boris) * 4),
        return_exceptions=True,
    )
    done = [result for result in results if not isinstance(result, Exception)]
    assert len({result.purchase_id for result in done}) == 1
    assert all(isinstance(r, errors.DraftClosed) for r in results if r not in done)
    assert await shop.purchases() == 1


async def test_a_showing_that_has_bought_earns_again_but_never_spends(shop):
    token = await shop.show()
    first = await shop.scan(token, shop.anna)
    await shop.do(drafts.set_amount, first, shop.anna, amount=45000)
    await shop.do(drafts.confirm, first, shop.anna)
    second = await shop.scan(token, shop.anna, update=9)
    assert second.id != first.id
    assert (second.may_redeem, second.card_key) == (False, f"p:{shop.anna.id}:9")
    assert (await shop.scan(token, shop.anna, update=9)).id == second.id, "a repeated update"
    await shop.do(drafts.set_amount, second, shop.anna, amount=10000)
    with pytest.raises(errors.RedemptionTooLarge) as refused:
        await shop.do(drafts.set_redeem, second, shop.anna, points=1)
    assert refused.value.facts["reason"] == "presence"
    result = await shop.do(drafts.confirm, second, shop.anna)
    assert (result.earned, result.redeemed) == (5, 0)


async def test_a_stale_card_earns_and_says_why_it_cannot_spend(shop):
    later = NOW + timedelta(minutes=11)
    draft = await shop.scan(await shop.show(), shop.anna, now=later)
    assert not draft.may_redeem
    draft = await shop.do(drafts.set_amount, draft, shop.anna, amount=45000, now=later)
    quote = await shop.db.read(lambda s: drafts.quote_of(s, draft=draft, now=later))
    assert (quote.max_redeem, quote.limit, quote.earn) == (0, "presence", 22)
    assert (await shop.do(drafts.confirm, draft, shop.anna, now=later)).earned == 22


async def test_another_sum_forgets_the_points_and_an_old_screen_confirms_nothing(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    await shop.do(drafts.set_redeem, draft, shop.anna, points=100)
    changed = await shop.do(drafts.set_amount, draft, shop.anna, amount=90000)
    assert changed.redeem == 0
    with pytest.raises(errors.DraftClosed) as refused:
        await shop.do(drafts.confirm, draft, shop.anna, shown=(45000, 100))
    assert refused.value.facts["status"] == "changed"
    assert await shop.purchases() == 0


@pytest.mark.parametrize(
    ("amount", "points", "most", "reason"),
    [(45000, 136, 135, "share"), (1_000_000, 501, 500, "tap"), (1_000_000, 1001, 500, "balance")],
)
async def test_too_many_points_are_refused_with_the_reason(shop, amount, points, most, reason):
    draft = await shop.scan(await shop.show(), shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=amount)
    with pytest.raises(errors.RedemptionTooLarge) as refused:
        await shop.do(drafts.set_redeem, draft, shop.anna, points=points)
    assert refused.value.facts == {"max_redeem": most, "requested": points, "reason": reason}


async def test_sums_and_points_that_make_no_sense(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    for amount in (0, -1, 1_000_000_001):
        with pytest.raises(errors.AmountOutOfRange):
            await shop.do(drafts.set_amount, draft, shop.anna, amount=amount)
    with pytest.raises(errors.PointsInvalid):
        await shop.do(drafts.set_redeem, draft, shop.anna, points=-1)
    with pytest.raises(errors.AmountOutOfRange):
        await shop.do(drafts.confirm, draft, shop.anna)


async def test_a_cancelled_sale_stays_cancelled_and_the_card_can_start_anew(shop):
    token = await shop.show()
    draft = await shop.scan(token, shop.anna)
    for _ in range(2):
        assert (await shop.do(drafts.cancel, draft, shop.anna)).status == "cancelled"
    with pytest.raises(errors.DraftClosed):
        await shop.do(drafts.confirm, draft, shop.anna)
    again = await shop.scan(token, shop.anna, update=2)
    assert again.id != draft.id
    assert again.may_redeem


async def test_a_forgotten_sale_expires(shop):
    token = await shop.show()
    draft = await shop.scan(token, shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    later = NOW + drafts.LIFETIME
    with pytest.raises(errors.DraftClosed) as refused:
        await shop.do(drafts.confirm, draft, shop.anna, now=later)
    assert refused.value.facts["status"] == "expired"
    assert await shop.db.transact(lambda s: drafts.expire_old(s, later)) == 1
    assert await shop.db.transact(lambda s: drafts.expire_old(s, later)) == 0
    fresh = await shop.scan(token, shop.anna, now=later, update=2)
    assert (fresh.id != draft.id, fresh.may_redeem) == (True, False)


async def test_a_cashier_cannot_sell_to_their_own_card(shop):
    token = await shop.show()

    def own(session):
        customers.open_chat(session, telegram_id=501, language="en", now=NOW)
        shop.bind_chat(session, 501)

    draft = await shop.scan(token, shop.boris)
    await shop.db.transact(own)
    with pytest.raises(errors.OwnCard):
        await shop.scan(token, shop.anna)
    assert (await shop.scan(token, shop.boris)).id == draft.id


async def test_blocked_and_unnamed_customers(shop):
    token = await shop.show()
    status = sa.update(customer).where(customer.c.id == shop.customer_id)
    await shop.db.transact(lambda s: s.execute(status.values(status="anonymous")) and None)
    draft = await shop.scan(token, shop.anna)
    draft = await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    quote = await shop.db.read(lambda s: drafts.quote_of(s, draft=draft, now=NOW))
    assert (quote.max_redeem, quote.limit, quote.earn) == (0, "not_joined", 22)
    await shop.db.transact(lambda s: s.execute(status.values(status="blocked")) and None)
    with pytest.raises(errors.CustomerBlocked):
        await shop.do(drafts.confirm, draft, shop.anna)
    named = SimpleNamespace(customer_id=shop.customer_id, may_redeem=False, card_key=None)
    with pytest.raises(errors.CustomerBlocked):
        await shop.db.transact(
            lambda s: drafts.open_draft(
                s, identified=named, staff=shop.anna, now=NOW, update_key="1"
            )
        )


async def test_what_a_till_sees_of_its_sales(shop):
    draft = await shop.scan(await shop.show(), shop.anna)
    await shop.do(drafts.set_amount, draft, shop.anna, amount=45000)
    await shop.do(drafts.set_redeem, draft, shop.anna, points=100)
    done = await shop.do(drafts.confirm, draft, shop.anna)
    here = {"outlet_id": shop.anna.outlet_id}

    def unit(session):
        number = till.short_number(done.purchase_id)
        return (
            till.recent_sales(session, **here, time_zone=ZONE, now=NOW),
            till.find_sales(session, **here, number=number, now=NOW),
            till.find_sales(session, outlet_id=shop.vera.outlet_id, number=number, now=NOW),
            till.recent_sales(session, **here, time_zone=ZONE, now=NOW + timedelta(days=1)),
            till.shift(session, staff_id=shop.anna.id, **here, time_zone=ZONE, day=NOW.date()),
            till.lines_of(session, purchase_id=done.purchase_id),
        )

    recent, found, elsewhere, tomorrow, shift, lines = await shop.db.read(unit)
    assert [sale.purchase_id for sale in recent] == [done.purchase_id]
    assert (recent[0].customer_name, recent[0].total) == ("Ivan Petrov", 45000)
    assert found == recent
    assert elsewhere == tomorrow == []
    nothing = dict.fromkeys(
        ("stamps", "coupons", "returns", "returned", "undone", "undone_total"), 0
    )
    assert shift == till.Shift(sales=1, total=45000, earned=17, redeemed=100, **nothing)
    assert shift.average == 45000
    assert [(line.n, line.amount, line.left_milli) for line in lines] == [(lines[0].n, 45000, 1000)]
    with pytest.raises(errors.PurchaseNotFound):
        await shop.db.read(
            lambda s: till.get_sale(s, purchase_id=done.purchase_id, outlet_id=shop.vera.outlet_id)
        )
