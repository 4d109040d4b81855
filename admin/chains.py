"""Chains: the list with what each did, making one, switching, one chain's page and its why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.chains_around import near_of, sayer
from admin.chains_reasons import (
    COLOURS,
    FILTERS,
    OUTCOMES,
    say_need,
    say_outcome,
    say_past,
    say_problem,
    say_reason,
)
from admin.chains_words import ACTING, ChainSayer
from admin.customers import row_id
from admin.render import language, page
from loyalty import clock, program
from loyalty.chains import drafts, editing
from loyalty.chains.drafts import Edited
from loyalty.chains.needs import Needs, needs_of
from loyalty.chains.past import past_days
from loyalty.chains.shipped import SHIPPED
from loyalty.chains.store import definition_of
from loyalty.errors import ChainInvalid
from loyalty.reports import chain_figures as figures
from loyalty.staff import MARKETER, OWNER
from loyalty.texts import Translator

EDITORS = (OWNER, MARKETER)
"""Who may change chains."""

HOME = "/admin/chains"
DAYS = 30
"""What left and what did not is told for so many days."""
ON_PAGE = 30


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Every chain: what it does, whether it is on, what it did lately."""
    return await show_list(request)


async def show_list(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    """The list; ``problem`` is told at its top."""
    now, archived = clock.now(), request.query.get("archived") == "1"
    zone = request.app[SETTINGS].time_zone

    def unit(session: Session) -> dict[str, Any]:
        every = drafts.listing(session, archived=True)
        return {
            "every": every,
            "on_way": figures.on_way(session),
            "lately": figures.by_source(session, since=now - timedelta(days=DAYS), now=now),
            "needs": needs_of(session, every, now=now),
            "past": past_days(session, every, now=now, time_zone=zone),
        }

    found = await db(request).read(unit)
    every: list[Edited] = found.pop("every")
    near, t = await near_of(request, now), language(request)
    shown = [one for one in every if one.archived_at is None or archived]
    shown.sort(key=lambda one: (one.archived_at is not None, not one.halted_at, one.id))
    return page(
        request,
        "chains.html",
        status=status,
        problem=problem,
        shown=shown,
        put_away=sum(1 for one in every if one.archived_at is not None),
        archived=archived,
        says=sayer(request, near),
        days=DAYS,
        nothing=figures.Figures(),
        no_needs=Needs(),
        why=lambda code: say_reason(t, code),
        need=lambda code: say_need(t, code),
        halted=lambda one: say_halted(t, one),
        too_late=lambda found: say_past(t, found),
        may_edit=me(request).role in EDITORS,
        **found,
    )


def say_halted(t: Translator, one: Edited) -> str:
    """Why the service has stopped a chain."""
    if one.halted_reason == "segment_invalid":
        return str(t("The rule it asks about customers cannot be read any more. Make it anew."))
    return str(t("Telegram refused its messages. Look at the text, the picture and the links."))


# --- making one ------------------------------------------------------------------------------


@allowed(*EDITORS)
async def new_page(request: web.Request) -> web.StreamResponse:
    """What to begin with: nothing, one that comes with the program, or a copy of one's own."""
    return await _show_new(request)


async def _show_new(
    request: web.Request, *, typed: dict[str, str] | None = None, problem: str | None = None
) -> web.Response:
    now = clock.now()
    own = await db(request).read(drafts.listing)
    near = await near_of(request, now)
    return page(
        request,
        "chain_new.html",
        status=400 if problem else 200,
        typed=typed or {"from": request.query.get("from", "")},
        problem=problem,
        own=own,
        presets=list(SHIPPED.items()),
        says=sayer(request, near),
    )


@allowed(*EDITORS)
async def create(request: web.Request) -> web.StreamResponse:
    """Make a chain, switched off, and open its editor."""
    form, actor, now = await request.post(), me(request).actor, clock.now()
    names = ("from", "title.ru", "title.en")
    typed = {name: str(form.get(name, "")).strip()[:80] for name in names}
    kind, _, key = typed["from"].partition(":")
    title = {"ru": typed["title.ru"], "en": typed["title.en"]}
    t = language(request)
    if not all(title.values()):
        problem = str(t("Give it a name in both languages: only you see it."))
        return await _show_new(request, typed=typed, problem=problem)
    if kind not in ("empty", "preset", "copy") or (kind == "preset" and key not in SHIPPED):
        return await _show_new(request, typed=typed, problem=str(t("Choose one.")))

    def unit(session: Session) -> str:
        definition = drafts.find(session, key=key).document if kind == "copy" else None
        preset = key if kind == "preset" else None
        return editing.create(
            session, title=title, preset=preset, definition=definition, actor=actor, now=now
        )

    made = await db(request).transact(unit)
    raise web.HTTPSeeOther(f"{HOME}/{made}/edit")


# --- switching -------------------------------------------------------------------------------


async def _do(request: web.Request, doing: Callable[[Session, str, str, datetime], Any]) -> None:
    key, actor, now = request.match_info["key"], me(request).actor, clock.now()
    await db(request).transact(lambda session: doing(session, key, actor, now))


async def _switch(request: web.Request, enabled: bool) -> web.StreamResponse:
    form = await request.post()
    back_to_list = form.get("back") == "list"

    def doing(session: Session, key: str, actor: str, now: datetime) -> None:
        if enabled:
            item = drafts.find(session, key=key)
            missing = needs_of(session, [item], now=now).get(key, Needs()).missing
            if missing:
                raise ChainInvalid(problems=[{"field": "", "problem": missing[0]}])
        editing.switch(session, key=key, enabled=enabled, actor=actor, now=now)

    try:
        await _do(request, doing)
    except ChainInvalid as error:
        t = language(request)
        said = t("It cannot be switched on yet.") + " " + say_first(t, error)
        if back_to_list:
            return await show_list(request, problem=str(said.unescape()), status=409)
        return await show(request, problem=str(said.unescape()), status=409)
    key = request.match_info["key"]
    raise web.HTTPSeeOther(f"{HOME}#chain-{key}" if back_to_list else f"{HOME}/{key}")


def say_first(t: Translator, error: ChainInvalid) -> Any:
    """The first thing that is wrong with a chain."""
    problems = error.facts.get("problems") or [{"problem": ""}]
    return say_need(t, problems[0]["problem"]) if problems else say_problem(t, "")


@allowed(*EDITORS)
async def switch_on(request: web.Request) -> web.StreamResponse:
    """Let people begin and go on."""
    return await _switch(request, True)


@allowed(*EDITORS)
async def switch_off(request: web.Request) -> web.StreamResponse:
    """Nobody begins, nobody moves."""
    return await _switch(request, False)


@allowed(*EDITORS)
async def archive(request: web.Request) -> web.StreamResponse:
    """Switch it off and put it away."""
    await _do(request, lambda s, key, actor, now: editing.archive(s, key=key, actor=actor, now=now))
    raise web.HTTPSeeOther(HOME)


@allowed(*EDITORS)
async def take_back(request: web.Request) -> web.StreamResponse:
    """Out of the archive."""
    await _do(
        request, lambda s, key, actor, now: editing.take_back(s, key=key, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(f"{HOME}/{request.match_info['key']}")


# --- one chain -------------------------------------------------------------------------------


@allowed(*PANEL)
async def chain_page(request: web.Request) -> web.StreamResponse:
    """One chain: its picture, versions, what each step did, and why or why not, one by one."""
    return await show(request)


async def show(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    """The chain's page; ``problem`` is told at its top."""
    now, key, t = clock.now(), request.match_info["key"], language(request)
    asked, zone = _asked(request), request.app[SETTINGS].time_zone

    def unit(session: Session) -> dict[str, Any]:
        one = drafts.find(session, key=key)
        since, source = now - timedelta(days=DAYS), f"chain:{key}"
        shown, following = figures.touches(session, source=source, limit=ON_PAGE, **asked)
        return {
            "one": one,
            "versions": drafts.versions(session, chain_id=one.id),
            "steps": figures.by_step(session, source=source, since=since, now=now),
            "touches": shown,
            "following": following,
            "spoken": {
                version_id: definition_of(session, version_id)
                for version_id in {item.version_id for item in shown if item.version_id}
                if version_id
            },
            "needs": needs_of(session, [one], now=now).get(key, Needs()),
            "past": past_days(session, [one], now=now, time_zone=zone).get(key),
            "on_way": figures.on_way(session).get(one.id, 0),
            "own_bp": program.current(session, now=now).program.chain_holdout_bp,
        }

    found = await db(request).read(unit)
    near = await near_of(request, now)
    says, one = sayer(request, near), found["one"]
    lines = says.lines(one.definition) if one.definition else []
    return page(
        request,
        "chain.html",
        status=status,
        problem=problem,
        title=one.title(t.language),
        lines=lines,
        of_somebody=lambda item: says.of_somebody(
            found["spoken"].get(item.version_id) or one.definition, item.step, item.name
        ),
        says=says,
        days=DAYS,
        asked={**asked, "customer": asked["customer_id"] or ""},
        outcomes=[(code, t(said)) for code, said in FILTERS.items()],
        ended=lambda outcome, kind: say_outcome(t, outcome, kind),
        colours=COLOURS,
        reasons=_reasons(found["steps"], asked["reason"]),
        steps_said=_acting(one, says),
        more_query=urlencode(_kept(asked)),
        nothing=figures.Figures(),
        why=lambda code: say_reason(t, code),
        need=lambda code: say_need(t, code),
        halted=lambda chain: say_halted(t, chain),
        too_late=lambda found: say_past(t, found),
        author=lambda actor: near.author(t, actor),
        draft_problems=len(drafts.draft_problems(one.draft)) if one.draft is not None else 0,
        time_zone=zone,
        may_edit=me(request).role in EDITORS,
        **found,
    )


def _asked(request: web.Request) -> dict[str, Any]:
    query = request.query
    outcome, reason, step = (query.get(name, "")[:48] or None for name in _FILTERS)
    return {
        "outcome": outcome if outcome in OUTCOMES else None,
        "reason": reason,
        "step": step,
        "customer_id": row_id(query.get("customer", "").strip()) or None,
        "before": row_id(query.get("before", "")),
    }


_FILTERS = ("outcome", "reason", "step")


def _kept(asked: dict[str, Any]) -> dict[str, str]:
    """The filters as they go on in an address."""
    names = {"customer": "customer_id"} | {name: name for name in _FILTERS}
    return {name: str(asked[key]) for name, key in names.items() if asked[key] is not None}


def _reasons(steps: dict[str, figures.Figures], chosen: str | None) -> list[str]:
    """Reasons met lately, the most frequent first, and the one that is chosen."""
    counted: dict[str, int] = {}
    for one in steps.values():
        for code, n in one.reasons.items():
            counted[code] = counted.get(code, 0) + n
    found = sorted(counted, key=lambda code: -counted[code])
    return found if chosen is None or chosen in found else [*found, chosen]


def _acting(one: Edited, says: ChainSayer) -> list[tuple[str, str]]:
    if one.definition is None:
        return []
    names = says.names(one.definition)
    acting = (step.id for step in one.definition.steps if step.kind in ACTING)
    return [(step_id, names[step_id].striptags()) for step_id in acting]
