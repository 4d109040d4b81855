"""What every command shares: settings, the database, one-sentence errors, JSON or words."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from typer.exceptions import TyperException

from loyalty.settings import Settings
from loyalty.texts import LANGUAGES, N_, Translator, plain, translator

T = TypeVar("T")

FOUND_A_FAULT = 1
USED_WRONGLY = 2

JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def say() -> Translator:
    """The translator for the terminal (``LANGUAGE``)."""
    wish = (os.environ.get("LANGUAGE") or "ru")[:2].lower()
    return translator(wish if wish in LANGUAGES else "ru")


def fail(message: str, *, code: int = USED_WRONGLY) -> NoReturn:
    """One sentence on standard error, and out."""
    sys.stderr.write(f"regulars: {plain(message)}\n")
    raise typer.Exit(code)


def fail_usage(problem: TyperException) -> NoReturn:
    """What the command line itself found wrong, in one sentence with where to read more."""
    _ = say()
    kind = type(problem).__name__
    context: Any = getattr(problem, "ctx", None)
    if kind == "NoArgsIsHelpError":
        sys.stderr.write(f"{problem.format_message()}\n")
        raise SystemExit(USED_WRONGLY)
    command = context.command_path if context is not None else "regulars"
    if kind == "NoSuchOption":
        option = getattr(problem, "option_name", "")
        text = _("There is no option {name}; see “{command} --help”.", name=option, command=command)
    elif kind == "MissingParameter":
        missing = _name_of(problem)
        text = _("{name} is missing; see “{command} --help”.", name=missing, command=command)
    else:
        reason = problem.format_message().rstrip(".")
        text = _("{reason}; see “{command} --help”.", reason=reason, command=command)
    sys.stderr.write(f"regulars: {plain(text)}\n")
    raise SystemExit(USED_WRONGLY)


def _name_of(problem: TyperException) -> str:
    parameter: Any = getattr(problem, "param", None)
    if parameter is None:
        return str(getattr(problem, "param_hint", "") or "")
    options = [name for name in parameter.opts if name.startswith("--")]
    return options[0] if options else str(parameter.name).upper()


def fail_unforeseen(problem: Exception) -> NoReturn:
    """What nobody foresaw: its kind and place, never its words (they may hold a secret)."""
    _ = say()
    steps = traceback.extract_tb(problem.__traceback__)
    ours = [step for step in steps if "site-packages" not in step.filename] or steps
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
    kind = type(problem).__name__
    text = _(
        "Something unforeseen happened ({kind} at {place}); please report it.",
        kind=kind,
        place=place,
    )
    sys.stderr.write(f"regulars: {plain(text)}\n")
    raise SystemExit(FOUND_A_FAULT)


def show(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(f"{plain(text)}\n")
    sys.stdout.flush()


def show_json(value: Any) -> None:
    """A JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


_MENDS = {
    "time_zone": N_("{name} is {value}, which is no time zone; use a name like Europe/Moscow."),
    "language": N_("{name} is {value}; use ru or en."),
    "currency": N_("{name} is {value}; use a three-letter code like RUB."),
    "telegram_mode": N_("{name} is {value}; use polling or webhook."),
    "log_format": N_("{name} is {value}; use console or json."),
    "port": N_("{name} is {value}; use a port number from 0 to 65535."),
    "emulator_port": N_("{name} is {value}; use a port number from 0 to 65535."),
}

# A value that may hold a password or a secret is not repeated.
_SILENT_MENDS = {
    "database_url": N_(
        "{name} makes no sense: use sqlite:///path/to/file.db or"
        " postgresql://user:password@host/name."
    ),
    "redis_url": N_("{name} makes no sense: use redis://host:6379."),
    "telegram_api_url": N_("{name} makes no sense: use an address like http://localhost:8081."),
    "public_url": N_("{name} makes no sense: use an address like https://shop.example."),
    "webhook_secret": N_("{name} may have 1 to 256 characters: A-Z, a-z, 0-9, _ and -."),
}


def load_settings() -> Settings:
    """Settings from the environment; a wrong one ends the program with a clear sentence."""
    try:
        return Settings()
    except ValidationError as problem:
        field = str(problem.errors()[0]["loc"][0])
        _ = say()
        if field in _MENDS:
            value = repr(os.environ.get(field.upper(), ""))
            fail(_(_MENDS[field], name=field.upper(), value=value))
        mend = _SILENT_MENDS.get(field, N_("{name} makes no sense here."))
        fail(_(mend, name=field.upper()))


def token_of(settings: Settings) -> str:
    """``BOT_TOKEN``, checked for its shape; out with a sentence when it is missing or wrong."""
    import re

    _ = say()
    if settings.bot_token is None:
        fail(_("BOT_TOKEN is not set: get a token from @BotFather and set it."))
    token = settings.bot_token.get_secret_value().strip()
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]{30,}", token):
        fail(_("BOT_TOKEN does not look like a token: it is digits, a colon and 35 characters."))
    return token


