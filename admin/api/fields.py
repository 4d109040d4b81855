"""What a field of the POS API may hold: money, quantities, moments, texts, identifiers.

Each type refuses what its JSON schema refuses and takes what it takes, so the published
document and the validation cannot drift apart.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

from loyalty.amounts import MINOR_UNITS
from loyalty.receipts import MILLI

MAX_ID = 2**63 - 1
MAX_WHOLE = 2**53 - 1
_PRINTABLE = r"^[^\u0000-\u001f\u007f]+$"
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_MONEY = re.compile(r"(?:0|[1-9][0-9]{0,7})\.[0-9]{2}", re.ASCII)
_QUANTITY = re.compile(r"(?:0|[1-9][0-9]{0,4})(?:\.[0-9]{1,3})?", re.ASCII)
_SOME = (
    r"^([1-9][0-9]{0,4}(\.[0-9]{1,3})?"
    r"|0\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))"
)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_FAR_PAST = datetime(1, 1, 2, tzinfo=UTC)
_FAR_FUTURE = datetime(9999, 12, 30, tzinfo=UTC)


class Model(BaseModel):
    """A document from outside: unknown fields are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _money(value: Any) -> Any:
    """Minor units from a decimal string with two places."""
    if not isinstance(value, str) or not _MONEY.fullmatch(value):
        raise ValueError("a decimal string with two places, like 450.00")
    return int(value.replace(".", ""))


def _quantity(value: Any) -> Any:
    """Thousandths from a whole number or a decimal string with up to three places."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000:
        return value * MILLI
    if isinstance(value, str) and _QUANTITY.fullmatch(value) and value.strip("0."):
        return int(Decimal(value) * MILLI)
    raise ValueError("a whole number or a decimal string with up to three places, like 0.350")


def _moment(value: Any) -> Any:
    """An aware instant; a moment without its offset is refused."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    if found is None:
        raise ValueError("a moment with its offset, like 2026-03-02T12:00:00+03:00")
    day, minute, second, fraction, offset = found.groups()
    # A leap second has a name but no place on our clock.
    second, fraction = ("59", "") if second == "60" else (second, (fraction or "")[:7])
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{second}{fraction}{offset.upper()}")
        return moment.astimezone(UTC)
    except OverflowError:
        return _FAR_PAST if day < "5000" else _FAR_FUTURE


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 1.0 is the whole number 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _no_controls(value: Any) -> Any:
    if isinstance(value, str) and _CONTROLS.search(value):
        raise ValueError("control characters are not allowed")
    return value


def _text(longest: int, example: str) -> Any:
    schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": longest,
        "pattern": _PRINTABLE,
        "examples": [example],
    }
    return (
        StringConstraints(min_length=1, max_length=longest),
        BeforeValidator(_no_controls),
        WithJsonSchema(schema),
    )


Money = Annotated[
    int,
    BeforeValidator(_money),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,7})\.[0-9]{2}$",
            "examples": ["450.00"],
            "description": "Money: a decimal string with two places.",
        }
    ),
]
"""Minor units."""

Quantity = Annotated[
    int,
    BeforeValidator(_quantity),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 99_999},
                {
                    "type": "string",
                    "pattern": _SOME + "$",
                },
            ],
            "examples": [1, "0.350"],
            "description": "Pieces: a whole number, or a decimal string with up to three places.",
        }
    ),
]
"""Thousandths of a piece."""

Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "maxLength": 64,
            "examples": ["2026-03-02T12:00:00+03:00"],
            "description": "ISO 8601 with the offset.",
        }
    ),
]
"""An instant, in UTC."""

Points = Annotated[int, Field(ge=0, le=10_000_000), BeforeValidator(_whole)]
"""Whole points, none is 0."""

SomePoints = Annotated[int, Field(ge=1, le=10_000_000), BeforeValidator(_whole)]
"""Whole points, at least one."""

LineNumber = Annotated[int, Field(ge=1, le=500), BeforeValidator(_whole)]
"""A line of a receipt, from 1."""

Seconds = Annotated[int, Field(ge=30, le=86_400), BeforeValidator(_whole)]
"""How long a hold lasts."""

Who = Annotated[str, *_text(200, "tel:+79001234567")]
"""Who the customer is: a card's token or link, 8 digits, ``tel:+7…`` or ``id:…``."""

Sku = Annotated[str, *_text(64, "COF-1")]
Name = Annotated[str, *_text(200, "Cappuccino")]
Category = Annotated[str, *_text(64, "coffee")]
Number = Annotated[str, *_text(64, "1024")]
Register = Annotated[str, *_text(32, "till-1")]
Kind = Annotated[str, *_text(32, "card")]
Code = Annotated[str, *_text(64, "SPRING10")]
Word = Annotated[str, *_text(500, "COF-1")]

EventType = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Field(examples=["cart_updated"])
]
"""What happened: small letters, digits, underscores."""

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
"""The name of a fact."""

Figure = (
    Annotated[int, Field(ge=-MAX_WHOLE, le=MAX_WHOLE), BeforeValidator(_whole)]
    | Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
)

Fact = Word | bool | Figure | None
"""A plain value."""

_ONLY_THESE = Field(max_length=50, json_schema_extra={"additionalProperties": False})

PlainFacts = Annotated[dict[Key, Fact], _ONLY_THESE]
FactList = Annotated[list[Fact | PlainFacts], Field(max_length=200)]
Facts = Annotated[dict[Key, Fact | PlainFacts | FactList], _ONLY_THESE]
"""What an event tells: values, or lists and groups of values, no deeper."""


def money_text(amount: int) -> str:
    """Minor units as the API writes money."""
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{whole // MINOR_UNITS}.{whole % MINOR_UNITS:02d}"


def quantity_text(milli: int) -> str:
    """Thousandths as the API writes a quantity."""
    whole, rest = divmod(milli, MILLI)
    return f"{whole}.{rest:03d}" if rest else str(whole)


def moment_text(moment: datetime) -> str:
    """An instant as the API writes it: in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
