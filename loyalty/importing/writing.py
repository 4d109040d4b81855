"""One batch of receipts into the database: purchases, returns, points, rollups.

A batch is one transaction. What was imported before is recognized by its import key, so an
import that broke off is simply started again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import clock, wallet
from loyalty.amounts import points_for, split
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.importing import lookups
from loyalty.importing.lookups import Programs, key_of
from loyalty.importing.matching import Article, Bought, Part, Pool, Purchase, write_back
from loyalty.importing.model import Batch, Item, Options, Outcome, Sale, Summary
from loyalty.receipts import (
    customer_day,
    customer_stats,
    purchase,
    purchase_line,
    purchase_return,
)
from loyalty.wallet import Cause, Wallet

ACTOR = "system"
SOURCE = "import"


@dataclass(slots=True)
class _Stats:
    """What a batch adds to a customer's rollup."""

    at: datetime
    orders: int = 0
    spent: int = 0
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True)
class _Work:
    """A batch being written."""

    options: Options
    programs: Programs
    outlets: dict[str, int]
    owners: dict[str, int | None]
    wallets: dict[int, Wallet]
    tiers: dict[int, str]
    pool: Pool
    rows: Rows = field(default_factory=Rows)
    # A return may come before the purchase it refers to is named: it is written after it.
    returns: Rows = field(default_factory=Rows)
    summary: Summary = field(default_factory=Summary)
    stats: dict[int, _Stats] = field(default_factory=dict)
    # (customer, business day): receipts, and what they brought net of returns, minor units.
    days: dict[tuple[int, date], list[int]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)

    def count(self, owner: int, day: date, *, orders: int, spent: int) -> None:
        of_day = self.days.setdefault((owner, day), [0, 0])
        of_day[0] += orders
        of_day[1] += spent

    def stats_of(self, owner: int, at: datetime) -> _Stats:
        return self.stats.setdefault(owner, _Stats(at))


def write_purchases(session: Session, *, batch: Batch, options: Options) -> Outcome:
    """Write a batch; what it did. To be run in one transaction, as often as need be.

    Raises:
        AlreadyThere: somebody wrote one of its customers or receipts meanwhile; run it again.
        LookupError: no program was ever published.
    """
    try:
        return _write(session, batch, options)
    except Exception as problem:
        if isinstance(problem, IntegrityError) or is_unique_violation(problem):
            raise AlreadyThere() from problem
        raise


def _write(session: Session, batch: Batch, options: Options) -> Outcome:
    summary = Summary(rows=batch.rows, rows_rejected=len(batch.rejected))
    outlets = lookups.find_outlets(session, {sale.outlet for sale in batch.sales if sale.outlet})
    known = lookups.known_sales(session, batch.sales, outlets)
    fresh: list[Sale] = []
    for sale in batch.sales:
        if sale.identity in known:
            summary.purchases_known += 1
            summary.rows_known += sale.rows
        else:
            fresh.append(sale)
    if not fresh:
        return Outcome(summary)
    rows = Rows()
    names = {sale.outlet for sale in fresh if sale.outlet}
    lookups.add_outlets(rows, names, outlets, options, summary)
    owners = lookups.resolve_customers(session, rows, fresh, options, summary)
    # First of all: a statement cannot lock or update what it inserts itself.
    rows.put(session)
    work = _prepare(session, fresh, options, outlets, owners)
    for sale in sorted(fresh, key=lambda sale: sale.sold_at):
        if sale.bought:
            _purchase(work, sale)
        if sale.returned:
            _returns(work, sale)
    write_back(work.rows, work.parts)
    for locked in work.wallets.values():
        locked.finish(work.rows)
    _put_stats(session, work)
    work.rows.put(session)
    work.returns.put(session)
    _forget_windows(session, work)
    summary.add(work.summary)
    return Outcome(summary)


def _prepare(
    session: Session,
    sales: Sequence[Sale],
    options: Options,
    outlets: dict[str, int],
    owners: dict[str, int | None],
) -> _Work:
    wanted: set[Article] = set()
    everyone: set[int] = set()
    for sale in sales:
        owner = owners[sale.identity]
        if owner is None:
            continue
        everyone.add(owner)
        if sale.returned:
            wanted |= {(owner, item.sku) for item in sale.returned if item.sku}
    return _Work(
        options=options,
        programs=Programs(session),
        outlets=outlets,
        owners=owners,
        # Whether or not they earn: a sale at a till counts on its own with the same rollups.
        wallets=wallet.lock(session, sorted(everyone)) if everyone else {},
        tiers=lookups.tiers_of(session, everyone) if options.earn else {},
        pool=Pool(session, wanted),
    )


