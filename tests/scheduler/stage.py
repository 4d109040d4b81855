"""Everything that makes a message arrive: a business, its scheduler, a local Telegram, a clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, consent, events, messaging
from loyalty.consent import ADS_TELEGRAM
from loyalty.db import Rows
from loyalty.delivery import Place
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from scheduler.dispatcher import Dispatcher
from scheduler.leader import Leader
from scheduler.limits import LocalLimits
from scheduler.running import RunningScheduler
from scheduler.telegram import Telegram
from scheduler.ticks import Ticks
from tests.emulator.client import TOKEN, Client
from tests.world import ZONE, World, open_world

PLACE = Place(ZONE, "RUB", "ru")


def set_noon() -> datetime:
    """Move business time to the next noon of the business zone; that noon."""
    now = clock.real_now()
    day = clock.local_date(now, ZONE) + timedelta(days=1)
    noon = clock.start_of_day(day, ZONE) + timedelta(hours=12)
    clock.set_offset(noon - now)
    return noon


@dataclass
class Stage:
    """One process of the product, whose clock the test moves."""

    world: World
    client: Client
    running: RunningScheduler

    async def person(self, chat: int, *, ads: bool | None = True, **fields: Any) -> int:
        """A customer with a phone in hand who has started the bot and may have said yes."""
        await self.client.meet(chat)
        self.world.now = clock.now()
        customer_id = await self.world.customer(chat=chat, name="Анна Петрова", **fields)
        if ads is not None:
            await self.agree(customer_id, granted=ads)
        return customer_id

    async def agree(self, customer_id: int, *, granted: bool) -> None:
        """The answer about advertising."""
        await self.world.db.transact(
            lambda s: consent.record(
                s,
                customer_id=customer_id,
                purpose=ADS_TELEGRAM,
                granted=granted,
                language="ru",
                channel="telegram",
                evidence=str(new_id()),
                now=clock.now(),
            )
        )

    async def joined(self, customer_id: int) -> None:
        """The fact that starts the welcome."""

        def unit(session: Session) -> None:
            rows = Rows()
            events.record(
                rows,
                type="customer.joined",
                customer_id=customer_id,
                actor=f"customer:{customer_id}",
                data={},
                now=clock.now(),
            )
            rows.put(session)

        await self.world.db.transact(unit)

    async def queue(self, chat: int, text: str = "Привет", **options: Any) -> int:
        """A message on its way; a service one unless told otherwise."""
        given: dict[str, Any] = {
            "customer_id": None,
            "message_class": "service",
            "key": f"test:{new_id()}",
            **options,
        }

        def unit(session: Session) -> int:
            rows = Rows()
            queued = messaging.enqueue(
                rows, chat_id=chat, payload={"text": text}, now=clock.now(), **given
            )
            rows.put(session)
            return queued

        return await self.world.db.transact(unit)

    async def advance(self, **span: float) -> None:
        """Let business time pass, from one due moment to the next as the time machine does."""
        target = clock.now() + timedelta(**span)
        await self.running.run_due()
        while True:
            due = await self.running.next_due()
            if due is None or due > target:
                break
            self.jump(max(due, clock.now()))
            await self.running.run_due()
        self.jump(max(target, clock.now()))
        await self.running.run_due()

    def jump(self, to: datetime) -> None:
        """Move business time at once; nothing happens by itself."""
        clock.set_offset(max(clock.offset(), to - clock.real_now()))
        self.world.now = clock.now()

    async def texts(self, chat: int) -> list[str]:
        """What the bot has written, oldest first."""
        return [item["text"] for item in await self.client.screen(chat) if item["from"]["is_bot"]]

    async def calls(self, method: str = "sendMessage") -> list[dict[str, Any]]:
        """Every call of a method the emulator has seen."""
        seen: list[dict[str, Any]] = await self.client.control("GET", f"/requests?method={method}")
        return seen

    async def fault(self, kind: str, **more: Any) -> None:
        """The next sendMessage fails so."""
        await self.client.control(
            "POST", "/faults", {"method": "sendMessage", "kind": kind, "times": 1, **more}
        )

    async def touches(self, customer_id: int) -> list[Any]:
        """Every decision about this customer, in order."""
        query = sa.select(touch).where(touch.c.customer_id == customer_id).order_by(touch.c.id)
        return list(await self.world.db.read(lambda s: s.execute(query).all()))

    async def outbox(self) -> list[Any]:
        """Every row of the outbox, in order."""
        query = sa.select(outbox).order_by(outbox.c.id)
        return list(await self.world.db.read(lambda s: s.execute(query).all()))

    async def states(self) -> list[str]:
        """The states of all messages, in order."""
        return [row.state for row in await self.outbox()]


def dispatcher(
    world: World,
    api_url: str,
    *,
    per_second: float = 1000,
    chat_s: float = 0.0,
    total_s: float = 5.0,
    owner: str | None = None,
) -> tuple[Dispatcher, Telegram, LocalLimits]:
    """A dispatcher of its own, not started."""
    telegram = Telegram(token=TOKEN, api_url=api_url, total_s=total_s)
    limits = LocalLimits(per_second=per_second, chat_s=chat_s)
    hands = Dispatcher(world.db, telegram=telegram, limits=limits, place=PLACE, owner=owner)
    return hands, telegram, limits


async def send_everything(stage: Stage, **options: Any) -> None:
    """A second process comes, sends what is due, and goes."""
    hands, telegram, _ = dispatcher(stage.world, stage.client.emulator.url, **options)
    hands.start()
    assert await hands.until_idle(timeout_s=20)
    await hands.stop()
    await telegram.close()


@asynccontextmanager
async def open_stage(database_url: str, client: Client, **options: Any) -> AsyncIterator[Stage]:
    """A stage on a migrated database; nobody is held out, unless a test says so."""
    await client.control("PUT", "/limits", {"global_per_second": 0, "per_chat_per_second": 0})
    async with open_world(database_url) as world:
        world.now = set_noon()
        await world.db.transact(lambda s: consent.ensure_texts(s, now=clock.now()))
        await world.set_program(global_holdout_bp=0, chain_holdout_bp=0)
        hands, telegram, limits = dispatcher(world, client.emulator.url, **options)
        ticks = Ticks(world.db, time_zone=ZONE)
        await ticks.install()
        running = RunningScheduler(
            ticks=ticks,
            dispatcher=hands,
            leader=Leader(world.db),
            telegram=telegram,
            limits=limits,
        )
        hands.start()
        try:
            yield Stage(world, client, running)
        finally:
            await running.stop()
