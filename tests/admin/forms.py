"""Reading pages as a person would: forms as they stand, and plain words."""

from __future__ import annotations

import re
from html import unescape

_TAG = re.compile(r"<(input|select|option|/form)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w:-]+)(?:="([^"]*)")?')

Fields = list[tuple[str, str]]


def fields(page: str, form_id: str) -> Fields:
    """What the form would send as it stands; a field may come several times."""
    form: Fields = []
    chooser, options = "", []
    for tag, rest in _TAG.findall(page.partition(f'id="{form_id}"')[2]):
        if tag == "/form":
            break
        has = {name: unescape(value) for name, value in _ATTRIBUTE.findall(rest)}
        if tag == "select":
            chooser = has["name"]
            options = []
            form.append((chooser, ""))
        elif tag == "option":
            if chooser and ("selected" in has or not options):
                form[-1] = (chooser, has["value"])
            options.append(has["value"])
        else:
            chooser = ""
            ticked = has.get("type") not in ("checkbox", "radio") or "checked" in has
            if ticked and "name" in has:
                form.append((has["name"], has.get("value", "")))
    return form


def changed(form: Fields, **values: str | list[str]) -> Fields:
    """The form with other values; dots are written as two underscores."""
    news = {name.replace("__", "."): value for name, value in values.items()}
    kept = [(name, value) for name, value in form if name not in news]
    for name, value in news.items():
        kept += [(name, value)] if isinstance(value, str) else [(name, each) for each in value]
    return kept


def words(page: str) -> str:
    """The page's words, without tags and with plain spaces."""
    said = unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2] or page))
    return " ".join(said.replace("\u00a0", " ").split())
