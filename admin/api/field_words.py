"""What is wrong with a field, in the caller's language, by the kind of fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty.texts import N_, Translator, plain

_FITS_NOT = N_("This value does not fit")

_BY_KIND = {
    "missing": N_("This field is needed"),
    "extra_forbidden": N_("There is no such field"),
    "string_type": N_("A text is needed"),
    "int_type": N_("A whole number is needed"),
    "int_from_float": N_("A whole number is needed"),
    "bool_type": N_("true or false is needed"),
    "tuple_type": N_("A list is needed"),
    "list_type": N_("A list is needed"),
    "dict_type": N_("An object is needed"),
    "model_type": N_("An object is needed"),
    "model_attributes_type": N_("An object is needed"),
    "string_too_short": N_("Too short: at least {min_length}"),
    "string_too_long": N_("Too long: at most {max_length}"),
    "too_short": N_("Too few: at least {min_length}"),
    "too_long": N_("Too many: at most {max_length}"),
    "greater_than": N_("Too small: above {gt}"),
    "greater_than_equal": N_("Too small: at least {ge}"),
    "less_than": N_("Too large: below {lt}"),
    "less_than_equal": N_("Too large: at most {le}"),
    "literal_error": N_("One of these: {expected}"),
    "string_pattern_mismatch": N_("Not of the form that is needed"),
    "flag": N_("true or false, once"),
}

# What the fields' own checks say (``fields``), as they are written there.
_OWN = (
    N_("a decimal string with two places, like 450.00"),
    N_("a whole number or a decimal string with up to three places, like 0.350"),
    N_("a moment with its offset, like 2026-03-02T12:00:00+03:00"),
    N_("control characters are not allowed"),
    N_("items is a list of goods"),
)


def fault(kind: str, *, said: str = "", facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A field's fault to be worded later: its kind, what the check said, its numbers."""
    return {"kind": kind, "said": said, "facts": dict(facts or {})}


def word(_: Translator, found: Mapping[str, Any]) -> str:
    """The fault in the caller's language; a check's own words where it has some."""
    said = str(found["said"])
    if said in _OWN:
        return plain(_(said))
    text = _BY_KIND.get(found["kind"], _FITS_NOT)
    try:
        return plain(_(text, **found["facts"]))
    except KeyError:  # a kind whose numbers go by other names
        return plain(_(_FITS_NOT))
