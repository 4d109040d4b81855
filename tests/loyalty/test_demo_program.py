"""The made-up coffee chain shows the whole program, and every figure of it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import (
    checkup,
    clock,
    demo,
    guards,
    program,
    promotions,
    purchases,
    referrals,
    stamps,
    tiers,
    vouchers,
    wallet,
)
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.demo import anna
from loyalty.program import differences, drafts
from loyalty.purchases.return_plan import plan_return
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_line
from loyalty.wallet.tables import account, entry

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 20)
ZONE = "Europe/Moscow"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database with a small demo in it."""
    opened = Database(database_url)
    await opened.transact(
        lambda session: demo.fill(
            session,
            language="en",
            time_zone=ZONE,
            currency="RUB",
            now=NOW,
            customer_count=200,
            visit_count=4_800,
        )
    )
    yield opened
    await opened.close()


def rows_of(session: Session, table: sa.Table, *where: Any) -> list[Any]:
    return list(session.execute(sa.select(table).where(*where)))


async def test_everything_adds_up(db: Database) -> None:
    assert (await db.read(checkup.check)).faults == ()


async def test_tiers_follow_a_year_of_spending(db: Database) -> None:
    """Nobody is above what they have bought, but for a warning that runs and a tier by hand."""

    def unit(session: Session) -> Counter[str]:
        rules = program.current(session, now=NOW).program
        spent: Counter[int] = Counter()
        for row in rows_of(session, customer_day, customer_day.c.day >= tiers.window_start(TODAY)):
            spent[row.customer_id] += row.spent
        found: Counter[str] = Counter()
        for row in rows_of(session, customer):
            reached = tiers.order(rules, tiers.reached(rules, spent[row.id]))
            place = max(reached, tiers.order(rules, row.tier_floor))
            has = tiers.order(rules, row.tier)
            assert has >= place
            # Down comes only with the review after a warning, and returns lower nobody at once.
            assert has == place or has == place + 1
            found[row.tier] += 1
        for row in rows_of(session, customer_stats, customer_stats.c.window_from.is_not(None)):
            days = customer_day.c.customer_id == row.customer_id
            since = customer_day.c.day >= row.window_from
            kept = session.execute(sa.select(sa.func.sum(customer_day.c.spent)).where(days, since))
            assert row.window_spent == kept.scalar_one()
        return found

    found = await db.read(unit)
    assert found["bronze"] > found["silver"] > 0
    assert found["gold"] > 0
    review = await db.transact(lambda s: tiers.review(s, now=NOW, time_zone=ZONE))
    assert (review.up, review.down, review.mended) == (0, 0, 0)


async def test_purchases_earned_what_their_rules_say(db: Database) -> None:
    """A return of nothing yet asks the rules again: they give what each purchase has earned."""

    def unit(session: Session) -> Counter[str]:
        seen: Counter[str] = Counter()
        untouched = (purchase.c.customer_id.is_not(None), purchase.c.returned == 0)
        for row in rows_of(session, purchase, *untouched):
            parts = (row.pricing or {}).get("parts", ())
            if parts:
                assert sum(part["points"] for part in parts) == row.earned
            seen.update(part["kind"] for part in parts)
            seen.update({f"rate {row.earn_rate_bp}": 1})
            if seen["asked"] < 150 and (row.pricing or row.earn_rate_bp > 500):
                whole = plan_return(session, row.id, None, for_update=False)
                assert whole.rest.points == 0
                assert whole.to_reverse + _expired(session, row.id) == row.earned
                seen["asked"] += 1
        return seen

    seen = await db.read(unit)
    assert {"base", "points", "rate 500", "rate 700", "rate 1000"} <= seen.keys()
    assert seen["asked"] == 150


def _expired(session: Session, purchase_id: int) -> int:
    from loyalty.purchases.return_plan import _expired_of

    return _expired_of(session, purchase_id)


async def test_promotions_of_every_kind(db: Database) -> None:
    def unit(session: Session) -> None:
        every = {
            one.newest.rules.name.en: one for one in promotions.listing(session, archived=True)
        }
        status = {name: one.status for name, one in every.items()}
        assert status["Morning coffee"] == "on"
        assert set(status.values()) == {"on", "off", "archived", "draft"}
        history = promotions.history(session, every["Morning coffee"].promotion_id)
        assert [state.status for state in history] == ["on", "draft", "on", "draft"]
        revisions = [state.revision for state in history if state.revision is not None]
        assert revisions == sorted(revisions, reverse=True)
        to_come = every["Every third bun free"].newest.rules.when
        assert to_come.starts_on is not None
        assert to_come.starts_on > TODAY
        over = every["Summer in a glass"].newest.rules.when
        assert over.ends_on is not None
        assert over.ends_on < TODAY
        used: Counter[str] = Counter()
        known = {state.live.id: state for one in every.values() for state in _states(session, one)}
        for row in rows_of(session, purchase, purchase.c.pricing.is_not(None)):
            for version in (row.pricing or {}).get("promotions", ()):
                state = known[int(version)]
                assert state.status == "on"
                assert state.created_at <= row.sold_at
                used[state.rules.name.en] += 1
        assert used["Morning coffee"] > 20
        assert used["Three visits a week"] > 0

    await db.read(unit)


def _states(session: Session, one: promotions.Listed) -> list[promotions.Stored]:
    return promotions.history(session, one.promotion_id)


