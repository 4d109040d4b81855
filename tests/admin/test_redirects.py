"""``/r/<token>``: leads on, counts people, tells strangers nothing."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from admin import RunningAdmin
from admin.api.limits import Limits
from loyalty.ids import new_id
from loyalty.messaging.tables import click
from loyalty.tokens import Keys, sign_link
from tests.admin.conftest import KEYS
from tests.loyalty.delivery.letters import SALE, letter
from tests.world import World

PAYLOAD = {"text": "Hi", "buttons": [[{"text": "Go", "url": SALE}]]}
PHONE = "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Mobile Safari/537.36"


class Browser:
    """Somebody who opens links."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http, self._address = http, address

    async def open(
        self, token: str, *, method: str = "GET", agent: str = PHONE, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Open a link: status, headers, page. Nothing is followed."""
        sent = {"User-Agent": agent, **{k.replace("_", "-"): v for k, v in headers.items()}}
        url = f"{self._address}/r/{token}"
        async with self._http.request(method, url, headers=sent, allow_redirects=False) as response:
            return response.status, dict(response.headers), await response.text()


@pytest.fixture
async def browser(panel: RunningAdmin) -> Any:
    """A browser."""
    async with aiohttp.ClientSession() as http:
        yield Browser(http, panel.address)


async def count(world: World) -> int:
    """How many clicks were counted."""
    query = sa.select(sa.func.count()).select_from(click)
    return int(await world.db.read(lambda s: s.execute(query).scalar_one()))


async def a_link(world: World, place: int = 0) -> str:
    """The token of a link of a message that has left."""
    sent = await letter(world, await world.customer(), PAYLOAD, message_class="mass")
    return sign_link(KEYS, outbox_id=sent, place=place)


async def test_a_click_leads_on_and_is_counted(world: World, browser: Browser) -> None:
    token = await a_link(world)
    for expected in (1, 2):
        status, headers, _ = await browser.open(token)
        assert (status, headers["Location"]) == (302, SALE)
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert await count(world) == expected


@pytest.mark.parametrize(
    "agent",
    [
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23.20.0 A",
        "facebookexternalhit/1.1",
        "Slackbot-LinkExpanding 1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
        "curl/8.1",
    ],
)
async def test_programs_are_led_on_and_not_counted(
    world: World, browser: Browser, agent: str
) -> None:
    token = await a_link(world)
    assert (await browser.open(token, agent=agent))[0] == 302
    assert await count(world) == 0


async def test_a_look_ahead_is_not_counted(world: World, browser: Browser) -> None:
    token = await a_link(world)
    status, headers, _ = await browser.open(token, method="HEAD")
    assert (status, headers["Location"]) == (302, SALE)
    assert (await browser.open(token, Sec_Purpose="prefetch;prerender"))[0] == 302
    assert (await browser.open(token, Purpose="prefetch"))[0] == 302
    assert await count(world) == 0
    assert (await browser.open(token, method="POST"))[0] == 405


async def test_a_wrong_link_gets_a_friendly_page(world: World, browser: Browser) -> None:
    good = await a_link(world)
    bad = [
        good[:-1],
        "x" * 28,
        "x" * 200,
        "..%2F..%2Fadmin",
        "%00",
        "%D0%BF%D1%80",
        "https:%2F%2Fevil.example",
        sign_link(Keys("another key of somebody"), outbox_id=new_id(), place=0),
        sign_link(KEYS, outbox_id=new_id(), place=0),
        await a_link(world, place=7),
    ]
    for token in bad:
        status, headers, page = await browser.open(token, Accept_Language="ru-RU,ru;q=0.9")
        assert status == 404, token
        assert "Эта ссылка никуда не ведёт" in page
        assert "Location" not in headers
        assert headers["Cache-Control"] == "no-store"
    assert "This link leads nowhere" in (await browser.open("x", Accept_Language="en"))[2]
    assert await count(world) == 0


async def test_one_address_cannot_fill_the_table(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await a_link(world)
    answers = [await browser.open(token) for _ in range(14)]
    assert {status for status, _, _ in answers} == {302}
    assert await count(world) == 10
    # From elsewhere it counts; a proxy of ours says from where.
    await browser.open(token, X_Forwarded_For="203.0.113.9")
    assert await count(world) == 11
    monkeypatch.setattr(Limits, "take", lambda _self, _name: 7)
    status, headers, page = await browser.open(token)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert "in a minute" in page


async def test_the_way_is_counted_without_its_token(
    world: World, browser: Browser, panel: RunningAdmin, capfd: pytest.CaptureFixture[str]
) -> None:
    token = await a_link(world)
    await browser.open(token)
    await browser.open(token[:-2])
    async with aiohttp.ClientSession() as http, http.get(f"{panel.address}/metrics") as answer:
        figures = await answer.text()
    assert token not in figures
    said = capfd.readouterr()
    assert token[:20] not in said.out + said.err
