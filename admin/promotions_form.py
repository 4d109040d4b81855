"""A promotion as a form, and the form read back: only the fields of the chosen effect count."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from admin.program_form import shown
from admin.promotions_fields import Form, Reader, times_text
from loyalty.errors import PromotionInvalid
from loyalty.program.effects import PointsGift, StampsGift, VoucherEffect, VoucherGift
from loyalty.program.fields import Unit
from loyalty.promotions import Promotion, parse, say_problem
from loyalty.promotions.model import (
    BonusStamps,
    Bundle,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    PointsPerStep,
    Progressive,
)
from loyalty.texts import N_, Translator

EFFECTS: dict[str, str] = {
    "points": N_("extra points"),
    "rate": N_("more % in points"),
    "multiplier": N_("points times a number"),
    "per_step": N_("points for every full sum"),
    "stamps": N_("extra stamps"),
    "percent": N_("a discount in %"),
    "amount": N_("a discount as a sum"),
    "progressive": N_("a discount that grows"),
    "nth_free": N_("every so many items, one free"),
    "bundle": N_("a set for one price"),
    "goal": N_("a gift for reaching a goal"),
}
"""What a promotion may do, as the form asks; two of them are the rules' ``discount``."""

LOWERS_PRICE = frozenset({"percent", "amount", "progressive", "nth_free", "bundle"})
LISTS = {
    "effect.steps": ("threshold", "rate_bp"),
    "effect.items": ("quantity", "scope.categories", "scope.skus"),
}
"""Lists that grow by a button, and what a new row has."""

_DEFAULTS = {
    "points": {"effect.points": "50", "effect.per": "receipt"},
    "rate": {"effect.extra_bp": "5"},
    "multiplier": {"effect.times_bp": "2"},
    "per_step": {"effect.points": "10", "effect.step": "200"},
    "stamps": {"effect.stamps": "1"},
    "percent": {"effect.rate_bp": "10"},
    "amount": {"effect.amount": "100"},
    "progressive": {
        "effect.by": "receipt", "effect.steps.0.threshold": "1 000",
        "effect.steps.0.rate_bp": "5", "effect.steps.1.threshold": "2 000",
        "effect.steps.1.rate_bp": "10",
    },
    "nth_free": {"effect.n": "3"},
    "bundle": {
        "effect.price": "350", "effect.items.0.quantity": "1", "effect.items.1.quantity": "1",
    },
    "goal": {
        "effect.measure": "purchases", "effect.target": "3", "effect.period": "week",
        "effect.gift.kind": "points", "effect.days": "30",
    },
}  # fmt: skip
_GIFTS = {
    "points": {"points": "100", "valid_days": ""},
    "stamps": {"stamps": "1"},
    "voucher": {"effect.kind": "gift_item", "effect.quantity": "1", "valid_days": "30"},
}
COUPON_DEFAULTS = {"percent": ("rate_bp", "10"), "amount": ("amount", "100"),
                   "gift_item": ("quantity", "1")}  # fmt: skip


def complete(form: Form) -> Form:
    """Sensible values for fields that the chosen effect brings onto the page."""
    kind = form.get("effect.kind")
    # Rows that somebody has are theirs: only a list without any gets examples.
    begun = tuple(f"{name}." for name in LISTS if form.rows(name))
    for name, value in _DEFAULTS.get(kind, {}).items():
        if not begun or not name.startswith(begun):
            form.default(name, value)
    if kind == "goal":
        for name, value in _GIFTS.get(form.get("effect.gift.kind"), {}).items():
            form.default(f"effect.gift.{name}", value)
        _complete_coupon(form, "effect.gift.effect")
    return form


def _complete_coupon(form: Form, prefix: str) -> None:
    known = COUPON_DEFAULTS.get(form.get(f"{prefix}.kind"))
    if known is not None:
        form.default(f"{prefix}.{known[0]}", known[1])


# --- rules into fields -----------------------------------------------------------------------


