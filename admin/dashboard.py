"""The first page: how the program stands."""

from __future__ import annotations

from aiohttp import web

from admin.base import PANEL, SETTINGS, allowed, db
from admin.render import language, page, say
from loyalty import clock
from loyalty.amounts import to_decimal
from loyalty.reports.dashboard import Dashboard, dashboard


@allowed(*PANEL)
async def dashboard_page(request: web.Request) -> web.StreamResponse:
    """Totals, this month, and a chart of twelve months (``?year=`` picks a calendar year)."""
    asked = request.query.get("year", "")
    year = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 else None
    time_zone = request.app[SETTINGS].time_zone
    now = clock.now()
    board = await db(request).read(
        lambda session: dashboard(session, now=now, time_zone=time_zone, year=year)
    )
    return page(request, "dashboard.html", board=board, chart=_chart(request, board))


def _chart(request: web.Request, board: Dashboard) -> dict[str, object]:
    """What the chart's script draws; the figures in words too, so that it needs no locale."""
    t, forms = language(request), say(request)
    return {
        "labels": [forms.short_month(item.month) for item in board.months],
        "titles": [forms.month(item.month) for item in board.months],
        "revenue": {
            "name": str(t("Revenue")),
            "values": [float(to_decimal(item.revenue)) for item in board.months],
            "texts": [forms.money(item.revenue) for item in board.months],
        },
        "buyers": {
            "name": str(t("Buyers")),
            "values": [item.buyers for item in board.months],
            "texts": [t.number(item.buyers) for item in board.months],
        },
    }
