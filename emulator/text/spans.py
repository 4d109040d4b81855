"""Spans of a text under construction, and their Bot API form in UTF-16 units."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from emulator.errors import Unprocessable

Json = dict[str, Any]


@dataclass(slots=True)
class Span:
    """One entity by code-point positions."""

    type: str
    start: int
    end: int
    extra: Json = field(default_factory=dict)


def cannot_parse(what: str) -> Unprocessable:
    """Telegram's refusal of a markup error."""
    return Unprocessable(f"can't parse entities: {what}")


def byte_offset(text: str, position: int) -> int:
    """The UTF-8 offset Telegram names in its markup errors."""
    return len(text[:position].encode("utf-8", "surrogatepass"))


def utf16_length(text: str) -> int:
    """Length as Telegram counts entity offsets."""
    return len(text) + sum(1 for char in text if char > "\uffff")


def to_entities(text: str, spans: list[Span]) -> list[Json]:
    """Spans as Bot API entities, outer before inner, empty ones dropped."""
    spans = [span for span in spans if span.end > span.start]
    spans.sort(key=lambda span: (span.start, -span.end))
    if any(char > "\uffff" for char in text):
        at = [0, *accumulate(2 if char > "\uffff" else 1 for char in text)]
    else:
        at = list(range(len(text) + 1)) if spans else []
    return [
        {
            "type": span.type,
            "offset": at[span.start],
            "length": at[span.end] - at[span.start],
            **span.extra,
        }
        for span in spans
    ]


def from_entities(text: str, entities: list[Json]) -> list[Span]:
    """Bot API entities as spans. Offsets that cut a character or leave the text are refused."""
    at = [0, *accumulate(2 if char > "\uffff" else 1 for char in text)]
    position = {units: index for index, units in enumerate(at)}
    spans = []
    for entity in entities:
        start = position.get(entity["offset"])
        end = position.get(min(entity["offset"] + entity["length"], at[-1]))
        if start is None or entity["offset"] < 0 or entity["length"] < 0:
            raise Unprocessable("entity beginning must not be in the middle of a UTF-16 symbol")
        if end is None:
            raise Unprocessable("entity length must not end in the middle of a UTF-16 symbol")
        extra = {k: v for k, v in entity.items() if k not in ("type", "offset", "length")}
        spans.append(Span(entity["type"], start, max(start, end), extra))
    return spans


def trimmed(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Cut surrounding white space as Telegram does; spans move along."""
    left = len(text) - len(text.lstrip())
    short = text.strip()
    if len(short) == len(text):
        return text, spans
    size = len(short)
    for span in spans:
        span.start = min(max(span.start - left, 0), size)
        span.end = min(max(span.end - left, 0), size)
    return short, spans


def clean_link(url: str) -> str | None:
    """A link target in Telegram's form, or None when it is not a link."""
    url = url.strip()
    if not url or any(char.isspace() for char in url):
        return None
    if url.startswith(("tg://", "ton://")):
        return url
    scheme, found, rest = url.partition("://")
    if not found:
        scheme, rest = "http", url
    if scheme.lower() not in ("http", "https") or not rest:
        return None
    host = rest.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    name = host.rsplit("@", 1)[-1].split(":", 1)[0]
    if not name or ("." not in name and name != "localhost"):
        return None
    tail = rest[len(host) :]
    return f"{scheme.lower()}://{host}{tail if tail.startswith('/') else '/' + tail}"


def linked(url: str, start: int, end: int) -> Span | None:
    """The span of a link: a text link, a mention of a person, or nothing for a bad target."""
    if url.startswith("tg://user?id=") and url[13:].isdigit():
        return Span("text_mention", start, end, {"user_id": int(url[13:])})
    target = clean_link(url)
    return None if target is None else Span("text_link", start, end, {"url": target})
