"""What guests think of their purchases: averages by outlet and cashier, and their words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db
from admin.customers import cursor, read_cursor, row_id
from admin.render import page
from loyalty import clock, feedback

HOME = "/admin/ratings"
PERIODS = (7, 30, 90, 365)
"""Days back one may look, today included."""
_PAGE = 30


@allowed(*PANEL)
async def ratings_page(request: web.Request) -> web.StreamResponse:
    """Averages of a period, and the ratings of it that fit."""
    asked = row_id(request.query.get("days", ""))
    days = asked if asked in PERIODS else 30
    score = row_id(request.query.get("score", ""))
    score = score if score in range(feedback.WORST, feedback.BEST + 1) else None
    outlet = row_id(request.query.get("outlet", ""))
    before = read_cursor(request.query.get("before", ""))
    now, time_zone = clock.now(), request.app[SETTINGS].time_zone
    first = clock.local_date(now, time_zone) - timedelta(days=days - 1)
    since, until = clock.start_of_day(first, time_zone), now + timedelta(seconds=1)

    def unit(session: Session) -> dict[str, Any]:
        return {
            "spread": feedback.spread(session, since=since, until=until),
            "outlets": feedback.by_outlet(session, since=since, until=until),
            "cashiers": feedback.by_cashier(session, since=since, until=until),
            "listed": feedback.ratings(
                session,
                since=since,
                until=until,
                score=score,
                outlet_id=outlet,
                before=before,
                limit=_PAGE,
            ),
        }

    values = await db(request).read(unit)
    listed, spread = values.pop("listed"), values["spread"]
    shown, following = listed[:_PAGE], None
    if len(listed) > _PAGE:
        following = cursor((shown[-1].rated_at, shown[-1].id))
    count = sum(spread.values())

    def address(**changed: object) -> str:
        parts = {"days": days, "score": score, "outlet": outlet, **changed}
        return f"{HOME}?{urlencode({name: value for name, value in parts.items() if value})}"

    return page(
        request,
        "ratings.html",
        shown=shown,
        following=following,
        count=count,
        average_tenths=feedback.tenths(sum(s * n for s, n in spread.items()), count),
        low=sum(n for s, n in spread.items() if s <= feedback.SORRY),
        days=days,
        periods=PERIODS,
        score=score,
        outlet=outlet,
        address=address,
        **values,
    )
