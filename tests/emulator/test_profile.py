"""Command menus, names and the menu button."""

from tests.emulator.client import ANNA, BORIS, Client

CARD = {"command": "card", "description": "My card"}
SALE = {"command": "sale", "description": "New sale"}


async def menu(client: Client, user_id: int) -> list[str]:
    screen = await client.control("GET", f"/users/{user_id}/screen")
    return [command["command"] for command in screen["commands"]]


async def test_narrower_scope_and_own_language_win(client: Client) -> None:
    await client.meet(ANNA, language_code="ru")
    await client.meet(BORIS, language_code="en")
    own = {"type": "chat", "chat_id": BORIS}
    await client.call("setMyCommands", commands=[CARD])
    await client.call("setMyCommands", commands=[SALE], scope=own)
    russian = {"command": "karta", "description": "Карта"}
    await client.call("setMyCommands", commands=[russian], language_code="ru")
    assert await menu(client, ANNA) == ["karta"]
    assert await menu(client, BORIS) == ["sale"]
    assert await client.call("getMyCommands", scope=own) == [SALE]
    assert await client.call("getMyCommands") == [CARD]
    await client.call("deleteMyCommands", scope=own)
    assert await menu(client, BORIS) == ["card"]


async def test_commands_telegram_refuses(client: Client) -> None:
    await client.call("getMe")
    for command, error in (
        ({"command": "Card", "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "c" * 33, "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "card", "description": ""}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"command": "card", "description": "x" * 257}, "BOT_COMMAND_DESCRIPTION_INVALID"),
    ):
        assert await client.refused("setMyCommands", commands=[command]) == f"Bad Request: {error}"
    assert await client.refused("setMyCommands", commands=[CARD] * 101) == (
        "Bad Request: BOT_COMMANDS_TOO_MUCH"
    )
    chat = {"type": "chat", "chat_id": 999}
    assert await client.refused("setMyCommands", commands=[CARD], scope=chat) == (
        "Bad Request: chat not found"
    )


async def test_names_descriptions_and_menu_button(client: Client) -> None:
    await client.meet()
    await client.call("setMyName", name="Coffee")
    await client.call("setMyDescription", description="Описание", language_code="ru")
    await client.call("setMyShortDescription", short_description="short")
    assert (await client.call("getMe"))["first_name"] == "Coffee"
    assert await client.call("getMyDescription") == {"description": ""}
    assert await client.call("getMyDescription", language_code="ru") == {"description": "Описание"}
    assert await client.call("getMyShortDescription") == {"short_description": "short"}
    assert "TOO_LONG" in await client.refused("setMyName", name="x" * 65)
    await client.call("setChatMenuButton", chat_id=ANNA, menu_button={"type": "commands"})
    assert await client.call("getChatMenuButton", chat_id=ANNA) == {"type": "commands"}
