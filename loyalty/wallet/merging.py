"""All that one wallet holds goes to another: a paper card finds the member it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loyalty.db.rows import Rows
from loyalty.wallet.lots import Lot
from loyalty.wallet.state import Cause, Wallet

MERGED = "merged"
"""Why an account is closed whose owner has another one: nothing is written to it any more."""

_KIND = "adjustment"
_SOURCE = "merge"


def move_all(rows: Rows, *, source: Wallet, target: Wallet, actor: str, now: datetime) -> int:
    """Move points and debt of ``source`` to ``target``, both under lock; how many points.

    Points keep the day they can be spent from and the day they expire; what has expired
    already stays behind. The target's debt is repaid first, the source's is taken last.
    """
    moved = [item for item in source.lots if item.free and not item.is_expired(now)]
    name = str(source.customer_id)
    # What ``claw_back`` will take is known before it takes it: all that is free.
    parts = _by_start(moved, now)
    points = sum(item.free for item in moved)
    if points:
        cause = Cause(_SOURCE, f"{name}:from", actor, now)
        source.claw_back(rows, points=points, purchase_id=None, cause=cause, kind=_KIND)
    for n, (active_from, shares) in enumerate(parts):
        target.accrue_parts(
            rows,
            parts=shares,
            kind=_KIND,
            cause=Cause(_SOURCE, f"{name}:to:{n}", actor, now),
            active_from=active_from,
        )
    owed = source.debt
    if owed:
        source.forgive(rows, cause=Cause(_SOURCE, f"{name}:from", actor, now))
        cause = Cause(_SOURCE, f"{name}:owed", actor, now)
        target.claw_back(rows, points=owed, purchase_id=None, cause=cause, kind=_KIND)
    return points


def _by_start(
    lots: Sequence[Lot], now: datetime
) -> list[tuple[datetime, list[tuple[int, datetime | None]]]]:
    """What is free in the lots, by when it can be spent from, soonest to expire first."""
    found: dict[datetime, list[tuple[int, datetime | None]]] = {}
    for item in sorted(lots, key=Lot.spending_key):
        start = max(item.active_from, now)
        found.setdefault(start, []).append((item.free, item.expires_at))
    return sorted(found.items(), key=lambda pair: pair[0])
