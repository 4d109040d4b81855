"""Chains about coming into a segment, and how often somebody may come into a chain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, segments
from loyalty.chains import enrol, triggers_common, triggers_days
from loyalty.chains.tables import chain, chain_member
from tests.loyalty.chains.triggers.shop import START, Shop
from tests.world import ZONE

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TULA = {"field": "city", "op": "=", "value": "Тула"}
COMING: dict[str, Any] = {"kind": "segment", "rule": TULA}


async def members(shop: Shop) -> set[int]:
    """Who is noted as being in a segment."""
    query = sa.select(chain_member.c.customer_id)
    return set(await shop.world.db.read(lambda s: s.execute(query).scalars().all()))


async def test_being_there_is_not_coming(shop: Shop) -> None:
    await shop.person("there", city="Тула")
    await shop.person("coming", city="Омск")
    await shop.chain("tula", COMING)
    await shop.plan(START)
    assert await shop.occurrences() == []
    await shop.change("coming", city="Тула")
    seen = START + 10 * MINUTE
    await shop.plan(seen)
    (row,) = await shop.passes()
    assert (row.customer_id, row.due_at) == (shop.people["coming"], seen)
    assert row.occurrence == "2026-03-02"
    assert await members(shop) == set(shop.people.values())


async def test_those_present_begin_too_if_it_is_said(shop: Shop) -> None:
    await shop.person("there", city="Тула")
    await shop.person("away", status="blocked", city="Тула")
    await shop.chain("tula", {**COMING, "present": True}, enabled_at=START - MINUTE)
    await shop.plan(START)
    assert await shop.occurrences() == [("there", "2026-03-02")]
    await shop.plan(START + DAY)
    assert len(await shop.passes()) == 1


async def test_who_leaves_and_comes_back_comes_again(shop: Shop) -> None:
    await shop.person("anna", city="Омск")
    await shop.chain("tula", COMING)
    for days, city in ((0, "Омск"), (1, "Тула"), (2, "Омск"), (3, "Тула")):
        await shop.change("anna", city=city)
        await shop.plan(START + days * DAY)
    assert [day for _, day in await shop.occurrences()] == ["2026-03-03", "2026-03-05"]
    # Away for an hour is not away.
    for hours, city in ((1, "Омск"), (2, "Тула")):
        await shop.change("anna", city=city)
        await shop.plan(START + 3 * DAY + timedelta(hours=hours))
    assert len(await shop.passes()) == 2


async def test_a_segment_is_looked_at_every_few_minutes(shop: Shop) -> None:
    await shop.person("anna", city="Омск")
    await shop.chain("tula", COMING)
    await shop.plan(START)
    await shop.change("anna", city="Тула")
    await shop.plan(START + 4 * MINUTE)
    assert await shop.occurrences() == []
    await shop.plan(START + 5 * MINUTE)
    assert len(await shop.passes()) == 1


async def test_while_a_chain_is_off_people_come_unnoticed(shop: Shop) -> None:
    await shop.person("anna", city="Омск")
    await shop.chain("tula", COMING)
    await shop.plan(START)
    await shop.set_enabled("tula", enabled=False)
    await shop.change("anna", city="Тула")
    await shop.plan(START + DAY)
    await shop.set_enabled("tula", enabled=True)
    await shop.plan(START + DAY + MINUTE)
    await shop.plan(START + 2 * DAY)
    assert await shop.occurrences() == []


async def test_another_rule_begins_anew_instead_of_flooding(shop: Shop) -> None:
    await shop.person("omsk", city="Омск")
    await shop.person("mover", city="Тула")
    chain_id = await shop.chain("city", COMING)
    await shop.plan(START)
    rule = {**TULA, "value": "Омск"}
    await shop.publish(chain_id, {**COMING, "rule": rule}, number=2)
    await shop.plan(START + 10 * MINUTE)
    assert await shop.occurrences() == []
    await shop.change("mover", city="Омск")
    await shop.plan(START + 20 * MINUTE)
    assert [name for name, _ in await shop.occurrences()] == ["mover"]


async def test_a_segment_nobody_can_read_stops_its_chain_and_no_other(shop: Shop) -> None:
    await shop.person("anna", city="Омск")
    await shop.chain("broken", {**COMING, "rule": {"segment": "nobody_made_it"}})
    await shop.chain("tula", COMING)
    await shop.plan(START)
    await shop.change("anna", city="Тула")
    await shop.plan(START + 10 * MINUTE)
    assert await shop.occurrences() == [("anna", "2026-03-02")]
    query = sa.select(chain.c.enabled, chain.c.halted_reason).where(chain.c.key == "broken")
    row = await shop.world.db.read(lambda s: s.execute(query).one())
    assert tuple(row) == (False, "segment_invalid")


async def test_slices_cover_everybody_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol, "WIDE_SLICE", 3)
    for n in range(10):
        await shop.person(f"p{n}", city="Тула", birth_month=3, birth_day=2)
    await shop.chain("tula", {**COMING, "present": True}, enabled_at=START - MINUTE)
    await shop.plan(START)
    assert len(await shop.passes("tula")) == 10
    assert len(await members(shop)) == 10


async def test_a_unit_reads_so_many_slices_and_the_next_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = enrol._Look(triggers_days.date_starts, triggers_days.has_midnight, slice=2)
    monkeypatch.setitem(enrol._LOOKS, "date", look)
    for n in range(9):
        await shop.person(f"p{n}", birth_month=3, birth_day=2)
    await shop.chain("birthday", {"kind": "date", "field": "birthday"})

    def unit(s: Any) -> chains.Planned:
        return chains.plan(s, now=START, time_zone=ZONE)

    first = await shop.run(unit)
    assert (first.enrolled, first.more) == (4, True)
    second = await shop.run(unit)
    assert (second.enrolled, second.more) == (4, True)
    third = await shop.run(unit)
    assert (third.enrolled, third.more) == (1, False)
    assert (await shop.run(unit)).enrolled == 0


# --- how often somebody may come in ------------------------------------------------------------


async def test_never_again_means_once_in_a_life(shop: Shop) -> None:
    await shop.person("anna")
    one = await shop.buys("anna", START - 30 * DAY)
    await shop.chain("win_back", {"kind": "silence", "days": 30}, re_entry={"never": True})
    await shop.plan(START)
    await shop.buys("anna", START + DAY)
    await shop.plan(START + 31 * DAY)
    assert await shop.occurrences() == [("anna", str(one))]


async def test_not_within_days_of_the_last_start(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("viewed", {"kind": "event", "event": "seen", "occurrence": "event"},
                     re_entry={"days": 7})  # fmt: skip
    ids = []
    for days in (0, 1, 6, 7, 8, 14):
        shop.now = START + days * DAY
        ids.append(await shop.happens("anna", "seen"))
    await shop.plan(START + 15 * DAY)
    taken = {occurrence for _, occurrence in await shop.occurrences()}
    assert taken == {str(ids[0]), str(ids[3]), str(ids[5])}


async def test_one_at_a_time(shop: Shop) -> None:
    await shop.person("anna")
    await shop.chain("viewed", {"kind": "event", "event": "seen", "occurrence": "event"},
                     re_entry={"one_at_a_time": True})  # fmt: skip
    one = await shop.happens("anna", "seen")
    await shop.plan(START)
    await shop.happens("anna", "seen", at=START + MINUTE)
    await shop.plan(START + 2 * MINUTE)
    await shop.end("anna", at=START + 3 * MINUTE)
    # Whoever came while the other was on its way does not begin when it is over.
    await shop.plan(START + 4 * MINUTE)
    assert await shop.occurrences() == [("anna", str(one))]
    three = await shop.happens("anna", "seen", at=START + 5 * MINUTE)
    await shop.plan(START + 6 * MINUTE)
    assert {o for _, o in await shop.occurrences()} == {str(one), str(three)}


async def test_of_several_at_once_only_the_first_may_come_in(shop: Shop) -> None:
    await shop.pace("beans", 20)
    await shop.pace("tea", 20)
    await shop.person("anna")
    await shop.buys("anna", START - 20 * DAY + 2 * MINUTE, "tea")
    beans = await shop.buys("anna", START - 20 * DAY + MINUTE, "beans")
    await shop.chain("replenish", {"kind": "replenish"}, re_entry={"days": 3})
    await shop.plan(START + DAY)
    assert await shop.occurrences() == [("anna", f"{beans}:beans")]


def test_a_rule_is_read_by_the_segments_room() -> None:
    place = triggers_common.Place(None, START, ZONE, None, frozenset(), None, segments.Saved())  # type: ignore[arg-type]
    rule = segments.Is(field="city", op="=", value="Тула")
    assert "city" in str(place.holds(rule))
