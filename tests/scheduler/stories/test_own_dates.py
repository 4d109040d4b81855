"""A date of the guest's own, from the shop's file to the guest's chat: written, moved, cleared."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest

from loyalty import clock, customers, importing
from loyalty.chains.drafts import listing
from loyalty.chains.needs import needs_of
from loyalty.importing import Options
from loyalty.importing.mapping import parse_map
from tests.scheduler.stage import Stage
from tests.scheduler.stories.play import only, reach
from tests.world import ZONE

pytestmark = pytest.mark.slow

ANNA, PHONE = 701, "+79123456789"


async def bring(stage: Stage, folder: Path, ends: str) -> None:
    """The shop's own file, as ``regulars import customers`` reads it."""
    path = folder / "people.csv"
    path.write_text(f"tel;insured\n{PHONE};{ends}\n", encoding="utf-8")
    options = Options(
        now=clock.now(),
        time_zone=ZONE,
        language="ru",
        currency="RUB",
        columns=parse_map("phone=tel,field:renewal=insured"),
    )
    file = importing.CustomerFile(path, options)
    for batch in file.batches():
        unit = partial(importing.write_customers, batch=batch, options=options)
        outcome = await stage.world.db.transact(unit)
        assert (batch.rejected, outcome.rejected) == ([], [])
    file.close()


async def write(stage: Stage, who: int, ends: date | None) -> None:
    """Somebody writes the date on the guest's card, or clears it."""
    text = ends.isoformat() if ends else None
    await stage.world.db.transact(
        lambda s: customers.set_own_field(
            s, customer_id=who, key="renewal", text=text, actor="staff:1", now=clock.now()
        )
    )


async def needs(stage: Stage) -> tuple[str, ...]:
    """What the page of the chain asks for."""
    return await stage.world.db.read(
        lambda s: needs_of(s, listing(s), now=clock.now())["renewal"].advised
    )


async def on(stage: Stage, day: date, hour: int) -> None:
    """Days pass one by one, as they do, until that hour of that day."""
    target = clock.local_instant(day, time(hour), ZONE)
    while clock.now() < target:
        await reach(stage, min(target, clock.now() + timedelta(days=1)))


async def steps(stage: Stage, who: int) -> list[tuple[str, date]]:
    """What the chain has sent, and on which day."""

    def day(moment: datetime) -> date:
        return clock.local_date(moment, ZONE)

    return [
        (one.step, day(one.decided_at))
        for one in await stage.touches(who)
        if one.source == "chain:renewal" and one.decision == "send"
    ]


async def test_from_a_file_to_the_chat(stage: Stage, tmp_path: Path) -> None:
    anna = await stage.person(ANNA, phone=PHONE)
    await only(stage, "renewal")
    assert await needs(stage) == ("dates_missing",)
    today = clock.local_date(clock.now(), ZONE)
    ends = today + timedelta(days=20)
    await bring(stage, tmp_path, ends.strftime("%d.%m.%Y"))
    assert await needs(stage) == ()
    early, late = ends - timedelta(days=14), ends - timedelta(days=3)
    await on(stage, early - timedelta(days=1), 20)
    assert await steps(stage, anna) == []
    await on(stage, early, 12)
    assert await steps(stage, anna) == [("14", early)]
    assert "14 дней" in (await stage.texts(ANNA))[-1].replace("\u00a0", " ")
    await on(stage, late, 12)
    assert await steps(stage, anna) == [("14", early), ("3", late)]
    assert "3 дня" in (await stage.texts(ANNA))[-1].replace("\u00a0", " ")


async def test_a_date_that_moves_takes_its_messages_along(stage: Stage, tmp_path: Path) -> None:
    anna = await stage.person(ANNA, phone=PHONE)
    await only(stage, "renewal")
    first = clock.local_date(clock.now(), ZONE) + timedelta(days=16)
    await bring(stage, tmp_path, first.isoformat())
    early = first - timedelta(days=14)
    await on(stage, early, 12)
    moved = first + timedelta(days=20)
    await bring(stage, tmp_path, moved.isoformat())
    await on(stage, first, 20)
    assert await steps(stage, anna) == [("14", early)], "nobody is told of the old date"
    await on(stage, moved, 12)
    assert await steps(stage, anna) == [
        ("14", early),
        ("14", moved - timedelta(days=14)),
        ("3", moved - timedelta(days=3)),
    ]


async def test_a_date_that_is_cleared_stops_them(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await only(stage, "renewal")
    ends = clock.local_date(clock.now(), ZONE) + timedelta(days=16)
    await write(stage, anna, ends)
    early = ends - timedelta(days=14)
    await on(stage, early, 12)
    await write(stage, anna, None)
    assert await needs(stage) == ("dates_missing",)
    await on(stage, ends + timedelta(days=1), 12)
    assert await steps(stage, anna) == [("14", early)]


@pytest.mark.parametrize(("ahead", "said"), [(9, ["14", "3"]), (5, ["14", "3"]), (2, ["3"])])
async def test_a_date_written_late_still_brings_what_is_ahead(
    stage: Stage, ahead: int, said: list[str]
) -> None:
    anna = await stage.person(ANNA)
    await only(stage, "renewal")
    written = clock.local_date(clock.now(), ZONE) + timedelta(days=15)
    await on(stage, written, 12)
    ends = written + timedelta(days=ahead)
    await write(stage, anna, ends)
    await on(stage, written + timedelta(days=1), 12)
    left = {8: "8 дней", 4: "4 дня", 1: "1 день"}[ahead - 1]
    assert left in (await stage.texts(ANNA))[-1].replace("\u00a0", " "), "the days that are left"
    await on(stage, ends + timedelta(days=1), 12)
    assert [step for step, _ in await steps(stage, anna)] == said


async def test_a_date_that_is_over_starts_nothing(stage: Stage) -> None:
    anna = await stage.person(ANNA)
    await only(stage, "renewal")
    written = clock.local_date(clock.now(), ZONE) + timedelta(days=15)
    await on(stage, written, 12)
    await write(stage, anna, written - timedelta(days=1))
    await on(stage, written + timedelta(days=2), 12)
    assert await stage.touches(anna) == []
