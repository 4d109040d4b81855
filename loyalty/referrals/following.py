"""What a friend's sale or return makes of the invitation, inside the sale's own transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.program import ReferralRule
from loyalty.receipts import purchase
from loyalty.referrals.tables import referral

INVITED, PENDING, REWARDED, REVIEW, DECLINED = (
    "invited",
    "pending",
    "rewarded",
    "review",
    "declined",
)


def on_sale(
    rows: Rows,
    *,
    status: str | None,
    rule: ReferralRule,
    friend_id: int,
    purchase_id: int,
    paid: int,
    sold_at: datetime,
    window_days: int,
) -> bool:
    """Let the friend's first real receipt start the wait; whether it did.

    ``status`` is that of the friend's referral (None: nobody brought them); ``paid`` the money
    part, minor units; ``window_days`` the days in which the receipt may come back. The caller
    holds the lock on the friend's account.
    """
    if status != INVITED or not rule.enabled or paid < max(1, rule.minimum):
        return False
    rows.update(
        referral,
        {
            "friend_id": friend_id,
            "status": PENDING,
            "purchase_id": purchase_id,
            "due_at": sold_at + timedelta(days=window_days),
        },
    )
    return True


def on_return(
    session: Session,
    rows: Rows,
    *,
    purchase_id: int,
    left: int,
    rule: ReferralRule,
    now: datetime,
    actor: str = events.SYSTEM,
) -> bool:
    """Void the wait that ``purchase_id`` started if too little of it is left; whether it did.

    ``left`` is what is still paid with money after the return, minor units. The friend is
    invited again: their next real receipt starts anew. A reward once given stays. The caller
    holds the lock on the friend's account.
    """
    if left >= max(1, rule.minimum):
        return False
    # By way of the purchase's customer: both lookups are primary keys.
    query = (
        sa.select(referral.c.friend_id, referral.c.referrer_id)
        .join(purchase, purchase.c.customer_id == referral.c.friend_id)
        .where(
            purchase.c.id == purchase_id,
            referral.c.purchase_id == purchase_id,
            referral.c.status.in_((PENDING, REVIEW)),
        )
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return False
    rows.update(
        referral,
        {"friend_id": found.friend_id, "status": INVITED, "purchase_id": None, "due_at": None},
    )
    events.record(
        rows,
        type="referral.void",
        customer_id=found.referrer_id,
        actor=actor,
        data={"friend_id": str(found.friend_id), "purchase_id": str(purchase_id)},
        now=now,
    )
    return True
