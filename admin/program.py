"""The program: what is in force, the draft with what it changes, publishing, all versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.errors import status_of
from admin.program_form import EFFECTS, LISTS, Filled, fill, received
from admin.program_reading import read
from admin.render import language, page
from admin.words import Words
from loyalty import clock, segments, staff
from loyalty import program as programs
from loyalty.customers import customer
from loyalty.errors import (
    DomainError,
    NothingToPublish,
    ProgramChanged,
    ProgramDraftNotFound,
    PublicationInPast,
)
from loyalty.program import drafts, history
from loyalty.program.cautions import cautions
from loyalty.program.differences import differences
from loyalty.program.fields import CAPS_FIELDS, CARD_FIELDS, SECTIONS, TIER_FIELDS
from loyalty.program.history import Published
from loyalty.program.wording import PERKS, SEGMENTS, describe
from loyalty.receipts import purchase
from loyalty.staff import OWNER
from loyalty.stamps.tables import stamp_balance
from loyalty.texts import N_, Translator

# What stands at the end of a field; where nothing does, the label says enough.
_MARKS = {
    "points": N_("pts"),
    "rate": "%",
    "days": N_("d"),
    "hours": N_("h"),
    "minutes": N_("min"),
    "seconds": N_("s"),
    "per_second": N_("a second"),
}
_FARTHEST = timedelta(days=2 * 366)
_HOME = "/admin/program"


@dataclass(frozen=True, slots=True)
class _Around:
    """The draft, if any, what is in force and what is to come, and who and where is who."""

    draft: drafts.Draft | None
    versions: list[Published]
    people: Mapping[str, str]
    outlets: Mapping[str, str]
    # The shop's own segments, by key.
    segments: Mapping[str, str]

    @property
    def in_force(self) -> Published:
        return next(version for version in self.versions if version.state == "in_force")

    @property
    def scheduled(self) -> list[Published]:
        waiting = [version for version in self.versions if version.state == "scheduled"]
        return sorted(waiting, key=lambda version: (version.begins_at, version.number))


def _around(now: datetime) -> Callable[[Session], _Around]:
    def unit(session: Session) -> _Around:
        return _Around(
            drafts.find(session),
            history.listing(session, now=now),
            {person.actor: person.name for person in staff.everyone(session)},
            {str(place.id): place.name for place in staff.outlets(session)},
            {one.key: one.name for one in segments.listing(session)},
        )

    return unit


async def _look(request: web.Request, now: datetime) -> _Around:
    around = await db(request).read(_around(now))
    if not around.versions:
        # The panel came first, before anything has published the rules one starts with.
        await db(request).transact(lambda session: programs.ensure_default(session, now=now))
        around = await db(request).read(_around(now))
    return around


def _shared(request: web.Request, around: _Around) -> dict[str, Any]:
    t, currency = language(request), request.app[SETTINGS].currency
    return {
        "around": around,
        "author": lambda actor: around.people.get(actor) or str(t("the first setup")),
        "said": lambda change: change.said(t, currency, around.outlets),
        "describe": lambda rules: describe(rules, t, currency),
        "zone": request.app[SETTINGS].time_zone,
    }


@allowed(*PANEL)
async def program_page(request: web.Request) -> web.StreamResponse:
    """What is in force, what is scheduled, and the draft if there is one."""
    return await _show_home(request)


async def _show_home(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    around = await _look(request, clock.now())
    shared = _shared(request, around)
    return page(request, "program.html", status=status, problem=problem, **shared)


@allowed(*PANEL)
async def versions_page(request: web.Request) -> web.StreamResponse:
    """Every version, with what it changed."""
    around = await _look(request, clock.now())
    return page(request, "program_versions.html", **_shared(request, around))


@allowed(*PANEL)
async def version_page(request: web.Request) -> web.StreamResponse:
    """One version: all of its rules, and what it changed."""
    version_id, now = int(request.match_info["id"]), clock.now()
    chosen = await db(request).read(lambda s: history.get(s, version_id, now=now))
    around = await _look(request, now)
    return page(request, "program_version.html", version=chosen, **_shared(request, around))


# --- the draft -------------------------------------------------------------------------------


@allowed(OWNER)
async def start_draft(request: web.Request) -> web.StreamResponse:
    """Begin to edit, or go on."""
    actor, now = me(request).actor, clock.now()
    await _look(request, now)
    await db(request).transact(lambda session: drafts.start(session, actor=actor, now=now))
    raise web.HTTPSeeOther(f"{_HOME}/edit")


@allowed(OWNER)
async def edit_page(request: web.Request) -> web.StreamResponse:
    """The form."""
    around = await _look(request, clock.now())
    if around.draft is None:
        raise web.HTTPSeeOther(_HOME)
    filled = fill(around.draft.program, language(request).language)
    return _form(request, around, around.draft, filled)


def _form(
    request: web.Request,
    around: _Around,
    draft: drafts.Draft,
    filled: Filled,
    *,
    fresh: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    return page(
        request,
        "program_edit.html",
        status=status,
        draft=draft,
        filled=filled,
        fresh=fresh,
        problem=problem,
        sections=SECTIONS,
        tier_fields=TIER_FIELDS,
        caps_fields=CAPS_FIELDS,
        segment_names=SEGMENTS,
        card_fields=CARD_FIELDS,
        perks=PERKS,
        effects=EFFECTS,
        mark_of=_mark_of(language(request), request.app[SETTINGS].currency),
        **_shared(request, around),
    )


def _mark_of(t: Translator, currency: str) -> Callable[[str], str]:
    money = t.money(0, currency).replace("0", "").strip()
    marks = {unit: str(t(mark)) for unit, mark in _MARKS.items()}
    return lambda unit: money if unit == "money" else marks.get(unit, "")


@allowed(OWNER)
async def edit(request: web.Request) -> web.StreamResponse:
    """Save the form, or add a row to it or take one out."""
    form = await request.post()
    t, settings = language(request), request.app[SETTINGS]
    draft_id, edition = _seen(form)
    filled, do = received(form), str(form.get("do", "save"))
    around = await _look(request, clock.now())
    if around.draft is None:
        raise ProgramDraftNotFound()
    what, _, where = do.partition(":")
    if what in ("add", "remove"):
        fresh = _change_rows(filled, what, where)
        seen = _as_seen(around.draft, draft_id, edition)
        return _form(request, around, seen, filled, fresh=fresh)
    rules = read(filled, t, settings.currency)
    if rules is None:
        seen = _as_seen(around.draft, draft_id, edition)
        many = len(filled.problems)
        sentence = t.plural("{n} field needs a look.", "{n} fields need a look.", many)
        return _form(request, around, seen, filled, problem=str(sentence), status=400)
    actor, now = me(request).actor, clock.now()
    try:
        await db(request).transact(
            lambda s: drafts.save(
                s, draft_id=draft_id, edition=edition, rules=rules, actor=actor, now=now
            )
        )
    except ProgramChanged:
        sentence = t(
            "Somebody else has changed the draft meanwhile. Nothing was saved: press “Save” again "
            "to replace their changes with yours, or open the page anew to see them."
        )
        return _form(request, around, around.draft, filled, problem=str(sentence), status=409)
    raise web.HTTPSeeOther(f"{_HOME}/review")


def _change_rows(filled: Filled, what: str, where: str) -> str | None:
    """Add or take out a row; the path of a new one."""
    name = where if what == "add" else where.rpartition(".")[0]
    if not LISTS.fullmatch(name):
        raise web.HTTPBadRequest
    if what == "add":
        return filled.add(name)
    number = where.rpartition(".")[2]
    if not number.isascii() or not number.isdigit():
        raise web.HTTPBadRequest
    filled.remove(where)
    return None


def _seen(form: Mapping[str, Any]) -> tuple[int, int]:
    """Which draft the form was opened on, and which edition of it."""
    given = [str(form.get(name, "")) for name in ("draft", "edition")]
    if not all(text.isascii() and text.isdigit() and len(text) <= 19 for text in given):
        raise web.HTTPBadRequest
    return int(given[0]), int(given[1])


def _as_seen(draft: drafts.Draft, draft_id: int, edition: int) -> drafts.Draft:
    # The form keeps the edition it began with, so that a later save still notices.
    return replace(draft, id=draft_id, edition=edition)


@allowed(OWNER)
async def drop(request: web.Request) -> web.StreamResponse:
    """Throw the draft away."""
    draft_id, edition = _seen(await request.post())
    actor, now = me(request).actor, clock.now()
    return await _try(
        request,
        lambda s: drafts.drop(s, draft_id=draft_id, edition=edition, actor=actor, now=now),
    )


async def _try(request: web.Request, unit: Callable[[Session], object]) -> web.StreamResponse:
    try:
        await db(request).transact(unit)
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show_home(request, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(_HOME)


# --- publishing ------------------------------------------------------------------------------


@allowed(*PANEL)
async def review_page(request: web.Request) -> web.StreamResponse:
    """What the draft changes, what to know before, and the moment to publish."""
    return await _review(request, {})


async def _review(
    request: web.Request,
    typed: Mapping[str, Any],
    *,
    problems: Mapping[str, str] | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    now, t = clock.now(), language(request)
    around = await _look(request, now)
    draft = around.draft
    if draft is None and problem is not None:
        return await _show_home(request, problem=problem, status=status)
    if draft is None:
        raise web.HTTPSeeOther(_HOME)
    before = around.in_force
    found = differences(before.program, draft.program)
    by_tier, by_card = await db(request).read(_counts)
    known = cautions(before.program, draft.program, by_tier=by_tier, by_card=by_card)
    zone = clock.zone(request.app[SETTINGS].time_zone)
    # Tomorrow morning: a good moment to propose.
    proposed = now.astimezone(zone) + timedelta(days=1)
    return page(
        request,
        "program_review.html",
        status=status,
        draft=draft,
        changes=found,
        cautions=[caution.said(t) for caution in known],
        outdated=draft.base_number != before.number,
        typed={"day": proposed.date().isoformat(), "time": "06:00", "when": "now", "note": ""}
        | {name: str(value) for name, value in typed.items()},
        problems=problems or {},
        problem=problem,
        **_shared(request, around),
    )


def _counts(session: Session) -> tuple[dict[str, int], dict[str, int]]:
    """How many guests stand on each tier, and have a stamp card of each kind under way."""
    tiers = session.execute(
        sa.select(customer.c.tier, sa.func.count())
        .where(customer.c.status.in_(("active", "anonymous")))
        .group_by(customer.c.tier)
    )
    cards = session.execute(
        sa.select(stamp_balance.c.card_key, sa.func.count())
        .where(stamp_balance.c.stamps > 0)
        .group_by(stamp_balance.c.card_key)
    )
    return {row[0]: row[1] for row in tiers}, {row[0]: row[1] for row in cards}


@allowed(OWNER)
async def publish(request: web.Request) -> web.StreamResponse:
    """Publish the draft at once or at the chosen moment of the business's zone."""
    form = await request.post()
    t = language(request)
    draft_id, edition = _seen(form)
    typed = {name: str(form.get(name, ""))[:400] for name in ("when", "day", "time", "note")}
    actor, now = me(request).actor, clock.now()
    at = None
    if typed["when"] == "later":
        at = _moment(typed["day"], typed["time"], request.app[SETTINGS].time_zone)
        if at is None or at - now > _FARTHEST:
            unread = str(t("Choose a day and a time within the next two years."))
            return await _review(request, typed, problems={"day": unread}, status=400)
    try:
        await db(request).transact(
            lambda s: drafts.publish(
                s, draft_id=draft_id, edition=edition, at=at, note=typed["note"],
                actor=actor, now=now,
            )
        )  # fmt: skip
    except PublicationInPast as error:
        past = str(Words(t).problem(error))
        return await _review(request, typed, problems={"day": past}, status=400)
    except (ProgramChanged, NothingToPublish) as error:
        said = str(Words(t).problem(error))
        return await _review(request, typed, problem=said, status=status_of(error))
    raise web.HTTPSeeOther(_HOME)


def _moment(day: str, at: str, time_zone: str) -> datetime | None:
    try:
        return clock.local_instant(date.fromisoformat(day), time.fromisoformat(at), time_zone)
    except (ValueError, OverflowError):
        return None


@allowed(OWNER)
async def cancel(request: web.Request) -> web.StreamResponse:
    """Take back a version that has not begun."""
    version_id, actor, now = int(request.match_info["id"]), me(request).actor, clock.now()

    def unit(session: Session) -> None:
        used = sa.select(purchase.c.id).where(purchase.c.program_version_id == version_id).limit(1)
        in_use = session.execute(used).first() is not None
        history.cancel(session, version_id=version_id, in_use=in_use, actor=actor, now=now)

    return await _try(request, unit)
