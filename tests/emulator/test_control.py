"""The control API itself: who may use it, bad bodies, faults, limits, clock, transcript."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from emulator import RunningEmulator, start_emulator
from tests.emulator.client import ANNA, BORIS, BOT_ID, OTHER_TOKEN, TOKEN, Client, Refused


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({"Host": "evil.example"}, None, 403),
        ({"Host": "169.254.1.1"}, None, 403),
        ({"Origin": "https://evil.example"}, None, 403),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"advance=1d", 415),
        ({"Content-Type": "application/json"}, b"{", 400),
        ({"Content-Type": "application/json"}, b"[]", 400),
        ({"Content-Type": "application/json"}, b'{"advance": "1d"}', 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, None, 400),
    ],
)
async def test_only_this_machine_and_only_json(
    client: Client, headers: dict[str, str], data: bytes | None, status: int
) -> None:
    async with client.http.post("/control/clock", data=data, headers=headers) as answer:
        assert answer.status == status
        assert status == 200 or "error" in await answer.json()


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("PUT", "/users/x", {"first_name": "A"}, 400),
        ("PUT", "/users/5", {}, 400),
        ("PUT", "/users/5", {"first_name": 5}, 400),
        ("PUT", "/users/5", {"first_name": "A", "nickname": "B"}, 400),
        ("POST", "/users/77/send", {"text": "x"}, 404),
        ("POST", f"/users/{ANNA}/send", {}, 400),
        ("POST", f"/users/{ANNA}/send", {"text": "x", "photo": True}, 400),
        ("POST", f"/users/{ANNA}/send", {"text": " "}, 400),
        ("POST", f"/users/{ANNA}/send", {"text": "x" * 4097}, 400),
        ("POST", f"/users/{ANNA}/send", {"photo": "%%%"}, 400),
        ("POST", f"/users/{ANNA}/send", {"photo": "dGV4dA=="}, 400),
        ("POST", f"/users/{ANNA}/send", {"text": "x", "bot": "nobody"}, 404),
        ("POST", f"/users/{ANNA}/send", {"contact": 5}, 400),
        ("POST", f"/users/{ANNA}/tap", {"message_id": "1", "button": "x"}, 400),
        ("POST", "/faults", {"method": "*", "kind": "fire"}, 400),
        ("POST", "/faults", {"kind": "429", "times": 0}, 400),
        ("POST", "/clock", {"advance": "3 weeks"}, 400),
        ("PUT", "/limits", {"burst": -1}, 400),
        ("PUT", "/delivery", {"shuffle": "yes"}, 400),
        ("POST", "/updates", {"update": []}, 400),
        ("GET", "/requests?after=x", None, 400),
        ("GET", "/nothing", None, 404),
        ("POST", "/product-clock", {"advance": "1d"}, 404),
    ],
)
async def test_bad_calls_are_explained(
    client: Client, verb: str, path: str, body: Any, status: int
) -> None:
    await client.meet()
    with pytest.raises(Refused) as refused:
        await client.control(verb, path, body)
    assert refused.value.status == status
    assert str(refused.value) != "None"


async def test_bot_may_be_left_out_only_when_there_is_one(client: Client) -> None:
    await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna"})
    with pytest.raises(Refused, match="no bot has called"):
        await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    await client.call("getMe")
    assert await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    await client.call("getMe", token=OTHER_TOKEN)
    with pytest.raises(Refused, match="several bots"):
        await client.control("POST", f"/users/{ANNA}/send", {"text": "x"})
    named = {"text": "x", "bot": "bot1000002_bot"}
    assert await client.control("POST", f"/users/{ANNA}/send", named)
    await client.control("PUT", "/bots/1000002", {"username": "coffee_bot", "first_name": "C"})
    assert (await client.call("getMe", token=OTHER_TOKEN))["username"] == "coffee_bot"


async def test_faults_that_are_answers(client: Client) -> None:
    await client.meet()
    for kind, expected in (
        ("429", (429, "Too Many Requests: retry after 7")),
        ("403", (403, "Forbidden: bot was blocked by the user")),
        ("400", (400, "Bad Request: chat not found")),
        ("5xx", (500, "Internal Server Error")),
    ):
        fault = {"method": "sendMessage", "kind": kind, "times": 1, "retry_after": 7}
        await client.control("POST", "/faults", {**fault, "chat_id": ANNA})
        with pytest.raises(Refused) as refused:
            await client.call("sendMessage", chat_id=ANNA, text=kind)
        assert (refused.value.status, str(refused.value)) == expected
        if kind == "429":
            assert refused.value.body["parameters"] == {"retry_after": 7}
        await client.call("sendMessage", chat_id=ANNA, text=f"{kind} again")
    assert [seen["text"][-5:] for seen in await client.screen()] == ["again"] * 4
    assert await client.control("GET", "/faults") == []


async def test_faults_choose_method_and_chat(client: Client) -> None:
    await client.meet(ANNA)
    await client.meet(BORIS)
    await client.control("POST", "/faults", {"method": "*", "chat_id": BORIS, "kind": "400"})
    await client.call("sendMessage", chat_id=ANNA, text="x")
    assert await client.refused("sendMessage", chat_id=BORIS, text="x")
    await client.control("POST", "/faults", {"method": "getMe", "kind": "5xx", "status": 502})
    await client.control("DELETE", "/faults")
    assert await client.call("getMe")


@pytest.mark.parametrize(("kind", "arrived"), [("drop_before", 0), ("drop_after", 1), ("hang", 0)])
async def test_dropped_connections(client: Client, kind: str, arrived: int) -> None:
    await client.meet()
    await client.control(
        "POST", "/faults", {"method": "sendMessage", "kind": kind, "seconds": 0.01}
    )
    with pytest.raises(aiohttp.ClientError):
        await client.call("sendMessage", chat_id=ANNA, text="x")
    assert len(await client.screen()) == arrived
    note = (await client.control("GET", "/requests?method=sendMessage"))[-1]
    assert (note["fault"], note["dropped"]) == (kind, True)
    assert (note["answer"] is not None) == bool(arrived)


async def test_slow_answers_still_come(client: Client) -> None:
    await client.meet()
    await client.control("POST", "/faults", {"method": "getMe", "kind": "slow", "seconds": 0.05})
    await client.call("getMe")
    [note] = await client.control("GET", "/requests?method=getMe&after=1")
    assert note["seconds"] >= 0.05


async def test_flood_limits(client: Client) -> None:
    await client.meet(ANNA)
    await client.meet(BORIS)
    await client.control("PUT", "/limits", {"global_per_second": 0, "burst": 2})
    for _ in range(2):
        await client.call("sendMessage", chat_id=ANNA, text="x")
    with pytest.raises(Refused) as refused:
        await client.call("sendMessage", chat_id=ANNA, text="x")
    assert (refused.value.status, refused.value.body["parameters"]) == (429, {"retry_after": 1})
    assert await client.call("sendMessage", chat_id=BORIS, text="x")
    await client.control("PUT", "/limits", {"global_per_second": 3, "per_chat_per_second": 0})
    outcomes = await asyncio.gather(
        *(client.call("sendMessage", chat_id=ANNA, text="x") for _ in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) >= 2
    paid = {"chat_id": BORIS, "text": "x", "allow_paid_broadcast": True}
    assert [await client.call("sendMessage", **paid) for _ in range(6)]
    await client.control("PUT", "/limits", {"global_per_second": 0, "per_chat_per_second": 0})
    for _ in range(40):
        await client.call("sendMessage", chat_id=ANNA, text="x")


async def test_clock_dates_messages(client: Client) -> None:
    await client.meet()
    before = await client.call("sendMessage", chat_id=ANNA, text="x")
    clock = await client.control("POST", "/clock", {"advance": "3d"})
    after = await client.call("sendMessage", chat_id=ANNA, text="x")
    assert clock["offset"] == 3 * 86400
    assert 0 <= after["date"] - before["date"] - 3 * 86400 < 10


async def test_transcript(client: Client) -> None:
    await client.meet()
    await client.call("sendMessage", chat_id=ANNA, text="x")
    await client.refused("sendMessage", chat_id=1, text="y")
    calls = await client.control("GET", "/requests")
    assert [call["method"] for call in calls] == ["getMe", "sendMessage", "sendMessage"]
    assert calls[1]["parameters"] == {"chat_id": ANNA, "text": "x"}
    assert calls[1]["answer"]["result"]["text"] == "x"
    assert calls[2]["answer"]["error_code"] == 400
    assert calls[2]["time"] > 0
    assert TOKEN not in json.dumps(calls)
    later = await client.control("GET", f"/requests?after={calls[1]['id']}&bot={BOT_ID}")
    assert [call["id"] for call in later] == [calls[2]["id"]]


async def test_forgetting_everything(client: Client) -> None:
    await client.meet()
    await client.call("setMyCommands", commands=[{"command": "a", "description": "b"}])
    await client.control("POST", "/clock", {"advance": "1d"})
    await client.control("DELETE", "")
    state = await client.control("GET", "/state")
    assert (state["bots"], state["people"], state["offset"]) == ([], [], 0)
    assert await client.call("getMyCommands") == []
    assert await client.refused("sendMessage", chat_id=ANNA, text="x") == (
        "Bad Request: chat not found"
    )


async def test_page_is_told_what_happens(client: Client) -> None:
    await client.meet()
    async with client.http.get("/control/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readline() == b": hello\n"
        sent = await client.call("sendMessage", chat_id=ANNA, text="x")
        await client.call("deleteMessage", chat_id=ANNA, message_id=sent["message_id"])
        events = []
        while len(events) < 2:
            line = await stream.content.readline()
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
    assert [event["kind"] for event in events] == ["message", "removed"]
    assert events[0]["message"]["text"] == "x"


async def test_crowd_for_load_tests(client: Client, emulator: RunningEmulator) -> None:
    await client.call("getMe")
    assert await client.control("POST", "/crowd", {"first_id": 1000, "count": 50}) == {"count": 50}
    assert await client.call("sendMessage", chat_id=1049, text="x")
    assert len(emulator.world.people) == 50


async def test_clock_button_asks_the_product() -> None:
    asked: list[Any] = []

    async def move(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"now": "2036-01-01T00:00:00+00:00"})

    app = web.Application()
    app.add_routes([web.post("/demo/clock", move)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    product = f"http://127.0.0.1:{runner.addresses[0][1]}"
    emulator = await start_emulator("127.0.0.1", 0, product_url=product)
    async with Client(emulator) as client:
        done = await client.control("POST", "/product-clock", {"advance": "3d"})
        clock = await client.control("GET", "/clock")
    await emulator.stop()
    await runner.cleanup()
    assert asked == [{"advance": "3d"}]
    assert done["now"].startswith("2036")
    assert abs(clock["now"] - 2082758400) < 10
