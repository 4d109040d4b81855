"""Cells as values: money, quantities, instants, phones. Each refusal names what it read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from loyalty import clock
from loyalty.amounts import MAX_AMOUNT
from loyalty.importing.problems import FileProblem, RowProblem

Instant = tuple[datetime, date]
"""An instant in UTC and the calendar day it was in the shop."""

MAX_QUANTITY = 1_000_000_000
"""Thousandths of a piece: a million pieces."""

MAX_POINTS = 10_000_000

_NUMBER = re.compile(
    r"^([-+\u2212]?)(?:([0-9]{1,3}(?:[ \u00a0\u202f'][0-9]{3})+|[0-9]{1,15})(?:[.,]([0-9]{0,25}))?"
    r"|([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{1,2}))\s*(?:₽|р\.?|руб\.?|rub|\$|usd|€|eur|£|gbp|₸|kzt)?$",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"^\((.+)\)$")
_DOTTED = re.compile(
    r"^([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?:[ T,]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?$"
)
_BIRTHDAY = re.compile(
    r"^(?:(?:(?P<iso_year>[0-9]{4})-)?(?P<iso_month>[0-9]{1,2})-(?P<iso_day>[0-9]{1,2})"
    r"|(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})(?:\.(?P<year>[0-9]{4}))?)$"
)
_HUNDREDTH = Decimal("0.01")
# Of a sale that names only its day: the same calendar day in every zone people trade in.
_NOON = time(12)
_FIRST_YEAR = 1970
_REGIONS = {"RUB": "RU", "KZT": "KZ", "BYN": "BY", "UAH": "UA", "UZS": "UZ", "AMD": "AM"}
_REGIONS |= {"GEL": "GE", "KGS": "KG", "USD": "US", "GBP": "GB", "TRY": "TR", "PLN": "PL"}


def _decimal(text: str, code: str) -> Decimal:
    cleaned = text.strip()
    if bracketed := _BRACKETS.match(cleaned):  # how accountants write a minus
        cleaned = "-" + bracketed[1]
    found = _NUMBER.match(cleaned) if len(cleaned) <= 48 else None
    # "1,200" may be 1.2 or 1200; only the file's owner knows.
    if not found or re.fullmatch(r"[-+]?[0-9]{1,3},[0-9]{3}", cleaned):
        raise RowProblem(code, text=text[:40])
    whole = re.sub(r"[^0-9]", "", found[2] or found[4])
    value = Decimal(f"{whole}.{found[3] or found[5] or 0}")
    return -value if found[1] in ("-", "\u2212") else value


def unescape(text: str) -> str:
    """Text without the apostrophe that keeps spreadsheets from taking it for a formula."""
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


def parse_money(text: str, *, code: str = "amount") -> int:
    """Money as files write it, in minor units, rounded half up; below zero for a return.

    Raises:
        RowProblem: not an amount, or more than a receipt may have.
    """
    whole, dot, part = text.partition(".")
    if whole.isdecimal() and whole.isascii() and len(whole) < 8:  # what nearly every cell is
        if not dot:
            return int(whole) * 100
        if len(part) == 2 and part.isdecimal() and part.isascii():
            return int(whole) * 100 + int(part)
    value = _decimal(text, code).quantize(_HUNDREDTH, ROUND_HALF_UP)
    amount = int(value * 100)
    if abs(amount) > MAX_AMOUNT:
        raise RowProblem("too_large", text=text[:40])
    return amount


def parse_price(text: str) -> Decimal:
    """A price for one piece in minor units, with its fractions.

    Raises:
        RowProblem: not a price, or below zero.
    """
    value = _decimal(text, "amount") * 100
    if value < 0:
        raise RowProblem("price", text=text[:40])
    if value > MAX_AMOUNT:
        raise RowProblem("too_large", text=text[:40])
    return value


def parse_quantity(text: str) -> int:
    """A quantity in thousandths of a piece; below zero for a return.

    Raises:
        RowProblem: not a quantity, zero, or more than a million pieces.
    """
    if text.isdecimal() and text.isascii() and 0 < len(text) < 7 and text != "0":
        return int(text) * 1000
    milli = int((_decimal(text, "quantity") * 1000).to_integral_value(ROUND_HALF_UP))
    if not 0 < abs(milli) <= MAX_QUANTITY:
        raise RowProblem("quantity", text=text[:40])
    return milli


def parse_points(text: str) -> int:
    """A whole number of points, not below zero.

    Raises:
        RowProblem: anything else.
    """
    value = _decimal(text, "points")
    if value < 0:
        raise RowProblem("points_negative", text=text[:40])
    if value != int(value) or not 0 <= value <= MAX_POINTS:
        raise RowProblem("points", text=text[:40])
    return int(value)


def parse_birthday(text: str, *, today: date) -> tuple[int, int, int | None]:
    """Day, month and, where it is written, the year: 1990-06-05, 05.06.1990, 05.06, 06-05.

    Raises:
        RowProblem: not a day of the calendar, or not one on which anybody alive was born.
    """
    cleaned = text.strip().split("T")[0].split(" ")[0].removeprefix("--")
    found = _BIRTHDAY.match(cleaned)
    if found is None:
        raise RowProblem("birthday", text="…")
    if found["iso_month"]:
        year, month, day = found["iso_year"], int(found["iso_month"]), int(found["iso_day"])
    else:
        year, month, day = found["year"], int(found["month"]), int(found["day"])
    try:
        # 2000 was a leap year: the 29th of February passes.
        born = date(int(year or 2000), month, day)
    except ValueError:
        raise RowProblem("birthday", text="…") from None
    if year and not today.year - 120 <= born.year <= today.year:
        raise RowProblem("birthday", text="…")
    return day, month, int(year) if year else None


def instant_parser(
    *, date_format: str | None, time_zone: str, latest: datetime
) -> Callable[[str], Instant]:
    """A function that reads the dates of one file; what it has read it remembers.

    Without a format: ISO 8601 (also 19970131) and dd.mm.yyyy, each with or without a time.
    A date without a time is noon of that day; one without an offset is local to ``time_zone``.

    Raises:
        FileProblem: the format is none.
    """
    zone = clock.zone(time_zone)
    if date_format is not None:
        if not re.search(r"%[YyGcx]", date_format):
            raise FileProblem("bad_format", format=date_format)
        try:
            sample = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).strftime(date_format)
            datetime.strptime(sample, date_format).replace(tzinfo=zone)
        except ValueError as problem:
            raise FileProblem("bad_format", format=date_format) from problem
    with_time = date_format is None or bool(re.search(r"%[HIMSTXcR]", date_format))

    @lru_cache(maxsize=8192)
    def read(text: str) -> Instant:
        local = _local(text, date_format)
        if not with_time and local is not None:
            local = datetime.combine(local, _NOON, local.tzinfo)
        if local is None:
            raise RowProblem("date", text=text[:40])
        if local.tzinfo is None:
            local = local.replace(tzinfo=zone)
        if local.year > latest.year + 1:
            raise RowProblem("future", text=text[:40])
        if local.year < _FIRST_YEAR:
            raise RowProblem("ancient", text=text[:40])
        moment = local.astimezone(UTC)
        if moment > latest:
            raise RowProblem("future", text=text[:40])
        return moment, moment.astimezone(zone).date()

    return read


def _local(text: str, date_format: str | None) -> datetime | None:
    cleaned = text.strip()
    try:
        if date_format is not None:
            return datetime.strptime(cleaned, date_format)  # noqa: DTZ007 - the zone is added above
        if dotted := _DOTTED.match(cleaned):
            day, month, year = (int(part) for part in dotted.group(1, 2, 3))
            if dotted[4] is None:
                return datetime.combine(date(year, month, day), _NOON)
            at = time(int(dotted[4]), int(dotted[5]), int(dotted[6] or 0))
            return datetime.combine(date(year, month, day), at)
        if len(cleaned) <= 10:
            return datetime.combine(date.fromisoformat(cleaned), _NOON)
        return datetime.fromisoformat(cleaned)
    except (ValueError, OverflowError):
        return None


_OURS = re.compile(r"[CPR][0-9]{17,19}")


def our_id(text: str | None, *, kinds: str) -> int | None:
    """The id of a row that Regulars exported, as in ``P575525678954643456``; None for others.

    ``kinds`` are the letters expected: C a customer, P a purchase, R a return.
    """
    found = _OURS.fullmatch(text or "")
    if found is None or text is None or text[0] not in kinds:
        return None
    number = int(text[1:])
    return number if number < 2**63 else None


def latest_sale(now: datetime) -> datetime:
    """No sale is later than that: a day is forgiven to clocks and zones."""
    return now + timedelta(days=1)


def region(currency: str) -> str:
    """The country whose national phone format is meant where no country code is written."""
    return _REGIONS.get(currency, "RU")


@lru_cache(maxsize=8192)
def parse_phone(text: str, *, home: str) -> str:
    """A phone number in international form.

    A number without a country code that turns out to be another country's is refused:
    87011234567 read in Russia would quietly become somebody in Kazakhstan.

    Raises:
        RowProblem: not a phone number.
    """
    import phonenumbers

    problem = RowProblem("phone", text=text[:4] + "…")
    cleaned = text.strip()
    international = cleaned.startswith("+")
    try:
        number = phonenumbers.parse(cleaned, None if international else home)
    except phonenumbers.NumberParseException:
        raise problem from None
    if not phonenumbers.is_possible_number(number):
        raise problem
    if not international:
        found = phonenumbers.region_code_for_number(number)
        if found not in (None, home):
            raise problem
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
