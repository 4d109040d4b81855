"""Rules tried on past sales: who may, what is shown, the file, the way it looks."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from admin import RunningAdmin
from loyalty import clock, dryrun
from loyalty.dryrun.tables import dry_run
from loyalty.program import drafts
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.loyalty.dryrun import shop as past
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

PAGE = "/admin/program/dry-run"
WIDER = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    return visitor


async def _draft(world: World) -> None:
    def unit(session):  # type: ignore[no-untyped-def]
        draft = drafts.start(session, actor="staff:1", now=clock.now())
        rules = draft.program.model_dump(mode="json")
        rules["tiers"][0]["earn_rate_bp"] = 1000
        rules["tiers"][1]["threshold"] = 500_000
        drafts.save(
            session, draft_id=draft.id, edition=draft.edition, rules=rules, actor="staff:1",
            now=clock.now(),
        )  # fmt: skip

    await world.db.transact(unit)


async def _finished(visitor: Visitor, run_id: str) -> None:
    """Ask as the page does, until it says to open the page anew."""
    while True:
        _, _, answer = await visitor.get(f"/admin/dry-runs/{run_id}/progress")
        if answer.headers.get("HX-Redirect") == f"/admin/dry-runs/{run_id}":
            return
        assert answer.status == 200


async def _try_it(visitor: Visitor, page: str = PAGE, **form: Any) -> str:
    await visitor.get(page)
    status, _, answer = await visitor.post(page, **form)
    assert status == 200
    run_id = answer.url.path.rpartition("/")[2]
    await _finished(visitor, run_id)
    return run_id


async def test_without_a_draft_there_is_nothing_to_try(owner: Visitor) -> None:
    status, _, answer = await owner.get(PAGE)
    assert (status, answer.url.path) == (200, "/admin/program")
    status, _, _ = await owner.post(PAGE)
    assert status == 404
    assert (await owner.get("/admin/dry-runs/12345"))[0] == 404
    assert (await owner.get("/admin/promotions/12345/dry-run"))[0] == 404


async def test_a_draft_on_past_sales(world: World, owner: Visitor) -> None:
    world.now = clock.now() - timedelta(days=100)
    anna, boris = await world.customer(), await world.customer()
    await world.sell(anna, 600_000)
    await world.sell(boris, 100_000)
    await _draft(world)
    status, page, _ = await owner.get("/admin/program/review")
    assert status == 200
    assert f'href="{PAGE}"' in page
    run_id = await _try_it(owner)
    _, page, _ = await owner.get(f"/admin/dry-runs/{run_id}")
    page = unescape(page)
    for text in (
        "2 sales with a card · 2 guests",
        "+350",
        "+₽350",
        "Both columns are the same sales, replayed",
        f'href="/admin/customers/{anna}"',
        "Bronze</th><td>Silver</td>",
    ):
        assert text in page, text
    found = re.search(r'id="dry-chart-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert [one["values"] for one in json.loads(found[1])["series"]] == [[350], [700]]
    # The same question again is the same run; the subject's own page shows it.
    assert await _try_it(owner) == run_id
    assert f"/admin/dry-runs/{run_id}/figures.csv" in (await owner.get(PAGE))[1]
    # Once the draft is changed, what was found is about other rules.
    changed = sa.text("UPDATE program_draft SET edition = edition + 1")
    await world.db.transact(lambda s: s.execute(changed) and None)
    assert "The rules were changed after this" in (await owner.get(PAGE))[1]


async def test_the_file(world: World, owner: Visitor) -> None:
    await world.sell(await world.customer(), 100_050)
    await _draft(world)
    run_id = await _try_it(owner)
    status, text, answer = await owner.get(f"/admin/dry-runs/{run_id}/figures.csv")
    assert status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0] == ["Figure", "Month", "As now", "With the change", "Difference"]
    assert ["Points for receipts", "", "50", "100", "50"] in rows
    assert ["Cost", "", "50.00", "100.00", "50.00"] in rows
    assert ["Points for receipts and goals", "2026-03", "50", "100", "50"] in rows


async def test_a_promotion_on_chosen_days(world: World, owner: Visitor) -> None:
    world.now = clock.now() - timedelta(days=3)
    await world.sell(await world.customer(), 100_000)
    tried = await past.promote(
        world, {"effect": {"kind": "rate", "extra_bp": 500}, "when": {"starts_on": "2040-01-01"}},
        on=False,
    )  # fmt: skip
    page = f"/admin/promotions/{tried}/dry-run"
    run_id = await _try_it(owner, page, period="30")
    _, text, _ = await owner.get(f"/admin/dry-runs/{run_id}")
    text = unescape(text)
    assert "On past sales: Morning" in text
    assert "The promotion's own dates are set aside" in text
    assert "The 12 months before the first day" in text
    day = world.now.date() - timedelta(days=30)
    own = {"period": "own", "from": (day - timedelta(days=9)).isoformat(), "to": day.isoformat()}
    run_id = await _try_it(owner, page, **own)
    assert "No sales on those days" in (await owner.get(f"/admin/dry-runs/{run_id}"))[1]


@pytest.mark.parametrize(
    "days", [("", ""), ("2026-13-01", "x"), ("2026-03-09", "2026-03-01"), ("0001-01-01", "²")]
)
async def test_days_that_are_none(world: World, owner: Visitor, days: tuple[str, str]) -> None:
    await _draft(world)
    await owner.get(PAGE)
    form: dict[str, Any] = {"period": "own", "from": days[0], "to": days[1]}
    status, page, _ = await owner.post(PAGE, **form)
    assert status in (400, 422)
    assert "Please choose a first day" in page


async def test_who_may_see_and_who_may_start(world: World, visitor: Visitor) -> None:
    await _draft(world)
    for role, starts in (("marketer", True), ("analyst", False)):
        await shop.hire(world, role)
        await visitor.sign_in(role)
        status, page, _ = await visitor.get(PAGE)
        assert status == 200
        assert ("Which sales" in page) is starts
        status, _, _ = await visitor.post(PAGE)
        assert status == (200 if starts else 403)
        await visitor.get(PAGE)
        await visitor.post("/admin/sign-out")
    assert (await visitor.get(PAGE))[2].url.path == "/admin/sign-in"


async def test_calling_it_off(world: World, owner: Visitor) -> None:
    await _draft(world)
    run = await world.db.transact(
        lambda s: dryrun.ask_program(
            s, from_day=None, to_day=None, time_zone="UTC", author="x", now=clock.now()
        )
    )
    # As if another process were at it.
    busy = sa.update(dry_run).values(status="running", beat_at=clock.real_now(), total=9, done=3)
    await world.db.transact(lambda s: s.execute(busy) and None)
    _, page, _ = await owner.get(f"/admin/dry-runs/{run.id}")
    assert "3 of 9 sales" in page
    assert '<progress max="9" value="3"' in page
    status, page, _ = await owner.post(f"/admin/dry-runs/{run.id}/cancel")
    assert status == 200
    assert "It was called off before it was done." in page


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (320, 640)])
async def test_in_a_browser(
    world: World, panel: RunningAdmin, chromium: Browser, language: str, size: tuple[int, int]
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner")
    world.now = clock.now() - timedelta(days=330)
    for rules in past.PROMOTIONS[:3]:
        await past.promote(world, rules)
    await past.trade(world, random.Random(3), guests=14, sales=60, days=300)
    await _draft(world)
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    await page.goto(f"{panel.address}{PAGE}")
    await page.select_option("[name=period]", "own")
    await page.fill("[name=from]", (clock.now() - timedelta(days=200)).date().isoformat())
    await page.click("form.dry-ask button.primary")
    await page.wait_for_selector("#progress progress, #dry-chart svg")
    await page.wait_for_selector("#dry-chart svg")
    await page.hover("#dry-chart", position={"x": size[0] // 3, "y": 150})
    await page.wait_for_selector(".tip strong")
    await page.click("details summary")
    await page.wait_for_load_state("networkidle")
    assert faults == []
    assert await page.evaluate(WIDER) <= 0
    assert await page.get_attribute("html", "lang") == language
