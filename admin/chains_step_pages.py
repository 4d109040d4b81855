"""The form of one step of a chain, with its message as the phone will show it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin import chains_message_form as message_form
from admin import chains_steps
from admin.base import PANEL, SETTINGS, allowed, db, me
from admin.chains import EDITORS, HOME
from admin.chains_around import near_of, sayer
from admin.chains_editor import (
    Document,
    Overtaken,
    change,
    names_in,
    overtaken,
    rule_parts,
    seen_mark,
)
from admin.chains_fields import received, tell
from admin.chains_reasons import LANGUAGES as LANGUAGE_NAMES
from admin.chains_variables import bubble, buttons
from admin.chains_words import KINDS, choices_of_tests
from admin.customers import row_id
from admin.promotions_fields import Form
from admin.promotions_words import weekday_names
from admin.render import language, page
from loyalty import clock
from loyalty.chains import drafts
from loyalty.chains.drafts import Edited
from loyalty.errors import ChainNotFound, PictureInvalid
from loyalty.messaging import media
from loyalty.texts import LANGUAGES, Translator

_ABOUT_PURCHASE = ("silence", "replenish")


@allowed(*EDITORS)
async def step_page(request: web.Request) -> web.StreamResponse:
    """The form of a step."""
    one = await _one(request)
    place, step = _step(request, one.document)
    form, t = chains_steps.fill(step, language(request).language), language(request)
    tell(form, one.document, f"steps.{place}", t)
    if not _has_words(step):
        form.problems.clear()
    return await _show(request, one, form)


def _has_words(step: Document) -> bool:
    """A message nobody has begun to write is not scolded for being empty."""
    return step.get("kind") != "message" or bool(step.get("texts"))


async def _one(request: web.Request) -> Edited:
    key = request.match_info["key"]
    return await db(request).read(lambda session: drafts.find(session, key=key))


def _step(request: web.Request, document: Document) -> tuple[int, Document]:
    """The step of the address and its place.

    Raises:
        ChainNotFound: the draft has no such step any more.
    """
    place = chains_steps.place_of(document, request.match_info["step"])
    if place is None:
        raise ChainNotFound()
    return place, chains_steps.steps_of(document)[place]


async def _show(
    request: web.Request, one: Edited, form: Form, *, status: int = 200, problem: str | None = None
) -> web.Response:
    t, document = language(request), one.document
    place, step = _step(request, document)
    chains_steps.complete(form)
    near = await near_of(request, clock.now(), goods=True)
    says, names = sayer(request, near), {}
    names = names_in(document, says)
    later = [str(one.get("id")) for one in chains_steps.steps_of(document)[place + 1 :]]
    kind = str(step.get("kind"))
    return page(
        request,
        "chain_step.html",
        status=status,
        problem=problem,
        one=one,
        step=step,
        kind=kind,
        kind_said=t(KINDS[kind]) if kind in KINDS else kind,
        number=place + 1,
        form=form,
        home=f"{HOME}/{one.key}/edit",
        seen=seen_mark(one),
        later=[(step_id, names[step_id]) for step_id in later],
        end=names["end"],
        hours=[(str(hour), f"{hour}:00") for hour in range(24)],
        weekdays=weekday_names(t, wide=True),
        tests=choices_of_tests(t, document.get("trigger") or {}, [form.get("test")]),
        opens=message_form.opens(t, about_purchase=_about_purchase(document)),
        about_day=(document.get("trigger") or {}).get("kind") in ("expiry", "date"),
        variables={code: buttons(t, code) for code in LANGUAGES},
        most=message_form.MOST,
        bubbles=_bubbles(form, t),
        **rule_parts(request, near, t),
    )


def _about_purchase(document: Document) -> bool:
    trigger = document.get("trigger") or {}
    by_event = trigger.get("occurrence") == "purchase" or bool(trigger.get("first"))
    return by_event or trigger.get("kind") in _ABOUT_PURCHASE


def _bubbles(form: Form, t: Translator) -> list[dict[str, Any]]:
    """The message as phones show it, in both languages, the reader's first."""
    rows: list[list[int]] = []
    for number in form.rows("buttons"):
        if form.get(f"buttons.{number}.beside") and rows:
            rows[-1].append(number)
        else:
            rows.append([number])
    found = []
    for code in sorted(LANGUAGES, key=lambda one: one != t.language):
        labels = [[form.get(f"buttons.{n}.texts.{code}") for n in row] for row in rows]
        text = bubble(form.get(f"texts.{code}"), code)
        found.append(
            {
                "said": t(LANGUAGE_NAMES[code]),
                "text": text or Markup('<span class="muted">{}</span>').format(t("Your text…")),
                "buttons": labels,
                "code": code,
            }
        )  # fmt: skip
    return found


