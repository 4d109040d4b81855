"""A chain is checked when it is saved; holdout shares are even and steady."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from loyalty import chains
from loyalty.chains.checking import problems_of
from loyalty.chains.holdout import bucket, is_held_out
from loyalty.chains.shipped import SHIPPED
from loyalty.errors import ChainInvalid
from tests.world import World

GOOD: dict[str, Any] = {
    "title": {"ru": "Проба", "en": "Trial"},
    "trigger": {"kind": "event", "event": "customer.joined"},
    "steps": [
        {"kind": "wait", "days": 1},
        {"kind": "condition", "test": "has_bought", "otherwise": "second"},
        {"kind": "message", "id": "first", "texts": {"ru": "Раз", "en": "One"}, "then": "end"},
        {"kind": "message", "id": "second", "texts": {"ru": "Два", "en": "Two"}},
    ],
}


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The good chain with one thing changed."""
    document = deepcopy(GOOD)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


HI = {"texts": {"ru": "Привет", "en": "Hello"}}


def link(url: str) -> list[list[dict[str, Any]]]:
    """One button that leads there."""
    return [[{**HI, "url": url}]]


def test_a_day_that_only_leap_years_have_and_a_link_of_another_alphabet_will_do() -> None:
    chains.check(changed(("trigger",), {"kind": "calendar", "month": 2, "day": 29}))
    chains.check(changed(("steps", 3, "buttons"), link("https://пример.рф/акция?x=1#y")))


@pytest.mark.parametrize("key", sorted(SHIPPED))
def test_what_is_shipped_is_sound(key: str) -> None:
    assert list(problems_of(SHIPPED[key])) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (changed(("title",), {"ru": "Проба"}), "language_missing:en"),
        (changed(("steps", 3, "texts"), {"ru": "Два"}), "language_missing:en"),
        (changed(("steps", 3, "texts", "en"), "{nmae}"), "en:unknown_variable:nmae"),
        (changed(("steps", 3, "id"), "first"), "id_taken"),
        (changed(("steps", 1, "otherwise"), "nowhere"), "leads_nowhere"),
        (changed(("steps", 3, "then"), "first"), "leads_back"),
        (changed(("steps",), []), "no_message"),
        (changed(("steps", 0), {"kind": "wait_before", "days": 3}), "no_date_to_wait_for"),
        (
            changed(("steps", 3, "buttons"), [[{"texts": {"ru": "А", "en": "A"}}]]),
            "data_or_url",
        ),
        (changed(("steps", 0, "kind"), "dance"), "union_tag_invalid"),
        (changed(("steps", 3, "buttons"), link("ftp://example.com")), "not_a_link"),
        (changed(("steps", 3, "buttons"), link("https://")), "link_broken"),
        (changed(("steps", 3, "buttons"), link("https://exa mple.com")), "link_broken"),
        (changed(("steps", 3, "buttons"), link("https://[")), "link_broken"),
        (changed(("steps", 3, "picture"), 2**63), "less_than"),
        (changed(("steps", 3, "for_segments"), [{**HI, "rule": {"all": []}}]), "rule_empty"),
        (changed(("trigger",), {"kind": "calendar", "month": 4, "day": 31}), "no_such_day"),
        (changed(("trigger",), {"kind": "calendar", "month": 2, "day": 30}), "no_such_day"),
        (changed(("trigger",), {"kind": "event", "event": "Моё событие"}), "event_name"),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(ChainInvalid) as caught:
        chains.check(document)
    assert problem in [item["problem"] for item in caught.value.facts["problems"]]


async def test_a_new_version_is_published_and_the_shipped_ones_stay(world: World) -> None:
    install = chains.ensure_shipped
    added = await world.db.transact(lambda s: install(s, now=world.now))
    assert added == list(SHIPPED)
    number = await world.db.transact(
        lambda s: chains.publish(s, key="welcome", definition=GOOD, author="staff:1", now=world.now)
    )
    assert number == 2
    assert await world.db.transact(lambda s: install(s, now=world.now)) == []
    found = await world.db.read(lambda s: chains.get(s, key="welcome"))
    assert (found.version, found.enabled) == (2, True)
    assert found.definition.title["en"] == "Trial"


def test_shares_are_even_and_steady() -> None:
    people = range(20_000)
    held = sum(
        is_held_out(n, source="chain:x", global_bp=500, share_bp=0, today=date(2026, 5, 1))
        for n in people
    )
    assert 850 < held < 1150
    assert bucket("a", 7) == bucket("a", 7)
    april = [
        is_held_out(n, source="c", global_bp=500, share_bp=0, today=date(2026, 4, 1))
        for n in people
    ]
    june = [
        is_held_out(n, source="c", global_bp=500, share_bp=0, today=date(2026, 6, 30))
        for n in people
    ]
    july = [
        is_held_out(n, source="c", global_bp=500, share_bp=0, today=date(2026, 7, 1))
        for n in people
    ]
    assert april == june
    assert april != july
