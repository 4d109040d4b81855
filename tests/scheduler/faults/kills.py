"""Kills processes at named places, again and again, and counts what that does to messages.

    python -m tests.scheduler.faults.kills --kills 200 --seed 1

Each round new people join and get receipts; a process that moves chains and sends is started
and killed at a place chosen by the seed; sometimes another one works beside it. In the end one
process clears up, and every phone is compared with what the database says. Prints a report as
JSON; exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, consent, program
from loyalty.db import Database, migrate
from loyalty.delivery import Place
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.telegram import Telegram
from scheduler.ticks import Ticks
from tests.emulator.client import BOT_ID, TOKEN
from tests.scheduler.faults.points import POINTS, Killer
from tests.scheduler.faults.shop import Report, age_leases, come, control, look
from tests.servers.postgres import postgres_server
from tests.world import ZONE, open_world

ROOT = Path(__file__).resolve().parents[3]
PEOPLE, RECEIPTS = 3, 2
FIRST_CHAT = 1001
PATIENCE_S = 60
PLACE = Place(ZONE, "RUB", "ru")


@contextmanager
def emulator() -> Iterator[str]:
    """A local Telegram without limits in a process of its own; its address."""
    command = [sys.executable, "-m", "emulator", "--port", "0"]
    command += ["--global-per-second", "0", "--per-chat-per-second", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if server.stdout is None:
        raise AssertionError("its output is a pipe")
    try:
        url = server.stdout.readline().strip()
        control(url, "PUT", f"/bots/{BOT_ID}", {})
        yield url
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()


async def _work(database: str, api_url: str) -> None:
    """One process's life: chains move while messages leave, until nothing is due."""
    db = Database(database, pool_size=4)
    telegram = Telegram(token=TOKEN, api_url=api_url)
    limits = LocalLimits(per_second=1000, chat_s=0)
    hands = Dispatcher(db, telegram=telegram, limits=limits, place=PLACE)
    ticks = Ticks(db, time_zone=ZONE)
    hands.start()
    while await ticks.chains():
        hands.wake()
    await hands.until_idle(timeout_s=PATIENCE_S / 2)
    await hands.stop()
    await telegram.close()
    await db.close()


def _start(database: str, api_url: str, killer: Killer | None, seed: int) -> int:
    """A process of its own, by a fork: nothing is imported twice. Its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        random.seed(seed)
        if killer is not None:
            killer.install()
        asyncio.run(asyncio.wait_for(_work(database, api_url), PATIENCE_S))
        code = 0
    except BaseException:  # noqa: BLE001 - the fork must end here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


def _was_killed(pid: int) -> bool:
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.WEXITSTATUS(status):
        raise RuntimeError("a process failed by itself: see above")
    return False


def _in_one(database: str, unit: Callable[[Session], Any]) -> Any:
    """One unit, on a connection that is closed before the next fork."""

    async def run() -> Any:
        db = Database(database)
        try:
            return await db.transact(unit)
        finally:
            await db.close()

    return asyncio.run(run())


async def _open_shop(database: str) -> None:
    async with open_world(database) as world:
        world.now = clock.now()
        await world.db.transact(lambda s: consent.ensure_texts(s, now=clock.now()))
        await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
        await Ticks(world.db, time_zone=ZONE).install()
        await world.db.read(lambda s: program.current(s, now=clock.now()))


def _noon() -> None:
    now = clock.real_now()
    day = clock.local_date(now, ZONE) + timedelta(days=1)
    clock.set_offset(clock.start_of_day(day, ZONE) + timedelta(hours=12) - now)


def run(database: str, *, kills: int, seed: int, say: Callable[[str], None]) -> Report:
    """Kill so many processes, clear up, and compare."""
    dice = random.Random(seed)
    report = Report()
    chats: list[int] = []
    _noon()
    asyncio.run(_open_shop(database))
    with emulator() as url:
        tries = 0
        while report.kills.total() < kills:
            tries += 1
            if tries > kills * 4:
                raise RuntimeError(f"only {report.kills.total()} kills in {tries} tries")
            fresh = list(range(FIRST_CHAT + len(chats), FIRST_CHAT + len(chats) + PEOPLE))
            crowd = {"first_id": fresh[0], "count": PEOPLE}
            control(url, "POST", "/crowd", crowd)
            chats += fresh
            _in_one(database, lambda s, new=fresh: come(s, new, RECEIPTS))  # type: ignore[misc]
            if dice.random() < 0.8:
                _in_one(database, age_leases)
            point = dice.choice(POINTS)
            killer = Killer(point, dice.choice((1, 1, 2, 4)))
            others = [None] if dice.random() < 0.3 else []
            pids = [_start(database, url, one, seed + tries) for one in (killer, *others)]
            ended = [_was_killed(pid) for pid in pids]
            if ended[0]:
                report.kills[point] += 1
                if report.kills.total() % 20 == 0:
                    say(f"{report.kills.total()} kills")
        for _ in range(2):
            _in_one(database, age_leases)
            _was_killed(_start(database, url, None, seed))
        _in_one(database, lambda s: look(s, url, chats, RECEIPTS, report))
    return report


def _report(database: str, *, kills: int, seed: int) -> dict[str, Any]:
    started = time.monotonic()
    found = run(
        database,
        kills=kills,
        seed=seed,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    facts: dict[str, Any] = vars(found) | {"seconds": round(time.monotonic() - started)}
    return {name: dict(one) if isinstance(one, Counter) else one for name, one in facts.items()}


@contextmanager
def _databases(given: str | None) -> Iterator[dict[str, str]]:
    """What was asked for, or an empty one of each kind; by name."""
    if given is not None:
        yield {"database": given}
        return
    with tempfile.TemporaryDirectory() as folder, postgres_server(fsync=True) as server:
        urls = {"sqlite": f"sqlite:///{Path(folder) / 'kills.db'}", "postgresql": server.url}
        for url in urls.values():
            migrate(url)
        yield urls


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--database", help="empty and migrated; without: one of each kind is made")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with _databases(given.database) as urls:
        found = {
            name: _report(url, kills=given.kills, seed=given.seed) for name, url in urls.items()
        }
    print(json.dumps(found, indent=1, sort_keys=True))
    return 1 if any(one["wrong"] for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
