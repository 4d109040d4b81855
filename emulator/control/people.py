"""Control calls about people: who they are and what they do."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

from aiohttp import web

from emulator import people
from emulator.control.asking import (
    body_of,
    bot_named,
    number_in,
    only,
    person_of,
    query_number,
    text_in,
    user_id_of,
    world_of,
)
from emulator.errors import ControlError
from emulator.images import image_size, read_qr, sample_png
from emulator.methods.media import described
from emulator.methods.profile import commands_seen
from emulator.view import keyboard_on_screen, seen_chat
from emulator.world import Bot, Person, World

Json = dict[str, Any]
_FACTS = ("first_name", "last_name", "username", "language_code", "phone")
_FILES = ("photo", "sticker", "voice", "document")
TAP_SECONDS = 5.0


async def put_user(request: web.Request) -> web.Response:
    """Make or change a person. `started: true` opens the chat without sending anything."""
    world, user_id, body = world_of(request), user_id_of(request), await body_of(request)
    only(body, *_FACTS, "started", "bot")
    for name in _FACTS:
        if name in body and body[name] is not None and not isinstance(body[name], str):
            raise ControlError(400, f"{name} must be a text")
    if not (body.get("first_name") or "").strip():
        raise ControlError(400, "first_name must be a text")
    known = world.people.get(user_id)
    person = Person(user_id, body["first_name"], deactivated=bool(known and known.deactivated))
    for name in _FACTS[1:]:
        setattr(person, name, body.get(name))
    world.people[user_id] = person
    world.dirty("person", str(user_id))
    if body.get("started"):
        people.open_chat(world, bot_named(world, body.get("bot")), person)
    world.hub.publish({"kind": "person", "person": person.as_json()})
    return web.json_response(person.as_json())


async def get_users(request: web.Request) -> web.Response:
    """Everybody."""
    return web.json_response([p.as_json() for p in world_of(request).people.values()])


async def delete_user(request: web.Request) -> web.Response:
    """Take a phone away: the person and their chats are forgotten."""
    world, person = world_of(request), person_of(request)
    for key in [key for key in world.chats if key[1] == person.id]:
        chat = world.chats.pop(key)
        for message_id in chat.messages:
            world.dirty("message", f"{key[0]}:{key[1]}:{message_id}")
        world.dirty("chat", f"{key[0]}:{key[1]}")
    del world.people[person.id]
    world.dirty("person", str(person.id))
    world.hub.publish({"kind": "gone", "user": person.id})
    return web.json_response({"ok": True})


async def post_crowd(request: web.Request) -> web.Response:
    """Many started people at once, for load tests: `{first_id, count, bot?}`."""
    world, body = world_of(request), await body_of(request)
    only(body, "first_id", "count", "bot")
    bot = bot_named(world, body.get("bot"))
    first, count = int(number_in(body, "first_id", 1, least=1)), int(number_in(body, "count", 1))
    for user_id in range(first, first + count):
        person = Person(user_id, f"Person {user_id}", language_code="en")
        world.people[user_id] = person
        world.dirty("person", str(user_id))
        people.open_chat(world, bot, person)
    return web.json_response({"count": count})


async def post_send(request: web.Request) -> web.Response:
    """The person sends one thing: text, contact, photo, sticker, voice or document."""
    world, person, body = world_of(request), person_of(request), await body_of(request)
    only(body, "bot", "text", "contact", "caption", *_FILES)
    bot = bot_named(world, body.get("bot"))
    given = [name for name in ("text", "contact", *_FILES) if name in body]
    if len(given) != 1:
        raise ControlError(400, f"send exactly one of text, contact, {', '.join(_FILES)}")
    kind = given[0]
    if kind == "text":
        content = people.text_content(text_in(body, "text"))
    elif kind == "contact":
        content = people.contact_content(world, person, body["contact"])
    else:
        content = _file_content(world, bot, kind, body)
    update_id, message_id = people.write(world, bot, person, content)
    return web.json_response({"update_id": update_id, "message_id": message_id})


def _file_content(world: World, bot: Bot, kind: str, body: Json) -> Json:
    """A file given as `true` (a sample), base64, a data URL or `{data, name?}`."""
    given = body[kind]
    emoji = given if kind == "sticker" and isinstance(given, str) and len(given) <= 8 else "🙂"
    name = ""
    if isinstance(given, dict):
        name, given = str(given.get("name") or ""), given.get("data")
    if given is True or (kind == "sticker" and given == emoji):
        data = sample_png() if kind in ("photo", "sticker") else b"sample"
    elif isinstance(given, str) and given:
        data = _decoded(given)
    else:
        raise ControlError(400, f"{kind} is true, base64, or an object with data in base64")
    found = image_size(data)
    if kind == "photo" and found is None:
        raise ControlError(400, "the photo is not a PNG, JPEG, GIF or WebP picture")
    width, height, mime = found or (0, 0, "audio/ogg" if kind == "voice" else "text/plain")
    if kind == "voice":
        name, mime = "voice.ogg", "audio/ogg"
    stored = world.store_file(
        bot.id, kind, data, name=name or f"{kind}.png", mime=mime, size=(width, height)
    )
    content = described(kind, stored, {"emoji": emoji, "duration": 3})
    if body.get("caption"):
        content["caption"] = text_in(body, "caption")
    return content


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.rsplit(",", 1)[-1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ControlError(400, "the file is not base64") from error


async def post_tap(request: web.Request) -> web.Response:
    """Press a button; waits for the bot's answer, 5 s unless `wait` says otherwise."""
    world, person, body = world_of(request), person_of(request), await body_of(request)
    only(body, "message_id", "button", "bot", "wait")
    message_id = body.get("message_id", 0)
    if not isinstance(message_id, int):
        raise ControlError(400, "message_id must be a whole number")
    wait = min(number_in(body, "wait", TAP_SECONDS), 60.0)
    bot = _bot_of_message(world, person, body.get("bot"), message_id)
    return web.json_response(
        await people.tap(world, bot, person, message_id, text_in(body, "button"), wait)
    )


