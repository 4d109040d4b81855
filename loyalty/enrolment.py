"""Guests without personal data: a paper card or a card on the till's screen, claimed later.

A printed blank is nothing but a signed token; its first scan at a till makes it an anonymous
customer, who earns at once. Whoever opens the card's link with their own phone and joins becomes
that customer; if they are one already, all that the card has goes to theirs, once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import customers, events, promotions, stamps, tiers, vouchers, wallet
from loyalty.clock import local_date
from loyalty.customers import Identified, card, card_code, customer, external_id, telegram_chat
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import (
    CardBlank,
    CardTaken,
    ClaimExpired,
    CodeInvalid,
    CustomerNotFound,
    OwnCard,
)
from loyalty.ids import new_id
from loyalty.program import current
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase, purchase_return
from loyalty.staff import staff
from loyalty.tokens import (
    CARD,
    GUEST,
    PAPER,
    CardToken,
    Keys,
    new_nonce,
    new_pseudonym,
    read_card,
    sign_card,
)
from loyalty.wallet.repair import repair_rollups

SCREEN_LIFETIME = timedelta(hours=72)
"""How long a card shown on a till's screen waits for its guest; a printed one has no limit."""

AT_TILL, ON_PAPER = "till", "paper_card"
"""``customer.source`` of who was enrolled without and with a paper card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A card that nobody has claimed: what is on it. ``customer_id`` None: a blank.

    ``printed``: a card of paper, not the QR on a till's screen.
    """

    customer_id: int | None
    points: int = 0
    stamps: int = 0
    vouchers: int = 0
    printed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim has brought; ``already``: the card was theirs before.

    ``printed``: a card of paper, not the QR on a till's screen.
    """

    customer_id: int
    points: int = 0
    stamps: int = 0
    vouchers: int = 0
    already: bool = False
    printed: bool = True


def blank(keys: Keys, *, now: datetime) -> tuple[str, str]:
    """A new printed card: its token (without ``c_``) and its pseudonym. Nothing is written."""
    pseudonym = new_pseudonym()
    token = sign_card(keys, pseudonym=pseudonym, nonce=new_nonce(), now=now, kind=PAPER)
    return token, pseudonym


def enrol(
    session: Session,
    *,
    pseudonym: str | None,
    outlet_id: int | None,
    actor: str,
    now: datetime,
    language: str = "ru",
) -> int:
    """An anonymous customer with a wallet: of the paper card with ``pseudonym``, or of none.

    Raises:
        AlreadyThere: another till has scanned the card this very moment; the door looks again.
    """
    rows = Rows()
    customer_id = customers.create(
        rows,
        status=customers.ANONYMOUS,
        language=language,
        now=now,
        source=AT_TILL if pseudonym is None else ON_PAPER,
        home_outlet_id=outlet_id,
    )
    wallet.open_account(rows, customer_id=customer_id)
    events.record(
        rows,
        type="customer.enrolled",
        customer_id=customer_id,
        actor=actor,
        data={"outlet_id": str(outlet_id), "paper": pseudonym is not None},
        now=now,
    )
    rows.put(session)
    _add_paper(session, customer_id, pseudonym or new_pseudonym(), now)
    return customer_id


def identify(
    session: Session,
    *,
    keys: Keys,
    token: str,
    outlet_id: int | None,
    actor: str,
    now: datetime,
    language: str = "ru",
) -> Identified:
    """Whose card a token (or link) is, as ``customers.identify_token`` says; a blank paper card
    becomes somebody's by this.

    Raises:
        CodeInvalid, CustomerNotFound, CustomerBlocked: as there.
        AlreadyThere: see ``enrol``.
    """
    try:
        return customers.identify_token(session, keys=keys, token=token, now=now)
    except CardBlank:
        read = read_card(keys, customers.token_of(token))
        enrol(
            session,
            pseudonym=read.pseudonym,
            outlet_id=outlet_id,
            actor=actor,
            now=now,
            language=language,
        )
    return customers.identify_token(session, keys=keys, token=token, now=now)


def screen_token(session: Session, *, keys: Keys, customer_id: int, now: datetime) -> str | None:
    """The token (without ``c_``) that gives this card to its guest, for a till's screen.

    None: it was enrolled by a paper card, which its guest holds, or it is somebody's already.
    """
    found = session.execute(
        sa.select(card.c.pseudonym)
        .join(customer, customer.c.id == card.c.customer_id)
        .where(
            card.c.customer_id == customer_id,
            card.c.paper,
            card.c.revoked_at.is_(None),
            customer.c.status == customers.ANONYMOUS,
            customer.c.merged_into.is_(None),
            customer.c.source == AT_TILL,
        )
        .order_by(card.c.id)
        .limit(1)
    ).scalar_one_or_none()
    if found is None:
        return None
    return sign_card(keys, pseudonym=found, nonce=new_nonce(), now=now, kind=GUEST)


def look(session: Session, *, keys: Keys, token: str, now: datetime) -> Waiting | None:
    """What is on an unclaimed card; None: it is somebody's, closed, late or none of ours."""
    try:
        read = _read(keys, token, now)
    except (CodeInvalid, ClaimExpired):
        return None
    row = _card_of(session, read)
    if row is None:
        return Waiting(customer_id=None) if read.kind == PAPER else None
    if row.revoked_at is not None or row.status != customers.ANONYMOUS:
        return None
    owned = wallet.balance(session, customer_id=row.customer_id, now=now)
    stand = stamps.standings(session, customer_id=row.customer_id)
    return Waiting(
        customer_id=row.customer_id,
        points=owned.available + owned.pending,
        stamps=sum(one.stamps for one in stand.values()),
        vouchers=len(vouchers.mine(session, customer_id=row.customer_id, now=now)),
        printed=read.kind == PAPER,
    )


