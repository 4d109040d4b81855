"""`parse_mode: MarkdownV2` and the legacy `Markdown`, after Telegram's own parsers."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.text.spans import Span, byte_offset, cannot_parse, linked

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "Pre",
    "link": "TextUrl",
    "emoji": "CustomEmoji",
}
_CLOSERS = {
    "bold": "*",
    "italic": "_",
    "underline": "__",
    "strikethrough": "~",
    "spoiler": "||",
    "code": "`",
    "pre": "```",
    "link": "]",
    "emoji": "]",
}


@dataclass(slots=True)
class _Open:
    kind: str
    source_at: int
    start: int
    language: str = ""


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.text: list[str] = []
        self.open: list[_Open] = []
        self.spans: list[Span] = []
        self.quote: int | None = None
        self.quote_expands = False

    def parse(self) -> tuple[str, list[Span]]:
        source = self.source
        while self.at < len(source):
            char = source[self.at]
            following = source[self.at + 1 : self.at + 2]
            if char == "\\" and following and ord(following) <= 126:
                self.text.append(following)
                self.at += 2
            elif self._quote_marks(char):
                continue
            elif char not in self._special():
                self.text.append(char)
                self.at += 1
            elif self._closes():
                self._close()
            else:
                self._begin(char)
        if self.open:
            raise self._unfinished(self.open[-1])
        self._end_quote()
        return "".join(self.text), self.spans

    def _special(self) -> frozenset[str]:
        if self.open and self.open[-1].kind in ("code", "pre"):
            return frozenset("`")
        return _RESERVED

    def _quote_marks(self, char: str) -> bool:
        """Block quotes live on lines: `>` opens one, a line without it ends it."""
        if self.open and self.open[-1].kind in ("code", "pre"):
            return False
        line_start = self.at == 0 or self.source[self.at - 1] == "\n" or self._after_empty_bold()
        if char == ">" and line_start:
            if self.quote is None:
                self.quote = len(self.text)
            self.at += 1
            return True
        if self.quote is None:
            return False
        if line_start:
            self._end_quote()
        elif char == "|" and self._expands():
            self.quote_expands = True
            self.at += 2
            return True
        return False

    def _after_empty_bold(self) -> bool:
        """`**>` is the documented way to part two neighbouring quotes."""
        before = self.source[max(0, self.at - 3) : self.at]
        return before in ("**", "\n**")

    def _expands(self) -> bool:
        inside_spoiler = bool(self.open) and self.open[-1].kind == "spoiler"
        rest = self.source[self.at : self.at + 3]
        return not inside_spoiler and rest in ("||", "||\n")

    def _end_quote(self) -> None:
        if self.quote is not None:
            end = len(self.text)
            while end > self.quote and self.text[end - 1] == "\n":
                end -= 1
            kind = "expandable_blockquote" if self.quote_expands else "blockquote"
            self.spans.append(Span(kind, self.quote, end))
        self.quote = None
        self.quote_expands = False

    def _closes(self) -> bool:
        if not self.open:
            return False
        kind = self.open[-1].kind
        if kind == "italic":
            return self.source[self.at] == "_" and self.source[self.at + 1 : self.at + 2] != "_"
        return self.source.startswith(_CLOSERS[kind], self.at)

    def _begin(self, char: str) -> None:
        source, begin = self.source, self.at
        double = source.startswith(char * 2, begin)
        if char == "_":
            kind, step = ("underline", 2) if double else ("italic", 1)
        elif char == "|" and double:
            kind, step = "spoiler", 2
        elif char == "!" and source.startswith("![", begin):
            kind, step = "emoji", 2
        elif source.startswith("```", begin):
            kind, step = "pre", 3
        elif char in "*~[`":
            kind, step = {"*": "bold", "~": "strikethrough", "[": "link", "`": "code"}[char], 1
        else:
            raise cannot_parse(
                f"Character '{char}' is reserved and must be escaped with the preceding '\\'"
            )
        self.at += step
        language = self._language() if kind == "pre" else ""
        self.open.append(_Open(kind, begin, len(self.text), language))

    def _language(self) -> str:
        end = self.at
        while end < len(self.source) and not self.source[end].isspace() and self.source[end] != "`":
            end += 1
        language = ""
        if end < len(self.source) and self.source[end] != "`":
            language = self.source[self.at : end]
            self.at = end
        if self.source.startswith("\n", self.at):
            self.at += 1
        return language

    def _close(self) -> None:
        opened = self.open.pop()
        self.at += len(_CLOSERS[opened.kind])
        start, end = opened.start, len(self.text)
        span: Span | None
        if opened.kind in ("link", "emoji"):
            target = self._target() or "".join(self.text[start:])
            if opened.kind == "emoji":
                span = _emoji(target, start, end)
            else:
                span = linked(target, start, end)
        else:
            extra = {"language": opened.language} if opened.language else {}
            span = Span(opened.kind, start, end, extra)
        if span is not None and end > start:
            self.spans.append(span)

    def _target(self) -> str:
        if not self.source.startswith("(", self.at):
            return ""
        begin = self.at = self.at + 1
        url = []
        while self.at < len(self.source) and self.source[self.at] != ")":
            if self.source[self.at] == "\\" and self.at + 1 < len(self.source):
                self.at += 1
            url.append(self.source[self.at])
            self.at += 1
        if self.at >= len(self.source):
            where = byte_offset(self.source, begin)
            raise cannot_parse(f"Can't find end of a URL at byte offset {where}")
        self.at += 1
        return "".join(url)

    def _unfinished(self, opened: _Open) -> Exception:
        name = "PreCode" if opened.language else _NAMES[opened.kind]
        where = byte_offset(self.source, opened.source_at)
        return cannot_parse(f"Can't find end of {name} entity at byte offset {where}")


def _emoji(target: str, start: int, end: int) -> Span:
    prefix = "tg://emoji?id="
    if not target.startswith(prefix) or not target[len(prefix) :].isdigit():
        raise cannot_parse("Custom emoji entity must contain a tg://emoji URL")
    return Span("custom_emoji", start, end, {"custom_emoji_id": target[len(prefix) :]})


def parse_markdown_v2(source: str) -> tuple[str, list[Span]]:
    """Plain text and spans; raises a 400 with Telegram's wording for broken markup."""
    return _Parser(source).parse()


