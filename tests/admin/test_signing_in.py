"""Who gets into the panel, and who does not."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import pyotp
import sqlalchemy as sa

from admin import RunningAdmin, totp
from loyalty import clock, staff
from loyalty.db import read_installation
from loyalty.events import event
from tests.admin import shop
from tests.admin.conftest import KEYS
from tests.admin.shop import Visitor
from tests.world import World

WRONG = "These details do not fit"


async def _events(world: World, like: str = "staff.%") -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like(like)).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.scalars(query).all()))


async def test_a_stranger_is_asked_to_sign_in_and_comes_back_to_the_page(
    world: World, visitor: Visitor
) -> None:
    await shop.hire(world, "owner")
    status, text, answer = await visitor.get("/admin/customers")
    assert status == 200
    assert answer.url.path == "/admin/sign-in"
    assert 'value="/admin/customers"' in text
    status, text, answer = await visitor.post(
        "/admin/sign-in", login=" OWNER ", password=shop.PASSWORD, next="/admin/customers"
    )
    assert (status, answer.url.path) == (200, "/admin/customers")
    assert await _events(world) == ["staff.signed_in"]


async def test_signing_in_replaces_the_cookie_and_signing_out_ends_the_session(
    world: World, visitor: Visitor
) -> None:
    await shop.hire(world, "owner")
    await visitor.get("/admin/sign-in")
    before = {cookie.key: cookie.value for cookie in visitor.session.cookie_jar}["regulars"]
    _, _, answer = await visitor.post(
        "/admin/sign-in", follow=False, login="owner", password=shop.PASSWORD
    )
    morsel = answer.cookies["regulars"]
    assert morsel.value != before
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    ids = await world.db.read(lambda s: s.scalars(sa.select(staff.panel_session.c.id)).all())
    assert len(ids) == 1
    assert morsel.value not in ids

    await visitor.get("/admin")
    await visitor.post("/admin/sign-out")
    _, _, answer = await visitor.get("/admin", Cookie=f"regulars={morsel.value}")
    assert answer.url.path == "/admin/sign-in"
    assert "staff.signed_out" in await _events(world)


async def test_every_wrong_detail_gets_the_same_answer(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await shop.hire(world, "cashier")
    gone = await shop.hire(world, "analyst")
    await world.db.transact(lambda s: staff.revoke(s, staff_id=gone, now=world.now, actor="system"))
    for login, password in (
        ("nobody", shop.PASSWORD),
        ("owner", "wrong password"),
        ("cashier", shop.PASSWORD),
        ("analyst", shop.PASSWORD),
    ):
        await visitor.get("/admin/sign-in")
        status, text, _ = await visitor.post("/admin/sign-in", login=login, password=password)
        assert status == 401, login
        assert WRONG in text
        assert login not in text
    assert (await _events(world)).count("staff.sign_in_failed") == 4


async def test_the_sixth_try_has_to_wait_even_with_the_right_password(
    world: World, visitor: Visitor
) -> None:
    await shop.hire(world, "owner")
    for _ in range(5):
        assert await visitor.sign_in("owner", "not this one") == 401
    status, text, _ = await visitor.post("/admin/sign-in", login="owner", password=shop.PASSWORD)
    assert status == 429
    assert re.search(r"Come back in 1[45] minutes", text)
    # Another login from the same address waits too; the same login from elsewhere as well.
    assert await visitor.sign_in("somebody", "else") == 429
    visitor.headers["X-Forwarded-For"] = "203.0.113.7"
    assert await visitor.sign_in("owner") == 429
    assert await visitor.sign_in("somebody", "else") == 401

    earlier = clock.real_now() - timedelta(minutes=16)
    await world.db.transact(lambda s: s.execute(sa.update(staff.failed_try).values(at=earlier)))
    assert await visitor.sign_in("owner") == 200


async def test_a_right_try_is_not_counted(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    for _ in range(7):
        assert await visitor.sign_in("owner") == 200
        await visitor.post("/admin/sign-out")


async def test_a_one_time_code_is_needed_and_good_once(world: World, visitor: Visitor) -> None:
    owner_id = await shop.hire(world, "owner")
    secret = pyotp.random_base32()
    sealed = totp.seal(KEYS, secret, staff_id=owner_id)
    assert secret not in sealed
    assert totp.unseal(KEYS, sealed, staff_id=owner_id + 1) is None
    await world.db.transact(lambda s: s.execute(sa.update(staff.staff).values(totp_secret=sealed)))
    assert await visitor.sign_in("owner") == 401
    assert await visitor.sign_in("owner", code="000000") == 401
    code = pyotp.TOTP(secret).at(clock.real_now())
    assert await visitor.sign_in("owner", code=code) == 200
    await visitor.post("/admin/sign-out")
    assert await visitor.sign_in("owner", code=code) == 401


async def test_an_idle_session_ends(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    ended = sa.update(staff.panel_session).values(expires_at=clock.real_now())
    await world.db.transact(lambda s: s.execute(ended))
    _, _, answer = await visitor.get("/admin")
    assert answer.url.path == "/admin/sign-in"


async def test_a_session_in_use_is_prolonged(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    soon = clock.real_now() + timedelta(minutes=3)
    await world.db.transact(
        lambda s: s.execute(sa.update(staff.panel_session).values(expires_at=soon))
    )
    assert (await visitor.get("/admin"))[2].url.path == "/admin"
    left = await world.db.read(lambda s: s.scalar(sa.select(staff.panel_session.c.expires_at)))
    assert left is not None
    assert left > clock.real_now() + timedelta(hours=11)


async def test_dismissal_takes_effect_at_once(world: World, visitor: Visitor) -> None:
    marketer = await shop.hire(world, "marketer")
    await visitor.sign_in("marketer")
    assert (await visitor.get("/admin"))[2].url.path == "/admin"
    await world.db.transact(
        lambda s: staff.revoke(s, staff_id=marketer, now=world.now, actor="system")
    )
    assert (await visitor.get("/admin"))[2].url.path == "/admin/sign-in"


async def test_the_demo_opens_with_one_click_and_only_the_demo(
    world: World, visitor: Visitor
) -> None:
    await shop.hire(world, "owner")
    await shop.stamp(world, "demo")
    _, text, _ = await visitor.get("/admin/sign-in")
    assert "Open the demo as the owner" in text
    status, _, answer = await visitor.post("/admin/demo")
    assert (status, answer.url.path) == (200, "/admin")


async def test_a_live_database_has_no_open_door(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await shop.stamp(world, "live")
    state = await world.db.read(read_installation)
    assert state is not None
    assert state.stamp == "live"
    _, text, _ = await visitor.get("/admin/sign-in")
    assert "demo" not in text
    status, _, _ = await visitor.post("/admin/demo")
    assert status == 404
    assert (await visitor.get("/admin"))[2].url.path == "/admin/sign-in"


async def test_behind_https_the_cookie_is_bound_to_the_host(
    world: World, serve: Callable[..., Awaitable[RunningAdmin]]
) -> None:
    await shop.hire(world, "owner")
    secure = await serve(public_url="https://shop.example")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{secure.address}/admin/sign-in") as answer,
    ):
        morsel = answer.cookies["__Host-regulars"]
        assert morsel["secure"]
        assert morsel["path"] == "/"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
