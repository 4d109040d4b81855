"""The sale's two reads: the gate (lock and who the customer is), then where they stand.

Written as two statements through the driver: round trips are what a sale costs. What the wallet
holds is read after the lock was granted, so it is never older than it. Of the lots only those
that will be spent are taken along; the rest is a sum over the few that are pending or past
their date, so a sale costs the same after ten purchases and after ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import program as programs
from loyalty import tiers
from loyalty.db.engine import AlreadyThere
from loyalty.db.fast import as_json, as_time, fetch, is_postgres
from loyalty.errors import CustomerBlocked, CustomerNotFound
from loyalty.program import Program
from loyalty.stamps import Standing
from loyalty.wallet import MERGED
from loyalty.wallet.locking import lot_of
from loyalty.wallet.state import Wallet

_IN_FORCE = (
    "(SELECT id FROM program_version WHERE status = 'published' AND effective_from <= $1"
    " ORDER BY effective_from DESC, number DESC LIMIT 1),"
    " (SELECT MAX(revision) FROM promotion_version)"
)

_GATE = (
    "SELECT a.customer_id, a.posted, a.held, a.debt, a.frozen_until, a.frozen_reason,"  # noqa: S608
    " c.status, c.tier, c.tier_floor, c.home_outlet_id, c.joined_at, c.birth_day, c.birth_month,"
    " c.tags, t.telegram_id, t.reachable, (SELECT name FROM outlet WHERE id = $3),"
    f" (SELECT telegram_id FROM staff WHERE id = $4), {_IN_FORCE}"
    " FROM account a JOIN customer c ON c.id = a.customer_id"
    " LEFT JOIN telegram_chat t ON t.customer_id = a.customer_id WHERE a.customer_id = $2"
)

_OPEN = "SELECT COALESCE(SUM(remaining), 0) FROM lot WHERE customer_id = $1 AND remaining > 0"

# "IS TRUE" keeps a condition from choosing the index: nearly all lots of a customer are active,
# few are past their date, and a plan made for any value does not know that.
# {list} and {row} are the database's own names for making JSON of rows.
_LOOK = (
    "SELECT s.orders, s.spent, s.last_purchase_at, s.window_spent, s.window_from,"  # noqa: S608
    " (SELECT COALESCE(SUM(spent), 0) FROM customer_day WHERE customer_id = $1"
    "   AND day >= s.window_from AND day < $8),"
    " r.status,"
    f" ({_OPEN} AND active_from > $9),"
    f" ({_OPEN} AND expires_at <= $9 AND (active_from <= $9) IS TRUE),"
    " (SELECT id FROM purchase WHERE draft_id = $2),"
    " (SELECT id FROM purchase WHERE outlet_id = $3 AND register = $4 AND business_date = $5"
    "   AND number = $6),"
    " (SELECT customer_id FROM card_use WHERE nonce = $7),"
    " (SELECT {list}({row}(card_key, stamps, debt, cards)) FROM stamp_balance"
    "   WHERE customer_id = $1),"
    " (SELECT {list}({row}(promotion_id, period, purchases, spent, reached_at IS NOT NULL))"
    "   FROM goal_progress WHERE customer_id = $1 AND ends_on >= $10),"
    # After a wait for the lock PostgreSQL has read only the locked row anew; a customer who was
    # merely joined still has the tier of before the sale that was waited for.
    " c.status, c.tier, c.tier_floor"
    " FROM (SELECT 1 AS one) x LEFT JOIN customer_stats s ON s.customer_id = $1"
    " LEFT JOIN referral r ON r.friend_id = $1 LEFT JOIN customer c ON c.id = $1"
)
_LOOK_POSTGRES = _LOOK.replace("{list}", "jsonb_agg").replace("{row}", "jsonb_build_array")
_LOOK_SQLITE = _LOOK.replace("{list}", "json_group_array").replace("{row}", "json_array")

_COLUMNS = (
    "SELECT id, customer_id, granted, remaining, held, earned_at, active_from, expires_at, kind,"
    " purchase_id FROM lot WHERE customer_id = $1 AND remaining > 0"
)
_ACTIVE = f"{_COLUMNS} AND (active_from <= $2) IS TRUE"
_SOONEST = f"{_ACTIVE} AND expires_at > $2 ORDER BY expires_at, earned_at, id LIMIT $3"
_ENDLESS = f"{_ACTIVE} AND expires_at IS NULL ORDER BY earned_at, id LIMIT $3"
_FIRST_LOTS = 32


@dataclass(slots=True)
class Gate:
    """Who buys, under lock, and by which version of the program."""

    wallet: Wallet
    status: str
    tier: str
    tier_floor: str | None
    home_outlet_id: int | None
    joined_at: datetime | None
    birth_day: int | None
    birth_month: int | None
    tags: Sequence[str]
    chat_id: int | None
    outlet_name: str | None
    staff_telegram_id: int | None
    version_id: int
    program: Program
    revision: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What is in force for a sale without a card."""

    version_id: int
    program: Program
    revision: int


