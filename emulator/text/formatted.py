"""From what a bot or a person sent to the text and entities of a message."""

from __future__ import annotations

import re
from typing import Any

from emulator.errors import Unprocessable
from emulator.text.html_mode import parse_html
from emulator.text.markdown_mode import parse_markdown, parse_markdown_v2
from emulator.text.spans import Span, from_entities, to_entities, trimmed

Json = dict[str, Any]
MAX_TEXT = 4_096
MAX_CAPTION = 1_024

_MODES = {"html": parse_html, "markdownv2": parse_markdown_v2, "markdown": parse_markdown}
_LINK = r"(?:https?://|tg://)[^\s<>\"'«»]+|(?<![\w@./])(?:[\w-]+\.)+[a-z]{2,10}(?:/[^\s<>\"'«»]*)?"
_AUTOMATIC = re.compile(
    r"(?P<email>(?<![\w.+-])[A-Za-z0-9._%+-]+@(?:[\w-]+\.)+[A-Za-z]{2,10}\b)"
    rf"|(?P<url>{_LINK})"
    r"|(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<mention>(?<![\w@])@[A-Za-z][A-Za-z0-9_]{3,31}\b)"
    r"|(?P<hashtag>(?<!\w)#(?=\w*[^\W\d])\w{1,256})"
    r"|(?P<phone_number>(?<![\w+])\+\d[\d ()-]{6,17}\d(?!\w))",
    re.IGNORECASE,
)
_HINTS = frozenset("/.@#+")
_OPAQUE = frozenset({"code", "pre", "text_link", "text_mention"})


def formatted(
    source: str,
    *,
    parse_mode: str | None = None,
    entities: list[Json] | None = None,
    limit: int = MAX_TEXT,
    caption: bool = False,
) -> tuple[str, list[Json]]:
    """The text as shown and its entities with UTF-16 offsets.

    Lengths count characters after parsing. Raises Telegram's 400 for broken markup, an empty
    text (an empty caption is allowed) or one longer than `limit`.
    """
    spans: list[Span] = []
    if not source.isascii():
        source = source.encode("utf-8", "replace").decode("utf-8", "replace")
    source = source.replace("\r", "").replace("\x00", "")
    if entities is not None:
        spans = from_entities(source, entities)
    elif parse_mode:
        parser = _MODES.get(parse_mode.lower())
        if parser is None:
            raise Unprocessable("unsupported parse_mode")
        source, spans = parser(source)
    text, spans = trimmed(source, spans)
    if not text and not caption:
        raise Unprocessable("message text is empty")
    if len(text) > limit:
        raise Unprocessable("message caption is too long" if caption else "message is too long")
    if not _HINTS.isdisjoint(text):
        spans = [*spans, *_automatic(text, spans)]
    return text, to_entities(text, spans) if spans else []


def _automatic(text: str, spans: list[Span]) -> list[Span]:
    """Commands, links and the like, outside of code and links set by hand."""
    taken = [(span.start, span.end) for span in spans if span.type in _OPAQUE]
    found = []
    for match in _AUTOMATIC.finditer(text):
        start, end = match.span()
        kind = match.lastgroup or "url"
        if kind == "url":
            end -= len(match[0]) - len(match[0].rstrip(".,:;!?)"))
        if all(end <= left or start >= right for left, right in taken):
            found.append(Span(kind, start, end))
    return found
