"""The editor of a chain: its parts and steps, each in a form of its own; every change is kept in
a draft at once, and nothing of it is in force before it is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin import chains_parts, chains_steps, rule_form, rule_rows
from admin.base import SETTINGS, allowed, db, me
from admin.chains import EDITORS, HOME, say_first
from admin.chains_around import Near, near_of, sayer
from admin.chains_fields import received, tell
from admin.chains_reasons import say_problem
from admin.chains_words import KINDS, Line, called, choices_of_tests
from admin.promotions_around import marks
from admin.promotions_fields import Form
from admin.render import language, page
from admin.words import CHAIN_NAMES
from loyalty import clock
from loyalty.chains import drafts, editing
from loyalty.chains.drafts import Edited
from loyalty.chains.model import URGENCIES, Definition
from loyalty.chains.needs import needs_of
from loyalty.errors import ChainInvalid
from loyalty.texts import Translator

Document = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Overtaken(Exception):
    """Somebody else has changed the draft since the page was opened."""


# --- the whole of it -------------------------------------------------------------------------


@allowed(*EDITORS)
async def edit_page(request: web.Request) -> web.StreamResponse:
    """The draft at a glance: its parts, its steps in order, what is still wrong."""
    return await show_editor(request)


async def show_editor(
    request: web.Request, *, problem: str | None = None, status: int = 200
) -> web.Response:
    """The editor; ``problem`` is told at its top."""
    now, t = clock.now(), language(request)
    one = await _one(request)
    near = await near_of(request, now)
    document = one.document
    problems = drafts.draft_problems(document)
    says = sayer(request, near)
    return page(
        request,
        "chain_edit.html",
        status=status,
        problem=problem,
        one=one,
        home=f"{HOME}/{one.key}",
        seen=seen_mark(one),
        title=one.title(t.language) if one.draft is None else _title(document, one, t),
        summary=_summary(document, says, near),
        lines=_lines(document, says),
        kinds=[(kind, str(t(said))) for kind, said in KINDS.items()],
        about_day=(document.get("trigger") or {}).get("kind") in ("expiry", "date"),
        problems_of=lambda start: _told(problems, start, t),
        loose=_told([p for p in problems if p["field"] in ("steps", "")], "", t),
        many=len(problems),
        said_by=near.author(t, one.draft_by),
    )


def _title(document: Document, one: Edited, t: Translator) -> str:
    names = document.get("title")
    found = names.get(t.language) if isinstance(names, dict) else None
    return str(found or one.title(t.language))


def _told(problems: list[dict[str, str]], start: str, t: Translator) -> list[str]:
    """What is wrong at a part of the draft, in words, each thing once."""
    said = [
        str(say_problem(t, problem["problem"]))
        for problem in problems
        if not start or problem["field"] == start or problem["field"].startswith(f"{start}.")
    ]
    return list(dict.fromkeys(said))


def _partial(document: Document) -> Definition | None:
    """As much of a draft as can be read, for its picture."""
    try:
        return Definition.model_validate(document)
    except ValueError:
        return None


def _summary(document: Document, says: Any, near: Near) -> dict[str, Any]:
    """What the parts beside the steps say, each for itself; None where one cannot be read yet."""
    base = {"title": {}, "trigger": {"kind": "event", "event": "x"}, "steps": []}

    def read(*names: str) -> Definition | None:
        return _partial({**base, **{name: document[name] for name in names if name in document}})

    titled, begun, exits = read("title", "about"), read("trigger"), read("exits")
    own = ("re_entry", "holdout_bp")
    again = read("trigger", *own) or read(*own)
    return {
        "trigger": says.trigger(begun.trigger) if begun else None,
        "exits": says.exits(exits) if exits else None,
        "re_entry": says.re_entry(again) if again else None,
        "control": says.control(again, near.around.rules.chain_holdout_bp) if again else None,
        "about": titled.about if titled else None,
        "titles": titled.title if titled else None,
    }


def _lines(document: Document, says: Any) -> list[Line]:
    """Every step of a draft; one that cannot be read yet is only named."""
    steps = chains_steps.steps_of(document)
    base = {"title": {}, "trigger": {"kind": "event", "event": "x"}}
    read = [_partial({**base, "steps": [step]}) for step in steps]
    names = {"end": Markup.escape(says.end)}
    for number, (step, one) in enumerate(zip(steps, read, strict=True), 1):
        known = says.named(one.steps[0], number) if one else None
        kind = says.kind(str(step.get("kind")))
        names[str(step.get("id"))] = known or called(number, kind, "")
    return [
        says.line(one.steps[0], number, names)
        if one
        else Line(
            str(step.get("id")), str(step.get("kind")), number, says.kind(str(step.get("kind")))
        )
        for number, (step, one) in enumerate(zip(steps, read, strict=True), 1)
    ]


def names_in(document: Document, says: Any) -> dict[str, str]:
    """How each step of a draft is spoken of, by id."""
    found = {"end": says.end}
    for line in _lines(document, says):
        said = Markup.escape(line.text).striptags()
        found[line.step_id] = str(called(line.number, line.title, said).striptags())
    return found


# --- keeping a draft -------------------------------------------------------------------------


async def _one(request: web.Request) -> Edited:
    key = request.match_info["key"]
    return await db(request).read(lambda session: drafts.find(session, key=key))


def seen_mark(one: Edited) -> str:
    """What the page has seen: when the draft was changed last."""
    return str(int((one.draft_at - _EPOCH).total_seconds() * 1000)) if one.draft_at else "0"


async def change(
    request: web.Request, form: Mapping[str, Any], doing: Callable[[Document], Any]
) -> Any:
    """Change the draft and keep it; what ``doing`` gives.

    Raises:
        Overtaken: somebody else has changed it since the page was opened.
    """
    key, actor, now = request.match_info["key"], me(request).actor, clock.now()
    seen = str(form.get("seen", ""))

    def unit(session: Session) -> Any:
        one = drafts.find(session, key=key)
        if one.draft_by != actor and one.draft_at is not None and seen_mark(one) != seen:
            raise Overtaken
        document = one.document
        before = repr(document)
        answer = doing(document)
        if repr(document) != before:
            editing.save_draft(session, key=key, document=document, actor=actor, now=now)
        return answer

    return await db(request).transact(unit)


def overtaken(request: web.Request) -> str:
    """What the second of two editors is told."""
    t = language(request)
    return str(
        t(
            "Somebody else has changed this draft meanwhile. Nothing of yours was kept: look at "
            "it as it is now, and repeat."
        )
    )


@allowed(*EDITORS)
async def change_steps(request: web.Request) -> web.StreamResponse:
    """Add a step, move one, take one out."""
    form = await request.post()
    what, _, rest = str(form.get("do", "")).partition(":")
    after = str(form.get("after", "")) or None

    def doing(document: Document) -> str | None:
        if what == "add":
            return chains_steps.add(document, rest, after=after)
        if what in ("up", "down"):
            chains_steps.move(document, rest, -1 if what == "up" else 1)
            return rest
        if what == "remove":
            chains_steps.remove(document, rest)
            return None
        raise web.HTTPBadRequest

    home = f"{HOME}/{request.match_info['key']}/edit"
    try:
        step_id = await change(request, form, doing)
    except Overtaken:
        return await show_editor(request, problem=overtaken(request), status=409)
    if what == "add" and step_id is not None:
        raise web.HTTPSeeOther(f"{home}/steps/{step_id}")
    raise web.HTTPSeeOther(f"{home}#step-{step_id}" if step_id else f"{home}#steps")


@allowed(*EDITORS)
async def finish(request: web.Request) -> web.StreamResponse:
    """Publish the draft, alone or with switching on; drop it; begin anew with the shipped one."""
    form = await request.post()
    what, key, actor, now = str(form.get("do", "")), request.match_info["key"], me(request).actor, (
        clock.now()
    )  # fmt: skip
    seen = str(form.get("seen", ""))

    def unit(session: Session) -> None:
        one = drafts.find(session, key=key)
        if one.draft_at is not None and seen_mark(one) != seen and one.draft_by != actor:
            raise Overtaken
        if what == "drop":
            editing.drop_draft(session, key=key, actor=actor, now=now)
        elif what == "restore":
            editing.restore_shipped(session, key=key, actor=actor, now=now)
        elif what in ("publish", "publish_on"):
            editing.publish_draft(session, key=key, actor=actor, now=now)
            if what == "publish_on":
                _switch_on(session, key, actor, now)
        else:
            raise web.HTTPBadRequest

    try:
        await db(request).transact(unit)
    except Overtaken:
        return await show_editor(request, problem=overtaken(request), status=409)
    except ChainInvalid as error:
        t = language(request)
        said = t("It cannot be published yet.") + " " + say_first(t, error)
        return await show_editor(request, problem=str(said.unescape()), status=409)
    raise web.HTTPSeeOther(f"{HOME}/{key}" + ("/edit" if what == "restore" else ""))


def _switch_on(session: Session, key: str, actor: str, now: datetime) -> None:
    one = drafts.find(session, key=key)
    missing = needs_of(session, [one], now=now)[key].missing
    if missing:
        raise ChainInvalid(problems=[{"field": "", "problem": missing[0]}])
    editing.switch(session, key=key, enabled=True, actor=actor, now=now)


# --- parts beside the steps ------------------------------------------------------------------


@allowed(*EDITORS)
async def part_page(request: web.Request) -> web.StreamResponse:
    """The form of a part."""
    one, part = await _one(request), request.match_info["part"]
    form = chains_parts.fill(part, one.document, language(request).language)
    tell(form, one.document, _field_of(part), language(request))
    return await _show_part(request, one, form)


def _field_of(part: str) -> str:
    return {"again": "re_entry"}.get(part, part)


async def _show_part(
    request: web.Request, one: Edited, form: Form, *, status: int = 200, problem: str | None = None
) -> web.Response:
    t, part = language(request), request.match_info["part"]
    near = await near_of(request, clock.now(), goods=True)
    return page(
        request,
        "chain_part.html",
        status=status,
        problem=problem,
        one=one,
        part=part,
        form=form,
        home=f"{HOME}/{one.key}/edit",
        seen=seen_mark(one),
        starts=[(name, str(t(said))) for name, (said, _) in chains_parts.STARTS.items()],
        tests=choices_of_tests(t, one.document.get("trigger") or {}, form.every("tests")),
        urgencies=[(u, str(t(CHAIN_NAMES[u]))) for u in URGENCIES if u in CHAIN_NAMES],
        own_bp=near.around.rules.chain_holdout_bp,
        **rule_parts(request, near, t),
    )


def rule_parts(request: web.Request, near: Near, t: Translator) -> dict[str, Any]:
    """What forms with rules need."""
    return {
        "near": near.around,
        "own_dates": near.choices.by_source.get("own_dates", ()),
        "categories": near.around.goods.categories[:14],
        "cards": near.around.cards(t.language),
        "marks": marks(t, request.app[SETTINGS].currency),
        "rows_of": lambda form, prefix: rule_rows.rows_of(form, prefix, t, near.choices),
        "whats": rule_rows.whats(t),
        "say_kept": lambda text: rule_form.say_kept(text, t, near.choices),
    }


@allowed(*EDITORS)
async def part(request: web.Request) -> web.StreamResponse:
    """Keep a part, or show other fields of it."""
    post = await request.post()
    form, t, name = received(post), language(request), request.match_info["part"]
    what, _, where = form.get("do").partition(":")
    _change_rows(form, what, where)
    kept: list[Document] = []

    def doing(document: Document) -> None:
        form.problems.clear()
        made = chains_parts.read(name, form, document, t)
        kept.append(made)
        # What cannot be read stays on the page only, until it can.
        if not form.problems:
            document.update(made)

    try:
        await change(request, post, doing)
    except Overtaken:
        one = await _one(request)
        return await _show_part(request, one, form, status=409, problem=overtaken(request))
    one = await _one(request)
    if what == "save" and not form.problems:
        raise web.HTTPSeeOther(f"{HOME}/{one.key}/edit#{name}")
    if what == "show" and name == "trigger" and form.get("shown") != form.get("start"):
        form = chains_parts.fill(name, {**one.document, **kept[0]}, t.language)
    elif what == "save":
        return await _show_part(request, one, form, status=400)
    else:
        form.problems.clear()
    return await _show_part(request, one, form)


def _change_rows(form: Form, what: str, where: str) -> None:
    """Add a row to a list of the form or take one out."""
    if (what == "add" and where.endswith("rule")) or (what == "add" and where.startswith("rules.")):
        form.add(where, ("what", "op", "value"))
    elif what == "add" and where == "rules":
        form.add(where, ("join", "0.what"))
    elif what == "forget":
        for key in [key for key in form.values if key.startswith(f"{where}.")]:
            del form.values[key]
    elif what == "remove":
        name, _, number = where.rpartition(".")
        if name and number.isascii() and number.isdigit():
            form.remove(name, int(number))
