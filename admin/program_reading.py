"""The program's form read into rules: amounts as people type them, problems at their fields."""

from __future__ import annotations

import re
from typing import Any

from admin.program_form import AMOUNT_OF_KIND, Filled
from loyalty.amounts import parse_amount
from loyalty.errors import AmountInvalid, AmountOutOfRange, ProgramInvalid
from loyalty.program import KNOWN_TIERS, Program
from loyalty.program.checking import Problem, check
from loyalty.program.fields import CAPS_FIELDS, SECTIONS, Unit, unit_of
from loyalty.texts import Translator

_MOST_MONEY = 10**12
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d{1,2})?")
_WHOLE = re.compile(r"(\d[\d \u00a0\u202f]{0,15})\s*[^\W\d]*\.?")
_RATE = re.compile(r"(\d{1,3})(?:[.,](\d{1,2}))?\s*%?")
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::\d{2})?")
_PROBLEM_OF: dict[str, str] = {"money": "not_amount", "rate": "not_rate", "clock": "not_time"}
_EFFECT_AMOUNT = re.compile(r"(.*\.effect)\.(rate_bp|amount|quantity)")
_GOODS = re.compile(r"(.*scope\.(categories|skus))\.\d+")
_KEY_LENGTH = 16


def parse(unit: Unit, text: str) -> Any:
    """What was typed, as a value of the rules; None for nothing.

    Raises:
        ValueError: it is no such value.
    """
    if unit in ("text", "flag"):
        return text if unit == "text" else bool(text)
    if unit == "goods":
        return list(dict.fromkeys(part.strip()[:64] for part in text.split(",") if part.strip()))
    if not text:
        return None
    if unit == "choice":
        return text  # what is none of the choices, the rules refuse
    try:
        if unit == "money":
            plain = text.replace(",", "") if _GROUPED.fullmatch(text) else text
            return parse_amount(plain, minimum=0, maximum=_MOST_MONEY)
    except (AmountInvalid, AmountOutOfRange) as problem:
        raise ValueError(text) from problem
    if unit == "rate" and (found := _RATE.fullmatch(text)):
        return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    if unit == "clock" and (found := _CLOCK.fullmatch(text)):
        hours, minutes = int(found[1]), int(found[2] or 0)
        if hours < 24 and minutes < 60:
            return hours * 60 + minutes
    elif unit not in ("rate", "clock") and (found := _WHOLE.fullmatch(text)):
        return int(re.sub(r"\D", "", found[1]))
    raise ValueError(text)


