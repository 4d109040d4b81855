"""Pictures for messages: kept once, uploaded to Telegram once, then known by its name for them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty.db.fast import is_postgres
from loyalty.errors import PictureInvalid
from loyalty.ids import new_id
from loyalty.messaging.tables import media, media_file

MAX_BYTES = 5 * 1024 * 1024
"""Larger ones take too long to arrive on a phone."""

_NAME = 120
_GIF = "image/gif"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of ours, and what the bot's Telegram calls it (None: not uploaded yet)."""

    id: int
    kind: str
    file_id: str | None = None

    @property
    def field(self) -> str:
        """What the Bot API calls such a file."""
        return "animation" if self.kind == _GIF else "photo"

    @property
    def method(self) -> str:
        """What sends it."""
        return "sendAnimation" if self.kind == _GIF else "sendPhoto"


@dataclass(frozen=True, slots=True)
class Content:
    """The picture itself."""

    name: str
    kind: str
    data: bytes


def kind_of(content: bytes) -> str | None:
    """What kind of picture this is, by its first bytes; None: none that can be sent."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def put(session: Session, *, content: bytes, name: str, actor: str, now: datetime) -> int:
    """Keep a picture (PNG, JPEG, WebP or GIF, up to ``MAX_BYTES``); its id. The same picture is
    kept once, whatever it is called.

    Raises:
        PictureInvalid: it is empty, too large, or not a picture of these kinds.
    """
    if not content:
        raise PictureInvalid(problem="empty")
    if len(content) > MAX_BYTES:
        raise PictureInvalid(problem="too_large", maximum=MAX_BYTES)
    kind = kind_of(content)
    if kind is None:
        raise PictureInvalid(problem="unknown_kind")
    digest = hashlib.sha256(content).hexdigest()
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    row = {
        "id": new_id(),
        "sha256": digest,
        "kind": kind,
        "name": "".join(sign for sign in name if sign.isprintable()).strip()[:_NAME] or "picture",
        "content": content,
        "created_at": now,
        "created_by": actor,
    }
    session.execute(insert(media).values(row).on_conflict_do_nothing())
    found: int = session.execute(sa.select(media.c.id).where(media.c.sha256 == digest)).scalar_one()
    return found


def find(session: Session, ids: Collection[int], *, bot_id: int) -> dict[int, Picture]:
    """Those of these pictures that there are, with this bot's names for them, by id."""
    mine = sa.and_(media_file.c.media_id == media.c.id, media_file.c.bot_id == bot_id)
    query = (
        sa.select(media.c.id, media.c.kind, media_file.c.file_id)
        .outerjoin_from(media, media_file, mine)
        .where(media.c.id.in_(sorted(set(ids))))
    )
    return {row.id: Picture(row.id, row.kind, row.file_id) for row in session.execute(query)}


def load(session: Session, media_id: int) -> Content | None:
    """The picture itself; None if there is none by this id."""
    query = sa.select(media.c.name, media.c.kind, media.c.content).where(media.c.id == media_id)
    row = session.execute(query).one_or_none()
    return Content(row.name, row.kind, bytes(row.content)) if row else None


def remember(session: Session, *, media_id: int, bot_id: int, file_id: str, now: datetime) -> None:
    """Note what the bot's Telegram calls a picture. Of two uploads at once either name is good."""
    row = {"media_id": media_id, "bot_id": bot_id, "file_id": file_id, "at": now}
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    session.execute(insert(media_file).values(row).on_conflict_do_nothing())


def forget(session: Session, *, media_id: int, bot_id: int, file_id: str) -> None:
    """Telegram does not know this name any more; a newer one stays."""
    session.execute(
        sa.delete(media_file).where(
            media_file.c.media_id == media_id,
            media_file.c.bot_id == bot_id,
            media_file.c.file_id == file_id,
        )
    )
