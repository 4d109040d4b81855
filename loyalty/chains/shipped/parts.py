"""What the shipped chains are written with: steps and buttons in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loyalty.chains.model import Definition

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preset:
    """A chain that comes with the program; ``enabled``: whether a new shop starts with it on.

    On is what costs little and needs nothing set up. Off is what needs a site, a date of the
    guests' or numbers of the shop's, and what gives away more than once in a guest's life.
    """

    key: str
    definition: Definition
    enabled: bool

    @property
    def about(self) -> Mapping[str, str]:
        """What it does and what it needs, by language."""
        return self.definition.about


def preset(
    key: str,
    *,
    title: Mapping[str, str],
    about: Mapping[str, str],
    trigger: Mapping[str, Any],
    steps: Sequence[Document],
    enabled: bool,
    **more: Any,
) -> Preset:
    """A preset from its parts; ``more``: exits, re_entry, urgency.

    Raises:
        pydantic.ValidationError: the parts make no chain.
    """
    document = {"title": title, "about": about, "trigger": trigger, "steps": steps, **more}
    return Preset(key, Definition.model_validate(document), enabled)


def local(ru: str, en: str) -> Document:
    """A text in both languages."""
    return {"ru": ru, "en": en}


def button(ru: str, en: str, data: str) -> Document:
    """A button that opens a screen of the bot."""
    return {"texts": local(ru, en), "data": data}


CARD = button("💳 Показать карту", "💳 Show my card", "card")
MY_CARD = button("💳 Моя карта", "💳 My card", "card")
POINTS = button("✨ Мои баллы", "✨ My points", "balance")
LEVEL = button("🏅 Мой уровень", "🏅 My level", "balance")
COUPON = button("🎟 Открыть купон", "🎟 Open my coupon", "offers")
OFFERS = button("🎟 Мои предложения", "🎟 My offers", "offers")
INVITE = button("🤝 Позвать друга", "🤝 Invite a friend", "invite")
TALK = button("💬 Написать нам", "💬 Write to us", "talk")
HELP = button("❓ Как всё устроено", "❓ How it works", "help")


def message(
    step_id: str, ru: str, en: str, *rows: Document | list[Document], **more: Any
) -> Document:
    """A message; each of ``rows`` is a button or a row of them."""
    return {
        "kind": "message",
        "id": step_id,
        "texts": local(ru, en),
        "buttons": [row if isinstance(row, list) else [row] for row in rows],
        **more,
    }


def wait(**length: Any) -> Document:
    """A wait counted from the start of the chain (days, hours, minutes)."""
    return {"kind": "wait", "since": "start", **length}


def at(hour: int) -> Document:
    """A wait for that hour where the customer lives."""
    return {"kind": "wait_hour", "hour": hour}


def before(days: int, hour: int = 10) -> Document:
    """A wait until so many days before the day the chain is about."""
    return {"kind": "wait_before", "days": days, "hour": hour}


def percent_coupon(
    step_id: str, ru: str, en: str, *, percent: int, up_to: int, valid_days: int
) -> Document:
    """A coupon of the customer's own: ``percent`` off, at most ``up_to`` (minor units)."""
    effect = {"kind": "percent", "rate_bp": percent * 100, "up_to": up_to}
    gift = {"name": local(ru, en), "effect": effect, "valid_days": valid_days}
    return {"kind": "gift", "id": step_id, "voucher": gift}
