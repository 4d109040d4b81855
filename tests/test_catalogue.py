"""The catalogue's own checks: what is collected, and what counts as a fault."""

from __future__ import annotations

import io

import pytest
from babel.messages.catalog import Message
from jinja2 import TemplateSyntaxError

from scripts import catalogue


@pytest.mark.parametrize(
    ("message", "forms", "fault"),
    [
        (Message("Hello, {name}!", "Привет, {name}!"), 3, None),
        (Message("Hello, {name}!", "Привет!"), 3, "placeholders differ"),
        (Message("Hello, {name}!", "Привет, {name!"), 3, "placeholders differ"),
        (Message("<b>Card</b>", "<b>Карта</b>"), 3, None),
        (Message("<b>Card</b>", "<b>Карта"), 3, "tags differ"),
        (Message("Card", " "), 3, "not translated"),
        (Message("Card", "Карта", flags=["fuzzy"]), 3, "fuzzy"),
        (
            Message(("{n} point", "{n} points"), ("{n} балл", "{n} балла", "{n} баллов")),
            3,
            None,
        ),
        (Message(("{n} point", "{n} points"), ("{n} балл", "{n} баллов")), 3, "2 plural forms"),
        (Message(("{n} point", "{n} points"), ("{n} балл", "", "{n} баллов")), 3, "not translated"),
        (
            Message(("one point", "{n} points"), ("балл", "{n} балла", "{n} баллов")),
            3,
            "placeholders differ",
        ),
        (Message(("one point", "{n} points"), ("one point", "{n} points")), 2, None),
    ],
)
def test_faults(message: Message, forms: int, fault: str | None) -> None:
    found = catalogue.faults(message, forms)
    if fault is None:
        assert found == []
    else:
        assert any(fault in text for text in found)


def test_templates_give_all_three_ways_of_saying() -> None:
    template = (
        "{{ _('Customers') }}{% trans count=n %}{{ count }} sale{% pluralize %}"
        "{{ count }} sales{% endtrans %}{{ _.plural('{n} point', '{n} points', n) }}"
    )
    found = catalogue.extract_template(io.BytesIO(template.encode()), [], [], options={})
    words = [words for _, _, words, _ in found]
    assert "Customers" in words
    assert ("%(count)s sale", "%(count)s sales", None) in [tuple(w) for w in words]
    assert ("{n} point", "{n} points", None) in [tuple(w) for w in words]


def test_a_template_that_sets_something_by_the_way_is_read_too() -> None:
    template = "{% do seen.append(1) %}{{ _('Call it off') }}"
    found = catalogue.extract_template(io.BytesIO(template.encode()), [], [], options={})
    assert "Call it off" in [words for _, _, words, _ in found]


def test_a_template_that_cannot_be_read_is_not_passed_over() -> None:
    with pytest.raises(TemplateSyntaxError):
        list(catalogue.extract_template(io.BytesIO(b"{% if %}{{ _('Lost') }}"), [], [], options={}))
