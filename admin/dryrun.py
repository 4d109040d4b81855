"""Rules tried on past sales: asking for it, watching it, what came of it.

Other pages lead here by ``program_address()`` and ``promotion_address(promotion_id)``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import DATABASE, PANEL, SETTINGS, allowed, db, me
from admin.dryrun_words import FIGURES, Figure, assumptions, chart, months, movers
from admin.errors import status_of
from admin.render import language, page, say
from admin.words import Words
from loyalty import clock, dryrun, promotions
from loyalty.amounts import to_decimal
from loyalty.dryrun import PROGRAM, PROMOTION, Run
from loyalty.dryrun.running import Runner
from loyalty.errors import DomainError, DryRunPeriod
from loyalty.program import drafts
from loyalty.program.drafts import Draft
from loyalty.promotions import Listed
from loyalty.staff import MARKETER, OWNER
from loyalty.texts import N_

RUNNER: web.AppKey[Runner] = web.AppKey("dry runs", Runner)

PERIODS = {
    "all": (None, N_("All sales")),
    "365": (365, N_("The last 12 months")),
    "90": (90, N_("The last 90 days")),
    "30": (30, N_("The last 30 days")),
}
OWN = "own"
_LAST_DAY = date(9998, 12, 31)


async def running(app: web.Application) -> AsyncIterator[None]:
    """The replays of this process, for as long as it serves."""
    app[RUNNER] = runner = Runner(app[DATABASE])
    runner.start()
    yield
    await runner.close()


def program_address() -> str:
    """Where the program's draft is tried."""
    return "/admin/program/dry-run"


def promotion_address(promotion_id: int) -> str:
    """Where a promotion is tried."""
    return f"/admin/promotions/{promotion_id}/dry-run"


def routes(long_id: str) -> list[web.AbstractRouteDef]:
    """Every page of this module; ``long_id`` is the pattern of an id in a path."""
    get, post = web.get, web.post
    return [
        get("/admin/program/dry-run", program_page),
        post("/admin/program/dry-run", ask_program),
        get(f"/admin/promotions/{long_id}/dry-run", promotion_page),
        post(f"/admin/promotions/{long_id}/dry-run", ask_promotion),
        get(f"/admin/dry-runs/{long_id}", run_page),
        get(f"/admin/dry-runs/{long_id}/progress", progress),
        post(f"/admin/dry-runs/{long_id}/cancel", cancel),
        get(f"/admin/dry-runs/{long_id}/figures.csv", figures),
    ]


# --- asking ----------------------------------------------------------------------------------


@allowed(*PANEL)
async def program_page(request: web.Request) -> web.StreamResponse:
    """The draft, to be tried, and what came of it the last time."""
    return await _program(request)


