"""Outlets and staff: who works where, invitations shown once, dismissal. For the owner."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import qrcode
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, staff
from loyalty.db import read_installation
from loyalty.errors import DomainError
from loyalty.purchases import leaving
from loyalty.staff import CASHIER, OWNER, ROLES, SELLING, Staff

_LONGEST_NAME = 120
_Places = dict[int, tuple[int, ...]]


@allowed(OWNER)
async def staff_page(request: web.Request) -> web.StreamResponse:
    """Outlets, people, and forms to add either."""
    return await _show(request)


async def _show(
    request: web.Request,
    *,
    invited: Staff | None = None,
    token: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    def unit(session: Session) -> tuple[list[staff.Outlet], list[Staff], _Places, str | None]:
        state = read_installation(session)
        bot = state.bot_username if state is not None else None
        return staff.outlets(session), staff.everyone(session), staff.places(session), bot

    outlets, everyone, places, bot = await db(request).read(unit)
    link = picture = None
    if invited is not None and token is not None:
        link = _link(request, invited, token, bot)
        picture = _qr(link) if link.startswith("https://t.me/") else None
    return page(
        request,
        "staff.html",
        status=status,
        outlets=outlets,
        people=[person for person in everyone if person.live],
        places=places,
        selling=SELLING,
        roles=ROLES,
        time_zone=request.app[SETTINGS].time_zone,
        invited=invited,
        link=link,
        picture=picture,
        problem=problem,
    )


def _link(request: web.Request, person: Staff, token: str, bot: str | None) -> str:
    """What the invited person opens; without a known bot, what they write to it."""
    if person.role != CASHIER:
        return f"{request.app[SETTINGS].public_url.rstrip('/')}/admin/invitation/{token}"
    return f"https://t.me/{bot}?start=j_{token}" if bot else f"/start j_{token}"


def _qr(link: str) -> str:
    code = qrcode.QRCode(box_size=6, border=2)
    code.add_data(link)
    buffer = io.BytesIO()
    code.make_image().save(buffer)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


async def _try(request: web.Request, unit: Callable[[Session], object]) -> web.StreamResponse:
    """Do it and come back to the list; a refusal is told on the page."""
    try:
        await db(request).transact(unit)
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show(request, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther("/admin/staff")


def _name(value: object) -> str:
    words = " ".join(str(value or "").split())
    return "".join(sign for sign in words if sign.isprintable())[:_LONGEST_NAME]


@allowed(OWNER)
async def add_outlet(request: web.Request) -> web.StreamResponse:
    """Open an outlet."""
    form = await request.post()
    t = language(request)
    name, city = _name(form.get("name")), _name(form.get("city")) or None
    time_zone = str(form.get("time_zone", "")).strip() or request.app[SETTINGS].time_zone
    if not name:
        return await _show(request, problem=str(t("Give the outlet a name.")), status=400)
    try:
        clock.zone(time_zone)
    except ValueError:
        unknown = str(t("There is no such time zone. It is written like Europe/Moscow."))
        return await _show(request, problem=unknown, status=400)
    actor, now = me(request).actor, clock.now()
    return await _try(
        request,
        lambda session: staff.add_outlet(
            session, name=name, city=city, time_zone=time_zone, now=now, actor=actor
        ),
    )


@allowed(OWNER)
async def add_person(request: web.Request) -> web.StreamResponse:
    """Take somebody on and show their invitation, once."""
    form = await request.post()
    t = language(request)
    name, role = _name(form.get("name")), str(form.get("role"))
    outlet_id = _id(form.get("outlet", ""))
    problem = None
    if not name:
        problem = t("Write the name.")
    elif role not in ROLES:
        problem = t("Choose a role.")
    elif role == CASHIER and outlet_id is None:
        problem = t("A cashier works at an outlet: choose which.")
    if problem is not None:
        return await _show(request, problem=str(problem), status=400)
    actor, now = me(request).actor, clock.now()

    def unit(session: Session) -> tuple[Staff, str]:
        person = staff.add(session, name=name, role=role, outlet_id=outlet_id, now=now, actor=actor)
        return person, staff.invite(session, staff_id=person.id, now=now, actor=actor)

    return await _invite(request, unit)


@allowed(OWNER)
async def invite(request: web.Request) -> web.StreamResponse:
    """A new invitation; the old ones of this person stop working."""
    staff_id, actor, now = int(request.match_info["id"]), me(request).actor, clock.now()

    def unit(session: Session) -> tuple[Staff, str]:
        token = staff.invite(session, staff_id=staff_id, now=now, actor=actor)
        return staff.get(session, staff_id), token

    return await _invite(request, unit)


async def _invite(
    request: web.Request, unit: Callable[[Session], tuple[Staff, str]]
) -> web.StreamResponse:
    try:
        person, token = await db(request).transact(unit)
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await _show(request, problem=problem, status=status_of(error))
    return await _show(request, invited=person, token=token)


@allowed(OWNER)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Dismiss somebody, effective at once, open sales included; nobody dismisses themselves."""
    staff_id, person, now = int(request.match_info["id"]), me(request), clock.now()
    if staff_id == person.id:
        t = language(request)
        problem = t("You cannot remove yourself: the program needs an owner.")
        return await _show(request, problem=str(problem), status=409)
    return await _try(
        request,
        lambda session: leaving.dismiss(session, staff_id=staff_id, now=now, actor=person.actor),
    )


@allowed(OWNER)
async def set_outlets(request: web.Request) -> web.StreamResponse:
    """Tick the outlets where somebody may sell; a cashier keeps one at least."""
    form = await request.post()
    staff_id, actor, now = int(request.match_info["id"]), me(request).actor, clock.now()
    ticked = [number for value in form.getall("outlet", []) if (number := _id(value)) is not None]

    def unit(session: Session) -> bool:
        person = staff.get(session, staff_id)
        if not ticked and person.role == CASHIER:
            return False
        leaving.set_outlets(session, staff_id=staff_id, outlet_ids=ticked, now=now, actor=actor)
        return True

    t = language(request)
    try:
        done = await db(request).transact(unit)
    except DomainError as error:
        problem = str(Words(t).problem(error))
        return await _show(request, problem=problem, status=status_of(error))
    if not done:
        few = str(t("A cashier works at an outlet: choose which."))
        return await _show(request, problem=few, status=400)
    raise web.HTTPSeeOther("/admin/staff")


def _id(value: object) -> int | None:
    """An id out of a form; None for anything else."""
    text = str(value)
    known = text.isascii() and text.isdigit() and len(text) <= 19
    return int(text) if known and int(text) < 2**63 else None