def fill(rules: Promotion, language: str) -> Form:
    """The form of a promotion."""
    form, when = Form(), rules.when
    form.put("name.ru", rules.name.ru)
    form.put("name.en", rules.name.en)
    form.put_scope("when.scope", when.scope)
    form.put("when.outlets", when.outlets)
    form.put("when.weekdays", [str(day) for day in when.weekdays])
    form.put("when.from_minute", shown("clock", when.from_minute, language))
    # A day ends at 24:00, a clock shows it as the next one's beginning.
    to_minute = None if when.to_minute is None else when.to_minute % (24 * 60)
    form.put("when.to_minute", shown("clock", to_minute, language))
    form.put("when.starts_on", when.starts_on.isoformat() if when.starts_on else "")
    form.put("when.ends_on", when.ends_on.isoformat() if when.ends_on else "")
    form.put("when.segments", when.segments)
    form.put("when.not_segments", when.not_segments)
    first = {None: "", True: "first", False: "later"}[when.first_purchase]
    form.put("when.first_purchase", first)
    form.put("when.birthday_week", "on" if when.birthday_week else "")
    form.put("when.minimum", shown("money", when.minimum or None, language))
    form.put("when.min_pieces", str(when.min_pieces or ""))
    form.put("when.anybody", "" if when.members_only else "on")
    form.put("priority", str(rules.priority))
    form.put("exclusive", "on" if rules.exclusive else "")
    _fill_effect(form, rules, language)
    return form


def _fill_effect(form: Form, rules: Promotion, language: str) -> None:
    effect = rules.effect
    form.put("effect.kind", effect.kind)
    fields: dict[str, str] = {}
    match effect:
        case ExtraRate():
            fields["extra_bp"] = shown("rate", effect.extra_bp, language)
        case Multiplier():
            fields["times_bp"] = times_text(effect.times_bp, language)
        case FixedPoints():
            fields = {"points": str(effect.points), "per": effect.per}
            fields["valid_days"] = str(effect.valid_days or "")
        case PointsPerStep():
            fields = {
                "points": str(effect.points), "step": shown("money", effect.step, language)
            }  # fmt: skip
        case BonusStamps():
            fields = {"card": effect.card, "stamps": str(effect.stamps)}
        case Discount():
            form.put("effect.kind", "amount" if effect.amount is not None else "percent")
            fields = {
                "rate_bp": shown("rate", effect.rate_bp, language),
                "amount": shown("money", effect.amount, language),
                "up_to": shown("money", effect.up_to, language),
            }
        case Progressive():
            fields = {"by": effect.by}
            for n, step in enumerate(effect.steps):
                unit: Unit = "money" if effect.by == "receipt" else "purchases"
                fields[f"steps.{n}.threshold"] = shown(unit, step.threshold, language)
                fields[f"steps.{n}.rate_bp"] = shown("rate", step.rate_bp, language)
        case NthFree():
            fields = {"n": str(effect.n)}
        case Bundle():
            fields = {"price": shown("money", effect.price, language)}
            for n, item in enumerate(effect.items):
                fields[f"items.{n}.quantity"] = str(item.quantity)
                form.put_scope(f"effect.items.{n}.scope", item.scope)
        case Goal():
            _fill_goal(form, effect, language)
    for name, value in fields.items():
        form.put(f"effect.{name}", value)


def _fill_goal(form: Form, goal: Goal, language: str) -> None:
    unit: Unit = "money" if goal.measure == "spend" else "purchases"
    form.put("effect.measure", goal.measure)
    form.put("effect.target", shown(unit, goal.target, language))
    form.put("effect.period", goal.period)
    form.put("effect.days", str(goal.days or 30))
    gift, prefix = goal.gift, "effect.gift"
    form.put(f"{prefix}.kind", gift.kind)
    match gift:
        case PointsGift():
            form.put(f"{prefix}.points", str(gift.points))
            form.put(f"{prefix}.valid_days", str(gift.valid_days or ""))
        case StampsGift():
            form.put(f"{prefix}.card", gift.card)
            form.put(f"{prefix}.stamps", str(gift.stamps))
        case VoucherGift():
            form.put(f"{prefix}.name.ru", gift.name.ru)
            form.put(f"{prefix}.name.en", gift.name.en)
            form.put(f"{prefix}.valid_days", str(gift.valid_days))
            form.put(f"{prefix}.minimum", shown("money", gift.minimum or None, language))
            fill_coupon(form, f"{prefix}.effect", gift.effect, language)


