"""A message of a chain as a form: both languages, buttons, picture, variants, words for some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admin import rule_form
from admin.chains_fields import number_of, put_texts, texts_of
from admin.program_form import shown
from admin.promotions_fields import Form, Reader
from loyalty.chains.model import PURCHASE
from loyalty.texts import N_, Translator

Document = dict[str, Any]

SCREENS: dict[str, str] = {
    "card": N_("the card with its code"),
    "balance": N_("points"),
    "stamps": N_("stamps"),
    "offers": N_("gifts and coupons"),
    "invite": N_("invite a friend"),
    "history": N_("purchases"),
    "profile": N_("profile"),
    "talk": N_("write to us"),
    "help": N_("help"),
    "menu": N_("the menu"),
}
"""Screens of the bot that a button may open."""
STARS = {f"rate:{PURCHASE}:{score}": score for score in range(1, 6)}
"""Buttons that rate the purchase the chain is about."""
LINK, KEPT = "link", "kept"
MOST_BUTTONS, MOST_VARIANTS, MOST_SEGMENTS = 8, 4, 8
LISTS = {
    "buttons": ("texts.ru", "texts.en", "opens", "url", "beside"),
    "variants": ("key", "texts.ru", "texts.en", "share"),
    "for_segments": ("texts.ru", "texts.en", "rule.join"),
}
"""Lists of a message that grow by a button, and what a new row has."""
MOST = {"buttons": MOST_BUTTONS, "variants": MOST_VARIANTS, "for_segments": MOST_SEGMENTS}
_KEYS = "bcdefghijklmnopqrstuvwxyz"


def fill_message(form: Form, step: Mapping[str, Any], language: str) -> None:
    """Put a message into the form."""
    put_texts(form, "texts", step.get("texts"))
    _fill_buttons(form, step.get("buttons") or ())
    form.put("picture", str(step.get("picture") or ""))
    hours = step.get("lifetime_hours", 48)
    form.put("lifetime_hours", "" if hours is None else str(hours))
    form.put("then", str(step.get("then") or ""))
    for number, one in enumerate(step.get("variants") or ()):
        row = f"variants.{number}"
        form.put(f"{row}.key", str(one.get("key", "")))
        put_texts(form, f"{row}.texts", one.get("texts"))
        form.put(f"{row}.share", shown("rate", one.get("share_bp"), language))
    for number, one in enumerate(step.get("for_segments") or ()):
        row = f"for_segments.{number}"
        put_texts(form, f"{row}.texts", one.get("texts"))
        rule_form.fill(form, f"{row}.rule", one.get("rule"), language)


def _fill_buttons(form: Form, rows: Any) -> None:
    number = 0
    for row in rows:
        for place, button in enumerate(row):
            name = f"buttons.{number}"
            put_texts(form, f"{name}.texts", button.get("texts"))
            data, url = button.get("data"), button.get("url")
            known = data in SCREENS or data in STARS
            form.put(f"{name}.opens", LINK if url else str(data or "") if known else KEPT)
            form.put(f"{name}.url", str(url or ""))
            form.put(f"{name}.data", str(data or ""))
            form.put(f"{name}.beside", "on" if place else "")
            number += 1


def read_message(form: Form, step: Mapping[str, Any], t: Translator) -> Document:
    """The message that was typed. Variants and words for some share its buttons and picture,
    unless they had others of their own."""
    picture = form.get("picture")
    buttons = _buttons(form)
    share: Document = {
        "buttons": buttons,
        "picture": int(picture) if picture.isascii() and picture.isdigit() else None,
    }
    before = {
        "buttons": step.get("buttons") or [], "picture": step.get("picture"),
    }  # fmt: skip
    made: Document = {"texts": texts_of(form, "texts"), **share}
    made["channels"] = step.get("channels") or ["telegram"]
    made["lifetime_hours"] = number_of(form, "lifetime_hours", low=1, high=24 * 90, t=t)
    made["then"] = form.get("then") or None
    made["variants"] = _variants(form, step, before, share, t)
    made["for_segments"] = _for_segments(form, step, before, share, t)
    return made


def _buttons(form: Form) -> list[list[Document]]:
    rows: list[list[Document]] = []
    for number in form.rows("buttons"):
        name = f"buttons.{number}"
        button: Document = {"texts": texts_of(form, f"{name}.texts"), "data": None, "url": None}
        opens = form.get(f"{name}.opens")
        if opens == LINK:
            button["url"] = form.get(f"{name}.url") or ""
        elif opens == KEPT:
            button["data"] = form.get(f"{name}.data") or None
        else:
            button["data"] = opens or None
        if form.get(f"{name}.beside") and rows:
            rows[-1].append(button)
        else:
            rows.append([button])
    return rows


def _other(
    old: list[Mapping[str, Any]], number: int, before: Document, share: Document
) -> Document:
    """Buttons and picture of a variant: its own if it had others than the message."""
    had = old[number] if number < len(old) else None
    if had is None:
        return dict(share)
    same = (had.get("buttons") or []) == before["buttons"] and had.get("picture") in (
        None,
        before["picture"],
    )
    kept = {"buttons": had.get("buttons") or [], "picture": had.get("picture")}
    return dict(share) if same else kept


def _variants(
    form: Form, step: Mapping[str, Any], before: Document, share: Document, t: Translator
) -> list[Document]:
    by_key = {one.get("key"): one for one in step.get("variants") or ()}
    reader, made, taken = Reader(form, t, ""), [], set[str]()
    for number in form.rows("variants"):
        row = f"variants.{number}"
        free = (key for key in _KEYS if key not in taken and key not in by_key)
        key = form.get(f"{row}.key") or next(free)
        taken.add(key)
        old = [by_key[key]] if key in by_key else []
        part = reader.needed(f"{row}.share", "rate")
        if part == 0:
            least = t("At least {value}.", value=f"{t.decimal(1, 2)} %")
            form.problems.setdefault(f"{row}.share", str(least))
        made.append(
            {
                "key": key,
                "share_bp": part or 1,
                "texts": texts_of(form, f"{row}.texts"),
                **_other(old, 0, before, share),
            }
        )
    return made


def _for_segments(
    form: Form, step: Mapping[str, Any], before: Document, share: Document, t: Translator
) -> list[Document]:
    old = list(step.get("for_segments") or ())
    return [
        {
            "texts": texts_of(form, f"for_segments.{number}.texts"),
            "rule": rule_form.read(form, f"for_segments.{number}.rule", t) or {"all": []},
            **_other(old, number, before, share),
        }
        for number in form.rows("for_segments")
    ]


def opens(t: Translator, *, about_purchase: bool) -> list[tuple[str, str]]:
    """What a button may open, for a choice."""
    found = [(name, str(t(said))) for name, said in SCREENS.items()]
    if about_purchase:
        found += [
            (data, str(t.plural("rate with {n} star", "rate with {n} stars", score)))
            for data, score in STARS.items()
        ]
    return [*found, (LINK, str(t("a link")))]
