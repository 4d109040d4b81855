"""What tests of the customer's purse need: a shop, sales in the past, every kind of entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, customers, purchases, wallet
from loyalty.db import Database
from loyalty.ids import new_id
from loyalty.purchases import Line, PurchaseResult, Receipt, ReturnedLine
from loyalty.referrals import referral
from loyalty.staff import outlet

ZONE = "Europe/Moscow"
GOODS = (
    Line(amount=500_00, price=250_00, quantity_milli=2000, name="Латте <b>", sku="L-1"),
    Line(amount=250_00, price=250_00, name="Круассан", sku="K-1"),
)


@dataclass
class Shop:
    """An outlet that sells, now or some days ago."""

    db: Database
    outlet_id: int

    @classmethod
    async def open(cls, db: Database) -> Shop:
        """A shop called Main Street."""
        outlet_id = new_id()
        row = {"id": outlet_id, "name": "Main Street", "time_zone": ZONE}
        await db.transact(
            lambda s: s.execute(sa.insert(outlet).values(**row, created_at=clock.now()))
        )
        return cls(db, outlet_id)

    async def sell(
        self, customer_id: int, *goods: Line, redeem: int = 0, days_ago: float = 0
    ) -> PurchaseResult:
        """Sell these goods (a croissant and two lattes by default)."""
        now = clock.now() - timedelta(days=days_ago)
        return await self.db.transact(
            lambda s: purchases.record(
                s,
                customer_id=customer_id,
                receipt=Receipt(sold_at=now, lines=goods or GOODS),
                redeem=redeem,
                may_redeem=True,
                actor="system",
                outlet_id=self.outlet_id,
                staff_id=None,
                source="pos",
                time_zone=ZONE,
                now=now,
            )
        )

    async def take_back(self, purchase_id: int, n: int | None = None) -> None:
        """Return a purchase, whole or one piece of a line."""
        asked = None if n is None else [ReturnedLine(n=n, quantity_milli=1000)]
        await self.db.transact(
            lambda s: purchases.record_return(
                s,
                purchase_id=purchase_id,
                lines=asked,
                actor="system",
                now=clock.now(),
                key=str(new_id()),
            )
        )


async def id_of(db: Database, telegram_id: int = 1) -> int:
    """The customer behind a chat."""
    found = await db.read(lambda s: customers.find_by_telegram(s, telegram_id))
    assert found is not None
    return found.id


async def give(
    db: Database,
    customer_id: int,
    points: int,
    *,
    kind: str = "gift",
    source: str = "test",
    source_id: str | None = None,
    expires_at: datetime | None = None,
    days_ago: float = 0,
) -> None:
    """Points from nowhere."""
    now = clock.now() - timedelta(days=days_ago)
    await db.transact(
        lambda s: wallet.grant(
            s,
            customer_id=customer_id,
            points=points,
            kind=kind,
            source_kind=source,
            source_id=source_id or str(new_id()),
            actor="system",
            now=now,
            expires_at=expires_at,
        )
    )


async def every_kind(db: Database, shop: Shop, customer_id: int, friend_id: int) -> None:
    """A history with an entry of every kind in it."""
    for kind in ("birthday", "import", "gift"):
        await give(db, customer_id, 20, kind=kind, days_ago=40)
    await give(db, customer_id, 15, kind="gift", source="goal", days_ago=40)
    gone = clock.now() - timedelta(days=10)
    await give(db, customer_id, 7, expires_at=gone, days_ago=40)
    await db.transact(lambda s: _friends(s, customer_id, friend_id))
    first = await shop.sell(customer_id, days_ago=9)
    second = await shop.sell(customer_id, redeem=200, days_ago=5)
    await shop.take_back(second.purchase_id, 1)
    await db.transact(lambda s: _correct(s, customer_id, -wallet_free(s, customer_id)))
    await shop.take_back(first.purchase_id)
    await give(db, customer_id, 90)
    await db.transact(lambda s: _correct(s, customer_id, 3))


def wallet_free(session: Session, customer_id: int) -> int:
    """What can be taken now, after what has run out is gone."""
    now = clock.now()
    wallet.expire_due(session, now=now)
    return wallet.balance(session, customer_id=customer_id, now=now).posted


def _correct(session: Session, customer_id: int, points: int) -> None:
    wallet.adjust(
        session,
        customer_id=customer_id,
        points=points,
        reason="staff talk among themselves",
        actor="staff:1",
        key=str(new_id()),
        now=clock.now(),
    )


def _friends(session: Session, customer_id: int, friend_id: int) -> None:
    now: Any = clock.now()
    session.execute(
        sa.insert(referral).values(
            friend_id=friend_id, referrer_id=customer_id, status="rewarded", started_at=now
        )
    )
    for source in ("referral", "referral_friend"):
        wallet.grant(
            session,
            customer_id=customer_id,
            points=100,
            kind="referral",
            source_kind=source,
            source_id=str(friend_id),
            actor="system",
            now=now - timedelta(days=20),
            expires_at=None,
        )
