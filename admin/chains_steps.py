"""Steps of a draft: new ones, their order, and each as a form and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from admin import rule_form
from admin.chains_fields import number_of, put_texts, texts_of
from admin.chains_message_form import fill_message, read_message
from admin.program_form import shown
from admin.promotions_fields import Form, Reader
from admin.promotions_form import COUPON_DEFAULTS, fill_coupon
from loyalty.chains.model import MAX_STEPS
from loyalty.ids import new_id, short_of
from loyalty.program.effects import VoucherEffect
from loyalty.texts import Translator

Document = dict[str, Any]
_EFFECT: TypeAdapter[VoucherEffect] = TypeAdapter(VoucherEffect)
_NEW: Mapping[str, Document] = {
    "message": {"texts": {}, "buttons": [], "lifetime_hours": 48},
    "wait": {"days": 1, "hours": 0, "minutes": 0, "since": "previous"},
    "wait_hour": {"hour": 10, "weekday": None},
    "wait_before": {"days": 0, "hour": 10},
    "condition": {"test": "has_bought", "rule": None, "otherwise": "end"},
    "gift": {"points": 50},
    "tag": {"tag": "", "remove": False},
    "task": {"title": {"ru": "Позвонить гостю", "en": "Call the guest"}, "due_days": 3},
    "webhook": {"name": "chain.step"},
}
KINDS = tuple(_NEW)


# --- the list --------------------------------------------------------------------------------


def steps_of(document: Document) -> list[Document]:
    """The steps of a draft, whatever else stands there."""
    found = document.get("steps")
    return [step for step in found if isinstance(step, dict)] if isinstance(found, list) else []


def place_of(document: Document, step_id: str) -> int | None:
    """Where a step stands."""
    found = (n for n, step in enumerate(steps_of(document)) if step.get("id") == step_id)
    return next(found, None)


def add(document: Document, kind: str, *, after: str | None) -> str | None:
    """Put a new step after another one, or at the end; its id. None: no more fit, or no such
    kind."""
    steps = steps_of(document)
    if kind not in _NEW or len(steps) >= MAX_STEPS:
        return None
    # Never a name that was used before: who got that step would not get this one.
    step_id = f"{kind}_{short_of(new_id())[-7:]}"
    made = {"kind": kind, "id": step_id, **_NEW[kind]}
    trigger = document.get("trigger") or {}
    if kind == "message" and trigger.get("kind") in ("expiry", "date"):
        made["lifetime_hours"] = None
    place = place_of(document, after) if after else None
    steps.insert(len(steps) if place is None else place + 1, made)
    document["steps"] = steps
    return step_id


def move(document: Document, step_id: str, by: int) -> bool:
    """Move a step up (-1) or down (1); whether it moved."""
    steps, place = steps_of(document), place_of(document, step_id)
    if place is None or not 0 <= place + by < len(steps):
        return False
    steps[place], steps[place + by] = steps[place + by], steps[place]
    document["steps"] = steps
    return True


def remove(document: Document, step_id: str) -> bool:
    """Take a step out; whether it was there."""
    steps, place = steps_of(document), place_of(document, step_id)
    if place is None:
        return False
    del steps[place]
    document["steps"] = steps
    return True


# --- one step --------------------------------------------------------------------------------


def fill(step: Mapping[str, Any], language: str) -> Form:
    """The form of a step."""
    form, kind = Form(), step.get("kind")
    form.put("kind", str(kind))
    match kind:
        case "wait":
            for name in ("days", "hours", "minutes"):
                form.put(name, str(step.get(name) or ""))
            form.put("since", str(step.get("since", "previous")))
        case "wait_hour":
            form.put("hour", str(step.get("hour", 10)))
            form.put("weekday", str(step.get("weekday") or ""))
        case "wait_before":
            form.put("days", str(step.get("days", 0)))
            form.put("hour", str(step.get("hour", 10)))
        case "condition":
            by = "rule" if step.get("rule") is not None else "test"
            form.put("by", by)
            form.put("test", str(step.get("test") or ""))
            form.put("otherwise", str(step.get("otherwise", "end")))
            rule_form.fill(form, "rule", step.get("rule"), language)
        case "message":
            fill_message(form, step, language)
        case "gift":
            _fill_gift(form, step, language)
        case "tag":
            form.put("tag", str(step.get("tag", "")))
            form.put("remove", "on" if step.get("remove") else "")
        case "task":
            put_texts(form, "title", step.get("title"))
            form.put("due_days", str(step.get("due_days", 3)))
        case "webhook":
            form.put("name", str(step.get("name", "")))
    return form


def _fill_gift(form: Form, step: Mapping[str, Any], language: str) -> None:
    voucher, stamps = step.get("voucher"), step.get("stamps")
    form.put("gift", "voucher" if voucher else "stamps" if stamps else "points")
    form.put("points", str(step.get("points") or ""))
    form.put("points_days", str(step.get("points_days") or ""))
    if stamps:
        form.put("card", str(stamps.get("card", "")))
        form.put("count", str(stamps.get("count", 1)))
    if voucher:
        put_texts(form, "voucher.name", voucher.get("name"))
        form.put("voucher.valid_days", str(voucher.get("valid_days", 7)))
        form.put("voucher.minimum", shown("money", voucher.get("minimum") or None, language))
        try:
            effect = _EFFECT.validate_python(voucher.get("effect"))
        except ValidationError:
            form.put("voucher.effect.kind", str((voucher.get("effect") or {}).get("kind", "")))
        else:
            fill_coupon(form, "voucher.effect", effect, language)


def complete(form: Form) -> None:
    """Sensible values for fields that a choice brings onto the page."""
    if form.get("kind") != "gift":
        return
    kind = form.get("gift")
    if kind == "points":
        form.default("points", "50")
    elif kind == "stamps":
        form.default("count", "1")
    else:
        form.default("voucher.effect.kind", "percent")
        form.default("voucher.valid_days", "7")
        known = COUPON_DEFAULTS.get(form.get("voucher.effect.kind"))
        if known is not None:
            form.default(f"voucher.effect.{known[0]}", known[1])


def read(form: Form, step: Mapping[str, Any], t: Translator, currency: str) -> Document:
    """The step that was typed; what does not fit is told in ``form.problems`` and left out."""
    kind = str(step.get("kind"))
    made: Document = {"kind": kind, "id": step.get("id")}
    match kind:
        case "wait":
            made |= {
                "days": number_of(form, "days", low=0, high=3650, t=t) or 0,
                "hours": number_of(form, "hours", low=0, high=23, t=t) or 0,
                "minutes": number_of(form, "minutes", low=0, high=59, t=t) or 0,
                "since": "start" if form.get("since") == "start" else "previous",
            }
        case "wait_hour":
            made["hour"] = _hour(form, t)
            made["weekday"] = number_of(form, "weekday", low=1, high=7, t=t)
        case "wait_before":
            made["days"] = number_of(form, "days", low=0, high=365, t=t) or 0
            made["hour"] = _hour(form, t)
        case "condition":
            made |= _read_condition(form, t)
        case "message":
            made |= read_message(form, step, t)
        case "gift":
            made |= _read_gift(form, t, currency)
        case "tag":
            made |= {"tag": form.get("tag")[:40], "remove": bool(form.get("remove"))}
        case "task":
            due = number_of(form, "due_days", low=0, high=90, t=t)
            made |= {"title": texts_of(form, "title"), "due_days": 3 if due is None else due}
        case "webhook":
            made["name"] = form.get("name").lower()
    return made


def _hour(form: Form, t: Translator) -> int:
    found = number_of(form, "hour", low=0, high=23, t=t)
    return 10 if found is None else found


def _read_condition(form: Form, t: Translator) -> Document:
    made: Document = {"test": None, "rule": None, "otherwise": form.get("otherwise") or "end"}
    if form.get("by") == "rule":
        made["rule"] = rule_form.read(form, "rule", t)
    else:
        made["test"] = form.get("test") or None
    return made


def _read_gift(form: Form, t: Translator, currency: str) -> Document:
    kind = form.get("gift")
    if kind == "points":
        return {
            "points": number_of(form, "points", low=1, high=1_000_000, t=t),
            "points_days": number_of(form, "points_days", low=1, high=3650, t=t),
        }
    if kind == "stamps":
        count = number_of(form, "count", low=1, high=20, t=t)
        return {"stamps": {"card": form.get("card"), "count": count or 1}}
    reader = Reader(form, t, currency)
    return {
        "voucher": {
            "name": texts_of(form, "voucher.name"),
            "effect": reader.coupon("voucher.effect") or {"kind": form.get("voucher.effect.kind")},
            "valid_days": number_of(form, "voucher.valid_days", low=1, high=365, t=t) or 7,
            "minimum": reader.value("voucher.minimum", "money") or 0,
        }
    }
