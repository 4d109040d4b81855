"""What people read: one gettext catalogue for the bot and the panel, and forms of numbers.

Messages are written in English in the code and looked up in ``locales/``; a value put into a
message is escaped here and nowhere else.
"""

from __future__ import annotations

import gettext as _gettext
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import (
    format_decimal,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
)
from markupsafe import Markup, escape

from loyalty import clock
from loyalty.amounts import MINOR_UNITS

LANGUAGES = ("ru", "en")
LOCALES = Path(__file__).parent / "locales"

# Signs that people use and neither language's locale data knows.
_SIGNS = {"KZT": "₸", "AMD": "֏", "GEL": "₾", "AZN": "₼", "UZS": "UZS"}

_RUSSIAN_SPEAKERS = {"ru", "uk", "be", "kk", "ky", "uz", "tg", "az", "hy", "ka", "tt"}


def guess_language(code: str | None, *, default: str) -> str:
    """The language to greet somebody in, from Telegram's ``language_code``.

    People from countries where Russian is widely read get Russian, everybody else English;
    no code at all gives ``default``.
    """
    if not code:
        return default
    return "ru" if code.split("-")[0].lower() in _RUSSIAN_SPEAKERS else "en"


@lru_cache(maxsize=8)
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation("messages", LOCALES, [language], fallback=language == "en")


# Babel writes a number in 30 to 200 µs, more than all else a receipt needs: its signs are asked
# for once.
_BETWEEN_THOUSANDS = {language: get_group_symbol(language) for language in LANGUAGES}
_BEFORE_CENTS = {language: get_decimal_symbol(language) for language in LANGUAGES}


def _grouped(language: str, n: int) -> str:
    return f"{n:,}".replace(",", _BETWEEN_THOUSANDS[language])


@lru_cache(maxsize=1024)
def _decimal(language: str, value: int, places: int) -> str:
    return format_decimal(Decimal(value).scaleb(-places), format="#,##0.##", locale=language)


@lru_cache(maxsize=64)
def _sign_of(currency: str) -> str:
    return _SIGNS.get(currency) or get_currency_symbol(currency, locale="ru")


def _money(language: str, amount: int, currency: str) -> str:
    # Figures and sign never part at a line's end; English writes the sign first and, where it
    # knows none, the code with a space: ₽450, UZS 450.
    sign = _sign_of(currency)
    whole, cents = divmod(abs(amount), MINOR_UNITS)
    figures = _grouped(language, whole)
    if cents:
        figures += f"{_BEFORE_CENTS[language]}{cents:02d}"
    minus = "−" if amount < 0 else ""
    if language == "ru":
        return f"{minus}{figures}\u00a0{sign}"
    return f"{minus}{sign}\u00a0{figures}" if sign.isalpha() else f"{minus}{sign}{figures}"


def _filled(text: str, values: dict[str, Any]) -> Markup:
    """``text`` with the values put in, escaped (Markup's own ``format`` takes four times as
    long)."""
    if values:
        text = text.format_map({name: _escaped(value) for name, value in values.items()})
    elif "{" in text:
        text = text.format()
    return _as_markup(text)


def _escaped(value: Any) -> str:
    return value if type(value) is Markup else escape(value)


def _as_markup(text: str) -> Markup:
    # Markup's own constructor asks first whether the text knows a form for HTML: it is text.
    return str.__new__(Markup, text)


class Translator:
    """Says things in one language: ``_("Hello, {name}!", name=…)``.

    Values are escaped for HTML (Telegram's and the panel's) and the result is ``Markup``, so
    it passes through a template or another message unescaped.
    """

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalogue = _catalogue(self.language)

    def __call__(self, message: str, /, **values: Any) -> Markup:
        """The message in this language with ``{values}`` put in, escaped."""
        return _filled(self._catalogue.gettext(message), values)

    def plural(self, one: str, many: str, n: int, /, **values: Any) -> Markup:
        """The form that goes with ``n``; ``{n}`` is its grouped digits."""
        text = self._catalogue.ngettext(one, many, abs(n))
        return _filled(text, {"n": self.number(n), **values})

    def number(self, n: int) -> str:
        """Digits grouped as the language does: 1 200 or 1,200."""
        return _grouped(self.language, n)

    def decimal(self, value: int, places: int) -> str:
        """A whole number of small units as a figure: 750 with two places is 7.5 or 7,5."""
        return _decimal(self.language, value, places)

    def points(self, n: int) -> Markup:
        """ "1 point", "5 points"."""
        return _points(self.language, n)

    def money(self, amount: int, currency: str) -> str:
        """Minor units as people write money; kopecks only when there are any."""
        return _money(self.language, amount, currency)

    def day(self, value: date, *, year: bool = False, short: bool = False) -> str:
        """ "5 June", with the year if asked; "5 Jun" where room is scarce."""
        if short:
            locale = "ru" if self.language == "ru" else "en_GB"
            return format_date(value, "d MMM", locale=locale)
        if self.language == "ru":
            return format_date(value, "d MMMM y" if year else "d MMMM", locale="ru")
        return format_date(value, "d MMMM y" if year else "d MMMM", locale="en_GB")

    def moment(self, value: datetime, tz: str) -> str:
        """ "5 June, 14:30" in the given zone."""
        form = "d MMMM, HH:mm"
        locale = "ru" if self.language == "ru" else "en_GB"
        return format_datetime(value.astimezone(clock.zone(tz)), form, locale=locale)


@lru_cache(maxsize=8)
def translator(language: str) -> Translator:
    """The translator of a language ("ru" or "en"; anything else is English)."""
    return Translator(language)


@lru_cache(maxsize=8192)
def _points(language: str, n: int) -> Markup:
    return translator(language).plural("{n} point", "{n} points", n)


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "translate later"
    """Mark a message for the catalogue where it is defined, not where it is said."""
    return message


def dots(full: int, of: int) -> str:
    """A stamp card as people see one: "●●○○"; a long one in figures: "7/20"."""
    if of > 12:
        return f"{full}/{of}"
    return "●" * min(full, of) + "○" * max(0, of - full)


def plain(text: str) -> str:
    """A message without HTML, for plain-text places (a button, a log-free file)."""
    return str(Markup(text).striptags()) if "<" in text or "&" in text else str(text)  # noqa: S704


def html(value: object) -> Markup:
    """A value escaped for HTML."""
    return escape(value)


def bold(value: object) -> Markup:
    """A value escaped for HTML, in bold."""
    return Markup("<b>{}</b>").format(value)
