"""What chains will say: the days ahead for everybody, one chain on one customer, a test to me."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import qrcode
import qrcode.image.svg
from aiohttp import web
from markupsafe import Markup
from qrcode.constants import ERROR_CORRECT_M
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me, sees_phones
from admin.chains import EDITORS, say_first
from admin.chains_around import near_of, sayer
from admin.chains_reasons import say_outcome, say_past, say_reason
from admin.chains_variables import ROOMY, clean
from admin.customers import row_id
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, delivery, staff
from loyalty.chains import drafts
from loyalty.chains.drafts import Edited
from loyalty.chains.model import Definition, MessageStep
from loyalty.chains.past import PastDay, past_days
from loyalty.chains.preview import Preview, preview
from loyalty.chains.rehearsal import Rehearsal, RehearsedStep, rehearse
from loyalty.db import read_installation
from loyalty.delivery.wording import Gone, say_step
from loyalty.errors import ChainInvalid, CustomerNotFound, DomainError, StaffHasNoChat
from loyalty.messaging.templates import Message
from loyalty.reports import card, people
from loyalty.texts import LANGUAGES, N_, Translator

DAYS = (1, 3, 7, 14, 30)
ROWS = 300
GETS = ("send", "wait")
FOUND = 8
ENDS = {
    "done": N_("The chain comes to its end."),
    "exited": N_("The customer leaves the chain here."),
    "active": N_("It goes on beyond a year."),
}


def decided(t: Translator, decision: str, kind: str) -> tuple[Markup, str]:
    """A decision about a step that lies ahead in words, and its colour."""
    if decision == "send":
        if kind == "gift":
            return t("the gift is given"), "good"
        return t("goes out") if kind == "message" else say_outcome(t, "done", kind), "good"
    if decision == "wait":
        return t("waits"), "waiting"
    return say_outcome(t, decision, kind), "plain"


# --- the days ahead --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Total:
    """How many come to a step in the days ahead, and why some do not get it."""

    chain: str
    step: str
    sent: int
    reasons: list[tuple[str, int]]


@allowed(*PANEL)
async def preview_page(request: web.Request) -> web.StreamResponse:
    """What every chain that is on would send in the days ahead, to whom, in what order."""
    now, t, zone = clock.now(), language(request), request.app[SETTINGS].time_zone
    asked = row_id(request.query.get("days", "7"))
    days = asked if asked in DAYS else 7
    only, everybody = request.query.get("chain") or None, request.query.get("who") == "all"

    def unit(session: Session) -> tuple[Preview, list[Edited], Mapping[str, PastDay]]:
        found = preview(
            session, now=now, time_zone=zone, days=days, limit=ROWS, only=only,
            told=None if everybody else GETS,
        )  # fmt: skip
        every = drafts.listing(session)
        return found, every, past_days(session, every, now=now, time_zone=zone)

    found, every, past = await db(request).read(unit)
    near = await near_of(request, now)
    says = sayer(request, near)
    known = {one.key: one for one in every}
    definitions = {key: one.definition for key, one in known.items()}
    names = {key: says.names(one, width=ROOMY) if one else {} for key, one in definitions.items()}
    return page(
        request,
        "chains_preview.html",
        found=found,
        days=days,
        spans=DAYS,
        only=only,
        everybody=everybody,
        running=[one for one in every if one.enabled and one.definition],
        late=[
            (one, say_past(t, past[one.key]))
            for one in every
            if one.enabled and one.key in past and only in (None, one.key)
        ],
        title=lambda key: known[key].title(t.language) if key in known else key,
        step=lambda key, step: names[key].get(step, step),
        of_somebody=lambda row: says.of_somebody(definitions[row.chain], row.step, row.name),
        by_day=_by_day(found, zone),
        totals=_totals(found),
        decided=lambda decision, kind: decided(t, decision, kind),
        why=lambda code: say_reason(t, code),
        at=lambda moment: _clock(moment, zone),
    )


def _clock(moment: datetime, zone: str) -> str:
    local = moment.astimezone(clock.zone(zone))
    return f"{local:%H:%M}"


def _by_day(found: Preview, zone: str) -> list[tuple[date, list[Any]]]:
    days: dict[date, list[Any]] = {}
    for row in found.rows:
        days.setdefault(clock.local_date(row.at, zone), []).append(row)
    return sorted(days.items())


def _totals(found: Preview) -> list[_Total]:
    made: dict[tuple[str, str], dict[str, int]] = {}
    for (chain, step, decision, reason), n in found.totals.items():
        counted = made.setdefault((chain, step), {})
        code = "" if decision == "send" else reason or decision
        counted[code] = counted.get(code, 0) + n
    return [
        _Total(
            chain,
            step,
            counted.get("", 0),
            sorted(((c, n) for c, n in counted.items() if c), key=lambda pair: -pair[1]),
        )
        for (chain, step), counted in sorted(made.items())
    ]


# --- one chain on one customer ---------------------------------------------------------------


@allowed(*PANEL)
async def rehearse_page(request: web.Request) -> web.StreamResponse:
    """One chain, or its draft, on one customer, without sending."""
    return await _show(request)


@allowed(*PANEL)
async def find_customer(request: web.Request) -> web.StreamResponse:
    """Customers to try it on. A form, not an address: names stay out of the history."""
    form = await request.post()
    return await _show(request, text=str(form.get("q", "")).strip()[:80])


@dataclass(frozen=True, slots=True)
class _Played:
    """A rehearsal with the words of its messages, by their place."""

    rehearsal: Rehearsal
    said: dict[int, Message | str]


async def _show(
    request: web.Request,
    *,
    text: str | None = None,
    problem: str | None = None,
    done: str | None = None,
    connect: str | None = None,
    status: int = 200,
) -> web.Response:
    now, t, key = clock.now(), language(request), request.match_info["key"]
    customer_id, draft = (
        row_id(request.query.get("customer", "")),
        request.query.get("draft") == "1",
    )
    zone, currency = request.app[SETTINGS].time_zone, request.app[SETTINGS].currency
    by_phone = sees_phones(request)

    def unit(session: Session) -> dict[str, Any]:
        one = drafts.find(session, key=key)
        if customer_id is None or text is not None:
            found = people.search(session, text=text or "", by_phone=by_phone, now=now)
            return {"one": one, "found": found.people[:FOUND], "played": None, "person": None}
        person = card.profile(session, customer_id=customer_id)
        played = _play(session, key, customer_id, now, zone, currency, draft=draft, t=t)
        return {"one": one, "found": None, "played": played, "person": person}

    try:
        values = await db(request).read(unit)
    except ChainInvalid as error:
        problem = str((t("It cannot be tried yet.") + " " + say_first(t, error)).unescape())
        one = await db(request).read(lambda session: drafts.find(session, key=key))
        values, status = {"one": one, "found": None, "played": None, "person": None}, 409
    one = values["one"]
    near = await near_of(request, now)
    says = sayer(request, near)
    definition = _shown(one, draft)
    return page(
        request,
        "chain_rehearse.html",
        status=status,
        problem=problem,
        done=done,
        connect=connect,
        picture=_qr(connect) if connect and connect.startswith("https://") else None,
        title=one.title(t.language),
        text=text or "",
        draft=draft,
        customer_id=customer_id,
        chosen_step=request.query.get("step", "") or None,
        messages=[
            (step.id, says.named(step, number).striptags())
            for number, step in enumerate(definition.steps if definition else (), 1)
            if isinstance(step, MessageStep)
        ],
        line=lambda step: says.line(step, 1, {}),
        decided=lambda decision, kind: decided(t, decision, kind),
        why=lambda code: say_reason(t, code),
        end=lambda code: t(ENDS.get(code, ENDS["done"])),
        languages=LANGUAGES,
        clean=clean,
        rows_of_buttons=lambda said: [[one["text"] for one in row] for row in said.buttons],
        may_edit=me(request).role in EDITORS,
        **values,
    )


def _shown(one: Edited, draft: bool) -> Definition | None:
    if (draft or one.definition is None) and one.draft is not None:
        try:
            return Definition.model_validate(one.draft)
        except ValueError:
            return one.definition
    return one.definition


def _play(
    session: Session, key: str, customer_id: int, now: datetime, zone: str, currency: str,
    *, draft: bool, t: Translator,
) -> _Played:  # fmt: skip
    played = rehearse(
        session, key=key, customer_id=customer_id, now=now, time_zone=zone, draft=draft
    )
    said: dict[int, Message | str] = {}
    for number, one in enumerate(played.steps):
        if not isinstance(one.step, MessageStep):
            continue
        try:
            said[number] = _words(session, played, one, customer_id, zone, currency)
        except (Gone, LookupError, CustomerNotFound) as gone:
            reason = gone.reason if isinstance(gone, Gone) else "cannot_be_worded"
            said[number] = str(say_reason(t, reason))
    return _Played(played, said)


def _words(
    session: Session, played: Rehearsal, one: RehearsedStep, customer_id: int, zone: str,
    currency: str,
) -> Message:  # fmt: skip
    return say_step(
        session,
        played.definition,
        one.step.id,
        customer_id=customer_id,
        subject=played.subject,
        day=played.day,
        variant=one.variant,
        segment=one.segment,
        now=one.at,
        time_zone=zone,
        currency=currency,
    )


# --- a test to oneself -----------------------------------------------------------------------


@allowed(*EDITORS)
async def test_to_me(request: web.Request) -> web.StreamResponse:
    """Send one message of the chain to the marketer's own chat."""
    form, person, now, t = await request.post(), me(request), clock.now(), language(request)
    key, wanted = request.match_info["key"], str(form.get("language", ""))
    step_id, draft = str(form.get("step", "")), request.query.get("draft") == "1"
    settings = request.app[SETTINGS]

    def unit(session: Session) -> int:
        return delivery.send_test(
            session,
            key=key,
            step_id=step_id,
            staff_id=person.id,
            now=now,
            time_zone=settings.time_zone,
            currency=settings.currency,
            language=wanted if wanted in LANGUAGES else None,
            draft=draft,
        )

    try:
        await db(request).transact(unit)
    except StaffHasNoChat:
        return await _show(request, connect=await _invite(request), status=409)
    except ChainInvalid as error:
        problem = t("It cannot be sent yet.") + " " + say_first(t, error)
        return await _show(request, problem=str(problem.unescape()), status=409)
    except Gone as gone:
        problem = t("There is nobody to word it for: {why}.", why=say_reason(t, gone.reason) or "")
        return await _show(request, problem=str(problem.unescape()), status=409)
    except CustomerNotFound:
        problem = t("There are no customers yet whose numbers could stand in it.")
        return await _show(request, problem=str(problem), status=409)
    except LookupError:
        return await _show(request, problem=str(t("Choose a message.")), status=400)
    except DomainError as error:
        problem = Words(t).problem(error)
        return await _show(request, problem=str(problem), status=status_of(error))
    return await _show(request, done=str(t("On its way: look into your Telegram.")))


async def _invite(request: web.Request) -> str:
    """A link that connects the marketer's own Telegram; without a known bot, what to write."""
    person, now = me(request), clock.now()

    def unit(session: Session) -> str:
        state = read_installation(session)
        token = staff.invite(session, staff_id=person.id, now=now, actor=person.actor)
        bot = state.bot_username if state is not None else None
        return f"https://t.me/{bot}?start=j_{token}" if bot else f"/start j_{token}"

    return await db(request).transact(unit)


def _qr(link: str) -> Markup:
    """The link as a picture for the phone's camera."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=2)
    code.add_data(link)
    buffer = io.BytesIO()
    code.make_image(image_factory=qrcode.image.svg.SvgPathImage).save(buffer)
    drawn = buffer.getvalue().decode().partition("?>")[2] or buffer.getvalue().decode()
    return Markup(drawn)  # noqa: S704 - drawn by the library from our own link
