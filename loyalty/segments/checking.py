"""Is this a rule one can ask? What is wrong, by place, before any SQL is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from loyalty.errors import SegmentInvalid
from loyalty.segments.catalogue import FIELDS
from loyalty.segments.fields import (
    LONGEST_TEXT,
    MOST_IN_LIST,
    WITH_LIST,
    WITHOUT_VALUE,
    Extra,
    Field,
)
from loyalty.segments.ready_made import EVERY_READY_MADE
from loyalty.segments.rules import All, AnyOf, InSegment, Is, Not, Rule
from loyalty.segments.saved import Saved

Problem = dict[str, str]

MAX_DEPTH = 8
MAX_CONDITIONS = 100
"""In one rule; it keeps a statement within what databases take."""

_PARTS = ("all", "any", "not", "segment", "field")
_EXTRAS = ("days", "category", "sku", "name", "outlet", "key")
_KEY = re.compile(r"^\w[\w .:/-]{0,63}$")


def check(document: Any, *, saved: Saved | None = None, key: str | None = None) -> Rule:
    """The rule that a document makes (a rule is checked as well). With ``saved``, the segments it
    names are looked up too; ``key`` is the segment's own that the rule is to be saved under.

    Raises:
        SegmentInvalid: facts ``problems``: a list of ``field`` (a path like ``all.0.value``, empty
            for the whole) and ``problem``: ``malformed``, ``one_of_them``, ``too_deep``,
            ``too_many``, ``unknown_field``, ``unknown_operator``, ``unknown_parameter``,
            ``parameter_missing``, ``wrong_value``, ``out_of_range``, ``too_long``, ``empty``,
            ``unknown_segment``, ``circle``.
    """
    if isinstance(document, All | AnyOf | Not | InSegment | Is):
        document = document.model_dump(mode="json", exclude_unset=True)
    problems: list[Problem] = []
    rule = _rule(document, "", 1, problems)
    if rule is not None and not problems:
        count = sum(1 for _ in conditions(rule))
        if count > MAX_CONDITIONS:
            problems.append({"field": "", "problem": "too_many"})
        elif saved is not None:
            problems += _faults_of_names(rule, saved, key)
    if problems or rule is None:
        raise SegmentInvalid(problems=problems or [{"field": "", "problem": "malformed"}])
    return rule


def conditions(rule: Rule) -> Iterator[Is | InSegment]:
    """Every condition in a rule, in reading order."""
    match rule:
        case All():
            for part in rule.all:
                yield from conditions(part)
        case AnyOf():
            for part in rule.any:
                yield from conditions(part)
        case Not():
            yield from conditions(rule.not_)
        case _:
            yield rule


def _named(rule: Rule, path: str) -> Iterator[tuple[str, str]]:
    """Every segment the rule names, with its place."""
    match rule:
        case All():
            for n, part in enumerate(rule.all):
                yield from _named(part, _at(_at(path, "all"), n))
        case AnyOf():
            for n, part in enumerate(rule.any):
                yield from _named(part, _at(_at(path, "any"), n))
        case Not():
            yield from _named(rule.not_, _at(path, "not"))
        case InSegment():
            yield _at(path, "segment"), rule.segment


def is_ready_made(key: str) -> bool:
    """Whether a key is that of a ready-made segment."""
    return key in EVERY_READY_MADE or key.startswith(("tier:", "tag:"))


def _faults_of_names(rule: Rule, saved: Saved, own: str | None) -> Iterator[Problem]:
    for path, key in _named(rule, ""):
        if is_ready_made(key):
            continue
        if key != own and key not in saved.rules:
            yield {"field": path, "problem": "unknown_segment"}
        elif own is not None and own in segments_in(InSegment(segment=key), saved):
            yield {"field": path, "problem": "circle"}


def segments_in(rule: Rule, saved: Saved) -> set[str]:
    """Every segment that the rule is made of, ready-made or saved, however deep inside."""
    seen: set[str] = set()
    ahead = [name for _, name in _named(rule, "")]
    while ahead:
        one = ahead.pop()
        if one not in seen:
            seen.add(one)
            inner = saved.rules.get(one)
            ahead += [] if inner is None else [name for _, name in _named(inner, "")]
    return seen


def _at(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)


def _rule(document: Any, path: str, depth: int, problems: list[Problem]) -> Rule | None:
    """The rule at ``path``, or None after adding what is wrong."""
    if not isinstance(document, Mapping):
        problems.append({"field": path, "problem": "malformed"})
        return None
    if depth > MAX_DEPTH:
        problems.append({"field": path, "problem": "too_deep"})
        return None
    kinds = [name for name in _PARTS if name in document]
    if len(kinds) != 1:
        problems.append({"field": path, "problem": "one_of_them"})
        return None
    kind = kinds[0]
    if kind == "field":
        return _condition(document, path, problems)
    for name in document:
        if name != kind:
            problems.append({"field": _at(path, str(name)[:48]), "problem": "unknown_parameter"})
    inside = _at(path, kind)
    if kind == "segment":
        return _segment(document[kind], inside, problems)
    if kind == "not":
        part = _rule(document[kind], inside, depth + 1, problems)
        return None if part is None else Not.model_validate({"not": part})
    return _several(kind, document[kind], inside, depth, problems)


def _several(kind: str, parts: Any, path: str, depth: int, problems: list[Problem]) -> Rule | None:
    if not isinstance(parts, list | tuple):
        problems.append({"field": path, "problem": "malformed"})
        return None
    if len(parts) > 50:
        problems.append({"field": path, "problem": "too_many"})
        return None
    if kind == "any" and not parts:
        problems.append({"field": path, "problem": "empty"})
        return None
    found = [_rule(one, _at(path, n), depth + 1, problems) for n, one in enumerate(parts)]
    rules = tuple(one for one in found if one is not None)
    if len(rules) < len(found):
        return None
    return All(all=rules) if kind == "all" else AnyOf(any=rules)


def _segment(key: Any, path: str, problems: list[Problem]) -> Rule | None:
    if not isinstance(key, str) or not 1 <= len(key) <= 48 or not _is_text(key):
        problems.append({"field": path, "problem": "wrong_value"})
        return None
    return InSegment(segment=key)


def _condition(document: Mapping[str, Any], path: str, problems: list[Problem]) -> Is | None:
    name = document["field"]
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        problems.append({"field": _at(path, "field"), "problem": "unknown_field"})
        return None
    try:
        asked = Is.model_validate(document)
    except ValidationError as faults:
        seen: set[str] = set()
        for fault in faults.errors():
            place = str(fault["loc"][0])[:48] if fault["loc"] else ""
            if place in seen:
                continue
            seen.add(place)
            problem = _OF_PYDANTIC.get(fault["type"], "wrong_value")
            problems.append({"field": _at(path, place), "problem": problem})
        return None
    before = len(problems)
    problems += ({"field": _at(path, where), "problem": p} for where, p in _faults(field, asked))
    return asked if len(problems) == before else None


_OF_PYDANTIC = {
    "extra_forbidden": "unknown_parameter",
    "string_too_long": "too_long",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
}


def _faults(field: Field, asked: Is) -> Iterator[tuple[str, str]]:
    """What is wrong with a condition of this field: parameter and problem."""
    if asked.op not in field.operators:
        yield "op", "unknown_operator"
    else:
        problem = _value_problem(field, asked.op, asked.value)
        if problem is not None:
            yield "value", problem
    for name in _EXTRAS:
        value, extra = getattr(asked, name), field.parameter(name)
        if value is None:
            if extra is not None and extra.required:
                yield name, "parameter_missing"
        elif extra is None:
            yield name, "unknown_parameter"
        elif isinstance(value, str):
            problem = _words_problem(extra, value)
            if problem is not None:
                yield name, problem


def _words_problem(extra: Extra, value: str) -> str | None:
    """What is wrong with an extra parameter in words."""
    if not value.strip():
        return "empty"
    wrong = not _is_text(value)
    if extra.name == "outlet":
        wrong = not _is_id(value)
    elif extra.source == "fields":
        wrong = not _KEY.match(value)
    elif extra.choices:
        wrong = value not in {one for one, _ in extra.choices}
    return "wrong_value" if wrong else None


def _value_problem(field: Field, op: str, value: Any) -> str | None:
    if op in WITHOUT_VALUE:
        return None
    if op in WITH_LIST:
        if not isinstance(value, tuple):
            return "wrong_value"
        if not value:
            return "empty"
        if len(value) > MOST_IN_LIST:
            return "too_many"
        return next((p for one in value if (p := _one_problem(field, one)) is not None), None)
    if op == "between":
        if not isinstance(value, tuple) or len(value) != 2:
            return "wrong_value"
        problem = next((p for one in value if (p := _one_problem(field, one)) is not None), None)
        return problem or ("out_of_range" if value[0] > value[1] else None)
    return _one_problem(field, value)


def _one_problem(field: Field, value: Any) -> str | None:
    """What is wrong with one value of a field."""
    if field.kind == "bool":
        return None if isinstance(value, bool) else "wrong_value"
    if field.kind in ("number", "money", "days", "share"):
        if isinstance(value, bool) or not isinstance(value, int):
            return "wrong_value"
        return None if field.minimum <= value <= field.maximum else "out_of_range"
    if not isinstance(value, str) or not _is_text(value):
        return "wrong_value"
    if not value.strip():
        return "empty"
    if len(value) > LONGEST_TEXT:
        return "too_long"
    if field.kind == "date":
        return None if _is_day(value) else "wrong_value"
    if field.choices and value not in {one for one, _ in field.choices}:
        return "wrong_value"
    if field.source == "outlets" and not _is_id(value):
        return "wrong_value"
    return None


def _is_text(text: str) -> bool:
    """Whether a database can hold it: no zero character, no half of a sign."""
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 2**63
