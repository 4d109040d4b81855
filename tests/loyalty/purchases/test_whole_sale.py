"""A sale with everything on: promotions, vouchers, stamps, goals, tiers, a friend, all at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import errors, promotions, purchases, referrals, stamps, vouchers
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.events import event
from loyalty.program import AmountOff, GiftItem, LocalText, PercentOff, Scope
from loyalty.promotions import Conditions, Promotion
from loyalty.purchases import Line, Receipt
from loyalty.receipts import customer_day, customer_stats, purchase
from loyalty.referrals.tables import referral
from loyalty.wallet import history
from loyalty.wallet.tables import lot
from tests.world import START, World

COFFEE = Scope(categories=("coffee",))
NAME = LocalText(ru="Утренний кофе", en="Morning coffee")


def cups(n: int, price: int = 200_00, *, more: tuple[Line, ...] = ()) -> Receipt:
    """A receipt of ``n`` coffees and whatever else."""
    coffee = Line(
        sku="cap", category="coffee", amount=n * price, price=price, quantity_milli=n * 1000
    )
    return Receipt(sold_at=START, lines=(coffee, *more))


async def promote(world: World, effect: dict[str, Any], **rules: Any) -> promotions.Stored:
    """A promotion that tills know from now on."""
    when = rules.pop("when", Conditions())
    made = Promotion.model_validate({"name": NAME, "when": when, "effect": effect, **rules})

    def unit(session: Session) -> promotions.Stored:
        draft = promotions.save(session, None, made, "staff:1", world.now)
        return promotions.switch_on(session, draft.live.promotion_id, "staff:1", world.now)

    return await world.db.transact(unit)


async def coupon(world: World, **parts: Any) -> vouchers.Issued:
    """A voucher whoever shows it may use, unless ``parts`` say otherwise."""

    def unit(session: Session) -> vouchers.Issued:
        rows = Rows()
        wanted = {
            "kind": "coupon",
            "name": NAME,
            "effect": PercentOff(rate_bp=1000),
            "source_kind": "staff",
            "created_by": "staff:1",
            "now": world.now,
            **parts,
        }
        issued = vouchers.issue(rows, **wanted)
        rows.put(session)
        return issued

    return await world.db.transact(unit)


async def cards(world: World, who: int) -> dict[str, stamps.Standing]:
    return await world.db.read(lambda s: stamps.standings(s, customer_id=who))


async def test_points_are_explained_to_the_last_one(world: World) -> None:
    who = await world.customer()
    await promote(world, {"kind": "points", "points": 50}, when=Conditions(scope=COFFEE))
    await promote(world, {"kind": "multiplier", "times_bp": 20_000}, priority=5)
    sold = await world.sell(who, cups(2))
    assert sold.earned == 20 + 20 + 50
    assert [(part.kind, part.points) for part in sold.parts] == [
        ("base", 20),
        ("multiplier", 20),
        ("points", 50),
    ]
    again = await world.db.read(
        lambda s: purchases.result_of(s, purchase_id=sold.purchase_id, now=world.now)
    )
    assert [part.points for part in again.parts] == [20, 20, 50]
    assert await world.faults() == []


async def test_points_of_a_promotion_may_have_a_date_of_their_own(world: World) -> None:
    who = await world.customer()
    await promote(world, {"kind": "points", "points": 50, "valid_days": 7})
    await world.sell(who, 400_00)
    query = sa.select(lot.c.granted, lot.c.expires_at).where(lot.c.customer_id == who)
    lots = {
        row.granted: (row.expires_at - world.now).days
        for row in await world.db.read(lambda s: s.execute(query).all())
    }
    assert lots == {20: 365, 50: 7}
    assert await world.faults() == []


async def test_a_discount_lowers_what_earns_and_what_may_be_paid_with_points(
    world: World,
) -> None:
    who = await world.customer(points=500)
    await promote(world, {"kind": "discount", "rate_bp": 2500})
    code = (await coupon(world, effect=AmountOff(amount=50_00), combines=True)).code
    quoted = await world.db.read(
        lambda s: purchases.quote(
            s,
            customer_id=who,
            receipt=cups(2),
            redeem=999,
            vouchers=[code],
            may_redeem=True,
            now=world.now,
        )
    )
    assert (quoted.gross, quoted.discount, quoted.total) == (400_00, 150_00, 250_00)
    assert (quoted.max_redeem, quoted.to_pay, quoted.earn) == (75, 175_00, 8)
    assert [item.amount for item in quoted.discounts] == [100_00, 50_00]
    sold = await world.sell(who, cups(2), redeem=75, vouchers=[code])
    assert (sold.to_pay, sold.earned, sold.discount) == (175_00, 8, 150_00)
    with pytest.raises(errors.VoucherUsedUp):
        await world.sell(who, cups(2), vouchers=[code])
    assert await world.faults() == []


async def test_a_gift_card_is_money_and_gets_it_back(world: World) -> None:
    who = await world.customer()
    card = await coupon(world, kind="gift_card", effect=None, amount=300_00)
    with pytest.raises(errors.VoucherInactive):
        await world.sell(who, cups(2), vouchers=[card.code])
    await world.db.transact(
        lambda s: vouchers.activate(s, voucher_id=card.id, actor="staff:1", now=world.now)
    )
    sold = await world.sell(who, cups(2), vouchers=[card.code])
    assert (sold.gift_paid, sold.to_pay, sold.earned) == (300_00, 100_00, 20)
    half = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert (half.amount, half.gift_returned, half.money_back) == (200_00, 150_00, 50_00)
    rest = await world.take_back(sold.purchase_id)
    assert (rest.gift_returned, rest.money_back, rest.earned_reversed) == (150_00, 50_00, 10)
    found = await world.db.read(lambda s: vouchers.find(s, card.code))
    assert found is not None
    assert (found.balance, found.status) == (300_00, "active")
    assert await world.faults() == []


async def test_the_fifth_coffee_is_free_and_earns_no_stamp(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, cups(5))
    assert sold.stamps == {"coffee": 5}
    assert (await cards(world, who))["coffee"].stamps == 1
    [reward] = sold.issued
    free = await world.sell(who, cups(2), vouchers=[reward.code])
    assert (free.discount, free.to_pay, free.stamps) == (200_00, 200_00, {"coffee": 1})
    assert (await cards(world, who))["coffee"].stamps == 2


async def test_a_return_takes_stamps_and_an_unused_reward(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, cups(4))
    [reward] = sold.issued
    shown = await world.db.read(
        lambda s: purchases.preview_return(s, purchase_id=sold.purchase_id, now=world.now)
    )
    assert shown.stamps_taken == {"coffee": 4}
    back = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert back.stamps_taken == {"coffee": 1}
    standing = (await cards(world, who))["coffee"]
    assert (standing.stamps, standing.debt, standing.cards) == (3, 0, 0)
    with pytest.raises(errors.VoucherBlocked):
        await world.sell(who, cups(1), vouchers=[reward.code])


async def test_a_used_reward_stays_used_and_leaves_a_stamp_debt(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, cups(4))
    await world.sell(who, cups(1), vouchers=[sold.issued[0].code])
    await world.take_back(sold.purchase_id)
    standing = (await cards(world, who))["coffee"]
    assert standing.debt == 4
    assert await world.db.read(stamps.reconcile) == []


async def test_a_tier_rises_at_once_and_spending_points_does_not_lower_it(world: World) -> None:
    who = await world.customer(points=5000)
    first = await world.sell(who, 9_000_00)
    assert first.tier == "bronze"
    second = await world.sell(who, 1_000_00, redeem=300)
    assert second.tier == "silver"
    third = await world.sell(who, 1_000_00)
    assert (third.earned, third.tier) == (70, "silver")


async def test_the_window_of_a_tier_forgets_what_is_older_than_a_year(world: World) -> None:
    who = await world.customer()
    await world.sell(who, 6_000_00)
    world.pass_time(days=366)
    assert (await world.sell(who, 5_000_00)).tier == "bronze"
    world.pass_time(days=30)
    sold = await world.sell(who, 5_000_00)
    assert sold.tier == "silver"
    query = sa.select(customer_stats.c.window_spent).where(customer_stats.c.customer_id == who)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == 10_000_00


async def test_a_return_is_taken_out_of_the_day_it_was_bought_on(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(who, 6_000_00)
    world.pass_time(days=3)
    await world.take_back(sold.purchase_id)
    assert (await world.sell(who, 5_000_00)).tier == "bronze"
    query = sa.select(customer_day.c.spent).where(customer_day.c.customer_id == who)
    days = await world.db.read(lambda s: list(s.execute(query.order_by("day")).scalars()))
    assert days == [0, 5_000_00]


async def test_a_goal_gives_its_gift_once_a_period(world: World) -> None:
    who = await world.customer()
    goal = {
        "kind": "goal",
        "measure": "purchases",
        "target": 3,
        "period": "week",
        "gift": {"kind": "points", "points": 70},
    }
    await promote(world, goal)
    sold = [await world.sell(who, 100_00) for _ in range(4)]
    assert [sale.gift_points for sale in sold] == [0, 0, 70, 0]
    entries = await world.db.read(lambda s: history(s, customer_id=who))
    assert [entry.amount for entry in entries if entry.kind == "gift"] == [70]
    world.pass_time(days=7)
    for _ in range(3):
        await world.sell(who, 100_00)
    entries = await world.db.read(lambda s: history(s, customer_id=who))
    assert [entry.amount for entry in entries if entry.kind == "gift"] == [70, 70]
    assert await world.faults() == []


async def test_a_friends_first_real_receipt_waits_and_a_return_voids_the_wait(
    world: World,
) -> None:
    friend, referrer = await world.customer(), await world.customer()
    row = {"friend_id": friend, "referrer_id": referrer, "status": referrals.INVITED}
    await world.db.transact(
        lambda s: s.execute(sa.insert(referral).values(**row, started_at=world.now)) and None
    )

    async def status() -> str:
        query = sa.select(referral.c.status).where(referral.c.friend_id == friend)
        return str(await world.db.read(lambda s: s.execute(query).scalar_one()))

    await world.sell(friend, 499_00)
    assert await status() == "invited"
    sold = await world.sell(friend, 700_00)
    assert await status() == "pending"
    await world.take_back(sold.purchase_id)
    assert await status() == "invited"


async def test_a_promotion_that_needs_five_hundred_goes_when_less_is_kept(world: World) -> None:
    who = await world.customer()
    await promote(world, {"kind": "points", "points": 50}, when=Conditions(minimum=500_00))
    cake = Line(sku="cake", category="cake", amount=200_00, price=200_00)
    sold = await world.sell(who, cups(2, more=(cake,)))
    assert sold.earned == 30 + 50
    back = await world.take_back(sold.purchase_id, [(2, 1000)])
    assert back.earned_reversed == 10 + 50
    assert await world.faults() == []


async def test_a_promotion_switched_off_still_prices_the_return(world: World) -> None:
    who = await world.customer()
    made = await promote(world, {"kind": "multiplier", "times_bp": 30_000})
    sold = await world.sell(who, cups(2))
    assert sold.earned == 60
    await world.db.transact(
        lambda s: promotions.switch_off(s, made.live.promotion_id, "staff:1", world.now)
    )
    assert (await world.sell(who, cups(2))).earned == 20
    back = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert back.earned_reversed == 30


async def test_a_sale_without_a_card_finds_its_customer_later(world: World) -> None:
    who = await world.customer()
    sold = await world.sell(None, cups(2), redeem=0)
    assert (sold.earned, sold.customer_id) == (0, None)
    world.pass_time(minutes=10)

    async def attach(customer_id: int) -> purchases.PurchaseResult:
        return await world.db.transact(
            lambda s: purchases.attach(
                s,
                purchase_id=sold.purchase_id,
                customer_id=customer_id,
                actor="system",
                now=world.now,
                within=timedelta(minutes=15),
            )
        )

    found = await attach(who)
    assert (found.earned, found.stamps) == (20, {"coffee": 2})
    assert (await attach(who)).replayed
    told = sa.select(event.c.data).where(
        event.c.type == "purchase.recorded", event.c.customer_id == who
    )
    [fact] = await world.db.read(lambda s: list(s.execute(told).scalars()))
    assert (fact["purchase_id"], fact["first"]) == (str(sold.purchase_id), True)
    with pytest.raises(errors.AlreadyAttached):
        await attach(await world.customer())
    back = await world.take_back(sold.purchase_id, [(1, 1000)])
    assert (back.earned_reversed, back.stamps_taken) == (10, {"coffee": 1})
    late = await world.sell(None, cups(1))
    world.pass_time(minutes=20)
    with pytest.raises(errors.LateAttach):
        await world.db.transact(
            lambda s: purchases.attach(
                s,
                purchase_id=late.purchase_id,
                customer_id=who,
                actor="system",
                now=world.now,
                within=timedelta(minutes=15),
            )
        )
    assert await world.faults() == []


async def test_a_gift_goes_beside_a_typed_sum_but_not_with_other_goods(world: World) -> None:
    """A till's line with a name is goods, whether or not the till knows categories."""
    who = await world.customer()
    code = (await coupon(world, effect=GiftItem(scope=Scope(categories=("cake",))))).code
    tea = Receipt(sold_at=START, lines=(Line(name="Tea", amount=100_00, price=100_00),))
    with pytest.raises(errors.VoucherNoItems):
        await world.sell(who, tea, vouchers=[code])
    sold = await world.sell(who, 100_00, vouchers=[code])
    assert [(one.amount, sold.to_pay) for one in sold.discounts] == [(0, 100_00)]


