"""The marketer's words: ``{name|friend}`` and the like, checked when saved, filled when sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser

from markupsafe import escape

from loyalty.texts import LANGUAGES

VARIABLES = frozenset(
    {
        "name", "balance", "expiring", "days", "until", "tier", "to_next_tier", "to_keep",
        "stamps", "last_product", "goes_with", "outlet", "code",
    }
)  # fmt: skip
"""What a text may use: first name; points that can be spent; points that will expire; days left
and the last day (of the points, of the level, of its coupon, or the day the message is about);
tier, how much is missing to the next, or to keep it; stamps on the card; goods bought last (or
left in the cart) and what goes with them; outlet; the coupon's code."""

MAY_BE_EMPTY = frozenset({"name", "outlet", "last_product", "goes_with"})
"""Variables that are empty for some people and so need ``|words instead``. The others may be
missing too (no points expire, no tier is above): without words instead the message is not sent to
those it makes no sense for."""

MAX_TEXT = 4096
_VARIABLE = re.compile(r"\{([^{}|]*)(?:\|([^{}]*))?\}")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?>")
_TAGS = frozenset({"b", "i", "u", "s", "a", "code", "tg-spoiler", "blockquote"})


class _Tags(HTMLParser):
    """Walks the tags of a text and notes the first thing Telegram would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problem: str | None = None

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in _TAGS:
            self.problem = self.problem or f"unknown_tag:{tag}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problem = self.problem or f"unclosed_tag:{tag}"


def length(text: str) -> int:
    """How long Telegram finds a text: in units of UTF-16, of which most emoji have two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems_of(text: str) -> Iterator[str]:
    """Codes of what is wrong with one text; none if it can be sent."""
    if not _TAG.sub("", text).strip():
        yield "empty"
    if length(text) > MAX_TEXT:
        yield "too_long"
    rest = _VARIABLE.sub("", text)
    if "{" in rest or "}" in rest:
        yield "stray_brace"
    if "<" in _TAG.sub("", rest):
        yield "stray_angle"
    for name, instead in _VARIABLE.findall(text):
        if name not in VARIABLES:
            yield f"unknown_variable:{name}"
        elif name in MAY_BE_EMPTY and not instead:
            yield f"fallback_missing:{name}"
    tags = _Tags()
    tags.feed(text)
    tags.close()
    if tags.problem or tags.open:
        yield tags.problem or f"unclosed_tag:{tags.open[-1]}"


def problems_of_texts(texts: Mapping[str, str]) -> Iterator[str]:
    """The same for a text in every language; a language left out is a problem too."""
    for language in LANGUAGES:
        if language not in texts:
            yield f"language_missing:{language}"
            continue
        yield from (f"{language}:{problem}" for problem in problems_of(texts[language]))


def used(text: str) -> set[str]:
    """The variables a text uses."""
    return {name for name, _ in _VARIABLE.findall(text)}


def needed(text: str) -> set[str]:
    """The variables that a text uses without words to say instead."""
    return {name for name, instead in _VARIABLE.findall(text) if not instead}


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with values put in, escaped (but for ``Markup``); an empty value gives the words
    after ``|``."""

    def value(found: re.Match[str]) -> str:
        return str(escape(values.get(found[1]) or found[2] or ""))

    return _VARIABLE.sub(value, text)
