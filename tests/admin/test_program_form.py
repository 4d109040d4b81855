"""The program's form by itself: rules to fields and back, and whatever people may type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.program_form import Filled, fill, received
from admin.program_reading import parse, read
from loyalty.program import Program
from loyalty.texts import translator

_FIELDS = sorted(fill(Program(), "en").values)
_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "0", "1", "7,5", "7.5 %", "10 000", "-1", "1e9", "٣", "²", "25:61", "∞"]),
    st.integers(-(10**30), 10**30).map(str),
)


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(_FIELDS), _TEXTS, max_size=8))
def test_whatever_is_typed_gives_rules_or_says_why(changes: dict[str, str]) -> None:
    for language in ("ru", "en"):
        t = translator(language)
        filled = received(fill(Program(), language).values | changes)
        program = read(filled, t, "RUB")
        assert (program is None) == bool(filled.problems)
        if program is not None:
            again = received(fill(program, language).values)
            assert read(again, t, "RUB") == program


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(
        st.from_regex(r"(tiers|stamp_cards)\.\d{1,3}(\.perks|\.interim)?(\.\d)?\.[a-z]{1,9}"),
        max_size=12,
    )
)
def test_made_up_rows_are_numbered_anew(names: list[str]) -> None:
    filled = received(dict.fromkeys(names, "x"))
    for name in ("tiers", "stamp_cards"):
        rows = filled.rows(name)
        assert rows == list(range(len(rows)))
    assert read(filled, translator("en"), "RUB") is None
    assert filled.problems


@pytest.mark.parametrize(
    ("unit", "typed", "value"),
    [
        ("money", "10 000", 1_000_000),
        ("money", "10,000", 1_000_000),
        ("money", "1,200.5", 120_050),
        ("money", "450,5 ₽", 45_050),
        ("money", "0", 0),
        ("rate", "7", 700),
        ("rate", "7,5 %", 750),
        ("rate", "0.25%", 25),
        ("days", "365 дней", 365),
        ("points", "1 000", 1000),
        ("clock", "9", 540),
        ("clock", "21.30", 1290),
        ("clock", "21:30:00", 1290),
        ("goods", " кофе ,, чай, кофе", ["кофе", "чай"]),
        ("days", "", None),
        ("flag", "on", True),
    ],
)
def test_amounts_are_read_as_people_type_them(unit: Any, typed: str, value: Any) -> None:
    assert parse(unit, typed) == value


@pytest.mark.parametrize(
    ("unit", "typed"),
    [
        ("money", "-5"),
        ("money", "1e9"),
        ("money", "5 roubles or so"),
        ("rate", "7.555"),
        ("rate", "seven"),
        ("days", "1.5"),
        ("days", "-1"),
        ("points", "5 5 5 и ещё 5"),
        ("clock", "24:00"),
        ("clock", "noon"),
    ],
)
def test_what_is_no_amount_is_refused(unit: Any, typed: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(unit, typed)


def test_rows_move_with_all_they_hold() -> None:
    filled = Filled({"tiers.0.key": "a", "tiers.1.key": "b", "tiers.1.perks.0.code": "x"})
    filled.order("tiers", [1, 0])
    assert filled.values == {
        "tiers.1.key": "a",
        "tiers.0.key": "b",
        "tiers.0.perks.0.code": "x",
    }
    assert filled.add("tiers") == "tiers.2"
    filled.remove("tiers.0")
    assert filled.get("tiers.0.key") == "a"
    assert filled.rows("tiers") == [0, 1]
