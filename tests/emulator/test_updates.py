"""Long polling: at once, in order, confirmed by offset, one poller only."""

import asyncio

import pytest

from tests.emulator.client import ANNA, BOT_ID, TOKEN, Client, Refused


async def polling(client: Client) -> None:
    """Wait until a long poll is really in flight."""
    while not (await client.control("GET", "/bots"))[0]["polling"]:
        await asyncio.sleep(0)


async def test_waiting_poll_wakes_at_once(client: Client) -> None:
    await client.meet()
    loop = asyncio.get_running_loop()
    poll = asyncio.create_task(client.updates(timeout=30))
    await polling(client)
    begin = loop.time()
    sent = await client.control("POST", f"/users/{ANNA}/send", {"text": "/card now"})
    [update] = await poll
    assert loop.time() - begin < 1
    assert update["update_id"] == sent["update_id"]
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]
    assert update["message"]["from"]["language_code"] == "ru"


async def test_offset_confirms_and_limit_cuts(client: Client) -> None:
    await client.meet()
    for number in range(5):
        await client.control("POST", f"/users/{ANNA}/send", {"text": str(number)})
    first = await client.updates(limit=2)
    assert [u["message"]["text"] for u in first] == ["0", "1"]
    assert await client.updates(limit=2) == first
    rest = await client.updates(offset=first[-1]["update_id"] + 1)
    assert [u["message"]["text"] for u in rest] == ["2", "3", "4"]
    last = await client.updates(offset=-1)
    assert [u["message"]["text"] for u in last] == ["4"]
    assert await client.updates(offset=last[0]["update_id"] + 1, timeout=0) == []


async def test_second_poller_ends_the_first(client: Client) -> None:
    await client.meet()
    first = asyncio.create_task(client.updates(timeout=30))
    await polling(client)
    second = asyncio.create_task(client.updates(timeout=30))
    with pytest.raises(Refused) as refused:
        await first
    assert refused.value.status == 409
    assert str(refused.value) == (
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )
    await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    assert len(await second) == 1


async def test_only_wanted_kinds_arrive(client: Client) -> None:
    await client.meet()
    await client.updates(allowed_updates=["callback_query"], timeout=0)
    await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    assert await client.updates(timeout=0) == []
    await client.updates(allowed_updates=[], timeout=0)
    await client.control("POST", f"/users/{ANNA}/block")
    [update] = await client.updates(timeout=0)
    assert update["my_chat_member"]["new_chat_member"]["status"] == "kicked"


async def test_updates_wait_a_day(client: Client) -> None:
    await client.meet()
    await client.control("POST", f"/users/{ANNA}/send", {"text": "old"})
    await client.control("POST", "/clock", {"advance": "25h"})
    await client.control("POST", f"/users/{ANNA}/send", {"text": "new"})
    assert [u["message"]["text"] for u in await client.updates()] == ["new"]


async def test_delivery_can_be_made_unkind(client: Client) -> None:
    await client.meet()
    await client.control("PUT", "/delivery", {"duplicate": True, "shuffle": True})
    for text in ("1", "2"):
        await client.control("POST", f"/users/{ANNA}/send", {"text": text})
    texts = [u["message"]["text"] for u in await client.updates()]
    assert texts == ["2", "2", "1", "1"]
    await client.control("PUT", "/delivery", {"duplicate": False, "shuffle": False, "delay": 0.05})
    newest = (await client.updates())[-1]["update_id"]
    waiting = asyncio.create_task(client.updates(offset=newest + 1))
    await polling(client)
    await client.control("POST", f"/users/{ANNA}/send", {"text": "3"})
    assert [u["message"]["text"] for u in await waiting] == ["3"]


async def test_raw_and_malformed_updates_can_be_injected(client: Client) -> None:
    await client.meet()
    odd = {"update_id": 77, "message": {"message_id": "not a number"}}
    await client.control("POST", "/updates", {"bot": BOT_ID, "update": odd})
    done = await client.control("POST", "/updates", {"update": {"surprise": 1}})
    updates = await client.updates()
    assert updates == [odd, {"update_id": done["update_id"], "surprise": 1}]


async def test_update_ids_grow_over_forgetting(client: Client) -> None:
    await client.meet()
    first = await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    await client.control("DELETE", "")
    assert await client.control("GET", "/users") == []
    await client.meet()
    second = await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    assert second["update_id"] > first["update_id"]
    assert second["message_id"] > first["message_id"]
    assert len(await client.updates()) == 1
    assert TOKEN.startswith(str(BOT_ID))


async def test_taps_wait_150_seconds(client: Client) -> None:
    await client.meet()
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}
    sent = await client.call("sendMessage", chat_id=ANNA, text="?", reply_markup=markup)
    tap = {"message_id": sent["message_id"], "button": "a", "wait": 0}
    await client.control("POST", f"/users/{ANNA}/tap", tap)
    await client.control("POST", "/clock", {"advance": "151s"})
    await client.control("POST", f"/users/{ANNA}/send", {"text": "later"})
    assert [set(u) - {"update_id"} for u in await client.updates()] == [{"message"}]