def _purchase(work: _Work, sale: Sale) -> None:
    options, owner = work.options, work.owners[sale.identity]
    version_id, program = work.programs.at(sale.sold_at)
    total, purchase_id = sale.total, new_id()
    earning = options.earn and owner is not None
    rate = program.tier(work.tiers[owner]).earn_rate_bp if earning and owner is not None else 0
    earned = points_for(total, rate)
    row = _row(work, sale, purchase_id, total, version_id, part="p")
    row |= {"earn_base": total if rate else 0, "earn_rate_bp": rate, "earned": earned}
    work.rows.insert(purchase, row)
    shares = split(earned, [item.amount for item in sale.bought]) if earned else None
    record = Purchase(
        purchase_id, sale.sold_at, sale.day, total, 0, earned, rate, row["earn_base"], row
    )
    for n, item in enumerate(sale.bought, 1):
        line = _line(purchase_id, n, item, sign=1)
        line |= {
            "earn_base": item.amount if rate else 0,
            "earned": shares[n - 1] if shares else 0,
            "returned_milli": 0,
        }
        work.rows.insert(purchase_line, line)
        if owner is not None and item.sku and (owner, item.sku) in work.pool.wanted:
            work.pool.add(
                (owner, item.sku),
                Bought(record, n, item.quantity_milli, item.amount, 0, line),
            )
    summary = work.summary
    summary.purchases += 1
    summary.lines += len(sale.bought)
    summary.revenue += total
    if owner is None:
        summary.anonymous += 1
        return
    stats = work.stats_of(owner, sale.sold_at)
    stats.orders += 1
    stats.spent += total
    stats.first = min(stats.first or sale.sold_at, sale.sold_at)
    stats.last = max(stats.last or sale.sold_at, sale.sold_at)
    work.count(owner, sale.day, orders=1, spent=total)
    if earned:
        _accrue(work, owner, sale, purchase_id, earned)


def _accrue(work: _Work, owner: int, sale: Sale, purchase_id: int, earned: int) -> None:
    _, program = work.programs.at(sale.sold_at)
    days = program.expiry_days
    zone = work.options.time_zone
    work.wallets[owner].accrue(
        work.rows,
        points=earned,
        kind="accrual",
        cause=Cause("purchase", str(purchase_id), ACTOR, sale.sold_at),
        active_from=sale.sold_at + timedelta(days=program.pending_days),
        expires_at=None if days is None else clock.end_of_validity(sale.day, days, zone),
        purchase_id=purchase_id,
    )
    work.summary.points += earned


def _row(
    work: _Work, sale: Sale, purchase_id: int, total: int, version_id: int, *, part: str
) -> dict[str, Any]:
    """A purchase's row; ``part`` is "p" for a sale and "u" for an unlinked return."""
    # A receipt may hold both goods and returns: its number is unique per register.
    returning = sale.receipt_id or f"return{sale.register}"[:32]
    return {
        "id": purchase_id,
        "customer_id": work.owners[sale.identity],
        "outlet_id": work.outlets.get(sale.outlet or ""),
        "source": SOURCE,
        "register": sale.register if part == "p" else returning,
        "business_date": sale.day,
        "number": sale.number,
        "import_key": key_of(sale.identity, part),
        "sold_at": sale.sold_at,
        "recorded_at": work.options.now,
        "gross": total,
        "total": total,
        "earn_base": 0,
        "earn_rate_bp": 0,
        "earned": 0,
        "returned": 0,
        "unlinked_return": part == "u",
        "program_version_id": version_id,
    }


def _line(purchase_id: int, n: int, item: Item, *, sign: int) -> dict[str, Any]:
    return {
        "purchase_id": purchase_id,
        "n": n,
        "sku": item.sku,
        "name": item.name,
        "category": item.category,
        "quantity_milli": sign * item.quantity_milli,
        "price": item.price,
        "amount": sign * item.amount,
        "earn_base": 0,
        "earned": 0,
        "returned_milli": 0,
    }


def _returns(work: _Work, sale: Sale) -> None:
    """What came back: linked to its purchases, and the rest as a row of its own."""
    owner = work.owners[sale.identity]
    linked: dict[int, list[Part]] = {}
    loose: list[Item] = []
    for item in sale.returned:
        parts: list[Part] = []
        if owner is not None and item.sku:
            parts = work.pool.take((owner, item.sku), item, at=sale.sold_at)
        for part in parts:
            linked.setdefault(part.bought.purchase.id, []).append(part)
        if item.quantity_milli:
            loose.append(item)
        else:
            work.summary.return_lines += 1
        work.parts += parts
    for number, parts in enumerate(linked.values()):
        _linked(work, sale, number, parts)
    if loose:
        _unlinked(work, sale, loose)


