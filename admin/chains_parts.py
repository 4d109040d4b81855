"""Parts of a chain beside its steps as forms: names, how it begins, when it stops, who again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from admin import rule_form
from admin.chains_fields import number_of, put_texts, texts_of
from admin.program_form import shown
from admin.promotions_fields import Form, Reader
from loyalty.chains.model import URGENCIES
from loyalty.texts import N_, Translator

Document = dict[str, Any]
PARTS = ("title", "trigger", "exits", "again")

_EVENT = "event"
STARTS: dict[str, tuple[str, Document]] = {
    "joined": (
        N_("somebody joins"),
        {"kind": _EVENT, "event": "customer.joined", "occurrence": "once"},
    ),
    "first_purchase": (
        N_("the first purchase"),
        {"kind": _EVENT, "event": "purchase.recorded", "occurrence": "purchase", "first": True},
    ),
    "purchase": (
        N_("every purchase"),
        {"kind": _EVENT, "event": "purchase.recorded", "occurrence": "purchase"},
    ),
    "five_stars": (
        N_("a rating of five stars"),
        {
            "kind": _EVENT, "event": "purchase.rated", "occurrence": "event",
            "where": {"score": 5},
        },
    ),
    "stamp_card": (
        N_("a full stamp card"),
        {"kind": _EVENT, "event": "stamps.reward", "occurrence": "event"},
    ),
    "level_up": (
        N_("a higher level is reached"),
        {
            "kind": _EVENT, "event": "tier.changed", "occurrence": "event",
            "where": {"rise": True},
        },
    ),
    "level_down": (
        N_("the level is about to go down"),
        {"kind": _EVENT, "event": "tier.warned", "occurrence": "event"},
    ),
    "birthday_points": (
        N_("birthday points are given"),
        {"kind": _EVENT, "event": "points.birthday", "occurrence": "event"},
    ),
    "cart": (
        N_("something is left in the cart on the site"),
        {
            "kind": _EVENT, "event": "cart_updated", "occurrence": "subject",
            "subject": "cart_id",
        },
    ),
    "view": (
        N_("goods were viewed on the site"),
        {"kind": _EVENT, "event": "product_viewed", "occurrence": "event"},
    ),
    "expiry": (N_("points are about to expire"), {"kind": "expiry", "days_before": 14}),
    "birthday": (
        N_("the birthday"), {"kind": "date", "field": "birthday", "days_before": 0},
    ),
    "anniversary": (
        N_("the anniversary of joining"), {"kind": "date", "field": "joined", "days_before": 0},
    ),
    "own_date": (
        N_("a date of the customer's own"),
        {"kind": "date", "field": "field:renewal", "days_before": 14, "yearly": False},
    ),
    "silence": (N_("a long time without a purchase"), {"kind": "silence", "days": 30}),
    "replenish": (
        N_("goods should have run out"),
        {"kind": "replenish", "category": None, "days": None, "own_interval": True},
    ),
    "segment": (
        N_("somebody comes to fit a rule"),
        {"kind": "segment", "rule": {"segment": "vip"}, "present": False},
    ),
    "calendar": (
        N_("a day of the calendar"),
        {"kind": "calendar", "month": 12, "day": 20, "hour": 10, "on": None, "rule": None},
    ),
    "other": (
        N_("another event"),
        {"kind": _EVENT, "event": "own_event", "occurrence": "event"},
    ),
}  # fmt: skip
"""How a chain may begin: as the form asks, and what it means."""


def start_of(trigger: Mapping[str, Any]) -> str:
    """Which of ``STARTS`` a trigger is."""
    kind = trigger.get("kind")
    if kind == "date":
        by = {"birthday": "birthday", "joined": "anniversary"}
        return by.get(str(trigger.get("field")), "own_date")
    if kind != _EVENT:
        return str(kind) if kind in STARTS else "other"
    for name, (_, meant) in STARTS.items():
        same = meant.get("kind") == _EVENT and meant["event"] == trigger.get("event")
        first = bool(meant.get("first")) == bool(trigger.get("first"))
        if same and first and (trigger.get("where") or {}) == meant.get("where", {}):
            return name
    return "other"


def fill(part: str, document: Document, language: str) -> Form:
    """The form of a part."""
    form = Form()
    match part:
        case "title":
            put_texts(form, "title", document.get("title"))
            put_texts(form, "about", document.get("about"))
        case "trigger":
            _fill_trigger(form, document.get("trigger") or {}, language)
        case "exits":
            _fill_exits(form, document.get("exits") or (), language)
        case "again":
            _fill_again(form, document, language)
    return form


def _fill_trigger(form: Form, trigger: Mapping[str, Any], language: str) -> None:
    form.put("start", start_of(trigger))
    for name in ("days_before", "days", "hour", "month", "day", "event", "occurrence", "subject"):
        value = trigger.get(name)
        form.put(name, "" if value is None else str(value))
    form.put("field", str(trigger.get("field") or "").partition(":")[2])
    form.put("category", str(trigger.get("category") or ""))
    form.put("on", str(trigger.get("on") or ""))
    form.put("each_year", "" if trigger.get("on") else "on")
    for name in ("yearly", "own_interval", "present"):
        form.put(name, "on" if trigger.get(name) else "")
    rule_form.fill(form, "rule", trigger.get("rule"), language)


def _fill_exits(form: Form, exits: Any, language: str) -> None:
    form.put("tests", [one for one in exits if isinstance(one, str)])
    rules = [one for one in exits if not isinstance(one, str)]
    for number, one in enumerate(rules):
        rule_form.fill(form, f"rules.{number}", one, language)


def _fill_again(form: Form, document: Document, language: str) -> None:
    again = document.get("re_entry") or {}
    days = again.get("days") or 0
    form.put("again", "never" if again.get("never") else "days" if days else "every")
    form.put("days", str(days or ""))
    form.put("one_at_a_time", "on" if again.get("one_at_a_time") else "")
    share = document.get("holdout_bp")
    form.put("control", "program" if share is None else "own" if share else "nobody")
    form.put("share", shown("rate", share, language) if share else "")
    form.put("urgency", str(document.get("urgency") or ""))


def read(part: str, form: Form, document: Document, t: Translator) -> Document:
    """The draft with the part as it was typed; what does not fit is told in the form."""
    made = dict(document)
    match part:
        case "title":
            made["title"], made["about"] = texts_of(form, "title"), texts_of(form, "about")
        case "trigger":
            made["trigger"] = _read_trigger(form, document.get("trigger") or {}, t)
        case "exits":
            made["exits"] = _read_exits(form, t)
        case "again":
            _read_again(form, made, t)
    return made


def _read_trigger(form: Form, old: Mapping[str, Any], t: Translator) -> Document:
    start = form.get("start")
    if start not in STARTS:
        form.problems.setdefault("start", str(t("Choose one.")))
        return dict(old)
    meant = dict(STARTS[start][1])
    same = start_of(old) == start
    if same and meant["kind"] == _EVENT and start != "other":
        return dict(old)
    if not same and form.get("shown") != start:
        # Its fields were not on the page yet.
        return meant
    match meant["kind"]:
        case "event":
            meant["event"] = form.get("event")
            meant["occurrence"] = form.get("occurrence") or "event"
            meant["subject"] = form.get("subject") or None
            meant["where"] = old.get("where") or {}
        case "expiry":
            meant["days_before"] = number_of(form, "days_before", low=1, high=90, t=t) or 14
        case "date":
            meant["days_before"] = number_of(form, "days_before", low=0, high=365, t=t) or 0
            if start == "own_date":
                meant["field"] = f"field:{str(form.get('field')).strip().lower()}"
                meant["yearly"] = bool(form.get("yearly"))
        case "silence":
            meant["days"] = number_of(form, "days", low=1, high=3650, t=t)
        case "replenish":
            meant["category"] = form.get("category") or None
            meant["days"] = number_of(form, "days", low=1, high=3650, t=t)
            meant["own_interval"] = bool(form.get("own_interval"))
        case "segment":
            meant["rule"] = rule_form.read(form, "rule", t)
            meant["present"] = bool(form.get("present"))
        case "calendar":
            meant |= _read_calendar(form, t)
    return meant


def _read_calendar(form: Form, t: Translator) -> Document:
    hour = number_of(form, "hour", low=0, high=23, t=t)
    made: Document = {"on": None, "month": None, "day": None, "hour": 10 if hour is None else hour}
    made["rule"] = rule_form.read(form, "rule", t)
    if form.get("each_year"):
        made["month"] = number_of(form, "month", low=1, high=12, t=t)
        made["day"] = number_of(form, "day", low=1, high=31, t=t)
        return made
    try:
        made["on"] = date.fromisoformat(form.get("on")).isoformat()
    except ValueError:
        form.problems.setdefault("on", str(t("Choose the day.")))
    return made


def _read_exits(form: Form, t: Translator) -> list[Any]:
    rules = [rule_form.read(form, f"rules.{number}", t) for number in form.rows("rules")]
    return [*dict.fromkeys(form.every("tests")), *(one for one in rules if one is not None)]


def _read_again(form: Form, made: Document, t: Translator) -> None:
    kind = form.get("again")
    days = number_of(form, "days", low=1, high=3650, t=t) if kind == "days" else 0
    if kind == "days" and days is None:
        form.problems.setdefault("days", str(t("Fill this in.")))
    made["re_entry"] = {
        "never": kind == "never",
        "days": days or 0,
        "one_at_a_time": bool(form.get("one_at_a_time")),
    }
    control = form.get("control")
    made["holdout_bp"] = 0 if control == "nobody" else None
    if control == "own":
        share = Reader(form, t, "").needed("share", "rate")
        if share is not None and share > 5000:
            form.problems.setdefault("share", str(t("At most {value}.", value="50 %")))
            share = None
        made["holdout_bp"] = share
    urgency = form.get("urgency")
    made["urgency"] = urgency if urgency in URGENCIES else None
