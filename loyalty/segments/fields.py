"""Fields a rule may ask about: what each is called, how it is asked and with what values.

A form is built from these, ``checking`` tells a rule that does not fit them, ``describing`` says
a condition in words. The SQL of each is in ``loyalty.segments.asking``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loyalty.texts import N_

Kind = Literal["number", "money", "days", "share", "text", "choice", "date", "bool"]
"""What a value is: a whole number; minor units; days; basis points; words; one of several; an
ISO date; yes or no."""

NUMBER_OPS = (">=", "<=", "=", "!=", ">", "<", "between")
CHOICE_OPS = ("=", "!=", "in", "not_in")
TEXT_OPS = ("=", "!=", "in", "not_in", "contains", "known", "unknown")
DATE_OPS = (">=", "<=", "=", "known", "unknown")
BOOL_OPS = ("=",)
WITHOUT_VALUE = frozenset({"known", "unknown"})
"""Operators that ask only whether there is a value at all."""

WITH_LIST = frozenset({"in", "not_in"})
MOST_IN_LIST = 200
LONGEST_TEXT = 120

OPERATORS: dict[str, str] = {
    ">=": N_("at least"),
    "<=": N_("at most"),
    ">": N_("more than"),
    "<": N_("less than"),
    "=": N_("is"),
    "!=": N_("is not"),
    "in": N_("is one of"),
    "not_in": N_("is none of"),
    "between": N_("from … to …"),
    "contains": N_("contains"),
    "known": N_("is known"),
    "unknown": N_("is not known"),
}
"""What each operator is called."""

Source = Literal[
    "outlets", "tiers", "sources", "stamp_cards", "tags", "categories", "events", "fields", "chains"
]
"""Where a form takes the choices from that the shop itself has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """One more thing a condition may name: ``days`` (a window that ends now), ``category``,
    ``sku``, ``name``, ``outlet`` (its id as text) or ``key``."""

    name: Literal["days", "category", "sku", "name", "outlet", "key"]
    label: str
    kind: Kind
    required: bool = False
    source: Source | None = None
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: ``label`` and the labels inside are for ``texts`` to translate.

    ``places``: the value is in so many decimal places (450 with 2 is 4.5). ``choices``: value and
    label, where the program itself knows them; else ``source`` says whose they are.
    """

    key: str
    group: str
    label: str
    kind: Kind
    operators: tuple[str, ...]
    extras: tuple[Extra, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    source: Source | None = None
    minimum: int = 0
    maximum: int = 1_000_000_000
    places: int = 0

    def parameter(self, name: str) -> Extra | None:
        """The extra parameter of that name, if the field takes it."""
        return next((one for one in self.extras if one.name == name), None)


GROUPS: dict[str, str] = {
    "profile": N_("Who they are"),
    "reach": N_("How they can be reached"),
    "purchases": N_("What they bought"),
    "points": N_("Points and tier"),
    "gifts": N_("Stamps and vouchers"),
    "friends": N_("Friends and ratings"),
    "messages": N_("Messages and visits"),
    "own": N_("Tags and own fields"),
}
"""The groups a form shows, in order."""
