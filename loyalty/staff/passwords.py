"""Passwords of the panel. argon2 takes about 0.2 s: faces call this off the event loop."""

from __future__ import annotations

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from loyalty.errors import PasswordTooShort

MINIMUM_LENGTH = 10


def hash_password(password: str) -> str:
    """The argon2id hash to keep.

    Raises:
        PasswordTooShort: fewer than ``MINIMUM_LENGTH`` characters.
    """
    if len(password) < MINIMUM_LENGTH:
        raise PasswordTooShort(minimum=MINIMUM_LENGTH)
    return PasswordHasher().hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password fits. Without a hash it takes as long and fits never.

    So nobody learns from the time it took whether a login exists.
    """
    try:
        fits = PasswordHasher().verify(password_hash or _nobodys(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return fits and password_hash is not None


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return PasswordHasher().hash("nobody's password")
