"""A rule about customers as a form: rows joined by all or any; nested ones are shown, not edited.

Fields below a prefix: ``join``, ``kept`` (a rule that rows cannot hold, as JSON), and per row
``what`` (``f:FIELD`` or ``s``), ``not``, ``segment``, ``op``, ``value``, ``until`` and the extra
parameters of the field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from admin.program_form import shown
from admin.program_reading import parse as parse_unit
from admin.promotions_around import Around
from admin.promotions_fields import Form
from loyalty import customers, segments, sources
from loyalty.chains import drafts
from loyalty.errors import SegmentInvalid
from loyalty.segments import Rule
from loyalty.segments.catalogue import FIELDS
from loyalty.segments.describing import Names, describe, segment_title
from loyalty.segments.fields import WITH_LIST, WITHOUT_VALUE, Extra, Field
from loyalty.segments.wording import READY_MADE
from loyalty.texts import N_, Translator, plain, translator

Options = list[tuple[str, str]]
_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)
SEGMENT = "s"
MOST_ROWS = 20
PARTS = ("what", "not", "segment", "op", "value", "until", "days", "category", "sku", "name",
         "outlet", "key")  # fmt: skip

PROBLEMS = {
    "malformed": N_("This cannot be read. Choose or type it again."),
    "one_of_them": N_("This cannot be read. Choose or type it again."),
    "too_deep": N_("Too many rules inside each other."),
    "too_many": N_("Too many of them."),
    "circle": N_("These segments ask about each other in a circle."),
    "unknown_segment": N_("There is no such segment any more."),
    "unknown_field": N_("Choose one."),
    "unknown_operator": N_("Choose one."),
    "unknown_parameter": N_("This cannot be read. Choose or type it again."),
    "parameter_missing": N_("Fill this in."),
    "wrong_value": N_("This does not fit here."),
    "out_of_range": N_("Too small or too large."),
    "too_long": N_("Too long."),
    "empty": N_("Fill this in."),
}
"""What ``segments.check`` says, in words."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What conditions can name, by whose it is (``fields.Source``), and segments by key; beside
    them ``own_dates``, which chains can start by."""

    by_source: Mapping[str, Options] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    def of(self, one: Field | Extra, t: Translator) -> Options:
        """What a field or a parameter may be set to; empty if anything may be typed."""
        if one.choices:
            return [(value, str(t(label))) for value, label in one.choices]
        return list(self.by_source.get(one.source or "", ()))


def choices_of(session: Session, near: Around, *, language: str) -> Choices:
    """What this shop's rules can name."""
    t = translator(language)
    chains = [(one.key, one.title(language)) for one in drafts.listing(session)]
    came_by = [(one.key, one.name) for one in sources.listing(session)]
    own = segments.listing(session)
    fields = customers.own_fields(session).values()
    names = Names(
        segments={one.key: one.name for one in own},
        outlets=near.outlets,
        sources=dict(came_by),
        chains=dict(chains),
        program=near.rules,
    )
    tiers = [(tier.key, str(tier.title(language))) for tier in near.rules.tiers]
    keys = [*READY_MADE, *(f"tier:{key}" for key, _ in tiers), *(one.key for one in own)]
    return Choices(
        by_source={
            "outlets": list(near.outlets.items()),
            "tiers": tiers,
            "sources": came_by,
            "stamp_cards": list(near.cards(language).items()),
            "tags": [(tag, tag) for tag in near.tags],
            "categories": [(name, name) for name in near.goods.categories],
            "chains": chains,
            "fields": [(one.key, one.title(t)) for one in fields],
            "own_dates": [(one.key, one.title(t)) for one in fields if one.kind == "date"],
        },
        segments={key: plain(segment_title(key, t, names=names)) for key in keys},
        names=names,
    )


def say_rule(t: Translator, rule: Any, choices: Choices) -> str:
    """A rule in words, as plain text."""
    return plain(describe(rule, t, names=choices.names))


# --- rules into fields -----------------------------------------------------------------------


