"""Sessions of the panel: a random cookie, its hash in ``panel_session``, 12 idle hours.

They run on real time, whatever the demo's time machine says. A visitor who has not signed in
has a cookie too, with no row behind it, so that the sign-in form can be tied to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import DATABASE, ME, PANEL, SETTINGS, VISIT, Handler
from loyalty import clock, tokens
from loyalty.errors import StaffNotFound
from loyalty.staff import Staff, get, panel_session

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=30)
# A session in use is prolonged this often, not with every click.
_PROLONG_EVERY = timedelta(minutes=5)
_TOKEN_LENGTH = len(tokens.new_secret())


def is_https(request: web.Request) -> bool:
    """Whether people reach the panel over HTTPS."""
    return request.app[SETTINGS].public_url.lower().startswith("https://")


def _cookie_name(request: web.Request) -> str:
    # The prefix makes browsers refuse the cookie from anywhere but this very host.
    return "__Host-regulars" if is_https(request) else "regulars"


def set_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser its secret."""
    response.set_cookie(
        _cookie_name(request),
        token,
        httponly=True,
        samesite="Lax",
        secure=is_https(request),
        path="/",
    )


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks; only the panel's own pages look at the cookie."""
    request[ME] = None
    if not request.path.startswith("/admin") or request.path.startswith("/admin/static/"):
        request[VISIT] = ""
        return await handler(request)
    cookie = request.cookies.get(_cookie_name(request), "")
    known = len(cookie) == _TOKEN_LENGTH
    request[VISIT] = cookie if known else tokens.new_secret()
    if known:
        request[ME] = await _find(request, tokens.hash_secret(cookie))
    response = await handler(request)
    if not known and _cookie_name(request) not in response.cookies:
        set_cookie(request, response, request[VISIT])
    return response


async def _find(request: web.Request, session_id: str) -> Staff | None:
    now = clock.real_now()
    database = request.app[DATABASE]

    def unit(session: Session) -> tuple[Staff, datetime] | None:
        found = sa.select(panel_session.c.staff_id, panel_session.c.expires_at).where(
            panel_session.c.id == session_id,
            panel_session.c.expires_at > now,
            panel_session.c.created_at > now - LONGEST,
        )
        row = session.execute(found).one_or_none()
        if row is None or row.staff_id is None:
            return None
        try:
            person = get(session, row.staff_id)
        except StaffNotFound:
            return None
        return (person, row.expires_at) if person.live and person.role in PANEL else None

    found = await database.read(unit)
    if found is None:
        return None
    person, expires_at = found
    if expires_at - now < IDLE - _PROLONG_EVERY:
        await database.transact(lambda session: _prolong(session, session_id, now))
    return person


def _prolong(session: Session, session_id: str, now: datetime) -> None:
    mine = panel_session.c.id == session_id
    session.execute(sa.update(panel_session).where(mine).values(expires_at=now + IDLE))


def begin(session: Session, *, staff_id: int, old: str, new: str, now: datetime) -> None:
    """Open a session for ``new`` (the cookie's secret) and end the one of ``old``.

    ``now`` is real time. Sessions that ended by themselves are swept away too.
    """
    gone = sa.or_(panel_session.c.id == tokens.hash_secret(old), panel_session.c.expires_at <= now)
    session.execute(sa.delete(panel_session).where(gone))
    session.execute(
        sa.insert(panel_session).values(
            id=tokens.hash_secret(new),
            staff_id=staff_id,
            data="{}",
            created_at=now,
            expires_at=now + IDLE,
        )
    )


def end(session: Session, *, token: str) -> None:
    """Close the session of this cookie."""
    mine = panel_session.c.id == tokens.hash_secret(token)
    session.execute(sa.delete(panel_session).where(mine))
