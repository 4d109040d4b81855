"""The links a chat came by before it joined: a poster, a friend's code, a receipt, in order."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers.tables import telegram_chat

MOST_OF_A_KIND = 4
"""So many of each kind (the letter before the underscore) are kept: the first ones, since the
first counts; of receipts the last ones."""
LATEST_COUNT = ("k",)


def keep_link(session: Session, *, telegram_id: int, payload: str) -> None:
    """Note a start payload of somebody who may join later; the same one is kept once."""
    known = links_of(session, telegram_id)
    if payload in known:
        return
    kind = payload.partition("_")[0]
    alike = [link for link in known if link.partition("_")[0] == kind]
    if len(alike) >= MOST_OF_A_KIND:
        if kind not in LATEST_COUNT:
            return
        known = [link for link in known if link != alike[0]]
    _set(session, telegram_id, [*known, payload])


def links_of(session: Session, telegram_id: int) -> list[str]:
    """The payloads this chat came by and has not used, the first one first."""
    query = sa.select(telegram_chat.c.links, telegram_chat.c.start_payload).where(
        telegram_chat.c.telegram_id == telegram_id
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return []
    return list(row.links or ([row.start_payload] if row.start_payload else []))


def forget_links(session: Session, telegram_id: int) -> None:
    """The person has joined: what brought them is kept with the customer."""
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == telegram_id)
        .values(links=None, start_payload=None)
    )


def _set(session: Session, telegram_id: int, links: list[str]) -> None:
    session.execute(
        sa.update(telegram_chat)
        .where(telegram_chat.c.telegram_id == telegram_id)
        .values(links=links)
    )
