"""The gift of a goal that an undone sale had reached: it goes as if it had not been given.

A return leaves such gifts alone; an undoing does not, or a slip of the hand would be worth one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, promotions, stamps, vouchers
from loyalty.db.rows import Rows
from loyalty.program import StampsGift
from loyalty.promotions import Live, goal_progress
from loyalty.promotions.goals import goal_in, is_reached
from loyalty.purchases.return_plan import Plan
from loyalty.receipts import purchase
from loyalty.wallet import Cause, Wallet
from loyalty.wallet.tables import entry

SOURCE = "goal"
"""Where the points and coupons of a goal come from."""
_ZONES = timedelta(days=2)
"""A business day begins at most so long before or after the same day in UTC."""


def gift_key(purchase_id: int, promotion_id: int, period: str) -> str:
    """What names a gift: the sale that reached the goal, the goal, the period's first day (ISO)."""
    return f"{purchase_id}:{promotion_id}:{period}"


def take_gifts(session: Session, rows: Rows, plan: Plan, wallet: Wallet, *, cause: Cause) -> None:
    """Take back gifts of goals that are not reached any more without the undone sale.

    Points are taken as the purchase's own are, a coupon if it was never used; of a used one the
    goal stays reached, so that the period brings no second. Call after ``give_up``; writes
    ``rows`` at once, but for the wallet's, which the caller finishes. The wallet is locked.
    """
    counted = (plan.bought.pricing or {}).get("goals")
    if not counted:
        return
    rows.put(session)
    g = goal_progress.c
    for promotion_id, period, *_ in counted:
        mine = sa.and_(
            g.customer_id == wallet.customer_id,
            g.promotion_id == promotion_id,
            g.period == date.fromisoformat(period),
        )
        query = sa.select(g.purchases, g.spent).where(mine, g.reached_at.is_not(None))
        standing = session.execute(query).one_or_none()
        brought = _bringer(session, plan, promotion_id, period) if standing is not None else None
        if standing is None or brought is None:
            continue
        rules = _goal_of(session, brought, promotion_id)
        if rules is None or is_reached(goal_in(rules.rules), standing.purchases, standing.spent):
            continue
        key = gift_key(brought.id, promotion_id, period)
        if _taken(session, rows, plan, wallet, rules, key, cause=cause):
            session.execute(sa.update(goal_progress).where(mine).values(reached_at=None))


def _bringer(session: Session, plan: Plan, promotion_id: int, period: str) -> Any:
    """The latest sale of the customer that reached the goal in this period."""
    p = purchase.c
    begun = datetime.combine(date.fromisoformat(period), time(), UTC)
    query = (
        sa.select(p.id, p.pricing, p.program_version_id, p.business_date)
        .where(p.customer_id == plan.bought.customer_id, p.sold_at >= begun - _ZONES)
        .order_by(sa.func.coalesce(p.attached_at, p.recorded_at).desc(), p.id.desc())
    )
    for row in session.execute(query):
        for goal, first_day, _ends, _purchases, _spent, *reached in (row.pricing or {}).get(
            "goals", ()
        ):
            if (goal, first_day) == (promotion_id, period) and any(reached):
                return row
    return None


def _goal_of(session: Session, brought: Any, promotion_id: int) -> Live | None:
    """The goal as it was when the sale reached it."""
    versions = promotions.by_ids(session, brought.pricing.get("promotions") or ())
    return next((one for one in versions.values() if one.promotion_id == promotion_id), None)


def _taken(
    session: Session,
    rows: Rows,
    plan: Plan,
    wallet: Wallet,
    goal: Live,
    key: str,
    *,
    cause: Cause,
) -> bool:
    """Take the gift back; False: it was a coupon and has been used."""
    gift = goal_in(goal.rules).gift
    if isinstance(gift, StampsGift):
        rules = program.by_id(session, plan.bought.program_version_id).program
        stamps.take_back(
            session,
            rows,
            customer_id=wallet.customer_id,
            card_rules={card.key: card for card in rules.stamp_cards},
            taken={gift.card: gift.stamps},
            # At no outlet: a gift went past the day's cap, so taking it frees nothing of that.
            outlet_id=None,
            day=plan.bought.business_date,
            cause_kind=SOURCE,
            cause_id=key,
            actor=cause.actor,
            now=cause.at,
        )
        rows.put(session)
        return True
    _points_back(session, rows, wallet, key, cause=cause)
    name = f"{SOURCE}:{key}"
    vouchers.void_unused(session, rows, [name], actor=cause.actor, now=cause.at)
    return not vouchers.is_issued(session, name)


def _points_back(session: Session, rows: Rows, wallet: Wallet, key: str, *, cause: Cause) -> None:
    e = entry.c
    query = sa.select(e.amount, e.lots).where(
        e.source_kind == SOURCE, e.source_id == key, e.kind == "gift"
    )
    given = session.execute(query).one_or_none()
    if given is None:
        return
    lots = [lot_id for lot_id, _ in given.lots]
    # What has expired unspent meanwhile (a sale written down late) was not kept.
    expired = sa.select(sa.func.coalesce(sa.func.sum(-e.amount), 0)).where(
        e.source_kind == "lot", e.source_id.in_([str(i) for i in lots]), e.kind == "expiry"
    )
    points = given.amount - int(session.execute(expired).scalar_one())
    if points > 0:
        own = Cause(SOURCE, key, cause.actor, cause.at)
        wallet.claw_back(rows, points=points, purchase_id=None, own_lots=lots, cause=own)