class _Reader:
    """Reads fields one by one and keeps what is wrong with them."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.problems: list[Problem] = []

    def value(self, name: str, unit: Unit | None = None, code: str | None = None) -> Any:
        unit = unit or unit_of(name)
        try:
            return parse(unit, self.filled.get(name))
        except ValueError:
            self.problems.append(Problem(name, code or _PROBLEM_OF.get(unit, "not_whole")))
            return None

    def needed(self, name: str, unit: Unit | None = None, code: str | None = None) -> Any:
        before = len(self.problems)
        value = self.value(name, unit, code)
        if value is None and len(self.problems) == before:
            self.problems.append(Problem(name, "empty"))
        return value

    def names(self, name: str) -> dict[str, str]:
        texts = {language: self.filled.get(f"{name}.{language}") for language in ("ru", "en")}
        self.problems += [
            Problem(f"{name}.{language}", "empty") for language, text in texts.items() if not text
        ]
        return texts

    def tier_names(self, row: str, key: str) -> dict[str, str] | None:
        known = KNOWN_TIERS.get(key)
        texts = {language: self.filled.get(f"{row}.name.{language}") for language in ("ru", "en")}
        if known is not None and (texts == known.model_dump() or not any(texts.values())):
            return None  # as it comes: its name is the program's own
        return self.names(f"{row}.name")

    def scope(self, name: str) -> dict[str, Any]:
        return {
            part: self.value(f"{name}.scope.{part}", "goods") for part in ("categories", "skus")
        }

    def gift(self, row: str) -> dict[str, Any]:
        kind = self.filled.get(f"{row}.effect.kind")
        effect: dict[str, Any] = {"kind": kind, "scope": self.scope(f"{row}.effect")}
        if kind in AMOUNT_OF_KIND:
            name, unit, code = AMOUNT_OF_KIND[kind]
            effect[name] = self.needed(f"{row}.effect.value", unit, code)
        elif not any(effect["scope"].values()):
            del effect["scope"]  # free delivery knows its own line
        if kind in ("percent", "gift_item"):
            effect["up_to"] = self.value(f"{row}.effect.up_to", "money")
        return {
            "name": self.names(f"{row}.name"),
            "effect": effect,
            "valid_days": self.needed(f"{row}.valid_days", "days"),
            "minimum": self.value(f"{row}.minimum", "money") or 0,
        }

    def tier(self, row: str, key: str) -> dict[str, Any]:
        return {
            "key": key,
            "name": self.tier_names(row, key),
            "threshold": self.needed(f"{row}.threshold"),
            "earn_rate_bp": self.needed(f"{row}.earn_rate_bp"),
            "perks": [
                {
                    "kind": self.filled.get(f"{row}.perks.{m}.kind"),
                    "text": self.names(f"{row}.perks.{m}.text"),
                    "code": self.filled.get(f"{row}.perks.{m}.code") or None,
                }
                for m in self.filled.rows(f"{row}.perks")
            ],
        }

    def card(self, row: str, key: str) -> dict[str, Any]:
        start = f"{row}.outlet_caps."
        places = [name.removeprefix(start) for name in self.filled.values if name.startswith(start)]
        caps = {place: self.value(f"{start}{place}", "stamps") for place in places}
        return {
            "key": key,
            "name": self.names(f"{row}.name"),
            "scope": self.scope(row),
            "stamps": self.needed(f"{row}.stamps"),
            "daily_cap": self.value(f"{row}.daily_cap"),
            "outlet_caps": {place: cap for place, cap in caps.items() if cap is not None},
            "reward": self.gift(f"{row}.reward"),
            "interim": [
                {
                    "at": self.needed(f"{row}.interim.{m}.at", "stamps"),
                    "gift": self.gift(f"{row}.interim.{m}.gift"),
                }
                for m in self.filled.rows(f"{row}.interim")
            ],
        }


def read(filled: Filled, t: Translator, currency: str) -> Program | None:
    """The program that was typed, or None with ``filled.problems`` told by field.

    Tiers are put into the order of their thresholds first: where a new one belongs, the form
    need not ask.
    """
    _sort_tiers(filled)
    reader = _Reader(filled)
    rules = _rules(reader)
    problems, program = reader.problems, None
    if not problems:
        try:
            program = check(rules)
        except ProgramInvalid as error:
            problems = error.facts["problems"]
    for problem in problems:
        filled.problems.setdefault(_input_of(problem.path), problem.said(t, currency))
    return program


def _rules(reader: _Reader) -> dict[str, Any]:
    filled = reader.filled
    rules: dict[str, Any] = {}
    for section in SECTIONS:
        for one in section.fields:
            read_one = reader.value if one.nothing else reader.needed
            group, _, name = one.path.rpartition(".")
            place = rules.setdefault(group, {}) if group else rules
            place[name] = read_one(one.path)
    tiers, cards = filled.rows("tiers"), filled.rows("stamp_cards")
    keys = _keys(filled, "tiers"), _keys(filled, "stamp_cards")
    rules["tiers"] = [reader.tier(f"tiers.{n}", keys[0][n]) for n in tiers]
    rules["till_categories"] = [
        {
            "category": reader.needed(f"till_categories.{n}.category", "text"),
            "name": reader.names(f"till_categories.{n}.name"),
        }
        for n in filled.rows("till_categories")
    ]
    rules["caps_by_segment"] = [
        {
            "segment": reader.needed(f"caps_by_segment.{n}.segment", "text"),
            "caps": {
                one.path: reader.needed(f"caps_by_segment.{n}.caps.{one.path}")
                for one in CAPS_FIELDS
            },
        }
        for n in filled.rows("caps_by_segment")
    ]
    rules["stamp_cards"] = [reader.card(f"stamp_cards.{n}", keys[1][n]) for n in cards]
    return rules


def _sort_tiers(filled: Filled) -> None:
    try:
        starts = {
            n: parse("money", filled.get(f"tiers.{n}.threshold")) for n in filled.rows("tiers")
        }
    except ValueError:
        return
    if all(start is not None for start in starts.values()):
        filled.order("tiers", sorted(starts, key=lambda n: starts[n]))


def _keys(filled: Filled, name: str) -> list[str]:
    """The keys of a list's rows; a new row gets one made of its English name."""
    keys = [filled.get(f"{name}.{n}.key") for n in filled.rows(name)]
    for n, key in enumerate(keys):
        if not key:
            words = re.sub(r"[^a-z0-9]+", "_", filled.get(f"{name}.{n}.name.en").lower())
            keys[n] = _free(words.strip("_")[:_KEY_LENGTH] or name.rstrip("s"), keys)
    return keys


def _free(key: str, taken: list[str]) -> str:
    key, number = key[: _KEY_LENGTH - 3].strip("_"), 1
    made = key
    while made in taken:
        number += 1
        made = f"{key}_{number}"
    return made


def _input_of(path: str) -> str:
    """The field of the page that a path of the rules is typed in."""
    if found := _EFFECT_AMOUNT.fullmatch(path):
        return f"{found[1]}.value"
    if found := _GOODS.fullmatch(path):
        return found[1]
    if path.endswith(".effect"):
        return f"{path}.kind"
    return f"{path}.ru" if path.endswith((".name", ".text")) else path
