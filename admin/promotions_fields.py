"""Forms of promotions and vouchers: what was typed stays as typed until it is right.

Fields are named by their path in the rules; a field may come several times (checkboxes, goods).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from admin.program_reading import parse as parse_unit
from loyalty.program.effects import Scope
from loyalty.program.fields import Unit, say_value
from loyalty.texts import N_, Translator

_INPUT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_TIMES = re.compile(r"[x×хX]?\s*(\d{1,2}(?:[.,]\d{1,4})?)")
_SIGNED = re.compile(r"([+\-\u2212]?)\s*(\d{1,6})")
_LONGEST, _MOST = 500, 300
MOST_ROWS = 20

_SAID = {
    "empty": N_("Fill this in."),
    "not_whole": N_("A whole number, like 30."),
    "not_amount": N_("An amount, like 450 or 1 200.50."),
    "not_rate": N_("A percentage, like 5 or 7.5."),
    "not_times": N_("A number, like 2 or 1.5."),
    "not_time": N_("A time, like 21:00."),
    "not_day": N_("A day, like 2026-06-01."),
    "choose": N_("Choose one."),
}
_WRONG_UNIT = {
    "money": "not_amount", "rate": "not_rate", "clock": "not_time", "times": "not_times",
    "day": "not_day",
}  # fmt: skip
_LOWER, _UPPER = ("ge", "gt"), ("le", "lt")


@dataclass(slots=True)
class Form:
    """The fields as they stand on the page, with what is wrong, by field."""

    values: dict[str, list[str]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """What stands in a field; empty when there is no such one."""
        return next(iter(self.values.get(name, ())), "")

    def every(self, name: str) -> list[str]:
        """Everything that stands in a field that comes several times."""
        return [value for value in self.values.get(name, ()) if value]

    def put(self, name: str, value: str | Sequence[str]) -> None:
        """Fill a field in."""
        self.values[name] = [value] if isinstance(value, str) else list(value)

    def default(self, name: str, value: str) -> None:
        """Fill a field in if it is not on the page yet."""
        self.values.setdefault(name, [value])

    def problem(self, name: str) -> str | None:
        """What is wrong with a field."""
        return self.problems.get(name)

    def any_problem(self, *starts: str) -> bool:
        """Whether something below these paths is wrong."""
        return any(name.startswith(starts) for name in self.problems)

    def rows(self, name: str) -> list[int]:
        """The rows of a list: [0, 1, 2]."""
        start = f"{name}."
        found = {
            rest.split(".")[0] for key in self.values if (rest := key.removeprefix(start)) != key
        }
        return sorted(int(number) for number in found if number.isdigit())[:MOST_ROWS]

    def add(self, name: str, empty: Iterable[str]) -> None:
        """A new row at the end of a list."""
        rows = self.rows(name)
        if len(rows) < MOST_ROWS:
            for part in empty:
                self.values[f"{name}.{len(rows)}.{part}"] = [""]

    def remove(self, name: str, number: int) -> None:
        """Take a row out of its list; the later ones move up."""
        kept = [n for n in self.rows(name) if n != number]
        start = f"{name}."
        moved: dict[str, list[str]] = {}
        for key in [key for key in self.values if key.startswith(start)]:
            old, _, rest = key.removeprefix(start).partition(".")
            value = self.values.pop(key)
            if old.isdigit() and int(old) in kept:
                moved[f"{start}{kept.index(int(old))}.{rest}"] = value
        self.values.update(moved)

    def put_scope(self, name: str, scope: Scope) -> None:
        """Fill in which goods are meant."""
        self.put(f"{name}.categories", scope.categories)
        self.put(f"{name}.skus", scope.skus)


def received(form: Mapping[str, Any]) -> Form:
    """The form as it was sent (a multi-dict); what is no field of ours is left out."""
    made = Form()
    for number, (name, value) in enumerate(form.items()):
        if number >= _MOST * 4 or not isinstance(value, str) or len(name) > 80:
            continue
        if _INPUT.fullmatch(name) and len(made.values.get(name, ())) < _MOST:
            clean = "".join(sign for sign in value[:_LONGEST] if sign.isprintable()).strip()
            made.values.setdefault(name, []).append(clean)
    return made


def times_text(times_bp: int, language: str) -> str:
    """A multiplier as somebody would type it: 2, 1.5."""
    text = f"{Decimal(times_bp).scaleb(-4).normalize():f}"
    return text.replace(".", ",") if language == "ru" else text


def _parse(unit: str, text: str) -> Any:
    if unit == "day":
        return date.fromisoformat(text).isoformat() if text else None
    if unit == "times":
        if not text:
            return None
        if (found := _TIMES.fullmatch(text)) is None:
            raise ValueError(text)
        return int(Decimal(found[1].replace(",", ".")).scaleb(4))
    if unit == "signed":
        if not text:
            return None
        if (signed := _SIGNED.fullmatch(text)) is None:
            raise ValueError(text)
        return int(signed[2]) if signed[1] in ("", "+") else -int(signed[2])
    unit_of: Any = unit
    return parse_unit(unit_of, text)


class Reader:
    """Reads fields one by one, keeps their units and what is wrong with them."""

    def __init__(self, form: Form, t: Translator, currency: str) -> None:
        self.form, self._t, self._currency = form, t, currency
        self._units: dict[str, str] = {}

    @property
    def translator(self) -> Translator:
        """The language problems are told in."""
        return self._t

    def refuse(self, name: str, code: str) -> None:
        """Say that a field is wrong; the first word stands."""
        self.form.problems.setdefault(name, str(self._t(_SAID[code])))

    def value(self, name: str, unit: str) -> Any:
        """A value of ``unit``; None where nothing is typed, or nothing that fits."""
        self._units[name] = unit
        try:
            return _parse(unit, self.form.get(name))
        except ValueError:
            self.refuse(name, _WRONG_UNIT.get(unit, "not_whole"))
            return None

    def needed(self, name: str, unit: str) -> Any:
        """The same where something has to be typed."""
        value = self.value(name, unit)
        if value is None:
            self.refuse(name, "empty")
        return value

    def names(self, name: str) -> dict[str, str]:
        """A text in both languages."""
        texts = {}
        for language in ("ru", "en"):
            texts[language] = self.form.get(f"{name}.{language}")
            if not texts[language]:
                self.refuse(f"{name}.{language}", "empty")
        return texts

    def scope(self, name: str) -> dict[str, list[str]]:
        """Which goods are meant: ticked, or typed with commas."""
        return {
            part: list(
                dict.fromkeys(
                    piece.strip()
                    for text in self.form.every(f"{name}.{part}")
                    for piece in text.split(",")
                    if piece.strip()
                )
            )
            for part in ("categories", "skus")
        }

    def coupon(self, prefix: str) -> dict[str, Any] | None:
        """The effect of a voucher from the fields below ``prefix``."""
        kind, scope = self.form.get(f"{prefix}.kind"), self.scope(f"{prefix}.scope")
        effect: dict[str, Any] = {"kind": kind}
        if kind == "percent":
            effect["rate_bp"] = self.needed(f"{prefix}.rate_bp", "rate")
        elif kind == "amount":
            effect["amount"] = self.needed(f"{prefix}.amount", "money")
        elif kind == "gift_item":
            effect["quantity"] = self.needed(f"{prefix}.quantity", "pieces")
        elif kind != "free_delivery":
            self.refuse(f"{prefix}.kind", "choose")
            return None
        if kind in ("percent", "gift_item"):
            effect["up_to"] = self.value(f"{prefix}.up_to", "money")
        if any(scope.values()) and kind != "free_delivery":
            effect["scope"] = scope
        return effect

    def say_bounds(self, refused: ValidationError, paths: Sequence[str]) -> dict[str, str]:
        """What the model says of numbers too small or too large, by path, in people's units."""
        found: dict[str, str] = {}
        faults = refused.errors(include_url=False)
        for path, fault in zip(paths, faults, strict=False):
            said = self._bound(self._units.get(path, "pieces"), fault)
            if said:
                found.setdefault(path, said)
        return found

    def _bound(self, unit: str, fault: Mapping[str, Any]) -> str | None:
        context, t = fault.get("ctx", {}), self._t
        for names, low in ((_LOWER, True), (_UPPER, False)):
            for name in names:
                bound = context.get(name)
                if not isinstance(bound, int):
                    continue
                bound += {"gt": 1, "lt": -1}.get(name, 0)
                value = self._say(unit, bound)
                if low:
                    return str(t("At least {value}.", value=value))
                return str(t("At most {value}.", value=value))
        if fault.get("type") == "string_too_long":
            longest = int(context.get("max_length", 120))
            return str(t.plural("At most {n} character.", "At most {n} characters.", longest))
        return None

    def _say(self, unit: str, bound: int) -> str:
        if unit == "times":
            # The bound itself gives nothing on top: what is asked for is more than once.
            return times_text(11_000 if bound <= 10_001 else bound, self._t.language)
        if unit in ("money", "rate", "days", "points", "stamps", "clock"):
            known: dict[str, Unit] = {
                "money": "money", "rate": "rate", "days": "days", "points": "points",
                "stamps": "stamps", "clock": "clock",
            }  # fmt: skip
            return say_value(known[unit], bound, self._t, self._currency)
        return self._t.number(bound)
