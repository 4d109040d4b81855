"""Goods in the panel: the list, one kind of goods, what goes with it, how long a category lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web
from aiohttp.web_request import FileField
from sqlalchemy.orm import Session

from admin.base import PANEL, allowed, db, me
from admin.customers import row_id
from admin.errors import status_of
from admin.render import language, page
from admin.words import Words
from loyalty import clock, goods
from loyalty.amounts import parse_amount
from loyalty.errors import AmountInvalid, DomainError, ProductInvalid, ProductNotFound
from loyalty.goods import PAGE, Product
from loyalty.messaging import media
from loyalty.staff import MARKETER, OWNER
from loyalty.texts import N_, Translator

HOME = "/admin/goods"
EDITING = (OWNER, MARKETER)
"""Roles that keep the catalogue; the analyst reads."""
_FURTHEST = 10_000

PROBLEMS = {
    "empty": N_("Fill this in."),
    "too_long": N_("Too long: at most {limit} characters."),
    "not_a_link": N_("A link begins with https://"),
    "out_of_range": N_("This number is too small or too large."),
    "itself": N_("Goods do not go with themselves."),
    "too_many": N_("At most {limit} of them."),
    "unknown": N_("Nothing of the number {sku} is in the catalogue or on a receipt."),
}
FIELDS = {
    "sku": N_("Number"),
    "name": N_("Name"),
    "category": N_("Category"),
    "price": N_("Price"),
    "link": N_("Link"),
    "picture": N_("Picture"),
    "pairs": N_("Goes with it"),
    "days": N_("Days"),
}


def routes() -> list[web.AbstractRouteDef]:
    """The pages. A number of goods may hold any sign, so that it is asked for, not walked to."""
    get, post = web.get, web.post
    return [
        get(HOME, list_page),
        get(f"{HOME}/one", one_page),
        post(f"{HOME}/one", save),
        post(f"{HOME}/pairs", save_pairs),
        post(f"{HOME}/archive", archive),
        get(f"{HOME}/pace", pace_page),
        post(f"{HOME}/pace", save_pace),
    ]


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: kept on the page when it cannot be saved."""

    sku: str = ""
    name: str = ""
    category: str = ""
    price: str = ""
    link: str = ""
    others: str = ""


def told(t: Translator, error: DomainError) -> str:
    """What is wrong, with the field it is about."""
    if not isinstance(error, ProductInvalid):
        return str(Words(t).problem(error))
    facts = error.facts
    known = PROBLEMS.get(str(facts.get("problem")), PROBLEMS["empty"])
    what = t(known, limit=facts.get("limit", 0), sku=facts.get("sku", ""))
    field = FIELDS.get(str(facts.get("field")))
    return str(t("{field}: {problem}", field=t(field), problem=what) if field else what)


def address(sku: str) -> str:
    """The page of one kind of goods."""
    return f"{HOME}/one?sku={quote(sku, safe='')}"


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """What is in the catalogue, and what was sold without being in it."""
    return await show_list(request)


async def show_list(
    request: web.Request, *, problem: str | None = None, brought: Any = None, status: int = 200
) -> web.Response:
    """The list; ``problem`` is told at its top, ``brought`` is what a file has brought."""
    query, now = request.query, clock.now()
    text, archived = query.get("q", "")[:100], query.get("archived") == "1"
    category = query.get("category") or None
    number = min(row_id(query.get("page", "1")) or 1, _FURTHEST)
    may_edit = me(request).role in EDITING

    def unit(session: Session) -> dict[str, Any]:
        listed = goods.listing(
            session,
            search=text,
            category=category,
            archived=archived,
            offset=(number - 1) * PAGE,
        )
        on, off = goods.count(session)
        return {
            "shown": listed[:PAGE],
            "following": number + 1 if len(listed) > PAGE else None,
            "on": on,
            "off": off,
            "categories": goods.categories(session, now=now),
            "learned": goods.learned(session, now=now) if may_edit else [],
        }

    values = await db(request).read(unit)
    return page(
        request,
        "goods.html",
        status=status,
        problem=problem,
        brought=brought,
        text=text,
        category=category,
        archived=archived,
        address=address,
        may_edit=may_edit,
        **values,
    )


@allowed(*PANEL)
async def one_page(request: web.Request) -> web.StreamResponse:
    """One kind of goods; of a number that is not in the catalogue, what receipts say of it."""
    return await _one(request, request.query.get("sku", "").strip())


