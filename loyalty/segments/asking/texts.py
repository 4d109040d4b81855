"""Words against words, whatever the case, on databases that fold letters differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from loyalty.segments.asking.base import NEGATIVE, Bool


def _spellings(text: str) -> tuple[str, ...]:
    """How one word is usually written. SQLite folds Latin letters only, so the spellings are
    asked for by name, on both databases alike: as given, all small, all capitals, a capital
    first, every word with a capital."""
    text = text.strip()
    forms = (text, text.lower(), text.upper(), text[:1].upper() + text[1:].lower(), text.title())
    return tuple(dict.fromkeys(forms))


def same_text(column: Any, texts: Sequence[str]) -> Bool:
    """Whether a column says one of these, in any usual spelling; NULL gives NULL."""
    found: Bool = column.in_([form for text in texts for form in _spellings(text)])
    return found


def contains_text(column: Any, text: str) -> Bool:
    """Whether a column holds these words, in any usual spelling; NULL gives NULL."""
    forms = _spellings(text)
    return sa.or_(*(column.contains(form, autoescape=True) for form in forms))


def text_fits(column: Any, op: str, value: Any) -> Bool:
    """A text column against words: yes or no, never NULL."""
    if op == "known":
        return sa.and_(column.is_not(None), column != "")
    if op == "unknown":
        return sa.or_(column.is_(None), column == "")
    if op == "contains":
        return sa.and_(column.is_not(None), contains_text(column, value))
    same = same_text(column, value if isinstance(value, tuple) else (value,))
    if op in NEGATIVE:
        return sa.or_(column.is_(None), sa.not_(same))
    return sa.and_(column.is_not(None), same)
