"""Where did my points go: a customer's history by pages, and any entry of it explained.

Only one's own: an entry of somebody else is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.errors import EntryNotFound, PromotionNotFound
from loyalty.messaging.tables import outbox, touch
from loyalty.program import LocalText
from loyalty.promotions import get as get_promotion
from loyalty.receipts import purchase, purchase_return
from loyalty.referrals import referral
from loyalty.reports.entry_facts import (
    Explanation,
    Given,
    Listed,
    Owed,
    Page,
    Reminders,
    Returned,
    State,
)
from loyalty.reports.entry_origins import bought, ids_of, origins
from loyalty.wallet.tables import debt, entry, lot

Which = Literal["all", "earned", "spent"]

_LEFT_THE_HOUSE = ("sent", "unknown")


def page(
    session: Session,
    *,
    customer_id: int,
    which: Which = "all",
    start: int | None = None,
    limit: int = 8,
) -> Page:
    """One page of the history, newest first; ``start`` is the id its first entry has at most.

    A page keeps its place whatever comes in later: it is named by an entry, not by a number.
    """
    mine = [entry.c.customer_id == customer_id, *_signs(which)]
    of_page = [entry.c.id <= start] if start is not None else []
    query = (
        sa.select(
            entry.c.id, entry.c.at, entry.c.amount, entry.c.kind, entry.c.source_kind,
            entry.c.source_id,
        )
        .where(*mine, *of_page)
        .order_by(entry.c.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    rows = session.execute(query).all()
    shown = rows[:limit]
    newer = None
    if start is not None and shown:
        above = (
            sa.select(entry.c.id)
            .where(*mine, entry.c.id > shown[0].id)
            .order_by(entry.c.id)
            .limit(limit + 1)
        )
        ids = list(session.execute(above).scalars())
        if ids:
            # A whole page above this one and more beyond it, or the very first page.
            newer = ids[limit - 1] if len(ids) > limit else 0
    totals = _totals(session, shown)
    return Page(
        entries=[
            Listed(
                id=row.id,
                at=row.at,
                amount=row.amount,
                kind=row.kind,
                source_kind=row.source_kind,
                total=totals.get((row.source_kind, row.source_id)),
            )
            for row in shown
        ],
        newer=newer,
        older=rows[limit].id if len(rows) > limit else None,
    )


def _signs(which: Which) -> list[sa.ColumnElement[bool]]:
    if which == "earned":
        return [entry.c.amount > 0]
    return [entry.c.amount < 0] if which == "spent" else []


def _totals(session: Session, rows: Sequence[Any]) -> dict[tuple[str, str], int]:
    """The totals of the purchases and returns behind entries, minor units."""
    found: dict[tuple[str, str], int] = {}
    for kind, table, amount in (
        ("purchase", purchase, purchase.c.total),
        ("return", purchase_return, purchase_return.c.amount),
    ):
        ids = ids_of(row.source_id for row in rows if row.source_kind == kind)
        if ids:
            query = sa.select(table.c.id, amount).where(table.c.id.in_(ids))
            found |= {(kind, str(row[0])): row[1] for row in session.execute(query)}
    return found


def explain(
    session: Session, *, customer_id: int, entry_id: int, now: datetime, time_zone: str
) -> Explanation:
    """Everything that is known of one of the customer's entries at ``now``.

    ``time_zone``: the business's, in which days are told.

    Raises:
        EntryNotFound: there is none by that id, or it is somebody else's.
    """
    query = sa.select(entry).where(entry.c.id == entry_id, entry.c.customer_id == customer_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise EntryNotFound()
    came = [(lot_id, n) for lot_id, n in row.lots if n > 0]
    went = [(lot_id, -n) for lot_id, n in row.lots if n < 0]
    returned, purchase_id = _behind(session, row)
    return Explanation(
        id=row.id,
        at=row.at,
        amount=row.amount,
        kind=row.kind,
        source_kind=row.source_kind,
        balance_after=row.balance_after,
        by_staff=row.actor.startswith("staff:"),
        given=_given(session, came, now, time_zone),
        origins=origins(session, customer_id, went, time_zone),
        repaid=_repaid(session, row) if row.amount > 0 else 0,
        purchase=bought(session, purchase_id, customer_id=customer_id),
        returned=returned,
        owed=_owed(session, row) if row.kind == "repayment" else (),
        friend_came_at=_friend_came(session, row),
        goal=_goal(session, row),
        reminders=_reminders(session, row, time_zone) if row.kind == "expiry" else None,
    )


# --- what came -------------------------------------------------------------------------------


def _given(
    session: Session, came: Sequence[tuple[int, int]], now: datetime, time_zone: str
) -> list[Given]:
    """The points of an entry by when they begin and end, with what is left of them."""
    if not came:
        return []
    query = sa.select(lot.c.id, lot.c.remaining, lot.c.active_from, lot.c.expires_at).where(
        lot.c.id.in_([lot_id for lot_id, _ in came])
    )
    lots = {row.id: row for row in session.execute(query)}
    sums: dict[tuple[datetime, datetime | None], list[int]] = {}
    for lot_id, n in came:
        item = lots[lot_id]
        both = sums.setdefault((item.active_from, item.expires_at), [0, 0])
        both[0] += n
        both[1] += min(n, item.remaining)
    return [
        Given(
            points=points,
            left=left,
            active_from=active_from,
            expires_at=expires_at,
            last_day=expires_at and clock.last_valid_day(expires_at, time_zone),
            state=_state(active_from, expires_at, now),
        )
        for (active_from, expires_at), (points, left) in sums.items()
    ]


def _state(active_from: datetime, expires_at: datetime | None, now: datetime) -> State:
    if active_from > now:
        return "waiting"
    return "ended" if expires_at is not None and expires_at <= now else "open"


def _repaid(session: Session, row: Any) -> int:
    """What of an accrual went to a debt in the same breath."""
    query = sa.select(sa.func.coalesce(sa.func.sum(-entry.c.amount), 0)).where(
        entry.c.source_kind == row.source_kind,
        entry.c.source_id == row.source_id,
        entry.c.customer_id == row.customer_id,
        entry.c.kind == "repayment",
    )
    return int(session.execute(query).scalar_one())


def _friend_came(session: Session, row: Any) -> datetime | None:
    if row.kind != "referral":
        return None
    ids = ids_of([row.source_id])
    query = sa.select(referral.c.started_at).where(
        referral.c.friend_id.in_(ids),
        sa.or_(referral.c.referrer_id == row.customer_id, referral.c.friend_id == row.customer_id),
    )
    came: datetime | None = session.execute(query).scalar_one_or_none()
    return came


def _goal(session: Session, row: Any) -> LocalText | None:
    """What the goal is called whose gift this is (``sale:promotion:period``)."""
    if row.source_kind != "goal":
        return None
    for promotion_id in ids_of(row.source_id.split(":")[1:2]):
        try:
            return get_promotion(session, promotion_id).newest.live.rules.name
        except PromotionNotFound:
            return None
    return None


# --- what went -------------------------------------------------------------------------------


def _behind(session: Session, row: Any) -> tuple[Returned | None, int | None]:
    """The return behind an entry, and the purchase."""
    ids = ids_of([row.source_id])
    if row.source_kind == "purchase":
        return None, ids[0] if ids else None
    if row.source_kind != "return" or not ids:
        return None, None
    found = _returns(session, ids, row.customer_id).get(ids[0])
    return found if found is not None else (None, None)


def _returns(
    session: Session, ids: Sequence[int], customer_id: int
) -> dict[int, tuple[Returned, int]]:
    """Returns of the customer by id, with their purchases' ids."""
    r = purchase_return.c
    query = sa.select(purchase_return).where(r.id.in_(ids), r.customer_id == customer_id)
    return {
        row.id: (
            Returned(
                id=row.id,
                at=row.at,
                amount=row.amount,
                earned_reversed=row.earned_reversed,
                spent_returned=row.spent_returned,
                debt=row.debt,
            ),
            row.purchase_id,
        )
        for row in session.execute(query)
    }


