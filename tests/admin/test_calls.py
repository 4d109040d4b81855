"""The call list in the panel: who may call, one tap for the outcome, what is noted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin import RunningAdmin
from loyalty import clock, staff, tasks
from loyalty.events import event
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.loyalty.goods.shelf import buy
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOME = "/admin/calls"
WIDER = "document.documentElement.scrollWidth - window.innerWidth"
PHONE = "+79161234567"


async def to_call(world: World, key: str = "touch:1", *, days: int = 2, **fields: Any) -> int:
    """Somebody a chain has put on the list."""
    person = await world.customer(**({"name": "Anna <b>", "phone": PHONE} | fields))

    def unit(session: Session) -> int | None:
        return tasks.open(
            session,
            key=key,
            customer_id=person,
            source="chain:win_back",
            title={"ru": "Позвать обратно", "en": "Ask them back"},
            due_at=clock.now() + timedelta(days=days),
            now=clock.now(),
        )

    task_id = await world.db.transact(unit)
    assert task_id is not None
    return task_id


async def noted(world: World) -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like("task.%")).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def test_called_and_what_came_of_it(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    task_id = await to_call(world)
    one = (await world.db.read(lambda s: tasks.listing(s)))[0]
    world.now = clock.now() - timedelta(days=1)
    await buy(world, one.customer_id, "cap")
    _, page, _ = await visitor.get(HOME)
    said = words(page)
    assert "Anna <b>" in said
    assert "Anna <b>" not in page
    assert f'href="tel:{PHONE}"' in page
    assert "+7 916 123-45-67" in said
    assert "Ask them back" in said
    assert "Капучино" in said
    _, badge, _ = await visitor.get(f"{HOME}/waiting")
    assert ">1</b>" in badge
    path = f"{HOME}/{task_id}/close"
    status, page, _ = await visitor.post(path, outcome="dance")
    assert (status, "Choose how the call ended." in words(page)) == (400, True)
    status, page, _ = await visitor.post(path, outcome="reached", note="x" * 1001)
    assert status == 400
    status, _, _ = await visitor.post(path, outcome="will_come", note="On <Saturday>")
    assert status == 200
    await visitor.post(path, outcome="will_come", note="On <Saturday>")
    status, page, _ = await visitor.post(path, outcome="no_answer")
    assert (status, "This call is over already." in words(page)) == (409, True)
    _, page, _ = await visitor.get(f"{HOME}?state=done")
    assert "Will come" in words(page)
    assert "On <Saturday>" in words(page)
    assert await noted(world) == ["task.opened", "task.done"]
    status, _, _ = await visitor.post(f"{HOME}/5/close", outcome="reached")
    assert status == 404


async def test_who_has_come_back_meanwhile_is_told(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    await to_call(world)
    one = (await world.db.read(lambda s: tasks.listing(s)))[0]
    world.now = clock.now() - timedelta(days=1)
    await buy(world, one.customer_id, "cap")
    _, page, _ = await visitor.get(HOME)
    assert "has bought since" not in words(page)
    world.now = clock.now() + timedelta(minutes=1)
    await buy(world, one.customer_id, "cap")
    _, page, _ = await visitor.get(HOME)
    assert "has bought since" in words(page)


async def test_taken_filtered_and_dropped(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner", name="Marina")
    await shop.hire(world, "marketer", name="Pavel")
    await visitor.sign_in("marketer")
    first, second = (
        await to_call(world),
        await to_call(world, "touch:2", name="Oleg", phone="+79160000002", days=-1),
    )
    _, page, _ = await visitor.get(HOME)
    said = words(page)
    assert said.index("Oleg") < said.index("Anna")
    assert "overdue" in said
    pavel = await world.db.read(
        lambda s: next(one.id for one in staff.everyone(s) if one.name == "Pavel")
    )
    await visitor.post(f"{HOME}/{first}/assign", staff=str(pavel))
    _, page, _ = await visitor.get(f"{HOME}?who=me")
    assert ("Anna" in words(page), "Oleg" in words(page)) == (True, False)
    _, page, _ = await visitor.get(f"{HOME}?who=nobody")
    assert ("Anna" in words(page), "Oleg" in words(page)) == (False, True)
    _, page, _ = await visitor.get(f"{HOME}?outlet={world.outlet_id}")
    assert "Nobody to call" in words(page)
    await visitor.post(f"{HOME}/{second}/drop")
    _, page, _ = await visitor.get(f"{HOME}?state=dropped&page=99999999999999999999")
    assert "Oleg" in words(page)
    assert await noted(world) == ["task.opened", "task.opened", "task.assigned", "task.dropped"]


async def test_an_analyst_sees_no_number_and_calls_nobody(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "analyst", name="Vera")
    await visitor.sign_in("analyst")
    task_id = await to_call(world)
    _, page, _ = await visitor.get(HOME)
    assert "Ask them back" in words(page)
    assert "916" not in page
    assert "tel:" not in page
    for what in ("close", "drop", "assign"):
        status, _, _ = await visitor.post(f"{HOME}/{task_id}/{what}", outcome="reached")
        assert status == 403
    assert await noted(world) == ["task.opened"]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_a_phone_a_thumb_is_enough(
    world: World, panel: RunningAdmin, chromium: Browser
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    await to_call(world, name="Александра Константинопольская-Богоявленская")
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, locale="ru")
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    await page.goto(panel.address + HOME)
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate(WIDER) <= 0
    for selector in (".dial", ".outcomes button"):
        for box in [await one.bounding_box() for one in await page.locator(selector).all()]:
            assert box is not None
            assert min(box["width"], box["height"]) >= 44, selector
    await page.fill("textarea[name=note]", "Зайдёт в субботу")
    await page.click("button[value=will_come]")
    await page.wait_for_load_state("networkidle")
    assert "Звонить некому" in await page.inner_text("main")
    assert await page.evaluate(WIDER) <= 0
    assert faults == []
    await context.close()
