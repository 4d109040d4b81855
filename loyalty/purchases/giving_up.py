"""What a return takes back beside points: stamps, goals, voucher uses, a friend's reward, sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, promotions, referrals, stamps, vouchers
from loyalty.amounts import points_to_money
from loyalty.db.rows import Rows
from loyalty.promotions.tables import goal_progress
from loyalty.purchases.return_plan import Plan
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_return
from loyalty.wallet import Cause


def give_up(session: Session, rows: Rows, plan: Plan, *, cause: Cause) -> Mapping[str, int]:
    """Roll back what the returned goods had brought; the stamps taken, by card.

    The account's and the purchase's locks are held; locks the vouchers the purchase used.
    """
    bought = plan.bought
    vouchers.roll_back(
        session,
        rows,
        purchase_id=bought.id,
        whole=plan.is_whole,
        gift_amounts=gift_shares(plan),
        actor=cause.actor,
        now=cause.at,
    )
    if bought.customer_id is None:
        return {}
    rules = program.by_id(session, bought.program_version_id).program
    taken = stamps_to_take(session, plan)
    if taken:
        stamps.take_back(
            session,
            rows,
            customer_id=bought.customer_id,
            card_rules={card.key: card for card in rules.stamp_cards},
            taken=taken,
            outlet_id=bought.outlet_id,
            day=bought.business_date,
            cause_kind="return",
            cause_id=cause.id,
            actor=cause.actor,
            now=cause.at,
        )
    _goals(session, rows, plan)
    paid = bought.total - bought.returned - plan.amount
    paid -= points_to_money(bought.redeemed - plan.points_back)
    referrals.on_return(
        session, rows, purchase_id=bought.id, left=max(0, paid), rule=rules.referral, now=cause.at
    )
    return taken


def gift_shares(plan: Plan) -> dict[int, int]:
    """What of this return goes back on which gift card, minor units; first paid, first filled."""
    shares, position = {}, 0
    start, stop = plan.gift_before, plan.gift_before + plan.gift_returned
    for voucher_id, paid in (plan.bought.pricing or {}).get("gifts", ()):
        back = min(position + paid, stop) - max(position, start)
        if back > 0:
            shares[voucher_id] = back
        position += paid
    return shares


def stamps_to_take(session: Session, plan: Plan) -> dict[str, int]:
    """Stamps the purchase brought that what is left of it would not bring, by card."""
    pricing = plan.bought.pricing or {}
    given: Mapping[str, int] = pricing.get("stamps") or {}
    if not given:
        return {}
    rules = program.by_id(session, plan.bought.program_version_id).program
    rest = plan.rest
    taken = {}
    for key, number in given.items():
        card = rules.stamp_card(key)
        pieces = stamps.pieces(card, rest.lines, rest.free_pieces) if card else 0
        counted = (pricing.get("counted") or {}).get(key, 0) if rest.lines else 0
        left = min(number, pieces + rest.stamps.get(key, 0) + counted)
        gone = number - plan.stamps_before.get(key, 0) - left
        if gone > 0:
            taken[key] = gone
    return taken


def _goals(session: Session, rows: Rows, plan: Plan) -> None:
    """The goals the purchase counted towards; gifts stay, but see ``goal_gifts`` of an undoing."""
    bought = plan.bought
    pricing = bought.pricing or {}
    if not pricing.get("goals"):
        return
    versions = promotions.by_ids(session, pricing.get("promotions") or ())
    goods = {one.promotion_id: one.ready.goods for one in versions.values()}
    for promotion_id, period, ends_on, purchases, *_ in pricing["goals"]:
        meant = goods.get(promotion_id)
        part = sum(
            line.part(line.row.amount - line.row.discount - line.row.points_paid)
            for line in plan.lines
            if meant is None or meant.covers(line.left)
        )
        rows.add(
            goal_progress,
            {
                "customer_id": bought.customer_id,
                "promotion_id": promotion_id,
                "period": date.fromisoformat(period),
                "purchases": -purchases if plan.is_whole else 0,
                "spent": -part,
                "reached_at": None,
                "ends_on": date.fromisoformat(ends_on),
            },
        )


def roll_up(session: Session, rows: Rows, plan: Plan, *, receipts: int) -> None:
    """Take the return out of the customer's sums, on the day of the purchase.

    ``receipts`` is what it changes of their number: an undone sale was none.
    """
    bought = plan.bought
    query = sa.select(customer_stats.c.window_from).where(
        customer_stats.c.customer_id == bought.customer_id
    )
    window_from = session.execute(query).scalar_one_or_none()
    counts = window_from is not None and bought.business_date >= window_from
    rows.add(
        customer_stats,
        {
            "customer_id": bought.customer_id,
            "orders": receipts,
            "spent": -plan.amount,
            "first_purchase_at": bought.sold_at,
            "last_purchase_at": bought.sold_at,
            "window_spent": -plan.amount if counts else 0,
            "window_from": window_from,
        },
    )
    rows.add(
        customer_day,
        {
            "customer_id": bought.customer_id,
            "day": bought.business_date,
            "orders": receipts,
            "spent": -plan.amount,
        },
    )


def recount_moments(session: Session, customer_id: int) -> None:
    """The first and the last purchase anew, once an undone sale is written down.

    Without any purchase left there are no sums, as before the first: else the next sale would
    find that moment there. Somebody who has only ever given something back keeps them.
    """
    p = purchase.c
    undone = sa.exists().where(purchase_return.c.purchase_id == p.id, purchase_return.c.undo)
    bought = sa.case((sa.or_(p.unlinked_return, undone), sa.null()), else_=p.sold_at)
    query = sa.select(
        sa.func.min(bought),
        sa.func.max(bought),
        sa.func.count().filter(p.unlinked_return),
    ).where(p.customer_id == customer_id)
    first, last, odd = session.execute(query).one()
    mine = customer_stats.c.customer_id == customer_id
    if first is not None:
        moments = {"first_purchase_at": first, "last_purchase_at": last}
        session.execute(sa.update(customer_stats).where(mine).values(moments))
    elif not odd:
        session.execute(sa.delete(customer_stats).where(mine))