def parse_markdown(source: str) -> tuple[str, list[Span]]:
    """The legacy mode: `*bold*`, `_italic_`, `` `code` ``, fenced blocks and links, no nesting."""
    text: list[str] = []
    spans: list[Span] = []
    at = 0
    while at < len(source):
        char = source[at]
        if char == "\\" and source[at + 1 : at + 2] in tuple("_*`["):
            text.append(source[at + 1])
            at += 2
        elif char in "_*`[":
            at = _legacy_entity(source, at, text, spans)
        else:
            text.append(char)
            at += 1
    return "".join(text), spans


def _legacy_entity(source: str, at: int, text: list[str], spans: list[Span]) -> int:
    """Read one entity of the legacy mode; returns the position after it."""
    char = source[at]
    fence = source.startswith("```", at)
    closer = "```" if fence else {"[": "]"}.get(char, char)
    begin = at + len(closer)
    language = ""
    if fence:
        line_end = source.find("\n", begin)
        word = source[begin:line_end] if line_end > 0 else ""
        if word and not any(c.isspace() or c == "`" for c in word):
            language = word
            begin = line_end
        if source.startswith("\n", begin):
            begin += 1
    end = source.find(closer, begin)
    if end < 0:
        where = byte_offset(source, at)
        raise cannot_parse(f"Can't find end of the entity starting at byte offset {where}")
    start = len(text)
    text.extend(source[begin:end])
    after = end + len(closer)
    span: Span | None = None
    if char == "[":
        if source.startswith("(", after):
            close = source.find(")", after)
            if close < 0:
                where = byte_offset(source, at)
                raise cannot_parse(f"Can't find end of the entity starting at byte offset {where}")
            span = linked(source[after + 1 : close], start, len(text))
            after = close + 1
    else:
        kind = "pre" if fence else {"_": "italic", "*": "bold", "`": "code"}[char]
        span = Span(kind, start, len(text), {"language": language} if language else {})
    if span is not None and span.end > span.start:
        spans.append(span)
    return after
