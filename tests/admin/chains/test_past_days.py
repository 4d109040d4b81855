"""A chain about a day of the calendar that came too late for it says so in the panel."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.chains import drafts, editing, past
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import ZONE, World

HOME = "/admin/chains"
STEP = {"kind": "message", "id": "hello", "texts": {"ru": "С праздником", "en": "Happy day"}}


async def _feast(world: World, trigger: dict[str, Any], *, on: bool = True) -> str:
    title = {"ru": "Праздник", "en": "A feast"}
    document = {"title": title, "trigger": {"kind": "calendar", **trigger}, "steps": [STEP]}

    def unit(session: Session) -> str:
        given: Any = {"actor": "staff:1", "now": world.now}
        key = editing.create(session, title=title, definition=document, **given)
        editing.publish_draft(session, key=key, **given)
        if on:
            editing.switch(session, key=key, enabled=True, **given)
        return key

    return await world.db.transact(unit)


def _at(world: World, day: date, hour: int) -> None:
    world.now = clock.start_of_day(day, ZONE) + timedelta(hours=hour)


MARCH = date(2026, 3, 8)
ONCE = {"on": "2026-03-08", "hour": 10}
YEARLY = {"month": 3, "day": 8, "hour": 10}
NEXT = date(2027, 3, 8)


@pytest.mark.parametrize(
    ("trigger", "switched_on", "looked_at", "expected"),
    [
        (ONCE, (MARCH, 9), (MARCH, 9), None),
        (ONCE, (MARCH, 10), (MARCH, 10), past.PastDay(MARCH, None)),
        (ONCE, (MARCH, 9), (MARCH, 11), past.PastDay(MARCH, None)),
        (YEARLY, (MARCH, 9), (MARCH, 11), None),
        (YEARLY, (MARCH, 11), (MARCH, 12), past.PastDay(MARCH, NEXT)),
        (YEARLY, (date(2026, 12, 31), 12), (date(2026, 12, 31), 12), past.PastDay(MARCH, NEXT)),
        (YEARLY, (date(2026, 12, 31), 12), (date(2027, 1, 1), 12), None),
        (YEARLY, (date(2027, 1, 1), 12), (date(2027, 1, 2), 12), None),
        (YEARLY, (MARCH, 11), (NEXT, 11), None),
    ],
)
async def test_what_came_too_late(
    world: World,
    trigger: dict[str, Any],
    switched_on: tuple[date, int],
    looked_at: tuple[date, int],
    expected: past.PastDay | None,
) -> None:
    _at(world, *switched_on)
    key = await _feast(world, trigger)
    _at(world, *looked_at)
    found = await world.db.read(
        lambda s: past.past_days(s, drafts.listing(s), now=world.now, time_zone=ZONE)
    )
    assert found.get(key) == expected


async def test_the_panel_says_so_where_it_is_looked_for(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    world.now = clock.now()
    yesterday = clock.local_date(world.now, ZONE) - timedelta(days=1)
    key = await _feast(world, {"on": yesterday.isoformat()})
    for path in (HOME, f"{HOME}/{key}", f"{HOME}/preview", f"{HOME}/preview?chain={key}"):
        status, page, _ = await visitor.get(path)
        assert status == 200, path
        assert "is past: nobody begins it any more." in words(page), path
