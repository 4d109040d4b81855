"""Friends who bring friends: what the tests of referrals have in common."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import referrals
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.events import event
from loyalty.program import ReferralRule
from loyalty.referrals import referral
from loyalty.wallet.tables import entry
from tests.world import ZONE, World

REAL = 500_00
WINDOW = timedelta(days=14)


async def code(world: World, who: int) -> str:
    """The code somebody invites by."""
    return await world.db.transact(lambda s: referrals.code_of(s, customer_id=who))


async def bring(world: World, friend: int, referrer: int) -> referrals.Attached | referrals.Refusal:
    """The friend comes by the referrer's code."""
    own = await code(world, referrer)
    return await attach(world, friend, own)


async def attach(world: World, friend: int, text: str) -> referrals.Attached | referrals.Refusal:
    """The friend comes by this code."""
    return await world.db.transact(
        lambda s: referrals.attach(s, friend_id=friend, code=text, now=world.now)
    )


async def waits(
    world: World,
    friend: int,
    *,
    purchase_id: int,
    paid: int = REAL,
    sold_at: datetime | None = None,
) -> bool:
    """What the friend's sale makes of the invitation (as the sale itself does)."""

    def unit(session: Session) -> bool:
        status = session.execute(
            sa.select(referral.c.status).where(referral.c.friend_id == friend)
        ).scalar_one_or_none()
        rows = Rows()
        began = referrals.on_sale(
            rows,
            status=status,
            rule=ReferralRule(),
            friend_id=friend,
            purchase_id=purchase_id,
            paid=paid,
            sold_at=sold_at or world.now,
            window_days=14,
        )
        rows.put(session)
        return began

    return await world.db.transact(unit)


async def bought(world: World, friend: int, amount: int = REAL) -> int:
    """A purchase of the friend, and the wait it starts; the purchase's id."""
    result = await world.sell(friend, amount)
    await waits(world, friend, purchase_id=result.purchase_id, paid=amount)
    return result.purchase_id


async def settle(world: World, **options: Any) -> referrals.Settled:
    """Reward what is due."""
    return await world.db.transact(
        lambda s: referrals.settle_due(s, now=world.now, time_zone=ZONE, **options)
    )


async def status_of(world: World, friend: int) -> str | None:
    """Where the friend's referral stands."""
    query = sa.select(referral.c.status).where(referral.c.friend_id == friend)
    return await world.db.read(lambda s: s.execute(query).scalar_one_or_none())


async def rewards(world: World, who: int) -> list[int]:
    """What referrals have brought somebody."""
    query = sa.select(entry.c.amount).where(entry.c.customer_id == who, entry.c.kind == "referral")
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def told(world: World, who: int) -> list[str]:
    """Types of the referral events about somebody, in order."""
    query = (
        sa.select(event.c.type)
        .where(event.c.customer_id == who, event.c.type.like("referral.%"))
        .order_by(event.c.id)
    )
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def set_status(world: World, who: int, status: str) -> None:
    """Block or erase somebody."""
    change = sa.update(customer).where(customer.c.id == who).values(status=status)
    await world.db.transact(lambda s: s.execute(change) and None)
