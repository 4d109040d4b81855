"""A small made-up business for tests: an outlet, a cashier, customers, sales through the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program, purchases, wallet
from loyalty.customers import card, customer, telegram_chat
from loyalty.db import Database, Rows
from loyalty.ids import new_id
from loyalty.purchases import Line, PurchaseResult, Receipt
from loyalty.staff import outlet, staff
from loyalty.tokens import new_pseudonym

ZONE = "Europe/Moscow"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class World:
    """A business on an open database; ``now`` moves when a test says so."""

    db: Database
    outlet_id: int
    staff_id: int
    now: datetime = START
    keys: dict[str, int] = field(default_factory=dict)

    def pass_time(self, **span: float) -> datetime:
        """Move ``now`` ahead."""
        self.now += timedelta(**span)
        return self.now

    async def customer(
        self, *, status: str = "active", chat: int | None = None, points: int = 0, **fields: Any
    ) -> int:
        """A customer with a wallet, and ``points`` that never expire."""
        customer_id = new_id()

        def unit(session: Session) -> None:
            rows = Rows()
            rows.insert(
                customer,
                {
                    "id": customer_id,
                    "status": status,
                    "language": "ru",
                    "created_at": self.now,
                    "joined_at": self.now,
                    **fields,
                },
            )
            rows.insert(
                card,
                {
                    "id": new_id(),
                    "customer_id": customer_id,
                    "pseudonym": new_pseudonym(),
                    "created_at": self.now,
                },
            )
            wallet.open_account(rows, customer_id=customer_id)
            rows.put(session)
            if chat is not None:
                session.execute(
                    sa.insert(telegram_chat).values(
                        telegram_id=chat,
                        customer_id=customer_id,
                        language="ru",
                        first_seen_at=self.now,
                        last_seen_at=self.now,
                    )
                )

        await self.db.transact(unit)
        if points:
            await self.grant(customer_id, points)
        return customer_id

    async def grant(
        self,
        customer_id: int,
        points: int,
        *,
        expires_at: datetime | None = None,
        active_from: datetime | None = None,
        source_id: str | None = None,
    ) -> wallet.Granted | None:
        """Give points from a source of their own."""
        return await self.db.transact(
            lambda s: wallet.grant(
                s,
                customer_id=customer_id,
                points=points,
                kind="gift",
                source_kind="test",
                source_id=source_id or str(new_id()),
                actor="system",
                now=self.now,
                expires_at=expires_at,
                active_from=active_from,
            )
        )

    async def sell(
        self, customer_id: int | None, amount: int | Receipt, *, redeem: int = 0, **options: Any
    ) -> PurchaseResult:
        """Sell for ``amount`` minor units (or a whole receipt) through the real door."""
        receipt = amount
        if isinstance(receipt, int):
            receipt = Receipt.of_sum(receipt, sold_at=self.now)
        arguments: dict[str, Any] = {
            "may_redeem": True,
            "actor": f"staff:{self.staff_id}",
            "outlet_id": self.outlet_id,
            "staff_id": self.staff_id,
            "source": "pos",
            "time_zone": ZONE,
            **options,
        }
        return await self.db.transact(
            lambda s: purchases.record(
                s,
                customer_id=customer_id,
                receipt=receipt,
                redeem=redeem,
                now=self.now,
                **arguments,
            )
        )

    async def take_back(
        self,
        purchase_id: int,
        lines: list[tuple[int, int]] | None = None,
        *,
        key: str | None = None,
    ) -> purchases.ReturnResult:
        """Return a purchase, whole or [(line, thousandths), …]."""
        asked = None
        if lines is not None:
            asked = [purchases.ReturnedLine(n=n, quantity_milli=q) for n, q in lines]
        own_key = key or str(new_id())
        return await self.db.transact(
            lambda s: purchases.record_return(
                s, purchase_id=purchase_id, lines=asked, actor="system", now=self.now, key=own_key
            )
        )

    async def balance(self, customer_id: int) -> wallet.Balance:
        """The customer's points now."""
        return await self.db.read(
            lambda s: wallet.balance(s, customer_id=customer_id, now=self.now)
        )

    async def faults(self) -> list[wallet.Fault]:
        """What the invariants say of the whole ledger."""
        return await self.db.read(wallet.reconcile)

    async def set_program(self, **rules: Any) -> None:
        """Publish a version with these rules, in force from now on."""

        def unit(session: Session) -> None:
            number = session.execute(
                sa.select(sa.func.max(program.program_version.c.number))
            ).scalar_one()
            session.execute(
                sa.insert(program.program_version).values(
                    id=new_id(),
                    number=number + 1,
                    status="published",
                    rules=program.Program(**rules).model_dump(mode="json"),
                    author="test",
                    created_at=self.now,
                    effective_from=self.now,
                )
            )

        await self.db.transact(unit)


def lines(*items: tuple[int, int], sold_at: datetime, **options: Any) -> Receipt:
    """A receipt of (quantity, price in minor units) lines."""
    return Receipt(
        sold_at=sold_at,
        lines=tuple(
            Line(amount=quantity * price, price=price, quantity_milli=quantity * 1000)
            for quantity, price in items
        ),
        **options,
    )


@asynccontextmanager
async def open_world(url: str) -> AsyncIterator[World]:
    """A world on the database at ``url`` (migrated, empty)."""
    db = Database(url)
    outlet_id, staff_id = new_id(), new_id()

    def unit(session: Session) -> None:
        program.ensure_default(session, now=START)
        session.execute(
            sa.insert(outlet).values(
                id=outlet_id, name="Main Street", time_zone=ZONE, created_at=START
            )
        )
        session.execute(
            sa.insert(staff).values(
                id=staff_id, name="Olga", role="cashier", outlet_id=outlet_id, created_at=START
            )
        )

    await db.transact(unit)
    try:
        yield World(db, outlet_id, staff_id)
    finally:
        await db.close()
