"""What people do with their phones: write, share, tap, follow links, block."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from emulator.errors import ControlError
from emulator.markups import find_button, find_key
from emulator.queueing import push
from emulator.text import MAX_TEXT, formatted
from emulator.view import announce_chat, announce_message
from emulator.world import Bot, Chat, Person, Tap, World

Json = dict[str, Any]
TAPS_KEPT = 10_000
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{0,64}")


def open_chat(world: World, bot: Bot, person: Person) -> Chat:
    """The conversation a person writes in: begun, and unblocked if it was blocked."""
    if person.deactivated:
        raise ControlError(409, "this person's account is deactivated")
    new = (bot.id, person.id) not in world.chats
    chat = world.chat(bot.id, person.id)
    if chat.blocked:
        set_blocked(world, bot, person, blocked=False)
    elif new:
        announce_chat(world, chat)
    return chat


def write(world: World, bot: Bot, person: Person, content: Json) -> tuple[int, int]:
    """The person sends a message; returns its update id and message id."""
    chat = open_chat(world, bot, person)
    message: Json = {
        "message_id": world.next_message_id(),
        "from": person.as_user(),
        "chat": person.as_chat(),
        "date": world.clock.stamp(),
        **content,
    }
    if chat.keyboard is not None and chat.keyboard.get("one_time_keyboard"):
        # Hidden, not gone: a person can open it again and press another button.
        chat.keyboard = {**chat.keyboard, "used": message["message_id"]}
        world.dirty("chat", f"{chat.bot_id}:{chat.user_id}")
    world.store_message(chat, message)
    announce_message(world, chat, message)
    return push(world, bot, "message", message), message["message_id"]


def text_content(text: str) -> Json:
    """A typed text with the entities Telegram finds in it."""
    if not text.strip():
        raise ControlError(400, "the text is empty")
    if len(text.strip()) > MAX_TEXT:
        raise ControlError(400, f"a message has at most {MAX_TEXT} characters")
    shown, entities = formatted(text)
    content: Json = {"text": shown}
    if entities:
        content["entities"] = entities
    return content


def contact_content(world: World, person: Person, asked: Any) -> Json:
    """The person's own contact (`"own"`), or somebody's `{phone, user_id?, first_name?}`."""
    if asked == "own":
        if not person.phone:
            raise ControlError(409, "this person has no phone number")
        contact: Json = {
            "phone_number": person.phone,
            "first_name": person.first_name,
            "user_id": person.id,
        }
        if person.last_name:
            contact["last_name"] = person.last_name
        return {"contact": contact}
    if not isinstance(asked, dict) or not isinstance(asked.get("phone"), str):
        raise ControlError(400, 'contact is "own" or an object with a phone')
    owner = world.people.get(asked.get("user_id", 0))
    name = asked.get("first_name") or (owner.first_name if owner else "Contact")
    contact = {"phone_number": asked["phone"], "first_name": str(name)}
    if isinstance(asked.get("user_id"), int):
        contact["user_id"] = asked["user_id"]
    return {"contact": contact}


async def tap(
    world: World, bot: Bot, person: Person, message_id: int, wanted: str, wait: float
) -> Json:
    """Press a button by callback data or label; waits up to `wait` seconds for the answer.

    A reply-keyboard button sends its text or contact. Links and texts to copy are handed back.
    """
    chat = world.chats.get((bot.id, person.id))
    message = chat.messages.get(message_id) if chat else None
    if chat is None:
        raise ControlError(404, "this person has no chat with the bot")
    button = find_button((message or {}).get("reply_markup"), wanted)
    if button is None:
        key = find_key(chat.keyboard, wanted)
        if key is None:
            what = "such button" if message else "such message"
            raise ControlError(404, f"there is no {what} in the chat")
        return press_key(world, bot, person, key)
    if "disabled" in button:
        raise ControlError(409, "this button is disabled")
    if "callback_data" not in button:
        return {"update_id": None, "answer": None, **_handed_back(button)}
    if chat.blocked or person.deactivated:
        raise ControlError(409, "this person has blocked the bot or is gone")
    return await _press(world, bot, person, message or {}, button["callback_data"], wait)


def _handed_back(button: Json) -> Json:
    if "url" in button:
        return {"url": button["url"]}
    if "copy_text" in button:
        return {"copied": button["copy_text"]["text"]}
    if "web_app" in button:
        return {"url": button["web_app"]["url"]}
    raise ControlError(409, "the emulator cannot press a button of this kind")


async def _press(
    world: World, bot: Bot, person: Person, message: Json, data: str, wait: float
) -> Json:
    instance = hashlib.sha256(f"{bot.id}:{person.id}".encode()).digest()
    pressed = Tap(
        id=str(secrets.randbelow(9 * 10**18) + 10**18),
        made_at=world.clock.now(),
        answer=asyncio.get_running_loop().create_future(),
    )
    bot.taps[pressed.id] = pressed
    while len(bot.taps) > TAPS_KEPT:
        bot.taps.popitem(last=False)
    update_id = push(
        world,
        bot,
        "callback_query",
        {
            "id": pressed.id,
            "from": person.as_user(),
            "message": message,
            "chat_instance": str(int.from_bytes(instance[:8], "big", signed=True)),
            "data": data,
        },
    )
    answer: Json | None = None
    if pressed.answer is not None and wait > 0:
        done, _ = await asyncio.wait([pressed.answer], timeout=wait)
        answer = pressed.answer.result() if done else None
    return {"update_id": update_id, "answer": answer}


def press_key(world: World, bot: Bot, person: Person, key: Json) -> Json:
    """Press a button of the reply keyboard."""
    if key.get("request_contact"):
        content = contact_content(world, person, "own")
    elif key.get("request_location"):
        content = {"location": {"latitude": 55.7558, "longitude": 37.6173}}
    else:
        content = text_content(key["text"])
    update_id, message_id = write(world, bot, person, content)
    return {"update_id": update_id, "message_id": message_id, "answer": None}


def parse_link(link: str) -> tuple[str, str]:
    """Username and start payload of a `t.me` or `tg://resolve` link.

    Raises a 400 refusal for any other link.
    """
    parts = urlsplit(link if "://" in link else f"https://{link}")
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme == "tg" and parts.netloc == "resolve":
        username = query.get("domain", [""])[0]
    elif parts.scheme in ("http", "https") and (parts.hostname or "") in ("t.me", "telegram.me"):
        username = parts.path.strip("/")
    else:
        raise ControlError(400, "this is not a link to a bot")
    payload = query.get("start", [""])[0]
    if not re.fullmatch(r"\w{3,32}", username, re.ASCII):
        raise ControlError(400, "this is not a link to a bot")
    return username, payload if _PAYLOAD.fullmatch(payload) else ""


def follow(world: World, person: Person, link: str) -> tuple[Bot, int, int]:
    """Open a link as a camera or a tap would and press Start."""
    username, payload = parse_link(link)
    bot = world.bot_by_username(username)
    if bot is None:
        raise ControlError(404, f"no bot named @{username} has called this emulator yet")
    content: Json = {
        "text": f"/start {payload}".strip(),
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    }
    return bot, *write(world, bot, person, content)


def set_blocked(world: World, bot: Bot, person: Person, *, blocked: bool) -> int | None:
    """Block or unblock the bot with the `my_chat_member` update; None when nothing changes."""
    chat = world.chat(bot.id, person.id)
    if chat.blocked == blocked:
        return None
    chat.blocked = blocked
    world.dirty("chat", f"{chat.bot_id}:{chat.user_id}")
    announce_chat(world, chat)
    free: Json = {"status": "member", "user": bot.as_user()}
    shut: Json = {"status": "kicked", "user": bot.as_user(), "until_date": 0}
    return push(
        world,
        bot,
        "my_chat_member",
        {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": world.clock.stamp(),
            "old_chat_member": free if blocked else shut,
            "new_chat_member": shut if blocked else free,
        },
    )