async def _one(
    request: web.Request,
    sku: str,
    *,
    typed: Typed | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    now = clock.now()

    def unit(session: Session) -> dict[str, Any]:
        found = goods.known(session, [sku], archived=True).get(sku)
        sold = None
        if found is None and sku:
            fresh = goods.learned(session, now=now, limit=500)
            sold = next((one for one in fresh if one.sku == sku), None)
        return {
            "found": found,
            "sold": sold,
            "pairs": goods.pairs_of(session, sku) if sku else [],
            "categories": goods.categories(session, now=now),
        }

    values = await db(request).read(unit)
    found, sold, pairs = values["found"], values.pop("sold"), values["pairs"]
    may_edit = me(request).role in EDITING
    if found is None and not may_edit:
        raise ProductNotFound(sku=sku)
    known = found or sold
    if typed is None:
        typed = Typed(
            sku=sku,
            name=known.name if known else "",
            category=(known.category if known else "") or "",
            price=_price(known.price if known else None),
            link=(found.link if found else "") or "",
            others="\n".join(pair.other for pair in pairs if pair.lift_bp is None),
        )
    return page(
        request,
        "goods_one.html",
        status=status,
        problem=problem,
        typed=typed,
        may_edit=may_edit,
        address=address,
        **values,
    )


def _price(minor: int | None) -> str:
    return "" if minor is None else f"{minor / 100:.2f}".removesuffix(".00")


@allowed(*EDITING)
async def save(request: web.Request) -> web.StreamResponse:
    """Write goods down, new or known, with a picture if one was chosen."""
    form = await request.post()
    known_sku = request.query.get("sku", "").strip()
    typed = Typed(
        sku=known_sku or str(form.get("sku", "")).strip(),
        **{name: str(form.get(name, "")).strip() for name in ("name", "category", "price", "link")},
    )
    upload, actor, now = form.get("picture"), me(request).actor, clock.now()
    t = language(request)
    try:
        price = parse_amount(typed.price, minimum=0) if typed.price else None
    except AmountInvalid as error:
        return await _one(
            request, known_sku, typed=typed, problem=told(t, error), status=status_of(error)
        )
    content = upload.file.read() if isinstance(upload, FileField) else b""
    file_name = upload.filename if isinstance(upload, FileField) else ""
    without = form.get("no_picture") == "1"

    def unit(session: Session) -> None:
        before = goods.known(session, [typed.sku], archived=True).get(typed.sku)
        picture = before.picture if before and not without else None
        if content:
            picture = media.put(session, content=content, name=file_name, actor=actor, now=now)
        wanted = Product(
            sku=typed.sku,
            name=typed.name,
            category=typed.category or None,
            price=price,
            picture=picture,
            link=typed.link or None,
        )
        goods.put(session, wanted, actor=actor, now=now)

    try:
        await db(request).transact(unit)
    except DomainError as error:
        return await _one(
            request, known_sku, typed=typed, problem=told(t, error), status=status_of(error)
        )
    raise web.HTTPSeeOther(address(typed.sku))


@allowed(*EDITING)
async def save_pairs(request: web.Request) -> web.StreamResponse:
    """Choose what goes with it: a number a line, the best first."""
    sku, form = request.query.get("sku", "").strip(), await request.post()
    others = str(form.get("others", "")).replace("\r\n", "\n")
    actor, now = me(request).actor, clock.now()

    def unit(session: Session) -> None:
        goods.get(session, sku)
        goods.set_pairs(session, sku=sku, others=others.split("\n"), actor=actor, now=now)

    try:
        await db(request).transact(unit)
    except ProductNotFound:
        raise
    except DomainError as error:
        problem = told(language(request), error)
        return await _one(request, sku, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(address(sku) + "#h-pairs")


@allowed(*EDITING)
async def archive(request: web.Request) -> web.StreamResponse:
    """Put goods away, or take them out again."""
    sku, form = request.query.get("sku", "").strip(), await request.post()
    away, actor, now = form.get("away") == "1", me(request).actor, clock.now()
    await db(request).transact(
        lambda session: goods.set_archived(session, sku=sku, archived=away, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(HOME if away else address(sku))


@allowed(*PANEL)
async def pace_page(request: web.Request) -> web.StreamResponse:
    """After how many days each category is bought again, and what receipts say of it."""
    return await _pace(request)


async def _pace(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    now = clock.now()

    def unit(session: Session) -> dict[str, Any]:
        paces = goods.paces(session)
        return {
            "paces": paces,
            "categories": sorted({*goods.categories(session, now=now), *paces}),
            "suggested": goods.suggestions(session, now=now),
        }

    values = await db(request).read(unit)
    return page(
        request,
        "goods_pace.html",
        status=status,
        problem=problem,
        may_edit=me(request).role in EDITING,
        **values,
    )


@allowed(*EDITING)
async def save_pace(request: web.Request) -> web.StreamResponse:
    """Say how long a category lasts; an empty number: nothing is said of it any more."""
    form = await request.post()
    text, category = str(form.get("days", "")).strip(), str(form.get("category", ""))
    actor, now, t = me(request).actor, clock.now(), language(request)
    days = row_id(text) if text else None
    if text and days is None:
        problem = t("{field}: {problem}", field=t(FIELDS["days"]), problem=t("A whole number."))
        return await _pace(request, problem=str(problem), status=400)
    try:
        await db(request).transact(
            lambda session: goods.set_pace(
                session, category=category, days=days, actor=actor, now=now
            )
        )
    except DomainError as error:
        return await _pace(request, problem=told(t, error), status=status_of(error))
    raise web.HTTPSeeOther(f"{HOME}/pace")
