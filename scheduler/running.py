"""A running scheduler: leader, ticks, dispatcher; and the time machine's two questions."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from urllib.parse import urlsplit

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import clock, program
from loyalty.db import Database, read_installation
from loyalty.db.engine import AlreadyThere
from loyalty.db.installation import DEMO
from loyalty.delivery import Links, Place
from loyalty.program import Program
from loyalty.settings import Settings
from loyalty.texts import LANGUAGES, translator
from loyalty.tokens import Keys
from scheduler.dispatcher import Dispatcher
from scheduler.heart import Heart
from scheduler.leader import Leader
from scheduler.limits import Limits, LocalLimits, RedisLimits
from scheduler.telegram import Telegram
from scheduler.ticks import Tick, Ticks
from scheduler.webhooks import Caller

log = logging.getLogger(__name__)

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - not bound

_SETTLE_ROUNDS = 50
"""Rounds of ticks and sending at one moment, before the time machine goes on regardless."""


class RunningScheduler:
    """What ``start`` has started. ``wake`` after a commit that queued a message."""

    def __init__(
        self,
        *,
        ticks: Ticks,
        dispatcher: Dispatcher,
        leader: Leader,
        telegram: Telegram,
        limits: Limits | None = None,
        caller: Caller | None = None,
        heart: Heart | None = None,
    ) -> None:
        self.ticks = ticks
        self.dispatcher = dispatcher
        self.leader = leader
        self._telegram = telegram
        self._limits = limits
        self._caller = caller
        self._heart = heart
        self._clockwork = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._stopping = False
        # Periodic ticks and the time machine take turns.
        self._turn = asyncio.Lock()

    def wake(self) -> None:
        """There is something in the outbox: send it at once."""
        self.dispatcher.wake()
        if self._caller is not None:
            self._caller.wake()

    def begin(self) -> None:
        """Start to lead if possible, to tick and to send."""
        self.leader.start()
        self.dispatcher.start()
        if self._heart is not None:
            self._heart.start()
        if self._caller is not None:
            self._caller.start()
        # Reading the catalogues takes a moment; the first receipt should not wait for it.
        asyncio.get_running_loop().run_in_executor(None, _warm_words)
        for name, tick, seconds in (
            ("chains", self.ticks.chains, 1),
            ("plan", self.ticks.plan, 60),
            ("plan_on", self.ticks.plan_on, 1),
            ("expire", self.ticks.expire, 30),
            ("birthdays", self.ticks.birthdays, 60),
            ("referrals", self.ticks.referrals, 30),
            ("tiers", self.ticks.tiers, 60),
            ("privacy", self.ticks.privacy, 10),
            ("guards", self.ticks.guards, 300),
            ("holds", self.ticks.holds, 5),
            ("drafts", self.ticks.drafts, 60),
            ("webhooks", self.ticks.webhooks, 2),
            ("reconcile", self.ticks.reconcile, 60),
            ("goods", self.ticks.goods, 300),
            ("sweep", self.ticks.sweep, 3600),
        ):
            self._clockwork.add_job(
                self._tick,
                IntervalTrigger(seconds=seconds),
                args=(name, tick),
                id=name,
                next_run_time=clock.real_now(),
            )
        self._clockwork.start()

    async def stop(self) -> None:
        """Tick no more, finish what is under way, give the rest back."""
        self._stopping = True
        if self._clockwork.running:
            self._clockwork.pause()
        # Ticks that wait for their turn see the flag and leave; one under way finishes.
        async with self._turn:
            await self.leader.stop()
        if self._clockwork.running:
            self._clockwork.shutdown(wait=False)
        await self.dispatcher.stop()
        if self._caller is not None:
            await self._caller.stop()
        await self._telegram.close()
        if self._limits is not None:
            await self._limits.close()

    async def run_due(self) -> int:
        """Do everything due at ``clock.now()``, sending included, until nothing is; how much.

        For the time machine, which owns the only process there is.
        """
        total = 0
        async with self._turn:
            for _ in range(_SETTLE_ROUNDS):
                done = await self.ticks.everything()
                total += done
                quiet = await self.dispatcher.until_idle()
                if not quiet:
                    log.warning("messages are still waiting to leave; time goes on without them")
                    break
                if not done:
                    break
            self.ticks.stay()
        return total

    async def next_due(self) -> datetime | None:
        """The first moment strictly after ``clock.now()`` at which something is due."""
        return await self.ticks.next_due()

    async def _tick(self, name: str, tick: Tick) -> None:
        if not self.leader.is_leader:
            return
        async with self._turn:
            if self._stopping:
                return
            try:
                done = await tick()
            except Exception:
                # One that fails is tried at its next turn, and stops no other.
                log.exception("the tick %s failed", name)
                return
        if done:
            self.wake()


def _warm_words() -> None:
    for language in LANGUAGES:
        say = translator(language)
        say.points(1)
        say.money(100, "RUB")
        say.day(clock.now().date())


async def _links(db: Database, settings: Settings, keys: Keys | None) -> Links | None:
    """What links of messages are counted by; None if they cannot be: Telegram refuses buttons
    that lead to a machine's own name, and with them the whole message."""
    if keys is None:
        return None
    host = urlsplit(settings.public_url).hostname or ""
    if host in _OWN_NAMES:
        state = await db.read(read_installation)
        if state is None or state.stamp != DEMO:
            log.warning("PUBLIC_URL is this machine's own name: links are not counted")
            return None
    return Links(keys, settings.public_url)


