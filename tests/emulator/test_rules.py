"""What Telegram allows with messages that are there: other media, deletion, keyboards, dates."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from emulator.images import sample_png
from tests.emulator.client import ANNA, TOKEN, Client, Refused

Json = dict[str, Any]


async def uploaded(client: Client, method: str, fields: Json, **files: bytes) -> Any:
    """A call with files; its result."""
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    for name, data in files.items():
        form.add_field(name, data, filename=f"{name}.bin")
    async with client.http.post(f"/bot{TOKEN}/{method}", data=form) as answer:
        body = await answer.json()
    if not body["ok"]:
        raise Refused(answer.status, body)
    return body["result"]


async def test_a_text_becomes_a_photo_in_place(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendMessage", chat_id=ANNA, text="<b>Wait</b>", parse_mode="HTML")
    media = {"type": "photo", "media": "attach://card", "caption": "Your card"}
    fields = {"chat_id": ANNA, "message_id": sent["message_id"], "media": media}
    edited = await uploaded(client, "editMessageMedia", fields, card=sample_png())
    assert edited["caption"] == "Your card"
    assert "text" not in edited
    assert "entities" not in edited
    [seen] = await client.screen()
    assert seen["message_id"] == sent["message_id"]
    assert seen["photo"]
    assert seen["text"] is None
    assert "no text in the message" in await client.refused(
        "editMessageText", chat_id=ANNA, message_id=sent["message_id"], text="x"
    )


async def test_other_messages_and_media_are_refused(client: Client) -> None:
    await client.meet()
    sent = await client.call("sendContact", chat_id=ANNA, phone_number="+7900", first_name="A")
    text = await client.call("sendMessage", chat_id=ANNA, text="x")
    photo = await uploaded(client, "sendPhoto", {"chat_id": str(ANNA)}, photo=sample_png())
    media = {"type": "photo", "media": photo["photo"][0]["file_id"]}
    refusal = await client.refused(
        "editMessageMedia", chat_id=ANNA, message_id=sent["message_id"], media=media
    )
    assert "can't be edited" in refusal
    edit = {"chat_id": ANNA, "message_id": text["message_id"]}
    with pytest.raises(Refused):
        await client.call("editMessageMedia", **edit, media={**media, "type": "sticker"})


async def test_old_messages_are_not_deleted_nor_those_beside_them(client: Client) -> None:
    await client.meet()
    old = await client.call("sendMessage", chat_id=ANNA, text="old")
    await client.control("POST", "/clock", {"advance": "49h"})
    new = await client.call("sendMessage", chat_id=ANNA, text="new")
    both = [new["message_id"], old["message_id"]]
    refusal = await client.refused("deleteMessages", chat_id=ANNA, message_ids=both)
    assert "can't be deleted" in refusal
    assert [m["text"] for m in await client.screen()] == ["old", "new"]
    await client.call("deleteMessages", chat_id=ANNA, message_ids=[new["message_id"], 5])
    assert [m["text"] for m in await client.screen()] == ["old"]


async def test_a_keyboard_for_one_use_hides_and_opens_again(client: Client) -> None:
    await client.meet()
    keyboard = {"keyboard": [["Yes", "No"]], "one_time_keyboard": True}
    await client.call("sendMessage", chat_id=ANNA, text="?", reply_markup=keyboard)
    tap = {"message_id": 0, "button": "Yes"}
    await client.control("POST", f"/users/{ANNA}/tap", tap)
    screen = await client.control("GET", f"/users/{ANNA}/screen")
    assert screen["keyboard"]["used"] == screen["messages"][-1]["message_id"]
    assert screen["messages"][-1]["keyboard"] is None
    await client.control("POST", f"/users/{ANNA}/tap", {**tap, "button": "No"})
    assert [m["text"] for m in await client.screen()] == ["?", "Yes", "No"]
    gone = {"remove_keyboard": True}
    await client.call("sendMessage", chat_id=ANNA, text="ok", reply_markup=gone)
    assert (await client.control("GET", f"/users/{ANNA}/screen"))["keyboard"] is None
    with pytest.raises(Refused, match="no such"):
        await client.control("POST", f"/users/{ANNA}/tap", tap)


@pytest.mark.parametrize(("form", "fits"), [("r", True), ("wDT", True), ("d", True), ("rd", False)])
async def test_forms_of_a_moment(client: Client, form: str, fits: bool) -> None:
    await client.meet()
    text = f'<tg-time unix="1790000000" format="{form}">soon</tg-time>'
    call = {"chat_id": ANNA, "text": text, "parse_mode": "HTML"}
    if fits:
        [entity] = (await client.call("sendMessage", **call))["entities"]
        assert (entity["unix_time"], entity["date_time_format"]) == (1790000000, form)
    else:
        assert "date-time" in await client.refused("sendMessage", **call)
