"""Who the bot is: names, descriptions, command menus, the menu button."""

from __future__ import annotations

import json
import re
from typing import Any

from emulator.errors import Unprocessable
from emulator.methods.registry import Call, find_chat, method
from emulator.view import announce_commands

Json = dict[str, Any]
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"|[a-z]{2}")
_TEXTS = {"Name": ("name", 64), "Description": ("description", 512)}
_TEXTS["ShortDescription"] = ("short_description", 120)


@method("getMe")
def get_me(call: Call) -> Json:
    """The bot's own account."""
    return {
        **call.bot.as_user(),
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def _language(call: Call) -> str:
    code: str = call.params.get("language_code") or ""
    if not _LANGUAGE.fullmatch(code):
        raise Unprocessable("invalid language code specified")
    return code


def scope_key(call: Call) -> str:
    """One stable text for a command scope; a chat scope must name a chat the bot knows."""
    scope = call.params.get("scope") or {"type": "default"}
    if "chat_id" in scope:
        chat, _ = find_chat(call.world, call.bot, scope["chat_id"])
        if scope["type"] == "chat_member":
            raise Unprocessable("can't change commands for a chat member in a private chat")
        scope = {"type": scope["type"], "chat_id": chat.user_id}
    return json.dumps(scope, sort_keys=True, separators=(",", ":"))


def _changed(call: Call) -> None:
    call.world.dirty("bot", str(call.bot.id))
    announce_commands(call.world, call.bot.id)


@method("setMyCommands")
def set_my_commands(call: Call) -> bool:
    """Up to 100 commands for a scope and a language; an empty list removes them."""
    commands = call.params["commands"]
    if len(commands) > 100:
        raise Unprocessable("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        name = command["command"].lstrip("/")
        if not _COMMAND.fullmatch(name):
            raise Unprocessable("BOT_COMMAND_INVALID")
        if not 1 <= len(command["description"]) <= 256:
            raise Unprocessable("BOT_COMMAND_DESCRIPTION_INVALID")
        command["command"] = name
    menus = call.bot.profile.setdefault("commands", {})
    place = f"{scope_key(call)}|{_language(call)}"
    if commands:
        menus[place] = commands
    else:
        menus.pop(place, None)
    _changed(call)
    return True


@method("getMyCommands")
def get_my_commands(call: Call) -> list[Json]:
    """The commands set for exactly this scope and language."""
    menus = call.bot.profile.get("commands", {})
    commands: list[Json] = menus.get(f"{scope_key(call)}|{_language(call)}", [])
    return commands


@method("deleteMyCommands")
def delete_my_commands(call: Call) -> bool:
    """Remove the commands of a scope and language: wider ones show again."""
    menus = call.bot.profile.get("commands", {})
    menus.pop(f"{scope_key(call)}|{_language(call)}", None)
    _changed(call)
    return True


def commands_seen(profile: Json, user_id: int, language: str) -> list[Json]:
    """The menu one person sees: narrowest scope first, own language before the general one."""
    menus = profile.get("commands", {})
    scopes = (
        {"chat_id": user_id, "type": "chat"},
        {"type": "all_private_chats"},
        {"type": "default"},
    )
    for scope in scopes:
        place = json.dumps(scope, sort_keys=True, separators=(",", ":"))
        for code in (language[:2], ""):
            found: list[Json] | None = menus.get(f"{place}|{code}")
            if found:
                return found
    return []


def _register_texts(family: str, field: str, limit: int) -> None:
    def set_text(call: Call) -> bool:
        text = call.params.get(field, "")
        if len(text) > limit:
            raise Unprocessable(f"{field.upper()}_TOO_LONG")
        texts = call.bot.profile.setdefault(field, {})
        if text:
            texts[_language(call)] = text
        else:
            texts.pop(_language(call), None)
        if field == "name" and text and not _language(call):
            call.bot.first_name = text
        _changed(call)
        return True

    def get_text(call: Call) -> Json:
        texts = call.bot.profile.get(field, {})
        fallback = call.bot.first_name if field == "name" else ""
        return {field: texts.get(_language(call)) or texts.get("") or fallback}

    method(f"setMy{family}")(set_text)
    method(f"getMy{family}")(get_text)


for _family, (_field, _limit) in _TEXTS.items():
    _register_texts(_family, _field, _limit)


@method("setChatMenuButton")
def set_chat_menu_button(call: Call) -> bool:
    """The button beside the typing box, for one chat or for all."""
    place = "default"
    if "chat_id" in call.params:
        place = str(call.chat()[0].user_id)
    button = call.params.get("menu_button") or {"type": "default"}
    call.bot.profile.setdefault("menu_button", {})[place] = button
    _changed(call)
    return True


@method("getChatMenuButton")
def get_chat_menu_button(call: Call) -> Json:
    """The button set for this chat, else the one for all."""
    buttons = call.bot.profile.get("menu_button", {})
    place = str(call.chat()[0].user_id) if "chat_id" in call.params else "default"
    found: Json = buttons.get(place) or buttons.get("default") or {"type": "commands"}
    return found