@dataclass(frozen=True, slots=True)
class Before:
    """What has happened before: earlier purchases, and whether this one was recorded already."""

    orders: int = 0
    last_purchase_at: datetime | None = None
    # Net spend of the rolling 12 months before this sale, and from which day on it is counted;
    # what the rollup has to be moved by to say so.
    spent_12m: int = 0
    window_from: date | None = None
    window_shift: int = 0
    referral: str | None = None
    purchase_of_draft: int | None = None
    purchase_of_number: int | None = None
    nonce_used: bool = False
    stamps: Mapping[str, Standing] = field(default_factory=dict)
    # (promotion, first day of the period) → purchases, spent, whether the gift was given
    goals: Mapping[tuple[int, date], tuple[int, int, bool]] = field(default_factory=dict)


_programs: dict[int, Program] = {}


def program_of(session: Session, version_id: int) -> Program:
    """The rules of a published version; they never change, so each is read once per process.

    Raises:
        LookupError: there is no such version.
    """
    known = _programs.get(version_id)
    if known is None:
        known = _programs[version_id] = programs.by_id(session, version_id).program
    return known


def in_force(session: Session, *, now: datetime) -> Rules:
    """The program and the promotions in force at ``now``, for a sale without a card.

    Raises:
        LookupError: no program was ever published.
    """
    version_id, revision = fetch(session, f"SELECT {_IN_FORCE}", now)[0]
    if version_id is None:
        raise LookupError("no program version is published")
    return Rules(version_id, program_of(session, version_id), revision or 0)


def enter(
    session: Session,
    *,
    customer_id: int,
    outlet_id: int | None,
    staff_id: int | None,
    now: datetime,
    lock: bool = True,
) -> Gate:
    """Lock the customer's account (unless ``lock`` is False, for a quote) and read who they are.

    Raises:
        CustomerNotFound: no such customer, or an erased one.
        CustomerBlocked: the owner has closed the program to them.
        LookupError: no program was ever published.
        AlreadyThere: the card went to another customer meanwhile; the door runs it again.
    """
    tail = " FOR UPDATE OF a" if lock and is_postgres(session) else ""
    found = fetch(session, _GATE + tail, now, customer_id, outlet_id, staff_id)
    if not found:
        raise CustomerNotFound()
    row = found[0]
    if lock and row[5] == MERGED:
        raise AlreadyThere()  # the card has a new owner since it was read: look again
    check_status(row[6])
    if row[18] is None:
        raise LookupError("no program version is published")
    return Gate(
        wallet=Wallet(row[0], row[1], row[2], row[3], as_time(row[4]), row[5]),
        status=row[6],
        tier=row[7],
        tier_floor=row[8],
        home_outlet_id=row[9],
        joined_at=as_time(row[10]),
        birth_day=row[11],
        birth_month=row[12],
        tags=as_json(row[13]) or (),
        chat_id=row[14] if row[15] else None,
        outlet_name=row[16],
        staff_telegram_id=row[17],
        version_id=row[18],
        program=program_of(session, row[18]),
        revision=row[19] or 0,
    )


def check_status(status: str | None) -> None:
    """Refuse a customer who is no customer any more.

    Raises:
        CustomerNotFound, CustomerBlocked: see ``enter``.
    """
    if status is None or status == "erased":
        raise CustomerNotFound()
    if status == "blocked":
        raise CustomerBlocked()


