"""Codes: how they are read whatever way they were typed, and how new ones are drawn."""

from __future__ import annotations

import secrets
import unicodedata

from loyalty.errors import VoucherCodeInvalid

MINIMUM, MAXIMUM = 3, 32

# No vowels (no words by chance) and nobody's twin: no 0/O, 1/I/L, 2/Z, 5/S, 8/B, 6/G, U/V.
ALPHABET = "CDFHJKMNPQRTVWX234679"
COUPON_LENGTH = 12  # 21 ** 12: 52.7 bits
GIFT_CARD_LENGTH = 16  # 70.3 bits

_LATIN, _CYRILLIC = "ABEKMHOPCTYX", "АВЕКМНОРСТУХ"
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)


def normalize(text: str) -> str:
    """A code as it is kept: upper case, without spaces and dashes, Ё as Е; "" if it is none.

    Anything but letters and digits left over, or a length outside 3–32, makes it no code.
    """
    if len(text) > 4 * MAXIMUM:
        return ""
    letters = unicodedata.normalize("NFKC", text).upper().replace("Ё", "Е")
    code = "".join(
        c for c in letters if not c.isspace() and unicodedata.category(c) not in ("Pd", "Cf")
    )
    fits = MINIMUM <= len(code) <= MAXIMUM and code.isalnum()
    return code if fits else ""


def chosen(text: str) -> str:
    """A code of one's own choice, as it is kept.

    Raises:
        VoucherCodeInvalid: not 3 to 32 letters and digits.
    """
    code = normalize(text)
    if not code:
        raise VoucherCodeInvalid()
    return code


def look_alikes(code: str) -> tuple[str, ...]:
    """The code itself, then what else may be meant by it: С typed for C on the other layout."""
    return tuple(dict.fromkeys((code, code.translate(_TO_LATIN), code.translate(_TO_CYRILLIC))))


def draw(length: int = COUPON_LENGTH) -> str:
    """A random code of so many letters and digits that are hard to mistake."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def grouped(code: str) -> str:
    """A code as people read it out: a random one in fours ("CDFH-2346-79KM")."""
    if len(code) not in (COUPON_LENGTH, GIFT_CARD_LENGTH) or set(code) - set(ALPHABET):
        return code
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