def _linked(work: _Work, sale: Sale, number: int, parts: Sequence[Part]) -> None:
    owner = work.owners[sale.identity]
    if owner is None:
        raise AssertionError("an anonymous return matches nothing")
    of = parts[0].bought.purchase
    return_id, amount = new_id(), sum(part.amount for part in parts)
    # Points kept before this return and after it; `of.returned` has it already.
    before = min(of.earned, points_for(max(0, of.base - of.returned + amount), of.rate_bp))
    after = min(of.earned, points_for(max(0, of.base - of.returned), of.rate_bp))
    owed = 0
    if before > after:
        owed = work.wallets[owner].claw_back(
            work.rows,
            points=before - after,
            purchase_id=of.id,
            cause=Cause("return", str(return_id), ACTOR, sale.sold_at),
        )
    lines = [
        {
            "n": part.bought.n,
            "quantity_milli": part.quantity_milli,
            "amount": part.amount,
            "points": 0,
        }
        for part in parts
    ]
    work.returns.insert(
        purchase_return,
        {
            "id": return_id,
            "purchase_id": of.id,
            "customer_id": owner,
            "at": sale.sold_at,
            "actor": ACTOR,
            "number": sale.number,
            "import_key": key_of(sale.identity, f"r{number}"),
            "amount": amount,
            "money_back": amount,
            "earned_reversed": before - after,
            "debt": owed,
            "lines": lines,
        },
    )
    work.stats_of(owner, sale.sold_at).spent -= amount
    work.count(owner, of.day, orders=0, spent=-amount)
    work.summary.returns += 1
    work.summary.returned += amount
    work.summary.points_reversed += before - after


def _unlinked(work: _Work, sale: Sale, items: Sequence[Item]) -> None:
    owner = work.owners[sale.identity]
    amount = sum(item.amount for item in items)
    version_id, _ = work.programs.at(sale.sold_at)
    purchase_id = new_id()
    work.rows.insert(purchase, _row(work, sale, purchase_id, -amount, version_id, part="u"))
    for n, item in enumerate(items, 1):
        work.rows.insert(purchase_line, _line(purchase_id, n, item, sign=-1))
    if owner is not None:
        work.stats_of(owner, sale.sold_at).spent -= amount
        work.count(owner, sale.day, orders=0, spent=-amount)
    work.summary.unlinked_lines += len(items)
    work.summary.unlinked += amount


_STATS = "SELECT customer_id, orders, spent FROM customer_stats WHERE customer_id {in}"


def _put_stats(session: Session, work: _Work) -> None:
    """Add to the rollups; a return without any purchase must not pass for a first visit."""
    odd = [owner for owner, stats in work.stats.items() if not stats.orders]
    there = {row[0] for row in lookups.fetch_in(session, _STATS, odd)}
    empty = lookups.fetch_in(session, _STATS + " AND orders = 0", work.stats)
    returned_only = {int(str(row[0])): int(str(row[2])) for row in empty}
    for owner, stats in work.stats.items():
        row = {"customer_id": owner, "orders": stats.orders, "spent": stats.spent}
        if stats.orders and owner in returned_only:
            row["spent"] += returned_only[owner]
            times = {"first_purchase_at": stats.first, "last_purchase_at": stats.last}
            work.rows.update(customer_stats, row | times)
        elif stats.orders or owner not in there:
            first, last = stats.first or stats.at, stats.last or stats.at
            times = {"first_purchase_at": first, "last_purchase_at": last}
            work.rows.add(customer_stats, row | times)
        else:
            far = {"first_purchase_at": _FAR, "last_purchase_at": _LONG_AGO}
            work.rows.add(customer_stats, row | far)
    for (owner, day), (orders, spent) in work.days.items():
        of_day = {"customer_id": owner, "day": day, "orders": orders, "spent": spent}
        work.rows.add(customer_day, of_day)


def _forget_windows(session: Session, work: _Work) -> None:
    """The sum that tiers go by may lack what came in: the next sale counts it anew."""
    owners = sorted(work.stats)
    for start in range(0, len(owners), 500):
        session.execute(
            sa.update(customer_stats)
            .where(customer_stats.c.customer_id.in_(owners[start : start + 500]))
            .where(customer_stats.c.window_from.is_not(None))
            .values(window_from=None, window_spent=0)
        )


# They lose against every real time when a rollup takes the first and the last.
_FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