async def _program(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    def unit(session: Session) -> tuple[Draft | None, list[Run], Run | None]:
        draft = drafts.find(session)
        if draft is None:
            return None, [], None
        runs = dryrun.latest(session, kind=PROGRAM, subject_id=draft.id)
        return draft, runs, dryrun.get(session, runs[0].id) if runs else None

    draft, runs, run = await db(request).read(unit)
    if draft is None and problem is None:
        raise web.HTTPSeeOther("/admin/program")
    changed = bool(run and draft and run.about.get("edition") != draft.edition)
    return _show(
        request,
        run,
        runs,
        status=status,
        problem=problem,
        changed=changed,
        ask=program_address(),
        back=("/admin/program/review", language(request)("What changes")),
        about=None,
    )


@allowed(OWNER, MARKETER)
async def ask_program(request: web.Request) -> web.StreamResponse:
    """Try the draft, or a version named by ``version``, on the chosen days."""
    form = await request.post()
    version = str(form.get("version", ""))
    version_id = int(version) if version.isascii() and version.isdigit() else None
    author, zone, now = me(request).actor, request.app[SETTINGS].time_zone, clock.now()

    def ask(first: date | None, last: date | None) -> Callable[[Session], Run]:
        return lambda session: dryrun.ask_program(
            session, from_day=first, to_day=last, time_zone=zone, author=author, now=now,
            version_id=version_id,
        )  # fmt: skip

    return await _ask(request, form, ask, _program)


@allowed(*PANEL)
async def promotion_page(request: web.Request) -> web.StreamResponse:
    """A promotion, to be tried, and what came of it the last time."""
    return await _promotion(request)


async def _promotion(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    promotion_id = int(request.match_info["id"])

    def unit(session: Session) -> tuple[Listed, list[Run], Run | None]:
        listed = promotions.get(session, promotion_id)
        runs = dryrun.latest(session, kind=PROMOTION, subject_id=promotion_id)
        return listed, runs, dryrun.get(session, runs[0].id) if runs else None

    listed, runs, run = await db(request).read(unit)
    name = listed.newest.rules.name.said_in(language(request).language)
    return _show(
        request,
        run,
        runs,
        status=status,
        problem=problem,
        changed=bool(run and run.created_at < listed.newest.created_at),
        ask=promotion_address(promotion_id),
        back=(f"/admin/promotions/{promotion_id}", name),
        about=name,
    )


@allowed(OWNER, MARKETER)
async def ask_promotion(request: web.Request) -> web.StreamResponse:
    """Try the promotion on the chosen days."""
    promotion_id = int(request.match_info["id"])
    author, zone, now = me(request).actor, request.app[SETTINGS].time_zone, clock.now()

    def ask(first: date | None, last: date | None) -> Callable[[Session], Run]:
        return lambda session: dryrun.ask_promotion(
            session, promotion_id=promotion_id, from_day=first, to_day=last, time_zone=zone,
            author=author, now=now,
        )  # fmt: skip

    return await _ask(request, await request.post(), ask, _promotion)


async def _ask(
    request: web.Request,
    form: Any,
    ask: Callable[[date | None, date | None], Callable[[Session], Run]],
    again: Callable[..., Any],
) -> web.StreamResponse:
    try:
        first, last = _days(request, form)
        run = await db(request).transact(ask(first, last))
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        answer: web.Response = await again(request, problem=problem, status=status_of(error))
        return answer
    request.app[RUNNER].wake()
    raise web.HTTPSeeOther(f"/admin/dry-runs/{run.id}")


def _days(request: web.Request, form: Any) -> tuple[date | None, date | None]:
    """The first and the last day that the form means.

    Raises:
        DryRunPeriod: they are no days.
    """
    period = str(form.get("period", "all"))
    if period == OWN:
        try:
            first, last = (date.fromisoformat(str(form.get(name, ""))) for name in ("from", "to"))
        except ValueError as problem:
            raise DryRunPeriod from problem
        if last > _LAST_DAY:
            raise DryRunPeriod()
        return first, last
    days, _ = PERIODS.get(period, PERIODS["all"])
    if days is None:
        return None, None
    today = clock.local_date(clock.now(), request.app[SETTINGS].time_zone)
    return today - timedelta(days=days - 1), today


# --- watching --------------------------------------------------------------------------------


@allowed(*PANEL)
async def run_page(request: web.Request) -> web.StreamResponse:
    """One run: how far it is, or what came of it."""
    run_id, t = int(request.match_info["id"]), language(request)

    def unit(session: Session) -> tuple[Run, list[Run]]:
        run = dryrun.get(session, run_id)
        return run, dryrun.latest(session, kind=run.kind, subject_id=run.subject_id or 0)

    run, runs = await db(request).read(unit)
    if run.kind == PROMOTION:
        name = str(run.about.get("name", {}).get(t.language, ""))
        back = (f"/admin/promotions/{run.subject_id}", name)
        return _show(
            request, run, runs, ask=promotion_address(run.subject_id or 0), back=back, about=name
        )
    back = ("/admin/program", str(t("Program")))
    version = run.about.get("version")
    about = str(t("Version {number}", number=version)) if version else None
    return _show(request, run, runs, ask=program_address(), back=back, about=about)


def _show(
    request: web.Request,
    run: Run | None,
    runs: list[Run],
    *,
    ask: str,
    back: tuple[str, str],
    about: str | None,
    problem: str | None = None,
    changed: bool = False,
    status: int = 200,
) -> web.Response:
    t, forms = language(request), say(request)
    found: dict[str, Any] = {}
    if run is not None and run.result is not None:
        found = {
            "figures": [Figure.of(spec, run.result, t, forms) for spec in FIGURES],
            "months": months(run.result, forms),
            "chart": chart(run.result, t, forms),
            "movers": movers(run.result, t.language),
            "assumptions": assumptions(run, t),
        }
    return page(
        request,
        "dryrun.html",
        status=status,
        run=run,
        runs=runs,
        ask=ask,
        back=back,
        about=about,
        problem=problem,
        changed=changed,
        periods={key: str(t(label)) for key, (_, label) in PERIODS.items()},
        today=clock.local_date(clock.now(), request.app[SETTINGS].time_zone),
        may_start=me(request).role in (OWNER, MARKETER),
        **found,
    )


@allowed(*PANEL)
async def progress(request: web.Request) -> web.StreamResponse:
    """The bar alone; when it is over, the page is opened anew."""
    run_id = int(request.match_info["id"])
    run = await db(request).read(lambda session: dryrun.get(session, run_id))
    if run.is_under_way:
        may_start = me(request).role in (OWNER, MARKETER)
        return page(request, "_dryrun_progress.html", run=run, may_start=may_start)
    return web.Response(headers={"HX-Redirect": f"/admin/dry-runs/{run_id}"})


@allowed(OWNER, MARKETER)
async def cancel(request: web.Request) -> web.StreamResponse:
    """Call it off."""
    run_id, now = int(request.match_info["id"]), clock.now()
    await db(request).transact(lambda session: dryrun.cancel(session, run_id=run_id, now=now))
    raise web.HTTPSeeOther(f"/admin/dry-runs/{run_id}")


# --- the file --------------------------------------------------------------------------------


@allowed(*PANEL)
async def figures(request: web.Request) -> web.StreamResponse:
    """Every figure as CSV: the whole, by month, tiers, who gains and who loses."""
    run_id, t = int(request.match_info["id"]), language(request)
    run = await db(request).read(lambda session: dryrun.get(session, run_id))
    if run.result is None:
        raise web.HTTPNotFound
    made = io.StringIO()
    made.write("\ufeff")  # or spreadsheets take the letters for another alphabet
    rows = csv.writer(made)
    rows.writerow([t("Figure"), t("Month"), t("As now"), t("With the change"), t("Difference")])
    for spec in FIGURES:
        label, values = str(t(spec.label)), [spec.value(run.result[side]) for side in _SIDES]
        rows.writerow([label, "", *_cells(values, money=spec.money)])
    for month in run.result["months"]:
        for key, title, money in _BY_MONTH:
            values = [month[side][key] for side in _SIDES]
            rows.writerow([t(title), month["month"], *_cells(values, money=money)])
    for before, after, number in movers(run.result, t.language):
        rows.writerow([f"{before} → {after}", "", "", number, ""])
    for customer_id, points, discounts in (*run.result["winners"], *run.result["losers"]):
        rows.writerow([t("Card {number}", number=customer_id), "", "", "", points])
        if discounts:
            label = t("Card {number}: discounts", number=customer_id)
            rows.writerow([label, "", "", "", to_decimal(discounts)])
    name = f'attachment; filename="dry-run-{run_id}.csv"'
    return web.Response(
        text=made.getvalue(), content_type="text/csv", headers={"Content-Disposition": name}
    )


_SIDES = ("baseline", "candidate")
_BY_MONTH = (
    ("issued", N_("Points for receipts and goals"), False),
    ("spent", N_("Points spent"), False),
    ("discounts", N_("Discounts of promotions"), True),
    ("rewards", N_("Rewards"), False),
)


def _cells(values: list[int], *, money: bool) -> list[Any]:
    row = [*values, values[1] - values[0]]
    return [to_decimal(value) for value in row] if money else row
