"""Anna, who holds the demo's first phone: a guest with a paper card and a little history.

She opens the bot with the phone number she gave at the till, and finds there what she has: a
half-full stamp card, a free coffee, a friend whose first purchase still waits.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty.demo.catalogue import Chain
from loyalty.demo.guests import Guest, Visit, moment

PHONE = "+79001110001"
NAMES = {"ru": "Анна", "en": "Anna"}

# Days ago, and what she had: six coffees are a full card and two stamps of the next.
_DIARY = (
    (47, "cap", "crs"),
    (40, "cap", "cin"),
    (31, "lat", "chz"),
    (22, "cap", "alm"),
    (13, "lat", "bea"),
    (6, "cap", "crs"),
)
_MORNING = (1, 1, 0, 0)


def make(
    rng: random.Random, chain: Chain, *, language: str, now: datetime, zone: ZoneInfo
) -> Guest:
    """Anna, with the visits of the last weeks."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=_DIARY[0][0])
    guest = Guest(
        name=NAMES.get(language, NAMES["en"]),
        sex="f",
        phone=PHONE,
        born=None,
        joined_at=moment(rng, first, _MORNING, zone),
        ads=False,
        source="table",
        outlet=0,
        every_days=7.0,
        last_day=today,
        hours=_MORNING,
        favourites=(chain.good("cap"),),
        thrift=0.0,
        is_from_till=True,
    )
    visits: list[Visit] = []
    for days_ago, drink, bite in _DIARY:
        at = moment(rng, today - timedelta(days=days_ago), _MORNING, zone)
        if not visits:
            at = guest.joined_at + timedelta(minutes=2)
        visits.append(Visit(at, guest, 0, ((chain.good(drink), 1), (chain.good(bite), 1))))
    guest.diary = visits
    return guest
