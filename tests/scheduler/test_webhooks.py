"""Webhooks on the wire: signed, again after every fault, shared out, never into the house."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import clock, events, webhooks
from loyalty.db import Rows, stamp_installation
from loyalty.tokens import Keys
from loyalty.webhooks import Delivery, Endpoint
from loyalty.webhooks.claiming import BACK_OFF_S, GIVE_UP_AFTER
from loyalty.webhooks.tables import webhook, webhook_delivery
from scheduler.webhooks import Caller
from tests.scheduler.receiver import Receiver, open_receiver
from tests.world import World, open_world

KEYS = Keys("k" * 40)
BY = "staff:1"


@dataclass
class Shop:
    """A business, its other system, and as many callers as a test wants."""

    world: World
    receiver: Receiver
    callers: list[Caller] = field(default_factory=list)

    def caller(self, **options: Any) -> Caller:
        """A process that calls; it does nothing by itself."""
        made = Caller(self.world.db, keys=KEYS, **{"timeout_s": 2.0, **options})
        self.callers.append(made)
        return made

    async def hook(self, *wanted: str, url: str | None = None) -> Endpoint:
        """An endpoint at the receiver."""
        address = url or f"{self.receiver.address}/hook"
        return await self.world.db.transact(
            lambda s: webhooks.add(s, url=address, wanted=wanted, actor=BY, now=clock.now())
        )

    async def happen(self, times: int = 1) -> None:
        """Points expire, and that is queued."""
        rows = Rows()
        for number in range(times):
            events.record(
                rows,
                type="points.expired",
                customer_id=7,
                actor="system",
                data={"points": number},
                now=clock.now(),
            )
        await self.world.db.transact(rows.put)
        await self.world.db.transact(lambda s: webhooks.queue_events(s, now=clock.now()))

    async def deliveries(self, hook: Endpoint) -> list[Delivery]:
        """What was told, the newest first."""
        return await self.world.db.read(lambda s: webhooks.deliveries(s, hook.id, limit=500))

    async def one(self, hook: Endpoint) -> Delivery:
        """The only delivery there is."""
        (found,) = await self.deliveries(hook)
        return found

    async def endpoint(self, hook: Endpoint) -> Endpoint:
        """How it does now."""
        return await self.world.db.read(lambda s: webhooks.get(s, hook.id))


async def call_once(caller: Caller) -> int:
    """One round, waited for."""
    called = await caller.round()
    await caller.finish()
    return called


@asynccontextmanager
async def open_shop(database_url: str, stamp: str) -> AsyncIterator[Shop]:
    """One on a database of this stamp."""
    async with open_world(database_url) as world, open_receiver() as receiver:
        await world.db.transact(lambda s: stamp_installation(s, wanted=stamp, now=clock.now()))
        shop = Shop(world, receiver)
        try:
            yield shop
        finally:
            receiver.released.set()
            for caller in shop.callers:
                await caller.stop()


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A demo: it may call its own machine."""
    async with open_shop(database_url, "demo") as opened:
        yield opened


async def test_told_signed_and_once(shop: Shop) -> None:
    hook = await shop.hook()
    await shop.happen()
    caller = shop.caller()
    assert [await call_once(caller), await call_once(caller)] == [1, 0]
    (told,) = shop.receiver.told
    delivery = await shop.one(hook)
    assert told.path == "/hook"
    assert told.headers["X-Regulars-Event"] == "points.expired"
    assert told.headers["X-Regulars-Delivery"] == str(delivery.id)
    assert told.document["data"] == {"customer_id": "7", "points": 0}
    assert list(told.document) == ["id", "type", "at", "data"]
    secret = webhooks.secret_of(KEYS, webhook_id=hook.id, number=1)
    genuine = webhooks.is_genuine(
        secret,
        body=told.body,
        header=told.headers["X-Regulars-Signature"],
        now=int(clock.real_now().timestamp()),
    )
    assert genuine
    assert (delivery.state, delivery.attempts) == ("sent", 1)
    assert (delivery.answer or "").startswith("200 ")


