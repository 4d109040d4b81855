"""Posters: where guests come from. A link and a page to print for each, and what a guest cost."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import qrcode
import qrcode.image.svg
from aiohttp import web
from qrcode.constants import ERROR_CORRECT_M
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.render import language, page
from admin.words import Words
from loyalty import clock, program, sources
from loyalty.amounts import parse_amount
from loyalty.db import read_installation
from loyalty.errors import DomainError, SourceNotFound
from loyalty.reports import attraction
from loyalty.reports.attraction import Attracted, Attraction
from loyalty.sources import Source
from loyalty.staff import ANALYST, MARKETER, OWNER
from loyalty.texts import LANGUAGES, Translator, translator

_HOME = "/admin/sources"
_WRITERS = (OWNER, MARKETER)
LONGEST_LINE = 90
KEY = r"{key:[A-Za-z0-9_-]{1,62}}"


@dataclass(frozen=True, slots=True)
class _Form:
    """What was typed: kept on the page when it cannot be saved."""

    name: str = ""
    cost: str = ""


def routes() -> list[web.AbstractRouteDef]:
    """Addresses of the pages."""
    get, post = web.get, web.post
    return [
        get(_HOME, list_page),
        post(_HOME, make),
        get(f"{_HOME}/{KEY}", source_page),
        post(f"{_HOME}/{KEY}", save),
        post(f"{_HOME}/{KEY}/archive", archive),
        get(f"{_HOME}/{KEY}/print", print_page),
        get(f"{_HOME}/{KEY}/qr.svg", qr_picture),
    ]


@allowed(OWNER, MARKETER, ANALYST)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Every source with who came by it, and the form to make one."""
    return await _list(request)


