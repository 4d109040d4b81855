"""Promotions: the list with what they gave, one of them with its history, switching."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.customers import row_id
from admin.errors import status_of
from admin.promotions_around import around, author, sayer
from admin.promotions_words import names_articles
from admin.render import language, page
from admin.words import Words
from loyalty import clock, promotions
from loyalty.errors import DomainError, PromotionNotFound
from loyalty.promotions import Listed, Stored
from loyalty.reports import given
from loyalty.staff import MARKETER, OWNER

EDITORS = (OWNER, MARKETER)
"""Who may change promotions and vouchers."""

GIVEN_DAYS = 30
_HOME = "/admin/promotions"
_ORDER = {"on": 0, "ahead": 1, "draft": 2, "over": 3, "off": 4, "archived": 5}


class Changed(Exception):
    """Somebody else has changed the promotion since the page was opened."""


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Every promotion, running ones first."""
    now = clock.now()
    archived = request.query.get("archived") == "1"

    def unit(session: Session) -> tuple[list[Listed], dict[int, datetime], _Lately]:
        every = promotions.listing(session, archived=True)
        since = {one.promotion_id: _switched(session, one).created_at for one in every}
        return every, since, _lately(session, now) if every else _Lately({}, frozenset())

    every, since, lately = await db(request).read(unit)
    states = [_shown_state(one) for one in every]
    shared = await _shared(request, states, now)
    term = shared["term"]
    shown = [one for one in every if archived or one.status != "archived"]
    shown.sort(key=lambda one: (_ORDER[term(one) or one.status], -one.promotion_id))
    return page(
        request,
        "promotions.html",
        shown=shown,
        since=since,
        lately=lately,
        archived=archived,
        put_away=sum(1 for one in every if one.status == "archived"),
        may_edit=me(request).role in EDITORS,
        **shared,
    )


@dataclass(frozen=True, slots=True)
class _Lately:
    """What promotions gave within the last days, by id; ``older``: those that may have given
    something before."""

    by_id: Mapping[int, given.Given]
    older: frozenset[int]

    def of(self, number: int) -> given.Given:
        """What this one gave."""
        return self.by_id.get(number, given.Given())


def _lately(session: Session, now: datetime) -> _Lately:
    begin = now - timedelta(days=GIVEN_DAYS)
    first = given.first_saved(session)
    older = frozenset(number for number, moment in first.items() if moment < begin)
    return _Lately(given.by_promotion(session, since=begin), older)


def _switched(session: Session, one: Listed) -> Stored:
    """The state in which it is now what it is: when and by whom it was switched."""
    if not one.has_draft or one.status == "draft":
        return one.newest
    states = promotions.history(session, one.promotion_id)
    return next(state for state in states if state.status != "draft")


def _shown_state(one: Listed) -> Stored:
    """What guests get, or would get."""
    return one.running or one.newest


async def _shared(request: web.Request, states: list[Stored], now: datetime) -> dict[str, Any]:
    t, rules = language(request), [state.rules for state in states]
    # Names of goods are read only where a sentence needs them: from thousands of receipts.
    goods = any(names_articles(one) for one in rules)
    near = await db(request).read(around(now, goods=goods))
    says = sayer(request, near, rules)
    local = now.astimezone(clock.zone(request.app[SETTINGS].time_zone))

    def term(one: Listed) -> str | None:
        """Whether what is switched on has not begun yet or is over; None: neither."""
        if one.status != "on" or one.running is None:
            return None
        found = promotions.term_of(one.running.rules.when, local)
        return None if found == "now" else found

    return {
        "term": term,
        "days": GIVEN_DAYS,
        "says": says,
        "author": author(near, t),
        "shown_state": _shown_state,
        "has_dry_run": has_dry_run(request.app),
    }


def has_dry_run(app: web.Application) -> bool:
    """Whether this panel can replay a promotion over past purchases."""
    paths = (resource.canonical for resource in app.router.resources())
    return any(path.startswith(f"{_HOME}/") and path.endswith("/dry-run") for path in paths)


# --- one promotion ---------------------------------------------------------------------------


@allowed(*PANEL)
async def promotion_page(request: web.Request) -> web.StreamResponse:
    """One promotion: what it says, what it gave, and every version with what it changed."""
    return await show(request, promotion_id(request))


async def show(
    request: web.Request, number: int, *, problem: str | None = None, status: int = 200
) -> web.Response:
    """The promotion's page; ``problem`` is told at its top."""
    now = clock.now()

    def unit(session: Session) -> tuple[Listed, list[Stored], _Lately]:
        one = promotions.get(session, number)
        return one, promotions.history(session, number), _lately(session, now)

    one, states, lately = await db(request).read(unit)
    shared = await _shared(request, states, now)
    says = shared["says"]
    shown = _shown_state(one)
    waiting = says.changes(shown.rules, one.newest.rules) if shown is not one.newest else []
    return page(
        request,
        "promotion.html",
        status=status,
        problem=problem,
        one=one,
        shown=shown,
        # Changes that tills do not have yet.
        waiting=waiting,
        versions=[
            (state, says.changes(before.rules, state.rules) if before else None)
            for state, before in zip(states, [*states[1:], None], strict=True)
        ],
        lately=lately,
        may_edit=me(request).role in EDITORS,
        **shared,
    )


def promotion_id(request: web.Request) -> int:
    """The promotion of the address.

    Raises:
        PromotionNotFound: no id the database could hold.
    """
    number = row_id(request.match_info["id"])
    if number is None:
        raise PromotionNotFound()
    return number


@allowed(*EDITORS)
async def switch_on(request: web.Request) -> web.StreamResponse:
    """Let tills use the latest rules from the next sale on."""
    return await _switch(request, promotions.switch_on)


@allowed(*EDITORS)
async def switch_off(request: web.Request) -> web.StreamResponse:
    """Stop it from the next sale on."""
    return await _switch(request, promotions.switch_off)


@allowed(*EDITORS)
async def archive(request: web.Request) -> web.StreamResponse:
    """Stop it and put it away."""
    return await _switch(request, promotions.archive)


async def _switch(
    request: web.Request, doing: Callable[[Session, int, str, datetime], Stored]
) -> web.StreamResponse:
    number, form = promotion_id(request), await request.post()
    actor, now = me(request).actor, clock.now()
    seen = str(form.get("number", ""))

    def unit(session: Session) -> None:
        ensure_seen(session, number, seen)
        doing(session, number, actor, now)

    try:
        await db(request).transact(unit)
    except Changed:
        return await show(request, number, problem=changed_text(request), status=409)
    except PromotionNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await show(request, number, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(f"{_HOME}/{number}")


def ensure_seen(session: Session, number: int, seen: str) -> Listed:
    """The promotion, if its newest version is the one that was on the page.

    Raises:
        Changed: it is another one.
        PromotionNotFound: there is no such promotion.
    """
    one = promotions.get(session, number)
    if str(one.newest.live.number) != seen:
        raise Changed
    return one


def changed_text(request: web.Request) -> str:
    """What to say to the second of two editors on this page."""
    return str(
        language(request)(
            "Somebody else has changed this promotion meanwhile. Nothing was done: look at it as "
            "it is now, and decide again."
        )
    )