async def test_a_rotated_secret_signs_what_waits(shop: Shop) -> None:
    hook = await shop.hook()
    await shop.happen()
    await shop.world.db.transact(lambda s: webhooks.rotate(s, hook.id, actor=BY, now=clock.now()))
    await call_once(shop.caller())
    (told,) = shop.receiver.told
    now, header = int(clock.real_now().timestamp()), told.headers["X-Regulars-Signature"]
    old, new = (webhooks.secret_of(KEYS, webhook_id=hook.id, number=n) for n in (1, 2))
    assert webhooks.is_genuine(new, body=told.body, header=header, now=now)
    assert not webhooks.is_genuine(old, body=told.body, header=header, now=now)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [(500, "500"), (404, "404"), (301, "301"), ("drop", "dropped"), ("hang", "timeout")],
)
async def test_a_fault_is_followed_by_another_try(
    shop: Shop, fault: int | str, answer: str
) -> None:
    shop.receiver.plan = [fault]
    shop.receiver.headers = {"Location": f"{shop.receiver.address}/elsewhere"}
    hook = await shop.hook()
    await shop.happen()
    caller = shop.caller(timeout_s=0.3)
    assert await call_once(caller) == 1
    waiting = await shop.one(hook)
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert (waiting.answer or "").split()[0] == answer
    pause = (waiting.due_at - clock.now()).total_seconds()
    assert 0.85 * BACK_OFF_S[0] < pause <= 1.1 * BACK_OFF_S[0]
    assert (await shop.endpoint(hook)).failing_since is not None
    assert await call_once(caller) == 0
    clock.set_offset(timedelta(minutes=2))
    assert await call_once(shop.caller()) == 1
    assert (await shop.one(hook)).state == "sent"
    assert (await shop.endpoint(hook)).failing_since is None
    # The same thing again, told by the same name; nobody followed the redirect.
    assert len({told.document["id"] for told in shop.receiver.told}) == 1
    assert {told.path for told in shop.receiver.told} == {"/hook"}


