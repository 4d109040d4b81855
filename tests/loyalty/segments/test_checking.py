"""What is wrong with a rule is said by place and code, whatever was sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import segments
from loyalty.errors import SegmentInvalid
from loyalty.segments import All, InSegment, Is, Not, Rule, Saved


def problems(document: Any, **options: Any) -> list[tuple[str, str]]:
    """Field and problem of everything that is wrong."""
    with pytest.raises(SegmentInvalid) as refused:
        segments.check(document, **options)
    return [(one["field"], one["problem"]) for one in refused.value.facts["problems"]]


def deep(levels: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"field": "orders", "op": ">=", "value": 1}
    for _ in range(levels):
        rule = {"not": rule}
    return rule


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (None, [("", "malformed")]),
        ("orders", [("", "malformed")]),
        ([], [("", "malformed")]),
        ({}, [("", "one_of_them")]),
        ({"all": [], "any": []}, [("", "one_of_them")]),
        ({"all": {}}, [("all", "malformed")]),
        ({"any": []}, [("any", "empty")]),
        ({"all": [{"any": [7]}]}, [("all.0.any.0", "malformed")]),
        ({"all": [], "name": "x"}, [("name", "unknown_parameter")]),
        ({"segment": 7}, [("segment", "wrong_value")]),
        ({"segment": ""}, [("segment", "wrong_value")]),
        ({"field": "shoe_size"}, [("field", "unknown_field")]),
        ({"field": ["orders"]}, [("field", "unknown_field")]),
        ({"field": "orders", "op": "~", "value": 1}, [("op", "unknown_operator")]),
        ({"field": "orders", "op": "contains", "value": 1}, [("op", "unknown_operator")]),
        ({"field": "orders", "value": "3"}, [("value", "wrong_value")]),
        ({"field": "orders", "value": True}, [("value", "wrong_value")]),
        ({"field": "orders", "value": 1.5}, [("value", "wrong_value")]),
        ({"field": "orders", "value": {"a": 1}}, [("value", "wrong_value")]),
        ({"field": "orders", "value": -1}, [("value", "out_of_range")]),
        ({"field": "orders", "value": 10**12}, [("value", "out_of_range")]),
        ({"field": "orders", "op": "between", "value": [5, 2]}, [("value", "out_of_range")]),
        ({"field": "orders", "op": "between", "value": [5]}, [("value", "wrong_value")]),
        ({"field": "orders", "value": 1, "days": 0}, [("days", "out_of_range")]),
        ({"field": "orders", "value": 1, "days": "a"}, [("days", "wrong_value")]),
        ({"field": "orders", "value": 1, "sku": "1"}, [("sku", "unknown_parameter")]),
        ({"field": "orders", "value": 1, "colour": 1}, [("colour", "unknown_parameter")]),
        ({"field": "city", "op": "in", "value": []}, [("value", "empty")]),
        ({"field": "city", "op": "in", "value": "Tver"}, [("value", "wrong_value")]),
        ({"field": "city", "op": "in", "value": ["x"] * 201}, [("value", "too_many")]),
        ({"field": "city", "value": " "}, [("value", "empty")]),
        ({"field": "city", "value": "x" * 121}, [("value", "too_long")]),
        ({"field": "city", "value": "a\x00b"}, [("value", "wrong_value")]),
        ({"field": "city", "value": "\ud800"}, [("value", "wrong_value")]),
        ({"segment": "tag:\x00"}, [("segment", "wrong_value")]),
        ({"segment": "tag:\udfff"}, [("segment", "wrong_value")]),
        ({"field": "bought", "value": 1, "sku": "\ud800"}, [("sku", "wrong_value")]),
        ({"field": "sex", "value": "x"}, [("value", "wrong_value")]),
        ({"field": "home_outlet", "value": "Main"}, [("value", "wrong_value")]),
        ({"field": "home_outlet", "value": "9" * 19}, [("value", "wrong_value")]),
        ({"field": "reachable", "value": 1}, [("value", "wrong_value")]),
        ({"field": "field_date", "key": "a", "value": "2026-2-1"}, [("value", "wrong_value")]),
        ({"field": "field_text", "value": "a"}, [("key", "parameter_missing")]),
        ({"field": "field_text", "value": "a", "key": 'a"]'}, [("key", "wrong_value")]),
        ({"field": "points_expiring", "value": 1}, [("days", "parameter_missing")]),
        ({"field": "bought", "value": 1, "outlet": "x"}, [("outlet", "wrong_value")]),
        ({"field": "bought", "value": 1, "outlet": "9" * 19}, [("outlet", "wrong_value")]),
        ({"field": "bought", "value": 1, "category": " "}, [("category", "empty")]),
        ({"field": "ads_consent", "key": "ads:pigeon"}, [("key", "wrong_value")]),
        (
            {"all": [{"field": "orders", "value": "x"}, {"not": {"field": "moon"}}]},
            [("all.0.value", "wrong_value"), ("all.1.not.field", "unknown_field")],
        ),
    ],
)
def test_everything_wrong_is_said(document: Any, found: list[tuple[str, str]]) -> None:
    assert problems(document) == found


def test_depth_and_size_are_bounded() -> None:
    assert segments.check(deep(7))
    assert problems(deep(8)) == [("not.not.not.not.not.not.not.not", "too_deep")]
    assert problems(deep(5000))[0][1] == "too_deep"
    one = {"field": "orders", "value": 1}
    assert problems({"all": [one] * 51}) == [("all", "too_many")]
    assert problems({"all": [{"any": [one] * 50}, {"any": [one] * 50}, one]}) == [("", "too_many")]


def test_a_rule_is_as_good_as_its_document() -> None:
    rule = All(
        all=(
            Is(field="orders", op=">=", value=2, days=30),
            Not.model_validate({"not": InSegment(segment="vip")}),
        )
    )
    assert segments.check(rule) == rule
    assert segments.check(rule.model_dump(mode="json", exclude_unset=True)) == rule
    assert problems(Is(field="moon")) == [("field", "unknown_field")]


def test_named_segments_are_looked_up() -> None:
    inner = segments.check({"segment": "b"})
    saved = Saved(rules={"a": inner, "b": segments.check({"segment": "vip"})})
    fine = {"all": [{"segment": key} for key in ("a", "b", "vip", "tier:gold", "tag:x")]}
    assert segments.check(fine, saved=saved)
    assert problems({"all": [{"segment": "c"}]}, saved=saved) == [
        ("all.0.segment", "unknown_segment")
    ]
    assert problems({"not": {"segment": "a"}}, saved=saved, key="b") == [("not.segment", "circle")]
    assert problems({"segment": "c"}, saved=saved, key="c") == [("segment", "circle")]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["all", "any", "not", "segment", "field", "op", "value", "days", "key", "x"]
            ),
            st.one_of(inner, st.sampled_from([*segments.FIELDS, "=", ">=", "in"])),
            max_size=4,
        ),
    ),
    max_leaves=12,
)


def _checked(document: Any) -> Rule | list[dict[str, str]]:
    try:
        return segments.check(document)
    except SegmentInvalid as refused:
        found: list[dict[str, str]] = refused.facts["problems"]
        return found


@given(_JSON)
def test_no_document_breaks_it(document: Any) -> None:
    found = _checked(document)
    assert found
    if not isinstance(found, list):
        assert _checked(found) == found
