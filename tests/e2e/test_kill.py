"""``kill -9`` at random moments, again and again: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re

import aiohttp
import pytest
import sqlalchemy as sa

from loyalty.db import Database
from loyalty.purchases.till import short_number
from loyalty.receipts import purchase
from tests.e2e.product import Json, Phone, Product, Town, until
from tests.e2e.test_story import open_shop, settle

pytestmark = pytest.mark.slow

# A start takes seconds (the bot's library alone three), so PostgreSQL gets fewer.
KILLS = {"sqlite": 50, "postgresql": 15}
if "KILLS" in os.environ:
    KILLS = dict.fromkeys(KILLS, int(os.environ["KILLS"]))
SALE = re.compile(r"Sale № (\S+)")


async def keep_selling(cashier: Phone, customers: list[Phone], seed: int) -> None:
    """Sell and sell, whatever comes back: taps that get no answer are tapped again later."""
    rng = random.Random(seed)
    codes: dict[int, str] = {}
    while True:
        customer = rng.choice(customers)
        with contextlib.suppress(AssertionError, StopIteration, IndexError):
            # The product may die under any of these; the next round goes on from what is there.
            if customer.id not in codes:
                codes[customer.id] = await customer.card_code()
            await _one_sale(cashier, codes.pop(customer.id), rng)


async def _one_sale(cashier: Phone, code: str, rng: random.Random) -> None:
    before = max(message["message_id"] for message in await cashier.chat())
    await cashier.send(text=code)
    await cashier.said("sum", after=before)
    await cashier.send(text=str(rng.randint(50, 2000)))
    quoted = await cashier.said("Will earn", after=before)
    await cashier.tap("confirm", quoted)


async def acknowledged(cashier: Phone) -> set[str]:
    """Numbers of the sales that the cashier's phone says were recorded."""
    found = set()
    for message in await cashier.chat():
        number = SALE.search(message["text"] or "")
        if number and message["from"]["is_bot"]:
            found.add(number[1])
    return found


@pytest.mark.timeout(1800)
async def test_kills_lose_no_sale_and_break_no_balance(product: Product, town: Town) -> None:
    cashier = await open_shop(product, town)
    customers = [await town.person(1100 + n, f"Guest {n}") for n in range(4)]
    for customer in customers:
        await customer.join()
    selling = asyncio.create_task(keep_selling(cashier, customers, seed=7))
    rng = random.Random(11)
    try:
        for _ in range(KILLS[product.variables["DATABASE_URL"].split(":")[0]]):
            # A random moment is what is tested here, not a wait for something.
            await asyncio.sleep(rng.uniform(0.0, 1.2))
            await product.kill()
            await product.start()
    finally:
        selling.cancel()
        await asyncio.gather(selling, return_exceptions=True)

    await until(lambda: _is_quiet(product), "everything to be handled and sent")
    said = await until(lambda: acknowledged(cashier), "a sale that was acknowledged")
    assert await product.stop() == 0
    code, out, _err = await settle(product, town, "reconcile", "--json")
    assert (code, json.loads(out)["faults"]) == (0, [])
    recorded = await _recorded(product)
    assert said <= {short_number(purchase_id) for purchase_id in recorded}
    # Each recorded sale was told to its customer; a send cut off by a kill is unknown, and a
    # service message is told once more then.
    told = 0
    for customer in customers:
        told += sum("Balance:" in _text(m) for m in await customer.chat())
    assert len(recorded) <= told <= 2 * len(recorded)


def _text(message: Json) -> str:
    return str(message["text"] or "") if message["from"]["is_bot"] else ""


async def _is_quiet(product: Product) -> bool:
    """Whether no update waits to be handled and no message to leave."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{product.port_url}/metrics") as answer,
    ):
        text = await answer.text()
    waiting = re.findall(
        r'regulars_(?:inbox_rows|outbox_rows)\{state="(?:new|queued|claimed|sending)"\} (\S+)', text
    )
    return bool(waiting) and not any(float(count) for count in waiting)


async def _recorded(product: Product) -> list[int]:
    """Every purchase in the database."""
    db = Database(product.variables["DATABASE_URL"])
    try:
        found = await db.read(lambda s: s.execute(sa.select(purchase.c.id)).scalars().all())
    finally:
        await db.close()
    return list(found)