def _program_in_force(session: Session) -> Program:
    try:
        program.ensure_default(session, now=clock.now())
    except IntegrityError as problem:
        # Several processes start on a new database at once: the next look finds it.
        raise AlreadyThere from problem
    return program.current(session, now=clock.now()).program


async def open_limits(db: Database, *, settings: Settings, bot_id: int) -> Limits:
    """The sending limits of one bot, by the program's rate. With ``REDIS_URL`` set all its
    instances share them; without it give the same ones to the bot and to ``start``."""
    rules = await db.transact(_program_in_force)
    rate = float(rules.messages_per_second)
    if settings.redis_url:
        return RedisLimits(settings.redis_url, bot_id=bot_id, per_second=rate)
    return LocalLimits(per_second=rate)


async def start(
    db: Database,
    *,
    settings: Settings,
    token: str,
    api_url: str | None = None,
    bot_id: int | None = None,
    keys: Keys | None = None,
    limits: Limits | None = None,
) -> RunningScheduler:
    """Start ticking and sending for ``db`` in the running event loop.

    ``token`` and ``api_url`` say which bot speaks through which Bot API (None: Telegram's own).
    ``limits``: those of ``open_limits``, which the bot of this process has, too, and which whoever
    opened them closes (None: this scheduler has its own). ``keys`` make the pseudonyms of erased
    customers (None: from the settings' ``SECRET_KEY``).
    """
    if keys is None and settings.secret_key is not None:
        keys = Keys(settings.secret_key.get_secret_value())
    ticks = Ticks(db, time_zone=settings.time_zone, keys=keys)
    await ticks.install()
    bot = bot_id or int(token.partition(":")[0])
    own = None if limits else await open_limits(db, settings=settings, bot_id=bot)
    limits = limits or own
    assert limits is not None
    telegram = Telegram(token=token, api_url=api_url)
    links = await _links(db, settings, keys)
    place = Place(settings.time_zone, settings.currency, settings.language, links)
    dispatcher = Dispatcher(db, telegram=telegram, limits=limits, place=place, bot_id=bot)
    leader = Leader(db)
    running = RunningScheduler(
        ticks=ticks,
        dispatcher=dispatcher,
        leader=leader,
        telegram=telegram,
        limits=own,
        heart=Heart(db, leader, name=dispatcher.owner),
        # Without keys nothing can be signed.
        caller=Caller(db, keys=keys) if keys is not None else None,
    )
    running.begin()
    return running
