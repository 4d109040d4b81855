"""The customer's time zone, by tapping: cities of Russia, or any place by its hour."""

from __future__ import annotations

import asyncio
import unicodedata
import zoneinfo
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
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
from loyalty.texts import LANGUAGES, Translator

ZONE, SET, OTHER, PLACES, CITY = "zone", "zone_set", "zone_other", "zone_at", "zone_city"
DEFAULT = "-"

RUSSIAN = (
    "Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk",
    "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan",
    "Asia/Kamchatka",
)  # fmt: skip
_MOSCOW = "Europe/Moscow"
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_PAGE = 16
_LARGE = frozenset({
    "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "Africa/Tunis",
    "America/Buenos_Aires", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Chicago",
    "America/Denver", "America/Halifax", "America/Lima", "America/Los_Angeles",
    "America/Mexico_City", "America/New_York", "America/Santiago", "America/Sao_Paulo",
    "America/Toronto", "America/Vancouver", "Asia/Almaty", "Asia/Ashgabat", "Asia/Baku",
    "Asia/Bangkok", "Asia/Bishkek", "Asia/Colombo", "Asia/Dhaka", "Asia/Dubai", "Asia/Dushanbe",
    "Asia/Ho_Chi_Minh", "Asia/Hong_Kong", "Asia/Irkutsk", "Asia/Jakarta", "Asia/Jerusalem",
    "Asia/Kolkata", "Asia/Krasnoyarsk", "Asia/Kuala_Lumpur", "Asia/Manila", "Asia/Novosibirsk",
    "Asia/Omsk", "Asia/Riyadh", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei",
    "Asia/Tashkent", "Asia/Tbilisi", "Asia/Tokyo", "Asia/Ulaanbaatar", "Asia/Vladivostok",
    "Asia/Yekaterinburg", "Asia/Yerevan", "Atlantic/Reykjavik", "Australia/Melbourne",
    "Australia/Perth", "Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Belgrade",
    "Europe/Berlin", "Europe/Chisinau", "Europe/Helsinki", "Europe/Istanbul",
    "Europe/Kaliningrad", "Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Madrid",
    "Europe/Minsk", "Europe/Moscow", "Europe/Paris", "Europe/Prague", "Europe/Riga",
    "Europe/Rome", "Europe/Samara", "Europe/Vienna", "Europe/Volgograd", "Europe/Warsaw",
    "Pacific/Auckland", "Pacific/Honolulu",
})  # fmt: skip
"""Cities that many live near; they stand before the small ones of the same hour."""
_MOST_FOUND, _SHORTEST = 8, 3
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
    await _ask_no_more(turn)
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


async def _ask_no_more(turn: Turn) -> None:
    if turn.visitor.chat is not None and turn.visitor.chat.step == CITY:
        await turn.ask(None)


async def show_offsets(turn: Turn) -> None:
    """What time is it there? One button an hour of the world."""
    _ = turn.say
    table = await asyncio.to_thread(_by_offset, turn.now.date())
    await turn.ask(CITY)
    words = _("🕐 What time is it where you are?\nOr just type your city.")
    await turn.show(words, [*_hours(turn, table), [button(_("‹ Back"), ZONE)]])


def _hours(turn: Turn, table: Mapping[int, object]) -> _Buttons:
    """One button an hour; an hour that two days have at once says which day."""
    shown = {ahead: turn.now + timedelta(minutes=ahead) for ahead in table}
    times = Counter(f"{local:%H:%M}" for local in shown.values())
    buttons = []
    for ahead, local in shown.items():
        label = f"{local:%H:%M}"
        if times[label] > 1:
            label = f"{label} · {turn.say.day(local.date(), short=True)}"
        buttons.append(button(label, f"{PLACES}:{ahead}"))
    return _in_rows(buttons, 4)


async def take_city(turn: Turn, text: str) -> None:
    """A typed city, in either language, whole or its beginning."""
    _ = turn.say
    table = await asyncio.to_thread(_by_offset, turn.now.date())
    found = await asyncio.to_thread(_called, text, turn.now.date())
    if not found:
        words = _("I do not know that city, sorry. What time is it there?")
        await turn.show(words, [*_hours(turn, table), [button(_("‹ Back"), ZONE)]])
        return
    buttons = [button(_label(zone, _, turn.now), f"{SET}:{zone}") for zone in found[:_MOST_FOUND]]
    words = _("🕐 Is it this one?") if len(found) == 1 else _("🕐 Which one is it?")
    await turn.show(words, [*_in_rows(buttons, 1), [button(_("‹ Back"), OTHER)]])


def _called(text: str, day: date) -> list[str]:
    """Zones by what their city is called or how that begins; whole names and large cities first."""
    wanted = _plain(text)
    if len(wanted) < _SHORTEST:
        return []
    found = []
    for zone in (zone for zones in _by_offset(day).values() for zone in zones):
        names = [_plain(city(zone, language)) for language in LANGUAGES]
        names.append(_plain(zone.rpartition("/")[2]))
        if any(name.startswith(wanted) for name in names):
            found.append((wanted not in names, zone not in _LARGE, names[0], zone))
    return [zone for *_order, zone in sorted(found)]


def _plain(name: str) -> str:
    """As one would type it: no marks over letters, no hyphens, ё as е."""
    parts = unicodedata.normalize("NFKD", name.casefold().replace("ё", "е").replace("й", "и"))
    return "".join(letter for letter in parts if letter.isalnum())


async def show_places(turn: Turn) -> None:
    """The places that have this hour, some at a time."""
    _, table = turn.say, await asyncio.to_thread(_by_offset, turn.now.date())
    wanted, _colon, number = turn.arg.partition(":")
    ahead = next((known for known in table if str(known) == wanted), None)
    if ahead is None:
        await show_offsets(turn)
        return
    zones = sorted(table[ahead], key=lambda zone: (zone not in _LARGE, city(zone, _.language)))
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
STEPS: dict[str, Callable[[Turn, str], Awaitable[None]]] = {CITY: take_city}
