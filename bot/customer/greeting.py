"""The first words and the welcome: what somebody reads before and right after joining."""

from __future__ import annotations

from markupsafe import Markup

from bot.answers import Turn
from bot.customer import contact
from loyalty.joining import Joined
from loyalty.program import Program
from loyalty.texts import Translator


def greeting(_: Translator, rules: Program) -> str:
    """What the program gives, and what is agreed to."""
    percent = _.decimal(rules.tiers[0].earn_rate_bp, 2)
    lines = [
        _("Hi! 👋 This is your loyalty card, right here in Telegram."),
        "",
        _("🎁 {points} as a welcome gift for new guests", points=_.points(rules.welcome_points))
        if rules.welcome_points
        else None,
        _("💛 {percent} % back in points from every purchase", percent=percent),
        _("💳 nothing to install and nothing to carry"),
        "",
        _(
            "To open the card I need your agreement to keep your name, phone and purchases. "
            "They are only used for the card and never sold; you can take it back at any time."
        ),
    ]
    return "\n".join(str(line) for line in lines if line is not None)


async def say_joined(turn: Turn, joined: Joined, name: str | None, extra: list[Markup]) -> None:
    """Welcome somebody who has just joined: what is on the card now; the keys go away.

    ``extra``: what the links they came by have brought.
    """
    _ = turn.say
    lines = [_("Welcome, {name}! 🎉", name=name) if name else _("Welcome! 🎉")]
    if not joined.created:
        lines.append(_("I found your card: everything you have earned is here 💛"))
    if joined.welcome:
        lines.append(_("Your gift: <b>{points}</b>", points=_.points(joined.welcome)))
    lines += extra
    if joined.frozen_until is not None:
        moment = _.moment(joined.frozen_until, turn.locale.time_zone)
        lines.append(
            _(
                "Your card came from another Telegram account, so points can be spent from "
                "{moment}. Our staff can lift this sooner.",
                moment=moment,
            )
        )
    await contact.take_keyboard_away(turn, "\n".join(map(str, lines)))
