"""Regulars, the command: every subcommand by name, each imported only when it is used."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from commands.api_schema import api_schema
from commands.common import JsonOption, fail_unforeseen, fail_usage
from commands.data import export_app, import_app
from commands.demo import demo
from commands.first_setup import (
    key_app,
    migrate_command,
    outlet_app,
    staff_app,
)
from commands.reconcile import reconcile_command
from commands.report import report

app = typer.Typer(
    name="regulars",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: what draws boxes takes half a second to import.
    rich_markup_mode=None,
    help="A loyalty service for shops, cafés and chains whose customers live in Telegram.",
)
app.add_typer(outlet_app, name="outlet")
app.add_typer(staff_app, name="staff")
app.add_typer(key_app, name="key")
app.add_typer(import_app, name="import")
app.add_typer(export_app, name="export")
app.command("report")(report)
app.command("demo")(demo)
app.command("migrate")(migrate_command)
app.command("api-schema")(api_schema)
app.command("reconcile")(reconcile_command)


@app.command()
def run(as_json: JsonOption = False) -> None:
    """Bot, scheduler and panel in one process; without BOT_TOKEN a local Telegram too.

    Example: regulars run
    """
    from commands.serve import run as serve

    serve(as_json=as_json)


@app.command()
def bot(as_json: JsonOption = False) -> None:
    """The bot alone (of several polling ones, one polls and all handle).

    Example: DATABASE_URL=postgresql://… SECRET_KEY=… BOT_TOKEN=… regulars bot
    """
    from commands.runtime import Roles
    from commands.serve import run_role

    run_role(Roles(bot=True), as_json=as_json)


@app.command()
def scheduler(as_json: JsonOption = False) -> None:
    """The scheduler alone: chains advance, messages leave.

    Example: DATABASE_URL=postgresql://… SECRET_KEY=… BOT_TOKEN=… regulars scheduler
    """
    from commands.runtime import Roles
    from commands.serve import run_role

    run_role(Roles(scheduler=True), as_json=as_json)


@app.command()
def admin(as_json: JsonOption = False) -> None:
    """The panel alone.

    Example: DATABASE_URL=postgresql://… SECRET_KEY=… PORT=8080 regulars admin
    """
    from commands.runtime import Roles
    from commands.serve import run_role

    run_role(Roles(admin=True), as_json=as_json)


@app.command()
def emulator(
    host: Annotated[str | None, typer.Option(help="Address; HOST by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; EMULATOR_PORT by default.")] = None,
    strict: Annotated[bool, typer.Option(help="Check answers too, refuse unknowns.")] = False,
    product_url: Annotated[
        str | None, typer.Option(help="Where the page's clock button leads.")
    ] = None,
    state_file: Annotated[str | None, typer.Option(help="Keep chats in this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The local Telegram alone; point a bot at it with BOT_TOKEN and TELEGRAM_API_URL.

    Example: regulars emulator --port 8081
    """
    from commands.common import load_settings
    from commands.serve import run_emulator

    settings = load_settings()
    run_emulator(
        host=host or settings.host,
        port=settings.emulator_port if port is None else port,
        strict=strict,
        product_url=product_url,
        state_file=state_file,
        as_json=as_json,
    )


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """What is wrong with this installation and how to mend it. Exit code 1 if something is.

    Example: regulars doctor
    """
    from commands.doctor import doctor as examine

    examine(as_json=as_json)


def main() -> None:
    """The entry point: whatever goes wrong is one sentence and an exit code."""
    # What is kept in data/ (customers, keys, chats) is for the service's own user only.
    os.umask(0o077)
    try:
        sys.exit(app(prog_name="regulars", standalone_mode=False))
    except TyperException as problem:
        fail_usage(problem)
    except BrokenPipeError:
        # Whoever read our output has left.
        sys.stderr.close()
        sys.exit(1)
    except Exception as problem:  # noqa: BLE001 - the last door; where it happened is said
        fail_unforeseen(problem)


if __name__ == "__main__":
    main()