def secret_of(settings: Settings, *, may_make: bool) -> str:
    """``SECRET_KEY``, or the one a single process made on its first start and keeps in ``data/``.

    Never printed. Every role but ``run`` on SQLite requires it to be set.
    """
    _ = say()
    if settings.secret_key is not None:
        secret = settings.secret_key.get_secret_value()
        if len(secret) < 16:
            fail(_("SECRET_KEY is too short: use at least 16 random characters."))
        return secret
    path = settings.data_folder / "secret.key"
    if kept := _kept_secret(path):
        return kept
    if not may_make or settings.on_postgres:
        fail(_("SECRET_KEY is not set: make one with “openssl rand -hex 32” and set it."))
    return _make_secret(path)


def _kept_secret(path: Path) -> str | None:
    try:
        return path.read_text().strip() if path.exists() else None
    except (OSError, UnicodeDecodeError) as problem:
        _ = say()
        reason = (getattr(problem, "strerror", None) or "").lower()
        fail(_("Cannot read {file}: {reason}.", file=path, reason=reason))


def _make_secret(path: Path) -> str:
    import secrets

    _ = say()
    secret = secrets.token_hex(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        fail(
            _(
                "Cannot write to {folder}: {reason}."
                " Allow writing there or set another DATABASE_URL.",
                folder=path.parent,
                reason=(problem.strerror or "").lower(),
            )
        )
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret


def prepare_database(settings: Settings) -> None:
    """The schema at its newest; out with a sentence when the database cannot be used."""
    from commands.checks import database_reason
    from loyalty.db import DatabaseTooNew, DatabaseUnreachable, migrate

    _ = say()
    try:
        check_folder(settings)
        migrate(settings.database_url)
    except DatabaseTooNew:
        fail(_("The database was made by a newer version of Regulars: update the program."))
    except DatabaseUnreachable as problem:
        reason = database_reason(problem.reason)
        fail(_("Cannot open the database: {reason}. Check DATABASE_URL.", reason=reason))


def check_folder(settings: Settings) -> None:
    """Whether SQLite's folder can be written to; out with a sentence when it cannot."""
    if settings.on_postgres:
        return
    _ = say()
    folder = settings.data_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        fail(
            _(
                "Cannot write to {folder}: {reason}."
                " Allow writing there or set another DATABASE_URL.",
                folder=folder,
                reason=reason,
            )
        )


def run_async(make: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end; an interrupt is a quiet end."""

    async def main() -> T:
        return await make()

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def with_database(unit: Callable[[Any], T], *, write: bool = True, migrated: bool = True) -> T:
    """Run one unit against the database of the environment, migrated first if asked to."""
    from sqlalchemy.exc import DBAPIError

    from commands.checks import database_reason
    from loyalty import clock
    from loyalty.db import Database, read_installation
    from loyalty.db.engine import ConnectionLost
    from loyalty.errors import DatabaseBusy, DomainError

    settings = load_settings()
    if migrated:
        prepare_database(settings)

    async def work() -> T:
        db = Database(settings.database_url, pool_size=2)
        try:
            if migrated:
                # In a demo it may be later than on the wall.
                state = await db.read(read_installation)
                clock.set_offset(state.clock_offset if state is not None else timedelta())
            return await (db.transact(unit) if write else db.read(unit))
        finally:
            await db.close()

    try:
        return run_async(work)
    except (ConnectionLost, DBAPIError) as problem:
        # Not to be written to, full, or gone in the middle of it.
        cause = getattr(problem, "orig", None) or problem.__cause__ or problem
        reason = database_reason(str(cause).partition("\n")[0])
        fail(say()("Cannot open the database: {reason}. Check DATABASE_URL.", reason=reason))
    except DatabaseBusy:
        _ = say()
        fail(_("The database is busy; try again in a moment."), code=FOUND_A_FAULT)
    except DomainError as problem:
        fail(refusal(problem))


_REFUSALS = {
    "name_taken": N_("There is one by the name {name} already."),
    "outlet_not_found": N_("There is no outlet by that name; “regulars outlet add NAME” adds one."),
    "role_missing": N_("This role cannot do that."),
    "password_too_short": N_("The password is too short: at least {minimum} characters."),
}


def refusal(problem: Any) -> str:
    """A refusal of the domain in words."""
    _ = say()
    text = _REFUSALS.get(problem.code)
    if text is None:
        facts = ", ".join(f"{key}={value}" for key, value in problem.facts.items())
        return str(_("Not possible: {code} {facts}", code=problem.code, facts=facts))
    return str(_(text, **{"name": "", "minimum": "", **problem.facts}))
