"""Signing in and out, accepting an invitation, the demo's open door."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin import sessions, totp
from admin.base import (
    KEYS,
    ME,
    PANEL,
    VISIT,
    caller_address,
    db,
    off_the_loop,
    open_to_all,
)
from admin.errors import status_of
from admin.guard import local_path
from admin.render import LANGUAGE_COOKIE, language, page
from admin.words import Words
from loyalty import clock, events, staff, tokens
from loyalty.db import Rows, read_installation
from loyalty.db.fast import is_postgres
from loyalty.db.installation import DEMO
from loyalty.errors import DomainError, TooManyTries, WrongCredentials
from loyalty.staff import Staff
from loyalty.texts import LANGUAGES, Translator

TRIES = 5
WINDOW = timedelta(minutes=15)
_LONGEST_LOGIN = 120
_LONGEST_PASSWORD = 1024


# --- sign in ---------------------------------------------------------------------------------


@open_to_all
async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form; whoever is signed in goes on to the panel."""
    if request[ME] is not None:
        raise web.HTTPSeeOther(local_path(request.query.get("next")))
    return await _form(request, back=local_path(request.query.get("next")))


async def _form(
    request: web.Request, *, back: str, status: int = 200, problem: str | None = None
) -> web.Response:
    demo = await db(request).read(_demo_owner) is not None
    return page(request, "sign_in.html", status=status, back=back, problem=problem, demo=demo)


@open_to_all
async def sign_in(request: web.Request) -> web.StreamResponse:
    """Check login, password and one-time code; the answer to any wrong one is the same."""
    form = await request.post()
    back = local_path(str(form.get("next", "")))
    login = _printable(str(form.get("login", "")))[:_LONGEST_LOGIN]
    subjects = _subjects(request, login)
    tried_at = clock.real_now()
    wait = await db(request).transact(lambda session: _take_a_try(session, subjects, tried_at))
    try:
        if wait is not None:
            raise TooManyTries(retry_after_s=wait)
        person, step = await _check(
            request, login, str(form.get("password", "")), str(form.get("code", ""))
        )
        return await _open_session(request, person, back, tried=(subjects, tried_at), step=step)
    except (WrongCredentials, TooManyTries) as error:
        if isinstance(error, WrongCredentials):
            await _note_failed(request)
        problem = str(Words(language(request)).problem(error))
        status = 401 if isinstance(error, WrongCredentials) else status_of(error)
        return await _form(request, back=back, status=status, problem=problem)


async def _check(
    request: web.Request, login: str, password: str, code: str
) -> tuple[Staff, int | None]:
    """Who it is, and which half-minute's code was given.

    Raises:
        WrongCredentials: something does not fit; it takes equally long whatever it is.
    """
    person = await db(request).read(lambda session: staff.find_by_login(session, login=login))
    known = person.password_hash if person is not None else None
    fits = await off_the_loop(request, staff.verify_password, known, password[:_LONGEST_PASSWORD])
    if person is None or not fits or person.role not in PANEL:
        raise WrongCredentials()
    if person.totp_secret is None:
        return person, None
    secret = totp.unseal(request.app[KEYS], person.totp_secret, staff_id=person.id)
    step = totp.fitting_step(secret, code, now=clock.real_now()) if secret else None
    if step is None:
        raise WrongCredentials()
    return person, step


async def _open_session(
    request: web.Request,
    person: Staff,
    back: str,
    *,
    tried: tuple[tuple[str, str], datetime] | None = None,
    step: int | None = None,
    how: str = "password",
) -> web.Response:
    old, new = request[VISIT], tokens.new_secret()
    real_now, now = clock.real_now(), clock.now()

    def unit(session: Session) -> bool:
        if step is not None and not totp.use_step(
            session, staff_id=person.id, step=step, now=real_now
        ):
            return False
        if tried is not None:
            _give_back(session, *tried)
        sessions.begin(session, staff_id=person.id, old=old, new=new, now=real_now)
        _record(session, "staff.signed_in", person.actor, {"how": how}, now)
        return True

    if not await db(request).transact(unit):
        raise WrongCredentials()
    response = web.Response(status=303, headers={"Location": back})
    sessions.set_cookie(request, response, new)
    return response


def _subjects(request: web.Request, login: str) -> tuple[str, str]:
    """Whose tries are counted: the login's and the address's; neither is kept readable."""
    keys = request.app[KEYS]
    named = keys.mac("tries", login.lower().encode()).hex()[:32]
    address = keys.mac("tries", caller_address(request).encode()).hex()[:32]
    return f"login:{named}", f"address:{address}"


def _take_a_try(session: Session, subjects: tuple[str, ...], now: datetime) -> int | None:
    """Count a try before it is made, so that many at once cannot slip through.

    None if it may be made; else in how many seconds the next one may. A try that succeeds is
    given back.
    """
    if is_postgres(session):
        for subject in sorted(subjects):
            lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(subject))
            session.execute(sa.select(lock))
    since = now - WINDOW
    for subject in subjects:
        if staff.failures(session, subject=subject, since=since) >= TRIES:
            oldest = staff.oldest_failure(session, subject=subject, since=since) or now
            return max(1, int((oldest + WINDOW - now).total_seconds()) + 1)
    for subject in subjects:
        staff.note_failure(session, subject=subject, now=now)
    return None


