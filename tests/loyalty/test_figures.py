"""Figures are written by hand, for speed: exactly as the locales have them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from loyalty.amounts import MAX_AMOUNT
from loyalty.texts import LANGUAGES, translator

_ANY = st.integers(-(10**12), 10**12) | st.integers(-12_000, 12_000)


@given(st.sampled_from(LANGUAGES), _ANY)
def test_numbers_are_grouped_as_the_locale_has_it(language: str, n: int) -> None:
    assert translator(language).number(n) == format_decimal(n, locale=language)


@given(st.sampled_from(LANGUAGES), st.integers(0, MAX_AMOUNT) | st.integers(0, 500_000))
def test_money_has_the_locales_figures_and_kopecks_only_when_there_are_any(
    language: str, amount: int
) -> None:
    form = "#,##0.00" if amount % 100 else "#,##0"
    figures = format_decimal(Decimal(amount) / 100, format=form, locale=language)
    said = f"{figures}\u00a0₽" if language == "ru" else f"₽{figures}"
    assert translator(language).money(amount, "RUB") == said


@pytest.mark.parametrize(
    ("language", "amount", "currency", "said"),
    [
        ("ru", -123_456_78, "RUB", "−123\u00a0456,78\u00a0₽"),
        ("en", -123_456_78, "RUB", "−₽123,456.78"),
        ("en", 45_000, "UZS", "UZS\u00a0450"),
        ("ru", 5, "KZT", "0,05\u00a0₸"),
        ("ru", 0, "RUB", "0\u00a0₽"),
    ],
)
def test_signs_stand_where_the_language_puts_them(
    language: str, amount: int, currency: str, said: str
) -> None:
    assert translator(language).money(amount, currency) == said


def test_values_are_escaped_and_what_is_html_already_is_not() -> None:
    say = translator("en")
    said = say("Hello, {name}! {more}", name="<b>&", more=Markup("<i>x</i>"))
    assert said == "Hello, &lt;b&gt;&amp;! <i>x</i>"
    assert isinstance(said, Markup)
    assert isinstance(say("Hello"), Markup)
    assert say("A {{brace}}") == "A {brace}"
    assert say("Sum: {n}", n=5) == "Sum: 5"
