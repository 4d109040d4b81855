"""The chat as a person sees it, and telling watching pages about changes."""

from __future__ import annotations

from typing import Any

from emulator import markups
from emulator.world import Chat, World

Json = dict[str, Any]
_FILES = ("document", "animation", "video", "audio", "voice", "sticker", "video_note")
_PASSED = ("contact", "reply_to_message", "forward_origin", "reactions", "effect_id")


def seen_message(world: World, chat: Chat, message: Json, *, keyboard: bool = False) -> Json:
    """One message for the control API; `keyboard` adds the reply keyboard on the screen."""
    shown = chat.keyboard if chat.keyboard and not chat.keyboard.get("used") else None
    brought = shown is not None and shown["message_id"] == message["message_id"]
    seen: Json = {
        "message_id": message["message_id"],
        "from": message["from"],
        "text": message.get("text"),
        "caption": message.get("caption"),
        "entities": message.get("entities") or message.get("caption_entities") or [],
        "buttons": (message.get("reply_markup") or {}).get("inline_keyboard", []),
        "keyboard": markups.keys(shown) if brought or keyboard else None,
        "photo": None,
        "edited": "edit_date" in message,
        "date": message["date"],
    }
    if "photo" in message:
        largest = message["photo"][-1]
        seen["photo"] = file_url(world, largest["file_id"])
        seen["photo_size"] = [largest["width"], largest["height"]]
    for kind in _FILES:
        if kind in message:
            stored = world.files.get(message[kind]["file_id"])
            seen["file"] = {
                "kind": kind,
                "url": file_url(world, message[kind]["file_id"]),
                "name": message[kind].get("file_name") or (stored.name if stored else ""),
                "emoji": message[kind].get("emoji"),
                "size": message[kind].get("file_size", 0),
            }
    for name in _PASSED:
        if name in message:
            seen[name] = message[name]
    if message["message_id"] in chat.pinned:
        seen["pinned"] = True
    if message.get("has_protected_content"):
        seen["protected"] = True
    if message.get("has_media_spoiler"):
        seen["spoiler"] = True
    return seen


def file_url(world: World, file_id: str) -> str | None:
    """Where the control API serves a file; None for one that was forgotten."""
    stored = world.files.get(file_id)
    return None if stored is None else f"/control/files/{stored.path}"


def seen_chat(world: World, chat: Chat, after: int = 0) -> list[Json]:
    """Messages newer than `after`, oldest first; the last carries the current keyboard."""
    messages = [m for m in list(chat.messages.values()) if m["message_id"] > after]
    messages.sort(key=lambda message: message["message_id"])
    last = len(messages) - 1
    return [
        seen_message(world, chat, message, keyboard=index == last)
        for index, message in enumerate(messages)
    ]


def _address(chat: Chat) -> Json:
    return {"bot": chat.bot_id, "user": chat.user_id}


def announce_message(world: World, chat: Chat, message: Json) -> None:
    """Tell watchers that a message is new or changed."""
    if world.hub.watched:
        world.hub.publish(
            {
                "kind": "message",
                **_address(chat),
                "message": seen_message(world, chat, message),
                "keyboard": keyboard_on_screen(chat),
            }
        )


def announce_removal(world: World, chat: Chat, message_id: int) -> None:
    """Tell watchers that a message is gone."""
    world.hub.publish({"kind": "removed", **_address(chat), "message_id": message_id})


def announce_chat(world: World, chat: Chat) -> None:
    """Tell watchers that a conversation began or that its blocking changed."""
    world.hub.publish({"kind": "chat", **_address(chat), "blocked": chat.blocked})


def announce_commands(world: World, bot_id: int) -> None:
    """Tell watchers that menus or names of a bot changed."""
    world.hub.publish({"kind": "commands", "bot": bot_id})


def announce_action(world: World, chat: Chat, action: str) -> None:
    """Tell watchers what the bot is doing, such as typing."""
    world.hub.publish({"kind": "action", **_address(chat), "action": action})


def keyboard_on_screen(chat: Chat) -> Json | None:
    """The reply keyboard with its options, for the page."""
    if chat.keyboard is None:
        return None
    return {
        "rows": markups.keys(chat.keyboard),
        "resize": bool(chat.keyboard.get("resize_keyboard")),
        "once": bool(chat.keyboard.get("one_time_keyboard")),
        "placeholder": chat.keyboard.get("input_field_placeholder", ""),
        "message_id": chat.keyboard["message_id"],
        "used": chat.keyboard.get("used", 0),
    }
