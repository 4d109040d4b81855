"""Sending text, copying, forwarding; and `deliver`, which every message of a bot passes."""

from __future__ import annotations

from typing import Any

from emulator.errors import Unprocessable
from emulator.markups import check_markup
from emulator.methods.registry import Call, find_chat, method
from emulator.text import MAX_CAPTION, MAX_TEXT, formatted
from emulator.view import announce_message, announce_removal
from emulator.world import Chat, Person

Json = dict[str, Any]
_MEDIA = ("photo", "document", "animation", "video", "audio", "voice", "sticker", "video_note")
_CONTENT = (
    "text",
    "entities",
    "caption",
    "caption_entities",
    *_MEDIA,
    "contact",
    "location",
    "link_preview_options",
)


def resolve_mentions(call: Call, entities: list[Json]) -> list[Json]:
    """Turn mentions by id into full users; unknown people lose the mention, as in Telegram."""
    kept = []
    for entity in entities:
        if "user_id" in entity:
            person = call.world.people.get(entity.pop("user_id"))
            if person is None:
                continue
            entity["user"] = person.as_user()
        kept.append(entity)
    return kept


def text_of(call: Call) -> Json:
    """`text` and `entities` of a call, parsed and checked."""
    params = call.params
    text, entities = formatted(
        params.get("text", ""),
        parse_mode=params.get("parse_mode"),
        entities=params.get("entities"),
        limit=MAX_TEXT,
    )
    content: Json = {"text": text}
    if entities:
        content["entities"] = resolve_mentions(call, entities)
    if "link_preview_options" in params:
        content["link_preview_options"] = params["link_preview_options"]
    return content


def caption_of(call: Call, params: Json) -> Json:
    """`caption` and `caption_entities` of a call or of a media object, maybe empty."""
    caption, entities = formatted(
        params.get("caption", ""),
        parse_mode=params.get("parse_mode"),
        entities=params.get("caption_entities"),
        limit=MAX_CAPTION,
        caption=True,
    )
    content: Json = {"caption": caption} if caption else {}
    if entities:
        content["caption_entities"] = resolve_mentions(call, entities)
    return content


def _reply(call: Call, chat: Chat) -> Json:
    params = call.params
    asked = params.get("reply_parameters") or {}
    message_id = asked.get("message_id", params.get("reply_to_message_id"))
    if message_id is None:
        return {}
    original = chat.messages.get(message_id)
    if original is None:
        if asked.get("allow_sending_without_reply") or params.get("allow_sending_without_reply"):
            return {}
        raise Unprocessable("message to be replied not found")
    return {"reply_to_message": {k: v for k, v in original.items() if k != "reply_to_message"}}


def deliver(call: Call, chat: Chat, person: Person, content: Json) -> Json:
    """Put a new message of the bot into the chat: keyboard, reply, limits; returns it."""
    params, world = call.params, call.world
    markup = params.get("reply_markup")
    check_markup(markup)
    extra = _reply(call, chat)
    call.count(chat)
    message: Json = {
        "message_id": world.next_message_id(),
        "from": call.bot.as_user(),
        "chat": person.as_chat(),
        "date": world.clock.stamp(),
        **extra,
        **content,
    }
    if params.get("protect_content"):
        message["has_protected_content"] = True
    if params.get("message_effect_id"):
        message["effect_id"] = params["message_effect_id"]
    if markup:
        _show_keyboard(call, chat, message, markup)
    world.store_message(chat, message)
    announce_message(world, chat, message)
    return message


def _show_keyboard(call: Call, chat: Chat, message: Json, markup: Json) -> None:
    if markup.get("inline_keyboard"):
        message["reply_markup"] = {"inline_keyboard": markup["inline_keyboard"]}
        return
    if "keyboard" in markup:
        chat.keyboard = {**markup, "message_id": message["message_id"]}
    elif markup.get("remove_keyboard"):
        chat.keyboard = None
    else:
        return
    call.world.dirty("chat", f"{chat.bot_id}:{chat.user_id}")


@method("sendMessage")
def send_message(call: Call) -> Json:
    """Text, formatted by parse mode or by entities."""
    content = text_of(call)
    chat, person = call.writable_chat()
    return deliver(call, chat, person, content)


def _original(call: Call) -> Json:
    """The message named by `from_chat_id` and `message_id`."""
    source, _ = find_chat(call.world, call.bot, call.params.get("from_chat_id"))
    original = source.messages.get(call.params.get("message_id", 0))
    if original is None:
        what = "forward" if call.method.startswith("forward") else "copy"
        raise Unprocessable(f"message to {what} not found")
    return original


@method("copyMessage")
def copy_message(call: Call) -> Json:
    """The same content without a link to its source; a new caption may be given."""
    original = _original(call)
    chat, person = call.writable_chat()
    content = {key: original[key] for key in _CONTENT if key in original}
    if "caption" in call.params and any(kind in content for kind in _MEDIA):
        content.pop("caption", None)
        content.pop("caption_entities", None)
        content.update(caption_of(call, call.params))
    return {"message_id": deliver(call, chat, person, content)["message_id"]}


@method("forwardMessage")
def forward_message(call: Call) -> Json:
    """The same content with its origin; protected content is refused."""
    original = _original(call)
    if original.get("has_protected_content"):
        raise Unprocessable("message can't be forwarded")
    chat, person = call.writable_chat()
    content = {key: original[key] for key in _CONTENT if key in original}
    content["forward_origin"] = original.get("forward_origin") or {
        "type": "user",
        "date": original["date"],
        "sender_user": original["from"],
    }
    return deliver(call, chat, person, content)


def _deletable(call: Call, message: Json) -> None:
    """Telegram lets go of messages of the last 48 hours only."""
    if call.world.clock.now() - message["date"] > 48 * 3600:
        raise Unprocessable("message can't be deleted for everyone")


def _remove(call: Call, chat: Chat, message_id: int) -> bool:
    message = chat.messages.get(message_id)
    if message is None:
        return False
    _deletable(call, message)
    del chat.messages[message_id]
    if message_id in chat.pinned:
        chat.pinned.remove(message_id)
    call.world.dirty("message", f"{chat.bot_id}:{chat.user_id}:{message_id}")
    announce_removal(call.world, chat, message_id)
    return True


@method("deleteMessage")
def delete_message(call: Call) -> bool:
    """Take a message younger than 48 hours out of the chat."""
    chat, _ = call.chat()
    if not _remove(call, chat, call.params["message_id"]):
        raise Unprocessable("message to delete not found")
    return True


@method("deleteMessages")
def delete_messages(call: Call) -> bool:
    """Take up to 100 messages out; unknown ones are passed over, one too old refuses all."""
    chat, _ = call.chat()
    ids = call.params["message_ids"]
    if not 1 <= len(ids) <= 100:
        raise Unprocessable("message identifiers are not specified")
    for message_id in ids:
        if message_id in chat.messages:
            _deletable(call, chat.messages[message_id])
    for message_id in ids:
        _remove(call, chat, message_id)
    return True
