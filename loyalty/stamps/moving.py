"""Stamps inside a sale, a return or by hand: entries, the new standing, rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, vouchers
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.program.rules import StampCardRule
from loyalty.stamps.model import (
    DEBT,
    EARNED,
    GIFT,
    MOVED,
    REPAID,
    RETURNED,
    Move,
    Prize,
    Standing,
    add,
    capped,
    prize_key,
    take,
)
from loyalty.stamps.prizes import renumber
from loyalty.stamps.tables import stamp_balance, stamp_entry
from loyalty.vouchers import Issued
from loyalty.wallet.locking import lock

SOURCE = "stamps"
"""Where the vouchers of this room come from."""


@dataclass(frozen=True, slots=True)
class Given:
    """What giving stamps did. ``added`` before any debt was repaid; rewards as they came."""

    standing: Standing
    added: int
    rewards: Sequence[Issued]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a return did to one card: stamps off cards, owed instead, rewards taken back."""

    standing: Standing
    taken: int
    debt: int
    rewards_voided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    """What every entry of one change says about where it comes from."""

    customer_id: int
    outlet_id: int | None
    day: date
    kind: str
    id: str
    actor: str
    now: datetime


def give(
    rows: Rows,
    *,
    rule: StampCardRule,
    standing: Standing | None,
    stamps: int,
    today: int,
    customer_id: int,
    outlet_id: int | None,
    day: date,
    cause_kind: str,
    cause_id: str,
    actor: str,
    now: datetime,
    gift: int = 0,
    time_zone: str | None = None,
) -> Given:
    """Stamps for a sale, up to the day's cap; full cards and prizes on the way bring vouchers.

    ``standing`` is the customer's (None: none yet), read under the lock on the account;
    ``today`` how many were earned on ``day`` at this outlet before (``earned_today``). ``gift``
    stamps come on top, past the cap (a promotion's, a goal's). Once per cause and card. Prizes
    are good through their last day in ``time_zone``.

    Raises:
        ValueError: a negative number of stamps.
    """
    cause = _Cause(
        customer_id=customer_id,
        outlet_id=outlet_id,
        day=day,
        kind=cause_kind,
        id=cause_id,
        actor=actor,
        now=now,
    )
    before = standing or Standing(rule.key)
    added = capped(rule, stamps, today=today, outlet_id=outlet_id)
    if not added + gift:
        return Given(before, 0, ())
    move = add(rule, before, earned=added, gift=gift)
    return _given(rows, rule, move, cause, is_new=standing is None, time_zone=time_zone)


def grant(
    session: Session,
    *,
    rule: StampCardRule,
    customer_id: int,
    stamps: int,
    cause_kind: str,
    cause_id: str,
    actor: str,
    day: date,
    now: datetime,
    time_zone: str | None = None,
) -> Given | None:
    """Stamps by hand, as a gift or for a goal, past any cap; None if this cause gave before.

    Takes the lock on the account and writes at once.

    Raises:
        CustomerNotFound: the customer has no account.
        ValueError: not one stamp or more.
    """
    if stamps < 1:
        raise ValueError("a gift is one stamp at least")
    lock(session, [customer_id])
    e = stamp_entry.c
    given_before = sa.select(e.id).where(
        e.source_kind == cause_kind,
        e.source_id == cause_id,
        e.card_key == rule.key,
        e.kind == GIFT,
    )
    if session.execute(given_before).scalar_one_or_none() is not None:
        return None
    standing = standings(session, customer_id=customer_id).get(rule.key)
    cause = _Cause(
        customer_id=customer_id,
        outlet_id=None,
        day=day,
        kind=cause_kind,
        id=cause_id,
        actor=actor,
        now=now,
    )
    rows = Rows()
    move = add(rule, standing or Standing(rule.key), gift=stamps)
    given = _given(rows, rule, move, cause, is_new=standing is None, time_zone=time_zone)
    rows.put(session)
    return given


def take_back(
    session: Session,
    rows: Rows,
    *,
    customer_id: int,
    card_rules: Mapping[str, StampCardRule],
    taken: Mapping[str, int],
    cause_kind: str,
    cause_id: str,
    actor: str,
    day: date,
    now: datetime,
    outlet_id: int | None = None,
) -> dict[str, TakenBack]:
    """Roll back ``taken`` stamps by card key, when goods return; what became of each card.

    The account is locked. From the open card first; then unused rewards are taken back (written
    at once) and their cards reopened; what is left is owed. ``outlet_id`` and ``day`` are the
    purchase's, so that the day's cap is free again. Call once per return, after
    ``vouchers.roll_back``. A card whose rule is gone (not in ``card_rules``) is left alone.

    Raises:
        ValueError: a negative number of stamps.
    """
    wanted = {key: n for key, n in taken.items() if n and key in card_rules}
    if not wanted:
        return {}
    cause = _Cause(
        customer_id=customer_id,
        outlet_id=outlet_id,
        day=day,
        kind=cause_kind,
        id=cause_id,
        actor=actor,
        now=now,
    )
    stand = standings(session, customer_id=customer_id)
    # Most returns stay on the open card and need not look through a long history of rewards.
    unused: Mapping[str, int] = {}
    if any(
        card_rules[key].interim or key not in stand or stand[key].stamps < n
        for key, n in wanted.items()
    ):
        unused = vouchers.unused_of(session, customer_id=customer_id, source_kind=SOURCE)
    done: dict[str, TakenBack] = {}
    for key, stamps in wanted.items():
        before = stand.get(key)
        move = take(
            card_rules[key],
            before or Standing(key),
            stamps,
            customer_id=customer_id,
            unused=unused,
            is_issued=lambda name: vouchers.is_issued(session, name),
        )
        freed = {unused[own]: free for own, free in move.taken.items()}
        vouchers.void(session, rows, freed, actor=actor, now=now)
        _write(rows, move, cause, is_new=before is None)
        owed = move.entries.get("debt", 0)
        done[key] = TakenBack(move.standing, stamps - owed, owed, len(freed))
    return done