async def test_vouchers_in_every_state(db: Database) -> None:
    def unit(session: Session) -> None:
        every = rows_of(session, vouchers.voucher)
        rewards = Counter(row.status for row in every if row.source_kind == stamps.SOURCE)
        assert min(rewards["active"], rewards["redeemed"], rewards["expired"]) > 0
        full = session.execute(sa.select(sa.func.sum(stamps.stamp_balance.c.cards))).scalar_one()
        assert full == sum(rewards.values())
        codes = Counter(row.status for row in every if row.kind == vouchers.PROMO_CODE)
        assert codes == {"active": 1, "redeemed": 1, "expired": 1}
        cards = [row for row in every if row.kind == vouchers.GIFT_CARD]
        assert Counter(row.status for row in cards) == {"inactive": 3, "active": 7, "redeemed": 2}
        assert sum(0 < row.balance < row.granted for row in cards) > 0
        leaflets = [row for row in every if (row.issue_key or "").startswith("batch:leaflets:")]
        assert len(leaflets) == 50
        assert 0 < sum(row.used for row in leaflets) < 50
        late = [row for row in every if row.status == "active" and row.ends_at]
        assert all(row.ends_at > NOW for row in late)
        free = sa.select(sa.func.count()).where(
            purchase_line.c.discount == purchase_line.c.amount, purchase_line.c.category == "Coffee"
        )
        assert session.execute(free).scalar_one() > 0

    await db.read(unit)


async def test_friends_in_every_state(db: Database) -> None:
    """The month's number is kept, some wait for a person, some for the coming days."""

    def unit(session: Session) -> None:
        every = rows_of(session, referrals.referral)
        assert {row.status for row in every} == {
            "invited", "pending", "rewarded", "review", "declined"
        }  # fmt: skip
        soon = [row for row in every if row.status == "pending"]
        assert all(NOW < row.due_at <= NOW + timedelta(days=14) for row in soon)
        assert len({row.due_at.date() for row in soon}) > 2
        months: Counter[tuple[int, int]] = Counter()
        for row in every:
            if row.status == "rewarded" and row.decided_by == "system":
                months[row.referrer_id, clock.local_date(row.decided_at, ZONE).month] += 1
            if row.purchase_id is not None:
                bought = rows_of(session, purchase, purchase.c.id == row.purchase_id)[0]
                assert bought.customer_id == row.friend_id
                assert bought.total - bought.redeemed * 100 >= 500_00
                assert row.due_at == bought.sold_at + timedelta(days=14)
        assert max(months.values()) == 10
        paid = Counter(
            row.source_kind for row in rows_of(session, entry, entry.c.kind == "referral")
        )
        rewarded = sum(row.status == "rewarded" for row in every)
        assert paid == {"referral": rewarded, "referral_friend": rewarded}

    await db.read(unit)


async def test_what_stands_open(db: Database) -> None:
    def unit(session: Session) -> None:
        draft = drafts.get(session)
        base = program.current(session, now=NOW)
        assert draft.base_version_id == base.id
        assert len(differences.differences(base.program, draft.program)) == 3
        assert base.number == 2
        assert len(wallet.waiting_adjustments(session)) == 1
        accounts = rows_of(session, account)
        assert [row.frozen_note is not None for row in accounts if row.frozen_reason] == [True]
        flags = guards.listing(session)
        assert {flag.kind for flag in flags} == {"card_sales", "cashier_one_card"}
        assert {flag.seen_by is None for flag in flags} == {True, False}

    await db.read(unit)


async def test_anna_has_something_to_look_at(db: Database) -> None:
    def unit(session: Session) -> None:
        person = rows_of(session, customer, customer.c.phone == anna.PHONE)[0]
        card = stamps.standings(session, customer_id=person.id)["coffee"]
        assert (card.stamps, card.cards) == (2, 1)
        mine = vouchers.mine(session, customer_id=person.id, now=NOW)
        assert [item.source_kind for item in mine] == [stamps.SOURCE]
        brought = rows_of(
            session, referrals.referral, referrals.referral.c.referrer_id == person.id
        )
        assert [row.status for row in brought] == ["pending"]
        assert wallet.balance(session, customer_id=person.id, now=NOW).available > 0
        # The welcome waits for the day she opens the bot.
        mine_ = entry.c.customer_id == person.id
        assert not rows_of(session, entry, mine_, entry.c.kind == "welcome")

    await db.read(unit)


async def test_its_days_go_on_without_a_fault(db: Database) -> None:
    """Friends are paid and a purchase is taken back whole; everything still adds up."""
    later = NOW + timedelta(days=15)
    settled = await db.transact(lambda s: referrals.settle_due(s, now=later, time_zone=ZONE))
    assert settled.rewarded > 2

    def take_back(session: Session) -> int:
        query = sa.select(purchase.c.id).where(
            purchase.c.customer_id.is_not(None), purchase.c.returned == 0
        )
        latest = session.execute(query.order_by(purchase.c.id.desc()).limit(40)).scalars().all()
        for purchase_id in latest:
            purchases.record_return(
                session, purchase_id=purchase_id, actor="system", now=later, key=f"t:{purchase_id}"
            )
        return len(latest)

    assert await db.transact(take_back) == 40
    assert (await db.read(checkup.check)).faults == ()
