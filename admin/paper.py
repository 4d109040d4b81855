"""Paper cards: blank ones to print, cut and hand out. Each becomes a guest's at its first scan.

A blank is a signed link and nothing else, so a print run leaves one row behind: that it was made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import qrcode
import qrcode.image.svg
import sqlalchemy as sa
from aiohttp import web
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin.base import KEYS, allowed, db, me
from admin.render import language, page
from loyalty import clock, enrolment, ids
from loyalty.customers.tables import card, card_batch
from loyalty.db import read_installation
from loyalty.staff import MARKETER, OWNER
from loyalty.tokens import Keys, paper_number

_HOME = "/admin/paper"
_MOST = 200
_PER_PAGE = 10
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Blank:
    """A card to print: the picture of its link, and a number to tell it by."""

    picture: Markup
    number: str


def routes() -> list[web.AbstractRouteDef]:
    """The addresses of paper cards."""
    return [web.get(_HOME, list_page), web.post(_HOME, print_run)]


@allowed(OWNER, MARKETER)
async def list_page(request: web.Request) -> web.StreamResponse:
    """What was printed so far, how many cards are in use, and a new run."""
    return await _page(request, {"name": "", "size": "50"}, None)


async def _page(
    request: web.Request, typed: dict[str, str], problem: str | None
) -> web.StreamResponse:
    def unit(session: Session) -> tuple[Any, int, str | None]:
        runs = sa.select(card_batch).order_by(card_batch.c.id.desc()).limit(_SHOWN)
        used = sa.select(sa.func.count()).select_from(card).where(card.c.paper)
        return session.execute(runs).all(), session.execute(used).scalar_one(), _bot(session)

    runs, used, bot = await db(request).read(unit)
    return page(
        request,
        "paper.html",
        status=422 if problem else 200,
        runs=runs,
        used=used,
        bot=bot,
        typed=typed,
        problem=problem,
        most=_MOST,
        key=ids.new_id(),
    )


@allowed(OWNER, MARKETER)
async def print_run(request: web.Request) -> web.StreamResponse:
    """Sheets of new cards, ready to print; sent twice, the run is noted once."""
    form, t = await request.post(), language(request)
    typed = {"name": str(form.get("name", ""))[:120].strip(), "size": str(form.get("size", ""))}
    size = int(typed["size"]) if typed["size"].isascii() and typed["size"].isdigit() else 0
    key = str(form.get("key", ""))
    if not 1 <= size <= _MOST:
        return await _page(request, typed, str(t("From 1 to {n} cards at once.", n=_MOST)))
    if not (key.isascii() and key.isdigit() and 0 < int(key) < 2**63):
        key = str(ids.new_id())
    now, actor = clock.now(), me(request).actor

    def unit(session: Session) -> str | None:
        bot = _bot(session)
        known = sa.select(card_batch.c.id).where(card_batch.c.id == int(key))
        if bot is not None and session.execute(known).one_or_none() is None:
            row = {"id": int(key), "name": typed["name"], "size": size}
            session.execute(sa.insert(card_batch).values(**row, created_at=now, created_by=actor))
        return bot

    bot = await db(request).transact(unit)
    if bot is None:
        return await _page(request, typed, str(t("Start the bot once first: cards lead to it.")))
    # Pictures take some ten milliseconds each: others are answered meanwhile.
    cards = await asyncio.to_thread(_draw, request.app[KEYS], bot, size)
    sheets = [cards[n : n + _PER_PAGE] for n in range(0, len(cards), _PER_PAGE)]
    return page(request, "paper_print.html", sheets=sheets, name=typed["name"], size=size)


def _draw(keys: Keys, bot: str, size: int) -> list[Blank]:
    now = clock.now()
    cards = []
    for _n in range(size):
        token, pseudonym = enrolment.blank(keys, now=now)
        code = qrcode.QRCode(border=2, image_factory=qrcode.image.svg.SvgPathImage)
        code.add_data(f"https://t.me/{bot}?start=c_{token}")
        picture = code.make_image().to_string(encoding="unicode")
        cards.append(Blank(Markup(picture), paper_number(pseudonym)))  # noqa: S704 - drawn here
    return cards


def _bot(session: Session) -> str | None:
    state = read_installation(session)
    return state.bot_username if state is not None else None
