"""The chains that come with the program: sound, in both languages, put down once, renewed with
care."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, segments
from loyalty.chains.checking import problems_of
from loyalty.chains.model import URGENCIES, GiftStep
from loyalty.chains.shipped import PRESETS
from loyalty.chains.tables import chain, chain_cursor, chain_version
from loyalty.chains.world import rules_of
from loyalty.messaging import policy
from tests.world import World

MOST = 400
"""Characters of a message that is read to its end."""

TABLE = {
    "welcome", "post_purchase", "rating", "replenishment", "abandoned_cart", "abandoned_view",
    "renewal", "bonus_expiry", "birthday_gift", "birthday", "anniversary", "win_back",
    "win_back_months", "tier_progress", "tier_reached", "tier_warning", "referral",
    "referral_reward", "seasonal",
}  # fmt: skip
OFF = {
    "replenishment", "renewal", "abandoned_cart", "abandoned_view", "win_back",
    "win_back_months", "seasonal",
}  # fmt: skip


def _texts() -> list[tuple[str, str, str]]:
    """(chain and step, language, text) of every message."""
    return [
        (f"{key}:{step.id}", language, text)
        for key, preset in PRESETS.items()
        for step in preset.definition.messages
        for language, text in step.texts.items()
    ]


@pytest.mark.parametrize("key", sorted(PRESETS))
def test_each_could_be_published_as_it_is(key: str) -> None:
    preset = PRESETS[key]
    assert list(problems_of(preset.definition)) == []
    assert {language for language, words in preset.about.items() if len(words) > 40} == {"ru", "en"}
    for rule in rules_of(preset.definition):
        segments.check(rule.model_dump(by_alias=True, mode="json"))
    urgency = preset.definition.urgency or key
    assert urgency in URGENCIES
    assert policy.rank("chain:x", "14", urgency) < len(policy.PRIORITY)


def test_every_row_of_the_table_is_there() -> None:
    assert set(PRESETS) == TABLE
    assert {key for key, preset in PRESETS.items() if not preset.enabled} == OFF


def test_texts_are_short_polite_and_each_its_own() -> None:
    texts = _texts()
    assert len({text for _, _, text in texts}) == len(texts)
    for where, language, text in texts:
        assert len(text) <= MOST, where
        assert "{" in text or where == "welcome:card", f"{where} is about nobody"
        if language == "ru":
            assert not re.search(r"\b(ты|тебе|тебя|твой|твоя|твои)\b", text, re.IGNORECASE), where
        else:
            assert not re.search(r"[а-яё]", text, re.IGNORECASE), where


def test_no_text_names_a_day_that_is_over_when_it_comes_late() -> None:
    for where, _, text in _texts():
        assert not re.search(r"\b(today|tomorrow|сегодня|завтра|в этот день)\b", text, re.I), where


def test_one_thing_to_do_in_each_message() -> None:
    for key, preset in PRESETS.items():
        for step in preset.definition.messages:
            assert len(step.buttons) <= 1, f"{key}:{step.id}"


def test_a_coupon_is_told_of_and_what_is_told_of_is_given() -> None:
    for key, preset in PRESETS.items():
        steps = preset.definition.steps
        for number, step in enumerate(steps):
            is_coupon = isinstance(step, GiftStep) and step.voucher is not None
            following = steps[number + 1] if number + 1 < len(steps) else None
            told = getattr(following, "texts", {})
            assert is_coupon == any("{code}" in text for text in told.values()), f"{key}:{step.id}"


async def _install(world: World) -> list[str]:
    return await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))


async def _all(world: World) -> dict[str, chains.Chain]:
    found = await world.db.read(chains.all_chains)
    return {item.key: item for item in found}


async def _set_definition(
    world: World, key: str, document: dict[str, Any], *, author: str = "system"
) -> None:
    """As if an earlier release had shipped this (or somebody had written it)."""

    def unit(session: Session) -> None:
        of = sa.select(chain.c.id).where(chain.c.key == key).scalar_subquery()
        session.execute(
            sa.update(chain_version)
            .where(chain_version.c.chain_id == of)
            .values(definition=document, author=author)
        )

    await world.db.transact(unit)


def _before(key: str, **changes: Any) -> dict[str, Any]:
    """The shipped chain as it might have been."""
    return {**PRESETS[key].definition.model_dump(mode="json"), **changes}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Versions never change, so they are remembered; here they are changed behind its back."""
    chains.store._read.clear()


async def test_a_new_shop_starts_with_what_is_on_by_default(world: World) -> None:
    assert set(await _install(world)) == TABLE
    assert {key for key, item in (await _all(world)).items() if not item.enabled} == OFF
    assert await _install(world) == []
    assert {item.version for item in (await _all(world)).values()} == {1}


async def test_what_is_new_comes_to_a_living_shop_switched_off(world: World) -> None:
    await _install(world)

    def forget(session: Session) -> None:
        for key in ("anniversary", "seasonal"):
            of = sa.select(chain.c.id).where(chain.c.key == key).scalar_subquery()
            for table in (chain_cursor, chain_version):
                session.execute(sa.delete(table).where(table.c.chain_id == of))
            session.execute(sa.delete(chain).where(chain.c.key == key))

    await world.db.transact(forget)
    assert await _install(world) == ["anniversary", "seasonal"]
    found = await _all(world)
    assert not found["anniversary"].enabled
    assert found["rating"].enabled


async def test_words_nobody_has_edited_are_renewed(world: World) -> None:
    await _install(world)
    title = {"ru": "Прежде", "en": "Before"}
    await _set_definition(world, "anniversary", _before("anniversary", title=title))
    assert await _install(world) == []
    chains.store._read.clear()
    found = (await _all(world))["anniversary"]
    assert (found.version, found.definition) == (2, PRESETS["anniversary"].definition)
    assert await _install(world) == []
    assert (await _all(world))["anniversary"].version == 2


async def test_what_an_owner_wrote_stays(world: World) -> None:
    await _install(world)
    document = _before("anniversary", title={"ru": "Наша", "en": "Ours"})
    await world.db.transact(
        lambda s: chains.publish(
            s, key="anniversary", definition=document, author="staff:1", now=world.now
        )
    )
    await _install(world)
    found = (await _all(world))["anniversary"]
    assert (found.version, found.definition.title["en"]) == (2, "Ours")


async def test_a_gift_that_is_new_waits_for_the_owner_as_a_draft(world: World) -> None:
    await _install(world)
    hello = PRESETS["welcome"].definition.model_dump(mode="json")["steps"][:1]
    await _set_definition(world, "welcome", _before("welcome", steps=hello))
    await _install(world)
    chains.store._read.clear()
    assert (await _all(world))["welcome"].version == 1
    query = sa.select(chain.c.draft, chain.c.draft_by).where(chain.c.key == "welcome")
    draft, author = await world.db.read(lambda s: s.execute(query).one())
    assert author == "system"
    assert chains.check(draft) == PRESETS["welcome"].definition
    # Switched off it gives nobody anything: it is simply renewed.
    await world.db.transact(
        lambda s: chains.set_enabled(s, key="welcome", enabled=False, now=world.now)
    )
    await _install(world)
    assert (await _all(world))["welcome"].version == 2
