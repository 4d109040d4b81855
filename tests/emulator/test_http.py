"""The ways a call may arrive: paths, encodings, files."""

import io
import json
from typing import Any

import aiohttp
import pytest
import qrcode

from tests.emulator.client import ANNA, BORIS, OTHER_TOKEN, TOKEN, Client


def qr(text: str) -> bytes:
    """A PNG of a QR code."""
    out = io.BytesIO()
    qrcode.make(text).save(out)
    return out.getvalue()


async def send_form(client: Client, method: str, form: aiohttp.FormData) -> dict[str, Any]:
    async with client.http.post(f"/bot{TOKEN}/{method}", data=form) as answer:
        body: dict[str, Any] = await answer.json()
        return body


async def send_photo(client: Client, data: bytes, **fields: str) -> dict[str, Any]:
    form = aiohttp.FormData()
    for name, value in {"chat_id": str(ANNA), "photo": "attach://x1", **fields}.items():
        form.add_field(name, value)
    form.add_field("x1", data, filename="card.png", content_type="image/png")
    return await send_form(client, "sendPhoto", form)


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        (f"/bot{TOKEN}/getMe", 200, None),
        (f"/bot{TOKEN}/GETME", 200, None),
        ("/bot1:short/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        (f"/bot{TOKEN}/", 404, "Not Found: method not found"),
    ],
)
async def test_tokens_and_method_names(
    client: Client, path: str, status: int, description: str | None
) -> None:
    async with client.http.get(path) as answer:
        body = await answer.json()
    assert (answer.status, body.get("description")) == (status, description)


async def test_query_form_and_json_mean_the_same(client: Client) -> None:
    await client.meet()
    markup = json.dumps({"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]})
    fields = {"chat_id": str(ANNA), "text": "x", "protect_content": "True", "reply_markup": markup}
    url = f"/bot{TOKEN}/sendMessage"
    for request in (
        client.http.get(url, params=fields),
        client.http.post(url, data=fields),
        client.http.post(url, json={**fields, "chat_id": ANNA, "protect_content": True}),
    ):
        async with request as answer:
            result = (await answer.json())["result"]
        assert result["has_protected_content"] is True
        assert result["reply_markup"] == json.loads(markup)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"chat_id": str(ANNA), "text": "x", "protect_content": "maybe"}, "protect_content"),
        ({"chat_id": str(ANNA), "text": "x", "reply_markup": "{"}, "reply keyboard markup JSON"),
        ({"chat_id": str(ANNA), "text": "x", "reply_markup": "5"}, "object expected as reply"),
        ({"chat_id": str(ANNA), "text": "x", "message_thread_id": "z"}, "expected a number"),
        ({"chat_id": str(ANNA), "text": "x", "entities": '[{"type": 5}]'}, "can't parse entities"),
    ],
)
async def test_values_that_cannot_be_read(
    client: Client, fields: dict[str, str], error: str
) -> None:
    await client.meet()
    async with client.http.post(f"/bot{TOKEN}/sendMessage", data=fields) as answer:
        body = await answer.json()
    assert answer.status == 400
    assert error in body["description"]


async def test_broken_json_is_refused(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    for data in (b"{", b"[1]", b"\xff"):
        async with client.http.post(f"/bot{TOKEN}/getMe", data=data, headers=headers) as answer:
            assert (answer.status, (await answer.json())["ok"]) == (400, False)


async def test_photo_is_stored_sent_again_and_fetched(client: Client) -> None:
    await client.meet()
    data = qr("https://t.me/bot1000001_bot?start=c_1")
    sent = (await send_photo(client, data, caption="<i>c</i>", parse_mode="HTML"))["result"]
    assert sent["caption_entities"] == [{"type": "italic", "offset": 0, "length": 1}]
    file_id = sent["photo"][-1]["file_id"]
    assert sent["photo"][-1]["width"] > 100
    again = await client.call("sendPhoto", chat_id=ANNA, photo=file_id)
    assert again["photo"] == sent["photo"]
    path = (await client.call("getFile", file_id=file_id))["file_path"]
    async with client.http.get(f"/file/bot{TOKEN}/{path}") as answer:
        assert await answer.read() == data
    async with client.http.get(f"/file/bot{OTHER_TOKEN}/{path}") as answer:
        assert answer.status == 404
    seen = (await client.screen())[0]
    async with client.http.get(seen["photo"]) as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", data)
    assert await client.refused("sendPhoto", token=OTHER_TOKEN, chat_id=ANNA, photo=file_id) == (
        "Bad Request: chat not found"
    )


async def test_files_telegram_refuses(client: Client) -> None:
    await client.meet()
    assert (await send_photo(client, b"text"))["description"] == "Bad Request: IMAGE_PROCESS_FAILED"
    assert (await send_photo(client, b""))["description"] == "Bad Request: file must be non-empty"
    long = await send_photo(client, qr("x"), caption="x" * 1025)
    assert long["description"] == "Bad Request: message caption is too long"
    assert await client.refused("sendPhoto", chat_id=ANNA, photo="nonsense") == (
        "Bad Request: wrong file identifier/HTTP URL specified"
    )
    assert await client.refused("sendPhoto", chat_id=ANNA, photo="http://127.0.0.1:9/x.png") == (
        "Bad Request: failed to get HTTP URL content"
    )
    assert await client.screen() == []


async def test_other_media_and_new_media_in_place(client: Client) -> None:
    await client.meet()
    form = aiohttp.FormData()
    form.add_field("chat_id", str(ANNA))
    form.add_field("document", b'{"export": 1}', filename="export.json")
    document = (await send_form(client, "sendDocument", form))["result"]["document"]
    assert (document["file_name"], document["file_size"]) == ("export.json", 13)
    photo = (await send_photo(client, qr("one")))["result"]
    form = aiohttp.FormData()
    form.add_field("chat_id", str(ANNA))
    form.add_field("message_id", str(photo["message_id"]))
    media = {"type": "photo", "media": "attach://new", "caption": "two"}
    form.add_field("media", json.dumps(media))
    form.add_field("new", qr("two"), filename="q.png")
    changed = (await send_form(client, "editMessageMedia", form))["result"]
    assert changed["caption"] == "two"
    assert changed["photo"][0]["file_unique_id"] != photo["photo"][0]["file_unique_id"]


async def test_photo_by_address_is_fetched(client: Client) -> None:
    await client.meet()
    await send_photo(client, qr("one"))
    address = client.emulator.url + (await client.screen())[0]["photo"]
    sent = await client.call("sendPhoto", chat_id=ANNA, photo=address)
    assert sent["photo"][0]["file_size"] == len(qr("one"))


async def test_another_phone_scans_the_picture(client: Client) -> None:
    await client.meet()
    await client.control("PUT", f"/users/{BORIS}", {"first_name": "Boris"})
    photo = (await send_photo(client, qr("https://t.me/bot1000001_bot?start=c_tok")))["result"]
    body = {"user": ANNA, "message_id": photo["message_id"]}
    done = await client.control("POST", f"/users/{BORIS}/scan", body)
    assert done["link"] == "https://t.me/bot1000001_bot?start=c_tok"
    assert [seen["text"] for seen in await client.screen(BORIS)] == ["/start c_tok"]
