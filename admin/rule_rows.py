"""The rows of a rule as they stand on a page: what may be chosen, what is typed."""

from __future__ import annotations

from dataclasses import dataclass, field

from admin.promotions_fields import Form
from admin.rule_form import SEGMENT, Choices, Options
from loyalty.segments.catalogue import FIELDS
from loyalty.segments.fields import GROUPS, OPERATORS, WITH_LIST, WITHOUT_VALUE, Extra, Field
from loyalty.texts import Translator

_UNITS = {"money": "money", "share": "rate"}


@dataclass(frozen=True, slots=True)
class ExtraView:
    """A parameter of a condition on the page."""

    name: str
    label: str
    options: Options
    suggests: Options
    numeric: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """A condition on the page. ``control``: segment, none, yes_no, select, several, date,
    number, text; ``suggests`` are only hints for what is typed."""

    row: str
    what: str
    control: str = "none"
    operators: Options = field(default_factory=list)
    op: str = ""
    options: Options = field(default_factory=list)
    suggests: Options = field(default_factory=list)
    unit: str = "text"
    between: bool = False
    extras: list[ExtraView] = field(default_factory=list)


_TYPED = ("tags", "categories", "events", "fields")


def rows_of(form: Form, prefix: str, t: Translator, choices: Choices) -> list[RowView]:
    """The rows as they stand."""
    return [_view(form, f"{prefix}.{number}", t, choices) for number in form.rows(prefix)]


def _view(form: Form, row: str, t: Translator, choices: Choices) -> RowView:
    what = form.get(f"{row}.what")
    if what == SEGMENT:
        return RowView(row, what, "segment", options=list(choices.segments.items()))
    asked = FIELDS.get(what.partition(":")[2])
    if asked is None:
        return RowView(row, what)
    op = form.get(f"{row}.op")
    op = op if op in asked.operators else asked.operators[0]
    known = choices.of(asked, t)
    free = asked.source in _TYPED or not known
    return RowView(
        row,
        what,
        _control(asked, op, free),
        operators=[(one, str(t(OPERATORS[one]))) for one in asked.operators],
        op=op,
        options=known,
        suggests=known if free else [],
        unit=_UNITS.get(asked.kind, "days" if asked.kind == "days" else "text"),
        between=op == "between",
        extras=[_extra(extra, t, choices) for extra in asked.extras],
    )


def _control(asked: Field, op: str, free: bool) -> str:
    if op in WITHOUT_VALUE:
        return "none"
    if asked.kind == "bool":
        return "yes_no"
    if asked.kind == "date":
        return "date"
    if asked.kind in ("text", "choice"):
        if free:
            return "text"
        return "several" if op in WITH_LIST else "select"
    return "number"


def _extra(extra: Extra, t: Translator, choices: Choices) -> ExtraView:
    known = choices.of(extra, t)
    free = extra.source in _TYPED
    return ExtraView(
        extra.name,
        str(t(extra.label)),
        [] if free else known,
        known if free else [],
        extra.kind == "days",
    )


def whats(t: Translator) -> list[tuple[str, Options]]:
    """What can be asked, by group."""
    found: list[tuple[str, Options]] = [("", [(SEGMENT, str(t("Is in a segment")))])]
    for group, label in GROUPS.items():
        options = [(f"f:{o.key}", str(t(o.label))) for o in FIELDS.values() if o.group == group]
        found.append((str(t(label)), options))
    return found
