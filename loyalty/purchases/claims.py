"""Receipt claims: the link printed on an anonymous sale's receipt.

Whoever joins through it within 72 hours gets that purchase's points, once. The token names the
purchase and its last moment under our signature, so nothing is stored for receipts that nobody
ever scans.
"""

from __future__ import annotations

import base64
import hmac
import struct
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import purchases
from loyalty.customers import customer
from loyalty.errors import (
    AlreadyAttached,
    ClaimExpired,
    CodeInvalid,
    CustomerNotFound,
    NotNewHere,
    PurchaseNotFound,
)
from loyalty.purchases.model import PurchaseResult
from loyalty.receipts import purchase
from loyalty.tokens import Keys

PREFIX = "k_"
LIFETIME = timedelta(hours=72)

_BODY = struct.Struct(">QI")  # purchase id, last moment (s)
_MAC_BYTES = 12


def issue(keys: Keys, *, purchase_id: int, now: datetime) -> tuple[str, datetime]:
    """The claim of a purchase (34 characters, fit for a ``?start=``) and until when it is good."""
    until = (now + LIFETIME).replace(microsecond=0)
    body = _BODY.pack(purchase_id, int(until.timestamp()))
    raw = body + keys.mac("claim", body)[:_MAC_BYTES]
    return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("="), until


def read(keys: Keys, token: str) -> tuple[int, datetime]:
    """The purchase behind a claim and until when it is good.

    Raises:
        CodeInvalid: it was not signed by us.
    """
    text = token.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        purchase_id, until = _BODY.unpack(body)
    except (ValueError, struct.error):
        raise CodeInvalid() from None
    same = base64.urlsafe_b64encode(raw).decode().rstrip("=") == text
    if not same or not hmac.compare_digest(mac, keys.mac("claim", body)[:_MAC_BYTES]):
        raise CodeInvalid()
    return purchase_id, datetime.fromtimestamp(until, UTC)


def check(session: Session, *, keys: Keys, token: str, now: datetime) -> None:
    """Refuse a claim that gives nothing to anybody any more.

    Raises:
        CodeInvalid: not a claim of ours.
        ClaimExpired: 72 hours are over.
        AlreadyAttached: the purchase has its customer.
    """
    purchase_id, until = read(keys, token)
    if now >= until:
        raise ClaimExpired()
    query = sa.select(purchase.c.customer_id).where(purchase.c.id == purchase_id)
    if session.execute(query).scalar_one_or_none() is not None:
        raise AlreadyAttached()


def claim(
    session: Session, *, keys: Keys, token: str, customer_id: int, now: datetime
) -> PurchaseResult:
    """Give an anonymous purchase to who joined through its receipt; its points are theirs.

    Raises:
        CodeInvalid: not a claim of ours.
        ClaimExpired: 72 hours are over.
        NotNewHere: they were a customer before the sale: receipts of others are not collected.
        AlreadyAttached: the purchase has its customer.
        PurchaseNotFound, CustomerNotFound: there is none.
    """
    purchase_id, until = read(keys, token)
    if now >= until:
        raise ClaimExpired()
    joined_at = session.execute(
        sa.select(customer.c.joined_at).where(customer.c.id == customer_id)
    ).one_or_none()
    recorded_at = session.execute(
        sa.select(purchase.c.recorded_at).where(purchase.c.id == purchase_id)
    ).scalar_one_or_none()
    if joined_at is None:
        raise CustomerNotFound()
    if recorded_at is None:
        raise PurchaseNotFound()
    if joined_at[0] is None or joined_at[0] < recorded_at:
        raise NotNewHere()
    return purchases.attach(
        session,
        purchase_id=purchase_id,
        customer_id=customer_id,
        actor=f"customer:{customer_id}",
        now=now,
        within=LIFETIME,
    )
