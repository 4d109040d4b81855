"""Talks and ratings in the panel: reading, answering once, roles, what cannot arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from playwright.async_api import expect

from admin import RunningAdmin
from loyalty import feedback
from loyalty.customers import telegram_chat
from loyalty.events import event
from loyalty.messaging.tables import outbox
from tests.admin import shop, voices
from tests.admin.forms import fields, words
from tests.admin.shop import Visitor
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOME = "/admin/talks"
WIDER = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def _queued(world: World) -> list[Any]:
    query = sa.select(outbox).where(outbox.c.key.like("answer:%")).order_by(outbox.c.id)
    return list(await world.db.read(lambda s: s.execute(query).all()))


async def test_a_talk_is_read_answered_and_closed(world: World, owner: Visitor) -> None:
    anna = await voices.guest(world, "Anna<i>", 901, 2)
    _, page, _ = await owner.get(HOME)
    said = words(page)
    assert "Anna<i>" in said
    assert "холодным <b>совсем</b>" in said
    assert "<b>совсем" not in page
    _, badge, _ = await owner.get(f"{HOME}/waiting")
    assert ">1</b>" in badge
    talk_id = await voices.writes(world, anna, "And nobody said sorry")
    path = f"{HOME}/{talk_id}"
    _, page, _ = await owner.get(path)
    said = words(page)
    assert "for the purchase of ₽450" in said
    assert "And nobody said sorry" in said
    form = dict(fields(page, "answer"))
    for _ in range(2):
        status, page, _ = await owner.post(
            f"{path}/answer", text="We are sorry & look into it", key=form["key"]
        )
        assert status == 200
    assert words(page).count("We are sorry & look into it") == 1
    assert "Marina" in words(page)
    (message,) = await _queued(world)
    assert message.chat_id == 901
    assert "sorry" not in str(message.payload)
    _, badge, _ = await owner.get(f"{HOME}/waiting")
    assert badge.strip() == ""
    assert (await owner.post(f"{path}/close"))[0] == 200
    status, page, _ = await owner.post(f"{path}/answer", text="More", key="9")
    assert (status, "Open it again to answer" in words(page)) == (409, True)
    await owner.post(f"{path}/reopen")
    _, page, _ = await owner.get(f"{HOME}?state=open")
    assert "Anna<i>" in words(page)
    kinds = sa.select(event.c.type).where(event.c.actor.like("staff:%"), event.c.id > 0)
    told = await world.db.read(lambda s: s.execute(kinds.order_by(event.c.id)).scalars().all())
    mine = [kind for kind in told if kind.startswith("staff.")]
    assert mine[-3:] == ["staff.answered", "staff.talk_closed", "staff.talk_reopened"]


async def test_words_that_do_not_fit_stay_in_the_form(world: World, owner: Visitor) -> None:
    anna = await voices.guest(world, "Anna", 901)
    path = f"{HOME}/{await voices.writes(world, anna, 'Hello')}"
    for text in ("   ", "й" * 2001):
        status, page, _ = await owner.post(f"{path}/answer", text=text, key="1")
        assert (status, "up to 2,000 characters" in words(page)) == (400, True)
        assert text.strip() in page
    status, _, _ = await owner.post(f"{path}/answer", text="й\r\n" * 1000, key="1")
    assert status == 200
    assert len(await _queued(world)) == 1
    for wrong in (f"{HOME}/5", f"{HOME}/{2**63}", f"{HOME}/5/answer", f"{HOME}/5/close"):
        asked = owner.get(wrong) if wrong.count("/") == 3 else owner.post(wrong, text="x", key="2")
        assert (await asked)[0] == 404


async def test_what_cannot_arrive_is_said_before(world: World, owner: Visitor) -> None:
    anna = await voices.guest(world, "Anna", 901)
    path = f"{HOME}/{await voices.writes(world, anna, 'Hello')}"
    assert "blocked the bot" not in words((await owner.get(path))[1])
    blocked = sa.update(telegram_chat).values(reachable=False)
    await world.db.transact(lambda s: s.execute(blocked))
    said = words((await owner.get(path))[1])
    assert "The guest has blocked the bot" in said
    assert "Leave it in the talk" in said
    await owner.post(f"{path}/answer", text="For when you are back", key="1")
    assert await _queued(world) == []
    kept = await world.db.read(lambda s: feedback.recent_lines(s, anna))
    assert kept[-1].text == "For when you are back"


@pytest.mark.parametrize(("role", "may"), [("marketer", True), ("analyst", False)])
async def test_the_analyst_reads_and_the_marketer_answers(
    world: World, visitor: Visitor, role: str, may: bool
) -> None:
    anna = await voices.guest(world, "Anna", 901, 2)
    await shop.hire(world, role)
    await visitor.sign_in(role)
    found = await world.db.read(lambda s: feedback.talk_of(s, anna))
    assert found is not None
    _, page, _ = await visitor.get(f"{HOME}/{found.id}")
    assert ('id="answer"' in page) == may
    for doing in ("answer", "close", "reopen"):
        status, _, _ = await visitor.post(f"{HOME}/{found.id}/{doing}", text="Hello", key="1")
        assert status == (200 if may else 403)
    assert len(await _queued(world)) == (1 if may else 0)
    assert (await visitor.get("/admin/ratings"))[0] == 200


async def test_ratings_by_outlet_cashier_and_score(world: World, owner: Visitor) -> None:
    anna = await voices.guest(world, "Anna", 901, 5, 4, 2)
    await voices.guest(world, "Boris", 902, 5)
    _, page, _ = await owner.get("/admin/ratings")
    said = words(page)
    assert "Average 4 ★" in said
    assert "Main Street" in said
    assert "Olga" in said
    assert voices.WORDS[4] in said
    _, page, _ = await owner.get("/admin/ratings?score=2&days=7")
    said = words(page)
    assert voices.WORDS[4] not in said
    assert "Ждал двадцать минут" in said
    assert f"{HOME}/" in page
    _, page, _ = await owner.get(f"/admin/ratings?outlet={world.outlet_id}&score=5")
    assert words(page).count("Лучший капучино") == 2
    for odd in ("?days=x&score=99&outlet=-1&before=1-1", "?outlet=5", f"?outlet={2**64}"):
        assert (await owner.get(f"/admin/ratings{odd}"))[0] == 200
    _, page, _ = await owner.get(f"/admin/customers/{anna}")
    said = words(page)
    assert "Ratings and talks 3.7 ★" in said
    assert "The guest waits for an answer" in said
    assert f'href="{HOME}/' in page


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
async def test_the_pages_in_a_browser(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Марина")
    anna = await voices.guest(world, "Анна Длиннофамильевская-Преображенская", 901, 5, 4, 2)
    talk_id = await voices.writes(world, anna, "Почему так долго? " + "о" * 90)
    await voices.writes(world, await voices.guest(world, "Павел", 902, 5), "Есть безлактозное?")
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    for path in (HOME, f"{HOME}/{talk_id}", "/admin/ratings", f"/admin/customers/{anna}"):
        await page.goto(f"{panel.address}{path}")
        badge = page.locator(".tabs .waiting-count:visible")
        await expect(badge).to_have_text("2")
        await page.wait_for_load_state("networkidle")
        assert faults == []
        assert await page.evaluate(WIDER) <= 0, page.url
    await page.goto(f"{panel.address}{HOME}/{talk_id}")
    await page.fill("textarea", "Простите нас!\nУже разбираемся.")
    await page.click("#answer button.primary")
    await expect(page.locator(".thread .ours p")).to_have_text("Простите нас!\nУже разбираемся.")
    await expect(page.locator(".tabs .waiting-count:visible")).to_have_text("1")
    await context.close()
