"""Editing messages and answering taps."""

from __future__ import annotations

from typing import Any

from emulator.errors import NOT_MODIFIED, TOO_OLD, Unprocessable
from emulator.markups import check_markup
from emulator.methods.media import media_content
from emulator.methods.messages import caption_of, text_of
from emulator.methods.registry import Call, method
from emulator.queueing import QUERY_SECONDS
from emulator.text.spans import clean_link
from emulator.view import announce_message
from emulator.world import Chat

Json = dict[str, Any]
_MEDIA = ("photo", "document", "animation", "video", "audio", "voice", "sticker", "video_note")
_REPLACEABLE = ("animation", "audio", "document", "photo", "video")
_TEXT_PARTS = ("text", "entities", "link_preview_options")
_CAPTION_PARTS = ("caption", "caption_entities")


def _editable(call: Call) -> tuple[Chat, Json]:
    if "inline_message_id" in call.params:
        raise Unprocessable("MESSAGE_ID_INVALID")
    chat, _ = call.writable_chat()
    message_id = call.params.get("message_id")
    if message_id is None:
        raise Unprocessable("message identifier is not specified")
    message = chat.messages.get(message_id)
    if message is None:
        raise Unprocessable("message to edit not found")
    if message["from"]["id"] != call.bot.id or "forward_origin" in message:
        raise Unprocessable("message can't be edited")
    return chat, message


def _replace(call: Call, chat: Chat, message: Json, parts: tuple[str, ...], content: Json) -> Json:
    """Swap the parts and the keyboard; refuses an edit that changes nothing."""
    markup = call.params.get("reply_markup")
    check_markup(markup)
    changed = {k: v for k, v in message.items() if k not in (*parts, "reply_markup")}
    changed.update(content)
    if markup and markup.get("inline_keyboard"):
        changed["reply_markup"] = {"inline_keyboard": markup["inline_keyboard"]}
    compared = (*parts, *content, "reply_markup")
    if all(_comparable(changed.get(k)) == _comparable(message.get(k)) for k in compared):
        raise Unprocessable(NOT_MODIFIED)
    changed["edit_date"] = call.world.clock.stamp()
    call.world.store_message(chat, changed)
    announce_message(call.world, chat, changed)
    return changed


def _comparable(value: Any) -> Any:
    """Photos are the same when their bytes are."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{k: v for k, v in item.items() if k != "file_id"} for item in value]
    if isinstance(value, dict) and "file_unique_id" in value:
        return {k: v for k, v in value.items() if k != "file_id"}
    return value


@method("editMessageText")
def edit_message_text(call: Call) -> Json:
    """New text and keyboard for a text message of the bot."""
    chat, message = _editable(call)
    if "text" not in message:
        raise Unprocessable("there is no text in the message to edit")
    return _replace(call, chat, message, _TEXT_PARTS, text_of(call))


@method("editMessageCaption")
def edit_message_caption(call: Call) -> Json:
    """New caption and keyboard for a media message of the bot."""
    chat, message = _editable(call)
    if not any(kind in message for kind in _MEDIA):
        raise Unprocessable("there is no caption in the message to edit")
    return _replace(call, chat, message, _CAPTION_PARTS, caption_of(call, call.params))


@method("editMessageMedia")
async def edit_message_media(call: Call) -> Json:
    """New media, caption and keyboard; a text message becomes one with media."""
    chat, message = _editable(call)
    media = call.params["media"]
    if not isinstance(media, dict):
        raise Unprocessable("can't parse media JSON object")
    if not ("text" in message or any(kind in message for kind in _REPLACEABLE)):
        raise Unprocessable("message can't be edited")
    if media["type"] not in _REPLACEABLE:
        raise Unprocessable("wrong type of the input media")
    content = await media_content(call, media["type"], media["media"], media)
    content.update(caption_of(call, media))
    return _replace(
        call, chat, message, (*_TEXT_PARTS, *_CAPTION_PARTS, *_MEDIA, "has_media_spoiler"), content
    )


@method("editMessageReplyMarkup")
def edit_message_reply_markup(call: Call) -> Json:
    """New inline keyboard, or none."""
    chat, message = _editable(call)
    return _replace(call, chat, message, (), {})


@method("answerCallbackQuery")
def answer_callback_query(call: Call) -> bool:
    """Ends the spinner on a tapped button; too late after 150 s by the emulator's clock."""
    params = call.params
    if len(params.get("text", "")) > 200:
        raise Unprocessable("MESSAGE_TOO_LONG")
    url = params.get("url")
    if url and clean_link(url) is None:
        raise Unprocessable("URL_INVALID")
    tap = call.bot.taps.get(params["callback_query_id"])
    if tap is None or call.world.clock.now() - tap.made_at > QUERY_SECONDS:
        raise Unprocessable(TOO_OLD)
    answer = {
        "text": params.get("text") or None,
        "show_alert": bool(params.get("show_alert")),
        "url": url,
    }
    if tap.answer is not None and not tap.answer.done():
        tap.answer.set_result(answer)
    return True
