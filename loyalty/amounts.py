"""Integer amounts: money in minor units, points whole, rates in basis points.

One rounding function and one way to split a total by weights; everything that divides
amounts goes through here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from loyalty.errors import AmountInvalid, AmountOutOfRange

BASIS = 10_000
"""Basis points in one whole: 500 is 5 %."""

MINOR_UNITS = 100
"""Minor units (kopecks, cents) in one unit of money."""

MAX_AMOUNT = 1_000_000_000
"""The largest sum a receipt may have, in minor units (10 million roubles)."""

MOST_TERMS = 20
"""How many sums may be added up in one go ("300 + 150 + …")."""

# A full stop after the sum is what a phone makes of two spaces.
_TYPED = re.compile(
    r"^([0-9]{1,3}(?:[ \u00a0\u2009\u202f'’][0-9]{3})+|[0-9]+)(?:[.,]([0-9]{0,2}))?$"
)
# "450 руб 50 коп": the cents in words, or two digits after the word.
_CENTS = re.compile(
    r"^([0-9 \u00a0\u2009\u202f'’]*[0-9])\s*(?:₽|руб(?:\.|лей|ля|ль)?|р\.?)\s*"
    r"(?:([0-9]{1,2})\s*(?:к|коп(?:еек|ейки|ейка)?)\.?|([0-9]{2}))$",
    re.IGNORECASE,
)
# Points and commas in one sum: the last one is before the cents, the others between thousands.
_GROUPED = re.compile(
    r"^(?:([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})|([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{1,2}))$"
)
# The same sign twice or more can only stand between thousands.
_THOUSANDS = re.compile(r"^[0-9]{1,3}(?:(?:\.[0-9]{3}){2,}|(?:,[0-9]{3}){2,})$")
_EITHER = re.compile(r"^[1-9][0-9]{0,2}[.,][0-9]{3}$")
_CURRENCY = re.compile(
    r"\s*(?:₽|руб\.?|рублей|рубля|рубль|р\.?|rub\.?|\$|usd|€|eur|₸|kzt)\s*$", re.IGNORECASE
)
_SIGN_FIRST = re.compile(r"^\s*[₽$€₸]\s*")


def share(amount: int, rate_bp: int) -> int:
    """``amount`` at ``rate_bp`` basis points, floored: the one rounding of the program.

    Raises:
        ValueError: a negative amount or rate; both are always counted up from zero.
    """
    if amount < 0 or rate_bp < 0:
        raise ValueError("amounts and rates are not negative")
    return amount * rate_bp // BASIS


def split(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` split in proportion to ``weights`` by the largest remainder.

    The parts are whole, add up to ``total`` exactly, and equal remainders go to the earlier
    part. Source: Hamilton's method. All weights zero: everything goes to the first.

    Raises:
        ValueError: a negative weight or total, or nothing to split among.
    """
    if total < 0 or (weights and min(weights) < 0):
        raise ValueError("cannot split a negative amount")
    if not weights:
        if total:
            raise ValueError("nothing to split among")
        return []
    whole = sum(weights)
    if whole == 0:
        return [total] + [0] * (len(weights) - 1)
    parts = [total * w // whole for w in weights]
    left = total - sum(parts)
    if left:
        rests = [total * w % whole for w in weights]
        # Reversed sorting keeps equal ones in their order: the earlier part goes first.
        for i in sorted(range(len(weights)), key=rests.__getitem__, reverse=True)[:left]:
            parts[i] += 1
    return parts


def parse_amount(text: str, *, minimum: int = 1, maximum: int = MAX_AMOUNT) -> int:
    """Money as people type it ("450", "450,5", "1 200 ₽", "1.200,00"), in minor units.

    Raises:
        AmountInvalid: not an amount (letters, minus, 1e9), or one that can be read in two ways
            ("1.200": fact ``either``, both readings in minor units).
        AmountOutOfRange: below ``minimum`` or above ``maximum``.
    """
    cleaned = ""
    if len(text) <= 64:
        plain = _CENTS.sub(lambda m: f"{m[1]}.{(m[2] or m[3]).zfill(2)}", text.strip())
        cleaned = _SIGN_FIRST.sub("", _CURRENCY.sub("", plain), count=1)
    if found := _TYPED.match(cleaned):
        whole, cents = found[1], found[2]
    elif found := _GROUPED.match(cleaned):
        whole, cents = (found[1], found[2]) if found[1] else (found[3], found[4])
    elif found := _THOUSANDS.match(cleaned):
        whole, cents = found[0], None
    elif _EITHER.match(cleaned):
        # Twelve hundred, or one and twenty? Money is not guessed at.
        digits = re.sub(r"[^0-9]", "", cleaned)
        raise AmountInvalid(text=text[:32], either=(int(digits) * MINOR_UNITS, int(digits) // 10))
    else:
        raise AmountInvalid(text=text[:32])
    amount = int(re.sub(r"[^0-9]", "", whole)) * MINOR_UNITS + int((cents or "").ljust(2, "0"))
    if not minimum <= amount <= maximum:
        raise AmountOutOfRange(minimum=minimum, maximum=maximum)
    return amount


def parse_sum(text: str, *, minimum: int = 1, maximum: int = MAX_AMOUNT) -> int:
    """The same, added up where there is a plus: "300 + 150" is 450.

    Raises:
        AmountInvalid, AmountOutOfRange: as ``parse_amount``, of any part or of the whole.
    """
    parts = text.split("+") if len(text) <= 64 * MOST_TERMS else [""]
    if len(parts) > MOST_TERMS:
        raise AmountInvalid(text=text[:32])
    total = sum(parse_amount(part, minimum=1, maximum=maximum) for part in parts)
    if not minimum <= total <= maximum:
        raise AmountOutOfRange(minimum=minimum, maximum=maximum)
    return total


def to_decimal(amount: int) -> Decimal:
    """Minor units as a decimal with two places, for APIs and files."""
    return (Decimal(amount) / MINOR_UNITS).quantize(Decimal("0.01"))


def money_to_points(amount: int) -> int:
    """How many whole points an amount of money is worth (1 point = 1.00)."""
    return amount // MINOR_UNITS


def points_for(amount: int, rate_bp: int) -> int:
    """Whole points that ``amount`` minor units earn at ``rate_bp``, floored once.

    Raises:
        ValueError: a negative amount or rate.
    """
    if amount < 0 or rate_bp < 0:
        raise ValueError("amounts and rates are not negative")
    return amount * rate_bp // (BASIS * MINOR_UNITS)


def points_to_money(points: int) -> int:
    """What points are worth in minor units (1 point = 1.00)."""
    return points * MINOR_UNITS
