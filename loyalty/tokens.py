"""Secrets and signatures: keys per purpose, card tokens, hashes of what is never stored.

Every key is derived from ``SECRET_KEY`` by HKDF-SHA256 (RFC 5869) with its purpose and version,
so purposes never share a key and a new version can be rolled in beside the old.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from loyalty.errors import CodeInvalid

VERSION = 1
CARD_LIFETIME = timedelta(minutes=10)

CARD, PAPER, GUEST = "card", "paper", "guest"
"""What was signed: a card shown in the bot; a printed card; a card shown on a till's screen to
somebody who has none yet. Each has a key of its own, so no token passes for another kind."""

_CARD = struct.Struct(">8sI5s")  # card pseudonym, issue time (s), nonce
_LINK = struct.Struct(">QB")  # message of the outbox, place of the link in it
_LINK_PURPOSE = "link"
_MAC_BYTES = 12


@lru_cache(maxsize=64)
def _derive(secret: str, purpose: str, version: int) -> bytes:
    info = f"regulars/{purpose}/v{version}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys derived from one ``SECRET_KEY``; never shown, never logged."""

    secret: str

    def __repr__(self) -> str:
        return "Keys(…)"

    def derive(self, purpose: str, version: int = VERSION) -> bytes:
        """The 32-byte key for ``purpose``."""
        return _derive(self.secret, purpose, version)

    def mac(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 of ``message`` under the purpose's key."""
        return hmac.new(self.derive(purpose), message, hashlib.sha256).digest()

    def phone_hash(self, phone: str) -> str:
        """A keyed hash that recognizes a phone number again but does not give it away."""
        return self.mac("phone", phone.encode()).hex()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class CardToken:
    """What a card's QR says: which card, when it was shown, and which showing it was."""

    pseudonym: str
    issued_at: datetime
    nonce: str
    kind: str = CARD

    def is_fresh(self, *, now: datetime) -> bool:
        """Whether points may still be spent with it (a minute of clock skew is forgiven).

        Never with what is printed: it looks the same for everybody who ever saw it.
        """
        if self.kind != CARD:
            return False
        return -timedelta(minutes=1) <= now - self.issued_at < CARD_LIFETIME


def new_pseudonym() -> str:
    """A card's name in tokens: 64 random bits, URL-safe (11 characters)."""
    return _encode(secrets.token_bytes(8))


def new_nonce() -> str:
    """Names one showing of a card: 40 random bits, URL-safe (7 characters)."""
    return _encode(secrets.token_bytes(5))


def paper_number(pseudonym: str) -> str:
    """Six digits to tell printed cards apart by eye; they open nothing."""
    digits = int.from_bytes(hashlib.sha256(pseudonym.encode()).digest()[:8], "big") % 1_000_000
    return f"{digits // 1000:03d} {digits % 1000:03d}"


def sign_card(keys: Keys, *, pseudonym: str, nonce: str, now: datetime, kind: str = CARD) -> str:
    """The card token (without its ``c_``): 39 characters of ``A-Za-z0-9_-``."""
    body = _CARD.pack(_decode(pseudonym), int(now.timestamp()), _decode(nonce))
    return _encode(body + keys.mac(kind, body)[:_MAC_BYTES])


def read_card(keys: Keys, token: str) -> CardToken:
    """The card token behind its text, fresh or not.

    Raises:
        CodeInvalid: it was not signed by us.
    """
    try:
        raw = _decode(token)
        body, mac = raw[: _CARD.size], raw[_CARD.size :]
        pseudonym, issued, nonce = _CARD.unpack(body)
    except (ValueError, struct.error):
        raise CodeInvalid() from None
    for kind in (CARD, PAPER, GUEST):
        if hmac.compare_digest(mac, keys.mac(kind, body)[:_MAC_BYTES]) and _encode(raw) == token:
            moment = datetime.fromtimestamp(issued, UTC)
            return CardToken(_encode(pseudonym), moment, _encode(nonce), kind)
    raise CodeInvalid()


def is_card(keys: Keys, token: str) -> bool:
    """Whether we signed this card token, fresh or not."""
    try:
        read_card(keys, token)
    except CodeInvalid:
        return False
    return True


def sign_link(keys: Keys, *, outbox_id: int, place: int) -> str:
    """The token of a link in a message: 28 characters of ``A-Za-z0-9_-``. ``place`` is 0…255."""
    body = _LINK.pack(outbox_id, place)
    return _encode(body + keys.mac(_LINK_PURPOSE, body)[:_MAC_BYTES])


def read_link(keys: Keys, token: str) -> tuple[int, int]:
    """The message and the place behind a link's token; it never gets too old.

    Raises:
        CodeInvalid: it was not signed by us.
    """
    try:
        raw = _decode(token)
        body, mac = raw[: _LINK.size], raw[_LINK.size :]
        outbox_id, place = _LINK.unpack(body)
    except (ValueError, struct.error):
        raise CodeInvalid() from None
    genuine = hmac.compare_digest(mac, keys.mac(_LINK_PURPOSE, body)[:_MAC_BYTES])
    # Only one way to write it: several would be several links to whoever counts addresses.
    if not genuine or _encode(raw) != token:
        raise CodeInvalid()
    return int(outbox_id), int(place)


def new_secret(nbytes: int = 24) -> str:
    """A random URL-safe secret, shown once and stored only as ``hash_secret``."""
    return secrets.token_urlsafe(nbytes)


def hash_secret(secret: str) -> str:
    """SHA-256 of a random secret (invitation, outlet key, session cookie), in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_code() -> str:
    """Eight random digits."""
    return f"{secrets.randbelow(10**8):08d}"


_CLEAR = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_REFERRAL_LENGTH = 8


def new_referral_code() -> str:
    """Eight characters that are hard to confuse when read aloud."""
    return "".join(secrets.choice(_CLEAR) for _ in range(_REFERRAL_LENGTH))


def is_referral_code(text: str) -> bool:
    """Whether a text has the form of a friend's code, in letters of any size."""
    return len(text) == _REFERRAL_LENGTH and all(sign in _CLEAR for sign in text.upper())