def move_all(
    session: Session,
    rows: Rows,
    *,
    from_id: int,
    to_id: int,
    card_rules: Mapping[str, StampCardRule],
    actor: str,
    day: date,
    now: datetime,
    time_zone: str | None = None,
) -> int:
    """Put every stamp (and stamp owed) of one customer onto another's cards; how many stamps.

    Both accounts are locked. A card the other has not begun goes over as it is, prizes on the
    way included; onto one that is begun its stamps are a gift, which may fill it. Full cards
    count before the open one, so that a return finds their prizes. Stamps of a card that the
    program has no more stay where they are.
    """
    mine, theirs = standings(session, customer_id=from_id), standings(session, customer_id=to_id)
    moved = 0
    for key, old in mine.items():
        rule = card_rules.get(key)
        if rule is None or not (old.stamps or old.debt or old.cards):
            continue
        parts: dict[str, Any] = {
            "outlet_id": None, "day": day, "kind": "merge", "actor": actor, "now": now,
        }  # fmt: skip
        away = Move(Standing(key))
        away.note(MOVED, -old.stamps)
        away.note(GIFT, old.debt)
        away.note(REPAID, -old.debt)
        source = _Cause(customer_id=from_id, id=f"{from_id}:from", **parts)
        _write(rows, away, source, is_new=False)
        before = theirs.get(key)
        target = _Cause(customer_id=to_id, id=f"{from_id}:to", **parts)
        known = before or Standing(key)
        renumber(
            session,
            source_kind=SOURCE,
            rule=rule,
            from_id=from_id,
            to_id=to_id,
            old=old,
            known=known,
        )
        known = replace(known, cards=known.cards + old.cards)
        if known.stamps or known.debt:
            move = add(rule, known, gift=old.stamps)
        else:
            move = Move(Standing(key, old.stamps, cards=known.cards))
            move.note(GIFT, old.stamps)
        # What is owed comes along as it is: the next stamps pay it.
        move.note(RETURNED, -old.debt)
        move.note(DEBT, old.debt)
        move.standing = replace(move.standing, debt=move.standing.debt + old.debt)
        _given(rows, rule, move, target, is_new=before is None, time_zone=time_zone)
        moved += old.stamps
    return moved


def _given(
    rows: Rows,
    rule: StampCardRule,
    move: Move,
    cause: _Cause,
    *,
    is_new: bool,
    time_zone: str | None,
) -> Given:
    _write(rows, move, cause, is_new=is_new)
    rewards = [_reward(rows, rule, prize, cause, time_zone) for prize in move.given]
    added = move.entries.get(EARNED, 0) + move.entries.get(GIFT, 0)
    return Given(move.standing, added, rewards)


def _write(rows: Rows, move: Move, cause: _Cause, *, is_new: bool) -> None:
    standing = move.standing
    for kind, amount in move.entries.items():
        rows.insert(
            stamp_entry,
            {
                "id": new_id(),
                "customer_id": cause.customer_id,
                "card_key": standing.card_key,
                "outlet_id": cause.outlet_id,
                "day": cause.day,
                "at": cause.now,
                "amount": amount,
                "kind": kind,
                "source_kind": cause.kind,
                "source_id": cause.id,
                "actor": cause.actor,
            },
        )
    row = {
        "customer_id": cause.customer_id,
        "card_key": standing.card_key,
        "stamps": standing.stamps,
        "debt": standing.debt,
        "cards": standing.cards,
    }
    if is_new:
        rows.insert(stamp_balance, row)
    else:
        rows.update(stamp_balance, row)


def _reward(
    rows: Rows, rule: StampCardRule, prize: Prize, cause: _Cause, time_zone: str | None
) -> Issued:
    interim = {place.at: place.gift for place in rule.interim}
    gift = rule.reward if prize.at == rule.stamps else interim[prize.at]
    issued = vouchers.issue(
        rows,
        kind=vouchers.COUPON,
        name=gift.name,
        effect=gift.effect,
        source_kind=SOURCE,
        created_by=cause.actor,
        now=cause.now,
        customer_id=cause.customer_id,
        issue_key=prize_key(cause.customer_id, rule, prize),
        valid_days=gift.valid_days,
        time_zone=time_zone,
        minimum=gift.minimum,
        # It was paid for with stamps: two of them, or one beside a promo code that allows it.
        combines=True,
    )
    events.record(
        rows,
        type="stamps.reward",
        customer_id=cause.customer_id,
        actor=cause.actor,
        data={"card": rule.key, "at": prize.at, "voucher_id": issued.id},
        now=cause.now,
    )
    return issued


def standings(session: Session, *, customer_id: int) -> dict[str, Standing]:
    """Where the customer stands on each card, by card key."""
    b = stamp_balance.c
    found = session.execute(
        sa.select(b.card_key, b.stamps, b.debt, b.cards).where(b.customer_id == customer_id)
    )
    return {row.card_key: Standing(*row) for row in found}


def earned_today(
    session: Session, *, customer_id: int, outlet_id: int | None, day: date
) -> dict[str, int]:
    """Stamps earned on ``day`` at the outlet, by card, less those returned: what a cap counts."""
    e = stamp_entry.c
    found = session.execute(
        sa.select(e.card_key, sa.func.sum(e.amount))
        .where(
            e.customer_id == customer_id,
            e.day == day,
            e.outlet_id == outlet_id,
            e.kind.in_((EARNED, RETURNED)),
        )
        .group_by(e.card_key)
    )
    return {key: max(0, int(total)) for key, total in found}
