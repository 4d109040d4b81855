"""A guest's own fields as the card shows them, and what is wrong with one in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from loyalty import customers
from loyalty.customers import OwnField
from loyalty.customers.own_fields import SHIPPED_LABELS
from loyalty.errors import DomainError
from loyalty.texts import N_, Translator

KIND_NAMES: dict[str, str] = {
    "date": N_("A date"),
    "number": N_("A whole number"),
    "text": N_("Words"),
    "choice": N_("One of a list"),
}
_WRONG_VALUE: dict[str, str] = {
    "date": N_("“{field}” holds a date: choose a day."),
    "number": N_("“{field}” holds a whole number, like 12."),
    "text": N_("“{field}” holds up to {limit} characters on one line."),
    "choice": N_("“{field}” holds one of its list."),
}
_WRONG_FIELD: dict[str, str] = {
    "key": N_("The key has small Latin letters, digits and underscores, at most 40."),
    "kind": N_("Choose what the field holds."),
    "label": N_("Give the field a name of up to 60 characters."),
    "choices": N_("A list has 1 to 50 lines of up to 60 characters."),
    "other_kind": N_("There is a field “{key}” already, and it holds something else."),
    "there": N_("There is a field “{key}” already."),
    "too_many": N_("There can be at most {limit} fields of guests' own."),
    "unknown": N_("There is no such field."),
}


@dataclass(frozen=True, slots=True)
class OwnView:
    """A field on a card: ``typed`` stands in the form, ``shown`` is how people read it."""

    field: OwnField
    title: str
    typed: str
    shown: str
    opened: bool = False


def own_of(
    session: Session, *, customer_id: int, t: Translator, typed: tuple[str, str] | None = None
) -> list[OwnView]:
    """Every field with this guest's value; ``typed`` is what could not be kept, and whose."""
    views = []
    for field, value in customers.own_values(session, customer_id):
        opened = typed is not None and typed[0] == field.key
        plain = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        plain = str(value) if value == 0 else plain
        views.append(
            OwnView(
                field,
                field.title(t),
                typed[1] if opened and typed is not None else plain,
                _shown(field, value, plain, t),
                opened,
            )
        )
    return views


def _shown(field: OwnField, value: Any, plain: str, t: Translator) -> str:
    if field.kind == "date":
        try:
            return t.day(date.fromisoformat(plain[:10]), year=True)
        except ValueError:
            return plain
    if isinstance(value, int) and not isinstance(value, bool):
        return t.number(value)
    return plain


def say_wrong(t: Translator, error: DomainError) -> Markup:
    """A refusal of a field or its value, with the mend."""
    facts = error.facts
    if error.code == "own_value_invalid":
        name = str(facts["field"])
        said = t(SHIPPED_LABELS[name]) if name in SHIPPED_LABELS else name
        words = _WRONG_VALUE[facts["kind"]]
        return t(words, field=said, limit=facts["limit"])
    words = _WRONG_FIELD[facts["problem"]]
    return t(words, key=facts["key"], limit=facts["limit"])
