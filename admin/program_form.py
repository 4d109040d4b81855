"""The program as a form: its fields, filled in from rules or as they were sent.

Fields are named by their path in the rules. What was typed stays as it was typed until it is
right, so nobody has to fill anything in twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loyalty.amounts import MINOR_UNITS
from loyalty.program import Program
from loyalty.program.effects import VoucherGift
from loyalty.program.fields import CAPS_FIELDS, SECTIONS, Unit
from loyalty.program.wording import value_at

LISTS = re.compile(
    r"till_categories|caps_by_segment|tiers|tiers\.\d{1,2}\.perks|stamp_cards|stamp_cards\.\d{1,2}\.interim"
)  # fmt: skip
_INPUT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_LONGEST = 500
_MOST_ROWS = 30
AMOUNT_OF_KIND: dict[str, tuple[str, Unit, str]] = {
    "percent": ("rate_bp", "rate", "not_rate"),
    "amount": ("amount", "money", "not_amount"),
    "gift_item": ("quantity", "pieces", "not_whole"),
}
"""Which number an effect has, what it is counted in, and what to say when it is none."""
EFFECTS = (*AMOUNT_OF_KIND, "free_delivery")


@dataclass(slots=True)
class Filled:
    """The fields as they stand on the page, with the problems found, by field."""

    values: dict[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def rows(self, name: str) -> list[int]:
        """The rows of a list: [0, 1, 2]."""
        start = f"{name}."
        found = {
            rest.split(".")[0] for key in self.values if (rest := key.removeprefix(start)) != key
        }
        return sorted(int(number) for number in found if number.isdigit())

    def get(self, name: str) -> str:
        """What stands in a field; empty when there is no such one."""
        return self.values.get(name, "")

    def problem(self, name: str) -> str | None:
        """What is wrong with a field."""
        return self.problems.get(name)

    def any_problem(self, *starts: str) -> bool:
        """Whether something below these paths is wrong."""
        return any(name.startswith(starts) for name in self.problems)

    def loose(self) -> list[str]:
        """Problems of what is no field of the page."""
        return [said for name, said in self.problems.items() if not self._has(name)]

    def _has(self, name: str) -> bool:
        return name in self.values or bool(LISTS.fullmatch(name))

    def add(self, name: str) -> str:
        """A new, empty row at the end of a list; its path."""
        row = f"{name}.{len(self.rows(name))}"
        kind = name.rpartition(".")[2]
        self.values.update({f"{row}.{key}": value for key, value in _EMPTY[kind].items()})
        return row

    def remove(self, row: str) -> None:
        """Take a row out of its list; the later ones move up."""
        name, _, number = row.rpartition(".")
        self.order(name, [n for n in self.rows(name) if n != int(number)])

    def order(self, name: str, rows: list[int]) -> None:
        """Put the rows of a list in this order and number them from 0; others go away."""
        start = f"{name}."
        moved: dict[str, str] = {}
        for key in [key for key in self.values if key.startswith(start)]:
            number, dot, rest = key.removeprefix(start).partition(".")
            value = self.values.pop(key)
            if number.isdigit() and int(number) in rows:
                moved[f"{start}{rows.index(int(number))}{dot}{rest}"] = value
        self.values.update(moved)


_EMPTY_GIFT = {
    "name.ru": "", "name.en": "", "effect.kind": "gift_item", "effect.value": "1",
    "effect.up_to": "", "effect.scope.categories": "", "effect.scope.skus": "",
    "valid_days": "60", "minimum": "0",
}  # fmt: skip
_EMPTY: dict[str, dict[str, str]] = {
    "tiers": {"key": "", "name.ru": "", "name.en": "", "threshold": "", "earn_rate_bp": ""},
    "perks": {"kind": "text", "text.ru": "", "text.en": "", "code": ""},
    "stamp_cards": {
        "key": "", "name.ru": "", "name.en": "", "scope.categories": "", "scope.skus": "",
        "stamps": "", "daily_cap": "", **{f"reward.{k}": v for k, v in _EMPTY_GIFT.items()},
    },
    "till_categories": {"category": "", "name.ru": "", "name.en": ""},
    "caps_by_segment": {"segment": "", **{f"caps.{one.path}": "" for one in CAPS_FIELDS}},
    "interim": {"at": "", **{f"gift.{key}": value for key, value in _EMPTY_GIFT.items()}},
}  # fmt: skip


# --- rules into fields -----------------------------------------------------------------------


def shown(unit: Unit, value: Any, language: str) -> str:
    """A value as somebody would type it."""
    if value is None:
        return ""
    point = "," if language == "ru" else "."
    match unit:
        case "money" | "rate":
            whole, rest = divmod(value, MINOR_UNITS)
            text = f"{whole:,}".replace(",", " ") if unit == "money" else str(whole)
            cents = f"{point}{rest:02d}" if unit == "money" else f"{point}{rest:02d}".rstrip("0")
            return f"{text}{cents}" if rest else text
        case "clock":
            return f"{value // 60:02d}:{value % 60:02d}"
        case "flag":
            return "on" if value else ""
        case "goods":
            return ", ".join(value)
        case _:
            return str(value)


def fill(program: Program, language: str) -> Filled:
    """The form of a program."""
    values = {
        one.path: shown(one.unit, value_at(program, one.path), language)
        for section in SECTIONS
        for one in section.fields
    }
    for n, tier in enumerate(program.tiers):
        row = f"tiers.{n}"
        values |= {
            f"{row}.key": tier.key,
            f"{row}.name.ru": tier.title("ru"),
            f"{row}.name.en": tier.title("en"),
            f"{row}.threshold": shown("money", tier.threshold, language),
            f"{row}.earn_rate_bp": shown("rate", tier.earn_rate_bp, language),
        }
        for m, perk in enumerate(tier.perks):
            values |= {
                f"{row}.perks.{m}.kind": perk.kind,
                f"{row}.perks.{m}.text.ru": perk.text.ru,
                f"{row}.perks.{m}.text.en": perk.text.en,
                f"{row}.perks.{m}.code": perk.code or "",
            }
    for n, card in enumerate(program.stamp_cards):
        row = f"stamp_cards.{n}"
        values |= {
            f"{row}.key": card.key,
            f"{row}.name.ru": card.name.ru,
            f"{row}.name.en": card.name.en,
            f"{row}.scope.categories": shown("goods", card.scope.categories, language),
            f"{row}.scope.skus": shown("goods", card.scope.skus, language),
            f"{row}.stamps": str(card.stamps),
            f"{row}.daily_cap": shown("stamps", card.daily_cap, language),
            **{f"{row}.outlet_caps.{place}": str(cap) for place, cap in card.outlet_caps.items()},
            **_gift_fields(f"{row}.reward", card.reward, language),
        }
        for m, prize in enumerate(card.interim):
            values[f"{row}.interim.{m}.at"] = str(prize.at)
            values |= _gift_fields(f"{row}.interim.{m}.gift", prize.gift, language)
    for n, one in enumerate(program.till_categories):
        values |= {
            f"till_categories.{n}.category": one.category,
            f"till_categories.{n}.name.ru": one.name.ru,
            f"till_categories.{n}.name.en": one.name.en,
        }
    for n, caps in enumerate(program.caps_by_segment):
        row = f"caps_by_segment.{n}"
        values[f"{row}.segment"] = caps.segment
        values |= {
            f"{row}.caps.{one.path}": str(getattr(caps.caps, one.path)) for one in CAPS_FIELDS
        }
    return Filled(values)


def _gift_fields(row: str, gift: VoucherGift, language: str) -> dict[str, str]:
    effect = gift.effect
    value = ""
    if effect.kind in AMOUNT_OF_KIND:
        name, unit, _ = AMOUNT_OF_KIND[effect.kind]
        value = shown(unit, getattr(effect, name), language)
    return {
        f"{row}.name.ru": gift.name.ru,
        f"{row}.name.en": gift.name.en,
        f"{row}.effect.kind": effect.kind,
        f"{row}.effect.value": value,
        f"{row}.effect.up_to": shown("money", getattr(effect, "up_to", None), language),
        f"{row}.effect.scope.categories": shown("goods", effect.scope.categories, language),
        f"{row}.effect.scope.skus": shown("goods", effect.scope.skus, language),
        f"{row}.valid_days": str(gift.valid_days),
        f"{row}.minimum": shown("money", gift.minimum, language),
    }


def received(form: Mapping[str, Any]) -> Filled:
    """The form as it was sent."""
    values = {
        name: "".join(sign for sign in value[:_LONGEST] if sign.isprintable()).strip()
        for name, value in form.items()
        if isinstance(value, str) and len(name) <= 80 and _INPUT.fullmatch(name)
    }
    values.setdefault("referral.enabled", "")
    filled = Filled(values)
    for flat in ("till_categories", "caps_by_segment"):
        filled.order(flat, filled.rows(flat)[:_MOST_ROWS])
    for name, inner in (("tiers", "perks"), ("stamp_cards", "interim")):
        filled.order(name, filled.rows(name)[:_MOST_ROWS])
        for n in filled.rows(name):
            below = f"{name}.{n}.{inner}"
            filled.order(below, filled.rows(below)[:_MOST_ROWS])
    return filled
