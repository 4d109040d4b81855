"""The profile: name, birthday, language."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import join, menu
from loyalty import clock, customers, program
from loyalty.customers import Customer
from loyalty.errors import BirthdayInvalid
from loyalty.texts import Translator

BIRTHDAY = "birthday"
"""The step in which a date is expected, and the button that asks for it."""

BIRTHDAY_SKIP = "birthday_skip"
SPEAK = "speak"


async def show_profile(turn: Turn) -> None:
    """Who we think they are, with what they can change."""
    person = turn.visitor.customer
    assert person is not None
    _ = turn.say
    born = _birthday(_, person)
    lines = [
        _("🙂 <b>Your profile</b>"),
        "",
        _("Name: {name}", name=person.name) if person.name else None,
        _("Phone: {phone}", phone=hidden(person.phone)) if person.phone else None,
        _("Birthday: {day}", day=born) if born else _("Birthday: not told yet"),
        _("Language: English"),
    ]
    rows = [
        [button(_("🎂 Change birthday") if born else _("🎂 Tell my birthday"), BIRTHDAY)],
        [button(_("🌐 Language"), menu.LANGUAGE)],
        menu.back(_),
    ]
    await turn.show("\n".join(str(line) for line in lines if line is not None), rows)


def _birthday(_: Translator, person: Customer) -> str | None:
    if person.birth_day is None or person.birth_month is None:
        return None
    day = clock.birthday_in(
        person.birth_year or 2000, month=person.birth_month, day=person.birth_day
    )
    return _.day(day, year=person.birth_year is not None)


def hidden(phone: str | None) -> str:
    """A phone number with its middle covered: a screen is seen by others too."""
    return f"{phone[:2]} ••• {phone[-4:]}" if phone and len(phone) > 6 else ""


# --- language --------------------------------------------------------------------------------


async def ask_language(turn: Turn) -> None:
    """Both languages, each in its own words."""
    rows = [
        [button("Русский 🇷🇺", f"{SPEAK}:ru"), button("English 🇬🇧", f"{SPEAK}:en")],
    ]
    if join.is_member(turn):
        rows.append(menu.back(turn.say))
    await turn.show(turn.say("Which language shall we speak?"), rows)


async def speak(turn: Turn) -> None:
    """The chosen language, from this very answer on."""
    if turn.arg in ("ru", "en"):
        await join.set_language(turn, turn.arg)
    await join.resume(turn)


# --- birthday --------------------------------------------------------------------------------


async def ask_birthday(turn: Turn) -> None:
    """Ask for the date; it can be skipped and is never asked for by itself again."""
    person = turn.visitor.customer
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> int:
        customers.mark_birthday_asked(session, customer_id=customer_id, now=turn.now)
        customers.set_step(session, telegram_id=turn.visitor.telegram_id, step=BIRTHDAY)
        return program.current(session, now=turn.now).program.birthday_points

    points = await turn.ctx.db.transact(unit)
    _ = turn.say
    lines = [_("🎂 When is your birthday?")]
    if points:
        lines.append(_("We give {points} for it.", points=_.points(points)))
    lines.append(_("Type it like 05.06 or 05.06.1990"))
    await turn.show("\n".join(map(str, lines)), [[button(_("Not now"), BIRTHDAY_SKIP)]])


async def skip_birthday(turn: Turn) -> None:
    """No birthday; the profile has a button for it."""
    await _leave_step(turn)
    await menu.show_menu(turn, head=turn.say("All right 🙂 You can tell it later in your profile."))


async def take_birthday(turn: Turn, text: str) -> None:
    """A typed date while one is expected; what cannot be read is asked for again."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, zone = person.id, turn.locale.time_zone
    _ = turn.say
    try:
        born = customers.parse_birthday(text, today=clock.local_date(turn.now, zone))
    except BirthdayInvalid:
        hint = _("I could not read the date. Please type it like 05.06 or 05.06.1990")
        await turn.show(hint, [[button(_("Not now"), BIRTHDAY_SKIP)]])
        return
    changed = person.birth_day is not None and (born.day, born.month) != (
        person.birth_day,
        person.birth_month,
    )

    def unit(session: Session) -> None:
        customers.set_birthday(session, customer_id=customer_id, birthday=born, now=turn.now)
        customers.set_step(session, telegram_id=turn.visitor.telegram_id, step=None)

    await turn.ctx.db.transact(unit)
    day = _.day(clock.birthday_in(born.year or 2000, month=born.month, day=born.day))
    head = _("Thank you, I will remember {day} 🎂", day=day)
    if changed:
        head = head + " " + _("The new date counts from next year.")
    await menu.show_menu(turn, head=head)


async def _leave_step(turn: Turn) -> None:
    telegram_id = turn.visitor.telegram_id
    await turn.ctx.db.transact(
        lambda session: customers.set_step(session, telegram_id=telegram_id, step=None)
    )


MEMBERS = {menu.PROFILE: show_profile, BIRTHDAY: ask_birthday, BIRTHDAY_SKIP: skip_birthday}
OPEN = {menu.LANGUAGE: ask_language, SPEAK: speak}
STEPS = {BIRTHDAY: take_birthday}
