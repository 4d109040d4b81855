"""The customer's time zone, by tapping: cities of Russia, or any place by its hour."""

from __future__ import annotations

import asyncio
import zoneinfo
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from aiogram.types import InlineKeyboardButton
from babel.core import Locale, get_global
from babel.dates import get_timezone_location
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import chains, clock, customers
from loyalty.errors import ZoneInvalid
from loyalty.texts import Translator

ZONE, SET, OTHER, PLACES = "zone", "zone_set", "zone_other", "zone_at"
DEFAULT = "-"

RUSSIAN = (
    "Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk",
    "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan",
    "Asia/Kamchatka",
)  # fmt: skip
_MOSCOW = "Europe/Moscow"
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_PAGE = 16
_Buttons = list[list[InlineKeyboardButton]]


@lru_cache(maxsize=2048)
def city(zone: str, language: str) -> str:
    """What a zone's city is called: "Екатеринбург", "New York"."""
    # The names of cities are filed under what zones were called long ago.
    former = [old for old, new in get_global("zone_aliases").items() if new == zone]
    filed = Locale.parse(language).time_zones
    for name in (zone, *former):
        if known := filed.get(name, {}).get("city"):
            return str(known)
    return str(get_timezone_location(zone, locale=language, return_city=True))


def offset(zone: str, now: datetime) -> int:
    """Minutes ahead of UTC at ``now``."""
    ahead = now.astimezone(clock.zone(zone)).utcoffset() or timedelta()
    return int(ahead.total_seconds()) // 60


def shift(minutes: int) -> str:
    """ "+2", "−3:30", "+0"."""
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"{sign}{hours}:{rest:02d}" if rest else f"{sign}{hours}"


def _label(zone: str, _: Translator, now: datetime) -> str:
    """In Russian hours are told from Moscow's, as timetables there do; in English from UTC."""
    if _.language == "ru":
        return f"{city(zone, 'ru')} {shift(offset(zone, now) - offset(_MOSCOW, now))}"
    return f"{city(zone, 'en')} (UTC{shift(offset(zone, now))})"


@lru_cache(maxsize=4)
def _by_offset(day: date) -> dict[int, tuple[str, ...]]:
    """Every place people live in by its offset that day."""
    noon = datetime.combine(day, time(12), tzinfo=zoneinfo.ZoneInfo("UTC"))
    known = get_global("zone_territories").keys() & zoneinfo.available_timezones()
    found: dict[int, list[str]] = {}
    for zone in sorted(name for name in known if name.partition("/")[0] in _AREAS):
        found.setdefault(offset(zone, noon), []).append(zone)
    return {ahead: tuple(zones) for ahead, zones in sorted(found.items())}


async def show_zones(turn: Turn, *, toast: object = "") -> None:
    """The cities of Russia, the usual zone, and the way to all others; theirs is ticked."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id, usual = person.id, turn.locale.time_zone
    own = await turn.ctx.db.read(lambda s: customers.get(s, customer_id).time_zone)
    places = list(RUSSIAN)
    if own is not None and own not in places:
        places.append(own)
    buttons = [
        button(f"✅ {label}" if zone == own else label, f"{SET}:{zone}")
        for zone in places
        if (label := _label(zone, _, turn.now))
    ]
    home = _("As usual: {city}", city=city(usual, _.language))
    rows = [
        [button(f"✅ {home}" if own is None else home, f"{SET}:{DEFAULT}")],
        *_in_rows(buttons, 2),
        [button(_("Another place…"), OTHER)],
        [button(_("‹ Back"), menu.PROFILE)],
    ]
    words = _("🕐 <b>Where are you?</b>\nYour days and quiet hours go by this clock.")
    await turn.show(words, rows, toast=toast)


async def set_zone(turn: Turn) -> None:
    """Keep the zone that was tapped; a forged one is an old button."""
    person, _ = turn.visitor.customer, turn.say
    assert person is not None
    customer_id, zone = person.id, None if turn.arg == DEFAULT else turn.arg

    def unit(session: Session) -> None:
        if customers.get(session, customer_id).time_zone != zone:
            customers.set_time_zone(session, customer_id=customer_id, zone=zone, now=turn.now)
            chains.look_again(session, customer_id=customer_id, now=turn.now)

    try:
        await turn.ctx.db.transact(unit)
    except ZoneInvalid:
        await show_zones(turn)
        return
    await show_zones(turn, toast=_("Saved 👍"))


async def show_offsets(turn: Turn) -> None:
    """What time is it there? One button an hour of the world."""
    _ = turn.say
    table = await asyncio.to_thread(_by_offset, turn.now.date())
    hours = [
        button(f"{turn.now + timedelta(minutes=ahead):%H:%M}", f"{PLACES}:{ahead}")
        for ahead in table
    ]
    rows = [*_in_rows(hours, 5), [button(_("‹ Back"), ZONE)]]
    await turn.show(_("🕐 What time is it where you are?"), rows)


async def show_places(turn: Turn) -> None:
    """The places that have this hour, some at a time."""
    _, table = turn.say, await asyncio.to_thread(_by_offset, turn.now.date())
    wanted, _colon, number = turn.arg.partition(":")
    ahead = next((known for known in table if str(known) == wanted), None)
    if ahead is None:
        await show_offsets(turn)
        return
    zones = sorted(table[ahead], key=lambda zone: city(zone, _.language))
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    page = min(page, (len(zones) - 1) // _PAGE)
    shown = zones[page * _PAGE : (page + 1) * _PAGE]
    rows = _in_rows([button(city(zone, _.language), f"{SET}:{zone}") for zone in shown], 2)
    turns = []
    if page:
        turns.append(button("«", f"{PLACES}:{ahead}:{page - 1}"))
    if (page + 1) * _PAGE < len(zones):
        turns.append(button("»", f"{PLACES}:{ahead}:{page + 1}"))
    if turns:
        rows.append(turns)
    rows.append([button(_("‹ Back"), OTHER)])
    await turn.show(_("🕐 And the nearest of these cities?"), rows)


def _in_rows(buttons: list[InlineKeyboardButton], size: int) -> _Buttons:
    return [buttons[i : i + size] for i in range(0, len(buttons), size)]


MEMBERS = {ZONE: show_zones, SET: set_zone, OTHER: show_offsets, PLACES: show_places}
