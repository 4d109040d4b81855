"""What a sale brings beside points: stamps, goals, a tier, a friend's reward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from loyalty import clock, promotions, referrals, stamps, tiers, vouchers
from loyalty.amounts import points_to_money
from loyalty.db.rows import Rows
from loyalty.program import PointsGift, Program, StampsGift, VoucherGift
from loyalty.promotions import GoalStep
from loyalty.promotions.tables import goal_progress
from loyalty.purchases.basket import Basket
from loyalty.purchases.gate import Before, Gate
from loyalty.purchases.goal_gifts import gift_key
from loyalty.purchases.pricing import Priced
from loyalty.stamps import Standing
from loyalty.vouchers import Issued
from loyalty.wallet import Cause

_SOURCE = "purchase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The sale that brings the benefits."""

    purchase_id: int
    outlet_id: int | None
    actor: str
    sold_at: datetime
    business_date: date
    time_zone: str
    redeem: int
    now: datetime


@dataclass(slots=True)
class Benefits:
    """What the sale has brought."""

    tier: str
    # Earned by the goods: what a return takes back.
    stamps: dict[str, int] = field(default_factory=dict)
    standings: list[Standing] = field(default_factory=list)
    goals: list[GoalStep] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    gift_points: int = 0


def stamps_of(program: Program, basket: Basket, priced: Priced) -> dict[str, int]:
    """Stamps of this sale, by card: one per paid piece, what promotions add, what was counted."""
    found = {}
    for card in program.stamp_cards:
        pieces = stamps.pieces(card, basket.receipt.lines, basket.free_pieces)
        number = pieces + priced.stamps.get(card.key, 0)
        number += basket.counted_stamps.get(card.key, 0)
        if number:
            found[card.key] = number
    return found


def bring(
    session: Session,
    rows: Rows,
    occasion: Occasion,
    *,
    gate: Gate,
    before: Before,
    basket: Basket,
    priced: Priced,
) -> Benefits:
    """Everything beside the points of the receipt itself; the wallet's lock is held."""
    customer_id = gate.wallet.customer_id
    total, paid = basket.receipt.total, basket.receipt.total - points_to_money(occasion.redeem)
    counts = (before.window_from is None) or occasion.business_date >= before.window_from
    benefits = Benefits(
        tier=tiers.after_sale(
            rows,
            program=gate.program,
            customer_id=customer_id,
            tier=gate.tier,
            floor=gate.tier_floor,
            spent_12m=before.spent_12m + (total if counts else 0),
            now=occasion.now,
            actor=occasion.actor,
        )
    )
    if basket.goals:
        _goals(rows, occasion, gate, before, basket, priced, benefits, paid=paid)
    _stamps(session, rows, occasion, gate, before, basket, priced, benefits)
    if before.referral == referrals.INVITED:
        referrals.on_sale(
            rows,
            status=before.referral,
            rule=gate.program.referral,
            friend_id=customer_id,
            purchase_id=occasion.purchase_id,
            paid=paid,
            sold_at=occasion.sold_at,
            window_days=gate.program.return_window_days,
        )
    return benefits


def _stamps(
    session: Session,
    rows: Rows,
    occasion: Occasion,
    gate: Gate,
    before: Before,
    basket: Basket,
    priced: Priced,
    benefits: Benefits,
) -> None:
    program = gate.program
    earned = stamps_of(program, basket, priced)
    gifts = _gift_stamps(benefits.goals)
    for card in program.stamp_cards:
        number = earned.get(card.key, 0)
        if number + gifts.get(card.key, 0) == 0:
            continue
        given = stamps.give(
            rows,
            rule=card,
            standing=before.stamps.get(card.key),
            stamps=number,
            gift=gifts.get(card.key, 0),
            today=_today(session, occasion, gate)[card.key]
            if card.daily_cap or card.outlet_caps
            else 0,
            customer_id=gate.wallet.customer_id,
            outlet_id=occasion.outlet_id,
            day=occasion.business_date,
            time_zone=occasion.time_zone,
            cause_kind=_SOURCE,
            cause_id=str(occasion.purchase_id),
            actor=occasion.actor,
            now=occasion.now,
        )
        # A goal's gift stays given: only what the goods brought is taken back with them.
        of_goods = given.added - gifts.get(card.key, 0)
        if of_goods:
            benefits.stamps[card.key] = of_goods
        benefits.standings.append(given.standing)
        benefits.issued += given.rewards


def _today(session: Session, occasion: Occasion, gate: Gate) -> Mapping[str, int]:
    """Stamps this customer has got today at this outlet; asked only where a cap is set."""
    found = stamps.earned_today(
        session,
        customer_id=gate.wallet.customer_id,
        outlet_id=occasion.outlet_id,
        day=occasion.business_date,
    )
    return defaultdict(int, found)


def _gift_stamps(steps: Sequence[GoalStep]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        gift = step.gift if step.reached_now else None
        if isinstance(gift, StampsGift):
            found[gift.card] = found.get(gift.card, 0) + gift.stamps
    return found


def _goals(
    rows: Rows,
    occasion: Occasion,
    gate: Gate,
    before: Before,
    basket: Basket,
    priced: Priced,
    benefits: Benefits,
    *,
    paid: int,
) -> None:
    lines = basket.receipt.lines
    benefits.goals = promotions.goals_step(
        basket.goals,
        before.goals,
        day=occasion.business_date,
        paid=paid,
        lines=lines,
        paid_of=[line.net - points for line, points in zip(lines, priced.points_paid, strict=True)],
    )
    for step in benefits.goals:
        rows.add(
            goal_progress,
            {
                "customer_id": gate.wallet.customer_id,
                "promotion_id": step.live.promotion_id,
                "period": step.period,
                "purchases": step.purchases_delta,
                "spent": step.spent_delta,
                "reached_at": occasion.now if step.reached_now else None,
                "ends_on": step.ends_on,
            },
        )
        if step.reached_now:
            _gift(rows, occasion, gate, step, benefits)


def _gift(rows: Rows, occasion: Occasion, gate: Gate, step: GoalStep, benefits: Benefits) -> None:
    customer_id, gift = gate.wallet.customer_id, step.gift
    key = gift_key(occasion.purchase_id, step.live.promotion_id, step.period.isoformat())
    if isinstance(gift, PointsGift):
        days = gift.valid_days or gate.program.expiry_days
        gate.wallet.accrue(
            rows,
            points=gift.points,
            kind="gift",
            cause=Cause("goal", key, occasion.actor, occasion.now),
            active_from=occasion.now,
            expires_at=None
            if days is None
            else clock.end_of_validity(occasion.business_date, days, occasion.time_zone),
        )
        benefits.gift_points += gift.points
    elif isinstance(gift, VoucherGift):
        last_day = occasion.business_date + timedelta(days=gift.valid_days + 1)
        benefits.issued.append(
            vouchers.issue(
                rows,
                kind="coupon",
                name=gift.name,
                effect=gift.effect,
                minimum=gift.minimum,
                source_kind="goal",
                created_by=occasion.actor,
                customer_id=customer_id,
                issue_key=f"goal:{key}",
                ends_at=clock.start_of_day(last_day, occasion.time_zone),
                now=occasion.now,
            )
        )