def claim(
    session: Session, *, keys: Keys, token: str, customer_id: int, time_zone: str, now: datetime
) -> Claimed:
    """Give a paper card to a member: all that is on it goes to them, and it earns to them.

    Locks both wallets. The first who claims has it; claimed again by the same, it is ``already``.

    Raises:
        CodeInvalid: no card of ours, or a closed one.
        CardTaken: it is somebody else's.
        ClaimExpired: the till's screen showed it more than 72 hours ago.
        CustomerNotFound: the member has no wallet, or has gone.
        OwnCard: the member is a cashier who has sold to this card.
    """
    read = read_card(keys, customers.token_of(token))
    if read.kind == CARD:
        raise CodeInvalid()
    row = _card_of(session, read)
    if row is None:
        if read.kind != PAPER:
            raise CodeInvalid()
        _add_paper(session, customer_id, read.pseudonym, now)
        return Claimed(customer_id=customer_id)
    if row.customer_id == customer_id:
        return Claimed(customer_id=customer_id, already=True, printed=read.kind == PAPER)
    if row.revoked_at is not None:
        raise CodeInvalid()
    _read(keys, token, now)
    found = merge(session, from_id=row.customer_id, to_id=customer_id, time_zone=time_zone, now=now)
    return replace(found, printed=read.kind == PAPER)


def merge(session: Session, *, from_id: int, to_id: int, time_zone: str, now: datetime) -> Claimed:
    """All that an anonymous customer has becomes a member's. Locks both wallets.

    Points, stamps and debt go by entries; purchases, vouchers and paper cards are the member's
    from now on, so a return of an old purchase is theirs too.

    Raises:
        CardTaken: the card has been claimed meanwhile.
        CustomerNotFound: one of them is none (any more).
        OwnCard: the member is a cashier who has sold to this card.
    """
    wallets = wallet.lock(session, [from_id, to_id])
    _check(session, from_id, to_id)
    _check_not_sold_by(session, from_id, to_id)
    actor, rows = f"customer:{to_id}", Rows()
    source, target = wallets[from_id], wallets[to_id]
    points = wallet.move_all(rows, source=source, target=target, actor=actor, now=now)
    rules = current(session, now=now).program
    moved = stamps.move_all(
        session,
        rows,
        from_id=from_id,
        to_id=to_id,
        card_rules={rule.key: rule for rule in rules.stamp_cards},
        actor=actor,
        day=local_date(now, time_zone),
        now=now,
        time_zone=time_zone,
    )
    found = len(vouchers.mine(session, customer_id=from_id, now=now))
    _goals(session, rows, from_id, to_id)
    source.finish(rows)
    target.finish(rows)
    events.record(
        rows,
        type="customer.merged",
        customer_id=to_id,
        actor=actor,
        data={"from": str(from_id), "points": points, "stamps": moved, "vouchers": found},
        now=now,
    )
    rows.put(session)
    _hand_over(session, from_id, to_id, now)
    repair_rollups(session, customer_ids=[from_id, to_id])
    today = local_date(now, time_zone)
    tiers.lift(session, customer_id=to_id, program=rules, today=today, actor=actor, now=now)
    wallet.freeze(
        session, customer_id=from_id, reason=wallet.MERGED, until=None, actor=actor, now=now
    )
    return Claimed(customer_id=to_id, points=points, stamps=moved, vouchers=found)