def fill_coupon(form: Form, prefix: str, effect: VoucherEffect, language: str) -> None:
    """The fields of a voucher's effect."""
    form.put(f"{prefix}.kind", effect.kind)
    form.put_scope(f"{prefix}.scope", effect.scope)
    for name, unit in (("rate_bp", "rate"), ("amount", "money"), ("up_to", "money")):
        value = getattr(effect, name, None)
        if value is not None:
            form.put(
                f"{prefix}.{name}", shown("rate" if unit == "rate" else "money", value, language)
            )
    if effect.kind == "gift_item":
        form.put(f"{prefix}.quantity", str(effect.quantity))


# --- fields into rules -----------------------------------------------------------------------


def read(form: Form, t: Translator, currency: str) -> Promotion | None:
    """The promotion that was typed, or None with ``form.problems`` told by field."""
    form.problems.clear()
    reader = Reader(form, t, currency)
    rules = {
        "name": reader.names("name"),
        "when": _when(reader),
        "effect": _effect(reader),
        "priority": reader.value("priority", "signed") or 0,
        "exclusive": bool(form.get("exclusive")),
    }
    if form.problems:
        return None
    try:
        return parse(rules)
    except PromotionInvalid as error:
        _tell(error, reader, t)
        return None


def _tell(error: PromotionInvalid, reader: Reader, t: Translator) -> None:
    problems = error.facts["problems"]
    paths = [_input_of(problem["field"], problem["problem"]) for problem in problems]
    bounds: dict[str, str] = {}
    if isinstance(error.__cause__, ValidationError):
        bounds = reader.say_bounds(error.__cause__, paths)
    for path, problem in zip(paths, problems, strict=True):
        said = bounds.get(path) or str(say_problem(t, problem))
        reader.form.problems.setdefault(path, said)


_PLACES = {
    "hours_empty": "when.to_minute", "dates_reversed": "when.ends_on",
    "weekday_twice": "when.weekdays", "segment_both": "when.not_segments",
    "steps_climb": "effect.steps", "bundle_small": "effect.items", "goal_days": "effect.days",
    "goal_target": "effect.target", "gift_card": "effect.gift.card",
}  # fmt: skip


def _input_of(path: str, code: str) -> str:
    """The field of the page that a problem of the rules belongs to."""
    if code in _PLACES:
        return _PLACES[code]
    if code in ("scope_too_long", "scope_name"):
        return f"{path}.categories" if path.endswith(".scope") else "when.scope.categories"
    parts = path.split(".")
    if parts[-1].isdigit() and parts[0] == "when":
        return ".".join(parts[:-1])
    return path


def _when(reader: Reader) -> dict[str, Any]:
    form = reader.form
    to_minute = reader.value("when.to_minute", "clock")
    days = [int(day) for day in form.every("when.weekdays") if day in "1234567" and len(day) == 1]
    return {
        # A set names its goods itself.
        "scope": {} if form.get("effect.kind") == "bundle" else reader.scope("when.scope"),
        "outlets": list(dict.fromkeys(form.every("when.outlets"))),
        "weekdays": sorted(set(days)),
        "from_minute": reader.value("when.from_minute", "clock"),
        # Midnight as an end is the end of that day.
        "to_minute": 24 * 60 if to_minute == 0 else to_minute,
        "starts_on": reader.value("when.starts_on", "day"),
        "ends_on": reader.value("when.ends_on", "day"),
        "segments": list(dict.fromkeys(form.every("when.segments"))),
        "not_segments": list(dict.fromkeys(form.every("when.not_segments"))),
        "first_purchase": {"first": True, "later": False}.get(form.get("when.first_purchase")),
        "birthday_week": bool(form.get("when.birthday_week")),
        "minimum": reader.value("when.minimum", "money") or 0,
        "min_pieces": reader.value("when.min_pieces", "pieces") or 0,
        "members_only": not (
            form.get("when.anybody") and form.get("effect.kind") in LOWERS_PRICE
        ),
    }  # fmt: skip


