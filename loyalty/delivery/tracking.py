"""Links and buttons that tell which message they were tapped in.

There is no row per link: ``/r/<token>`` carries the message of the outbox and the place of the
link in it, signed; where it leads is read from what the message was made of. So a link leads
only where one of our messages led, and it works for ever: the message stays in the chat.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.model import TRACK
from loyalty.chains.store import definition_of
from loyalty.delivery.wording import content_of
from loyalty.errors import CodeInvalid
from loyalty.ids import number_of, short_of
from loyalty.messaging.outbox import SERVICE
from loyalty.messaging.tables import outbox
from loyalty.messaging.templates import SCREEN, Button, Message
from loyalty.tokens import Keys, read_link, sign_link

PATH = "/r/"
"""Where links lead to, below the public address."""

LONGEST_CALLBACK = 64
IN_TEXT = 128
"""Places from here on are links in the text, below it the buttons in reading order."""

_PLACES = 256
_HREF = re.compile(r"""(<a\s[^>]*?\bhref\s*=\s*)(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_WEB = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Links:
    """What tracked links are made with: the keys, and the address this product is known by."""

    keys: Keys
    public_url: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a message leads: the address of each button in reading order (None: a screen), and
    the addresses in its text, each once, whatever the language."""

    buttons: tuple[str | None, ...] = ()
    links: tuple[str, ...] = ()

    def at(self, place: int) -> str | None:
        """The address at a place; None if there is none."""
        found: Sequence[str | None] = self.links if place >= IN_TEXT else self.buttons
        place -= IN_TEXT if place >= IN_TEXT else 0
        return found[place] if place < len(found) else None


@dataclass(frozen=True, slots=True)
class Tracked:
    """A link that was followed: in which message, at which place, and where it leads."""

    outbox_id: int
    place: int
    url: str

    @property
    def target(self) -> str:
        """The place as clicks have it: ``0`` is the first button, ``t0`` the first in the text."""
        return f"t{self.place - IN_TEXT}" if self.place >= IN_TEXT else str(self.place)


def tracked(url: str, outbox_id: int, place: int, keys: Keys, public_url: str) -> str:
    """The address that counts a click and leads on to ``url``; ``url`` itself if it is no web
    address or stands too far down."""
    last = IN_TEXT if place < IN_TEXT else _PLACES
    if not url.startswith(_WEB) or not 0 <= place < last:
        return url
    token = sign_link(keys, outbox_id=outbox_id, place=place)
    return f"{public_url.rstrip('/')}{PATH}{token}"


def targets_of(session: Session, payload: Mapping[str, Any]) -> Targets:
    """Where a message of this payload leads, as the customer was shown it.

    Read from the chain's own version, which never changes: neither editing nor archiving the
    chain changes where its messages lead.
    """
    if "chain_version" not in payload:
        rows = payload.get("buttons") or ()
        texts = [str(payload.get("text") or "")]
        kept = tuple(str(url) for url in payload.get("links") or ())
        return Targets(_urls(rows), kept or _hrefs(texts))
    try:
        step = definition_of(session, int(payload["chain_version"])).message(str(payload["step"]))
    except (LookupError, ValueError):
        step = None
    if step is None:
        return Targets()
    content = content_of(step, variant=payload.get("variant"), segment=payload.get("segment"))
    buttons = tuple(button.url for row in content.buttons for button in row)
    return Targets(buttons, _hrefs(content.texts[name] for name in sorted(content.texts)))


def _urls(rows: Iterable[Iterable[Mapping[str, Any]]]) -> tuple[str | None, ...]:
    return tuple(button.get("url") for row in rows for button in row)


def _hrefs(texts: Iterable[str]) -> tuple[str, ...]:
    found = (html.unescape(match[3]) for text in texts for match in _HREF.finditer(text))
    return tuple(dict.fromkeys(url for url in found if url.startswith(_WEB)))


def with_tracking(
    session: Session,
    message: Message,
    payload: Mapping[str, Any],
    *,
    outbox_id: int,
    message_class: str,
    links: Links | None,
) -> Message:
    """The message with links and buttons that tell it was this one; a service message is left
    as it is. Without ``links`` only buttons of the bot are marked."""
    if message_class == SERVICE:
        return message
    targets = targets_of(session, payload)
    made, place = [], 0
    for row in message.buttons:
        line = []
        for button in row:
            line.append(_button(button, targets, outbox_id, place, links))
            place += 1
        made.append(tuple(line))
    text = message.text
    if links is not None and targets.links:
        text = _with_links(text, targets.links, outbox_id, links)
    return replace(message, text=text, buttons=tuple(made))


def _button(
    button: Button, targets: Targets, outbox_id: int, place: int, links: Links | None
) -> Button:
    url = button.get("url")
    if url:
        if links is None or targets.at(place) != url:
            return button
        address = tracked(url, outbox_id, place, links.keys, links.public_url)
        return {**button, "url": address}
    data = button.get("data")
    if not data:
        return button
    marked = f"{data}{TRACK}{short_of(outbox_id)}"
    fits = len(f"{SCREEN}{marked}".encode()) <= LONGEST_CALLBACK
    return {**button, "data": marked} if fits else button


def _with_links(text: str, known: Sequence[str], outbox_id: int, links: Links) -> str:
    """Only those that the text came with: what variables bring is not found again later."""

    def instead(match: re.Match[str]) -> str:
        url = html.unescape(match[3])
        if url not in known:
            return match[0]
        place = IN_TEXT + known.index(url)
        address = tracked(url, outbox_id, place, links.keys, links.public_url)
        return f"{match[1]}{match[2]}{html.escape(address)}{match[2]}"

    return _HREF.sub(instead, text)


def split_mark(data: str) -> tuple[str, int | None]:
    """A button's data without its mark, and the message it says it was on (anybody can write
    that: see ``clicks.note_tap``); None without one."""
    plain, mark, short = data.rpartition(TRACK)
    if not mark:
        return data, None
    return plain, number_of(short)


def find_link(session: Session, token: str, *, keys: Keys) -> Tracked | None:
    """Where a link leads; None for a token that is none of ours or leads nowhere."""
    try:
        outbox_id, place = read_link(keys, token)
    except CodeInvalid:
        return None
    query = sa.select(outbox.c.payload).where(outbox.c.id == outbox_id)
    payload = session.execute(query).scalar_one_or_none()
    url = targets_of(session, payload).at(place) if isinstance(payload, dict) else None
    if url is None or not url.startswith(_WEB):
        return None
    return Tracked(outbox_id, place, url)


_CHAIN_KEYS = ("chain_version", "step", "variant", "segment")


def kept_for_links(session: Session, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of a payload when the person is forgotten: ids and the shop's own addresses,
    so that the links in their chat go on working."""
    if "chain_version" in payload:
        return {name: payload[name] for name in _CHAIN_KEYS if payload.get(name) is not None}
    targets = targets_of(session, payload)
    kept: dict[str, Any] = {}
    if any(targets.buttons):
        kept["buttons"] = [[{"url": url} if url else {} for url in targets.buttons]]
    if targets.links:
        kept["links"] = list(targets.links)
    return kept
