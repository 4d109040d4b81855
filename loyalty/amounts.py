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

_TYPED = re.compile(r"^([0-9]{1,3}(?:[ \u00a0\u202f'][0-9]{3})+|[0-9]+)(?:[.,]([0-9]{1,2}))?$")
_CURRENCY = re.compile(r"\s*(?:₽|р\.?|руб\.?|рублей|rub|\$|usd|€|eur|₸|kzt)\s*$", re.IGNORECASE)


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
    """Money as people type it ("450", "450,5", "1 200 ₽"), in minor units.

    Raises:
        AmountInvalid: not an amount (letters, minus, three decimals, 1e9).
        AmountOutOfRange: below ``minimum`` or above ``maximum``.
    """
    cleaned = _CURRENCY.sub("", text.strip()) if len(text) <= 64 else ""
    found = _TYPED.match(cleaned)
    if not found:
        raise AmountInvalid(text=text[:32])
    whole = int(re.sub(r"[^0-9]", "", found[1]))
    amount = whole * MINOR_UNITS + int((found[2] or "").ljust(2, "0"))
    if not minimum <= amount <= maximum:
        raise AmountOutOfRange(minimum=minimum, maximum=maximum)
    return amount


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
