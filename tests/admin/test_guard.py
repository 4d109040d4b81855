"""What stands before every page: headers, form checks, roles, error pages."""

from __future__ import annotations

import pytest
from aiohttp import web

from admin import RunningAdmin, make_app, start
from admin.base import needed_roles
from admin.guard import CONTENT_POLICY, local_path
from loyalty.settings import Settings
from loyalty.tokens import Keys
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World

PAGES = (
    "/admin/sign-in",
    "/admin/nothing",
    "/admin/invitation/not-an-invitation",
    "/admin/static/base.css",
    "/admin/static/nothing.css",
    "/health",
    "/ready",
    "/metrics",
    "/nothing",
    "/admin/broken",
)


async def test_every_answer_carries_the_headers(visitor: Visitor) -> None:
    for path in PAGES:
        _, _, answer = await visitor.get(path)
        assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Referrer-Policy"] == "same-origin", path
        assert "Strict-Transport-Security" not in answer.headers, path
    assert "unsafe" not in CONTENT_POLICY


async def test_no_page_has_inline_scripts_or_styles(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    ids = await shop.fill(world, sales=12)
    await visitor.sign_in("owner")
    for path in ("/admin", "/admin/customers", f"/admin/customers/{ids[0]}", "/admin/staff"):
        status, text, answer = await visitor.get(path)
        assert status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert "<script>" not in text
        for script in text.split("<script ")[1:]:
            assert script.startswith(('src="/admin/static/', 'type="application/json"'))


async def test_a_form_without_its_token_is_refused(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.get("/admin/sign-in")
    form = {"login": "owner", "password": shop.PASSWORD}
    for token in ("", "AAAA", "я"):
        status, text, _ = await visitor.post("/admin/sign-in", csrf=token, **form)
        assert status == 403
        assert "This form is too old" in text
    _, _, _ = await visitor.get("/admin/sign-in")
    before = visitor.csrf
    await visitor.sign_in("owner")
    await visitor.get("/admin")
    assert visitor.csrf != before
    status, _, _ = await visitor.post("/admin/customers", csrf=before, q="")
    assert status == 403


async def test_a_form_from_elsewhere_is_refused(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin")
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        status, _, _ = await visitor.post("/admin/customers", headers={"Origin": origin}, q="")
        assert status == 403, origin
    assert (await visitor.post("/admin/customers", q=""))[0] == 200


async def test_scripts_may_bring_the_token_in_a_header(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin")
    headers = {"X-CSRF-Token": visitor.csrf, "HX-Request": "true"}
    status, text, _ = await visitor.post("/admin/customers", csrf="", headers=headers, q="x")
    assert status == 200
    assert "<html" not in text


@pytest.mark.parametrize(
    ("role", "opens", "refused"),
    [
        ("owner", ("/admin", "/admin/customers", "/admin/staff"), ()),
        ("marketer", ("/admin", "/admin/customers"), ("/admin/staff",)),
        ("analyst", ("/admin", "/admin/customers"), ("/admin/staff",)),
    ],
)
async def test_roles_open_their_pages_only(
    world: World, visitor: Visitor, role: str, opens: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    await shop.hire(world, role)
    await visitor.sign_in(role)
    for path in opens:
        assert (await visitor.get(path))[0] == 200, path
    for path in refused:
        status, text, _ = await visitor.get(path)
        assert status == 403
        assert "This page is not for you" in text
    _, text, _ = await visitor.get("/admin")
    assert ("/admin/staff" in text) == (role == "owner")


async def test_every_route_of_the_panel_says_who_may_open_it(panel: RunningAdmin) -> None:
    app = panel._runner.app
    checked = 0
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        if isinstance(resource, web.StaticResource):
            continue
        if resource.canonical.startswith("/api/v1/"):
            continue  # tills have keys, not roles: tests/admin/api sees to those
        assert needed_roles(route.handler) is not None, resource.canonical
        checked += 1
    assert checked > 20


async def test_a_stranger_gets_nothing_but_the_door(visitor: Visitor) -> None:
    for path in ("/admin", "/admin/customers", "/admin/customers/1", "/admin/staff"):
        _, _, answer = await visitor.get(path)
        assert answer.url.path == "/admin/sign-in"
    await visitor.get("/admin/sign-in")
    forms = ("customers", "staff", "staff/outlets", "staff/1/invite", "customers/1/phone")
    for path in (f"/admin/{form}" for form in forms):
        _, _, answer = await visitor.post(path, follow=False)
        assert answer.status == 303, path
    status, _, answer = await visitor.get("/admin/customers", **{"HX-Request": "true"})
    assert status == 401
    assert answer.headers["HX-Redirect"].startswith("/admin/sign-in")


async def test_what_breaks_is_told_without_details(visitor: Visitor) -> None:
    status, text, _ = await visitor.get("/admin/broken")
    assert status == 500
    assert "Something broke on our side" in text
    assert "on purpose" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin/nothing", 404), ("/admin/customers/1/nothing", 404), ("/nothing", 404)],
)
async def test_unknown_addresses_are_404(visitor: Visitor, path: str, status: int) -> None:
    assert (await visitor.get(path))[0] == status


async def test_language_by_browser_then_by_choice(world: World, visitor: Visitor) -> None:
    visitor.headers["Accept-Language"] = "ru-RU,ru;q=0.9,en;q=0.8"
    _, text, _ = await visitor.get("/admin/sign-in")
    assert '<html lang="ru">' in text
    assert "Пароль" in text
    _, text, answer = await visitor.post(
        "/admin/language", language="en", next="/admin/sign-in?next=/admin/staff"
    )
    assert answer.url.path_qs == "/admin/sign-in?next=/admin/staff"
    assert '<html lang="en">' in text
    assert (await visitor.post("/admin/language", language="xx"))[0] == 400
    for next_page in ("https://evil.example", "//evil.example", "/admin\\evil", "/other"):
        _, _, answer = await visitor.post(
            "/admin/language", follow=False, language="ru", next=next_page
        )
        assert answer.headers["Location"] == "/admin", next_page


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/admin/customers?x=1", "/admin/customers?x=1"),
        ("/admin", "/admin"),
        ("", "/admin"),
        (None, "/admin"),
        ("/admin//evil.example", "/admin"),
        ("/admin\r\nSet-Cookie: a", "/admin"),
        ("javascript:alert(1)", "/admin"),
    ],
)
def test_only_paths_of_the_panel_are_gone_back_to(given: str | None, kept: str) -> None:
    assert local_path(given) == kept


async def test_probes_and_figures(world: World, visitor: Visitor) -> None:
    assert (await visitor.get("/health"))[1] == '{"status": "ok"}'
    assert (await visitor.get("/ready"))[0] == 200
    await world.customer(chat=5)
    await world.sell(await world.customer(chat=6), 45_000)
    await visitor.get("/admin/invitation/secret-token-of-somebody")
    _, text, answer = await visitor.get("/metrics")
    assert answer.content_type == "text/plain"
    assert 'regulars_outbox_rows{state="queued"} 1.0' in text
    assert 'regulars_inbox_rows{state="new"} 0.0' in text
    assert 'route="/health"' in text
    assert "secret-token" not in text
    await world.db.close()
    assert (await visitor.get("/health"))[0] == 200
    if not world.db.is_postgres:
        assert (await visitor.get("/ready"))[0] == 503


async def test_ready_means_that_everything_beside_the_panel_has_started_too(
    world: World, visitor: Visitor
) -> None:
    started: list[str] = []
    settings = Settings.model_validate({"database_url": world.db.url, "language": "en"})
    app = make_app(
        world.db, settings=settings, keys=Keys("a secret"), is_complete=lambda: bool(started)
    )
    running = await start(app, "127.0.0.1", 0)
    try:
        early = Visitor(running, visitor.session)
        assert (await early.get("/ready"))[:2] == (503, '{"status": "starting"}')
        assert (await early.get("/health"))[0] == 200
        started.append("bot")
        assert (await early.get("/ready"))[0] == 200
    finally:
        await running.stop()
