"""The people on the demo's phones: two guests, a cashier who is at her till already,
and a few dozen regulars whom chains speak to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from aiohttp import ClientSession
from sqlalchemy.orm import Session

from loyalty import staff
from loyalty.db import Database
from loyalty.demo import anna
from loyalty.demo.phones import Phone

# Anna is known at the till already (see ``loyalty.demo.anna``); Boris is whom she may invite.
FRIENDS = {"ru": "Борис", "en": "Boris"}
FRIEND_PHONE = "+79001110002"
FIRST_ID = 1001


CASHIER_PHONE = "+79001110003"
CASHIER_NAMES = {"ru": "Вера", "en": "Vera"}


async def bring_people(
    url: str,
    *,
    language: str,
    cashier: str | None,
    guests: Sequence[Phone] = (),
    token: str | None = None,
) -> bool:
    """Put a customer, a friend and a cashier on the page; False if somebody is there already.

    ``guests`` of the demo hold phones too and have begun to talk with the bot of ``token``.
    """
    people = [
        (anna.NAMES[language], anna.PHONE),
        (FRIENDS[language], FRIEND_PHONE),
        (cashier or CASHIER_NAMES[language], CASHIER_PHONE),
    ]
    async with ClientSession() as http:
        async with http.get(f"{url}/control/users") as answer:
            if await answer.json():
                return False
        for number, (name, phone) in enumerate(people):
            body = {"first_name": name, "language_code": language, "phone": phone}
            async with http.put(f"{url}/control/users/{FIRST_ID + number}", json=body) as answer:
                answer.raise_for_status()
        if guests and token is not None:
            await _bring_guests(http, url, guests, token)
    return True


async def _bring_guests(http: ClientSession, url: str, guests: Sequence[Phone], token: str) -> None:
    """Give the demo's guests their phones, before anything is sent to them."""
    # A chat is with a bot, and the local Telegram knows a bot once it has called.
    async with http.get(f"{url}/bot{token}/getMe") as answer:
        answer.raise_for_status()
    bot = token.partition(":")[0]
    for one in guests:
        body = {
            "first_name": one.first_name, "last_name": one.last_name, "phone": one.phone,
            "language_code": one.language, "started": True, "bot": bot,
        }  # fmt: skip
        async with http.put(f"{url}/control/users/{one.telegram_id}", json=body) as answer:
            answer.raise_for_status()


def first_cashier(session: Session) -> tuple[int, str] | None:
    """A cashier who has no phone yet, for the third phone: id and name.

    Whoever has been invited has a link to open on a phone of their own: it stays theirs.
    """
    table, waiting = staff.staff, staff.invitation
    query = (
        sa.select(table.c.id, table.c.name)
        .where(
            table.c.role == staff.CASHIER,
            table.c.revoked_at.is_(None),
            table.c.telegram_id.is_(None),
            ~sa.exists().where(waiting.c.staff_id == table.c.id, waiting.c.used_at.is_(None)),
        )
        .order_by(table.c.id)
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row.id, row.name)


async def seat_cashier(
    db: Database, url: str, *, staff_id: int, bot_username: str, now: datetime
) -> None:
    """Let the third phone join as a cashier, as she would by opening her link."""
    token = await db.transact(lambda session: staff.invite(session, staff_id=staff_id, now=now))
    link = f"https://t.me/{bot_username}?start=j_{token}"
    async with (
        ClientSession() as http,
        http.post(f"{url}/control/users/{FIRST_ID + 2}/open", json={"link": link}) as answer,
    ):
        answer.raise_for_status()


async def follow_clock(url: str, seconds: int) -> None:
    """Move the local Telegram's own clock along with ours."""
    async with (
        ClientSession() as http,
        http.post(f"{url}/control/clock", json={"advance": f"{seconds}s"}) as answer,
    ):
        answer.raise_for_status()
