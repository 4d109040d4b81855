"""Messages of bots: sending, editing, deleting, keyboards, Telegram's refusals."""

import json

import pytest

from tests.emulator.client import ANNA, BORIS, OTHER_TOKEN, Client


def inline(*buttons: dict[str, object]) -> dict[str, object]:
    return {"inline_keyboard": [list(buttons)]}


async def test_message_reaches_the_person_as_formatted(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendMessage", chat_id=ANNA, text="<b>Hi</b>", parse_mode="HTML")
    assert sent["chat"] == {"id": ANNA, "first_name": "Anna", "type": "private"}
    assert sent["from"]["is_bot"]
    [seen] = await client.screen()
    assert seen["text"] == "Hi"
    assert seen["entities"] == [{"type": "bold", "offset": 0, "length": 2}]
    assert seen["message_id"] == sent["message_id"]
    assert not seen["edited"]


async def test_only_people_who_wrote_can_be_written_to(client: Client) -> None:
    await client.call("getMe")
    await client.control("PUT", f"/users/{ANNA}", {"first_name": "Anna"})
    for chat in (ANNA, BORIS, -100123, "@channel"):
        assert await client.refused("sendMessage", chat_id=chat, text="x") == (
            "Bad Request: chat not found"
        )
    assert await client.refused("sendMessage", text="x") == "Bad Request: chat_id is empty"
    await client.control("POST", f"/users/{ANNA}/send", {"text": "hello"})
    assert (await client.call("sendMessage", chat_id=ANNA, text="x"))["text"] == "x"


async def test_texts_telegram_refuses(client: Client) -> None:
    await client.meet()
    for text, error in (
        ("", "message text is empty"),
        ("  \n ", "message text is empty"),
        ("x" * 4097, "message is too long"),
    ):
        assert await client.refused("sendMessage", chat_id=ANNA, text=text) == (
            f"Bad Request: {error}"
        )
    assert await client.refused("sendMessage", chat_id=ANNA) == "Bad Request: message text is empty"
    assert "can't parse entities" in await client.refused(
        "sendMessage", chat_id=ANNA, text="<b>", parse_mode="HTML"
    )
    assert await client.screen() == []


@pytest.mark.parametrize(
    ("button", "error"),
    [
        ({"text": "x", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "Text buttons are unallowed in the inline keyboard"),
        ({"text": "x", "copy_text": {"text": "c" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "x", "url": "not a link"}, "is invalid: Wrong HTTP URL"),
        ({"text": "x", "callback_data": "a", "url": "https://a.bc"}, "BUTTON_TYPE_INVALID"),
        ({"text": "x", "callback_data": "a", "style": "pink"}, "BUTTON_STYLE_INVALID"),
        ({"callback_data": "a"}, "can't parse reply_markup"),
    ],
)
async def test_buttons_telegram_refuses(
    client: Client, button: dict[str, object], error: str
) -> None:
    await client.meet()
    assert error in await client.refused(
        "sendMessage", chat_id=ANNA, text="x", reply_markup=inline(button)
    )


async def test_buttons_of_every_kind_are_shown(client: Client) -> None:
    await client.meet()
    row = [
        {"text": "a", "callback_data": "я" * 32, "style": "danger"},
        {"text": "b", "url": "https://t.me/x?start=r_1"},
        {"text": "c", "copy_text": {"text": "C" * 256}},
        {"text": "d", "disabled": {}},
    ]
    await client.call("sendMessage", chat_id=ANNA, text="x", reply_markup=inline(*row))
    [seen] = await client.screen()
    assert seen["buttons"] == [row]


async def test_reply_keyboard_appears_and_goes(client: Client) -> None:
    await client.meet()
    keyboard = {"keyboard": [["Yes", {"text": "Phone", "request_contact": True}]]}
    await client.call("sendMessage", chat_id=ANNA, text="1", reply_markup=keyboard)
    await client.call("sendMessage", chat_id=ANNA, text="2")
    expected = [[{"text": "Yes"}, {"text": "Phone", "request_contact": True}]]
    assert (await client.screen())[-1]["keyboard"] == expected
    await client.call("sendMessage", chat_id=ANNA, text="3", reply_markup={"remove_keyboard": True})
    assert all(seen["keyboard"] is None for seen in await client.screen())


async def test_editing(client: Client) -> None:
    await client.meet()
    markup = inline({"text": "a", "callback_data": "a"})
    sent = await client.call("sendMessage", chat_id=ANNA, text="one", reply_markup=markup)
    place = {"chat_id": ANNA, "message_id": sent["message_id"]}
    same = await client.refused("editMessageText", **place, text="one", reply_markup=markup)
    assert same == (
        "Bad Request: message is not modified: specified new message content and reply markup "
        "are exactly the same as a current content and reply markup of the message"
    )
    edited = await client.call("editMessageText", **place, text="two")
    assert edited["edit_date"] >= sent["date"]
    assert "reply_markup" not in edited
    await client.call("editMessageReplyMarkup", **place, reply_markup=markup)
    [seen] = await client.screen()
    assert (seen["text"], seen["edited"], len(seen["buttons"])) == ("two", True, 1)
    missing = await client.refused("editMessageText", chat_id=ANNA, message_id=1, text="x")
    assert missing == "Bad Request: message to edit not found"
    assert await client.refused("editMessageCaption", **place, caption="x") == (
        "Bad Request: there is no caption in the message to edit"
    )
    theirs = await client.control("POST", f"/users/{ANNA}/send", {"text": "mine"})
    assert await client.refused(
        "editMessageText", chat_id=ANNA, message_id=theirs["message_id"], text="x"
    ) == ("Bad Request: message can't be edited")


async def test_deleting_replying_copying_forwarding(client: Client) -> None:
    await client.meet()
    first = await client.call("sendMessage", chat_id=ANNA, text="one")
    number = first["message_id"]
    reply = await client.call(
        "sendMessage", chat_id=ANNA, text="two", reply_parameters={"message_id": number}
    )
    assert reply["reply_to_message"]["text"] == "one"
    source = {"chat_id": ANNA, "from_chat_id": ANNA, "message_id": number}
    copied = await client.call("copyMessage", **source)
    forwarded = await client.call("forwardMessage", **source)
    assert forwarded["forward_origin"]["sender_user"]["is_bot"]
    assert copied["message_id"] < forwarded["message_id"]
    assert await client.call("deleteMessage", chat_id=ANNA, message_id=number)
    assert await client.refused("deleteMessage", chat_id=ANNA, message_id=number) == (
        "Bad Request: message to delete not found"
    )
    assert await client.refused("copyMessage", **source) == "Bad Request: message to copy not found"
    assert await client.refused(
        "sendMessage", chat_id=ANNA, text="x", reply_parameters={"message_id": number}
    ) == ("Bad Request: message to be replied not found")
    assert await client.call(
        "deleteMessages", chat_id=ANNA, message_ids=[copied["message_id"], 12345]
    )
    assert [seen["text"] for seen in await client.screen()] == ["two", "one"]


async def test_old_messages_cannot_be_deleted(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendMessage", chat_id=ANNA, text="one")
    await client.control("POST", "/clock", {"advance": "49h"})
    assert (
        await client.refused("deleteMessage", chat_id=ANNA, message_id=sent["message_id"])
        == "Bad Request: message can't be deleted for everyone"
    )


async def test_blocked_and_deactivated(client: Client) -> None:
    await client.meet()
    await client.control("POST", f"/users/{ANNA}/block")
    for method, extra in (("sendMessage", {"text": "x"}), ("sendChatAction", {"action": "typing"})):
        assert await client.refused(method, chat_id=ANNA, **extra) == (
            "Forbidden: bot was blocked by the user"
        )
    await client.control("POST", f"/users/{ANNA}/unblock")
    assert await client.call("sendChatAction", chat_id=ANNA, action="typing")
    await client.control("POST", f"/users/{ANNA}/deactivate")
    assert await client.refused("sendMessage", chat_id=ANNA, text="x") == (
        "Forbidden: user is deactivated"
    )


async def test_pins_reactions_and_the_chat(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendMessage", chat_id=ANNA, text="one")
    place = {"chat_id": ANNA, "message_id": sent["message_id"]}
    assert await client.call("pinChatMessage", **place)
    assert await client.call(
        "setMessageReaction", **place, reaction=[{"type": "emoji", "emoji": "👍"}]
    )
    chat = await client.call("getChat", chat_id=ANNA)
    assert chat["pinned_message"]["message_id"] == sent["message_id"]
    [seen] = await client.screen()
    assert (seen["pinned"], seen["reactions"]) == (True, ["👍"])
    assert await client.call("unpinChatMessage", **place)
    assert await client.refused("unpinChatMessage", **place) == (
        "Bad Request: message to unpin not found"
    )


async def test_every_bot_has_its_own_chats(client: Client) -> None:
    await client.meet()
    assert await client.refused("sendMessage", token=OTHER_TOKEN, chat_id=ANNA, text="x") == (
        "Bad Request: chat not found"
    )
    me = await client.call("getMe", token=OTHER_TOKEN)
    assert (me["id"], me["username"]) == (1000002, "bot1000002_bot")


async def test_what_is_not_carried_out_says_so(client: Client) -> None:
    await client.meet()
    assert await client.refused("banChatMember", chat_id=ANNA, user_id=ANNA) == (
        "Not Implemented: the emulator does not carry out banChatMember"
    )
    assert await client.refused("sendNothing") == "Not Found: method not found"


async def test_strict_mode_refuses_unknown_parameters(client: Client) -> None:
    await client.meet()
    assert await client.refused("sendMessage", chat_id=ANNA, text="x", txet="y") == (
        'Bad Request: unknown parameter "txet"'
    )
    assert json.dumps((await client.control("GET", "/requests"))[-1]["unknown"]) == '["txet"]'