# --- inside ------------------------------------------------------------------------------


def _read(keys: Keys, token: str, now: datetime) -> CardToken:
    """The token of a card that can be claimed.

    Raises:
        CodeInvalid: it is none.
        ClaimExpired: it was on a till's screen too long ago.
    """
    read = read_card(keys, customers.token_of(token))
    if read.kind == CARD:
        raise CodeInvalid()
    if read.kind == GUEST and now - read.issued_at >= SCREEN_LIFETIME:
        raise ClaimExpired()
    return read


def _card_of(session: Session, read: CardToken) -> Any:
    query = (
        sa.select(card.c.customer_id, card.c.revoked_at, customer.c.status)
        .join(customer, customer.c.id == card.c.customer_id)
        .where(card.c.pseudonym == read.pseudonym, card.c.paper)
    )
    return session.execute(query).one_or_none()


def _add_paper(session: Session, customer_id: int, pseudonym: str, now: datetime) -> None:
    row = {
        "id": new_id(),
        "customer_id": customer_id,
        "pseudonym": pseudonym,
        "created_at": now,
        "paper": True,
    }
    try:
        session.execute(sa.insert(card).values(**row))
    except IntegrityError as problem:
        if is_unique_violation(problem):
            raise AlreadyThere() from problem
        raise


def _check(session: Session, from_id: int, to_id: int) -> None:
    """Who they are now that both are locked."""
    query = sa.select(customer.c.id, customer.c.status, customer.c.merged_into)
    found = session.execute(query.where(customer.c.id.in_([from_id, to_id]))).all()
    people = {row.id: row for row in found}
    old, new = people.get(from_id), people.get(to_id)
    if new is None or new.status != customers.ACTIVE:
        raise CustomerNotFound()
    if old is None or old.status != customers.ANONYMOUS or old.merged_into is not None:
        raise CardTaken()


def _check_not_sold_by(session: Session, from_id: int, to_id: int) -> None:
    """Whoever rings up guests does not collect what they have earned."""
    query = (
        sa.select(purchase.c.id)
        .join(staff, staff.c.id == purchase.c.staff_id)
        .join(telegram_chat, telegram_chat.c.telegram_id == staff.c.telegram_id)
        .where(purchase.c.customer_id == from_id, telegram_chat.c.customer_id == to_id)
        .limit(1)
    )
    if session.execute(query).first() is not None:
        raise OwnCard()


def _goals(session: Session, rows: Rows, from_id: int, to_id: int) -> None:
    """What was counted towards goals counts for the member."""
    table = promotions.goal_progress
    found = session.execute(sa.select(table).where(table.c.customer_id == from_id)).mappings()
    for row in found.all():
        rows.add(table, {**row, "customer_id": to_id})
    session.execute(sa.delete(table).where(table.c.customer_id == from_id))


def _hand_over(session: Session, from_id: int, to_id: int, now: datetime) -> None:
    """Everything that names the card's customer names the member; its bot card is closed."""
    live = sa.select(card.c.id).where(card.c.customer_id == from_id, sa.not_(card.c.paper))
    session.execute(sa.delete(card_code).where(card_code.c.card_id.in_(live)))
    for update in (
        sa.update(card)
        .where(card.c.customer_id == from_id, sa.not_(card.c.paper))
        .values(revoked_at=now),
        sa.update(card).where(card.c.customer_id == from_id, card.c.paper)
        .values(customer_id=to_id),
        # A sale that is being rung up with the card goes on, for the member.
        sa.update(sale_draft)
        .where(sale_draft.c.customer_id == from_id, sale_draft.c.status == "open")
        .values(customer_id=to_id, may_redeem=False),
        sa.update(customer).where(customer.c.id == from_id).values(merged_into=to_id),
    ):  # fmt: skip
        session.execute(update)
    customers.carry_own_fields(session, from_id=from_id, to_id=to_id)
    for table in (
        purchase,
        purchase_return,
        vouchers.voucher,
        vouchers.voucher_use,
        external_id,
    ):
        moving = sa.update(table).where(table.c.customer_id == from_id)
        session.execute(moving.values(customer_id=to_id))