async def test_a_refused_voucher_leaves_nothing_behind(world: World) -> None:
    who = await world.customer()
    code = (await coupon(world, effect=GiftItem(scope=Scope(categories=("cake",))))).code
    with pytest.raises(errors.VoucherNoItems):
        await world.sell(who, cups(2), vouchers=[code])
    with pytest.raises(errors.VoucherNotFound):
        await world.sell(who, cups(2), vouchers=["NOSUCHCODE"])
    assert await world.db.read(lambda s: s.execute(sa.select(purchase.c.id)).all()) == []
    assert await cards(world, who) == {}


async def test_limits_of_a_card_refuse_where_the_owner_has_set_them(world: World) -> None:
    who = await world.customer()
    await world.set_program(guards={"card_sales_limit": 2})
    await world.sell(who, 100_00)
    await world.sell(who, 100_00)
    with pytest.raises(errors.VelocityExceeded):
        await world.sell(who, 100_00)


async def test_a_birthday_and_a_segment_are_known_to_promotions(world: World) -> None:
    who = await world.customer(birth_day=4, birth_month=3)
    other = await world.customer(birth_day=4, birth_month=9)
    await promote(world, {"kind": "points", "points": 30}, when=Conditions(birthday_week=True))
    await promote(world, {"kind": "points", "points": 5}, when=Conditions(segments=("newcomers",)))
    assert (await world.sell(who, 200_00)).earned == 10 + 30 + 5
    assert (await world.sell(other, 200_00)).earned == 10 + 5
    query = sa.select(customer.c.tier).where(customer.c.id == who)
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == "bronze"
