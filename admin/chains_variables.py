"""Variables of the marketer's texts: their names, an example of each, and a text filled with
examples, as a phone would show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser

from markupsafe import Markup, escape

from loyalty.messaging import placeholders
from loyalty.texts import N_, Translator

VARIABLES: dict[str, tuple[str, str, str]] = {
    "name": (N_("first name"), "Анна", "Anna"),
    "balance": (N_("points to spend"), "320 баллов", "320 points"),
    "expiring": (N_("points that expire"), "120 баллов", "120 points"),
    "days": (N_("days left"), "3 дня", "3 days"),
    "until": (N_("the last day"), "14 июня", "14 June"),
    "tier": (N_("level"), "Серебро", "Silver"),
    "to_next_tier": (N_("how much to the next level"), "1 200 ₽", "₽1,200"),
    "to_keep": (N_("how much keeps the level"), "1 200 ₽", "₽1,200"),
    "stamps": (N_("stamps on the card"), "3 из 5", "3 of 5"),
    "last_product": (N_("bought last"), "Капучино", "Cappuccino"),
    "goes_with": (N_("goes with it"), "Круассан", "Croissant"),
    "outlet": (N_("outlet"), "Кофейня на Садовой", "the coffee shop on Garden Street"),
    "code": (N_("code of the coupon"), "K7PM-4X2Q", "K7PM-4X2Q"),
}
"""By name: what it is called and an example in Russian and in English."""

FALLBACKS: dict[str, tuple[str, str]] = {
    "name": ("Здравствуйте", "Hello"),
    "outlet": ("у нас", "our place"),
    "last_product": ("ваш любимый вкус", "your favourite"),
    "goes_with": ("что-нибудь новое", "something new"),
    "to_next_tier": ("ещё немного", "a little more"),
    "stamps": ("новый штамп", "a new stamp"),
    "expiring": ("ваши баллы", "your points"),
    "days": ("несколько дней", "a few days"),
    "until": ("скоро", "soon"),
    "code": ("подарок", "gift"),
}
"""What to write for somebody who has no such value; changed in the text at will."""

SHORT, ROOMY = 34, 72
"""Characters of a text in a choice, and in a list where it may take two lines."""

# Stand around an example while a text is being read; no keyboard writes them.
_FROM, _TO = "\ue000", "\ue001"
_TAG = re.compile(r"<[^>]+>")
_SHOWN = {
    "b": (Markup("<b>"), Markup("</b>")),
    "i": (Markup("<i>"), Markup("</i>")),
    "u": (Markup("<u>"), Markup("</u>")),
    "s": (Markup("<s>"), Markup("</s>")),
    "a": (Markup("<u>"), Markup("</u>")),
    "code": (Markup("<code>"), Markup("</code>")),
    "tg-spoiler": (Markup("<span>"), Markup("</span>")),
    "blockquote": (Markup("<blockquote>"), Markup("</blockquote>")),
}


def buttons(t: Translator, language: str) -> list[tuple[str, str]]:
    """Every variable to put into a text of ``language``: what is inserted and what it is."""
    found = []
    for name in sorted(placeholders.VARIABLES, key=list(VARIABLES).index):
        label, _, _ = VARIABLES[name]
        instead = FALLBACKS.get(name, ("", ""))[language == "en"]
        needed = name in placeholders.MAY_BE_EMPTY and instead
        found.append((f"{{{name}|{instead}}}" if needed else f"{{{name}}}", str(t(label))))
    return found


def examples(language: str) -> dict[str, str]:
    """An example of every value."""
    return {name: made[2 if language == "en" else 1] for name, made in VARIABLES.items()}


def told(text: str, language: str, known: Mapping[str, str] | None = None) -> Markup:
    """A text without its tags, with examples for values that can be seen to be examples.

    ``known``: real values by variable, where a real customer is spoken of.
    """
    return _styled(escape(_read(text, language, known)))


def told_shortly(
    text: str, language: str, known: Mapping[str, str] | None = None, *, width: int = SHORT
) -> Markup:
    """The beginning of a text in one line of at most ``width`` characters."""
    said = " ".join(_read(text, language, known).split())
    return _styled(escape(_cut(said, width)))


def bubble(text: str, language: str) -> Markup:
    """A text as the phone shows it, with examples for values; only tags that Telegram knows."""
    return _styled(clean(placeholders.fill(_unmarked(text), _marked(language))))


def known_of(name: str | None) -> dict[str, str]:
    """What is known of a customer called so, as messages speak to them."""
    return {"name": (name or "").split(" ")[0]}


def _read(text: str, language: str, known: Mapping[str, str] | None) -> str:
    values = {**_marked(language), **(known or {})}
    return unescape(_TAG.sub("", placeholders.fill(_unmarked(text), values)))


def _marked(language: str) -> dict[str, str]:
    return {name: f"{_FROM}{said}{_TO}" for name, said in examples(language).items()}


def _unmarked(text: str) -> str:
    return text.replace(_FROM, "").replace(_TO, "")


def _cut(text: str, width: int) -> str:
    """At most so many characters, marks not counted; an example is shown whole or not at all."""
    if len(_unmarked(text)) <= width:
        return text
    kept, left = "", width - 1
    for sign in text:
        left -= sign not in (_FROM, _TO)
        if left < 0:
            break
        kept += sign
    if kept.count(_FROM) > kept.count(_TO):
        # Half a value says nothing.
        kept = kept[: kept.rindex(_FROM)]
    return f"{kept.rstrip()}…"


def _styled(text: Markup) -> Markup:
    """Marks become what a page shows."""
    opened = text.replace(_FROM, Markup('<span class="example">'))
    return opened.replace(_TO, Markup("</span>"))


def clean(text: str) -> Markup:
    """Telegram's HTML as safe HTML of a page: only tags that Telegram knows, without addresses."""
    reader = _Shown()
    reader.feed(text)
    reader.close()
    return Markup("").join(reader.parts)


class _Shown(HTMLParser):
    """Puts a text together anew: known tags without attributes, everything else as text."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Markup] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag in _SHOWN:
            self._open.append(tag)
            self.parts.append(_SHOWN[tag][0])

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
            self.parts.append(_SHOWN[tag][1])

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data))

    def close(self) -> None:
        super().close()
        while self._open:
            self.parts.append(_SHOWN[self._open.pop()][1])
