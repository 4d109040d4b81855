"""The review: warns, lowers after a warning, lifts who reaches more, mends the rollup.

Both walks go through all customers in chunks of ids. A chunk is one statement that adds up the
days and brings back only those for whom something is to be done; their accounts are locked,
their days are added up again, and then it is done. Walking twice, on two machines or late
changes nothing the second time: a tier goes down only by a warning, and that ends the warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging
from loyalty import program as programs
from loyalty.customers import customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.program import Program
from loyalty.receipts import customer_stats
from loyalty.tiers import standing as standings
from loyalty.tiers.levels import UNKNOWN, change, order, reached
from loyalty.tiers.standing import MOST, SCAN, Standing

TOLD_AT = time(10)
"""Business time of day from which people are told: a civil hour."""

TOLD_BY = "tier_warning"
"""The chain that tells of it in the shop's own words; who does not hear of it there gets ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What a chunk of the review did; ``position`` is where to go on, None at the end."""

    up: int = 0
    down: int = 0
    mended: int = 0
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """How many customers a chunk has warned; ``position`` as in ``Reviewed``."""

    customers: int = 0
    position: int | None = None


def review_day(day: date, warning_days: int) -> date:
    """The review (a 1st) for which a warning on ``day`` is in time."""
    earliest = day + timedelta(days=warning_days)
    return earliest if earliest.day == 1 else clock.add_months(earliest.replace(day=1), 1)


def review(
    session: Session,
    *,
    now: datetime,
    time_zone: str,
    after: int = 0,
    scan: int = SCAN,
    most: int = MOST,
) -> Reviewed:
    """Review the customers after id ``after``: up at once, down one level if warned for a day
    that has come. Locks the accounts of those it changes.
    """
    program = programs.current(session, now=now).program
    today = clock.local_date(now, time_zone)
    first = today.replace(day=1)

    def look(among: Sequence[int] | tuple[int, int | None]) -> list[Standing]:
        found = standings.sums(today=today, review_day=first, among=among)
        reaches = standings.place_of_spend(program, found.c.spent)
        has = standings.place_of_key(program, found.c.tier)
        at_least = standings.place_of_key(program, found.c.floor)
        something = sa.or_(
            reaches > has,
            at_least > has,
            found.c.warned_for <= today,
            found.c.window_spent != found.c.window,
        )
        return standings.read(session, found, something, most)

    end = standings.chunk_end(session, after, scan)
    found = look((after, end))
    position = found[-1].customer_id if len(found) == most else end
    if not found:
        return Reviewed(position=position)
    ids = [item.customer_id for item in found]
    standings.lock_accounts(session, ids)
    rows = Rows()
    moves = [_settle(rows, item, program=program, today=today, now=now) for item in look(ids)]
    rows.put(session)
    return Reviewed(
        up=sum(move > 0 for move, _ in moves),
        down=sum(move < 0 for move, _ in moves),
        mended=sum(mended for _, mended in moves),
        position=position,
    )


def _settle(
    rows: Rows, item: Standing, *, program: Program, today: date, now: datetime
) -> tuple[int, bool]:
    """What is to be done for one customer; (1 up, -1 down or 0, was the rollup wrong)."""
    if item.differs:
        rows.update(customer_stats, {"customer_id": item.customer_id, "window_spent": item.window})
    floor, has = order(program, item.floor), order(program, item.tier)
    place = max(order(program, reached(program, item.spent)), floor)
    warned = item.warned_for is not None and item.warned_for <= today
    if place <= has and warned:
        kept = max(order(program, reached(program, item.kept)), floor)
        place = max(has - 1, kept) if kept < has else has
    elif place <= has:
        place = has
    if place != has:
        change(
            rows,
            customer_id=item.customer_id,
            old=item.tier,
            new=program.tiers[place].key,
            rise=place > has,
            reason="review",
            spent=item.spent,
            now=now,
            actor=events.SYSTEM,
        )
    elif warned:
        _forget_warning(rows, item.customer_id)
    # A tier the program has no longer counts as lower than all of them.
    return (place > has) - (place < has), item.differs


