"""The card a customer shows: a signed QR and an 8-digit code, good for ten minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers.people import BLOCKED, ERASED
from loyalty.customers.tables import card, card_code, card_use, customer
from loyalty.db.fast import is_postgres
from loyalty.errors import CardBlank, CodeInvalid, CustomerBlocked, CustomerNotFound, TooManyTries
from loyalty.ids import new_id
from loyalty.staff import failed_try
from loyalty.tokens import (
    CARD,
    CARD_LIFETIME,
    PAPER,
    Keys,
    new_code,
    new_nonce,
    new_pseudonym,
    read_card,
    sign_card,
)

TRIES_PER_MINUTE = 5
_WINDOW = timedelta(minutes=1)
_SHOWN_AT_ONCE = 60


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One showing of a card: what the QR says (without ``c_``), the code, until when."""

    token: str
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identified:
    """Whose card it is. ``may_redeem`` is False for a stale or used showing (``reason``)."""

    customer_id: int
    may_redeem: bool
    card_key: str | None
    reason: str | None = None


def show_card(session: Session, *, keys: Keys, customer_id: int, now: datetime) -> ShownCard:
    """Show the customer's card anew; earlier showings stay good for their ten minutes.

    Raises:
        CustomerNotFound: the customer has no valid card.
    """
    found = session.execute(
        sa.select(card.c.id, card.c.pseudonym)
        .where(
            card.c.customer_id == customer_id,
            card.c.revoked_at.is_(None),
            sa.not_(card.c.paper),
        )
        .order_by(card.c.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        raise CustomerNotFound()
    _forget_codes(session, found.id, now)
    # The token counts whole seconds; code and QR must end together.
    issued_at = now.replace(microsecond=0)
    nonce, code, expires_at = new_nonce(), _free_code(session, now), issued_at + CARD_LIFETIME
    session.execute(
        sa.insert(card_code).values(
            code=code, card_id=found.id, nonce=nonce, issued_at=issued_at, expires_at=expires_at
        )
    )
    token = sign_card(keys, pseudonym=found.pseudonym, nonce=nonce, now=issued_at)
    return ShownCard(token, code, expires_at)


def renew_card(session: Session, *, customer_id: int, now: datetime) -> None:
    """Close the customer's card with everything that was ever shown of it, and make a new one.

    A paper card stays: it can only earn.
    """
    mine = (
        card.c.customer_id == customer_id,
        card.c.revoked_at.is_(None),
        sa.not_(card.c.paper),
    )
    live = sa.select(card.c.id).where(*mine)
    session.execute(sa.delete(card_code).where(card_code.c.card_id.in_(live)))
    session.execute(sa.update(card).where(*mine).values(revoked_at=now))
    session.execute(
        sa.insert(card).values(
            id=new_id(), customer_id=customer_id, pseudonym=new_pseudonym(), created_at=now
        )
    )


def _forget_codes(session: Session, card_id: int, now: datetime) -> None:
    """Drop codes nobody can use: past ones, and all but the last few of an eager refresher."""
    newest = (
        sa.select(card_code.c.issued_at)
        .where(card_code.c.card_id == card_id)
        .order_by(card_code.c.issued_at.desc())
        .offset(_SHOWN_AT_ONCE)
        .limit(1)
        .scalar_subquery()
    )
    session.execute(
        sa.delete(card_code).where(
            card_code.c.card_id == card_id,
            sa.or_(card_code.c.expires_at <= now, card_code.c.issued_at <= newest),
        )
    )


def _free_code(session: Session, now: datetime) -> str:
    while True:
        code = new_code()
        expires_at = session.execute(
            sa.select(card_code.c.expires_at).where(card_code.c.code == code)
        ).scalar_one_or_none()
        if expires_at is None:
            return code
        if expires_at <= now:
            session.execute(sa.delete(card_code).where(card_code.c.code == code))
            return code


def token_of(text: str) -> str:
    """The card token in what was scanned or typed: a link, ``c_…`` or the token itself."""
    text = text.strip()
    if "start=" in text:
        text = text.rpartition("start=")[2].split("&")[0]
    return text.removeprefix("c_")


def identify_token(session: Session, *, keys: Keys, token: str, now: datetime) -> Identified:
    """Whose card a token (or link) is, and whether points may be spent with this showing.

    A stale or used token still identifies, so that the customer may earn: ``reason`` is then
    ``stale`` or ``used``; a printed card is always ``stale``.

    Raises:
        CodeInvalid: not a token of ours, or the card was revoked.
        CardBlank: printed by us, and nobody's yet (``enrolment`` makes it somebody's).
        CustomerNotFound: the customer was erased.
        CustomerBlocked: the program is closed to this customer.
    """
    read = read_card(keys, token_of(token))
    row = session.execute(
        sa.select(card.c.customer_id, customer.c.status, card_use.c.nonce, card.c.revoked_at)
        .join(customer, customer.c.id == card.c.customer_id)
        .outerjoin(card_use, card_use.c.nonce == read.nonce)
        .where(card.c.pseudonym == read.pseudonym, card.c.paper == (read.kind != CARD))
    ).one_or_none()
    if row is None and read.kind == PAPER:
        raise CardBlank()
    if row is None or row.revoked_at is not None:
        raise CodeInvalid()
    _check_status(row.status)
    if read.kind != CARD:
        return Identified(row.customer_id, False, f"b:{read.nonce}", "stale")
    return _identified(row.customer_id, read.nonce, row.nonce, read.is_fresh(now=now))


def identify_code(session: Session, *, code: str, by: str, now: datetime) -> Identified | None:
    """Whose card the 8 digits are of, or None: there is no such code (now).

    A wrong try is written down in the caller's transaction, so it must be committed (that is
    why it is answered with None and not with an exception, which would undo it). ``by`` names
    who tries: a till or a cashier.

    Raises:
        TooManyTries: five wrong codes within a minute; facts: ``retry_after_s``.
        CustomerNotFound, CustomerBlocked: as ``identify_token``.
    """
    _check_tries(session, by, now)
    digits = "".join(c for c in code if not c.isspace() and c != "-")
    row = session.execute(
        sa.select(card.c.customer_id, customer.c.status, card_code.c.nonce, card_use.c.used_at)
        .join(card, card.c.id == card_code.c.card_id)
        .join(customer, customer.c.id == card.c.customer_id)
        .outerjoin(card_use, card_use.c.nonce == card_code.c.nonce)
        .where(
            card_code.c.code == digits[:8] if len(digits) == 8 else sa.false(),
            card_code.c.expires_at > now,
            card.c.revoked_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        session.execute(sa.insert(failed_try).values(id=new_id(), subject=_subject(by), at=now))
        return None
    _check_status(row.status)
    return _identified(row.customer_id, row.nonce, row.used_at, True)


def _subject(by: str) -> str:
    return f"code:{by}"[:80]


def _check_tries(session: Session, by: str, now: datetime) -> None:
    subject = _subject(by)
    if is_postgres(session):
        # Tries of one till take turns, so a burst in parallel gains nothing.
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext(:subject))"), {"subject": subject}
        )
    session.execute(
        sa.delete(failed_try).where(
            failed_try.c.subject == subject, failed_try.c.at <= now - _WINDOW
        )
    )
    tries = session.execute(
        sa.select(sa.func.count(), sa.func.min(failed_try.c.at)).where(
            failed_try.c.subject == subject
        )
    ).one()
    if tries[0] >= TRIES_PER_MINUTE:
        wait = (tries[1] + _WINDOW - now).total_seconds()
        raise TooManyTries(retry_after_s=max(1, int(wait) + 1))


def _check_status(status: str) -> None:
    if status == ERASED:
        raise CustomerNotFound()
    if status == BLOCKED:
        raise CustomerBlocked()


def _identified(customer_id: int, nonce: str, used: object | None, fresh: bool) -> Identified:
    reason = "used" if used is not None else None if fresh else "stale"
    return Identified(customer_id, reason is None, f"n:{nonce}", reason)
