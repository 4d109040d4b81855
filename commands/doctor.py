"""``regulars doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import typer

from commands.checks import database_reason, redis_answers
from commands.common import FOUND_A_FAULT, load_settings, run_async, say, show, show_json
from loyalty import clock
from loyalty.settings import Settings

if TYPE_CHECKING:
    from loyalty.db import Database

LEAST_DISK_BYTES = 500 * 1024 * 1024
MOST_SKEW = timedelta(seconds=30)
LOST_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``mend`` says what to do when it is not ``ok``."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def doctor(*, as_json: bool) -> None:
    """Look at everything; exit code 1 when something needs mending."""
    settings = load_settings()

    async def look() -> list[Finding]:
        return [finding async for finding in _findings(settings)]

    findings = run_async(look)
    ok = all(finding.ok for finding in findings)
    if as_json:
        show_json({"ok": ok, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            show(f"{'✓' if finding.ok else '✗'} {finding.name}: {finding.detail}")
            if finding.mend and not finding.ok:
                show(f"  → {finding.mend}")
    if not ok:
        raise typer.Exit(FOUND_A_FAULT)


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield _secret(settings)
    yield _disk(settings)
    _ = say()
    yield Finding(_("Time zone"), True, settings.time_zone)
    async for finding in _database(settings):
        yield finding
    async for finding in _telegram(settings):
        yield finding
    if settings.redis_url:
        yield await _redis(settings.redis_url)


def _secret(settings: Settings) -> Finding:
    _ = say()
    if settings.secret_key is not None or (settings.data_folder / "secret.key").exists():
        return Finding(_("Secret key"), True, _("set"))
    single = not settings.on_postgres
    detail = _("“regulars run” makes one at its first start") if single else _("not set")
    return Finding(
        _("Secret key"), single, detail, _("Set SECRET_KEY; “openssl rand -hex 32” makes one.")
    )


def _disk(settings: Settings) -> Finding:
    _ = say()
    folder = settings.data_folder
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        _("Disk"),
        free > LEAST_DISK_BYTES,
        _("{n} MB free", n=free // 1024 // 1024),
        _("Free some space: a full disk stops sales."),
    )


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    import asyncio

    from loyalty.db import Database, DatabaseUnreachable, read_installation, schema_revision
    from loyalty.db.migrate import newest_revision

    _ = say()
    try:
        revision = await asyncio.to_thread(schema_revision, settings.database_url)
    except DatabaseUnreachable as problem:
        reason = database_reason(problem.reason)
        yield Finding(_("Database"), False, reason, _("Check DATABASE_URL."))
        return
    newest = newest_revision()
    known = revision is None or revision <= newest
    yield Finding(
        _("Database"),
        revision == newest,
        _("schema {revision} of {newest}", revision=revision or "–", newest=newest),
        _("Run “regulars migrate”.") if known else _("Update the program: the database is newer."),
    )
    if revision != newest:
        return
    db = Database(settings.database_url, pool_size=1)
    try:
        state = await db.read(read_installation)
        yield Finding(_("Kind of database"), True, state.stamp if state else _("not yet used"))
        async for finding in _inside(db):
            yield finding
    finally:
        await db.close()


async def _inside(db: object) -> AsyncIterator[Finding]:
    import sqlalchemy as sa
    from sqlalchemy.orm import Session

    from loyalty.consent import consent_text
    from loyalty.db import Database

    if not isinstance(db, Database):
        raise TypeError
    _ = say()

    def count(session: Session) -> int:
        query = sa.select(sa.func.count(sa.distinct(consent_text.c.language)))
        return int(session.execute(query).scalar_one())

    languages = await db.read(count)
    mend = _("They are written when the bot first starts: “regulars run”.")
    yield Finding(
        _("Consent texts"),
        # Whoever has not opened yet lacks nothing.
        languages in (0, 2),
        _("in {n} of 2 languages", n=languages) if languages else mend,
        mend,
    )
    yield await _sending(db)
    yield await _lost(db)
    if db.is_postgres:
        theirs = await db.read(
            lambda session: session.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        )
        skew = abs(theirs - clock.real_now())
        yield Finding(
            _("Clock of the database"),
            skew < MOST_SKEW,
            _("{n} s apart", n=round(skew.total_seconds(), 1)),
            _("Let both machines keep time by NTP."),
        )


async def _sending(db: Database) -> Finding:
    from loyalty import jobs

    _ = say()
    now = clock.real_now()
    seen = await db.read(lambda session: jobs.instances(session, real_now=now))
    alive = [one for one in seen if now - one.seen_at < jobs.ALIVE]
    if not alive:
        # Nothing has to run while this is asked; what stopped without a goodbye should be known.
        detail = _("nothing runs at the moment") if not seen else _("everything that ran is gone")
        return Finding(_("Sending"), not seen, detail, _("Start it again: “regulars scheduler”."))
    return Finding(
        _("Sending"),
        any(one.leader for one in alive),
        _.plural("{n} process is alive", "{n} processes are alive", len(alive)),
        _("Nobody leads for now. If that stays so, restart the processes."),
    )


async def _lost(db: Database) -> Finding:
    from loyalty import delivery

    _ = say()
    since = clock.real_now() - LOST_WITHIN
    lost = await db.read(lambda session: delivery.count_lost(session, since=since))
    detail = _("none were lost in the last day")
    if lost:
        detail = _.plural(
            "{n} message was lost in the last day", "{n} messages were lost in the last day", lost
        )
    mend = _("The log says which and why: look for “rejected” and “given up”.")
    return Finding(_("Messages"), not lost, detail, mend)


async def _telegram(settings: Settings) -> AsyncIterator[Finding]:
    from aiohttp import ClientError, ClientSession, ClientTimeout

    _ = say()
    if settings.bot_token is None:
        yield Finding(_("Telegram"), True, _("no BOT_TOKEN: the local Telegram is used"))
        return
    base = (settings.telegram_api_url or "https://api.telegram.org").rstrip("/")
    url = f"{base}/bot{settings.bot_token.get_secret_value()}"
    try:
        async with ClientSession(timeout=ClientTimeout(total=10)) as http:
            async with http.get(f"{url}/getMe") as answer:
                me = await answer.json()
                date = answer.headers.get("Date")
            async with http.get(f"{url}/getWebhookInfo") as answer:
                hook = await answer.json()
    except (ClientError, TimeoutError, OSError, ValueError):
        # The address holds the token, so the error is not repeated.
        mend = _("Check the network and TELEGRAM_API_URL.")
        yield Finding(_("Telegram"), False, _("does not answer"), mend)
        return
    if not me.get("ok"):
        mend = _("Check BOT_TOKEN with @BotFather.")
        yield Finding(_("Telegram"), False, _("refuses the token"), mend)
        return
    yield Finding(_("Telegram"), True, f"@{me['result'].get('username')}")
    if date:
        skew = abs(parsedate_to_datetime(date) - clock.real_now())
        detail = _("{n} s apart", n=round(skew.total_seconds()))
        mend = _("Let this machine keep time by NTP.")
        yield Finding(_("Clock"), skew < MOST_SKEW, detail, mend)
    info = hook.get("result")
    yield _webhook(settings, info if isinstance(info, dict) else {})


def _webhook(settings: Settings, info: dict[str, object]) -> Finding:
    _ = say()
    wanted, there = settings.telegram_mode == "webhook", bool(info.get("url"))
    error = str(info.get("last_error_message") or "")
    detail = error or (_("set") if there else _("not set"))
    return Finding(
        _("Webhook"),
        wanted == there and not (wanted and error),
        str(detail),
        _("Start the bot in this mode; it sets or removes the webhook by itself."),
    )


async def _redis(url: str) -> Finding:
    _ = say()
    ok = await redis_answers(url)
    return Finding("Redis", ok, _("answers") if ok else _("does not answer"), _("Check REDIS_URL."))
