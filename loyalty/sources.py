"""Sources of attraction: a poster, a table tent, a page. ``s_KEY`` stands in its link, KEY in
``customer.source`` of everybody who joined by it, named here or not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.amounts import MAX_AMOUNT
from loyalty.customers.tables import attraction_source, customer
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.errors import SourceNotFound
from loyalty.ids import new_id

PREFIX = "s_"
"""Begins the payload of a poster's link."""

LONGEST_NAME = 120
_KEY = re.compile(r"[A-Za-z0-9_-]{1,62}")
_SLUG = 32
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS = dict(zip("абвгдеёзийклмнопрстуфыэ", "abvgdeeziyklmnoprstufye", strict=True)) | {
    "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "",
    "ю": "yu", "я": "ya",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A source that has been made. ``cost`` in minor units."""

    key: str
    name: str
    cost: int
    created_at: datetime
    archived_at: datetime | None

    @property
    def payload(self) -> str:
        """What stands in its link."""
        return PREFIX + self.key


_COLUMNS = [attraction_source.c[name] for name in Source.__dataclass_fields__]


def key_of(payload: str) -> str | None:
    """The key in a start payload; None if it has not the shape of one."""
    if not payload.startswith(PREFIX):
        return None
    key = payload.removeprefix(PREFIX)
    return key if _KEY.fullmatch(key) else None


def is_key(text: str) -> bool:
    """Whether a link can carry this key."""
    return _KEY.fullmatch(text) is not None


def make(session: Session, *, name: str, cost: int, actor: str, now: datetime) -> Source:
    """A new source with a key of its own, made from its name.

    Raises:
        ValueError: no name, or a cost below zero or beyond any sum.
    """
    stem = slug(name)
    key, number = stem, 1
    while _in_use(session, key):
        number += 1
        key = f"{stem}-{number}"
        if number > 20:
            key = f"{stem}-{_base36(new_id())}"
    return _put(session, key, name, cost, actor, now)


def save(session: Session, *, key: str, name: str, cost: int, actor: str, now: datetime) -> Source:
    """Change a source; one that people came by without its being made gets its name here.

    Raises:
        SourceNotFound: nothing of that key was made or used.
        ValueError: no name, or a cost below zero or beyond any sum.
    """
    if not _exists(session, attraction_source.c.key == key):
        if not is_key(key) or not _exists(session, customer.c.source == key):
            raise SourceNotFound()
        return _put(session, key, name, cost, actor, now)
    _check(name, cost)
    session.execute(
        sa.update(attraction_source)
        .where(attraction_source.c.key == key)
        .values(name=name, cost=cost)
    )
    _note(session, "source.changed", key, actor, now, cost=cost)
    return get(session, key)


def set_archived(
    session: Session, *, key: str, archived: bool, actor: str, now: datetime
) -> Source:
    """Take a source out of the list, or back into it; its link goes on working.

    Raises:
        SourceNotFound: it was never made.
    """
    old = get(session, key)
    if (old.archived_at is not None) == archived:
        return old
    session.execute(
        sa.update(attraction_source)
        .where(attraction_source.c.key == key)
        .values(archived_at=now if archived else None)
    )
    _note(session, "source.archived" if archived else "source.restored", key, actor, now)
    return get(session, key)


def get(session: Session, key: str) -> Source:
    """The source that was made with that key.

    Raises:
        SourceNotFound: there is none.
    """
    row = session.execute(sa.select(*_COLUMNS).where(attraction_source.c.key == key)).one_or_none()
    if row is None:
        raise SourceNotFound()
    return Source(*row)


def listing(session: Session) -> list[Source]:
    """All that were made, the newest first."""
    query = sa.select(*_COLUMNS).order_by(attraction_source.c.created_at.desc())
    return [Source(*row) for row in session.execute(query)]


def _put(session: Session, key: str, name: str, cost: int, actor: str, now: datetime) -> Source:
    _check(name, cost)
    row = {"key": key, "name": name, "cost": cost, "created_at": now, "created_by": actor}
    try:
        session.execute(sa.insert(attraction_source).values(**row))
    except Exception as problem:
        if is_unique_violation(problem):
            # Made by somebody else a moment ago: look again.
            raise AlreadyThere from problem
        raise
    _note(session, "source.created", key, actor, now, cost=cost)
    return Source(key, name, cost, now, None)


def _check(name: str, cost: int) -> None:
    if not name.strip() or len(name) > LONGEST_NAME:
        raise ValueError("a source has a name of 1 to 120 characters")
    if not 0 <= cost <= MAX_AMOUNT:
        raise ValueError("a cost is 0 or more")


def _in_use(session: Session, key: str) -> bool:
    """Made already, or in somebody's profile: a new source begins with nobody."""
    return _exists(session, attraction_source.c.key == key) or _exists(
        session, customer.c.source == key
    )


def _exists(session: Session, condition: sa.ColumnElement[bool]) -> bool:
    return bool(session.execute(sa.select(sa.exists().where(condition))).scalar_one())


def _note(session: Session, type: str, key: str, actor: str, now: datetime, **facts: int) -> None:
    rows = Rows()
    data = {"key": key, **facts}
    events.record(rows, type=type, customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)


def slug(name: str) -> str:
    """The name in letters a link can carry; something of one's own if none are left."""
    plain = unicodedata.normalize("NFKD", "".join(_LETTERS.get(c, c) for c in name.lower()))
    words = re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode())
    return "-".join(words)[:_SLUG].strip("-") or _base36(new_id())


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
