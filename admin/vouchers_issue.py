"""Making vouchers: a promo code, a coupon for somebody, many at once, a gift card."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.customers import row_id
from admin.promotions import EDITORS
from admin.promotions_around import Around, around, marks
from admin.promotions_fields import Form, Reader, received
from admin.promotions_form import COUPON_DEFAULTS
from admin.promotions_words import segment_hints
from admin.render import language, last_day_of, page
from loyalty import clock, events, vouchers
from loyalty.db import Rows
from loyalty.errors import VoucherCodeInvalid, VoucherCodeTaken, VoucherInvalid
from loyalty.ids import new_id
from loyalty.program.effects import LocalText, VoucherEffect
from loyalty.reports import card
from loyalty.staff import OWNER
from loyalty.texts import N_, Translator
from loyalty.vouchers import COUPON, GIFT_CARD, MOST_AT_ONCE, PROMO_CODE

_HOME = "/admin/vouchers"
FORMS: dict[str, str] = {
    "promo_code": N_("New promo code"),
    "coupon": N_("Coupon for a guest"),
    "batch": N_("Many coupons at once"),
    "gift_card": N_("New gift card"),
}
_KINDS = {"promo_code": PROMO_CODE, "coupon": COUPON, "batch": COUPON, "gift_card": GIFT_CARD}
_EFFECT: TypeAdapter[Any] = TypeAdapter(VoucherEffect)
_BATCH = re.compile(r"[0-9]{1,19}")
_CHIPS = 14
_SAID = {
    "out_of_range": N_("This number is too small or too large."),
    "before_start": N_("The last day is before the first."),
}
_DEFAULTS = {
    "promo_code": {"effect.kind": "percent", "effect.rate_bp": "10", "customer_limit": "1"},
    "coupon": {"effect.kind": "percent", "effect.rate_bp": "10"},
    "batch": {"effect.kind": "percent", "effect.rate_bp": "10", "count": "50"},
    "gift_card": {"name.ru": "Подарочная карта", "name.en": "Gift card", "amount": "1 000",
                  "count": "1"},
}  # fmt: skip


@allowed(*EDITORS)
async def new_page(request: web.Request) -> web.StreamResponse:
    """The form of one kind, filled in with sensible values."""
    kind = _form_kind(request, request.match_info["kind"])
    form = Form()
    for name, value in _DEFAULTS[kind].items():
        form.put(name, value)
    today = clock.local_date(clock.now(), request.app[SETTINGS].time_zone)
    days = {"promo_code": 30, "coupon": 30, "batch": 90, "gift_card": 365}[kind]
    form.put("ends_on", (today + timedelta(days=days)).isoformat())
    form.put("key", str(new_id()))
    form.put("customer", request.query.get("customer", "")[:19])
    return await _show(request, kind, form)


def _form_kind(request: web.Request, kind: str) -> str:
    if kind not in FORMS:
        raise web.HTTPNotFound
    if kind == "gift_card" and me(request).role != OWNER:
        raise web.HTTPForbidden
    return kind


async def _show(
    request: web.Request,
    kind: str,
    form: Form,
    *,
    near: Around | None = None,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    t, now = language(request), clock.now()
    if near is None:
        near = await db(request).read(around(now, goods=True))
    person, customer_id = None, row_id(form.get("customer"))
    if kind == "coupon" and customer_id is None:
        raise web.HTTPSeeOther("/admin/customers")
    if kind == "coupon":
        person = await db(request).read(lambda s: card.profile(s, customer_id=customer_id or 0))
    return page(
        request,
        "voucher_new.html",
        status=status,
        kind=kind,
        title=t(FORMS[kind]),
        form=form,
        problem=problem,
        person=person,
        near=near,
        categories=near.goods.categories[:_CHIPS],
        groups=near.groups(t, form.every("segment")),
        hints=segment_hints(t),
        marks=marks(t, request.app[SETTINGS].currency),
        most=MOST_AT_ONCE,
    )


@allowed(*EDITORS)
async def submit(request: web.Request) -> web.StreamResponse:
    """Make it, or show other fields of the form."""
    kind = _form_kind(request, request.match_info["kind"])
    form = received(await request.post())
    near = await db(request).read(around(clock.now(), goods=True))
    if form.get("do") == "show":
        known = COUPON_DEFAULTS.get(form.get("effect.kind"))
        if known is not None:
            form.default(f"effect.{known[0]}", known[1])
        return await _show(request, kind, form, near=near)
    t, settings = language(request), request.app[SETTINGS]
    reader = Reader(form, t, settings.currency)
    parts = _parts(reader, kind, near, settings.time_zone)
    count = reader.needed("count", "pieces") if kind in ("batch", "gift_card") else 1
    if count is not None and not 1 <= count <= MOST_AT_ONCE:
        form.problems["count"] = str(t("From 1 to {most}.", most=t.number(MOST_AT_ONCE)))
    key = form.get("key")
    if not form.problems and _BATCH.fullmatch(key):
        try:
            target = await _make(request, kind, parts, count, key)
        except (VoucherInvalid, VoucherCodeInvalid, VoucherCodeTaken) as error:
            _tell(form, error, t)
        else:
            raise web.HTTPSeeOther(target)
    many = max(1, len(form.problems))
    problem = t.plural("{n} field needs a look.", "{n} fields need a look.", many)
    return await _show(request, kind, form, near=near, problem=str(problem), status=400)


def _parts(reader: Reader, kind: str, near: Around, time_zone: str) -> dict[str, Any]:
    """What the rooms want to know of the new voucher; problems are kept by the form."""
    form = reader.form
    name = reader.names("name")
    parts: dict[str, Any] = {"kind": _KINDS[kind], "effect": None}
    if not form.problems:
        try:
            parts["name"] = LocalText.model_validate(name)
        except ValidationError as refused:
            form.problems |= reader.say_bounds(refused, _paths(refused, "name"))
    parts |= _dates(reader, time_zone)
    if kind == "gift_card":
        parts["amount"] = reader.needed("amount", "money")
        if parts["amount"] == 0:
            reader.refuse("amount", "not_amount")
        return parts
    parts["effect"] = _effect(reader)
    parts["minimum"] = reader.value("minimum", "money") or 0
    parts["combines"] = bool(form.get("combines"))
    if kind == "promo_code":
        parts["total_limit"] = reader.value("total_limit", "pieces")
        parts["customer_limit"] = reader.value("customer_limit", "pieces")
        parts["segment"] = form.get("segment") or None
        if parts["segment"] and parts["segment"] not in near.groups(reader.translator):
            reader.refuse("segment", "choose")
        parts["code"] = form.get("code") or None
    if kind == "coupon":
        parts["customer_id"] = row_id(form.get("customer"))
    return parts


def _effect(reader: Reader) -> Any:
    raw = reader.coupon("effect")
    if raw is None or reader.form.any_problem("effect."):
        return None
    try:
        return _EFFECT.validate_python(raw)
    except ValidationError as refused:
        paths = _paths(refused, "effect", tagged=True)
        reader.form.problems |= reader.say_bounds(refused, paths)
        if not reader.form.any_problem("effect."):
            reader.refuse(paths[0], "empty")
        return None


def _paths(refused: ValidationError, start: str, *, tagged: bool = False) -> list[str]:
    places = [fault["loc"][1 if tagged else 0 :] for fault in refused.errors(include_url=False)]
    return [".".join([start, *map(str, place)]) for place in places]


def _dates(reader: Reader, time_zone: str) -> dict[str, Any]:
    first, last = reader.value("starts_on", "day"), reader.value("ends_on", "day")
    made: dict[str, Any] = {}
    for text, name in ((first, "starts_at"), (last, "ends_at")):
        if text is None:
            continue
        day = date.fromisoformat(text)
        if not 2000 <= day.year <= 2200:
            reader.refuse("starts_on" if name == "starts_at" else "ends_on", "not_day")
        elif name == "starts_at":
            made[name] = clock.start_of_day(day, time_zone)
        else:
            made[name] = clock.end_of_validity(day, 0, time_zone)
    return made


def _tell(form: Form, error: Exception, t: Translator) -> None:
    if isinstance(error, VoucherCodeTaken):
        form.problems["code"] = str(t("This code, or one that looks the same, exists already."))
    elif isinstance(error, VoucherCodeInvalid):
        form.problems["code"] = str(t("3 to 32 letters and digits."))
    elif isinstance(error, VoucherInvalid):
        field = {"ends_at": "ends_on"}.get(error.facts["field"], error.facts["field"])
        known = _SAID.get(error.facts["problem"], N_("This does not fit."))
        form.problems[field] = str(t(known))


async def _make(
    request: web.Request, kind: str, parts: Mapping[str, Any], count: int, key: str
) -> str:
    """Make it once per form, however often it is sent; where to go then."""
    actor, now = me(request).actor, clock.now()

    def one(session: Session) -> int:
        v = vouchers.voucher.c
        before = sa.select(v.id).where(v.issue_key == f"panel:{key}")
        known = session.execute(before).scalar_one_or_none()
        if known is not None:
            return int(known)
        if parts.get("customer_id") is not None:
            card.profile(session, customer_id=parts["customer_id"])
        made = vouchers.create(
            session, created_by=actor, now=now, issue_key=f"panel:{key}", **parts
        )
        return made.id

    if kind == "batch" or count > 1:
        await db(request).transact(
            lambda s: vouchers.issue_many(
                s, count=count, batch_key=key, created_by=actor, now=now, **parts
            )
        )
        return f"{_HOME}/batches/{key}"
    return f"{_HOME}/{await db(request).transact(one)}"


# --- batches ---------------------------------------------------------------------------------


async def _batch(request: web.Request) -> list[Any]:
    """Every voucher of the batch of the address, in order.

    Raises:
        HTTPNotFound: there is no such batch.
        HTTPForbidden: gift cards, and not the owner.
    """
    key = request.match_info["key"]
    v = vouchers.voucher.c
    query = (
        sa.select(v.id, v.code, v.name, v.kind, v.status, v.used, v.ends_at, v.granted, v.balance)
        .where(v.issue_key.like(f"batch:{key}:%"))
        .order_by(v.id)
    )
    found = await db(request).read(lambda session: list(session.execute(query)))
    if not found:
        raise web.HTTPNotFound
    if found[0].kind == GIFT_CARD and me(request).role != OWNER:
        raise web.HTTPForbidden
    return found


@allowed(*EDITORS)
async def batch_page(request: web.Request) -> web.StreamResponse:
    """What has become of a batch, and its codes as a file."""
    found = await _batch(request)
    return page(
        request,
        "voucher_batch.html",
        key=request.match_info["key"],
        first=found[0],
        last_day=last_day_of(request),
        count=len(found),
        used=sum(1 for row in found if row.used),
        inactive=sum(1 for row in found if row.status == vouchers.INACTIVE),
        codes=[(row.id, vouchers.grouped(row.code)) for row in found[:12]],
    )


@allowed(*EDITORS)
async def batch_file(request: web.Request) -> web.StreamResponse:
    """The codes as CSV; who took them is kept in the audit trail."""
    found = await _batch(request)
    t, key = language(request), request.match_info["key"]
    actor, now, zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone

    def note(session: Session) -> None:
        rows = Rows()
        data = {"batch": key, "count": len(found)}
        events.record(
            rows, type="voucher.codes_taken", customer_id=None, actor=actor, data=data, now=now
        )
        rows.put(session)

    await db(request).transact(note)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if t.language == "ru" else ",")
    writer.writerow([str(t("Code")), str(t("Title")), str(t("Last day"))])
    for row in found:
        name = LocalText.model_validate(row.name).said_in(t.language)
        last = clock.last_valid_day(row.ends_at, zone).isoformat() if row.ends_at else ""
        writer.writerow([vouchers.grouped(row.code), _harmless(name), last])
    # The mark at the beginning lets spreadsheets read Cyrillic.
    return web.Response(
        body=("\ufeff" + buffer.getvalue()).encode(),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="codes-{key}.csv"'},
    )


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
