"""Several processes on PostgreSQL and Redis: every role apart, and the death of any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.product import TOKEN, Phone, Product, Town, command

pytestmark = pytest.mark.slow

SECRET = "a secret for tests that is long enough"


async def test_roles_apart_serve_a_sale_and_survive_the_death_of_one(
    town: Town, tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    variables = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": town.url,
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
    }

    async def run(*words: str) -> str:
        code, out, err = await command(tmp_path, *words, **variables)
        assert code == 0, err
        return out.strip()

    await run("migrate")
    await run("outlet", "add", "Main Street")
    link = await run("staff", "add", "Vera", "--role", "cashier", "--outlet", "Main Street")
    processes = {
        name: Product(tmp_path, **variables)
        for name in ("bot 1", "bot 2", "scheduler 1", "scheduler 2", "admin")
    }
    try:
        for name, process in processes.items():
            await process.start(name.split()[0])
        cashier = await town.person(1003, "Vera")
        await cashier.open(link)
        await cashier.said("Main Street")
        anna = await town.person(1001, "Anna")
        await anna.join()
        await sell(cashier, await anna.card_code(), "450")
        await anna.said("+22 points")

        # Whichever polls, leads or sends: the other of its kind takes over.
        await processes.pop("bot 1").kill()
        await processes.pop("scheduler 1").kill()
        await sell(cashier, await anna.card_code(), "900")
        await anna.said("+45 points")
        assert '"ok": true' in await run("reconcile", "--json")
        for process in processes.values():
            assert await process.stop() == 0
    finally:
        for process in processes.values():
            await process.stop()


async def test_a_role_says_what_it_lacks(tmp_path: Path, town: Town, postgres_url: str) -> None:
    for role in ("bot", "scheduler"):
        code, _out, err = await command(
            tmp_path, role, DATABASE_URL=postgres_url, SECRET_KEY=SECRET
        )
        assert code == 2
        assert "BOT_TOKEN" in err
    code, _out, err = await command(
        tmp_path, "bot", DATABASE_URL=postgres_url, BOT_TOKEN=TOKEN, TELEGRAM_API_URL=town.url
    )
    assert code == 2
    assert "SECRET_KEY" in err


async def sell(cashier: Phone, code: str, amount: str) -> None:
    """One sale without spending."""
    before = max(message["message_id"] for message in await cashier.chat())
    await cashier.send(text=code)
    await cashier.said("sum", after=before)
    await cashier.send(text=amount)
    await cashier.tap("confirm", await cashier.said("Will earn", after=before))
    await cashier.said("Done", after=before)
