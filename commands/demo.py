"""`regulars demo`: a made-up coffee chain in an empty database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from commands.common import (
    JsonOption,
    fail,
    load_settings,
    prepare_database,
    run_async,
    say,
    show,
    show_json,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from loyalty.db import Database
    from loyalty.demo import Filled


def demo(as_json: JsonOption = False) -> None:
    """Fill an empty database with a made-up coffee chain and a year of its life.

    Example: regulars demo && regulars run
    """
    from dataclasses import asdict

    from loyalty import clock
    from loyalty.db import Database
    from loyalty.db.installation import InstallationStateError
    from loyalty.demo import DatabaseNotEmpty

    _, settings = say(), load_settings()
    prepare_database(settings)

    async def work() -> Filled:
        db = Database(settings.database_url, pool_size=2)
        try:
            return await fill_with_progress(
                db,
                language=settings.language,
                time_zone=settings.time_zone,
                currency=settings.currency,
                now=clock.now(),
            )
        finally:
            await db.close()

    try:
        filled = run_async(work)
    except DatabaseNotEmpty:
        fail(_("The database has customers already; the demo needs an empty one."))
    except InstallationStateError:
        fail(_("This is the database of a real business; the demo needs one of its own."))
    if as_json:
        show_json(asdict(filled))
        return
    show(_("“{chain}” is open.", chain=filled.chain))
    show(
        _(
            "{customers}, {purchases}, {points} issued.",
            customers=_.plural("{n} customer", "{n} customers", filled.customers),
            purchases=_.plural("{n} purchase", "{n} purchases", filled.purchases),
            points=_.points(filled.points_issued),
        )
    )
    show(_("Try next:"))
    for command, what in (
        ("regulars run", _("the bot, the panel and a local Telegram")),
        ("regulars report sales", _("what the year brought")),
        ("regulars report points", _("what customers hold")),
        ("regulars reconcile", _("whether every point is accounted for")),
    ):
        show(f"  {command:<24}{what}")


async def fill_with_progress(
    db: Database, *, language: str, time_zone: str, currency: str, now: datetime
) -> Filled:
    """Stamp the database as a demo and fill it, with a progress bar on standard error.

    Raises:
        DatabaseNotEmpty: it has customers.
        InstallationStateError: it is stamped live.
    """
    import sqlalchemy as sa

    from loyalty.customers import customer
    from loyalty.db.installation import DEMO, stamp_installation
    from loyalty.demo import DatabaseNotEmpty, fill

    somebody = sa.select(customer.c.id).limit(1)
    # Asked before the progress bar is drawn: a refusal is one sentence, not a bar at zero.
    if await db.read(lambda session: session.execute(somebody).first()) is not None:
        raise DatabaseNotEmpty
    await db.transact(lambda session: stamp_installation(session, wanted=DEMO, now=now))

    with _progress() as advance:

        def unit(session: Session) -> Filled:
            stamp_installation(session, wanted=DEMO, now=now)
            return fill(
                session,
                language=language,
                time_zone=time_zone,
                currency=currency,
                now=now,
                progress=advance,
            )

        return await db.transact(unit)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        _ = say()
        task = bar.add_task(str(_("A coffee chain is opening…")), total=1.0)
        yield lambda done: bar.update(task, completed=done)
