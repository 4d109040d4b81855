"""Own quiet hours: when offers and reminders do not come. Receipts always do."""

from __future__ import annotations

from typing import Any

from aiogram.types import InlineKeyboardButton
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import chains, customers, program
from loyalty.texts import Translator

QUIET, SET, OWN = "quiet", "quiet_set", "quiet_own"
PROGRAM, NONE = "p", "0:0"

HOUR, DAY = 60, 24 * 60
Hours = tuple[int, int]

_PRESETS: tuple[Hours, ...] = ((22 * HOUR, 8 * HOUR), (20 * HOUR, 10 * HOUR))


def span(hours: Hours) -> str:
    """ "22:00–08:00"."""
    return "–".join(f"{minute // HOUR:02d}:{minute % HOUR:02d}" for minute in hours)


def say_hours(_: Translator, own: Hours | None, usual: Hours) -> object:
    """The hours in force for somebody, as the profile shows them."""
    hours = own or usual
    return _("none") if hours[0] == hours[1] else span(hours)


def hours_of(session: Session, customer_id: int, now: Any) -> tuple[Hours | None, Hours]:
    """Own quiet hours (None: they have none of their own) and the program's."""
    told = customers.preferences(session, customer_id)
    usual = program.current(session, now=now).program.quiet_hours
    own = None
    if told.quiet_start is not None and told.quiet_end is not None:
        own = (told.quiet_start, told.quiet_end)
    return own, (usual.start_minute, usual.end_minute)


async def show_quiet(turn: Turn, *, toast: object = "") -> None:
    """The choice of hours; the one in force is ticked."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id = person.id
    own, usual = await turn.ctx.db.read(lambda s: hours_of(s, customer_id, turn.now))
    offered: list[tuple[object, str, bool]] = [
        (_("As usual: {hours}", hours=say_hours(_, None, usual)), PROGRAM, own is None)
    ]
    offered += [(span(preset), _data(preset), own == preset) for preset in _PRESETS]
    never = own is not None and own[0] == own[1]
    if own is not None and not never and own not in _PRESETS:
        offered.append((span(own), _data(own), True))
    offered.append((_("No quiet hours"), NONE, never))
    rows = [
        [button(f"✅ {label}" if on else label, f"{SET}:{data}")] for label, data, on in offered
    ]
    rows = [rows[0], rows[1] + rows[2], *rows[3:]]
    rows += [[button(_("My own hours…"), OWN)], back(_)]
    text = _(
        "🌙 <b>Quiet hours</b>\nOffers and reminders wait until they are over, by your own clock. "
        "Receipts come at once."
    )
    await turn.show(text, rows, toast=toast)


def back(_: Translator) -> list[InlineKeyboardButton]:
    """The row that leads back to the profile."""
    return [button(_("‹ Back"), menu.PROFILE)]


async def set_quiet(turn: Turn) -> None:
    """Keep what was tapped, and show the choice with it ticked."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id, hours = person.id, _read(turn.arg)
    if turn.arg != PROGRAM and hours is None:
        await show_quiet(turn)
        return

    def unit(session: Session) -> None:
        if hours_of(session, customer_id, turn.now)[0] != hours:
            customers.set_quiet_hours(session, customer_id=customer_id, hours=hours, now=turn.now)
            chains.look_again(session, customer_id=customer_id, now=turn.now)

    await turn.ctx.db.transact(unit)
    await show_quiet(turn, toast=_("Saved 👍"))


async def choose_own(turn: Turn) -> None:
    """The hour they begin, then the hour they end."""
    _, arg = turn.say, turn.arg
    start = int(arg) if arg.isascii() and arg.isdigit() and len(arg) <= 2 else None
    if start is None or start > 23:
        text = _("🌙 From what time should I be silent?")
        hours = [button(f"{hour:02d}:00", f"{OWN}:{hour}") for hour in _from(18)]
    else:
        text = _("🌙 Silent from {start}. Until when?", start=f"{start:02d}:00")
        hours = [
            button(f"{hour:02d}:00", f"{SET}:{_data((start * HOUR, hour * HOUR))}")
            for hour in _from(5)
            if hour != start
        ]
    rows = [hours[i : i + 4] for i in range(0, len(hours), 4)]
    await turn.show(text, [*rows, [button(_("‹ Back"), QUIET if start is None else OWN)]])


def _from(first: int) -> list[int]:
    """The hours of a day, beginning where most people look."""
    return [(first + n) % 24 for n in range(24)]


def _data(hours: Hours) -> str:
    return f"{hours[0]}:{hours[1]}"


def _read(arg: str) -> Hours | None:
    parts = arg.split(":")
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() and len(p) <= 4 for p in parts):
        return None
    start, end = map(int, parts)
    return (start, end) if start < DAY and end < DAY else None


MEMBERS = {QUIET: show_quiet, SET: set_quiet, OWN: choose_own}
