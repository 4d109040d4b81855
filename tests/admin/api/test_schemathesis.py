"""The published document against the running service: every check of schemathesis."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from admin import RunningAdmin, make_app, start
from admin.api import LIMITS, document
from admin.api.operations import OPERATIONS
from loyalty import clock, customers
from loyalty.db import stamp_installation
from loyalty.db.installation import set_bot_username
from loyalty.settings import Settings
from tests.admin.api.shop import BASE, KEYS, add_key
from tests.world import World, open_world

HERE = Path(__file__).parent
EXAMPLES = 20


async def seeded(world: World) -> tuple[str, str]:
    """A shop with something in it: the till's key, and a card that was just shown."""
    world.now = clock.now()

    def unit(session: Any) -> None:
        stamp_installation(session, wanted="demo", now=world.now)
        set_bot_username(session, username="regulars_bot")

    await world.db.transact(unit)
    await world.customer(name="Ivan", phone="+79001234567", points=1000, chat=777)
    owner = await world.customer(name="Olga", points=1000, chat=778)
    shown = await world.db.transact(
        lambda s: customers.show_card(s, keys=KEYS, customer_id=owner, now=world.now)
    )
    return await add_key(world, world.outlet_id), f"c_{shown.token}"


def with_card(card: str) -> dict[str, Any]:
    """The document, with a card in its example that can be spent from."""
    described = copy.deepcopy(document())
    body = described["paths"]["/holds"]["post"]["requestBody"]["content"]["application/json"]
    body["examples"]["usual"]["value"].update(customer=card, points=10)
    return described


async def check(server: RunningAdmin, key: str, schema: Path) -> tuple[int, str]:
    """Run schemathesis: its exit code and what it says."""
    command = (
        sys.executable, "-m", "schemathesis.cli", "run", str(schema),
        "--url", server.address + BASE, "-H", f"Authorization: Bearer {key}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
        "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color", "--continue-on-failure",
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=schema.parent,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(HERE),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


@pytest.mark.slow
async def test_schemathesis_finds_nothing(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Limits of tries have tests of their own; here they would hide what is behind them.
    for room in ("loyalty.vouchers.listing", "loyalty.customers.cards"):
        monkeypatch.setattr(sys.modules[room], "TRIES_PER_MINUTE", 10**9)
    async with open_world(sqlite_database) as world:
        key, card = await seeded(world)
        settings = Settings(database_url=sqlite_database, language="en")
        app = make_app(world.db, settings=settings, keys=KEYS)
        app[LIMITS].rate = app[LIMITS].burst = 1e9
        server = await start(app, "127.0.0.1", 0)
        schema = tmp_path / "schema.json"
        schema.write_text(json.dumps(with_card(card)))
        try:
            code, said = await check(server, key, schema)
        finally:
            await server.stop()
    assert code == 0, said[-8000:]
    assert f"Tested: {len(OPERATIONS)}" in said
