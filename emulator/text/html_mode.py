"""`parse_mode: HTML`, after the parser of Telegram's own server, errors included."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from emulator.text.spans import Span, byte_offset, cannot_parse, linked

_SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_TAGS = frozenset(_SIMPLE) | {"a", "code", "pre", "blockquote", "tg-emoji", "tg-time"}
_MOMENT = re.compile(r"r|w?[dD]?[tT]?")
_REFERENCE = re.compile(r"&(?:#(?:\d{1,8}|[xX][0-9a-fA-F]{1,7})|lt|gt|amp|quot);?")


@dataclass(slots=True)
class _Open:
    tag: str
    start: int
    attributes: dict[str, str] = field(default_factory=dict)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.text: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.spans: list[Span] = []

    def parse(self) -> tuple[str, list[Span]]:
        source = self.source
        while self.at < len(source):
            next_tag = source.find("<", self.at)
            stop = len(source) if next_tag < 0 else next_tag
            if stop > self.at:
                self._put(unescape(source[self.at : stop]))
            self.at = stop
            if stop < len(source):
                if source.startswith("/", stop + 1):
                    self._end_tag()
                else:
                    self._start_tag()
        if self.open:
            tag = self.open[-1].tag
            raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{tag}"')
        return "".join(self.text), merged_pre(self.spans)

    def _put(self, piece: str) -> None:
        self.text.append(piece)
        self.length += len(piece)

    def _char(self) -> str:
        return self.source[self.at] if self.at < len(self.source) else ""

    def _skip(self, stops: str) -> str:
        begin = self.at
        while (char := self._char()) and not char.isspace() and char not in stops:
            self.at += 1
        return self.source[begin : self.at]

    def _skip_space(self) -> None:
        while self._char().isspace():
            self.at += 1

    def _start_tag(self) -> None:
        begin = self.at
        where = byte_offset(self.source, begin)
        self.at += 1
        tag = self._skip(">").lower()
        if not self._char():
            raise cannot_parse(f"Unclosed start tag at byte offset {where}")
        if tag not in _TAGS:
            raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {where}')
        attributes = self._attributes(tag, where)
        self.at += 1
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self.open.append(_Open(tag, self.length, attributes))

    def _attributes(self, tag: str, where: int) -> dict[str, str]:
        unclosed = f'Unclosed start tag "{tag}" at byte offset {where}'
        found: dict[str, str] = {}
        while True:
            self._skip_space()
            char = self._char()
            if char == ">":
                return found
            if not char:
                raise cannot_parse(unclosed)
            name = self._skip("=>").lower()
            if not name:
                raise cannot_parse(
                    f'Empty attribute name in the tag "{tag}" at byte offset {where}'
                )
            self._skip_space()
            if self._char() != "=":
                found[name] = ""
                continue
            self.at += 1
            self._skip_space()
            found[name] = self._value(unclosed)

    def _value(self, unclosed: str) -> str:
        quote = self._char()
        if not quote:
            raise cannot_parse(unclosed)
        if quote in "\"'":
            end = self.source.find(quote, self.at + 1)
            if end < 0:
                raise cannot_parse(unclosed)
            value = unescape(self.source[self.at + 1 : end])
            self.at = end + 1
            return value
        begin = self.at
        value = re.compile(r"[A-Za-z0-9.\-]*").match(self.source, begin)[0]  # type: ignore[index]
        self.at += len(value)
        if self._char() != ">" and not self._char().isspace():
            where = byte_offset(self.source, begin)
            raise cannot_parse(f"Unexpected end of name token at byte offset {where}")
        return value.lower()

    def _end_tag(self) -> None:
        where = byte_offset(self.source, self.at)
        if not self.open:
            raise cannot_parse(f"Unexpected end tag at byte offset {where}")
        self.at += 2
        name = self._skip(">").lower()
        self._skip_space()
        if self._char() != ">":
            raise cannot_parse(f"Unclosed end tag at byte offset {where}")
        self.at += 1
        opened = self.open.pop()
        if name and name != opened.tag:
            raise cannot_parse(
                f"Unmatched end tag at byte offset {where}, "
                f'expected "</{opened.tag}>", found "</{name}>"'
            )
        self._close(opened)

    def _close(self, opened: _Open) -> None:
        start, end, given = opened.start, self.length, opened.attributes
        if end <= start:
            return
        span: Span | None
        if opened.tag in _SIMPLE:
            span = Span(_SIMPLE[opened.tag], start, end)
        elif opened.tag == "a":
            span = linked(given.get("href") or "".join(self.text)[start:end], start, end)
        elif opened.tag == "blockquote":
            kind = "expandable_blockquote" if "expandable" in given else "blockquote"
            span = Span(kind, start, end)
        elif opened.tag == "tg-emoji":
            emoji = given.get("emoji-id", "")
            if not emoji.isdigit():
                raise cannot_parse("Invalid custom emoji identifier specified")
            span = Span("custom_emoji", start, end, {"custom_emoji_id": emoji})
        elif opened.tag == "tg-time":
            span = _moment(given, start, end)
        else:
            language = given.get("class", "")
            extra = {"language": language[9:]} if language.startswith("language-") else {}
            span = Span(opened.tag, start, end, extra)
        if span is not None:
            self.spans.append(span)


def _moment(given: dict[str, str], start: int, end: int) -> Span:
    unix = given.get("unix", "")
    if not unix.isdigit():
        raise cannot_parse("Invalid date-time specified")
    extra: dict[str, object] = {"unix_time": int(unix)}
    if given.get("format"):
        if not _MOMENT.fullmatch(given["format"]):
            raise cannot_parse("Invalid date-time format specified")
        extra["date_time_format"] = given["format"]
    return Span("date_time", start, end, extra)


def unescape(piece: str) -> str:
    """Decode numeric references and the four named ones Telegram knows."""
    if "&" not in piece:
        return piece
    return _REFERENCE.sub(lambda found: html.unescape(found[0].rstrip(";") + ";"), piece)


def merged_pre(spans: list[Span]) -> list[Span]:
    """`<pre><code class="language-x">` is one block with a language; plain code keeps none."""
    kept = []
    for span in spans:
        if span.type == "code":
            outer = next(
                (
                    s
                    for s in spans
                    if s.type == "pre" and (s.start, s.end) == (span.start, span.end)
                ),
                None,
            )
            if outer is not None:
                outer.extra.update(span.extra)
                continue
            span.extra = {}
        elif span.type == "pre" and "language" not in span.extra:
            span.extra = {}
        kept.append(span)
    return kept


def parse_html(source: str) -> tuple[str, list[Span]]:
    """Plain text and spans; raises a 400 with Telegram's wording for broken markup."""
    return _Parser(source).parse()
