"""What can be wrong with a file or a row: a code with facts, and the words for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loyalty.texts import N_, plain, translator

WORDS: Mapping[str, str] = {
    # the file
    "missing": N_("There is no file {path}."),
    "folder": N_("{path} is a folder; name a file."),
    "unreadable": N_("{path} cannot be read: {reason}."),
    "empty": N_("The file {path} is empty."),
    "binary": N_("{path} is not a table: save it as CSV or XLSX."),
    "broken": N_("{path} is damaged: {reason}."),
    "no_rows": N_("There are no rows with data in {path}."),
    "bad_delimiter": N_("“{delimiter}” is not a delimiter: give one character, “tab” or “space”."),
    "bad_map": N_("“{part}” in --map is not understood: write field=column, with commas between."),
    "twice": N_("--map names the field “{field}” twice."),
    "unknown_field": N_(
        "--map knows no field “{field}”, only {fields}; the columns of the file are: {columns}."
    ),
    "unknown_column": N_("There is no column “{column}” in the file; its columns are: {columns}."),
    "unknown_profile": N_("There is no profile “{profile}”. The profiles are: {profiles}."),
    "not_recognized": N_(
        "Which column holds what is not clear: {fields} not found. The columns are: {columns}."
        " Name them with --map, for example --map customer=1,sold_at=2,amount=3."
    ),
    "own_field": N_(
        "“{field}” is not a field of a guest's own: write field:key or field:key:kind. The key has"
        " small Latin letters, digits and underscores, the kind is date, number or text."
    ),
    "own_kind": N_("The field “{field}” is there already, of another kind: {kind}."),
    "own_many": N_("There can be at most {limit} fields of guests' own."),
    "bad_format": N_("“{format}” is not a date format; write one like %d.%m.%Y."),
    "too_many_rows": N_("More than {limit} rows: split the file."),
    # a row
    "columns": N_("{found} columns where at least {needed} were expected"),
    "quote": N_("a quotation mark is opened and not closed"),
    "undecodable": N_("the bytes are no text in UTF-8 or Windows-1251"),
    "date": N_("“{text}” is not a date that we can read"),
    "future": N_("the date {text} is in the future"),
    "ancient": N_("the date {text} is too long ago"),
    "amount": N_("“{text}” is not an amount of money"),
    "too_large": N_("the amount {text} is too large for one receipt"),
    "quantity": N_("“{text}” is not a quantity"),
    "price": N_("the price {text} is below zero"),
    "free_return": N_("a return of nothing: the price is zero"),
    "adjustment": N_("nothing was sold and nobody bought: a stock adjustment"),
    "too_long": N_("{field} is longer than {limit} characters"),
    "field_empty": N_("{field} is empty"),
    "link": N_("“{text}” is not a link like https://…"),
    "phone": N_("“{text}” is not a phone number"),
    "email": N_("“{text}” is not an e-mail address"),
    "points": N_("“{text}” is not a whole number of points"),
    "points_negative": N_("the balance {text} is below zero"),
    "points_twice": N_("points of this customer with these dates are in a row above"),
    "tier": N_("“{text}” is none of the levels: {tiers}"),
    "points_expired": N_("the points have expired on {text}"),
    "currency": N_("the currency is {text}, ours is {ours}"),
    "other_customer": N_("the receipt {number} belongs to another customer in a row above"),
    "too_far": N_("the receipt {number} goes on too far below its other rows: sort the file by it"),
    "no_customer": N_("no customer is named"),
    "phone_taken": N_("the phone belongs to another customer"),
    "birthday": N_("“{text}” is not a birthday"),
    "own_date": N_("“{text}” is not a date; the field {field} holds dates"),
    "own_number": N_("“{text}” is not a whole number; the field {field} holds whole numbers"),
    "own_text": N_("the text for {field} is longer than {limit} characters"),
    "own_choice": N_("“{text}” is not in the list of the field {field}"),
}


def say(language: str, code: str, facts: Mapping[str, Any]) -> str:
    """The words for a code, as plain text."""
    return plain(translator(language)(WORDS[code], **facts))


class FileProblem(Exception):
    """The file or the way it was asked for is wrong; nothing was read. Facts go into words."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)

    def text(self, language: str) -> str:
        """One sentence in the given language."""
        return say(language, self.code, self.facts)


class RowProblem(Exception):
    """One row cannot be taken; the rest goes on."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its line in the file (the first is 1) and why."""

    line: int
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The reason in the given language."""
        return say(language, self.code, self.facts)
