"""Points corrected by hand: who may, alone or by two; spending paused and released."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from admin import RunningAdmin
from loyalty import clock, events, wallet
from loyalty.wallet.tables import account, adjustment_request, entry
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World


@pytest.fixture
async def olga(world: World, panel: RunningAdmin) -> Any:
    """One owner, at a browser of her own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await enter(world, Visitor(panel, session), "olga")


@pytest.fixture
async def ivan(world: World, panel: RunningAdmin) -> Any:
    """Another owner."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await enter(world, Visitor(panel, session), "ivan")


async def enter(world: World, visitor: Visitor, login: str, role: str = "owner") -> Visitor:
    await shop.hire(world, role, login=login, name=login.capitalize())
    await visitor.sign_in(login)
    return visitor


async def correct(visitor: Visitor, who: int, *, key: str | None = None, **form: str) -> Any:
    _, page, _ = await visitor.get(f"/admin/customers/{who}")
    own = key or re.findall(r'name="key" value="(\d+)"', page)[0]
    status, page, _ = await visitor.post(f"/admin/customers/{who}/adjust", key=own, **form)
    return status, unescape(page), own


async def test_little_is_corrected_alone_and_once(world: World, olga: Visitor) -> None:
    who = await world.customer(points=100)
    world.now = clock.now()
    status, page, key = await correct(olga, who, points="+50", reason=" Spilt   coffee ")
    assert (status, "Spilt coffee" in page) == (200, True)
    await correct(olga, who, key=key, points="+50", reason="Spilt coffee")
    world.now = clock.now() + timedelta(seconds=1)
    assert (await world.balance(who)).available == 150
    last = (clock.now() + timedelta(days=10)).date().isoformat()
    await correct(olga, who, points="−20", reason="Counted twice", expires=last)
    await correct(olga, who, points="5", reason="Good for ten days", expires=last)
    world.now = clock.now() + timedelta(seconds=1)
    assert (await world.balance(who)).available == 135
    _, page, _ = await olga.get(f"/admin/customers/{who}")
    assert "Counted twice" in page
    assert await world.faults() == []


async def test_much_waits_for_another_owner(world: World, olga: Visitor, ivan: Visitor) -> None:
    who = await world.customer(name="Anna")
    _, page, _ = await correct(olga, who, points="1001", reason="A year of complaints")
    assert "wait for another owner: A year of complaints" in page
    world.now = clock.now() + timedelta(seconds=1)
    assert (await world.balance(who)).posted == 0
    _, page, _ = await olga.get("/admin/adjustments")
    assert "another owner decides" in page
    query = sa.select(adjustment_request.c.id).where(adjustment_request.c.status == "waiting")
    number = await world.db.read(lambda s: s.execute(query).scalar_one())
    for way in ("approve", "decline"):
        status, page, _ = await olga.post(f"/admin/adjustments/{number}/{way}")
        assert (status, "You asked for this yourself" in page) == (403, True)
    _, page, _ = await ivan.get("/admin/adjustments")
    assert "A year of complaints" in page
    assert "Olga asked on" in page
    for _ in range(2):
        status, _, _ = await ivan.post(f"/admin/adjustments/{number}/approve")
        assert status == 200
    status, page, _ = await ivan.post(f"/admin/adjustments/{number}/decline")
    assert (status, "Somebody has decided" in page) == (409, True)
    world.now = clock.now() + timedelta(seconds=1)
    assert (await world.balance(who)).available == 1001
    [posted] = await world.db.read(
        lambda s: s.execute(sa.select(entry).where(entry.c.kind == "adjustment")).all()
    )
    assert (posted.amount, posted.note) == (1001, "A year of complaints")
    kinds = sa.select(events.event.c.type).where(events.event.c.customer_id == who)
    said = await world.db.read(
        lambda s: s.execute(kinds.order_by(events.event.c.id)).scalars().all()
    )
    assert said == ["points.adjustment_requested", "points.adjustment_approved"]


async def test_many_small_ones_are_no_way_around_it(world: World, olga: Visitor) -> None:
    who = await world.customer()
    for _ in range(3):
        await correct(olga, who, points="400", reason="Again and again")
    world.now = clock.now() + timedelta(seconds=1)
    assert (await world.balance(who)).available == 800
    waiting = await world.db.read(lambda s: wallet.waiting_adjustments(s, customer_id=who))
    assert [asked.points for asked in waiting] == [400]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"points": "0", "reason": "Nothing"}, "Write whole points"),
        ({"points": "1.5", "reason": "A half"}, "Write whole points"),
        ({"points": "9" * 30, "reason": "Too many"}, "Write whole points"),
        ({"points": "5", "reason": "ab"}, "Write the reason"),
        ({"points": "5", "reason": "x" * 201}, "Write the reason"),
        ({"points": "5", "reason": "\x00 \x07\n"}, "Write the reason"),
        ({"points": "-31", "reason": "More than there is"}, "Only 30 points"),
        ({"points": "5", "reason": "Too late", "expires": "2020-01-01"}, "Write whole points"),
        ({"points": "5", "reason": "What day", "expires": "soon"}, "Write whole points"),
        ({"points": "5", "reason": "No form", "key": "0"}, "no such correction"),
        ({"points": "5", "reason": "No form", "key": "9" * 40}, "no such correction"),
    ],
)
async def test_nonsense_is_told_on_the_card(
    world: World, olga: Visitor, form: dict[str, str], said: str
) -> None:
    who = await world.customer(points=30)
    status, page, _ = await correct(olga, who, **form)
    assert status in (400, 404)
    assert said in page
    assert (await world.balance(who)).posted == 30


async def test_only_owners_correct_and_analysts_never_touch(world: World, visitor: Visitor) -> None:
    who = await world.customer(points=30)
    for role, pauses in (("analyst", 403), ("marketer", 200)):
        await enter(world, visitor, role, role)
        _, page, _ = await visitor.get(f"/admin/customers/{who}")
        assert 'name="points"' not in page
        form = {"points": "5", "reason": "Not mine", "key": "77"}
        for path in ("adjust", "repair"):
            assert (await visitor.post(f"/admin/customers/{who}/{path}", **form))[0] == 403
        assert (await visitor.get("/admin/adjustments"))[0] == 403
        assert (await visitor.post("/admin/adjustments/5/approve"))[0] == 403
        for path in ("pause", "release"):
            status, _, _ = await visitor.post(f"/admin/customers/{who}/{path}", reason="Odd taps")
            assert status == pauses
    assert (await world.balance(who)).posted == 30


async def test_spending_is_paused_and_released(world: World, olga: Visitor) -> None:
    who = await world.customer(points=30)
    path = f"/admin/customers/{who}"
    _, page, _ = await olga.post(f"{path}/pause", reason="Odd taps at night", days="3")
    assert "Odd taps at night" in page
    world.now = clock.now()
    paused = await world.balance(who)
    assert (paused.frozen_reason, paused.frozen_until is None) == ("staff", False)
    _, page, _ = await olga.post(f"{path}/release")
    assert "Odd taps at night" not in page
    assert (await world.balance(who)).frozen_until is None
    status, _, _ = await olga.post(f"{path}/pause", reason="")
    assert status == 400
    moved = world.now + timedelta(hours=72)
    await world.db.transact(
        lambda s: wallet.freeze(
            s, customer_id=who, reason="new_telegram", until=moved, actor="system", now=world.now
        )
    )
    _, page, _ = await olga.get(path)
    assert "moved to another Telegram account" in page
    await olga.post(f"{path}/release")
    assert (await world.balance(who)).frozen_until is None


async def test_what_does_not_add_up_is_mended_not_released(world: World, olga: Visitor) -> None:
    who = await world.customer(points=30)
    tamper = sa.update(account).where(account.c.customer_id == who).values(posted=31)
    await world.db.transact(lambda s: s.execute(tamper) and None)
    await world.db.transact(
        lambda s: wallet.freeze(
            s, customer_id=who, reason=wallet.BROKEN, until=None, actor="system", now=world.now
        )
    )
    status, page, _ = await olga.post(f"/admin/customers/{who}/release")
    assert (status, "do not add up" in page) == (409, True)
    _, page, _ = await olga.post(f"/admin/customers/{who}/repair", reason="A disk went bad")
    assert await world.faults() == []
    assert (await world.balance(who)).available == 30
