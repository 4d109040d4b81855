"""For machines: is the process alive, is it ready to serve, what are its figures."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from sqlalchemy.orm import Session

from admin.base import DATABASE, Handler, db, open_to_all
from loyalty import clock
from loyalty.inbox import inbox
from loyalty.messaging.tables import outbox
from loyalty.staff import panel_session


class Figures:
    """The figures of one application; a registry of its own, so that two never mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "regulars_http_requests",
            "Requests answered, by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.outbox = Gauge(
            "regulars_outbox_rows",
            "Messages on their way, by state.",
            ("state",),
            registry=self.registry,
        )
        self.inbox = Gauge(
            "regulars_inbox_rows",
            "Updates not handled yet, by state.",
            ("state",),
            registry=self.registry,
        )
        self.sessions = Gauge(
            "regulars_panel_sessions", "People signed in to the panel.", registry=self.registry
        )


FIGURES: web.AppKey[Figures] = web.AppKey("figures", Figures)
COMPLETE: web.AppKey[Callable[[], bool]] = web.AppKey("complete", Callable[[], bool])  # type: ignore[arg-type]
_WAITING_OUT = ("queued", "claimed", "sending")
_WAITING_IN = ("new", "failed")


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer; by the route's shape, never by its address."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    requests = request.app[FIGURES].requests
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        requests.labels(request.method, route, str(answer.status)).inc()
        raise
    except Exception:
        requests.labels(request.method, route, "500").inc()
        raise
    requests.labels(request.method, route, str(response.status)).inc()
    return response


@open_to_all
async def health(request: web.Request) -> web.Response:
    """The process is alive; says nothing of the database."""
    del request
    return web.json_response({"status": "ok"})


@open_to_all
async def ready(request: web.Request) -> web.Response:
    """Everything has started and the database answers; 503 as long as that is not so."""
    if not request.app[COMPLETE]():
        return web.json_response({"status": "starting"}, status=503)
    try:
        await db(request).ping()
    except (sa.exc.SQLAlchemyError, OSError, RuntimeError):
        return web.json_response({"status": "database_unreachable"}, status=503)
    return web.json_response({"status": "ok"})


@open_to_all
async def metrics(request: web.Request) -> web.Response:
    """Figures in Prometheus text."""
    figures = request.app[FIGURES]
    out, waiting_in, sessions = await request.app[DATABASE].read(_counts)
    for state in _WAITING_OUT:
        figures.outbox.labels(state).set(out.get(state, 0))
    for state in _WAITING_IN:
        figures.inbox.labels(state).set(waiting_in.get(state, 0))
    figures.sessions.set(sessions)
    return web.Response(
        body=generate_latest(figures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


def _counts(session: Session) -> tuple[dict[str, int], dict[str, int], int]:
    # One count per state: each has a partial index, the settled rows are never looked at.
    out = {state: _count(session, outbox, outbox.c.state == state) for state in _WAITING_OUT}
    waiting = {state: _count(session, inbox, inbox.c.state == state) for state in _WAITING_IN}
    live = panel_session.c.expires_at > clock.real_now()
    return out, waiting, _count(session, panel_session, live)


def _count(session: Session, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(condition)
    return int(session.execute(query).scalar_one())
