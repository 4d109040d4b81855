"""Writing a promotion: from a preset or an earlier version, with its sentence while one types."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.customers import row_id
from admin.promotions import EDITORS, Changed, ensure_seen, promotion_id
from admin.promotions_around import Around, around, marks, sayer
from admin.promotions_fields import Form, received
from admin.promotions_form import EFFECTS, LISTS, LOWERS_PRICE, complete, fill, read
from admin.promotions_presets import PRESETS, blank
from admin.promotions_words import segment_hints, weekday_names
from admin.render import language, page
from loyalty import clock, events, promotions
from loyalty.db import Rows
from loyalty.promotions import Promotion
from loyalty.promotions.model import Bundle

_HOME = "/admin/promotions"
_CHIPS = 14
"""So many categories can be ticked; the others are typed."""


@allowed(*EDITORS)
async def new_page(request: web.Request) -> web.StreamResponse:
    """What to begin with."""
    near = await db(request).read(around(clock.now(), goods=True))
    made = [(one, one.make(near.goods.categories)) for one in PRESETS]
    says = sayer(request, near, [rules for _, rules in made])
    return page(request, "promotion_new.html", presets=made, says=says)


@allowed(*EDITORS)
async def preset_page(request: web.Request) -> web.StreamResponse:
    """The form of a preset, or nearly empty; nothing is saved yet."""
    key = request.match_info["key"]
    near = await db(request).read(around(clock.now(), goods=True))
    preset = next((one for one in PRESETS if one.key == key), None)
    if preset is None and key != "blank":
        raise web.HTTPNotFound
    rules = preset.make(near.goods.categories) if preset else blank()
    form = complete(fill(rules, language(request).language))
    return _form(request, near, form)


@allowed(*EDITORS)
async def edit_page(request: web.Request) -> web.StreamResponse:
    """The form of the newest version."""
    number = promotion_id(request)
    one = await db(request).read(lambda session: promotions.get(session, number))
    near = await db(request).read(around(clock.now(), goods=True))
    form = complete(fill(one.newest.rules, language(request).language))
    form.put("id", str(number))
    form.put("number", str(one.newest.live.number))
    return _form(request, near, form)


@allowed(*EDITORS)
async def preview(request: web.Request) -> web.StreamResponse:
    """The sentence of what is typed so far, for a part of the page."""
    form = received(await request.post())
    near = await db(request).read(around(clock.now(), goods=True))
    return page(request, "_promotion_preview.html", **_previewed(request, near, form))


def _previewed(request: web.Request, near: Around, form: Form) -> dict[str, Any]:
    """The sentence, or that something is missing; goods that were never sold."""
    scratch = Form(values={name: list(values) for name, values in form.values.items()})
    rules = read(scratch, language(request), request.app[SETTINGS].currency)
    if rules is None:
        return {"sentence": None, "strangers": []}
    return {
        "sentence": sayer(request, near, [rules]).sentence(rules),
        "strangers": _strangers(near, rules),
    }


def _strangers(near: Around, rules: Promotion) -> list[str]:
    """Categories that no till has sold lately: most often a slip of the pen."""
    seen = {name.casefold() for name in near.goods.categories}
    scopes = [rules.when.scope]
    if isinstance(rules.effect, Bundle):
        scopes += [item.scope for item in rules.effect.items]
    if not seen:
        return []
    strange = []
    for scope in scopes:
        unknown = [name for name in scope.categories if name.casefold() not in seen]
        # One of two spellings is enough.
        if len(unknown) == len(scope.categories):
            strange += unknown
    return list(dict.fromkeys(strange))


def _form(
    request: web.Request,
    near: Around,
    form: Form,
    *,
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    t = language(request)
    kind = form.get("effect.kind")
    used = [*form.every("when.segments"), *form.every("when.not_segments")]
    number = form.get("id")
    return page(
        request,
        "promotion_edit.html",
        status=status,
        form=form,
        problem=problem,
        loose=_loose(form),
        kind=kind,
        kinds_said=[(key, t(said)) for key, said in EFFECTS.items()],
        lowers_price=kind in LOWERS_PRICE,
        near=near,
        outlets=near.outlets,
        cards=near.cards(t.language),
        groups=near.groups(t, used),
        hints=segment_hints(t),
        weekdays=weekday_names(t),
        categories=near.goods.categories[:_CHIPS],
        marks=marks(t, request.app[SETTINGS].currency),
        back=f"{_HOME}/{number}" if number else f"{_HOME}/new",
        **_previewed(request, near, form),
    )


def _loose(form: Form) -> list[str]:
    """Problems whose field may not be on the page."""
    return [said for name, said in form.problems.items() if name in ("when", "effect", "name")]


@allowed(*EDITORS)
async def submit(request: web.Request) -> web.StreamResponse:
    """Save the form, alone or with switching on; or show other fields of it."""
    form = received(await request.post())
    what, _, where = form.get("do").partition(":")
    near = await db(request).read(around(clock.now(), goods=True))
    if what in ("show", "add", "remove"):
        _change(form, what, where)
        return _form(request, near, complete(form))
    t, currency = language(request), request.app[SETTINGS].currency
    rules = read(form, t, currency)
    if rules is not None:
        _check_known(form, near, rules, str(t("Choose one.")))
    if rules is None or form.problems:
        many = len(form.problems)
        problem = t.plural("{n} field needs a look.", "{n} fields need a look.", many)
        return _form(request, near, complete(form), problem=str(problem), status=400)
    try:
        number = await _save(request, form, rules, switch=what == "on")
    except Changed:
        sentence = t(
            "Somebody else has changed this promotion meanwhile. Nothing was saved: press the "
            "button again to replace their changes with yours, or open it anew to see them."
        )
        listed = await db(request).read(lambda s: promotions.get(s, int(form.get("id"))))
        form.put("number", str(listed.newest.live.number))
        return _form(request, near, complete(form), problem=str(sentence), status=409)
    raise web.HTTPSeeOther(f"{_HOME}/{number}")


def _change(form: Form, what: str, where: str) -> None:
    """Add a row to a list or take one out; ``show`` changes nothing but the fields shown."""
    days = "effect.gift.valid_days"
    if form.get("effect.gift.kind") == "voucher" and not form.get(days):
        # Empty says something for points; a coupon has a last day.
        form.values.pop(days, None)
    if what == "add":
        if where not in LISTS:
            raise web.HTTPBadRequest
        form.add(where, LISTS[where])
    elif what == "remove":
        name, _, number = where.rpartition(".")
        if name not in LISTS or not number.isascii() or not number.isdigit():
            raise web.HTTPBadRequest
        form.remove(name, int(number))


def _check_known(form: Form, near: Around, rules: Promotion, said: str) -> None:
    """Outlets and stamp cards have to be ours; groups may have gone since."""
    if any(key not in near.outlets for key in rules.when.outlets):
        form.problems["when.outlets"] = said
    known = {card.key for card in near.rules.stamp_cards}
    if form.get("effect.kind") == "stamps" and form.get("effect.card") not in known:
        form.problems["effect.card"] = said
    gift = form.get("effect.kind") == "goal" and form.get("effect.gift.kind") == "stamps"
    if gift and form.get("effect.gift.card") not in known:
        form.problems["effect.gift.card"] = said


async def _save(request: web.Request, form: Form, rules: Promotion, *, switch: bool) -> int:
    actor, now = me(request).actor, clock.now()
    given, seen = form.get("id"), form.get("number")
    promotion = row_id(given)
    if given and promotion is None:
        raise web.HTTPBadRequest

    def unit(session: Session) -> int:
        newest = None
        if promotion is not None:
            newest = ensure_seen(session, promotion, seen).newest
        if newest is None or newest.rules != rules:
            newest = promotions.save(session, promotion, rules, actor, now)
            _note_saved(session, newest, actor)
        number = newest.live.promotion_id
        if switch:
            promotions.switch_on(session, number, actor, now)
        return number

    return await db(request).transact(unit)


def _note_saved(session: Session, stored: promotions.Stored, actor: str) -> None:
    rows = Rows()
    events.record(
        rows,
        type="promotion.saved",
        customer_id=None,
        actor=actor,
        data={"promotion_id": str(stored.live.promotion_id), "version": stored.live.number},
        now=stored.created_at,
    )
    rows.put(session)
