"""A till that speaks HTTP to the served application, and what its customers show."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web

from admin import RunningAdmin
from loyalty import clock, customers, staff, wallet
from loyalty.customers import ShownCard
from loyalty.tokens import Keys
from tests.world import World

KEYS = Keys("a secret of the tests only")
BASE = "/api/v1"


@dataclass
class Said:
    """An answer."""

    status: int
    body: Any
    headers: Any
    text: str

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        return self.body.get("code") if isinstance(self.body, dict) else None


@dataclass
class Till:
    """One outlet's till."""

    http: aiohttp.ClientSession
    server: RunningAdmin
    key: str
    headers: dict[str, str] = field(default_factory=lambda: {"Accept-Language": "en"})

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        data: Any = None,
        **headers: str,
    ) -> Said:
        """One call; a POST without a ``key`` gets one of its own (``""``: none at all)."""
        given = {"Authorization": f"Bearer {self.key}", **self.headers}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if key is None and method == "POST":
            key = uuid.uuid4().hex
        if key:
            given["Idempotency-Key"] = key
        arguments: dict[str, Any] = {"json": body} if data is None else {"data": data}
        if body is None and data is None:
            arguments = {}
        address = self.server.address + BASE + path
        async with self.http.request(method, address, headers=given, **arguments) as answer:
            text = await answer.text()
            parsed = await answer.json(content_type=None) if text else None
            return Said(answer.status, parsed, answer.headers, text)

    async def post(self, path: str, body: Any = None, **options: Any) -> Said:
        """POST."""
        return await self.call("POST", path, body, **options)

    async def sell(
        self, customer: str | None, price: str = "500.00", *, number: str | None = None,
        key: str | None = None, **more: Any,
    ) -> Said:  # fmt: skip
        """A sale of one line."""
        body: dict[str, Any] = {"receipt": receipt(price, number=number), **more}
        if customer is not None:
            body["customer"] = customer
        return await self.post("/purchases", body, key=key)


def receipt(
    price: str = "500.00", *, number: str | None = None, quantity: Any = 1, **line: Any
) -> dict[str, Any]:
    """A receipt of one line, just printed."""
    sold = {"name": "Tea", "category": "tea", "quantity": quantity, "price": price, **line}
    return {
        "number": number or uuid.uuid4().hex[:12],
        "sold_at": (clock.now() - timedelta(minutes=1)).isoformat(),
        "lines": [sold],
    }


@dataclass
class Shop:
    """The world with its till, and what customers show there."""

    world: World
    server: RunningAdmin
    till: Till

    @property
    def app(self) -> web.Application:
        """The served application."""
        return self.server._runner.app

    async def another_till(self, *, outlet_id: int | None = None) -> Till:
        """One more till, at this outlet or another."""
        key = await add_key(self.world, outlet_id or self.world.outlet_id)
        return Till(self.till.http, self.server, key)

    async def another_outlet(self, name: str = "Side Street") -> Till:
        """A till of another outlet."""
        made = await self.world.db.transact(
            lambda s: staff.add_outlet(s, name=name, time_zone="Europe/Moscow", now=clock.now())
        )
        return await self.another_till(outlet_id=made.id)

    async def customer(self, **fields: Any) -> int:
        """A customer."""
        return await self.world.customer(**fields)

    async def card(self, customer_id: int) -> ShownCard:
        """The customer shows the card."""
        return await self.world.db.transact(
            lambda s: customers.show_card(s, keys=KEYS, customer_id=customer_id, now=clock.now())
        )

    async def link(self, customer_id: int) -> str:
        """The card's QR, as a scanner reads it."""
        return f"https://t.me/regulars_bot?start=c_{(await self.card(customer_id)).token}"

    async def balance(self, customer_id: int) -> wallet.Balance:
        """What the customer owns."""
        return await self.world.db.read(
            lambda s: wallet.balance(s, customer_id=customer_id, now=clock.now())
        )

    async def faults(self) -> Any:
        """What ``regulars reconcile`` finds."""
        return await self.world.db.read(lambda s: wallet.reconcile(s))


async def add_key(world: World, outlet_id: int) -> str:
    """A new key of an outlet."""
    return await world.db.transact(lambda s: staff.add_key(s, outlet_id=outlet_id, now=clock.now()))
