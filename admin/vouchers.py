"""Promo codes, coupons and gift cards: the list, one of them with its uses, closing and opening."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qrcode
import qrcode.image.svg
import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.customers import row_id
from admin.errors import status_of
from admin.guard import is_fragment
from admin.promotions import EDITORS
from admin.promotions_around import around, author
from admin.render import language, last_day_of, page
from admin.words import Words
from loyalty import clock, vouchers
from loyalty.customers import customer
from loyalty.errors import DomainError, VoucherNotFound
from loyalty.events import event
from loyalty.program.wording import say_effect
from loyalty.receipts import purchase
from loyalty.staff import ANALYST, MARKETER, OWNER
from loyalty.vouchers import GIFT_CARD, KINDS, PROMO_CODE, STATUSES, Voucher

_HOME = "/admin/vouchers"
_PAGE = 40
_SHOWN_SIGNS = 4
_BATCHES = 8
_BY_STAFF, _ALL = "staff", "all"
# Where a voucher comes from; rewards are many, so what people made is shown first.
_MADE = {_BY_STAFF: True, "rewards": False, _ALL: None}


def sees_code(role: str, found: Voucher) -> bool:
    """Whether who has this role may read the whole code: whoever has it can spend it.

    Promo codes are for everybody; coupons for those who give them out; gift cards are money.
    """
    if found.kind == PROMO_CODE or role == OWNER:
        return True
    return found.kind != GIFT_CARD and role == MARKETER


def may_tend(role: str, found: Voucher) -> bool:
    """Whether who has this role may close and open it."""
    return role == OWNER or (role == MARKETER and found.kind != GIFT_CARD)


@dataclass(frozen=True, slots=True)
class Shown:
    """A voucher with its code as this person may see it."""

    voucher: Voucher
    code: str
    whole: bool


def _shown(role: str, found: Voucher) -> Shown:
    if sees_code(role, found):
        return Shown(found, vouchers.grouped(found.code), True)
    return Shown(found, f"{found.code[:_SHOWN_SIGNS]}\u00a0••••", False)


def _says(request: web.Request) -> Callable[[Voucher], str]:
    """What a voucher gives, in a few words (plain text)."""
    t, currency = language(request), request.app[SETTINGS].currency

    def said(found: Voucher) -> str:
        if found.effect is None:
            left = t.money(found.balance or 0, currency)
            return str(t("{left} of {sum}", left=left, sum=t.money(found.granted or 0, currency)))
        return say_effect(found.effect, t, currency)

    return said


@allowed(*PANEL)
async def list_page(request: web.Request) -> web.StreamResponse:
    """The newest vouchers."""
    made = _made(request.query.get("made", ""))
    return await _list(request, {"q": "", "kind": "", "status": "", "made": made}, None)


@allowed(*PANEL)
async def search(request: web.Request) -> web.StreamResponse:
    """Those that fit. A form, not an address: codes stay out of the history."""
    form = await request.post()
    typed = {name: str(form.get(name, ""))[:80] for name in ("q", "kind", "status", "made")}
    typed["made"] = _made(typed["made"])
    if typed["q"].strip() and typed["made"] == _BY_STAFF:
        # Whoever has a code at hand does not know where it comes from.
        typed["made"] = _ALL
    return await _list(request, typed, row_id(str(form.get("before", ""))))


def _made(text: str) -> str:
    return text if text in _MADE else _BY_STAFF


async def _list(
    request: web.Request, typed: dict[str, str], before: int | None
) -> web.StreamResponse:
    role, text = me(request).role, typed["q"]

    def unit(session: Session) -> tuple[vouchers.Page, dict[int, str], list[dict[str, Any]]]:
        found = vouchers.listing(
            session,
            search=text,
            kind=typed["kind"] if typed["kind"] in KINDS else None,
            status=typed["status"] if typed["status"] in STATUSES else None,
            by_staff=_MADE[typed["made"]],
            before=before,
            limit=_PAGE,
        )
        owners = {v.customer_id for v in found.vouchers if v.customer_id is not None}
        return found, _names(session, owners), _batches(session) if role in EDITORS else []

    found, owners, batches = await db(request).read(unit)
    # Letter by letter a search would tell a code that is not to be seen.
    guessing = len(vouchers.normalize(text) or text.strip()) > _SHOWN_SIGNS
    kept = [v for v in found.vouchers if not guessing or sees_code(role, v)]
    return page(
        request,
        "_vouchers.html" if is_fragment(request) else "vouchers.html",
        shown=[_shown(role, voucher) for voucher in kept],
        owners=owners,
        following=found.before,
        continued=before is not None,
        typed=typed,
        made=tuple(_MADE),
        kinds=KINDS,
        statuses=STATUSES,
        batches=batches,
        says=_says(request),
        state_of=state_of,
        role=role,
    )


def _names(session: Session, ids: set[int]) -> dict[int, str]:
    query = sa.select(customer.c.id, customer.c.name).where(customer.c.id.in_(sorted(ids)))
    return {row.id: row.name or "" for row in session.execute(query)} if ids else {}


def _batches(session: Session) -> list[dict[str, Any]]:
    query = (
        sa.select(event.c.at, event.c.data)
        .where(event.c.type == "voucher.batch_created")
        .order_by(event.c.id.desc())
        .limit(_BATCHES)
    )
    made = [(at, int(data["first_id"]), data) for at, data in session.execute(query)]
    v = vouchers.voucher.c
    firsts = session.execute(
        sa.select(v.id, v.name, v.kind).where(v.id.in_([first for _, first, _ in made]))
    )
    known = {row.id: row for row in firsts}
    return [
        {
            "at": at,
            "key": str(data["batch"]),
            "count": int(data["count"]),
            "name": known[first].name,
            "kind": known[first].kind,
        }
        for at, first, data in made
        if first in known
    ]


# --- one voucher -----------------------------------------------------------------------------


@allowed(*PANEL)
async def voucher_page(request: web.Request) -> web.StreamResponse:
    """One voucher: what it gives, its limits, and every use with its receipt."""
    return await show(request, voucher_id(request))


async def show(
    request: web.Request, number: int, *, problem: str | None = None, status: int = 200
) -> web.Response:
    """The voucher's page; ``problem`` is told at its top."""
    now, role = clock.now(), me(request).role

    def unit(session: Session) -> dict[str, Any]:
        found = vouchers.get(session, voucher_id=number)
        made = session.execute(
            sa.select(vouchers.voucher.c.created_by, vouchers.voucher.c.created_at).where(
                vouchers.voucher.c.id == number
            )
        ).one()
        uses = vouchers.uses_of(session, voucher_id=number)
        people = {use.customer_id for use in uses if use.customer_id is not None}
        people |= {found.customer_id} if found.customer_id is not None else set()
        p = purchase.c
        receipts = session.execute(
            sa.select(p.id, p.number, p.sold_at, p.total).where(
                p.id.in_([use.purchase_id for use in uses])
            )
        )
        return {
            "found": found,
            "made": made,
            "uses": uses,
            "names": _names(session, people),
            "receipts": {row.id: row for row in receipts},
        }

    values = await db(request).read(unit)
    near = await db(request).read(around(now))
    found: Voucher = values["found"]
    t = language(request)
    return page(
        request,
        "voucher.html",
        status=status,
        problem=problem,
        shown=_shown(role, found),
        says=_says(request),
        state=state_of(found),
        last_day=last_day_of(request),
        group=near.groups(t, [found.segment or ""]).get(found.segment or ""),
        author=author(near, t),
        may_tend=may_tend(role, found) and not _is_void(found),
        batch=_batch_of(found) if role == OWNER or may_tend(role, found) else None,
        **values,
    )


