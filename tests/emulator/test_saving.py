"""Chats, people, waiting updates and numbers outlive a restart, even a kill."""

import asyncio
import shutil
from pathlib import Path

from emulator import start_emulator
from tests.emulator.client import ANNA, Client


async def test_world_outlives_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "new" / "telegram.db"
    first = await start_emulator("127.0.0.1", 0, state_file=state)
    async with Client(first) as client:
        await client.meet()
        markup = {"keyboard": [["Yes"]]}
        await client.call("setMyCommands", commands=[{"command": "a", "description": "b"}])
        sent = await client.call("sendMessage", chat_id=ANNA, text="kept", reply_markup=markup)
        gone = await client.call("sendMessage", chat_id=ANNA, text="gone")
        photo = await client.control("POST", f"/users/{ANNA}/send", {"photo": True})
        confirmed = (await client.updates())[-1]["update_id"]
        waiting = await client.control("POST", f"/users/{ANNA}/send", {"text": "waiting"})
        await client.updates(offset=confirmed + 1)
        await client.call("deleteMessage", chat_id=ANNA, message_id=gone["message_id"])
        await client.control("POST", "/clock", {"advance": "1h"})
        before = await client.screen()
    saver = first._saver
    assert saver is not None
    while saver._changed:  # what a kill would leave is what the file holds once a batch is out
        await asyncio.sleep(0.005)
    killed = tmp_path / "killed.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{state}{suffix}", f"{killed}{suffix}")
    await first.stop()
    second = await start_emulator("127.0.0.1", 0, state_file=killed)
    async with Client(second) as client:
        assert await client.screen() == before
        assert before[0]["message_id"] == sent["message_id"]
        async with client.http.get(before[1]["photo"]) as answer:
            assert answer.status == 200
        assert [u["update_id"] for u in await client.updates()] == [waiting["update_id"]]
        assert len(await client.call("getMyCommands")) == 1
        assert (await client.control("GET", "/clock"))["offset"] == 3600
        newer = await client.control("POST", f"/users/{ANNA}/send", {"text": "newer"})
    await second.stop()
    assert newer["update_id"] > waiting["update_id"]
    assert newer["message_id"] > photo["message_id"]


async def test_forgetting_is_saved_too(tmp_path: Path) -> None:
    state = tmp_path / "telegram.db"
    first = await start_emulator("127.0.0.1", 0, state_file=state)
    async with Client(first) as client:
        await client.meet()
        await client.call("sendMessage", chat_id=ANNA, text="x")
        await client.control("DELETE", "")
    await first.stop()
    second = await start_emulator("127.0.0.1", 0, state_file=state)
    assert (second.world.people, second.world.chats, second.world.bots) == ({}, {}, {})
    assert second.world.last_message_id > 0
    await second.stop()


async def test_file_of_another_kind_is_put_aside(tmp_path: Path) -> None:
    state = tmp_path / "telegram.db"
    state.write_text("not a database, but long enough to be taken for the header of one" * 3)
    running = await start_emulator("127.0.0.1", 0, state_file=state)
    assert running.world.people == {}
    await running.stop()
    assert (tmp_path / "telegram.db.broken").exists()