@allowed(*EDITORS)
async def preview(request: web.Request) -> web.StreamResponse:
    """The message as it is being typed, for a part of the page; what can be read is kept."""
    post = await request.post()
    form, t = received(post), language(request)
    kept, said = True, None
    try:
        kept = await _keep(request, post, form)
    except Overtaken:
        kept, said = False, overtaken(request)
    one = await _one(request)
    return page(
        request,
        "_chain_bubbles.html",
        bubbles=_bubbles(form, t),
        picture=form.get("picture"),
        kept=kept,
        said=said,
        seen=seen_mark(one),
    )


async def _keep(request: web.Request, post: Any, form: Form) -> bool:
    """Keep the step in the draft if all of it can be read; whether it was."""
    t, currency = language(request), request.app[SETTINGS].currency

    def doing(document: Document) -> bool:
        place, step = _step(request, document)
        form.problems.clear()
        made = chains_steps.read(form, step, t, currency)
        if form.problems:
            return False
        steps = chains_steps.steps_of(document)
        if steps[place] != made:
            steps[place] = made
            document["steps"] = steps
        return True

    return bool(await change(request, post, doing))


@allowed(*EDITORS)
async def step(request: web.Request) -> web.StreamResponse:
    """Keep a step; add a button, a variant or a condition, or take one out."""
    post = await request.post()
    form = received(post)
    what, _, where = form.get("do").partition(":")
    t = language(request)
    refused = await _picture(request, post.get("upload"), form) if what != "nopicture" else None
    if what == "nopicture":
        form.put("picture", "")
    _change(form, what, where, t)
    try:
        kept = await _keep(request, post, form)
    except Overtaken:
        one = await _one(request)
        return await _show(request, one, form, status=409, problem=overtaken(request))
    one = await _one(request)
    if refused is not None:
        form.problems["upload"] = refused
        return await _show(request, one, form, status=400)
    if what == "save":
        if kept:
            step_id = request.match_info["step"]
            raise web.HTTPSeeOther(f"{HOME}/{one.key}/edit#step-{step_id}")
        many = t.plural("{n} field needs a look.", "{n} fields need a look.", len(form.problems))
        return await _show(request, one, form, status=400, problem=str(many))
    form.problems.clear()
    return await _show(request, one, form)


def _change(form: Form, what: str, where: str, t: Translator) -> None:
    name, _, number = where.rpartition(".")
    if what == "add" and where in message_form.LISTS:
        rows = len(form.rows(where))
        if rows < message_form.MOST[where]:
            form.add(where, message_form.LISTS[where])
            _begin(form, where, rows)
    elif what == "add" and where.endswith("rule"):
        form.add(where, ("what", "op", "value"))
    elif what == "forget":
        for key in [key for key in form.values if key.startswith(f"{where}.")]:
            del form.values[key]
    elif what == "remove" and name and number.isascii() and number.isdigit():
        form.remove(name, int(number))
    elif what not in ("save", "show", "nopicture", ""):
        raise web.HTTPBadRequest
    del t


def _begin(form: Form, where: str, row: int) -> None:
    """What a new row begins with."""
    if where == "buttons":
        form.put(f"{where}.{row}.opens", "card")
    elif where == "variants":
        form.put(f"{where}.{row}.share", "50" if not row else "20")
    elif where == "for_segments":
        form.put(f"{where}.{row}.rule.0.what", "s")
        form.put(f"{where}.{row}.rule.0.segment", "vip")


async def _picture(request: web.Request, given: Any, form: Form) -> str | None:
    """Keep the uploaded picture and put it into the form; what is wrong with it."""
    if not isinstance(given, FileField) or not given.filename:
        return None
    content = given.file.read()
    actor, now = me(request).actor, clock.now()
    name = given.filename[-120:]

    def unit(session: Session) -> int:
        return media.put(session, content=content, name=name, actor=actor, now=now)

    try:
        form.put("picture", str(await db(request).transact(unit)))
    except PictureInvalid:
        t = language(request)
        return str(t("A picture is a JPEG, PNG, WebP or GIF of at most 5 MB."))
    return None


@allowed(*PANEL)
async def picture(request: web.Request) -> web.StreamResponse:
    """A picture of a message."""
    number = row_id(request.match_info["id"])
    if number is None:
        raise web.HTTPNotFound
    found = await db(request).read(lambda session: media.load(session, number))
    if found is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "private, max-age=86400"}
    return web.Response(body=found.data, content_type=found.kind, headers=headers)