def _is_void(found: Voucher) -> bool:
    return found.issue_key is not None and found.issue_key.startswith("void:")


def _batch_of(found: Voucher) -> str | None:
    kind, _, rest = (found.issue_key or "").partition(":")
    return rest.rpartition(":")[0] if kind == "batch" else None


def state_of(found: Voucher) -> str:
    """Its status as things stand now: a date may have passed, or may be ahead."""
    now = clock.now()
    if found.status != vouchers.ACTIVE:
        return found.status
    if found.ends_at is not None and found.ends_at <= now:
        return vouchers.EXPIRED
    if found.starts_at is not None and now < found.starts_at:
        return "not_started"
    return found.status


def voucher_id(request: web.Request) -> int:
    """The voucher of the address.

    Raises:
        VoucherNotFound: no id the database could hold.
    """
    number = row_id(request.match_info["id"])
    if number is None:
        raise VoucherNotFound(code="")
    return number


async def _visible(request: web.Request) -> Voucher:
    """The voucher of the address, if this person may see its code.

    Raises:
        HTTPForbidden: they may not.
    """
    number = voucher_id(request)
    found = await db(request).read(lambda s: vouchers.get(s, voucher_id=number))
    if not sees_code(me(request).role, found):
        raise web.HTTPForbidden
    return found