def _owed(session: Session, row: Any) -> list[Owed]:
    """Which debts a repayment covered: the oldest first, as they were made."""
    query = (
        sa.select(debt.c.at, debt.c.amount, debt.c.source_kind, debt.c.source_id)
        .where(debt.c.customer_id == row.customer_id)
        .order_by(debt.c.id)
    )
    debts = session.execute(query).all()
    before = 0
    for item in debts:
        if (item.source_kind, item.source_id) == ("entry", str(row.id)):
            break
        before += max(0, -item.amount)
    made = [item for item in debts if item.amount > 0]
    ids = ids_of(item.source_id for item in made if item.source_kind == "return")
    returns = _returns(session, ids, row.customer_id) if ids else {}
    by_source = {str(key): found for key, (found, _) in returns.items()}
    covered, position, stop = [], 0, before - row.amount
    for item in made:
        n = min(position + item.amount, stop) - max(position, before)
        if n > 0:
            covered.append(Owed(points=n, at=item.at, returned=by_source.get(item.source_id)))
        position += item.amount
    return covered


def _reminders(session: Session, row: Any, time_zone: str) -> Reminders:
    """What the reminders of a lot's last day came to."""
    moments = sa.select(lot.c.expires_at).where(lot.c.id.in_([lot_id for lot_id, _ in row.lots]))
    days = {
        clock.last_valid_day(moment, time_zone).isoformat()
        for moment in session.execute(moments).scalars()
        if moment is not None
    }
    query = (
        sa.select(
            touch.c.decision, touch.c.reason, outbox.c.state, outbox.c.left_at,
            outbox.c.reason.label("why"),
        )
        .outerjoin(outbox, outbox.c.touch_id == touch.c.id)
        .where(
            touch.c.customer_id == row.customer_id,
            touch.c.source.startswith("chain:"),
            touch.c.occurrence.in_(days),
        )
        .order_by(touch.c.id)
    )  # fmt: skip
    sent, last_at, reason = 0, None, None
    for item in session.execute(query):
        if item.state in _LEFT_THE_HOUSE:
            sent, last_at = sent + 1, item.left_at or last_at
        elif item.decision == "send":
            reason = "unreachable" if item.state == "blocked" else item.why or item.state
        else:
            reason = item.reason
    return Reminders(sent=sent, last_at=last_at, reason=None if sent else reason)
