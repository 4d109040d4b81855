"""Guests' own fields: which there are, and one guest's on their card."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import allowed, db, me
from admin.customers import customer_id_of, show_card
from admin.errors import status_of
from admin.own_views import KIND_NAMES, say_wrong
from admin.render import language, page
from loyalty import clock, customers, sources
from loyalty.customers.own_fields import LONGEST_LABEL, MOST_CHOICES, MOST_FIELDS
from loyalty.errors import OwnFieldInvalid, OwnValueInvalid
from loyalty.staff import MARKETER, OWNER

HOME = "/admin/customers/fields"
_WRITERS = (OWNER, MARKETER)
_KEY = r"{key:[a-z0-9_]{1,40}}"
_LONGEST = LONGEST_LABEL * MOST_CHOICES * 2


@dataclass(frozen=True, slots=True)
class _Form:
    """What was typed: kept on the page when it cannot be saved."""

    label: str = ""
    key: str = ""
    kind: str = "date"
    choices: str = ""


def routes() -> list[web.AbstractRouteDef]:
    """Addresses of the pages; before those of one customer, whose ids are anything."""
    return [
        web.get(HOME, list_page),
        web.post(HOME, add),
        web.post(f"{HOME}/{_KEY}", change),
        web.post("/admin/customers/{id}/fields", set_value),
    ]


@allowed(*_WRITERS)
async def list_page(request: web.Request) -> web.StreamResponse:
    """Every field, and the form for a new one."""
    return await _list(request)


async def _list(
    request: web.Request, *, typed: _Form | None = None, error: OwnFieldInvalid | None = None
) -> web.Response:
    t = language(request)
    found = await db(request).read(customers.own_fields)
    return page(
        request,
        "own_fields.html",
        status=200 if error is None else status_of(error),
        problem=None if error is None else say_wrong(t, error),
        fields=[(one, one.title(t)) for one in found.values()],
        kinds=[(kind, t(KIND_NAMES[kind])) for kind in customers.KINDS],
        kind_names={kind: t(said) for kind, said in KIND_NAMES.items()},
        typed=typed or _Form(),
        full=len(found) >= MOST_FIELDS,
    )


@allowed(*_WRITERS)
async def add(request: web.Request) -> web.StreamResponse:
    """A new field; without a key it gets one made of its name."""
    form = await request.post()
    typed = _Form(*(str(form.get(name, ""))[:_LONGEST] for name in _Form.__dataclass_fields__))
    actor, now = me(request).actor, clock.now()
    key = typed.key.strip() or sources.slug(typed.label).replace("-", "_")[:40]

    def unit(session: Session) -> None:
        if customers.clean_key(key) in customers.own_fields(session):
            raise OwnFieldInvalid(problem="there", key=key[:40], limit=MOST_FIELDS)
        if not typed.label.strip():
            raise OwnFieldInvalid(problem="label", key="", limit=MOST_FIELDS)
        customers.define_field(
            session,
            key=key,
            kind=typed.kind,
            label=typed.label,
            choices=typed.choices.splitlines(),
            actor=actor,
            now=now,
        )

    try:
        await db(request).transact(unit)
    except OwnFieldInvalid as error:
        return await _list(request, typed=typed, error=error)
    raise web.HTTPSeeOther(HOME)


@allowed(*_WRITERS)
async def change(request: web.Request) -> web.StreamResponse:
    """Another name of a field, or another list; what it holds stays."""
    form, key = await request.post(), request.match_info["key"]
    actor, now = me(request).actor, clock.now()

    def unit(session: Session) -> None:
        known = customers.own_fields(session).get(key)
        if known is None:
            raise OwnFieldInvalid(problem="unknown", key=key, limit=MOST_FIELDS)
        customers.define_field(
            session,
            key=key,
            kind=known.kind,
            label=str(form.get("label", "")),
            choices=str(form.get("choices", ""))[:_LONGEST].splitlines(),
            actor=actor,
            now=now,
        )

    try:
        await db(request).transact(unit)
    except OwnFieldInvalid as error:
        return await _list(request, error=error)
    raise web.HTTPSeeOther(HOME)


@allowed(*_WRITERS)
async def set_value(request: web.Request) -> web.StreamResponse:
    """Keep what a guest's field is, or clear it; what does not fit is told on the card."""
    customer_id, form = customer_id_of(request), await request.post()
    actor, now = me(request).actor, clock.now()
    key, text = str(form.get("key", "")), str(form.get("value", ""))
    given = None if form.get("do") == "clear" else text
    try:
        await db(request).transact(
            lambda session: customers.set_own_field(
                session, customer_id=customer_id, key=key, text=given, actor=actor, now=now
            )
        )
    except (OwnFieldInvalid, OwnValueInvalid) as error:
        return await show_card(
            request,
            customer_id,
            problem=str(say_wrong(language(request), error)),
            status=status_of(error),
            typed_own=(key, text[:400]),
        )
    raise web.HTTPSeeOther(f"/admin/customers/{customer_id}#own")
