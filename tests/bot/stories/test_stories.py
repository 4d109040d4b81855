"""Every flow ends the same whatever happens on the way: double taps, unruly updates, restarts."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.db import Database
from tests.bot.phone import Telegram
from tests.bot.stories.digest import digest
from tests.bot.stories.flows import STORIES
from tests.bot.stories.shop import Hardship, Shop, open_shop
from tests.conftest import FreshDatabase

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CYRILLIC = set("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
LATIN = set("abcdefghijklmnopqrstuvwxyz")
AS_IT_IS = ("Русский 🇷🇺", "English 🇬🇧")
"""Words that stand in their own language everywhere."""


async def play(
    name: str, url: str, telegram: Telegram, hardship: Hardship, language: str
) -> dict[str, list[str]]:
    """Act the story out on a database of its own; what it leaves behind."""
    await telegram.call("DELETE", "")
    db = Database(url)
    try:
        async with open_shop(db, telegram, hardship=hardship, language=language) as shop:
            await STORIES[name](shop)
            await shop.settle()
            await speaks(shop, language)
        return await db.read(digest)
    finally:
        await db.close()


async def speaks(shop: Shop, language: str) -> None:
    """Whether every screen that is left in the chats is in the story's language."""
    for actor in shop.people:
        for message in await actor.phone.from_bot():
            said = "\n".join(words_of(message)).casefold()
            for exempt in (*AS_IT_IS, "Tverskaya", "Arbat"):
                said = said.replace(exempt.casefold(), "")
            if language == "en":
                assert not CYRILLIC & set(said), said
            elif LATIN & set(said) - set("https:/t.me/bot42_bot?start=r_"):
                assert CYRILLIC & set(said), said


def words_of(message: dict[str, Any]) -> list[str]:
    """What a message says, buttons included."""
    labels = [button["text"] for row in message.get("buttons") or [] for button in row]
    return [message.get("text") or message.get("caption") or "", *labels]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", STORIES)
async def test_unruly_updates_change_nothing(
    name: str, language: str, fresh_database: FreshDatabase, telegram: Telegram
) -> None:
    plain = await play(name, fresh_database(), telegram, Hardship.NONE, language)
    unruly = await play(name, fresh_database(), telegram, Hardship.MISCHIEF, language)
    assert unruly == plain


# Torn down before its first step, a call to Telegram is never awaited: that is the point here.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("hardship", [Hardship.DOUBLED, Hardship.RESTARTED], ids=lambda h: h.value)
@pytest.mark.parametrize("name", STORIES)
async def test_nervous_fingers_and_restarts_change_nothing(
    name: str, hardship: Hardship, fresh_database: FreshDatabase, telegram: Telegram
) -> None:
    # The story before ran in both languages; here each database takes one of them.
    language = "ru" if fresh_database.engine == "postgres" else "en"
    plain = await play(name, fresh_database(), telegram, Hardship.NONE, language)
    hard = await play(name, fresh_database(), telegram, hardship, language)
    assert hard == plain
