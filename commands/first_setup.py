"""First set-up: outlets, staff, keys of tills; the schema; the ledger's check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import (
    JsonOption,
    fail,
    load_settings,
    prepare_database,
    say,
    show,
    show_json,
    with_database,
)
from commands.who import list_keys, list_staff, revoke_key, revoke_staff
from loyalty import clock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

outlet_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Outlets: where things are sold."
)
staff_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Staff: who sells and who sees the panel."
)
key_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keys of tills for the POS API."
)

OutletsOption = Annotated[
    list[str] | None,
    typer.Option("--outlet", help="Name of the outlet; again for each one more of a cashier's."),
]


staff_app.command("list")(list_staff)
staff_app.command("revoke")(revoke_staff)
key_app.command("list")(list_keys)
key_app.command("revoke")(revoke_key)


@outlet_app.command("add")
def add_outlet(
    name: Annotated[str, typer.Argument(help="Its name, as customers know it.")],
    city: Annotated[str | None, typer.Option(help="Its city.")] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="Its time zone; TIME_ZONE by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add an outlet.

    Example: regulars outlet add "Main Street"
    """
    from loyalty import staff

    settings = load_settings()
    zone = time_zone or settings.time_zone
    _ = say()
    if not name.strip() or len(name) > 120:
        fail(_("An outlet has a name of 1 to 120 characters."))
    try:
        clock.zone(zone)
    except ValueError:
        fail(_("There is no time zone {name}; use a name like Europe/Moscow.", name=zone))
    added = with_database(
        lambda session: staff.add_outlet(
            session, name=name.strip(), time_zone=zone, city=city, now=clock.now()
        )
    )
    if as_json:
        show_json({"id": str(added.id), "name": added.name, "time_zone": added.time_zone})
    else:
        show(_("Added the outlet {name}.", name=added.name))


@staff_app.command("add")
def add_staff(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    role: Annotated[str, typer.Option(help="owner, marketer, analyst or cashier.")],
    outlet: OutletsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person; prints one link: a cashier's for the bot, the others' for the panel.

    A cashier may sell at several outlets, one at a time, and begins at the first.

    Example: regulars staff add Olga --role cashier --outlet "Main Street"
    """
    from loyalty import staff

    _ = say()
    if not name.strip() or len(name) > 120:
        fail(_("A person has a name of 1 to 120 characters."))
    if role not in staff.ROLES:
        fail(_("There is no role {role}; use owner, marketer, analyst or cashier.", role=role))
    if role == staff.CASHIER and not outlet:
        fail(_("A cashier needs --outlet."))

    def unit(session: Session) -> tuple[Any, str, str | None]:
        from loyalty.db import read_installation

        now = clock.now()
        places = [_outlet_id(session, one) for one in outlet or ()]
        first = places[0] if places else None
        person = staff.add(session, name=name, role=role, outlet_id=first, now=now, actor="system")
        staff.add_outlets(
            session, staff_id=person.id, outlet_ids=places[1:], now=now, actor="system"
        )
        token = staff.invite(session, staff_id=person.id, now=now)
        state = read_installation(session)
        return person, token, state.bot_username if state else None

    person, token, username = with_database(unit)
    link = _link(role, token, username)
    if as_json:
        show_json({"id": str(person.id), "name": person.name, "role": person.role, "link": link})
    else:
        show(link)


def _link(role: str, token: str, username: str | None) -> str:
    settings = load_settings()
    if role != "cashier":
        return f"{settings.public_url.rstrip('/')}/admin/invitation/{token}"
    return f"https://t.me/{username or _ask_username()}?start=j_{token}"


def _ask_username() -> str:
    """The bot's name, from Telegram: no process has run with this database yet."""
    import asyncio

    from commands.runtime import DEMO_BOT

    settings = load_settings()
    if settings.bot_token is None:
        return next(iter(DEMO_BOT.values()))[1]

    async def ask() -> str | None:
        from aiohttp import ClientError, ClientSession, ClientTimeout

        base = (settings.telegram_api_url or "https://api.telegram.org").rstrip("/")
        token = settings.bot_token.get_secret_value() if settings.bot_token else ""
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=10)) as http,
                http.get(f"{base}/bot{token}/getMe") as answer,
            ):
                username: str = (await answer.json())["result"]["username"]
                return username
        except (ClientError, TimeoutError, OSError, KeyError, ValueError):
            return None

    username = asyncio.run(ask())
    if username is None:
        _ = say()
        fail(_("Telegram does not answer; check BOT_TOKEN, TELEGRAM_API_URL, the network."))
    return username


@key_app.command("add")
def add_key(
    outlet: Annotated[str, typer.Option("--outlet", help="Name of the outlet.")],
    as_json: JsonOption = False,
) -> None:
    """Make a key for an outlet's till; it is shown once, alone on standard output.

    Example: regulars key add --outlet "Main Street"
    """
    from loyalty import staff

    def unit(session: Session) -> str:
        return staff.add_key(session, outlet_id=_outlet_id(session, outlet), now=clock.now())

    key = with_database(unit)
    if as_json:
        show_json({"outlet": outlet, "key": key})
    else:
        show(key)


def _outlet_id(session: Session, name: str) -> int:
    from loyalty import staff
    from loyalty.errors import OutletNotFound

    found = staff.find_outlet(session, name=name)
    if found is None:
        raise OutletNotFound()
    return found.id


def migrate_command(as_json: JsonOption = False) -> None:
    """Bring the database to the newest schema.

    Example: DATABASE_URL=postgresql://… regulars migrate
    """
    from loyalty.db import schema_revision

    settings = load_settings()
    prepare_database(settings)
    revision = schema_revision(settings.database_url)
    if as_json:
        show_json({"revision": revision})
    else:
        _ = say()
        show(_("The schema is at revision {revision}.", revision=revision))
