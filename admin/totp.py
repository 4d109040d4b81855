"""One-time codes (RFC 6238): kept encrypted, each good once."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from loyalty import staff
from loyalty.tokens import Keys

_NONCE = 12
_STEP = timedelta(seconds=30)


def seal(keys: Keys, secret: str, *, staff_id: int) -> str:
    """A one-time-code secret (base32) encrypted for ``staff.totp_secret``, for this person only."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(keys.derive("totp")).encrypt(nonce, secret.encode(), str(staff_id).encode())
    return base64.b64encode(nonce + sealed).decode()


def unseal(keys: Keys, sealed: str, *, staff_id: int) -> str | None:
    """The secret behind ``seal``; None if it was sealed for another person or key."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        cipher = AESGCM(keys.derive("totp"))
        return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], str(staff_id).encode()).decode()
    except (ValueError, InvalidTag):
        return None


def fitting_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The half-minute whose code this is: the current one or a neighbour; None if none fits."""
    digits = "".join(code.split())
    codes = pyotp.TOTP(secret)
    for shift in (0, -1, 1):
        moment = now + shift * _STEP
        if codes.verify(digits, for_time=moment):
            return int(moment.timestamp()) // int(_STEP.total_seconds())
    return None


def use_step(session: Session, *, staff_id: int, step: int, now: datetime) -> bool:
    """Use a code up; False if somebody has signed in with it already."""
    subject = f"totp:{staff_id}:{step}"
    if staff.failures(session, subject=subject, since=now - timedelta(minutes=5)):
        return False
    staff.note_failure(session, subject=subject, now=now)
    return True
