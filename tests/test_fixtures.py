"""The fixtures themselves: fresh every time, real, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
import redis

from loyalty.db import schema_revision
from tests.conftest import databases
from tests.servers import postgres_server
from tests.servers.processes import free_port
from tests.servers.redis import redis_server


@pytest.mark.parametrize("turn", [1, 2])
async def test_postgres_database_is_empty_every_time(postgres_url: str, turn: int) -> None:
    connection = await asyncpg.connect(postgres_url)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.execute(f"CREATE TABLE left_by_{turn} (id int)")
    lowered = await connection.fetchval("SELECT lower('КОФЕ')")
    await connection.close()
    assert tables == 0
    assert lowered == "кофе"


async def test_migrated_database_is_at_head(database_url: str) -> None:
    revision = await asyncio.to_thread(schema_revision, database_url)
    assert revision is not None


async def test_a_database_used_again_is_like_a_new_one(postgres_database: str) -> None:
    pool = databases()
    name = pool.take()
    left = await asyncpg.connect(pool.url(name))
    await left.execute(
        "INSERT INTO outlet (id, name, time_zone, created_at) VALUES (1, 'A', 'UTC', now())"
    )
    await asyncio.to_thread(pool.give_back, name)
    assert left.is_closed(), "whoever still held it was sent away"
    again = await asyncio.to_thread(pool.take)
    assert again == name
    fresh = await asyncpg.connect(pool.url(again))
    assert await fresh.fetchval("SELECT count(*) FROM outlet") == 0
    await fresh.execute("ALTER TABLE outlet DROP COLUMN city")
    await asyncio.to_thread(pool.give_back, again)
    gone = await asyncpg.connect(postgres_database)
    names = await gone.fetch("SELECT datname FROM pg_database")
    assert again not in {row[0] for row in names}, "altered: nobody gets it"
    for connection in (left, fresh, gone):
        await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_database_is_empty_every_time(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left by", turn)
        assert client.info("server")["redis_version"]


async def test_emulator_is_strict_and_answers(emulator) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{emulator.url}/bot123456:{'A' * 35}/getMe") as answer,
    ):
        assert (await answer.json())["result"]["is_bot"] is True
    assert emulator.world.strict


async def test_chromium_renders_a_page(chromium) -> None:
    page = await chromium.new_page()
    await page.set_content("<p id=greeting>Привет</p>")
    assert await page.inner_text("#greeting") == "Привет"


@pytest.mark.slow
def test_durable_postgres_brings_pgbench() -> None:
    with postgres_server(fsync=True, settings={"work_mem": "8MB"}) as server:
        pgbench = server.tool("pgbench")
        command = [pgbench, "--initialize", "--quiet", server.url]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_server_dies_with_the_process_that_started_it(name: str, tmp_path: Path) -> None:
    program = (
        f"from tests.servers import {name}_server as start\n"
        "with start() as server:\n"
        "    print(getattr(server, 'url', server), flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as owner:
        assert owner.stdout is not None
        port = urlsplit(owner.stdout.readline().strip()).port
        assert port is not None
        assert _listens(port)
        owner.send_signal(signal.SIGKILL)
    assert _within(10, lambda: not _listens(port)), "the server lives on"
    assert _within(10, lambda: not list(tmp_path.iterdir())), "the server's folder stayed"


def test_two_redis_servers_do_not_meet() -> None:
    with redis_server() as one, redis_server() as other:
        assert one != other
    assert free_port() > 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