def _give_back(session: Session, subjects: tuple[str, str], tried_at: datetime) -> None:
    """Forget the login's wrong tries, and of the address only the one that was right.

    Who holds one account must not get endless tries at others.
    """
    failed = staff.failed_try.c
    by_login, by_address = subjects
    this_one = sa.and_(failed.subject == by_address, failed.at == tried_at)
    session.execute(sa.delete(staff.failed_try).where(sa.or_(failed.subject == by_login, this_one)))


async def _note_failed(request: web.Request) -> None:
    now = clock.now()
    await db(request).transact(
        lambda session: _record(session, "staff.sign_in_failed", events.SYSTEM, {}, now)
    )


def _record(session: Session, type: str, actor: str, data: dict[str, str], now: datetime) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)


@open_to_all
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session here and on the server."""
    person, old = request[ME], request[VISIT]
    now = clock.now()

    def unit(session: Session) -> None:
        sessions.end(session, token=old)
        if person is not None:
            _record(session, "staff.signed_out", person.actor, {}, now)

    await db(request).transact(unit)
    response = web.Response(status=303, headers={"Location": "/admin/sign-in"})
    sessions.set_cookie(request, response, tokens.new_secret())
    return response


# --- the demo --------------------------------------------------------------------------------


def _demo_owner(session: Session) -> Staff | None:
    """The owner anybody may be, in a made-up database; nobody in a live one."""
    state = read_installation(session)
    if state is None or state.stamp != DEMO:
        return None
    return next((p for p in staff.everyone(session) if p.live and p.role == staff.OWNER), None)


@open_to_all
async def open_demo(request: web.Request) -> web.StreamResponse:
    """Sign in as the demo's owner; there is no such page over real customers."""
    person = await db(request).read(_demo_owner)
    if person is None:
        raise web.HTTPNotFound
    return await _open_session(request, person, "/admin", how="demo")


# --- invitations -----------------------------------------------------------------------------


@open_to_all
async def invitation_page(request: web.Request) -> web.StreamResponse:
    """Welcome an invited person and ask for a login and a password."""
    token = request.match_info["token"]
    now = clock.now()
    person = await db(request).read(
        lambda session: staff.find_invitation(session, token=token, now=now)
    )
    return _invitation_form(request, person, login=person.login or "")


def _invitation_form(
    request: web.Request,
    person: Staff,
    *,
    login: str,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    if person.role not in PANEL:
        raise web.HTTPNotFound  # a cashier's link opens the chat, not the panel
    return page(
        request,
        "invitation.html",
        status=status,
        person=person,
        login=login,
        problem=problem,
        minimum=staff.MINIMUM_LENGTH,
    )


@open_to_all
async def accept_invitation(request: web.Request) -> web.StreamResponse:
    """Set login and password, once, and go in."""
    token = request.match_info["token"]
    form = await request.post()
    login = _printable(str(form.get("login", "")))
    password = str(form.get("password", ""))
    now = clock.now()
    invited = await db(request).read(
        lambda session: staff.find_invitation(session, token=token, now=now)
    )
    problem = _fault(language(request), login, password, str(form.get("again", "")))
    if problem is not None:
        return _invitation_form(request, invited, login=login, problem=problem, status=400)
    try:
        hashed = await off_the_loop(request, staff.hash_password, password[:_LONGEST_PASSWORD])
        person = await db(request).transact(
            lambda session: staff.accept_panel_invitation(
                session, token=token, login=login, password_hash=hashed, now=now
            )
        )
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return _invitation_form(
            request, invited, login=login, problem=problem, status=status_of(error)
        )
    return await _open_session(request, person, "/admin", how="invitation")


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).strip()


def _fault(t: Translator, login: str, password: str, again: str) -> str | None:
    if not 3 <= len(login) <= _LONGEST_LOGIN or len(login.split()) != 1:
        return str(t("A login has at least 3 characters and no spaces."))
    if password != again:
        return str(t("The two passwords differ. Type them again."))
    return None


# --- language --------------------------------------------------------------------------------


@open_to_all
async def set_language(request: web.Request) -> web.StreamResponse:
    """Remember the language in the browser, and with the person who is signed in."""
    form = await request.post()
    chosen = str(form.get("language", ""))
    if chosen not in LANGUAGES:
        raise web.HTTPBadRequest
    person = request[ME]
    if person is not None:
        staff_id = person.id
        await db(request).transact(
            lambda session: staff.set_language(session, staff_id=staff_id, language=chosen)
        )
    location = local_path(str(form.get("next", "")))
    response = web.Response(status=303, headers={"Location": location})
    response.set_cookie(
        LANGUAGE_COOKIE,
        chosen,
        max_age=31_536_000,
        httponly=True,
        samesite="Lax",
        secure=sessions.is_https(request),
        path="/admin",
    )
    return response