def _bot_of_message(world: World, person: Person, wanted: Any, message_id: int) -> Bot:
    """Message ids are unique over all chats, so they name the bot as well."""
    if wanted in (None, ""):
        for bot in world.bots.values():
            chat = world.chats.get((bot.id, person.id))
            if chat is not None and message_id in chat.messages:
                return bot
    return bot_named(world, wanted)


async def post_open(request: web.Request) -> web.Response:
    """Follow a link to a bot and press Start."""
    body = await body_of(request)
    only(body, "link")
    return _opened(world_of(request), person_of(request), text_in(body, "link"))


def _opened(world: World, person: Person, link: str) -> web.Response:
    bot, update_id, message_id = people.follow(world, person, link)
    return web.json_response(
        {"update_id": update_id, "message_id": message_id, "bot": bot.id, "link": link}
    )


async def post_scan(request: web.Request) -> web.Response:
    """Point this phone's camera at a photo on another phone: `{user, message_id, bot?}`."""
    world, person, body = world_of(request), person_of(request), await body_of(request)
    only(body, "user", "message_id", "bot")
    other = world.people.get(int(number_in(body, "user", 0)))
    if other is None:
        raise ControlError(404, "there is no such person to scan from")
    message_id = int(number_in(body, "message_id", 0))
    bot = _bot_of_message(world, other, body.get("bot"), message_id)
    chat = world.chats.get((bot.id, other.id))
    message = (chat.messages.get(message_id) if chat else None) or {}
    if "photo" not in message:
        raise ControlError(404, "there is no photo in that message")
    stored = world.files.get(message["photo"][-1]["file_id"])
    try:
        text = await asyncio.to_thread(read_qr, stored.data) if stored else None
    except ImportError as error:
        raise ControlError(501, "reading QR codes needs the package zxing-cpp") from error
    if text is None:
        raise ControlError(422, "there is no QR code in this picture")
    return _opened(world, person, text)


async def post_block(request: web.Request) -> web.Response:
    """Block the bot."""
    return await _set_blocked(request, blocked=True)


async def post_unblock(request: web.Request) -> web.Response:
    """Let the bot write again."""
    return await _set_blocked(request, blocked=False)


async def _set_blocked(request: web.Request, *, blocked: bool) -> web.Response:
    world, person, body = world_of(request), person_of(request), await body_of(request)
    only(body, "bot")
    bot = bot_named(world, body.get("bot") or request.query.get("bot"))
    update_id = people.set_blocked(world, bot, person, blocked=blocked)
    return web.json_response({"update_id": update_id, "blocked": blocked})


async def post_deactivate(request: web.Request) -> web.Response:
    """The account is deleted: sends to it are refused with 403. `{active: true}` revives it."""
    world, person, body = world_of(request), person_of(request), await body_of(request)
    only(body, "active")
    person.deactivated = not body.get("active", False)
    world.dirty("person", str(person.id))
    world.hub.publish({"kind": "person", "person": person.as_json()})
    return web.json_response(person.as_json())


async def get_messages(request: web.Request) -> web.Response:
    """The chat as the person sees it now, oldest first."""
    world, person = world_of(request), person_of(request)
    bot = bot_named(world, request.query.get("bot"))
    chat = world.chats.get((bot.id, person.id))
    after = query_number(request, "after")
    return web.json_response([] if chat is None else seen_chat(world, chat, after))


async def get_screen(request: web.Request) -> web.Response:
    """Everything one phone shows for one bot: messages, keyboard, menu, blocking."""
    world, person = world_of(request), person_of(request)
    bot = bot_named(world, request.query.get("bot"))
    chat = world.chats.get((bot.id, person.id))
    return web.json_response(
        {
            "messages": [] if chat is None else seen_chat(world, chat)[-300:],
            "keyboard": None if chat is None else keyboard_on_screen(chat),
            "blocked": chat is not None and chat.blocked,
            "started": chat is not None,
            "commands": commands_seen(bot.profile, person.id, person.language_code or ""),
            "description": (bot.profile.get("description") or {}).get("", ""),
        }
    )
