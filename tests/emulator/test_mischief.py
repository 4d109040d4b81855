"""Updates twice, out of turn and late: by a seed, by polling and by webhook, none ever lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from emulator import RunningEmulator
from tests.emulator.client import ANNA, BORIS, BOT_ID, Client, Refused

Json = dict[str, Any]
MARKUP = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}


async def say(client: Client, text: str, user: int = ANNA) -> int:
    sent = await client.control("POST", f"/users/{user}/send", {"bot": BOT_ID, "text": text})
    return int(sent["update_id"])


async def press(client: Client, message_id: int) -> int:
    body = {"bot": BOT_ID, "message_id": message_id, "button": "a", "wait": 0}
    return int((await client.control("POST", f"/users/{ANNA}/tap", body))["update_id"])


async def gather(client: Client, count: int) -> list[Json]:
    """Poll as a bot does, confirming the highest number, until `count` updates came."""
    found: list[Json] = []
    offset = 0
    while len(found) < count:
        batch = await client.updates(offset=offset, timeout=10)
        assert batch, f"only {len(found)} of {count} updates came"
        found += batch
        offset = max(offset, *(update["update_id"] + 1 for update in batch))
    return found


async def confirm_all(client: Client) -> list[Json]:
    """What still comes without waiting, confirmed."""
    return await client.updates(offset=2**40, timeout=0)


async def test_a_confirmed_update_comes_once_more(client: Client) -> None:
    await client.meet()
    await client.control("PUT", "/delivery", {"duplicate": 1.0, "seed": 7})
    sent = [await say(client, text) for text in ("one", "two")]
    first = await client.updates()
    assert [u["update_id"] for u in first] == sent
    again = await client.updates(offset=sent[-1] + 1, timeout=0)
    assert again == first
    assert await client.updates(offset=sent[-1] + 1, timeout=0) == []
    done = (await client.control("GET", "/delivery"))["done"]
    assert done["duplicated"] == sent


async def test_a_message_and_a_tap_change_places(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendMessage", chat_id=ANNA, text="?", reply_markup=MARKUP)
    await client.control("PUT", "/delivery", {"swap": 1.0})
    poll = asyncio.create_task(gather(client, 2))
    message = await say(client, "before the tap")
    tap = await press(client, sent["message_id"])
    assert [u["update_id"] for u in await poll] == [tap, message]
    assert (await client.control("GET", "/delivery"))["done"]["swapped"] == [[tap, message]]


async def test_people_change_places_but_one_chat_keeps_its_order(client: Client) -> None:
    await client.meet()
    await client.meet(BORIS, first_name="Boris")
    await client.control(
        "PUT", "/delivery", {"swap": 0.5, "delay": {"share": 0.5, "seconds": [0, 0.05]}, "seed": 5}
    )
    for number in range(12):
        await say(client, str(number), ANNA if number % 3 else BORIS)
    found = [u["message"] for u in await gather(client, 12)]
    for user in (ANNA, BORIS):
        texts = [int(m["text"]) for m in found if m["from"]["id"] == user]
        assert texts == sorted(texts)
    assert [int(m["text"]) for m in found] != list(range(12))
    assert await confirm_all(client) == []


async def test_a_late_update_survives_the_offset_of_newer_ones(client: Client) -> None:
    await client.meet()
    await client.meet(BORIS, first_name="Boris")
    late = {"share": 1.0, "seconds": [0.2, 0.2]}
    await client.control("PUT", "/delivery", {"delay": late})
    slow = await say(client, "slow")
    await client.control("PUT", "/delivery", {"delay": 0})
    quick = await say(client, "quick", BORIS)
    assert [u["update_id"] for u in await gather(client, 2)] == [quick, slow]
    assert await confirm_all(client) == []


@pytest.mark.parametrize("seed", [1, 7])
async def test_a_seed_decides_alone(client: Client, seed: int) -> None:
    await client.meet()

    async def play() -> list[int]:
        await client.control("PUT", "/delivery", {"duplicate": 0.4, "seed": seed})
        sent = [await say(client, str(number)) for number in range(20)]
        await client.updates()
        again = await client.updates(offset=sent[-1] + 1, timeout=0)
        await confirm_all(client)
        return [sent.index(update["update_id"]) for update in again]

    first = await play()
    assert 0 < len(first) < 20
    assert await play() == first


async def test_webhooks_get_it_all_too(client: Client) -> None:
    await client.meet()
    await client.meet(BORIS, first_name="Boris")
    got: list[Json] = []
    enough = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        got.append(await request.json())
        if len(got) >= 8:
            enough.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", hook)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await client.call("setWebhook", url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    await client.control("PUT", "/delivery", {"duplicate": 1, "swap": 1.0, "seed": 3})
    sent = [await say(client, str(n), BORIS if n % 2 else ANNA) for n in range(4)]
    await asyncio.wait_for(enough.wait(), 10)
    numbers = [update["update_id"] for update in got]
    assert sorted(numbers) == sorted(sent * 2)
    assert list(dict.fromkeys(numbers)) != sent
    done = (await client.control("GET", "/delivery"))["done"]
    assert sorted(done["duplicated"]) == sent
    assert done["swapped"]
    await runner.cleanup()


async def test_closing_and_dropping_leave_nothing_behind(
    client: Client, emulator: RunningEmulator
) -> None:
    await client.meet()
    late = {"share": 1.0, "seconds": [60, 60]}
    await client.control("PUT", "/delivery", {"delay": late})
    await say(client, "never")
    await client.call("deleteWebhook", drop_pending_updates=True)
    assert (await client.control("GET", "/delivery"))["done"]["waiting"] == 0
    kept = await say(client, "kept")
    emulator.world.mischief.flush()
    assert [u["update_id"] for u in await client.updates(timeout=0)] == [kept]


@pytest.mark.parametrize(
    "body",
    [
        {"duplicate": 1.5},
        {"swap": -1},
        {"swap": "often"},
        {"delay": {"share": 2}},
        {"delay": {"seconds": [3, 1]}},
        {"delay": {"seconds": 3}},
        {"delay": {"often": 1}},
        {"seed": "seven"},
        {"mischief": 1},
    ],
)
async def test_odd_options_are_refused(client: Client, body: Json) -> None:
    with pytest.raises(Refused) as refused:
        await client.control("PUT", "/delivery", body)
    assert refused.value.status == 400


async def test_a_replayed_forged_or_broken_tap_can_be_handed_over(client: Client) -> None:
    await client.meet()
    await client.meet(BORIS, first_name="Boris")
    sent = await client.call("sendMessage", chat_id=ANNA, text="?", reply_markup=MARKUP)
    await press(client, sent["message_id"])
    [update] = await client.updates()
    await client.updates(offset=update["update_id"] + 1, timeout=0)
    query = update["callback_query"]
    replay = {"update_id": update["update_id"], "callback_query": query}
    stranger = {"id": BORIS, "is_bot": False, "first_name": "Boris"}
    forged = {"callback_query": {**query, "id": "1", "from": stranger}}
    broken = {"callback_query": {"id": 5, "data": "\x00" * 70}}
    for odd in (replay, forged, broken):
        await client.control("POST", "/updates", {"bot": BOT_ID, "update": odd})
    offset = update["update_id"] + 1
    found = await client.updates(offset=offset, timeout=0)
    assert [u["callback_query"] for u in found] == [
        query,
        forged["callback_query"],
        broken["callback_query"],
    ]
    assert found[0] == update
    assert "too old" in await client.refused("answerCallbackQuery", callback_query_id="1")
