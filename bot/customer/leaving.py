"""Who has asked to be erased: a line that says when, and the one tap that calls it off."""

from __future__ import annotations

from markupsafe import Markup

from bot.answers import Rows, Turn, button
from loyalty import clock
from loyalty.privacy.asking import KEEP

__all__ = ["KEEP", "line", "rows"]


def line(turn: Turn) -> Markup | None:
    """When this person's data will be erased; None if they did not ask for it."""
    person, _ = turn.visitor.customer, turn.say
    if person is None or person.erase_after is None:
        return None
    day = _.day(clock.local_date(person.erase_after, turn.locale.time_zone))
    return _("🗑 Your data will be erased on {day}.", day=day)


def rows(turn: Turn) -> Rows:
    """The button that keeps the card, for whoever has asked to be erased; else nothing."""
    if line(turn) is None:
        return []
    return [[button(turn.say("Keep my card 💛"), KEEP)]]