@allowed(OWNER, MARKETER, ANALYST)
async def qr_picture(request: web.Request) -> web.StreamResponse:
    """The code as a QR picture, for a till's scanner."""
    found = await _visible(request)
    code = qrcode.QRCode(border=2, image_factory=qrcode.image.svg.SvgPathImage)
    code.add_data(found.code)
    buffer = io.BytesIO()
    code.make_image().save(buffer)
    return web.Response(body=buffer.getvalue(), content_type="image/svg+xml")


@allowed(OWNER, MARKETER, ANALYST)
async def print_page(request: web.Request) -> web.StreamResponse:
    """A small card to print and hand over."""
    found = await _visible(request)
    return page(
        request,
        "voucher_print.html",
        found=found,
        code=vouchers.grouped(found.code),
        last_day=last_day_of(request),
        says=_says(request),
    )


@allowed(OWNER)
async def activate(request: web.Request) -> web.StreamResponse:
    """Make a gift card good: it has been paid for."""
    number, actor, now = voucher_id(request), me(request).actor, clock.now()
    return await _try(
        request,
        number,
        lambda s: vouchers.activate(s, voucher_id=number, actor=actor, now=now),
    )


@allowed(OWNER, MARKETER)
async def block(request: web.Request) -> web.StreamResponse:
    """Close it to every use."""
    number, actor, now = voucher_id(request), me(request).actor, clock.now()
    role = me(request).role

    def unit(session: Session) -> None:
        _ensure_may_tend(session, number, role)
        vouchers.block(session, voucher_id=number, actor=actor, now=now)

    return await _try(request, number, unit)


@allowed(OWNER, MARKETER)
async def unblock(request: web.Request) -> web.StreamResponse:
    """Open it again."""
    number, actor, now = voucher_id(request), me(request).actor, clock.now()
    role = me(request).role

    def unit(session: Session) -> None:
        _ensure_may_tend(session, number, role)
        vouchers.unblock(session, voucher_id=number, actor=actor, now=now)

    return await _try(request, number, unit)


def _ensure_may_tend(session: Session, number: int, role: str) -> None:
    if not may_tend(role, vouchers.get(session, voucher_id=number)):
        raise web.HTTPForbidden


async def _try(
    request: web.Request, number: int, unit: Callable[[Session], object]
) -> web.StreamResponse:
    try:
        await db(request).transact(unit)
    except VoucherNotFound:
        raise
    except DomainError as error:
        problem = str(Words(language(request)).problem(error))
        return await show(request, number, problem=problem, status=status_of(error))
    raise web.HTTPSeeOther(f"{_HOME}/{number}")
