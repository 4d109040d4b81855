"""From an empty folder to a purchase in the chat, over HTTP, with processes of their own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.product import TOKEN, Phone, Product, Town, command

pytestmark = pytest.mark.slow


async def settle(product: Product, town: Town, *words: str) -> tuple[int, str, str]:
    return await command(
        product.folder,
        *words,
        BOT_TOKEN=TOKEN,
        TELEGRAM_API_URL=town.url,
        **{"DATABASE_URL": product.variables["DATABASE_URL"]},
    )


async def open_shop(product: Product, town: Town) -> Phone:
    """An outlet and a cashier who has joined by her link."""
    code, _out, err = await settle(product, town, "outlet", "add", "Main Street")
    assert code == 0, err
    words = ("staff", "add", "Vera", "--role", "cashier", "--outlet", "Main Street")
    code, link, err = await settle(product, town, *words)
    assert code == 0, err
    await product.start()
    cashier = await town.person(1003, "Vera")
    await cashier.open(link.strip())
    await cashier.said("Main Street")
    return cashier


async def sell(cashier: Phone, code: str, amount: str, *, button: str = "confirm") -> None:
    before = max(message["message_id"] for message in await cashier.chat())
    await cashier.send(text=code)
    await cashier.said("sum", after=before)
    await cashier.send(text=amount)
    await cashier.tap(button, await cashier.said("450", after=before))


async def test_a_customer_joins_buys_is_reminded_and_leaves(product: Product, town: Town) -> None:
    cashier = await open_shop(product, town)
    anna = await town.person(1001, "Anna")
    await anna.join()
    await sell(cashier, await anna.card_code(), "450.00")
    await cashier.said("Done", "22")
    await anna.said("+22 points")
    await anna.send(text="/balance")
    await anna.said("100 points", "22 points")

    # A day later they can be spent; a fortnight before the end a reminder comes.
    moved = await town.post(f"{product.port_url}/demo/clock", {"advance": "1d"})
    assert moved["offset_s"] == 86_400
    await anna.send(text="/balance")
    await anna.said("122 points")
    await town.post(f"{product.port_url}/demo/clock", {"advance": "352d"})
    await anna.said("points", "days")

    await town.call("POST", "/users/1001/block")
    code, out, _err = await settle(product, town, "reconcile", "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    assert await product.stop() == 0


async def test_a_restart_loses_nothing_and_says_nothing_twice(product: Product, town: Town) -> None:
    cashier = await open_shop(product, town)
    anna = await town.person(1001, "Anna")
    await anna.join()
    code = await anna.card_code()
    await cashier.send(text=code)
    asked = await cashier.said("sum")
    await product.kill()
    await cashier.send(text="450")
    await product.start()
    quoted = await cashier.said("450", after=asked["message_id"] - 1)
    await cashier.tap("confirm", quoted)
    await cashier.said("Done")
    await anna.said("+22 points")
    assert await product.stop() == 0
    await product.start()
    await anna.send(text="/balance")
    await anna.said("22 points")
    receipts = [m for m in await anna.chat() if "+22" in (m["text"] or "")]
    assert len(receipts) == 1


async def test_two_taps_at_once_are_one_purchase(product: Product, town: Town) -> None:
    cashier = await open_shop(product, town)
    anna = await town.person(1001, "Anna")
    await anna.join()
    await cashier.send(text=await anna.card_code())
    await cashier.said("sum")
    await cashier.send(text="450")
    quoted = await cashier.said("450")
    # The same update twice, as Telegram sends it again when an answer got lost.
    await town.call("PUT", "/delivery", {"duplicate": True})
    await cashier.tap("confirm", quoted)
    await cashier.said("Done")
    await town.call("PUT", "/delivery", {"duplicate": False})
    await anna.said("+22 points")
    code, out, err = await settle(product, town, "report", "sales", "--json")
    assert code == 0, err
    assert json.loads(out)["receipts"] == 1


async def test_an_empty_folder_opens_a_coffee_chain_to_play_with(tmp_path: Path) -> None:
    """`make run`: no token, no account, no server."""
    import aiohttp

    product = Product(tmp_path)
    await product.start()
    try:
        async with aiohttp.ClientSession() as http:
            town = Town(http, str(product.addresses["telegram"]))
            people = await town.call("GET", "/users")
            # Three whose phones lie open, and regulars of the demo with phones of their own.
            assert [person["id"] for person in people[:3]] == [1001, 1002, 1003]
            assert len(people) == 63
            cashier = Phone(town, 1003)
            await cashier.said("till")
            anna = Phone(town, 1001)
            await anna.join()
            async with http.get(f"{product.port_url}/ready") as answer:
                assert answer.status == 200
        assert await product.stop() == 0
        # The second start is the same business, not a new one.
        await product.start()
        async with aiohttp.ClientSession() as http:
            town = Town(http, str(product.addresses["telegram"]))
            anna = Phone(town, 1001)
            await anna.send(text="/balance")
            await anna.said("100 points")
    finally:
        await product.stop()


async def test_who_is_invited_before_the_first_start_opens_her_own_link(tmp_path: Path) -> None:
    """First set-up, then `regulars run` without a token: no make-believe phone takes her place."""
    import aiohttp

    code, _out, err = await command(tmp_path, "outlet", "add", "Main Street")
    assert code == 0, err
    words = ("staff", "add", "Olga", "--role", "cashier", "--outlet", "Main Street")
    code, link, err = await command(tmp_path, *words)
    assert code == 0, err
    product = Product(tmp_path)
    await product.start()
    try:
        async with aiohttp.ClientSession() as http:
            town = Town(http, str(product.addresses["telegram"]))
            olga = await town.person(7, "Olga")
            await olga.open(link.strip())
            await olga.said("Olga", "Main Street")
    finally:
        await product.stop()


async def test_a_token_and_a_demo_database_do_not_meet(tmp_path: Path) -> None:
    code, out, err = await command(tmp_path, "demo", "--json")
    assert code == 0, err
    assert json.loads(out)["customers"] == 2000
    code, _out, err = await command(tmp_path, "demo")
    assert code == 2
    assert err.count("\n") == 1

    async with real_looking_telegram() as url:
        code, _out, err = await command(tmp_path, "run", BOT_TOKEN=TOKEN, TELEGRAM_API_URL=url)
    assert code == 2
    assert "demo" in err
    assert TOKEN not in err


@contextlib.asynccontextmanager
async def real_looking_telegram() -> AsyncIterator[str]:
    """A Bot API that knows the token and has no control side, as the real one has none."""

    async def get_me(_request: web.Request) -> web.Response:
        me = {"id": 2000002, "is_bot": True, "first_name": "Shop", "username": "shop_bot"}
        return web.json_response({"ok": True, "result": me})

    app = web.Application()
    app.router.add_route("*", f"/bot{TOKEN}/getMe", get_me)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
