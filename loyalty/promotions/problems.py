"""What is wrong with a promotion, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from loyalty.texts import N_, Translator

_PROBLEMS = {
    "hours_empty": N_("The hours begin and end at the same minute."),
    "dates_reversed": N_("The last day is before the first."),
    "weekday_twice": N_("A weekday is named twice."),
    "segment_both": N_("A segment cannot be both included and left out."),
    "scope_too_long": N_("At most 200 categories and 200 products can be named."),
    "scope_name": N_("A category or product has a name of 1 to 100 characters."),
    "discount_kind": N_("Give either a percentage or a sum."),
    "discount_limit": N_("Only a percentage has an upper limit."),
    "steps_climb": N_("Every step begins higher and gives more than the one before."),
    "bundle_small": N_("A bundle has at least two pieces."),
    "goal_days": N_("A number of days goes only with a period of so many days."),
    "goal_target": N_("A goal has at most 1000 purchases."),
    "gift_card": N_("Choose a stamp card for the gift."),
    "missing": N_("This is not filled in."),
    "union_tag_not_found": N_("Choose what the promotion does."),
    "union_tag_invalid": N_("Choose what the promotion does."),
    "too_long": N_("There are too many of them."),
    "too_short": N_("There are too few of them."),
    "string_too_long": N_("This text is too long."),
    "string_too_short": N_("This is not filled in."),
    "extra_forbidden": N_("This does not belong here."),
}
_OTHER = N_("This value does not fit.")


def say_problem(_: Translator, problem: Mapping[str, Any]) -> Markup:
    """One of the ``problems`` of ``PromotionInvalid`` as a sentence, to stand beside its field."""
    return _(_PROBLEMS.get(str(problem.get("problem")), _OTHER))
