"""Joining: consent and a verified phone make a customer, with a card, a wallet and a welcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import (
    clock,
    consent,
    customers,
    events,
    messaging,
    program,
    referrals,
    sources,
    wallet,
)
from loyalty.consent import PERSONAL_DATA, ConsentText
from loyalty.customers import Customer, customer, phone_seen, telegram_chat
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import CustomerBlocked
from loyalty.receipts import purchase
from loyalty.referrals import Attached, Refusal
from loyalty.staff import staff
from loyalty.tokens import Keys

REFERRAL = "referral:"
_POSTER, _FRIEND = sources.PREFIX, "r_"
ASK_ADS = "ads"
"""The step of a chat that has joined and was not yet asked about advertising."""
MOVED = "moved"
"""The step of a chat whose card went to another one that shared the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The personal-data consent as it was given, before there was a customer to tie it to."""

    version: int
    language: str
    at: datetime
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Who joined. ``welcome`` points were given now; ``moved``: a known card came to this chat.

    ``invited``: what became of the friend's code they came by; None if they came by none.
    """

    customer_id: int
    created: bool
    welcome: int
    moved: bool = False
    frozen_until: datetime | None = None
    invited: Attached | Refusal | None = None
    # The paper card they came by is theirs now: they are the customer it was of.
    by_card: bool = False


def join(
    session: Session,
    *,
    keys: Keys,
    telegram_id: int,
    phone: str,
    name: str | None,
    agreement: Agreement,
    source: str | None,
    time_zone: str,
    now: datetime,
    code: str | None = None,
    card_of: int | None = None,
) -> Joined:
    """Make the person behind a chat a customer, or give them the card that has their phone.

    ``phone`` is verified (the contact button) and as ``customers.normalize_phone`` gives it.
    ``time_zone`` is the business's: welcome points expire by its calendar. Run twice, it
    changes nothing the second time. A phone whose card lives in another Telegram account moves
    the card here: the old chat is told and redemption is frozen for a while. ``code`` is a
    friend's, also for somebody whose first source was another one. ``card_of`` is the anonymous
    customer whose paper card they came by: if they are new and it is unclaimed (first
    come, first served), they become that customer. Locks that one's wallet.

    Raises:
        CustomerBlocked: the program is closed to the customer with this phone.
    """
    chat = customers.visit(session, telegram_id).chat
    if chat is not None and chat.customer_id is not None:
        return Joined(customer_id=chat.customer_id, created=False, welcome=0)
    known = customers.find_by_phone(session, phone)
    phone_hash = keys.phone_hash(phone)
    claimed = _unclaimed(session, card_of, telegram_id) if known is None else None
    known = known or claimed
    profile: dict[str, Any] = {
        "name": name,
        "phone": phone,
        "phone_hash": phone_hash,
        "language": agreement.language,
        "source": source,
        "now": now,
    }
    moved, until = False, None
    if known is None:
        customer_id = _create(session, **profile)
    else:
        if known.status == customers.BLOCKED:
            raise CustomerBlocked()
        customer_id = known.id
        moved, until = _give_card(session, known, telegram_id=telegram_id, now=now)
        _claim_profile(session, known, **profile)
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == telegram_id)
        .values(customer_id=customer_id, step=ASK_ADS, step_data=None)
    )
    customers.forget_links(session, telegram_id)
    _record_agreement(session, customer_id, agreement)
    _record_event(session, customer_id, source, known is None, moved, now=now)
    invited = _invited(session, customer_id, code, source, now=now)
    welcome = _welcome(session, customer_id, phone_hash, time_zone=time_zone, now=now)
    return Joined(
        customer_id=customer_id,
        created=known is None,
        welcome=welcome,
        moved=moved,
        frozen_until=until,
        invited=invited,
        by_card=claimed is not None,
    )


def _invited(
    session: Session, customer_id: int, code: str | None, source: str | None, *, now: datetime
) -> Attached | Refusal | None:
    """What becomes of the friend's code they came by; None without one."""
    if code is None and source is not None and source.startswith(REFERRAL):
        code = source.removeprefix(REFERRAL)
    if code is None:
        return None
    # A code that does not count (an old customer, one's own) changes nothing about joining.
    return referrals.attach(session, friend_id=customer_id, code=code, now=now)


def _unclaimed(session: Session, customer_id: int | None, telegram_id: int) -> Customer | None:
    """The anonymous customer of a paper card, under lock; None: none is free, or it is one
    that this very person has sold to."""
    if customer_id is None:
        return None
    wallet.lock(session, [customer_id])
    free = sa.select(customer.c.id).where(
        customer.c.id == customer_id,
        customer.c.status == customers.ANONYMOUS,
        customer.c.phone.is_(None),
        customer.c.merged_into.is_(None),
        sa.not_(_sold_to_by(customer_id, telegram_id)),
    )
    if session.execute(free).one_or_none() is None:
        return None
    return customers.get(session, customer_id)


