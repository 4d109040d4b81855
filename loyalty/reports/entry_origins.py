"""What stands behind an entry: the purchase with its goods, and the lots points came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program, promotions
from loyalty.errors import ProgramVersionNotFound
from loyalty.program import KNOWN_TIERS, LocalText
from loyalty.promotions import Part
from loyalty.receipts import purchase, purchase_line
from loyalty.reports.entry_facts import Bought, Goods, Origin
from loyalty.staff import outlet
from loyalty.wallet.tables import entry, lot

LINES = 8
"""So many lines of a receipt are told."""

_STEPS_BACK = 20
"""Points that came back after a return may have come back before; so many times at most."""

_LARGEST = 2**63 - 1


def ids_of(texts: Iterable[str]) -> list[int]:
    """The ids among sources that are ids."""
    return [
        int(text)
        for text in texts
        if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST
    ]


def bought(session: Session, purchase_id: int | None, *, customer_id: int) -> Bought | None:
    """The customer's purchase with its first lines; None if it is not theirs, or there is none."""
    if purchase_id is None:
        return None
    p = purchase.c
    query = (
        sa.select(purchase, outlet.c.name.label("outlet_name"))
        .outerjoin(outlet, outlet.c.id == p.outlet_id)
        .where(p.id == purchase_id, p.customer_id == customer_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    lines = _lines(session, purchase_id)
    count = sa.select(sa.func.count()).where(purchase_line.c.purchase_id == purchase_id)
    parts = _parts(row)
    versions = [part.version_id for part in parts if part.version_id is not None]
    return Bought(
        id=row.id,
        outlet=row.outlet_name,
        sold_at=row.sold_at,
        total=row.total,
        discount=row.discount,
        returned=row.returned,
        redeemed=row.redeemed,
        earned=row.earned,
        gift_paid=row.gift_paid,
        lines=lines,
        more_lines=int(session.execute(count).scalar_one()) - len(lines),
        parts=parts,
        names=promotions.names_of(promotions.by_ids(session, versions).values()),
        tier=_tier(session, row) if parts else None,
    )


def _lines(session: Session, purchase_id: int) -> list[Goods]:
    line = purchase_line.c
    query = (
        sa.select(purchase_line)
        .where(line.purchase_id == purchase_id)
        .order_by(line.n)
        .limit(LINES)
    )
    return [
        Goods(
            name=row.name or row.category,
            quantity_milli=row.quantity_milli,
            returned_milli=row.returned_milli,
            amount=row.amount - row.discount,
            points_paid=row.points_paid,
        )
        for row in session.execute(query)
    ]


def _parts(row: Any) -> list[Part]:
    """As the purchase keeps them; where no promotion applied, the level's rate gave it all."""
    kept = (row.pricing or {}).get("parts")
    if kept:
        return [Part.of_json(part) for part in kept]
    rate = row.earn_rate_bp
    return [Part("base", None, row.earned, rate_bp=rate)] if row.earned and rate else []


def _tier(session: Session, row: Any) -> LocalText | None:
    """What the level was called whose rate priced the purchase."""
    if row.program_version_id is None:
        return None
    try:
        rules = program.by_id(session, row.program_version_id).program
    except ProgramVersionNotFound:
        return None
    key = (row.pricing or {}).get("tier")
    fitting = [tier for tier in rules.tiers if tier.earn_rate_bp == row.earn_rate_bp]
    named = [tier for tier in rules.tiers if tier.key == key] or fitting
    # Of several levels with one rate nobody knows any more which it was.
    if len(named) != 1:
        return None
    return named[0].name or KNOWN_TIERS.get(named[0].key)


def origins(
    session: Session, customer_id: int, shares: Sequence[tuple[int, int]], time_zone: str
) -> list[Origin]:
    """Where points of these lots (lot, points) had come from, in the order they were taken."""
    if not shares:
        return []
    lots = _with_origins(session, [lot_id for lot_id, _ in shares])
    first = {lot_id: _first(lots, lot_id) for lot_id, _ in shares}
    makers = _makers(session, customer_id, list(first.values()))
    sales = _purchases(session, [born.purchase_id for born in first.values()])
    found = []
    for lot_id, points in shares:
        born, ends = first[lot_id], lots[lot_id].expires_at
        sale = sales.get(born.purchase_id)
        found.append(
            Origin(
                points=points,
                kind=born.kind,
                source_kind=makers.get(born.id, ""),
                earned_at=born.earned_at,
                last_day=ends and clock.last_valid_day(ends, time_zone),
                total=sale.total if sale is not None else None,
                outlet=sale.outlet_name if sale is not None else None,
            )
        )
    return found


def _with_origins(session: Session, lot_ids: Sequence[int]) -> dict[int, Any]:
    """These lots, and the lots whose points came back in them, back to the beginning."""
    found: dict[int, Any] = {}
    wanted = set(lot_ids)
    for _step in range(_STEPS_BACK):
        if not wanted:
            break
        query = sa.select(
            lot.c.id, lot.c.kind, lot.c.earned_at, lot.c.expires_at, lot.c.purchase_id,
            lot.c.origin_lot_id,
        ).where(lot.c.id.in_(sorted(wanted)))  # fmt: skip
        rows = session.execute(query).all()
        found |= {row.id: row for row in rows}
        wanted = {row.origin_lot_id for row in rows if row.origin_lot_id} - found.keys()
    return found


def _first(lots: dict[int, Any], lot_id: int) -> Any:
    """The lot in which these points were first earned."""
    item = lots[lot_id]
    # A lot comes from an older one, so this ends.
    while item.origin_lot_id in lots and item.origin_lot_id < item.id:
        item = lots[item.origin_lot_id]
    return item


def _makers(session: Session, customer_id: int, lots: Sequence[Any]) -> dict[int, str]:
    """The kind of source that gave each lot, where the lot itself does not tell."""
    wanted = {row.id for row in lots if row.purchase_id is None}
    kinds = {row.kind for row in lots if row.purchase_id is None}
    if not wanted:
        return {}
    query = sa.select(entry.c.source_kind, entry.c.lots).where(
        entry.c.customer_id == customer_id,
        # A lot is made a moment before its entry, so its id is the smaller one.
        entry.c.id > min(wanted),
        entry.c.amount > 0,
        entry.c.kind.in_(sorted(kinds)),
    )
    found: dict[int, str] = {}
    for source_kind, shares in session.execute(query.order_by(entry.c.id)):
        for lot_id, _ in shares:
            if lot_id in wanted:
                found.setdefault(lot_id, source_kind)
    return found


def _purchases(session: Session, purchase_ids: Iterable[int | None]) -> dict[int | None, Any]:
    wanted = sorted({one for one in purchase_ids if one is not None})
    if not wanted:
        return {}
    query = (
        sa.select(purchase.c.id, purchase.c.total, outlet.c.name.label("outlet_name"))
        .outerjoin(outlet, outlet.c.id == purchase.c.outlet_id)
        .where(purchase.c.id.in_(wanted))
    )
    return {row.id: row for row in session.execute(query)}
