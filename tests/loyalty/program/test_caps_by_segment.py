"""Caps of the guests of a segment: kept, checked, said, typed into the form, and obeyed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from admin.program_form import fill, received
from admin.program_reading import read
from loyalty import messaging, program
from loyalty.chains.favours import note_segments
from loyalty.errors import ProgramInvalid
from loyalty.messaging.people import gather
from loyalty.messaging.policy import PolicyRules
from loyalty.program import Program
from loyalty.program.checking import check
from loyalty.program.differences import differences
from loyalty.program.fields import CAPS_FIELDS
from loyalty.program.rules import Caps, SegmentCaps
from loyalty.program.wording import describe
from loyalty.texts import translator
from tests.world import ZONE, open_world

MORE = SegmentCaps(segment="newcomers", caps=Caps(trigger_per_day=3))
LESS = SegmentCaps(segment="one_time", caps=Caps(trigger_per_day=0))
BOTH = Program(caps_by_segment=(MORE, LESS))


def test_a_segment_stands_in_one_row() -> None:
    with pytest.raises(ProgramInvalid) as refused:
        check({"caps_by_segment": [{"segment": "vip"}, {"segment": "vip"}]})
    (problem,) = refused.value.facts["problems"]
    assert (problem.path, problem.code) == ("caps_by_segment.1.segment", "used_twice")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_form_gives_back_what_it_was_filled_with(language: str) -> None:
    filled = received(fill(BOTH, language).values)
    assert read(filled, translator(language), "RUB") == BOTH


def test_an_empty_row_says_what_is_missing() -> None:
    filled = fill(Program(), "en")
    assert filled.add("caps_by_segment") == "caps_by_segment.0"
    empty = received(filled.values)
    assert read(empty, translator("en"), "RUB") is None
    assert "caps_by_segment.0.caps.trigger_per_day" in empty.problems
    numbers = {f"caps_by_segment.0.caps.{one.path}": "1" for one in CAPS_FIELDS}
    nameless = received(filled.values | numbers)
    assert read(nameless, translator("en"), "RUB") is None
    assert list(nameless.problems) == ["caps_by_segment.0.segment"]


def test_changes_are_said_in_words() -> None:
    (change,) = differences(Program(), Program(caps_by_segment=(MORE,)))
    said = change.said(translator("ru"), "RUB")
    assert said.subject == "Новички"
    assert said.before == "как у всех"
    assert said.after is not None
    assert "3" in said.after
    assert differences(BOTH, BOTH) == []
    rows = dict(describe(BOTH, translator("en"), "RUB"))["More or fewer messages for some"]
    assert [row.label for row in rows] == ["Newcomers", "Bought once"]


async def test_who_is_in_a_segment_gets_its_caps(database_url: str) -> None:
    async with open_world(database_url) as world:
        fresh = await world.customer()
        old = await world.customer(joined_at=world.now - timedelta(days=400))
        rules = PolicyRules.of(
            Program(caps_by_segment=(MORE, SegmentCaps(segment="archived_long_ago")))
        )

        def look(session: object) -> dict[int, frozenset[str]]:
            people = gather(session, [fresh, old], now=world.now, time_zone=ZONE)  # type: ignore[arg-type]
            note_segments(session, people, rules, now=world.now, time_zone=ZONE)  # type: ignore[arg-type]
            return {key: person.segments for key, person in people.items()}

        found = await world.db.read(look)
        assert found == {fresh: frozenset({"newcomers"}), old: frozenset()}
        assert rules.for_segments(found[fresh]).trigger_per_day == 3
        assert rules.for_segments(found[old]).trigger_per_day == 1


def test_the_program_in_force_is_read_by_the_policy() -> None:
    assert program.Program().caps_by_segment == ()
    rules = messaging.PolicyRules.of(BOTH)
    assert set(rules.by_segment) == {"newcomers", "one_time"}
