"""Outlets and staff: adding, inviting, joining, dismissing."""

from __future__ import annotations

import re
from html import unescape

import aiohttp
import pytest
import sqlalchemy as sa

from loyalty import staff
from loyalty.events import event
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in and looking at the page."""
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin/staff")
    return visitor


def _link(page: str) -> str:
    found = re.search(r'<input readonly value="([^"]+)"', page)
    assert found is not None, "no invitation on the page"
    return unescape(found[1])


async def test_a_cashier_gets_a_link_for_the_chat_once(world: World, owner: Visitor) -> None:
    await shop.stamp(world)
    status, page, _ = await owner.post(
        "/admin/staff", name="Zina", role="cashier", outlet=str(world.outlet_id)
    )
    assert status == 200
    link = _link(page)
    assert re.fullmatch(r"https://t\.me/regulars_demo_bot\?start=j_[A-Za-z0-9_-]{32}", link)
    assert 'src="data:image/png;base64,' in page
    _, page, _ = await owner.get("/admin/staff")
    assert "Zina" in page
    assert "readonly" not in page

    token = link.partition("j_")[2]
    joined = await world.db.transact(
        lambda s: staff.accept_bot_invitation(s, token=token, telegram_id=5, now=world.now)
    )
    assert (joined.name, joined.outlet_id) == ("Zina", world.outlet_id)
    # It opens the chat only.
    assert (await owner.get(f"/admin/invitation/{token}"))[0] == 409


async def test_a_marketer_is_invited_and_comes_in(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.post("/admin/staff", name="Mark", role="marketer", outlet="")
    link = _link(page)
    assert link.startswith("http://localhost:8080/admin/invitation/")
    path = link.removeprefix("http://localhost:8080")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        mark = Visitor(owner.server, session)
        _, page, _ = await mark.get(path)
        assert "Welcome, Mark!" in page
        good = {"login": "Mark", "password": "a good password", "again": "a good password"}
        for wrong, answer in (
            ({"again": "another one"}, "The two passwords differ"),
            ({"password": "short", "again": "short"}, "at least 10 characters"),
            ({"login": "m k"}, "no spaces"),
            ({"login": "owner"}, "taken already"),
        ):
            status, page, _ = await mark.post(path, **{**good, **wrong})
            assert status in (400, 409)
            assert answer in page
        status, page, where = await mark.post(path, **good)
        assert (status, where.url.path) == (200, "/admin")
        assert (await mark.get("/admin/staff"))[0] == 403
        await mark.post("/admin/sign-out")
        status, page, _ = await mark.get(path)
        assert status == 409
        assert "has been used or has expired" in page
        assert await mark.sign_in("mark", "a good password") == 200


async def test_a_new_link_ends_the_old_one(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.post("/admin/staff", name="Ann", role="analyst", outlet="")
    first = _link(page).rpartition("/")[2]
    person = next(p for p in await world.db.read(lambda s: staff.everyone(s)) if p.name == "Ann")
    _, page, _ = await owner.post(f"/admin/staff/{person.id}/invite")
    second = _link(page).rpartition("/")[2]
    assert (await owner.get(f"/admin/invitation/{first}"))[0] == 409
    assert (await owner.get(f"/admin/invitation/{second}"))[0] == 200


async def test_dismissal_is_noted_and_never_of_oneself(world: World, owner: Visitor) -> None:
    people = await world.db.read(lambda s: staff.everyone(s))
    myself = next(p for p in people if p.role == "owner")
    status, page, _ = await owner.post(f"/admin/staff/{myself.id}/revoke")
    assert status == 409
    assert "You cannot remove yourself" in page
    status, page, _ = await owner.post(f"/admin/staff/{world.staff_id}/revoke")
    assert status == 200
    assert "Olga" not in page
    kinds = await world.db.read(lambda s: s.execute(sa.select(event.c.type, event.c.actor)).all())
    assert ("staff.revoked", myself.actor) in [tuple(row) for row in kinds]
    for action in ("invite", "revoke"):
        assert (await owner.post(f"/admin/staff/999/{action}"))[0] == 404


async def test_outlets_are_opened(world: World, owner: Visitor) -> None:
    zone = {"city": "Казань", "time_zone": "Europe/Moscow"}
    status, page, _ = await owner.post("/admin/staff/outlets", name=" На  Баумана ", **zone)
    assert status == 200
    assert "На Баумана" in page
    for form, code, answer in (
        ({"name": "На Баумана"}, 409, "taken already"),
        ({"name": " "}, 400, "Give the outlet a name"),
        ({"name": "X", "time_zone": "Mars/Base"}, 400, "There is no such time zone"),
        ({"name": "\x00"}, 400, "Give the outlet a name"),
    ):
        status, page, _ = await owner.post("/admin/staff/outlets", **{**zone, **form})
        assert status == code
        assert answer in page


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"name": "", "role": "analyst"}, "Write the name"),
        ({"name": "A", "role": "king"}, "Choose a role"),
        ({"name": "A", "role": "cashier"}, "choose which"),
        ({"name": "A", "role": "cashier", "outlet": "x"}, "choose which"),
        ({"name": "A", "role": "cashier", "outlet": "12"}, "no such outlet"),
    ],
)
async def test_half_filled_forms_are_helped(
    world: World, owner: Visitor, form: dict[str, str], answer: str
) -> None:
    before = len(await world.db.read(lambda s: staff.everyone(s)))
    status, page, _ = await owner.post("/admin/staff", **form)
    assert status in (400, 404)
    assert answer in page
    assert len(await world.db.read(lambda s: staff.everyone(s))) == before
