"""Sending files: uploads, known file ids and addresses; fetching them back."""

from __future__ import annotations

from typing import Any

import aiohttp

from emulator.errors import ApiError, Unprocessable
from emulator.images import image_size
from emulator.methods.messages import caption_of, deliver
from emulator.methods.registry import Call, method
from emulator.params import Upload
from emulator.world import StoredFile

Json = dict[str, Any]
PHOTO_BYTES = 10 * 1024 * 1024
FILE_BYTES = 50 * 1024 * 1024
FETCH_SECONDS = 5
_BAD_FILE = "wrong file identifier/HTTP URL specified"


async def stored_file(call: Call, kind: str, source: Any) -> StoredFile:
    """The file meant by `source`: `attach://name`, a file id of this bot, or an address."""
    if not isinstance(source, str) or not source:
        raise Unprocessable(f"there is no {kind} in the request")
    if source.startswith("attach://"):
        upload = call.uploads.get(source[9:])
        if upload is None:
            raise Unprocessable(f"there is no {kind} in the request")
    elif source.startswith(("http://", "https://")):
        upload = await _fetched(call, source)
    else:
        known = call.world.files.get(source)
        if known is None or known.bot_id != call.bot.id:
            raise Unprocessable(_BAD_FILE)
        return known
    return keep_upload(call, kind, upload)


def keep_upload(call: Call, kind: str, upload: Upload) -> StoredFile:
    """Check an upload as Telegram does and store it."""
    if not upload.data:
        raise Unprocessable("file must be non-empty")
    limit = PHOTO_BYTES if kind == "photo" else FILE_BYTES
    if len(upload.data) > limit:
        raise ApiError(413, "Request Entity Too Large")
    found = image_size(upload.data)
    if kind == "photo":
        if found is None:
            raise Unprocessable("IMAGE_PROCESS_FAILED")
        width, height, mime = found
        if (
            min(width, height) < 1
            or width + height > 10_000
            or max(width, height) > 20 * min(width, height)
        ):
            raise Unprocessable("PHOTO_INVALID_DIMENSIONS")
        name = f"photo.{mime.rsplit('/', 1)[1]}"
    else:
        width, height, mime = found or (0, 0, upload.mime)
        name = upload.name
    return call.world.store_file(
        call.bot.id, kind, upload.data, name=name, mime=mime, size=(width, height)
    )


async def _fetched(call: Call, url: str) -> Upload:
    """Fetch an address as Telegram's servers would."""
    if call.http is None:
        raise Unprocessable("failed to get HTTP URL content")
    try:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        async with call.http.get(url, timeout=timeout) as answer:
            if answer.status != 200:
                raise Unprocessable("failed to get HTTP URL content")
            data = await answer.content.read(FILE_BYTES + 1)
            name = url.split("?", 1)[0].rsplit("/", 1)[-1] or "file"
            return Upload(name, answer.content_type, data)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise Unprocessable("failed to get HTTP URL content") from error


def file_fields(stored: StoredFile) -> Json:
    """What every Bot API file object carries."""
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
    }


def described(kind: str, stored: StoredFile, given: Json) -> Json:
    """The message field of a file: `{"photo": [...]}`, `{"document": {...}}` and so on."""
    fields = file_fields(stored)
    size = {"width": stored.width, "height": stored.height}
    if kind == "photo":
        return {"photo": [{**fields, **size}]}
    named = {"file_name": stored.name, "mime_type": stored.mime}
    if kind == "sticker":
        extra = {**size, "type": "regular", "is_animated": False, "is_video": False}
        return {"sticker": {**fields, **extra, "emoji": given.get("emoji", "🙂")}}
    duration = {"duration": int(given.get("duration", 0))}
    if kind in ("video", "animation"):
        sized = {"width": given.get("width", 0), "height": given.get("height", 0)}
        body = {**fields, **sized, **duration, **named}
    elif kind == "voice":
        body = {**fields, **duration, "mime_type": stored.mime}
    elif kind == "audio":
        body = {**fields, **duration, **named}
    else:
        body = {**fields, **named}
    content: Json = {kind: body}
    if kind == "animation":
        content["document"] = {**fields, **named}
    return content


async def media_content(call: Call, kind: str, source: Any, given: Json) -> Json:
    """Store or find the file and describe it for a message."""
    if kind not in ("photo", "document", "animation", "video", "audio", "voice", "sticker"):
        raise ApiError(501, f"Not Implemented: the emulator does not send {kind}")
    content = described(kind, await stored_file(call, kind, source), given)
    if given.get("has_spoiler") and kind in ("photo", "video", "animation"):
        content["has_media_spoiler"] = True
    return content


async def _send(call: Call, kind: str) -> Json:
    chat, person = call.writable_chat()
    content = await media_content(call, kind, call.params.get(kind), call.params)
    if kind != "sticker":
        content.update(caption_of(call, call.params))
    return deliver(call, chat, person, content)


def _register(name: str, kind: str) -> None:
    async def send(call: Call) -> Json:
        return await _send(call, kind)

    send.__doc__ = f"Send a {kind} with an optional caption."
    method(name)(send)


for _name, _kind in (
    ("sendPhoto", "photo"),
    ("sendDocument", "document"),
    ("sendAnimation", "animation"),
    ("sendVideo", "video"),
    ("sendAudio", "audio"),
    ("sendVoice", "voice"),
    ("sendSticker", "sticker"),
):
    _register(_name, _kind)


@method("sendContact")
def send_contact(call: Call) -> Json:
    """Send a phone contact."""
    chat, person = call.writable_chat()
    fields = ("phone_number", "first_name", "last_name", "vcard")
    contact = {name: call.params[name] for name in fields if name in call.params}
    return deliver(call, chat, person, {"contact": contact})


@method("getFile")
def get_file(call: Call) -> Json:
    """The path of a file this bot has seen."""
    stored = call.world.files.get(call.params["file_id"])
    if stored is None or stored.bot_id != call.bot.id:
        raise Unprocessable("invalid file_id")
    return {**file_fields(stored), "file_path": stored.path}