def _forget_warning(rows: Rows, customer_id: int) -> None:
    rows.update(customer, {"id": customer_id, "tier_warned_at": None, "tier_warned_for": None})


def warn(
    session: Session,
    *,
    now: datetime,
    time_zone: str,
    after: int = 0,
    scan: int = SCAN,
    most: int = MOST,
) -> Warned:
    """Warn those after id ``after`` whom the next review in time for it would lower: event
    ``tier.warned`` and a message. Locks the accounts of those it warns.
    """
    program = programs.current(session, now=now).program
    today = clock.local_date(now, time_zone)
    day = review_day(today, program.tier_warning_days)

    def look(among: Sequence[int] | tuple[int, int | None]) -> list[Standing]:
        found = standings.sums(today=today, review_day=day, among=among)
        has = standings.place_of_key(program, found.c.tier)
        short = sa.and_(
            has != UNKNOWN,
            standings.place_of_spend(program, found.c.kept) < has,
            standings.place_of_key(program, found.c.floor) < has,
            sa.or_(found.c.warned_for.is_(None), found.c.warned_for < today),
        )
        return standings.read(session, found, short, most)

    end = standings.chunk_end(session, after, scan)
    found = look((after, end))
    position = found[-1].customer_id if len(found) == most else end
    if not found:
        return Warned(position=position)
    ids = [item.customer_id for item in found]
    standings.lock_accounts(session, ids)
    short = look(ids)
    chats = _chats(session, [item.customer_id for item in short])
    rows = Rows()
    told_at = max(now + messaging.AFTER_CHAIN, clock.local_instant(today, TOLD_AT, time_zone))
    for item in short:
        _warn(rows, item, program=program, day=day, now=now)
        if item.customer_id in chats:
            _tell(rows, item, chats[item.customer_id], program, day=day, now=now, due_at=told_at)
    rows.put(session)
    return Warned(customers=len(short), position=position)


def _warn(rows: Rows, item: Standing, *, program: Program, day: date, now: datetime) -> None:
    rows.update(customer, {"id": item.customer_id, "tier_warned_at": now, "tier_warned_for": day})
    events.record(
        rows,
        type="tier.warned",
        customer_id=item.customer_id,
        actor=events.SYSTEM,
        data={
            "tier": item.tier,
            "falls_to": program.tiers[order(program, item.tier) - 1].key,
            "for": day.isoformat(),
            "to_keep": program.tier(item.tier).threshold - item.kept,
        },
        now=now,
    )


def _tell(
    rows: Rows,
    item: Standing,
    chat_id: int,
    program: Program,
    *,
    day: date,
    now: datetime,
    due_at: datetime,
) -> None:
    tier = program.tier(item.tier)
    messaging.enqueue(
        rows,
        customer_id=item.customer_id,
        chat_id=chat_id,
        message_class=messaging.SERVICE,
        key=f"tier_warned:{item.customer_id}:{day.isoformat()}",
        payload={
            "template": "tier_warned",
            "values": {
                "tier": {language: tier.title(language) for language in ("ru", "en")},
                "to_keep": tier.threshold - item.kept,
                "last_day": (day - timedelta(days=1)).isoformat(),
            },
            "unless": TOLD_BY,
        },
        now=now,
        due_at=due_at,
        deadline=due_at + messaging.CHAIN_MAY_TAKE,
    )


def _chats(session: Session, ids: Sequence[int]) -> dict[int, int]:
    query = sa.select(telegram_chat.c.customer_id, telegram_chat.c.telegram_id).where(
        telegram_chat.c.customer_id.in_(ids), telegram_chat.c.reachable
    )
    return {row.customer_id: row.telegram_id for row in session.execute(query)}
