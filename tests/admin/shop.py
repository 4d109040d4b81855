"""A realistic small shop for the panel's tests and pictures, and a person at the panel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin import RunningAdmin
from loyalty import clock, consent, staff
from loyalty.customers import customer, external_id
from loyalty.db import Rows, stamp_installation
from loyalty.db.installation import set_bot_username
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from tests.world import World, lines

PASSWORD = "correct horse battery"
NAMES = (
    "Анна Ковалёва", "Дмитрий Соколов", "Мария Преображенская-Вознесенская", "Иван Петров",
    "Olga Smirnova", "Екатерина Белова", "Сергей Орлов", "Ольга Жукова", "James O'Connor",
    "Тимур Алиев", "Наталья Крылова", "Павел",
)  # fmt: skip
GOODS = (("Капучино", 25_000), ("Круассан с миндалём", 21_000), ("Фильтр-кофе", 18_000))


async def hire(world: World, role: str, *, login: str | None = None, **fields: Any) -> int:
    """Somebody who can sign in with ``PASSWORD``."""
    hashed = staff.hash_password(PASSWORD)
    person_id = new_id()
    values = {
        "id": person_id,
        "name": fields.pop("name", role.capitalize()),
        "role": role,
        "login": login or role,
        "password_hash": hashed,
        "created_at": world.now,
        "outlet_id": world.outlet_id if role == "cashier" else None,
        **fields,
    }
    await world.db.transact(lambda s: s.execute(sa.insert(staff.staff).values(**values)))
    return person_id


async def stamp(world: World, what: str = "demo") -> None:
    """Say what the database is, and what its bot is called."""

    def unit(session: Session) -> None:
        stamp_installation(session, wanted=what, now=world.now)
        set_bot_username(session, username="regulars_demo_bot")

    await world.db.transact(unit)


async def fill(world: World, *, people: int = 12, sales: int = 60) -> list[int]:
    """Customers with purchases over the last year, returns, points, messages, consents."""
    end = clock.now()
    ids: list[int] = []
    for number in range(people):
        world.now = end - timedelta(days=330 - number)
        name = NAMES[number % len(NAMES)]
        ids.append(
            await world.customer(
                name=name,
                phone=f"+7912{3450000 + number * 7919:07d}",
                phone_verified_at=world.now,
                birth_day=14,
                birth_month=1 + number % 12,
                city="Москва",
                source="poster_window" if number % 3 else None,
                home_outlet_id=world.outlet_id,
                tags=["латте-арт", "утро"] if number % 4 == 0 else None,
                tier=("bronze", "silver", "gold")[number % 3],
                chat=700_000 + number,
            )
        )
    anonymous = await world.customer(status="anonymous")
    await world.db.transact(
        lambda s: s.execute(
            sa.insert(external_id).values(system="cdnow", value="00004", customer_id=anonymous)
        )
    )
    for number in range(sales):
        world.now = end - timedelta(days=320) + timedelta(days=320 * number / sales, hours=1)
        who = ids[number * number % len(ids)]
        goods = [(1 + number % 2, GOODS[number % 3][1]), (1, GOODS[(number + 1) % 3][1])]
        receipt = lines(*goods, sold_at=world.now)
        sale = await world.sell(who, _named(receipt, number), redeem=0)
        if number % 9 == 4:
            await world.take_back(sale.purchase_id, [(2, 1000)])
    world.now = end - timedelta(hours=3)
    await world.sell(ids[0], 64_000, redeem=20)
    await talk(world, ids[0])
    return [*ids, anonymous]


def _named(receipt: Any, number: int) -> Any:
    from dataclasses import replace

    named = [
        replace(line, name=GOODS[(number + n) % 3][0], category="coffee")
        for n, line in enumerate(receipt.lines)
    ]
    return replace(receipt, lines=tuple(named), number=f"{1000 + number}")


async def talk(world: World, customer_id: int) -> None:
    """Messages that went, waited, failed and were held back; consents given and withdrawn."""
    now = world.now
    decisions: Sequence[tuple[str, str, str, str | None, str | None]] = (
        ("chain:welcome", "how", "send", None, "sent"),
        ("chain:expiry", "d14", "skipped", "cap_week", None),
        ("chain:expiry", "d3", "held_out", "holdout", None),
        ("chain:expiry", "d1", "wait", "quiet_hours", None),
        ("campaign:7", "mass", "send", None, "blocked"),
    )

    def unit(session: Session) -> None:
        consent.ensure_texts(session, now=now)
        for purpose, granted, days in (
            (consent.PERSONAL_DATA, True, 300),
            (consent.ADS_TELEGRAM, True, 300),
            (consent.ADS_TELEGRAM, False, 2),
        ):
            consent.record(
                session, customer_id=customer_id, purpose=purpose, granted=granted, language="ru",
                channel="telegram", evidence=f"update:{days}:{purpose}",
                now=now - timedelta(days=days),
            )  # fmt: skip
        for number, decision in enumerate(decisions):
            _message(session, customer_id, now - timedelta(hours=30 * number), decision)

    await world.db.transact(unit)


def _message(
    session: Session,
    customer_id: int,
    at: datetime,
    what: tuple[str, str, str, str | None, str | None],
) -> None:
    source, step, decision, reason, state = what
    touch_id, rows = new_id(), Rows()
    rows.insert(
        touch,
        {
            "id": touch_id, "customer_id": customer_id, "source": source, "step": step,
            "occurrence": "1", "message_class": "trigger", "decision": decision,
            "reason": reason, "due_at": at, "deadline": at + timedelta(days=2), "decided_at": at,
        },
    )  # fmt: skip
    if state is not None:
        rows.insert(
            outbox,
            {
                "id": new_id(), "customer_id": customer_id, "chat_id": 1,
                "message_class": "trigger", "key": f"touch:{touch_id}",
                "payload": {"text": "<b>Скидка 10 %</b> на первую покупку: ждём вас."},
                "priority": 1, "state": state, "due_at": at, "deadline": at + timedelta(days=2),
                "created_at": at, "attempts": 1, "touch_id": touch_id,
            },
        )  # fmt: skip
    rows.put(session)


async def rename(world: World, customer_id: int, name: str) -> None:
    """Give a customer another name."""
    changed = sa.update(customer).where(customer.c.id == customer_id).values(name=name)
    await world.db.transact(lambda s: s.execute(changed))


@dataclass
class Visitor:
    """A browser without scripts: keeps cookies, fills forms in with their hidden token."""

    server: RunningAdmin
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=lambda: {"Accept-Language": "en"})
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
        """Open a page; redirects are followed."""
        address = self.server.address + path
        async with self.session.get(address, headers={**self.headers, **headers}) as answer:
            return await self._read(answer)

    async def post(
        self, path: str, *, csrf: str | None = None, follow: bool = True,
        headers: dict[str, str] | None = None, **form: str,
    ) -> tuple[int, str, aiohttp.ClientResponse]:  # fmt: skip
        """Send a form with the token of the last page seen."""
        form["csrf"] = self.csrf if csrf is None else csrf
        async with self.session.post(
            self.server.address + path,
            data=form,
            headers={**self.headers, "Origin": self.server.address, **(headers or {})},
            allow_redirects=follow,
        ) as answer:
            return await self._read(answer)

    async def send(
        self, path: str, fields: list[tuple[str, str]], **headers: str
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        """Send a form whose fields may come several times; redirects are followed."""
        form = [(name, value) for name, value in fields if name != "csrf"]
        async with self.session.post(
            self.server.address + path,
            data=aiohttp.FormData([*form, ("csrf", self.csrf)]),
            headers={**self.headers, "Origin": self.server.address, **headers},
        ) as answer:
            return await self._read(answer)

    async def _read(
        self, answer: aiohttp.ClientResponse
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        text = await answer.text(errors="replace")
        if found := re.search(r'name="csrf" value="([^"]+)"', text):
            self.csrf = found[1]
        return answer.status, text, answer

    async def sign_in(self, login: str, password: str = PASSWORD, **more: str) -> int:
        """Through the form, as people do."""
        await self.get("/admin/sign-in")
        status, _, _ = await self.post(
            "/admin/sign-in", login=login, password=password, next="/admin", **more
        )
        return status