async def test_nobody_at_home(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hook = await shop.hook(url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
        await shop.happen()
        await call_once(shop.caller())
    assert ((await shop.one(hook)).answer or "").split()[0] == "refused"
    lost = await shop.hook(url="https://nobody.invalid/")
    await shop.happen()
    await call_once(shop.caller())
    assert ((await shop.one(lost)).answer or "").split()[0] == "unresolved"


async def test_asked_to_wait_it_waits(shop: Shop) -> None:
    shop.receiver.plan, shop.receiver.headers = [429], {"Retry-After": "7200"}
    hook = await shop.hook()
    await shop.happen()
    await call_once(shop.caller())
    assert (await shop.one(hook)).due_at - clock.now() > timedelta(minutes=119)


async def test_after_the_last_try_it_is_given_up_and_may_be_sent_by_hand(shop: Shop) -> None:
    shop.receiver.plan = [500] * webhooks.MAX_ATTEMPTS
    hook = await shop.hook()
    await shop.happen()
    for _ in range(webhooks.MAX_ATTEMPTS):
        # As if the endpoint had been heard of in between, so that it is not switched off.
        await _set(shop, webhook, failing_since=None)
        await _set(shop, webhook_delivery, due_at=clock.now())
        assert await call_once(shop.caller()) == 1
    given_up = await shop.one(hook)
    assert (given_up.state, given_up.attempts) == ("dead", webhooks.MAX_ATTEMPTS)
    assert await call_once(shop.caller()) == 0
    await shop.world.db.transact(
        lambda s: webhooks.resend(s, given_up.id, actor=BY, now=clock.now())
    )
    assert await call_once(shop.caller()) == 1
    again = await shop.one(hook)
    assert (again.state, again.attempts) == ("sent", 1)


async def _set(shop: Shop, table: sa.Table, *, only: int | None = None, **values: Any) -> None:
    change = sa.update(table).values(**values)
    if only is not None:
        change = change.where(table.c.id == only)
    await shop.world.db.transact(lambda s: s.execute(change))


async def test_three_days_of_silence_switch_it_off(shop: Shop) -> None:
    shop.receiver.plan = [500, 500]
    hook = await shop.hook()
    await shop.happen()
    await call_once(shop.caller())
    clock.set_offset(GIVE_UP_AFTER + timedelta(minutes=1))
    await call_once(shop.caller())
    assert (await shop.endpoint(hook)).disabled_at is not None
    query = sa.select(events.event.c.data).where(events.event.c.type == "webhook.given_up")
    (noted,) = await shop.world.db.read(lambda s: s.execute(query).scalars().all())
    assert noted["webhook_id"] == str(hook.id)
    clock.set_offset(GIVE_UP_AFTER + timedelta(days=2))
    assert await call_once(shop.caller()) == 0
    await shop.world.db.transact(lambda s: webhooks.enable(s, hook.id, actor=BY, now=clock.now()))
    assert await call_once(shop.caller()) == 1
    assert (await shop.one(hook)).state == "sent"


async def test_a_killed_process_leaves_its_work_to_another(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await shop.hook()
    await shop.happen()
    now, real = clock.now(), clock.real_now()
    # Claimed, and never heard of again.
    held = await shop.world.db.transact(
        lambda s: webhooks.claim(s, owner="dead", limit=5, now=now, real_now=real)
    )
    assert len(held.calls) == 1
    heir = shop.caller()
    assert await call_once(heir) == 0
    _later(monkeypatch, webhooks.LEASE + timedelta(seconds=1))
    assert await call_once(heir) == 1
    told = await shop.one(hook)
    assert (told.state, told.attempts) == ("sent", 2)
    # The dead one comes back with an answer: it is not its own to settle any more.
    late = webhooks.Outcome(held.calls[0], False, "500 1")
    await shop.world.db.transact(
        lambda s: webhooks.settle(s, [late], owner="dead", now=clock.now())
    )
    assert (await shop.one(hook)).state == "sent"


def _later(monkeypatch: pytest.MonkeyPatch, span: timedelta) -> None:
    real: Callable[[], Any] = clock.real_now
    monkeypatch.setattr(clock, "real_now", lambda: real() + span)


async def test_processes_share_the_work_and_tell_everything_once(shop: Shop) -> None:
    hook = await shop.hook()
    await shop.happen(60)
    callers = [shop.caller() for _ in range(3)]
    while any(await asyncio.gather(*(call_once(caller) for caller in callers))):
        pass
    assert {one.state for one in await shop.deliveries(hook)} == {"sent"}
    said = [told.document["id"] for told in shop.receiver.told]
    assert len(said) == len(set(said)) == 60


async def test_one_that_hangs_does_not_stop_the_others(shop: Shop) -> None:
    async with open_receiver() as slow:
        slow.plan = ["hang"] * 40
        await shop.hook(url=f"{slow.address}/slow")
        quick = await shop.hook()
        await shop.happen(30)
        caller = shop.caller(timeout_s=5.0)
        caller.start()
        async with asyncio.timeout(20):
            while {one.state for one in await shop.deliveries(quick)} != {"sent"}:
                await asyncio.sleep(0.02)
        assert 1 <= len(slow.told) <= webhooks.AT_ONCE
        slow.released.set()
        await caller.stop()


async def test_a_live_installation_calls_nothing_inside(database_url: str) -> None:
    async with open_shop(database_url, "live") as shop:
        hooks = []
        for address in (
            shop.receiver.address,
            shop.receiver.address.replace("127.0.0.1", "localhost"),
            shop.receiver.address.replace("127.0.0.1", "127.1"),
            shop.receiver.address.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        ):
            hook = await shop.hook("points.expired", url="https://shop.example/")
            # Past the check of the form: as a name that resolves inside since it was saved.
            await _set(shop, webhook, only=hook.id, url=f"{address}/x")
            hooks.append(hook)
        await shop.happen()
        caller = shop.caller()
        assert await call_once(caller) == 4
        answers = [((await shop.one(hook)).answer or "").split()[0] for hook in hooks]
        assert answers == [
            "private_address",
            "private_address",
            "not_an_address",
            "private_address",
        ]
        assert shop.receiver.told == []


async def test_a_test_goes_before_what_waits(shop: Shop) -> None:
    hook = await shop.hook()
    await shop.happen(3)
    await shop.world.db.transact(
        lambda s: webhooks.send_test(s, hook.id, actor=BY, now=clock.now())
    )
    (claimed,) = (
        await shop.world.db.transact(
            lambda s: webhooks.claim(
                s, owner="x", limit=1, now=clock.now(), real_now=clock.real_now()
            )
        )
    ).calls
    assert claimed.type == "test"
    await shop.world.db.transact(lambda s: webhooks.release(s, owner="x"))
    assert {one.attempts for one in await shop.deliveries(hook)} == {0}


async def test_what_was_told_long_ago_is_forgotten(shop: Shop) -> None:
    hook = await shop.hook()
    await shop.happen()
    await call_once(shop.caller())
    later = clock.now() + timedelta(days=31)
    assert await shop.world.db.transact(lambda s: webhooks.sweep(s, now=later)) == 1
    assert await shop.deliveries(hook) == []