async def _list(
    request: web.Request,
    *,
    typed: _Form | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    found = await db(request).read(attraction.attraction)
    archived = bool(request.query.get("archived"))
    put_away = [row for row in found.sources if row.made and row.made.archived_at]
    return page(
        request,
        "sources.html",
        status=status,
        shown=[row for row in found.sources if archived or row not in put_away],
        put_away=len(put_away),
        archived=archived,
        by_friends=found.by_friends,
        by_none=found.by_none,
        may_edit=me(request).role in _WRITERS,
        linkable=sources.is_key,
        typed=typed or _Form(),
        problem=problem,
    )


@allowed(*_WRITERS)
async def make(request: web.Request) -> web.StreamResponse:
    """A new source; its page has the link."""
    typed, name, cost, problem = await _read(request)
    if problem is not None:
        return await _list(request, typed=typed, problem=problem, status=400)
    actor, now = me(request).actor, clock.now()
    made = await db(request).transact(
        lambda session: sources.make(session, name=name, cost=cost, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(f"{_HOME}/{made.key}")


@allowed(OWNER, MARKETER, ANALYST)
async def source_page(request: web.Request) -> web.StreamResponse:
    """One source: its link, its QR, its figures, and the form to change it."""
    return await _one(request)


async def _one(
    request: web.Request,
    *,
    typed: _Form | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    key = request.match_info["key"]

    def unit(session: Session) -> tuple[Attracted, str | None]:
        return _find(attraction.attraction(session), key), _bot(session)

    found, bot = await db(request).read(unit)
    made = found.made
    if typed is None:
        cost = f"{made.cost / 100:.2f}".removesuffix(".00") if made and made.cost else ""
        typed = _Form(made.name if made else "", cost)
    return page(
        request,
        "source.html",
        status=status,
        found=found,
        made=made,
        link=_link(key, bot),
        openable=bot is not None,
        may_edit=me(request).role in _WRITERS,
        typed=typed,
        problem=problem,
    )


@allowed(*_WRITERS)
async def save(request: web.Request) -> web.StreamResponse:
    """Change the name and the cost; a source that was only used gets both."""
    key = request.match_info["key"]
    typed, name, cost, problem = await _read(request)
    if problem is not None:
        return await _one(request, typed=typed, problem=problem, status=400)
    actor, now = me(request).actor, clock.now()
    await db(request).transact(
        lambda session: sources.save(session, key=key, name=name, cost=cost, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(f"{_HOME}/{key}")


@allowed(*_WRITERS)
async def archive(request: web.Request) -> web.StreamResponse:
    """Put a source away, or take it out again; its link works all the same."""
    key, form = request.match_info["key"], await request.post()
    away, actor, now = form.get("away") == "1", me(request).actor, clock.now()
    await db(request).transact(
        lambda session: sources.set_archived(session, key=key, archived=away, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(_HOME if away else f"{_HOME}/{key}")


@allowed(OWNER, MARKETER, ANALYST)
async def print_page(request: web.Request) -> web.StreamResponse:
    """A sheet of A4 with the QR and a line of text, in the language that is asked for."""
    key = request.match_info["key"]

    def unit(session: Session) -> tuple[Source | None, str | None, int]:
        found = _find(attraction.attraction(session), key)
        rules = program.current(session, now=clock.now()).program
        return found.made, _bot(session), rules.welcome_points

    made, bot, welcome = await db(request).read(unit)
    wanted = request.query.get("language", "")
    t = translator(wanted if wanted in LANGUAGES else request.app[SETTINGS].language)
    line = " ".join(request.query.get("line", "").split())[:LONGEST_LINE]
    return page(
        request,
        "source_print.html",
        key=key,
        made=made,
        bot=bot,
        poster=_poster(t, welcome, line),
        chosen=t.language,
        line=line,
        longest=LONGEST_LINE,
    )


def _poster(t: Translator, welcome: int, line: str) -> dict[str, str]:
    """What stands on the sheet; ``line`` is the marketer's own, if there is one."""
    gift = (
        t("{points} as a gift, right away", points=t.points(welcome))
        if welcome
        else t("Points from every purchase")
    )
    return {
        "head": line or str(t("Your loyalty card in Telegram")),
        "gift": str(gift),
        "how": str(t("Point your phone's camera here and press Start")),
        "ads": str(t("It takes a minute. Nothing to install, nothing to carry.")),
    }


@allowed(OWNER, MARKETER, ANALYST)
async def qr_picture(request: web.Request) -> web.StreamResponse:
    """The link as a QR, sharp at any size."""
    key = request.match_info["key"]
    bot = await db(request).read(_bot)
    code = qrcode.QRCode(
        border=2, error_correction=ERROR_CORRECT_M, image_factory=qrcode.image.svg.SvgPathImage
    )
    code.add_data(_link(key, bot))
    buffer = io.BytesIO()
    code.make_image().save(buffer)
    return web.Response(body=buffer.getvalue(), content_type="image/svg+xml")


def _find(found: Attraction, key: str) -> Attracted:
    for row in found.sources:
        if row.key == key:
            return row
    raise SourceNotFound()


def _bot(session: Session) -> str | None:
    state = read_installation(session)
    return state.bot_username if state is not None else None


def _link(key: str, bot: str | None) -> str:
    """What the camera opens; without a known bot, what is written to it."""
    payload = sources.PREFIX + key
    return f"https://t.me/{bot}?start={payload}" if bot else f"/start {payload}"


async def _read(request: web.Request) -> tuple[_Form, str, int, str | None]:
    """What was typed, as it is and as it is kept; the problem, if it cannot be."""
    form: Any = await request.post()
    t = language(request)
    words = " ".join(str(form.get("name", "")).split())
    name = "".join(sign for sign in words if sign.isprintable())[: sources.LONGEST_NAME].strip()
    typed = _Form(name, str(form.get("cost", "")).strip()[:32])
    if not name:
        return typed, "", 0, str(t("Say what it is: a poster at the window, a post, a flyer."))
    try:
        cost = parse_amount(typed.cost, minimum=0) if typed.cost else 0
    except DomainError as error:
        return typed, name, 0, str(Words(t).problem(error))
    return typed, name, cost, None
