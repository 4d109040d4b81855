"""Webhooks in the panel: added, tried, changed, switched; the owner's alone; what is noted."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from admin import RunningAdmin
from loyalty import clock, webhooks
from loyalty.events import event
from loyalty.webhooks import Call, Endpoint, Outcome
from tests.admin import shop
from tests.admin.conftest import KEYS
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOME = "/admin/webhooks"
URL = "https://shop.example/hook?a=1&b=2"
_SECRET = re.compile(r"whsec_[\w-]{43}")


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in, of a business that really works."""
    await shop.stamp(world, "live")
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def add(world: World, url: str = URL) -> Endpoint:
    """An endpoint that wants everything."""
    return await world.db.transact(
        lambda s: webhooks.add(s, url=url, wanted=[], actor="test", now=clock.now())
    )


async def noted(world: World) -> list[str]:
    """Audit events about webhooks, oldest first."""
    query = sa.select(event.c.type, event.c.actor).where(event.c.type.startswith("webhook."))
    rows = await world.db.read(lambda s: s.execute(query.order_by(event.c.id)).all())
    assert all(row.actor.startswith(("staff:", "test", "system")) for row in rows)
    return [row.type for row in rows]


async def settle(world: World, answer: str, *, ok: bool) -> Call:
    """A process takes what is due, and this comes back."""

    def unit(session: Any) -> Call:
        now = clock.now()
        (call,) = webhooks.claim(
            session, owner="w", limit=1, now=now, real_now=clock.real_now()
        ).calls
        webhooks.settle(session, [Outcome(call, ok, answer)], owner="w", now=now)
        return call

    return await world.db.transact(unit)


async def test_added_with_a_secret_that_is_shown_once(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(HOME)
    assert "Nobody yet." in words(page)
    key = re.search(r'name="key" value="(\d+)"', page)
    assert key is not None
    form: dict[str, Any] = {"url": URL, "events": "purchase.recorded", "key": key[1]}
    status, page, answer = await owner.post(HOME, **form)
    assert status == 200
    (made,) = await world.db.read(webhooks.listing)
    assert (made.url, made.events) == (URL, ("purchase.recorded",))
    secret = webhooks.secret_of(KEYS, webhook_id=made.id, number=1)
    assert _SECRET.findall(page) == [secret]
    assert answer.headers["Cache-Control"] == "no-store"
    # The same form once more is the same endpoint, and the secret is gone.
    _, page, _ = await owner.post(HOME, **form)
    assert not _SECRET.search(page)
    assert len(await world.db.read(webhooks.listing)) == 1
    for address in (HOME, f"{HOME}/{made.id}"):
        _, page, _ = await owner.get(address)
        assert "https://shop.example/hook?a=1&amp;b=2" in page
        assert not _SECRET.search(page)
    assert await noted(world) == ["webhook.added"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://shop.example/", "must begin with https://"),
        ("https://127.0.0.1/", "inner network"),
        ("javascript:alert(1)", "no web address"),
        ("https://u:p@shop.example/", "Leave name and password out"),
        ("https://shop.example/" + "x" * 600, "too long"),
    ],
)
async def test_a_wrong_address_is_told_kindly(
    world: World, owner: Visitor, url: str, told: str
) -> None:
    status, page, _ = await owner.post(HOME, url=url, events="tier.changed")
    assert status == 400
    assert told in words(page)
    status, page, _ = await owner.post(HOME, url=URL)
    assert (status, "at least one event" in words(page)) == (400, True)
    status, page, _ = await owner.post(HOME, url=URL, events="sale")
    assert (status, "from the events in the list" in words(page)) == (400, True)
    assert await world.db.read(webhooks.listing) == []


