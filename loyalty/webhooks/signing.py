"""Secrets of endpoints and signatures of what is sent: derived, never stored."""

from __future__ import annotations

import base64
import hashlib
import hmac

from loyalty.tokens import Keys

PREFIX = "whsec_"
_PURPOSE = "webhook"


def secret_of(keys: Keys, *, webhook_id: int, number: int) -> str:
    """The endpoint's secret; ``number`` counts its rotations. Shown once, never logged."""
    raw = keys.mac(_PURPOSE, f"{webhook_id}:{number}".encode())
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signature(secret: str, *, body: bytes, at: int) -> str:
    """What ``X-Regulars-Signature`` says of ``body`` sent at ``at`` (seconds, real time)."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def is_genuine(secret: str, *, body: bytes, header: str, now: int, tolerance_s: int = 300) -> bool:
    """Whether ``header`` signs ``body`` and is not older (or newer) than ``tolerance_s``.

    What a receiver does; see docs/integrator.md.
    """
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(now - int(at)) > tolerance_s:
        return False
    expected = signature(secret, body=body, at=int(at))
    return hmac.compare_digest(expected.encode(), f"t={at},v1={parts.get('v1', '')}".encode())
