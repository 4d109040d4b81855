"""What people do: contacts, taps, links, blocking."""

import asyncio

import pytest

from tests.emulator.client import ANNA, BORIS, Client, Refused


async def asked(client: Client) -> dict[str, object]:
    """A message with one inline button; returns where it is."""
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y:1"}]]}
    sent = await client.call("sendMessage", chat_id=ANNA, text="?", reply_markup=markup)
    return {"message_id": sent["message_id"]}


async def test_own_and_foreign_contacts(client: Client) -> None:
    await client.meet()
    await client.control("POST", f"/users/{ANNA}/send", {"contact": "own"})
    foreign = {"contact": {"phone": "+79995550199", "user_id": BORIS}}
    await client.control("POST", f"/users/{ANNA}/send", foreign)
    await client.control("POST", f"/users/{ANNA}/send", {"contact": {"phone": "+79995550198"}})
    own, other, unnamed = [u["message"]["contact"] for u in await client.updates()]
    assert own == {"phone_number": "+79001110001", "first_name": "Anna", "user_id": ANNA}
    assert (other["user_id"], other["phone_number"]) == (BORIS, "+79995550199")
    assert "user_id" not in unnamed


async def test_files_of_people(client: Client) -> None:
    await client.meet()
    for what in ({"photo": True, "caption": "c"}, {"sticker": "👍"}, {"voice": True}):
        await client.control("POST", f"/users/{ANNA}/send", what)
    photo, sticker, voice = [u["message"] for u in await client.updates()]
    assert (photo["photo"][0]["width"], photo["caption"]) == (320, "c")
    assert sticker["sticker"]["emoji"] == "👍"
    assert voice["voice"]["mime_type"] == "audio/ogg"
    assert (await client.call("getFile", file_id=photo["photo"][0]["file_id"]))["file_size"] > 0


async def test_tap_waits_for_the_answer(client: Client) -> None:
    await client.meet()
    place = await asked(client)
    tap = asyncio.create_task(
        client.control("POST", f"/users/{ANNA}/tap", {**place, "button": "Yes"})
    )
    [update] = await client.updates()
    query = update["callback_query"]
    assert (query["data"], query["message"]["text"], query["from"]["id"]) == ("y:1", "?", ANNA)
    assert await client.call(
        "answerCallbackQuery", callback_query_id=query["id"], text="ok", show_alert=True
    )
    assert await tap == {
        "update_id": update["update_id"],
        "answer": {"text": "ok", "show_alert": True, "url": None},
    }


async def test_tap_without_an_answer_is_recorded(client: Client) -> None:
    await client.meet()
    place = await asked(client)
    done = await client.control("POST", f"/users/{ANNA}/tap", {**place, "button": "y:1", "wait": 0})
    assert done["answer"] is None
    [update] = await client.updates()
    assert update["update_id"] == done["update_id"]


async def test_late_and_wrong_answers_to_taps(client: Client) -> None:
    await client.meet()
    place = await asked(client)
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await client.refused("answerCallbackQuery", callback_query_id="1") == too_old
    await client.control("POST", f"/users/{ANNA}/tap", {**place, "button": "Yes", "wait": 0})
    [update] = await client.updates()
    query = {"callback_query_id": update["callback_query"]["id"]}
    assert await client.refused("answerCallbackQuery", **query, text="x" * 201) == (
        "Bad Request: MESSAGE_TOO_LONG"
    )
    await client.control("POST", "/clock", {"advance": "151s"})
    assert await client.refused("answerCallbackQuery", **query) == too_old


async def test_taps_that_make_no_update(client: Client) -> None:
    await client.meet()
    row = [
        {"text": "Site", "url": "https://example.com"},
        {"text": "Code", "copy_text": {"text": "4821"}},
        {"text": "Used", "disabled": {}},
    ]
    sent = await client.call(
        "sendMessage", chat_id=ANNA, text="x", reply_markup={"inline_keyboard": [row]}
    )
    tap = f"/users/{ANNA}/tap"
    place = {"message_id": sent["message_id"]}
    assert (await client.control("POST", tap, {**place, "button": "Site"}))["url"] == (
        "https://example.com"
    )
    assert (await client.control("POST", tap, {**place, "button": "Code"}))["copied"] == "4821"
    with pytest.raises(Refused, match="disabled"):
        await client.control("POST", tap, {**place, "button": "Used"})
    with pytest.raises(Refused, match="no such button"):
        await client.control("POST", tap, {**place, "button": "Nope"})
    with pytest.raises(Refused, match="no such message"):
        await client.control("POST", tap, {"message_id": 1, "button": "Nope"})
    assert await client.updates(timeout=0) == []


async def test_reply_keyboard_sends_text_or_contact(client: Client) -> None:
    await client.meet()
    keyboard = {
        "keyboard": [["Balance", {"text": "Phone", "request_contact": True}]],
        "one_time_keyboard": True,
    }
    sent = await client.call("sendMessage", chat_id=ANNA, text="x", reply_markup=keyboard)
    place = {"message_id": sent["message_id"]}
    done = await client.control("POST", f"/users/{ANNA}/tap", {**place, "button": "Phone"})
    assert done["answer"] is None
    [update] = await client.updates()
    assert update["message"]["contact"]["user_id"] == ANNA
    assert update["message"]["message_id"] == done["message_id"]
    assert (await client.screen())[-1]["keyboard"] is None


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ("https://t.me/bot1000001_bot?start=c_1-x", "/start c_1-x"),
        ("http://t.me/BOT1000001_BOT", "/start"),
        ("t.me/bot1000001_bot?start=r_2", "/start r_2"),
        ("tg://resolve?domain=bot1000001_bot&start=s_3", "/start s_3"),
        ("https://t.me/bot1000001_bot?start=bad%20payload", "/start"),
        (f"https://t.me/bot1000001_bot?start={'x' * 65}", "/start"),
    ],
)
async def test_links_start_the_bot(client: Client, link: str, text: str) -> None:
    await client.call("getMe")
    await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna"})
    done = await client.control("POST", f"/users/{ANNA}/open", {"link": link})
    [update] = await client.updates()
    assert update["update_id"] == done["update_id"]
    assert update["message"]["text"] == text
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]


async def test_links_that_lead_nowhere(client: Client) -> None:
    await client.meet()
    for link, status in (("https://t.me/nobody_bot", 404), ("https://a.bc/x", 400), ("", 400)):
        with pytest.raises(Refused) as refused:
            await client.control("POST", f"/users/{ANNA}/open", {"link": link})
        assert refused.value.status == status


async def test_blocking_and_coming_back(client: Client) -> None:
    await client.meet()
    done = await client.control("POST", f"/users/{ANNA}/block")
    again = await client.control("POST", f"/users/{ANNA}/block")
    assert again["update_id"] is None
    [update] = await client.updates()
    change = update["my_chat_member"]
    assert update["update_id"] == done["update_id"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == (
        "member",
        "kicked",
    )
    await client.control("POST", f"/users/{ANNA}/send", {"text": "back"})
    kinds = [set(u) - {"update_id"} for u in await client.updates(offset=update["update_id"] + 1)]
    assert kinds == [{"my_chat_member"}, {"message"}]
    assert await client.call("sendMessage", chat_id=ANNA, text="welcome back")


async def test_messages_after(client: Client) -> None:
    await client.meet()
    first = await client.call("sendMessage", chat_id=ANNA, text="1")
    await client.call("sendMessage", chat_id=ANNA, text="2")
    seen = await client.screen(after=first["message_id"])
    assert [message["text"] for message in seen] == ["2"]