def fill(form: Form, prefix: str, document: Any, language: str) -> None:
    """Put a rule's document into the form; one that rows cannot hold is kept as it is."""
    form.put(f"{prefix}.join", "all")
    if document is None:
        return
    flat = _flat(document)
    if flat is None:
        form.put(f"{prefix}.kept", json.dumps(document))
        return
    join, parts = flat
    form.put(f"{prefix}.join", join)
    for number, part in enumerate(parts):
        _fill_row(form, f"{prefix}.{number}", part, language)


def _flat(document: Any) -> tuple[str, list[Mapping[str, Any]]] | None:
    if not isinstance(document, Mapping):
        return None
    for join in ("all", "any"):
        if join in document:
            parts = document[join]
            fits = isinstance(parts, list | tuple) and all(_is_row(part) for part in parts)
            return (join, list(parts)) if fits and len(parts) <= MOST_ROWS else None
    return ("all", [document]) if _is_row(document) else None


def _is_row(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    if "not" in part:
        return _is_row(part["not"]) and "not" not in part["not"]
    return "segment" in part or part.get("field") in FIELDS


def _fill_row(form: Form, row: str, part: Mapping[str, Any], language: str) -> None:
    if "not" in part:
        form.put(f"{row}.not", "on")
        part = part["not"]
    if "segment" in part:
        form.put(f"{row}.what", SEGMENT)
        form.put(f"{row}.segment", str(part["segment"]))
        return
    asked = FIELDS[part["field"]]
    form.put(f"{row}.what", f"f:{asked.key}")
    form.put(f"{row}.op", str(part.get("op", "=")))
    value = part.get("value", True)
    several = list(value) if isinstance(value, list | tuple) else [value]
    texts = [_text(asked, one, language) for one in several]
    if part.get("op") == "between" and len(texts) == 2:
        form.put(f"{row}.value", texts[0])
        form.put(f"{row}.until", texts[1])
    elif part.get("op") not in WITHOUT_VALUE:
        form.put(f"{row}.value", texts)
    for extra in asked.extras:
        if part.get(extra.name) is not None:
            form.put(f"{row}.{extra.name}", str(part[extra.name]))


def _text(asked: Field, value: Any, language: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if asked.kind == "money" and isinstance(value, int):
        sign = "-" if value < 0 else ""
        return sign + shown("money", abs(value), language)
    if asked.kind == "share" and isinstance(value, int):
        return shown("rate", value, language)
    if asked.kind == "number" and asked.places and isinstance(value, int):
        text = f"{value / 10**asked.places:.{asked.places}f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if language == "ru" else text
    return str(value)


# --- fields into rules -----------------------------------------------------------------------


def read(form: Form, prefix: str, t: Translator) -> dict[str, Any] | None:
    """The rule's document; None if nothing is asked. What is wrong is told in the form."""
    kept = form.get(f"{prefix}.kept")
    if kept:
        return _kept(form, prefix, kept, t)
    before = len(form.problems)
    parts = [_read_row(form, f"{prefix}.{number}", t) for number in form.rows(prefix)]
    if not parts or len(form.problems) > before:
        return None
    join = "any" if form.get(f"{prefix}.join") == "any" else "all"
    document: dict[str, Any] = {join: parts} if len(parts) > 1 else parts[0]
    try:
        segments.check(document)
    except SegmentInvalid as error:
        for problem in error.facts["problems"]:
            place = _input_of(prefix, problem["field"], many=len(parts) > 1)
            form.problems.setdefault(place, say_problem(t, problem["problem"]))
        return None
    return document


def _loaded(text: str) -> Any:
    """What a kept rule says.

    Raises:
        ValueError: it is no JSON, or so deep that nobody could read it.
    """
    try:
        return json.loads(text)
    except RecursionError as deep:
        raise ValueError("too deep") from deep


def _kept(form: Form, prefix: str, text: str, t: Translator) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = _loaded(text)
        segments.check(document)
    except (ValueError, SegmentInvalid):
        form.problems.setdefault(f"{prefix}.kept", say_problem(t, "malformed"))
        return None
    return document


def say_problem(t: Translator, code: str) -> str:
    """What is wrong with a condition."""
    return str(t(PROBLEMS.get(code, PROBLEMS["malformed"])))


def _input_of(prefix: str, path: str, *, many: bool) -> str:
    parts = [part for part in path.split(".") if part not in ("all", "any", "not")]
    row, rest = (parts[0], parts[1:]) if many and parts and parts[0].isdigit() else ("0", parts)
    name = rest[0] if rest and rest[0] in PARTS else "what" if rest[:1] == ["field"] else "value"
    return f"{prefix}.{row}.{name}"


def _read_row(form: Form, row: str, t: Translator) -> dict[str, Any]:
    what = form.get(f"{row}.what")
    document: dict[str, Any]
    if what == SEGMENT:
        document = {"segment": form.get(f"{row}.segment")}
        if not document["segment"]:
            form.problems.setdefault(f"{row}.segment", say_problem(t, "empty"))
    else:
        asked = FIELDS.get(what.partition(":")[2])
        if asked is None:
            form.problems.setdefault(f"{row}.what", say_problem(t, "unknown_field"))
            return {}
        document = _read_condition(form, row, asked, t)
    return {"not": document} if form.get(f"{row}.not") else document


def _read_condition(form: Form, row: str, asked: Field, t: Translator) -> dict[str, Any]:
    op = form.get(f"{row}.op")
    if op not in asked.operators:
        op = asked.operators[0]
    document: dict[str, Any] = {"field": asked.key, "op": op}
    try:
        if op in WITH_LIST:
            pieces = [p for text in form.every(f"{row}.value") for p in _pieces(asked, text)]
            document["value"] = [_value(asked, piece) for piece in dict.fromkeys(pieces)]
        elif op == "between":
            ends = (form.get(f"{row}.value"), form.get(f"{row}.until"))
            document["value"] = [_value(asked, text) for text in ends]
        elif op not in WITHOUT_VALUE:
            document["value"] = _value(asked, form.get(f"{row}.value"))
    except ValueError:
        code = "wrong_value" if form.get(f"{row}.value") else "empty"
        form.problems.setdefault(f"{row}.value", say_problem(t, code))
    for extra in asked.extras:
        text = form.get(f"{row}.{extra.name}")
        if not text:
            continue
        if extra.name == "days" and not (text.isascii() and text.isdigit() and len(text) < 6):
            form.problems.setdefault(f"{row}.days", say_problem(t, "wrong_value"))
            continue
        document[extra.name] = int(text) if extra.name == "days" else text
    return document


def _pieces(asked: Field, text: str) -> list[str]:
    if asked.choices or asked.source in ("outlets", "tiers", "sources", "chains"):
        return [text]
    return [piece.strip() for piece in text.split(",") if piece.strip()]


def _value(asked: Field, text: str) -> Any:
    if asked.kind == "bool":
        return text != "no"
    if not text:
        raise ValueError(text)
    if asked.kind in ("text", "choice", "date"):
        return text
    sign = -1 if text[:1] in "-\u2212" else 1
    plain = text.lstrip("-\u2212 ")
    if asked.kind == "money" or (asked.kind == "number" and asked.places):
        value = parse_unit("money", plain)
    elif asked.kind == "share":
        value = parse_unit("rate", plain)
    else:
        value = parse_unit("points", plain)
    if not isinstance(value, int):
        raise ValueError(text)
    return sign * value


def parsed(document: Any) -> Rule | None:
    """The rule behind a document; None if it is none."""
    try:
        return _RULE.validate_python(document)
    except ValidationError:
        return None


def say_kept(text: str, t: Translator, choices: Choices) -> str:
    """A rule that rows cannot hold, in words."""
    try:
        return say_rule(t, segments.check(_loaded(text)), choices)
    except (ValueError, SegmentInvalid):
        return say_problem(t, "malformed")
