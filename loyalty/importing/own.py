"""Guests' own fields in a file of customers: columns ``field:KEY`` or ``field:KEY:KIND``.

A field nobody has defined is defined by the first values that come: dates if at least half of
them are dates, else whole numbers likewise, else text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers.own_fields import (
    KINDS,
    LONGEST_TEXT,
    MOST_FIELDS,
    Kind,
    OwnField,
    clean_key,
    define_field,
    own_fields,
    read_day,
    read_value,
    read_whole,
)
from loyalty.errors import OwnFieldInvalid, OwnValueInvalid
from loyalty.importing.mapping import listed, plain_name
from loyalty.importing.model import Options
from loyalty.importing.problems import FileProblem, RowProblem

PREFIX = "field:"
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """Where a field stands in the file; ``kind`` only if the file or the owner names it."""

    key: str
    place: int
    kind: Kind | None = None


def split(columns: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What ``--map`` says, of customers' profiles and of their own fields."""
    own = {name: column for name, column in columns.items() if name.startswith(PREFIX)}
    return {name: column for name, column in columns.items() if name not in own}, own


def own_columns(
    columns: Mapping[str, str], header: Sequence[str], *, recognize: bool
) -> tuple[list[OwnColumn], bool]:
    """The columns of own fields, and whether one was found by its header.

    With ``recognize`` those headed ``field:…`` are taken as they are.

    Raises:
        FileProblem: a field cannot be called so, is named twice, or its column is not there.
    """
    names: dict[str, int] = {}
    by_name = False
    for name, column in columns.items():
        if column.isascii() and column.isdecimal():
            place = int(column) - 1 if 1 <= int(column) <= len(header) else None
        else:
            by_name = True
            wanted = plain_name(column)
            found = (place for place, cell in enumerate(header) if plain_name(cell) == wanted)
            place = next(found, None)
        if place is None:
            raise FileProblem("unknown_column", column=column, columns=listed(header))
        names[name] = place
    if recognize:
        headed = [(cell.strip().lower(), place) for place, cell in enumerate(header)]
        names |= {cell: place for cell, place in headed if cell.startswith(PREFIX)}
        by_name = by_name or bool(names)
    made: dict[str, OwnColumn] = {}
    for name, place in names.items():
        one = _column(name, place)
        if one.key in made:
            raise FileProblem("twice", field=PREFIX + one.key)
        made[one.key] = one
    return list(made.values()), by_name


def _column(name: str, place: int) -> OwnColumn:
    text, _, kind = name.removeprefix(PREFIX).partition(":")
    key, kind = clean_key(text), kind.strip().lower()
    known = next((one for one in KINDS if one == kind and one != "choice"), None)
    if key is None or (kind and known is None):
        raise FileProblem("own_field", field=name[:60])
    return OwnColumn(key, place, known)


class Reader:
    """Reads own fields of one batch; what is not defined yet it defines.

    Raises:
        FileProblem: a field is there already and of another kind, or there would be too many.
    """

    def __init__(
        self,
        session: Session,
        columns: Iterable[OwnColumn],
        people: Iterable[Texts],
        options: Options,
    ) -> None:
        self._fields: dict[str, OwnField] = {}
        self._format = options.date_format
        columns = list(columns)
        if not columns:
            return
        known, texts = own_fields(session), list(people)
        for column in columns:
            there = known.get(column.key)
            if there is not None:
                self._agree(column, there)
                self._fields[column.key] = there
                continue
            values = [one[column.key] for one in texts if column.key in one]
            if not values:
                continue
            kind = column.kind or self._guess(values)
            try:
                self._fields[column.key] = define_field(
                    session,
                    key=column.key,
                    kind=kind,
                    label=column.key,
                    actor=events.SYSTEM,
                    now=options.now,
                )
            except OwnFieldInvalid:
                raise FileProblem("own_many", limit=MOST_FIELDS) from None

    def values(self, texts: Texts) -> dict[str, Any]:
        """A row's own fields as they are kept.

        Raises:
            RowProblem: one of them is not what its field holds.
        """
        found: dict[str, Any] = {}
        for key, text in texts.items():
            field = self._fields[key]
            try:
                found[key] = read_value(field, self._day(text) if field.kind == "date" else text)
            except OwnValueInvalid as problem:
                facts = {"text": text[:40], "field": key, "limit": LONGEST_TEXT}
                raise RowProblem(f"own_{field.kind}", **facts) from problem
        return found

    def _guess(self, values: Sequence[str]) -> Kind:
        half = (len(values) + 1) // 2
        if sum(read_day(self._day(text)) is not None for text in values) >= half:
            return "date"
        if sum(read_whole(text) is not None for text in values) >= half:
            return "number"
        return "text"

    def _agree(self, column: OwnColumn, there: OwnField) -> None:
        # A list is written to a file as text.
        same = column.kind in (None, there.kind) or (column.kind, there.kind) == ("text", "choice")
        if not same:
            raise FileProblem("own_kind", field=column.key, kind=there.kind)

    def _day(self, text: str) -> str:
        """A date in the format the owner named, as ISO; other shapes stay as they are."""
        if self._format is None:
            return text
        try:
            # Only the day counts: no zone has a say in it.
            return datetime.strptime(text, self._format).date().isoformat()  # noqa: DTZ007
        except ValueError:
            return text
