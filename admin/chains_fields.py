"""Fields of the chains' forms: long texts keep their lines, and what is wrong finds its field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from admin.chains_reasons import say_problem
from admin.promotions_fields import Form
from loyalty.chains import drafts
from loyalty.texts import LANGUAGES, Translator

_INPUT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_LONG = re.compile(r"(.*\.)?texts\.(ru|en)|.*kept")
_LONGEST, _LONGEST_TEXT, _MOST = 500, 6000, 60
_MOST_FIELDS = 1500


def received(form: Mapping[str, Any]) -> Form:
    """The form as it was sent; what is no field of ours is left out."""
    made = Form()
    for number, (name, value) in enumerate(form.items()):
        if number >= _MOST_FIELDS or not isinstance(value, str) or len(name) > 80:
            continue
        if not _INPUT.fullmatch(name) or len(made.values.get(name, ())) >= _MOST:
            continue
        many_lines = bool(_LONG.fullmatch(name))
        text = value.replace("\r\n", "\n")[: _LONGEST_TEXT if many_lines else _LONGEST]
        kept = (sign for sign in text if sign.isprintable() or (many_lines and sign == "\n"))
        # Joiners hold an emoji together, although they are no sign to print.
        made.values.setdefault(name, []).append(_with_joiners(text, kept).strip())
    return made


def _with_joiners(text: str, kept: Iterable[str]) -> str:
    if "\u200d" not in text:
        return "".join(kept)
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\u200d")


def put_texts(form: Form, name: str, texts: Any) -> None:
    """Fill a text in every language in."""
    for language in LANGUAGES:
        found = texts.get(language) if isinstance(texts, Mapping) else None
        form.put(f"{name}.{language}", str(found or ""))


def texts_of(form: Form, name: str) -> dict[str, str]:
    """A text in the languages in which it was written."""
    found = {language: form.get(f"{name}.{language}") for language in LANGUAGES}
    return {language: text for language, text in found.items() if text}


def number_of(form: Form, name: str, *, low: int, high: int, t: Translator) -> int | None:
    """A whole number; None where none was typed. What does not fit is told at the field."""
    text = form.get(name).replace("\u00a0", "").replace(" ", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        form.problems.setdefault(name, str(t("A whole number, like 30.")))
        return None
    if int(text) < low:
        form.problems.setdefault(name, str(t("At least {value}.", value=t.number(low))))
        return None
    if int(text) > high:
        form.problems.setdefault(name, str(t("At most {value}.", value=t.number(high))))
        return None
    return int(text)


def tell(form: Form, document: Mapping[str, Any], start: str, t: Translator) -> None:
    """Tell in the form what is wrong with the part of the draft below ``start``."""
    for problem in drafts.draft_problems(document):
        path, code = problem["field"], problem["problem"]
        if path != start and not path.startswith(f"{start}."):
            continue
        name = _input_of(path.removeprefix(start).removeprefix("."), code)
        form.problems.setdefault(name, str(say_problem(t, _short(code))))


def _short(code: str) -> str:
    """What is told beside a text's own field needs no name of its language."""
    head, _, rest = code.partition(":")
    return rest if head in LANGUAGES and rest else code


def _input_of(path: str, code: str) -> str:
    head, _, rest = code.partition(":")
    language = rest if head == "language_missing" else head
    parts = path.split(".") if path else []
    if language in LANGUAGES and (not parts or parts[-1] in ("texts", "title")):
        return ".".join([*parts, language])
    if "rule" in parts:
        place = parts.index("rule")
        return ".".join([*parts[: place + 1], "0", "value"])
    if parts and parts[-1] == "key":
        parts = parts[:-1]
    return ".".join(parts) or "step"
