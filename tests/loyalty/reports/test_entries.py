"""Where did my points go: every entry explained, pages that keep their place, nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import enrolment, promotions, wallet
from loyalty.db import Rows
from loyalty.errors import EntryNotFound, NotFound
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from loyalty.program import LocalText, PointsGift
from loyalty.promotions import Conditions, Promotion
from loyalty.promotions.model import FixedPoints, Goal
from loyalty.purchases import Line, Receipt
from loyalty.referrals import referral
from loyalty.reports import entries
from loyalty.reports.entry_facts import Explanation, Page
from tests.world import ZONE, World, lines


async def all_of(world: World, customer_id: int) -> list[Explanation]:
    """Every entry explained, the oldest first."""

    def unit(session: Any) -> list[Explanation]:
        found = wallet.history(session, customer_id=customer_id, limit=10_000)
        return [
            entries.explain(
                session,
                customer_id=customer_id,
                entry_id=one.id,
                now=world.now,
                time_zone=ZONE,
            )
            for one in reversed(found)
        ]

    return await world.db.read(unit)


async def page(world: World, customer_id: int, **asked: Any) -> Page:
    return await world.db.read(lambda s: entries.page(s, customer_id=customer_id, **asked))


async def expire(world: World) -> None:
    await world.db.transact(lambda s: wallet.expire_due(s, now=world.now))


async def correct(world: World, customer_id: int, points: int) -> None:
    await world.db.transact(
        lambda s: wallet.adjust(
            s,
            customer_id=customer_id,
            points=points,
            reason="not for the customer's eyes",
            actor=f"staff:{world.staff_id}",
            key=str(new_id()),
            now=world.now,
        )
    )


@pytest.mark.parametrize("seed", range(6))
async def test_explanations_of_a_random_story_add_up(world: World, seed: int) -> None:
    chance = Random(seed)
    me = await world.customer(points=40)
    sold: list[int] = []
    for _step in range(25):
        world.pass_time(hours=chance.choice((1, 30, 200, 2000)))
        balance = await world.balance(me)
        what = chance.choice(("sell", "sell", "sell", "return", "gift", "correct", "expire"))
        if what == "sell":
            receipt = lines(
                *((chance.randint(1, 3), chance.randint(1, 40_000)) for _ in range(3)),
                sold_at=world.now,
            )
            most = min(balance.available, receipt.total * 3 // 1000 // 10)
            sale = await world.sell(me, receipt, redeem=chance.randint(0, max(0, most)))
            sold.append(sale.purchase_id)
        elif what == "return" and sold:
            purchase_id = sold.pop(chance.randrange(len(sold)))
            asked = None if chance.random() < 0.5 else [(chance.randint(1, 3), 1000)]
            await world.take_back(purchase_id, asked)
        elif what == "gift":
            ends = world.now + timedelta(days=chance.choice((3, 40)))
            await world.grant(me, chance.randint(1, 90), expires_at=ends)
        elif what == "correct":
            await correct(world, me, chance.randint(1, 30))
        else:
            await expire(world)
    explained = await all_of(world, me)
    balance = await world.balance(me)
    assert sum(one.amount for one in explained) == balance.posted
    for one in explained:
        came = sum(part.points for part in one.given)
        went = sum(part.points for part in one.origins)
        assert came - went == one.amount
        assert one.amount > 0 or not any(part.kind == "refund" for part in one.origins)
    assert sum(part.left for one in explained for part in one.given) == balance.posted
    repaid = -sum(one.amount for one in explained if one.kind == "repayment")
    assert sum(one.repaid for one in explained) == repaid
    assert sum(part.points for one in explained for part in one.owed) == repaid
    assert [one.balance_after for one in explained][-1] == balance.posted


async def test_a_purchase_tells_its_goods_parts_term_and_what_is_left(world: World) -> None:
    name = LocalText(ru="Утренний кофе", en="Morning coffee")
    rules = Promotion(name=name, when=Conditions(), effect=FixedPoints(points=50, valid_days=10))

    def switch_on(session: Any) -> None:
        stored = promotions.save(session, None, rules, "staff:1", world.now)
        promotions.switch_on(session, stored.live.promotion_id, "staff:1", world.now)

    await world.db.transact(switch_on)
    me = await world.customer(points=30)
    goods = [Line(amount=10_00, price=10_00, name=f"Bun {n}", category="buns") for n in range(9)]
    coffee = Line(amount=500_00, price=250_00, quantity_milli=2000, name="Latte")
    await world.sell(me, Receipt(sold_at=world.now, lines=(coffee, *goods)), redeem=20)
    gift, spent, earned = await all_of(world, me)
    assert (gift.kind, gift.given[0].points, gift.given[0].left) == ("gift", 30, 10)
    assert gift.given[0].last_day is None
    assert (spent.amount, spent.kind) == (-20, "redemption")
    assert [(one.points, one.kind, one.total) for one in spent.origins] == [(20, "gift", None)]
    bought = earned.purchase
    assert bought is not None
    assert bought == spent.purchase
    assert (bought.outlet, bought.total, bought.redeemed) == ("Main Street", 590_00, 20)
    assert [line.name for line in bought.lines] == ["Latte", *(f"Bun {n}" for n in range(7))]
    assert bought.more_lines == 2
    assert bought.lines[0].quantity_milli == 2000
    assert bought.tier is not None
    assert bought.tier.en == "Bronze"
    assert sum(part.points for part in bought.parts) == earned.amount == bought.earned
    assert [known.en for known in bought.names.values()] == ["Morning coffee"]
    assert {part.state for part in earned.given} == {"waiting"}
    assert sorted(part.points for part in earned.given) == [28, 50]
    world.pass_time(days=5)
    later = (await all_of(world, me))[-1]
    assert {part.state for part in later.given} == {"open"}
    world.pass_time(days=10)
    later = (await all_of(world, me))[-1]
    assert sorted((part.points, part.state) for part in later.given) == [
        (28, "open"),
        (50, "ended"),
    ]


async def test_a_return_its_debt_and_who_repays_it(world: World) -> None:
    me = await world.customer()
    first = await world.sell(me, 1000_00)
    world.pass_time(days=2)
    await world.sell(me, 500_00, redeem=50)
    await world.take_back(first.purchase_id)
    world.pass_time(days=2)
    explained = await all_of(world, me)
    back = next(one for one in explained if one.kind == "clawback")
    assert back.returned is not None
    assert back.returned.earned_reversed == 50
    assert back.returned.debt == 50 + back.amount
    assert back.purchase is not None
    assert back.purchase.id == first.purchase_id
    assert [one.total for one in back.origins] == [500_00]
    await world.sell(me, 800_00)
    *_, earned, repaid = await all_of(world, me)
    assert (repaid.kind, earned.kind) == ("repayment", "accrual")
    assert earned.repaid == -repaid.amount
    assert [(one.points, one.returned and one.returned.id) for one in repaid.owed] == [
        (-repaid.amount, back.returned.id)
    ]


async def test_points_given_back_remember_where_they_were_first(world: World) -> None:
    me = await world.customer(points=60)
    for _time in range(2):
        sale = await world.sell(me, 200_00, redeem=60)
        await world.take_back(sale.purchase_id)
        world.pass_time(days=1)
    await world.sell(me, 200_00, redeem=60)
    explained = await all_of(world, me)
    refunds = [one for one in explained if one.kind == "refund"]
    assert [one.amount for one in refunds] == [60, 60]
    assert refunds[0].returned is not None
    last = [one for one in explained if one.kind == "redemption"][-1]
    assert [(one.points, one.kind, one.source_kind) for one in last.origins] == [
        (60, "gift", "test")
    ]


async def test_what_has_run_out_and_whether_it_was_said(world: World) -> None:
    me, other = await world.customer(), await world.customer()
    ends = datetime(2026, 3, 10, 21, 0, tzinfo=UTC)  # midnight in Moscow: through 10 March
    for who in (me, other):
        await world.grant(who, 25, expires_at=ends)
    await world.db.transact(lambda s: _remind(s, me, "2026-03-10", "sent", world.now))
    await world.db.transact(lambda s: _remind(s, other, "2026-03-10", None, world.now))
    world.pass_time(days=20)
    await expire(world)
    gone = (await all_of(world, me))[-1]
    assert (gone.kind, gone.amount, gone.by_staff) == ("expiry", -25, False)
    assert gone.origins[0].last_day is not None
    assert gone.origins[0].last_day.isoformat() == "2026-03-10"
    assert gone.reminders is not None
    assert (gone.reminders.sent, gone.reminders.reason) == (1, None)
    silent = (await all_of(world, other))[-1].reminders
    assert silent is not None
    assert (silent.sent, silent.reason) == (0, "no_consent")


def _remind(session: Any, customer_id: int, day: str, state: str | None, now: datetime) -> None:
    rows, touch_id = Rows(), new_id()
    common = {"customer_id": customer_id, "message_class": "trigger", "due_at": now}
    ends = {"deadline": now + timedelta(days=1)}
    rows.insert(
        touch,
        {
            "id": touch_id,
            "source": "chain:bonus_expiry",
            "step": "d3",
            "occurrence": day,
            "decision": "send" if state else "skipped",
            "reason": None if state else "no_consent",
            "decided_at": now,
            **common,
            **ends,
        },
    )
    rows.put(session)
    if state:
        session.execute(
            sa.insert(outbox).values(
                id=new_id(),
                chat_id=1,
                key=f"touch:{touch_id}",
                payload={"text": "…"},
                priority=1,
                state=state,
                created_at=now,
                attempts=1,
                left_at=now,
                touch_id=touch_id,
                **common,
                **ends,
            )
        )


async def test_friends_goals_and_corrections(world: World) -> None:
    me, friend = await world.customer(), await world.customer()
    name = LocalText(ru="Два визита", en="Two visits")
    goal = Promotion(
        name=name, when=Conditions(), effect=Goal(target=1, gift=PointsGift(points=70))
    )

    def unit(session: Any) -> None:
        stored = promotions.save(session, None, goal, "staff:1", world.now)
        promotions.switch_on(session, stored.live.promotion_id, "staff:1", world.now)
        session.execute(
            sa.insert(referral).values(
                friend_id=friend, referrer_id=me, status="rewarded", started_at=world.now
            )
        )
        for who, source in ((me, "referral"), (friend, "referral_friend")):
            wallet.grant(
                session,
                customer_id=who,
                points=100,
                kind="referral",
                source_kind=source,
                source_id=str(friend),
                actor="system",
                now=world.now,
                expires_at=None,
            )

    await world.db.transact(unit)
    came = world.now
    world.pass_time(days=1)
    await world.sell(me, 100_00)
    await correct(world, me, 5)
    found = {(one.kind, one.source_kind): one for one in await all_of(world, me)}
    assert found["referral", "referral"].friend_came_at == came
    reached = found["gift", "goal"].goal
    assert reached is not None
    assert reached.en == "Two visits"
    correction = found["adjustment", "adjustment"]
    assert correction.by_staff
    assert "eyes" not in repr(correction), "what staff write to each other stays with them"
    (theirs,) = await all_of(world, friend)
    assert (theirs.source_kind, theirs.friend_came_at) == ("referral_friend", came)


async def test_nobody_sees_anothers_entry(world: World) -> None:
    me, other = await world.customer(points=10), await world.customer(points=10)
    theirs = (await page(world, other)).entries[0].id
    for entry_id in (theirs, 0, 1, 2**63 - 1):

        def unit(session: Any, entry_id: int = entry_id) -> Explanation:
            return entries.explain(
                session, customer_id=me, entry_id=entry_id, now=world.now, time_zone=ZONE
            )

        with pytest.raises(NotFound) as refused:
            await world.db.read(unit)
        assert isinstance(refused.value, EntryNotFound)


async def test_pages_go_both_ways_and_keep_their_place(world: World) -> None:
    me = await world.customer()
    for points in range(1, 21):
        await world.grant(me, points)
    first = await page(world, me)
    assert [one.amount for one in first.entries] == list(range(20, 12, -1))
    assert first.newer is None
    second = await page(world, me, start=first.older)
    assert [one.amount for one in second.entries] == list(range(12, 4, -1))
    assert second.newer == 0
    third = await page(world, me, start=second.older)
    assert [one.amount for one in third.entries] == [4, 3, 2, 1]
    assert third.older is None
    assert third.newer == first.older
    # Something new comes in: pages that are looked at stay as they were.
    await world.grant(me, 99)
    assert (await page(world, me, start=first.older)).entries == second.entries
    assert (await page(world, me, start=1)).entries == []


async def test_filters_and_sums_of_purchases(world: World) -> None:
    me = await world.customer(points=100)
    await world.sell(me, 300_00, redeem=30)
    earned = await page(world, me, which="earned")
    spent = await page(world, me, which="spent")
    assert [(one.kind, one.total) for one in earned.entries] == [
        ("accrual", 300_00),
        ("gift", None),
    ]
    assert [(one.amount, one.total) for one in spent.entries] == [(-30, 300_00)]


async def test_what_came_from_a_paper_card(world: World) -> None:
    paper = await world.customer(status="anonymous", points=30)
    me = await world.customer()
    sale = await world.sell(paper, 400_00)
    world.pass_time(days=2)
    await world.db.transact(
        lambda s: enrolment.merge(s, from_id=paper, to_id=me, time_zone=ZONE, now=world.now)
    )
    came = await all_of(world, me)
    assert {(one.kind, one.source_kind) for one in came} == {("adjustment", "merge")}
    assert not any(one.by_staff for one in came)
    assert sum(part.left for one in came for part in one.given) == 50
    await world.sell(me, 200_00, redeem=40)
    await world.take_back(sale.purchase_id)
    explained = await all_of(world, me)
    assert {one.source_kind for one in explained[len(came)].origins} == {"merge"}
    assert explained[-1].purchase is not None
    assert explained[-1].purchase.id == sale.purchase_id
    assert sum(one.amount for one in explained) == (await world.balance(me)).posted
