"""The profile: what we know about somebody, and every change of it in a tap or two."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from aiogram.types import InlineKeyboardButton
from sqlalchemy.orm import Session

from bot.answers import Rows, Turn, button
from bot.customer import calendar, contact, interests, join, menu, quiet, zones
from bot.customer.calendar import ask_birthday
from bot.customer.contact import hidden
from loyalty import clock, customers
from loyalty.customers import Customer
from loyalty.errors import NameInvalid
from loyalty.staff import outlet
from loyalty.texts import Translator

__all__ = ["ask_birthday", "hidden", "show_profile"]

NAME, SPEAK = "name", "speak"
_QUESTIONS = {
    NAME: {NAME},
    calendar.BIRTHDAY: {*calendar.MEMBERS},
    contact.NUMBER: {*contact.MEMBERS},
    zones.CITY: {*zones.MEMBERS},
}
"""What waits for a typed answer, and the screens that belong to each."""
_LIKES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Told:
    """What the profile shows beside the customer's own row."""

    zone: str
    own_quiet: quiet.Hours | None
    usual_quiet: quiet.Hours
    likes: list[str]


async def leave_question(turn: Turn, screen: str) -> None:
    """Another screen takes the place of a question: what is typed later is no answer to it."""
    chat = turn.visitor.chat
    if chat is not None and chat.step in _QUESTIONS and screen not in _QUESTIONS[chat.step]:
        await turn.ask(None)


async def show_profile(turn: Turn, *, toast: object = "") -> None:
    """Who we think they are, with what they can change."""
    visitor, _ = turn.visitor, turn.say
    assert visitor.customer is not None
    customer_id = visitor.customer.id

    def unit(session: Session) -> tuple[Customer, _Told]:
        person = customers.get(session, customer_id)
        return person, _told(session, turn, person)

    person, told = await turn.ctx.db.read(unit)
    born = _birthday(_, person)
    lines = [
        _("🙂 <b>Your profile</b>"),
        "",
        _("Name: {name}", name=person.name) if person.name else None,
        _("Phone: {phone}", phone=hidden(person.phone)) if person.phone else None,
        _("Birthday: {day}", day=born) if born else _("Birthday: not told yet"),
        _("Language: English"),
        _(
            "Clock: {city} · quiet: {hours}",
            city=zones.city(told.zone, _.language),
            hours=quiet.say_hours(_, told.own_quiet, told.usual_quiet),
        ),
        _("You like: {what}", what=", ".join(told.likes)) if told.likes else None,
    ]
    text = "\n".join(str(line) for line in lines if line is not None)
    await turn.show(text, _rows(_), toast=toast)


def _rows(_: Translator) -> Rows:
    return [
        [button(_("✏️ Name"), NAME), button(_("🎂 Birthday"), calendar.BIRTHDAY)],
        [button(_("🌐 Language"), menu.LANGUAGE), button(_("📱 New number"), contact.NUMBER)],
        [button(_("🕐 Time zone"), zones.ZONE), button(_("🌙 Quiet hours"), quiet.QUIET)],
        [button(_("💛 What I like"), interests.LIKES), *menu.back(_)],
    ]


def _told(session: Session, turn: Turn, person: Customer) -> _Told:
    zone = person.time_zone
    if zone is None and person.home_outlet_id is not None:
        home = sa.select(outlet.c.time_zone).where(outlet.c.id == person.home_outlet_id)
        zone = session.execute(home).scalar_one_or_none()
    own, usual = quiet.hours_of(session, person.id, turn.now)
    liked = customers.preferences(session, person.id).interests
    likes = interests.titles(session, liked, now=turn.now, language=turn.say.language)
    if len(likes) > _LIKES_SHOWN:
        likes = [*likes[:_LIKES_SHOWN], "…"]
    return _Told(zone or turn.locale.time_zone, own, usual, likes)


def _birthday(_: Translator, person: Customer) -> str | None:
    if person.birth_day is None or person.birth_month is None:
        return None
    day = clock.birthday_in(
        person.birth_year or 2000,
        month=person.birth_month,
        day=person.birth_day,
        leap_day="feb_28",
    )
    return _.day(day, year=person.birth_year is not None)


# --- name ------------------------------------------------------------------------------------


async def ask_name(turn: Turn) -> None:
    """What to call them: typed, once."""
    await turn.ask(NAME)
    await turn.show(turn.say("✏️ How shall I call you? Just type your name."), [_back(turn.say)])


async def take_name(turn: Turn, text: str) -> None:
    """The typed name; what is no name is asked for again."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> str:
        kept = customers.set_name(session, customer_id=customer_id, name=text, now=turn.now)
        turn.set_step(session, None)
        return kept

    try:
        name = await turn.ctx.db.transact(unit)
    except NameInvalid:
        await turn.show(_("Please type just your name, like Anna 🙂"), [_back(_)])
        return
    await menu.show_menu(turn, head=_("Nice to meet you, {name} 💛", name=name))


def _back(_: Translator) -> list[InlineKeyboardButton]:
    return [button(_("‹ Back"), menu.PROFILE)]


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


MEMBERS = {
    menu.PROFILE: show_profile,
    NAME: ask_name,
    **calendar.MEMBERS,
    **contact.MEMBERS,
    **interests.MEMBERS,
    **quiet.MEMBERS,
    **zones.MEMBERS,
}
OPEN = {menu.LANGUAGE: ask_language, SPEAK: speak, **join.OPEN}
STEPS = {NAME: take_name, **calendar.STEPS, **contact.STEPS, **zones.STEPS}