def look(
    session: Session,
    gate: Gate | None,
    *,
    draft_id: int | None,
    outlet_id: int | None,
    register: str,
    business_date: date,
    number: str | None,
    nonce: str | None,
    today: date,
    now: datetime,
    redeem: int,
) -> Before:
    """Read what has been recorded before, and into the gate what stands now that it is locked.

    The wallet gets what ``redeem`` will be paid from, the customer their tier of this moment.

    Raises:
        CustomerNotFound, CustomerBlocked: erased or closed while the lock was waited for.
    """
    customer_id = gate.wallet.customer_id if gate else None
    window = tiers.window_start(today)
    row = fetch(
        session,
        _LOOK_POSTGRES if is_postgres(session) else _LOOK_SQLITE,
        customer_id,
        draft_id,
        outlet_id,
        register,
        business_date,
        number,
        nonce,
        window,
        now,
        # A sale recorded late counts towards the period it was made in.
        min(today, business_date),
    )[0]
    if gate is not None:
        wallet = gate.wallet
        check_status(row[14])
        gate.status, gate.tier, gate.tier_floor = row[14], row[15], row[16]
        wallet.pending_elsewhere = int(row[7])
        wallet.spendable_elsewhere = wallet.posted - int(row[7]) - int(row[8])
        if redeem:
            _take_along(session, wallet, redeem=redeem, now=now)
    spent, shift = _spent(session, row, customer_id, window)
    counted_from = date.fromisoformat(row[4]) if isinstance(row[4], str) else row[4]
    return Before(
        orders=row[0] or 0,
        last_purchase_at=as_time(row[2]),
        spent_12m=spent,
        # Outlets further east are a day ahead: the window never moves back.
        window_from=max(window, counted_from) if counted_from else window,
        window_shift=shift,
        referral=row[6],
        purchase_of_draft=row[9],
        purchase_of_number=row[10],
        nonce_used=row[11] is not None,
        stamps=_standings(row[12]),
        goals=_goals(row[13]),
    )


_DAYS = "SELECT COALESCE(SUM(spent), 0) FROM customer_day WHERE customer_id = $1 AND day >= $2"


def _spent(
    session: Session, row: Sequence[Any], customer_id: int | None, window: date
) -> tuple[int, int]:
    """Net spend since ``window``, and by how much the rollup's sum has to change to be that."""
    if row[0] is None or customer_id is None:
        return 0, 0
    if row[4] is None:  # never counted, or an import came in between
        spent = int(fetch(session, _DAYS, customer_id, window)[0][0])
        return spent, spent - int(row[3])
    return int(row[3]) - int(row[5]), -int(row[5])


def _standings(value: Any) -> dict[str, Standing]:
    return {
        key: Standing(card_key=key, stamps=stamps, debt=debt, cards=cards)
        for key, stamps, debt, cards in as_json(value) or ()
    }


def _goals(value: Any) -> dict[tuple[int, date], tuple[int, int, bool]]:
    return {
        (promotion_id, date.fromisoformat(period)): (purchases, spent, bool(reached))
        for promotion_id, period, purchases, spent, reached in as_json(value) or ()
    }


def _take_along(session: Session, wallet: Wallet, *, redeem: int, now: datetime) -> None:
    """Load lots in spending order until they hold ``redeem`` free points, or all there are."""
    for most in (_FIRST_LOTS, 1_000_000):
        rows = list(fetch(session, _SOONEST, wallet.customer_id, now, most))
        if len(rows) < most and sum(row[3] - row[4] for row in rows) < redeem:
            rows += fetch(session, _ENDLESS, wallet.customer_id, now, most)
        if len(rows) < most or sum(row[3] - row[4] for row in rows) >= redeem:
            break
    wallet.lots = [lot_of(row) for row in rows]
    wallet.spendable_elsewhere -= sum(item.remaining for item in wallet.lots)


def take_lots(session: Session, wallet: Wallet, lot_ids: Sequence[int], *, now: datetime) -> None:
    """Load the lots a hold has set aside."""
    known = {item.id for item in wallet.lots}
    for lot_id in lot_ids:
        if lot_id in known:
            continue
        found = fetch(session, _COLUMNS + " AND id = $2", wallet.customer_id, lot_id)
        for row in found:
            item = lot_of(row)
            wallet.lots.append(item)
            if item.is_spendable(now):
                wallet.spendable_elsewhere -= item.remaining
