"""The application: routes, what stands before them, and the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from admin import (
    adjustments,
    api,
    calls,
    chains_routes,
    customers,
    dashboard,
    dryrun,
    erasures,
    errors,
    goods,
    goods_import,
    guard,
    own_fields,
    paper,
    people,
    probes,
    program,
    promotions_routes,
    ratings,
    redirects,
    render,
    sessions,
    signin,
    sources,
    talks,
    webhooks,
)
from admin.base import DATABASE, HASHING, KEYS, SETTINGS, open_to_all
from loyalty.db import Database
from loyalty.settings import Settings
from loyalty.tokens import Keys

_ID = r"{id:\d{1,18}}"
_LONG_ID = r"{id:\d{1,19}}"


def make_app(
    db: Database,
    *,
    settings: Settings,
    keys: Keys,
    extra_routes: Iterable[web.AbstractRouteDef] = (),
    is_complete: Callable[[], bool] = lambda: True,
) -> web.Application:
    """The panel and the POS API, with ``/health``, ``/ready`` and ``/metrics``.

    ``extra_routes`` are whatever else this port answers (the demo's clock, a
    webhook); ``is_complete``: whether whatever runs beside it has started too, for ``/ready``;
    form checks and the panel's error pages are for paths under ``/admin`` only.
    The database stays the caller's to close.
    """
    app = web.Application(
        middlewares=[
            probes.middleware,
            api.middleware,
            errors.middleware,
            sessions.middleware,
            guard.middleware,
        ],
        # Pictures for messages; the till's API keeps to less by itself.
        client_max_size=6 * 1024 * 1024,
    )
    app[DATABASE], app[SETTINGS], app[KEYS] = db, settings, keys
    app[probes.FIGURES] = probes.Figures()
    app[probes.COMPLETE] = is_complete
    app[render.TEMPLATES] = render.environment()
    app.cleanup_ctx.append(_hashing)
    app.cleanup_ctx.append(dryrun.running)
    app.on_response_prepare.append(guard.add_headers)
    redirects.set_up(app)
    app.add_routes(_routes())
    api.set_up(app)
    app.add_routes(extra_routes)
    return app


def _routes() -> list[web.AbstractRouteDef]:
    get, post = web.get, web.post
    return [
        get("/", _home),
        get("/favicon.ico", _icon),
        get("/health", probes.health),
        get("/ready", probes.ready),
        get("/metrics", probes.metrics),
        web.static("/admin/static", render.STATIC),
        get("/admin", dashboard.dashboard_page),
        get("/admin/", _home),
        get("/admin/sign-in", signin.sign_in_page),
        post("/admin/sign-in", signin.sign_in),
        post("/admin/sign-out", signin.sign_out),
        post("/admin/demo", signin.open_demo),
        get(r"/admin/invitation/{token:[A-Za-z0-9_-]{8,64}}", signin.invitation_page),
        post(r"/admin/invitation/{token:[A-Za-z0-9_-]{8,64}}", signin.accept_invitation),
        post("/admin/language", signin.set_language),
        get("/admin/customers", customers.list_page),
        post("/admin/customers", customers.search),
        *own_fields.routes(),
        get("/admin/customers/{id}", customers.card_page),
        get("/admin/customers/{id}/purchases", customers.more_purchases),
        get("/admin/customers/{id}/points", customers.more_points),
        post("/admin/customers/{id}/phone", customers.show_phone),
        post("/admin/customers/{id}/adjust", adjustments.adjust),
        post("/admin/customers/{id}/pause", adjustments.pause),
        post("/admin/customers/{id}/release", adjustments.release),
        post("/admin/customers/{id}/repair", adjustments.repair),
        *erasures.routes(),
        get("/admin/adjustments", adjustments.waiting_page),
        post(f"/admin/adjustments/{_LONG_ID}/approve", adjustments.approve),
        post(f"/admin/adjustments/{_LONG_ID}/decline", adjustments.decline),
        get("/admin/program", program.program_page),
        post("/admin/program/draft", program.start_draft),
        get("/admin/program/edit", program.edit_page),
        post("/admin/program/edit", program.edit),
        get("/admin/program/review", program.review_page),
        post("/admin/program/publish", program.publish),
        post("/admin/program/drop", program.drop),
        get("/admin/program/versions", program.versions_page),
        get(f"/admin/program/versions/{_ID}", program.version_page),
        post(f"/admin/program/versions/{_ID}/cancel", program.cancel),
        *dryrun.routes(_LONG_ID),
        *sources.routes(),
        *paper.routes(),
        *promotions_routes.routes(_LONG_ID),
        *chains_routes.routes(_LONG_ID),
        *talks.routes(_LONG_ID),
        *calls.routes(_LONG_ID),
        *goods.routes(),
        *goods_import.routes(),
        *redirects.routes(),
        *webhooks.routes(_LONG_ID),
        get("/admin/ratings", ratings.ratings_page),
        get("/admin/staff", people.staff_page),
        post("/admin/staff", people.add_person),
        post("/admin/staff/outlets", people.add_outlet),
        post(f"/admin/staff/{_ID}/invite", people.invite),
        post(f"/admin/staff/{_ID}/revoke", people.revoke),
        post(f"/admin/staff/{_ID}/outlets", people.set_outlets),
    ]


@open_to_all
async def _home(request: web.Request) -> web.StreamResponse:
    del request
    raise web.HTTPFound("/admin")


@open_to_all
async def _icon(request: web.Request) -> web.StreamResponse:
    del request
    raise web.HTTPFound("/admin/static/icon.svg")


async def _hashing(app: web.Application) -> AsyncIterator[None]:
    app[HASHING] = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hashing")
    yield
    app[HASHING].shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class RunningAdmin:
    """A served application."""

    host: str
    port: int
    _runner: web.AppRunner

    @property
    def address(self) -> str:
        """Where it can be opened from this machine."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"

    async def stop(self) -> None:
        """Finish what is being answered and close the port."""
        await self._runner.cleanup()


async def start(app: web.Application, host: str, port: int) -> RunningAdmin:
    """Serve ``app``; port 0 takes a free one, told by ``RunningAdmin.port``.

    Requests are not written to a log: addresses of invitations are secrets.

    Raises:
        OSError: the port is taken or the host is not ours.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    taken = runner.addresses[0][1]
    return RunningAdmin(host=host, port=int(taken), _runner=runner)