def _sold_to_by(customer_id: int, telegram_id: int) -> sa.ColumnElement[bool]:
    seller = sa.select(staff.c.id).where(staff.c.telegram_id == telegram_id)
    return sa.exists().where(purchase.c.customer_id == customer_id, purchase.c.staff_id.in_(seller))


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the links somebody came by say: the first source, the first friend's code that
    exists, and the other payloads (receipts, paper cards), the newest first."""

    source: str | None = None
    code: str | None = None
    claims: tuple[str, ...] = ()


def arrival(session: Session, payloads: Sequence[str]) -> Arrival:
    """Read the payloads a chat came by, the first one first; forged ones say nothing."""
    source = code = None
    rest = []
    for payload in payloads:
        if not payload.startswith((_POSTER, _FRIEND)):
            rest.append(payload)
            continue
        found = source_of(session, payload)
        source = source or found
        if code is None and found is not None and found.startswith(REFERRAL):
            code = found.removeprefix(REFERRAL)
    return Arrival(source, code, tuple(reversed(rest)))


def source_of(session: Session, payload: str | None) -> str | None:
    """Where a start payload says somebody comes from: ``referral:CODE`` for a friend's code
    that exists, the name of a poster or table tent, None for anything else."""
    payload = payload or ""
    if payload.startswith(_POSTER):
        return sources.key_of(payload)
    if payload.startswith(_FRIEND) and (
        code := referrals.normalize_code(payload.removeprefix(_FRIEND))
    ):
        known = session.execute(
            sa.select(customer.c.id).where(customer.c.referral_code == code)
        ).scalar_one_or_none()
        return f"{REFERRAL}{code}" if known is not None else None
    return None


def _create(
    session: Session,
    *,
    name: str | None,
    phone: str,
    phone_hash: str,
    language: str,
    source: str | None,
    now: datetime,
) -> int:
    rows = Rows()
    customer_id = customers.create(
        rows,
        status=customers.ACTIVE,
        language=language,
        now=now,
        name=name,
        phone=phone,
        phone_hash=phone_hash,
        source=source,
        joined_at=now,
        phone_verified_at=now,
    )
    wallet.open_account(rows, customer_id=customer_id)
    try:
        rows.put(session)
    except Exception as problem:
        if is_unique_violation(problem):
            # Somebody joined with this phone a moment ago: look again.
            raise AlreadyThere from problem
        raise
    return customer_id


def _give_card(
    session: Session, known: Customer, *, telegram_id: int, now: datetime
) -> tuple[bool, datetime | None]:
    """Take the card from the chat it lives in; whether there was one, and frozen until when."""
    old = session.execute(
        sa.select(telegram_chat.c.telegram_id).where(
            telegram_chat.c.customer_id == known.id, telegram_chat.c.telegram_id != telegram_id
        )
    ).one_or_none()
    if old is None:
        return False, None
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == old.telegram_id)
        .values(customer_id=None, step=MOVED, step_data=None, last_seen_at=now)
    )
    hours = program.current(session, now=now).program.phone_change_freeze_hours
    until = now + timedelta(hours=hours)
    wallet.freeze(
        session,
        customer_id=known.id,
        reason="new_telegram",
        until=until,
        actor=f"customer:{known.id}",
        now=now,
    )
    rows = Rows()
    messaging.enqueue(
        rows,
        customer_id=known.id,
        chat_id=old.telegram_id,
        message_class=messaging.SERVICE,
        key=f"card_moved:{known.id}:{telegram_id}:{int(now.timestamp())}",
        payload={"template": "new_account_used_your_phone", "values": {"hours": hours}},
        now=now,
    )
    rows.put(session)
    return True, until


def _claim_profile(
    session: Session,
    known: Customer,
    *,
    name: str | None,
    phone: str,
    phone_hash: str,
    language: str,
    source: str | None,
    now: datetime,
) -> None:
    """A card from a till or an import gets its owner: from now on it may spend."""
    claiming = (
        sa.update(customer)
        .where(customer.c.id == known.id)
        .values(
            status=customers.ACTIVE,
            name=known.name or name,
            phone=phone,
            phone_hash=phone_hash,
            phone_verified_at=now,
            language=language if known.phone is None else known.language,
            source=known.source or source,
            joined_at=known.joined_at or now,
        )
    )
    try:
        session.execute(claiming)
    except IntegrityError as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem  # somebody joined with this phone a moment ago
        raise


def _record_event(
    session: Session, customer_id: int, source: str | None, new: bool, moved: bool, *, now: datetime
) -> None:
    rows = Rows()
    events.record(
        rows,
        type="customer.joined",
        customer_id=customer_id,
        actor=f"customer:{customer_id}",
        data={"source": source, "new": new, "moved": moved},
        now=now,
    )
    rows.put(session)


def _record_agreement(session: Session, customer_id: int, agreement: Agreement) -> None:
    shown: ConsentText = consent.text_version(
        session,
        purpose=PERSONAL_DATA,
        language=agreement.language,
        version=agreement.version,
    )
    consent.record(
        session,
        customer_id=customer_id,
        purpose=PERSONAL_DATA,
        granted=True,
        language=agreement.language,
        channel="bot",
        evidence=agreement.evidence,
        now=agreement.at,
        text=shown,
    )


def _welcome(
    session: Session, customer_id: int, phone_hash: str, *, time_zone: str, now: datetime
) -> int:
    """Welcome points, once per phone number ever; how many were given now."""
    rules = program.current(session, now=now).program
    seen = session.execute(
        sa.select(phone_seen.c.phone_hash).where(phone_seen.c.phone_hash == phone_hash)
    ).scalar_one_or_none()
    if seen is not None or not rules.welcome_points:
        return 0
    session.execute(sa.insert(phone_seen).values(phone_hash=phone_hash, welcomed_at=now))
    expires_at = None
    if rules.expiry_days is not None:
        first_day = clock.local_date(now, time_zone)
        expires_at = clock.end_of_validity(first_day, rules.expiry_days, time_zone)
    given = wallet.grant(
        session,
        customer_id=customer_id,
        points=rules.welcome_points,
        kind="welcome",
        source_kind="phone",
        source_id=phone_hash[:64],
        actor=events.SYSTEM,
        now=now,
        expires_at=expires_at,
    )
    return given.points if given else 0