async def test_tried_answered_and_sent_again(world: World, owner: Visitor) -> None:
    hook = await add(world)
    here = f"{HOME}/{hook.id}"
    _, page, _ = await owner.post(f"{here}/test")
    assert "Test" in words(page)
    assert "waits" in words(page)
    assert 'hx-trigger="every 2s"' in page
    call = await settle(world, "500 12", ok=False)
    assert json.loads(call.body)["type"] == "test"
    _, page, _ = await owner.get(f"{here}/deliveries")
    assert "answered 500, 12 ms" in words(page)
    assert "next try:" in words(page)
    assert "hx-trigger" not in page
    assert "does not answer" in words((await owner.get(HOME))[1])
    _, page, _ = await owner.post(f"{here}/resend", delivery=str(call.id))
    await settle(world, "200 34", ok=True)
    _, page, _ = await owner.get(here)
    assert "told answered 200, 34 ms" in words(page)
    assert await noted(world) == ["webhook.added", "webhook.tested", "webhook.resent"]


async def test_a_new_secret_changes_it_once(world: World, owner: Visitor) -> None:
    hook = await add(world)
    _, page, _ = await owner.post(f"{HOME}/{hook.id}/secret", number="1")
    assert _SECRET.findall(page) == [webhooks.secret_of(KEYS, webhook_id=hook.id, number=2)]
    _, page, _ = await owner.post(f"{HOME}/{hook.id}/secret", number="9")
    assert not _SECRET.search(page)
    assert (await world.db.read(lambda s: webhooks.get(s, hook.id))).secret_number == 2


async def test_changed_switched_and_removed(world: World, owner: Visitor) -> None:
    hook = await add(world)
    here = f"{HOME}/{hook.id}"
    status, page, _ = await owner.post(here, url="https://other.example/", events="chain.step")
    assert (status, "https://other.example/" in page) == (200, True)
    status, page, _ = await owner.post(here, url="nonsense", events="chain.step")
    assert (status, "no web address" in words(page)) == (400, True)
    _, page, _ = await owner.post(f"{here}/switch", on="0")
    assert "Switched off." in words(page)
    _, page, _ = await owner.post(f"{here}/switch", on="1")
    assert "Switched off." not in words(page)
    _, page, _ = await owner.post(f"{here}/remove")
    assert "Nobody yet." in words(page)
    assert (await owner.get(here))[0] == 404
    assert (await owner.post(f"{here}/test"))[0] == 404
    assert (await owner.post(f"{here}/resend", delivery="5"))[0] == 404
    assert await noted(world) == [
        f"webhook.{what}" for what in ("added", "changed", "disabled", "enabled", "removed")
    ]


async def test_one_that_was_given_up_says_so(world: World, owner: Visitor) -> None:
    hook = await add(world)
    await owner.post(f"{HOME}/{hook.id}/test")
    await settle(world, "timeout 10000", ok=False)
    off = sa.update(webhooks.tables.webhook).values(disabled_at=clock.now() + timedelta(days=3))
    await world.db.transact(lambda s: s.execute(off))
    _, page, _ = await owner.get(f"{HOME}/{hook.id}", **{"Accept-Language": "ru"})
    assert "Он не отвечал три дня" in words(page)
    assert "не ответил за 10 секунд" in words(page)


@pytest.mark.parametrize("role", ["marketer", "analyst"])
async def test_the_owners_alone(world: World, visitor: Visitor, role: str) -> None:
    await shop.stamp(world, "live")
    await shop.hire(world, role)
    hook = await add(world)
    await visitor.sign_in(role)
    assert HOME not in (await visitor.get("/admin"))[1]
    here = f"{HOME}/{hook.id}"
    for path in (HOME, here, f"{here}/deliveries"):
        assert (await visitor.get(path))[0] == 403
    for path in (HOME, here, f"{here}/test", f"{here}/secret", f"{here}/remove"):
        assert (await visitor.post(path, url=URL))[0] == 403
    assert await noted(world) == ["webhook.added"]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("language", "size"), [("ru", (360, 740)), ("en", (1280, 800))])
async def test_nothing_sticks_out(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    hook = await add(world, "https://a-very-long-name-of-a-shop.example/" + "hook" * 60)
    await world.db.transact(lambda s: webhooks.send_test(s, hook.id, actor="test", now=clock.now()))
    await settle(world, "private_address 0", ok=False)
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    for path in (HOME, f"{HOME}/{hook.id}"):
        await page.goto(panel.address + path)
        wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, path
    await page.click(".deliveries summary")
    assert faults == []
    await context.close()