def _effect(reader: Reader) -> dict[str, Any]:
    form, needed = reader.form, reader.needed
    kind = form.get("effect.kind")
    effect: dict[str, Any] = {"kind": kind}
    match kind:
        case "rate":
            effect["extra_bp"] = needed("effect.extra_bp", "rate")
        case "multiplier":
            effect["times_bp"] = needed("effect.times_bp", "times")
        case "points":
            effect["points"] = needed("effect.points", "points")
            effect["per"] = form.get("effect.per") or "receipt"
            effect["valid_days"] = reader.value("effect.valid_days", "days")
        case "per_step":
            effect["points"] = needed("effect.points", "points")
            effect["step"] = needed("effect.step", "money")
        case "stamps":
            effect["card"] = needed("effect.card", "text") or ""
            effect["stamps"] = needed("effect.stamps", "stamps")
        case "percent":
            effect = {"kind": "discount", "rate_bp": needed("effect.rate_bp", "rate")}
            effect["up_to"] = reader.value("effect.up_to", "money")
        case "amount":
            effect = {"kind": "discount", "amount": needed("effect.amount", "money")}
        case "nth_free":
            effect["n"] = needed("effect.n", "pieces")
        case "progressive":
            effect |= _progressive(reader)
        case "bundle":
            effect["price"] = needed("effect.price", "money")
            effect["items"] = [
                {
                    "scope": reader.scope(f"effect.items.{n}.scope"),
                    "quantity": needed(f"effect.items.{n}.quantity", "pieces"),
                }
                for n in form.rows("effect.items")
            ]
        case "goal":
            effect |= _goal(reader)
        case _:
            reader.refuse("effect.kind", "choose")
    return effect


def _progressive(reader: Reader) -> dict[str, Any]:
    by = reader.form.get("effect.by") or "receipt"
    unit = "money" if by == "receipt" else "purchases"
    return {
        "by": by,
        "steps": [
            {
                "threshold": reader.needed(f"effect.steps.{n}.threshold", unit),
                "rate_bp": reader.needed(f"effect.steps.{n}.rate_bp", "rate"),
            }
            for n in reader.form.rows("effect.steps")
        ],
    }


def _goal(reader: Reader) -> dict[str, Any]:
    form, needed, prefix = reader.form, reader.needed, "effect.gift"
    measure, period = form.get("effect.measure"), form.get("effect.period")
    kind = form.get(f"{prefix}.kind")
    gift: dict[str, Any] = {"kind": kind}
    if kind == "points":
        gift["points"] = needed(f"{prefix}.points", "points")
        gift["valid_days"] = reader.value(f"{prefix}.valid_days", "days")
    elif kind == "stamps":
        gift["card"] = needed(f"{prefix}.card", "text") or ""
        gift["stamps"] = needed(f"{prefix}.stamps", "stamps")
    elif kind == "voucher":
        gift["name"] = reader.names(f"{prefix}.name")
        gift["effect"] = reader.coupon(f"{prefix}.effect")
        gift["valid_days"] = needed(f"{prefix}.valid_days", "days")
        gift["minimum"] = reader.value(f"{prefix}.minimum", "money") or 0
    else:
        reader.refuse(f"{prefix}.kind", "choose")
    return {
        "measure": measure,
        "target": needed("effect.target", "money" if measure == "spend" else "purchases"),
        "period": period,
        "days": needed("effect.days", "days") if period == "days" else None,
        "gift": gift,
    }
