"""A birthday by tapping: the month, the day, then the year or none. Typed dates work as well.

Every button carries all that was chosen before it, so nothing is remembered between two taps
and one tapped twice does no harm.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from aiogram.types import InlineKeyboardButton
from babel.dates import get_month_names
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import clock, customers, program
from loyalty.customers import Birthday, Customer
from loyalty.errors import BirthdayInvalid
from loyalty.texts import Translator

BIRTHDAY = "birthday"
"""The step in which a date is expected, and the button that asks for it."""

SKIP = "birthday_skip"
MONTH, KEEP = "born", "born_ok"
NO_YEAR = "0"

_LEAP = 2000
_DECADES = 9
_Buttons = list[list[InlineKeyboardButton]]


async def ask_birthday(turn: Turn) -> None:
    """Ask for the date; it can be skipped and is never asked for by itself again."""
    person = turn.visitor.customer
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> int:
        customers.mark_birthday_asked(session, customer_id=customer_id, now=turn.now)
        turn.set_step(session, BIRTHDAY)
        return program.current(session, now=turn.now).program.birthday_points

    points = await turn.ctx.db.transact(unit)
    _ = turn.say
    lines = [_("🎂 When is your birthday?")]
    if points and person.birth_day is None:
        lines.append(_("We give {points} for it.", points=_.points(points)))
    lines.append(_("Choose the month, or type the date like 05.06 or 05.06.1990"))
    await turn.show("\n".join(map(str, lines)), [*_months(_), _way_out(_, person)])


def _way_out(_: Translator, person: Customer) -> list[InlineKeyboardButton]:
    if person.birth_day is None:
        return [button(_("Not now"), SKIP)]
    return [button(_("‹ Back"), menu.PROFILE)]


async def skip_birthday(turn: Turn) -> None:
    """No birthday; the profile has a button for it."""
    await turn.ask(None)
    await menu.show_menu(turn, head=turn.say("All right 🙂 You can tell it later in your profile."))


async def choose(turn: Turn) -> None:
    """What comes after the part that was tapped: days of a month, decades, years, the end.

    The argument is ``MONTH[:DAY[:DECADE or YEAR or 0]]``; anything else is an old button.
    """
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    parts = _numbers(turn.arg)
    match parts:
        case [month] if 1 <= month <= 12:
            text = _("🎂 Which day?")
            rows = [*_days(month), [button(_("‹ Back"), BIRTHDAY)]]
        case [month, day] if _is_day(day, month):
            text = _("🎂 {day}. And the year? It is optional.", day=_said(_, day, month))
            rows = [*_decades(turn, month, day), [button(_("‹ Back"), f"{MONTH}:{month}")]]
        case [month, day, decade] if _is_day(day, month) and 180 <= decade <= 300:
            text = _("🎂 {day}. Which year?", day=_said(_, day, month))
            rows = _years(turn, month, day, decade)
            rows.append([button(_("‹ Back"), f"{MONTH}:{month}:{day}")])
        case [month, day, year] if _is_day(day, month):
            await _settle(turn, person, _born(turn, day, month, year))
            return
        case _:
            await ask_birthday(turn)
            return
    await turn.show(text, rows)


async def keep_changed(turn: Turn) -> None:
    """The tap that confirms a change of a date that was known before."""
    parts = _numbers(turn.arg)
    if len(parts) != 3 or not _is_day(parts[1], parts[0]):
        await ask_birthday(turn)
        return
    await _keep(turn, _born(turn, parts[1], parts[0], parts[2]))


async def take_birthday(turn: Turn, text: str) -> None:
    """A typed date while one is expected; what cannot be read is asked for again."""
    person = turn.visitor.customer
    assert person is not None
    _ = turn.say
    try:
        born = customers.parse_birthday(_in_numbers(text), today=_today(turn))
    except BirthdayInvalid:
        hint = _("I could not read the date. Please type it like 05.06 or 05.06.1990")
        await turn.show(hint, [*_months(_), _way_out(_, person)])
        return
    await _settle(turn, person, born)


async def _settle(turn: Turn, person: Customer, born: Birthday) -> None:
    """Keep a first date at once; a change of a known one is asked about."""
    known = (person.birth_day, person.birth_month)
    if person.birth_day is None or known == (born.day, born.month):
        await _keep(turn, born)
        return
    _ = turn.say
    text = _(
        "Your birthday: {old} → <b>{new}</b>?\nThe new date counts from next year.",
        old=_said(_, person.birth_day, person.birth_month or 1),
        new=_said(_, born.day, born.month),
    )
    data = f"{KEEP}:{born.month}:{born.day}:{born.year or NO_YEAR}"
    await turn.show(text, [[button(_("Yes, change it"), data)], [button(_("‹ Back"), BIRTHDAY)]])


async def _keep(turn: Turn, born: Birthday) -> None:
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id = person.id
    known = (person.birth_day, person.birth_month)
    changed = person.birth_day is not None and known != (born.day, born.month)

    def unit(session: Session) -> None:
        customers.set_birthday(session, customer_id=customer_id, birthday=born, now=turn.now)
        turn.set_step(session, None)

    await turn.ctx.db.transact(unit)
    head = _("Thank you, I will remember {day} 🎂", day=_said(_, born.day, born.month))
    if changed:
        head = head + " " + _("The new date counts from next year.")
    await menu.show_menu(turn, head=head)


# --- the pages -------------------------------------------------------------------------------


def _months(_: Translator) -> _Buttons:
    names = get_month_names("wide", "stand-alone", locale=_.language)
    months = [button(names[n].capitalize(), f"{MONTH}:{n}") for n in range(1, 13)]
    return _in_rows(months, 3)


def _days(month: int) -> _Buttons:
    last = calendar.monthrange(_LEAP, month)[1]
    return _in_rows([button(n, f"{MONTH}:{month}:{n}") for n in range(1, last + 1)], 7)


def _decades(turn: Turn, month: int, day: int) -> _Buttons:
    _, newest = turn.say, _today(turn).year // 10
    decades = [
        button(_("{year}s", year=str(n * 10)), f"{MONTH}:{month}:{day}:{n}")
        for n in range(newest - _DECADES + 1, newest + 1)
    ]
    skip = button(_("Without the year"), f"{MONTH}:{month}:{day}:{NO_YEAR}")
    return [*_in_rows(decades, 3), [skip]]


def _years(turn: Turn, month: int, day: int, decade: int) -> _Buttons:
    today, years = _today(turn), []
    for year in range(decade * 10, decade * 10 + 10):
        born = _valid(day, month, year, today)
        if born is not None:
            years.append(button(year, f"{MONTH}:{month}:{day}:{year}"))
    return _in_rows(years, 5)


def _in_rows(buttons: Sequence[InlineKeyboardButton], size: int) -> _Buttons:
    return [list(buttons[i : i + size]) for i in range(0, len(buttons), size)]


# --- dates -----------------------------------------------------------------------------------


def _numbers(arg: str) -> list[int]:
    parts = arg.split(":")
    fine = len(parts) <= 3 and all(p.isascii() and p.isdigit() and len(p) <= 4 for p in parts)
    return [int(part) for part in parts] if fine else []


@lru_cache(maxsize=1)
def _month_words() -> dict[str, int]:
    """ "июня", "июнь", "June", "Jun": every way to name a month, in both languages."""
    return {
        name.casefold().rstrip("."): number
        for language in ("ru", "en")
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, context, locale=language).items()
    }


def _month_of(word: str) -> int | None:
    """The one month whose name begins like this, with three letters or more."""
    found = {number for name, number in _month_words().items() if name.startswith(word)}
    return found.pop() if len(word) >= 3 and len(found) == 1 else None


def _in_numbers(text: str) -> str:
    """ "5 июня 1990" or "June 5" as 5.6.1990; any other text as it is."""
    words = re.sub(
        r"(?<=\d)(st|nd|rd|th)\b|[,.]|\s+г(ода?)?\.?\s*$", " ", text[:40].casefold()
    ).split()
    months = [known for word in words if (known := _month_of(word))]
    numbers = [word for word in words if word.isascii() and word.isdigit()]
    if len(months) != 1 or len(words) != 1 + len(numbers) or not 1 <= len(numbers) <= 2:
        return text
    return ".".join([numbers[0], str(months[0]), *numbers[1:]])


def _is_day(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(_LEAP, month)[1]


def _valid(day: int, month: int, year: int, today: date) -> Birthday | None:
    try:
        return customers.born_on(day, month, year or None, today=today)
    except BirthdayInvalid:
        return None


def _born(turn: Turn, day: int, month: int, year: int) -> Birthday:
    """The date that was tapped; a forged year is left out."""
    return _valid(day, month, year, _today(turn)) or Birthday(day, month)


def _today(turn: Turn) -> date:
    return clock.local_date(turn.now, turn.locale.time_zone)


def _said(_: Translator, day: int, month: int) -> str:
    return _.day(date(_LEAP, month, day))


MEMBERS = {
    BIRTHDAY: ask_birthday,
    SKIP: skip_birthday,
    MONTH: choose,
    KEEP: keep_changed,
}
STEPS = {BIRTHDAY: take_birthday}
