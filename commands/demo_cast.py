"""The people on the demo's phones: two guests and a cashier who has joined her till already."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from aiohttp import ClientSession
from sqlalchemy.orm import Session

from loyalty import staff
from loyalty.db import Database

PEOPLE = {
    "ru": (("Анна", "+79001110001"), ("Борис", "+79001110002"), ("Вера", "+79001110003")),
    "en": (("Anna", "+79001110001"), ("Boris", "+79001110002"), ("Vera", "+79001110003")),
}
FIRST_ID = 1001


async def bring_people(url: str, *, language: str) -> None:
    """Put a customer, a friend and a cashier on the page, unless somebody is there already."""
    async with ClientSession() as http:
        async with http.get(f"{url}/control/users") as answer:
            if await answer.json():
                return
        for number, (name, phone) in enumerate(PEOPLE[language]):
            body = {"first_name": name, "language_code": language, "phone": phone}
            async with http.put(f"{url}/control/users/{FIRST_ID + number}", json=body) as answer:
                answer.raise_for_status()


def _cashier_link(session: Session, now: datetime) -> str | None:
    """A link for a cashier of the demo who has no phone yet; None if all have."""
    query = (
        sa.select(staff.staff.c.id)
        .where(staff.staff.c.role == staff.CASHIER, staff.staff.c.revoked_at.is_(None))
        .order_by(staff.staff.c.telegram_id.is_not(None), staff.staff.c.id)
        .limit(1)
    )
    cashier_id = session.execute(query).scalar_one_or_none()
    if cashier_id is None:
        return None
    return staff.invite(session, staff_id=cashier_id, now=now)


async def seat_cashier(db: Database, url: str, *, bot_username: str, now: datetime) -> None:
    """Let the third phone join as a cashier, as she would by opening her link."""
    token = await db.transact(lambda session: _cashier_link(session, now))
    if token is None:
        return
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
