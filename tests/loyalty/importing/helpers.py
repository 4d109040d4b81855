"""Imports a file the way the command does, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import importing, program, wallet
from loyalty.db import Database
from loyalty.importing import Options, Rejected, Summary
from loyalty.receipts import (
    customer_day,
    customer_stats,
    purchase,
    purchase_line,
    purchase_return,
)
from loyalty.wallet.tables import account, entry, lot

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Result:
    """What an import did and what it could not take."""

    summary: Summary = field(default_factory=Summary)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def codes(self) -> dict[int, str]:
        """Why each rejected line was rejected."""
        return {one.line: one.code for one in self.rejected}


def options(**changes: Any) -> Options:
    """Options of a test; columns are recognized by their headers."""
    defaults: dict[str, Any] = {
        "now": NOW,
        "time_zone": "Europe/Moscow",
        "language": "ru",
        "currency": "RUB",
    }
    return Options(**{**defaults, **changes})


async def import_purchases(
    db: Database, path: Path, *, batches: int | None = None, **changes: Any
) -> Result:
    """Import a file of purchases; only the first ``batches`` of it, as if it broke off there."""
    wanted = options(**changes)
    await db.transact(partial(program.ensure_default, now=wanted.now))
    file = importing.PurchaseFile(path, wanted)
    return await _run(db, file, importing.write_purchases, batches)


async def import_customers(db: Database, path: Path, **changes: Any) -> Result:
    """Import a file of customers."""
    wanted = options(**changes)
    return await _run(db, importing.CustomerFile(path, wanted), importing.write_customers, None)


async def _run(db: Database, file: Any, write: Any, batches: int | None) -> Result:
    result = Result()
    try:
        for number, batch in enumerate(file.batches()):
            if number == batches:
                break
            unit = partial(write, batch=batch, options=file.options)
            outcome = await db.transact(unit)
            result.summary.add(outcome.summary)
            result.rejected += [*batch.rejected, *outcome.rejected]
    finally:
        file.close()
    return result


async def state(db: Database) -> dict[str, Any]:
    """Everything an import may change, without ids: equal states are the same business."""

    def unit(session: Session) -> dict[str, Any]:
        tables = (
            purchase,
            purchase_line,
            purchase_return,
            customer_stats,
            customer_day,
            account,
            entry,
            lot,
        )
        found: dict[str, Any] = {}
        for table in tables:
            plain = [c for c in table.c if c.name not in _CHANGING and not c.name.endswith("id")]
            rows = session.execute(sa.select(*plain)).all()
            found[table.name] = sorted(map(repr, rows))
        return found

    return await db.read(unit)


_CHANGING = {"import_key", "recorded_at", "lines", "lots"}


async def check(db: Database) -> None:
    """Ledger and rollups are right: no fault, and a recount gives the same."""
    assert await db.read(wallet.reconcile) == []
    assert await db.read(wallet.check_rollups) == []

    def recount(session: Session) -> None:
        linked = purchase.c.unlinked_return.is_(sa.false())
        query = (
            sa.select(
                purchase.c.customer_id,
                sa.func.sum(sa.case((linked, 1), else_=0)),
                sa.func.sum(purchase.c.total - purchase.c.returned),
            )
            .where(purchase.c.customer_id.is_not(None))
            .group_by(purchase.c.customer_id)
        )
        counted = {row[0]: (int(row[1]), int(row[2])) for row in session.execute(query)}
        kept = {
            row.customer_id: (row.orders, row.spent)
            for row in session.execute(sa.select(customer_stats))
        }
        assert kept == counted

    await db.read(recount)
