"""Tags, what they like, and the shop's own fields: JSON, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from loyalty.customers import customer
from loyalty.segments.asking.base import (
    NEGATIVE,
    Around,
    Bool,
    HasItem,
    TextOf,
    definitely,
)
from loyalty.segments.asking.texts import text_fits
from loyalty.segments.rules import Is


def _item(asked: Is, around: Around) -> Bool:
    del around
    column = customer.c.tags if asked.field == "tag" else customer.c.interests
    value = asked.value
    wanted = value if isinstance(value, tuple) else (value,)
    found = sa.or_(*(HasItem(column, str(one)) for one in wanted))
    return sa.not_(found) if asked.op in NEGATIVE else found


def has_tag(tag: str) -> Bool:
    """Whether they bear a tag."""
    return HasItem(customer.c.tags, tag)


def _text_of(key: str | None) -> Any:
    return TextOf(customer.c.fields, key or "")


def _text(asked: Is, around: Around) -> Bool:
    del around
    return text_fits(_text_of(asked.key), asked.op, asked.value)


def _number(asked: Is, around: Around) -> Bool:
    del around
    text = _text_of(asked.key)
    # Whatever else was written into the field is no number: it is not there.
    digits = sa.func.ltrim(text, "-")
    short = sa.and_(sa.func.length(digits) <= 15, sa.func.length(digits) >= 1)
    is_whole = sa.and_(
        short,
        sa.func.length(text) - sa.func.length(digits) <= 1,
        sa.func.length(sa.func.rtrim(digits, "0123456789")) == 0,
    )
    number = sa.case((is_whole, sa.cast(text, sa.BigInteger)))
    return definitely(number, asked.op, asked.value)


def _day_of(key: str | None) -> Any:
    """An ISO date sorts as its text does; anything of another shape is not there."""
    text = _text_of(key)
    return sa.case((text.like("____-__-__"), text))


def _date(asked: Is, around: Around) -> Bool:
    del around
    return definitely(_day_of(asked.key), asked.op, asked.value)


def _days_until(asked: Is, around: Around) -> Bool:
    today = around.today

    def day(days: Any) -> str:
        return _moved(today, int(days)).isoformat()

    value: Any = asked.value
    moved = tuple(day(n) for n in value) if isinstance(value, tuple) else day(value)
    return definitely(_day_of(asked.key), asked.op, moved)


def _moved(day: date, days: int) -> date:
    """``day`` moved by days; beyond what a calendar knows, its end."""
    if day.toordinal() + days < 1:
        return date.min
    if day.toordinal() + days > date.max.toordinal():
        return date.max
    return day + timedelta(days=days)


ASKED = {
    "tag": _item,
    "interest": _item,
    "field_text": _text,
    "field_number": _number,
    "field_days_until": _days_until,
    "field_date": _date,
}
