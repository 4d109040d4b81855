"""The chat itself: what is known of it, pins, reactions, typing."""

from __future__ import annotations

from typing import Any

from emulator.errors import ApiError, Unprocessable
from emulator.methods.registry import Call, method
from emulator.view import announce_action, announce_message

Json = dict[str, Any]
_ACTIONS = frozenset(
    {
        *("typing", "choose_sticker", "find_location"),
        *(f"record_{what}" for what in ("video", "voice", "video_note")),
        *(f"upload_{what}" for what in ("photo", "video", "voice", "document", "video_note")),
    }
)


@method("sendChatAction")
def send_chat_action(call: Call) -> bool:
    """Shows "typing…" and the like to the person."""
    chat, _ = call.writable_chat()
    if call.params["action"] not in _ACTIONS:
        raise Unprocessable("wrong parameter action in request")
    announce_action(call.world, chat, call.params["action"])
    return True


@method("getChat")
def get_chat(call: Call) -> Json:
    """The private chat of somebody who wrote to the bot."""
    chat, person = call.chat()
    full: Json = {
        **person.as_chat(),
        "accent_color_id": person.id % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }
    pinned = chat.messages.get(chat.pinned[-1]) if chat.pinned else None
    if pinned is not None:
        full["pinned_message"] = pinned
    return full


@method("getChatMember")
def get_chat_member(call: Call) -> Json:
    """Whether a person is in the private chat: `member`, or `kicked` once blocked."""
    chat, person = call.chat()
    asked = call.params["user_id"]
    if asked == call.bot.id:
        if chat.blocked:
            return {"status": "kicked", "user": call.bot.as_user(), "until_date": 0}
        return {"status": "member", "user": call.bot.as_user()}
    if asked != person.id:
        raise Unprocessable("user not found")
    return {"status": "member", "user": person.as_user()}


@method("pinChatMessage")
def pin_chat_message(call: Call) -> bool:
    """Pin a message on top of the chat."""
    chat, _ = call.writable_chat()
    message = chat.messages.get(call.params["message_id"])
    if message is None:
        raise Unprocessable("message to pin not found")
    if message["message_id"] in chat.pinned:
        chat.pinned.remove(message["message_id"])
    chat.pinned.append(message["message_id"])
    call.world.dirty("chat", f"{chat.bot_id}:{chat.user_id}")
    announce_message(call.world, chat, message)
    return True


@method("unpinChatMessage")
def unpin_chat_message(call: Call) -> bool:
    """Unpin one message, or the newest pinned one."""
    chat, _ = call.writable_chat()
    message_id = call.params.get("message_id", chat.pinned[-1] if chat.pinned else None)
    if message_id not in chat.pinned:
        raise Unprocessable("message to unpin not found")
    _unpin(call, [message_id])
    return True


@method("unpinAllChatMessages")
def unpin_all_chat_messages(call: Call) -> bool:
    """Unpin everything."""
    chat, _ = call.writable_chat()
    _unpin(call, list(chat.pinned))
    return True


def _unpin(call: Call, message_ids: list[int]) -> None:
    chat, _ = call.chat()
    for message_id in message_ids:
        chat.pinned.remove(message_id)
        message = chat.messages.get(message_id)
        if message is not None:
            announce_message(call.world, chat, message)
    call.world.dirty("chat", f"{chat.bot_id}:{chat.user_id}")


@method("setMessageReaction")
def set_message_reaction(call: Call) -> bool:
    """Put one emoji of the bot on a message, or take it off."""
    chat, _ = call.writable_chat()
    message = chat.messages.get(call.params["message_id"])
    if message is None:
        raise Unprocessable("message to react not found")
    wanted = call.params.get("reaction") or []
    if len(wanted) > 1 or any(r.get("type") != "emoji" for r in wanted):
        raise Unprocessable("REACTION_INVALID")
    changed = {k: v for k, v in message.items() if k != "reactions"}
    if wanted:
        changed["reactions"] = [reaction["emoji"] for reaction in wanted]
    call.world.store_message(chat, changed)
    announce_message(call.world, chat, changed)
    return True


@method("leaveChat")
def leave_chat(call: Call) -> bool:
    """Bots cannot leave a private chat, the only kind there is here."""
    call.chat()
    raise ApiError(400, "Bad Request: chat member status can't be changed in private chats")


@method("logOut")
def log_out(_call: Call) -> bool:
    """Accepted: the emulator serves the bot again on its next call."""
    return True


@method("close")
def close(_call: Call) -> bool:
    """Accepted: the emulator serves the bot again on its next call."""
    return True
