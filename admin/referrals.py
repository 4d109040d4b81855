"""Invitations: what waits for a decision, all of them by state, who brings the most."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.customers import cursor, read_cursor, row_id
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, events, program, referrals, staff
from loyalty.db import Rows
from loyalty.errors import DomainError, ReferralNotFound
from loyalty.reports import invitations
from loyalty.staff import OWNER

_HOME = "/admin/referrals"
_PAGE = 30
STATES = ("invited", "pending", "rewarded", "review", "declined")
REASONS = ("same_person", "same_household", "not_real", "too_many", "other")
"""Why an invitation is declined: codes, since the audit trail keeps no free text."""


@allowed(*PANEL)
async def referrals_page(request: web.Request) -> web.StreamResponse:
    """The queue, the list, the most eager."""
    return await _show(request)


async def _show(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    now, time_zone = clock.now(), request.app[SETTINGS].time_zone
    chosen = request.query.get("state", "")
    before = read_cursor(request.query.get("before", ""))

    def unit(session: Session) -> dict[str, Any]:
        waiting = referrals.queue(session, now=now, time_zone=time_zone)
        friends = [item.friend_id for item in waiting]
        known = invitations.invitations(session, friends=friends, limit=len(friends) or 1)
        by_friend = {item.friend_id: item for item in known}
        return {
            "waiting": [(item, by_friend[item.friend_id]) for item in waiting],
            "listed": invitations.invitations(
                session, status=chosen if chosen in STATES else None, before=before, limit=_PAGE
            ),
            "counts": invitations.counts(session),
            "eager": invitations.bringers(session),
            "rule": program.current(session, now=now).program.referral,
            "people": {person.actor: person.name for person in staff.everyone(session)},
        }

    values = await db(request).read(unit)
    listed = values.pop("listed")
    shown = listed[:_PAGE]
    following = None
    if len(listed) > _PAGE:
        following = cursor((shown[-1].started_at, shown[-1].friend_id))
    return page(
        request,
        "referrals.html",
        status=status,
        problem=problem,
        shown=shown,
        following=following,
        chosen=chosen if chosen in STATES else "",
        states=STATES,
        reasons=REASONS,
        may_decide=me(request).role == OWNER,
        this_month=clock.local_date(now, time_zone).replace(day=1),
        **values,
    )


@allowed(OWNER)
async def approve(request: web.Request) -> web.StreamResponse:
    """Give both their points."""
    return await _decide(request, "approve", "approved")


@allowed(OWNER)
async def decline(request: web.Request) -> web.StreamResponse:
    """Turn it down, for a reason."""
    form = await request.post()
    reason = str(form.get("reason", ""))
    return await _decide(request, "decline", reason if reason in REASONS else "other")


async def _decide(request: web.Request, what: str, reason: str) -> web.StreamResponse:
    friend_id = row_id(request.match_info["id"])
    actor, now, time_zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone
    if friend_id is None:
        raise ReferralNotFound()

    def unit(session: Session) -> None:
        doing = referrals.approve if what == "approve" else referrals.decline
        doing(session, friend_id=friend_id, actor=actor, now=now, time_zone=time_zone)
        if what == "decline":
            rows = Rows()
            events.record(
                rows,
                type="referral.decline_reason",
                customer_id=None,
                actor=actor,
                data={"friend_id": str(friend_id), "reason": reason},
                now=now,
            )
            rows.put(session)

    try:
        await db(request).transact(unit)
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show(request, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(_HOME)
