"""Is this a program one can run? What is wrong, by field, in words an owner understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from loyalty.errors import ProgramInvalid
from loyalty.program.fields import say_value, unit_of
from loyalty.program.rules import KNOWN_TIERS, Program
from loyalty.texts import N_, Translator

_MESSAGES = {
    "empty": N_("Fill this in."),
    "not_whole": N_("A whole number, like 30."),
    "not_amount": N_("An amount, like 450 or 1 200.50."),
    "not_rate": N_("A percentage, like 5 or 7.5."),
    "not_time": N_("A time, like 21:00."),
    "letters": N_("Latin letters, digits, - and _ only."),
    "choose": N_("Choose one."),
    "first_tier_at_zero": N_("The lowest tier starts at 0: every guest has it."),
    "tiers_go_up": N_("Another tier starts at the same amount."),
    "used_twice": N_("This is used twice."),
    "prize_on_the_way": N_("Before the last stamp: the full card has its own reward."),
    "unknown": N_("There is no such setting."),
    "wrong": N_("This does not fit."),
}
_OF_PYDANTIC = {
    "missing": "empty",
    "string_too_short": "empty",
    "too_short": "empty",
    "greater_than_equal": "at_least",
    "less_than_equal": "at_most",
    "less_than": "below",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "string_pattern_mismatch": "letters",
    "extra_forbidden": "unknown",
    "union_tag_invalid": "choose",
    "union_tag_not_found": "choose",
    "literal_error": "choose",
    "int_type": "not_whole",
    "int_parsing": "not_whole",
    "int_from_float": "not_whole",
}
# After these a union's error names the kind that was meant, which is no part of the rules' path.
_UNIONS = frozenset({"effect", "gift"})
_KINDS = frozenset({"percent", "amount", "gift_item", "free_delivery", "points", "voucher"})


class Problem(NamedTuple):
    """One thing that is wrong: where ("tiers.1.threshold"), a code, and the bound it broke."""

    path: str
    code: str
    bound: int | None = None

    def said(self, t: Translator, currency: str) -> str:
        """The problem as a short sentence with the mend, unescaped."""
        bound, unit = self.bound or 0, unit_of(self.path)
        match self.code:
            case "at_least":
                return str(t("At least {value}.", value=say_value(unit, bound, t, currency)))
            case "at_most":
                return str(t("At most {value}.", value=say_value(unit, bound, t, currency)))
            case "too_long":
                return str(t.plural("At most {n} character.", "At most {n} characters.", bound))
            case "too_many":
                return str(t.plural("At most {n} here.", "At most {n} here.", bound))
            case _:
                return str(t(_MESSAGES.get(self.code, _MESSAGES["wrong"])))


def check(rules: Mapping[str, Any] | Program) -> Program:
    """The program these rules make.

    Raises:
        ProgramInvalid: with ``problems``, a list of ``Problem`` in the order of the rules.
    """
    if isinstance(rules, Program):
        rules = rules.model_dump(mode="json")
    try:
        program = Program.model_validate(rules)
    except ValidationError as error:
        raise ProgramInvalid(problems=[_problem(part) for part in error.errors()]) from error
    if problems := _beyond_the_model(program):
        raise ProgramInvalid(problems=problems)
    return program


def validate(rules: Mapping[str, Any] | Program) -> list[Problem]:
    """What is wrong with these rules; an empty list: nothing."""
    try:
        check(rules)
    except ProgramInvalid as error:
        found: list[Problem] = error.facts["problems"]
        return found
    return []


def _problem(part: Mapping[str, Any]) -> Problem:
    facts = part.get("ctx", {})
    code = _OF_PYDANTIC.get(part["type"], part["type"])
    path = _path(part["loc"])
    if "path" in facts:
        path = f"{path}.{facts['path']}" if path else str(facts["path"])
    bound = next(
        (facts[n] for n in ("ge", "le", "lt", "max_length") if isinstance(facts.get(n), int)), None
    )
    if code == "below":
        code, bound = "at_most", (bound or 1) - 1
    if code not in _MESSAGES and code not in ("at_least", "at_most", "too_long", "too_many"):
        code = "wrong"
    return Problem(path, code, bound)


def _path(places: Sequence[int | str]) -> str:
    kept: list[str] = []
    for place in places:
        if place in _KINDS and kept and kept[-1] in _UNIONS:
            continue
        kept.append(str(place))
    return ".".join(kept)


def _beyond_the_model(program: Program) -> list[Problem]:
    """What old data may have, but nobody should write anew."""
    nameless = [
        Problem(f"tiers.{n}.name.{language}", "empty")
        for n, tier in enumerate(program.tiers)
        if tier.name is None and tier.key not in KNOWN_TIERS
        for language in ("ru", "en")
    ]
    capped = [
        Problem(f"stamp_cards.{n}.outlet_caps.{outlet}", "wrong")
        for n, card in enumerate(program.stamp_cards)
        for outlet in card.outlet_caps
        if not (outlet.isascii() and outlet.isdigit())
    ]
    return [*nameless, *capped]
