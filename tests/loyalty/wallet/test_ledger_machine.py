"""The ledger walked at random beside a plain model: after every step both say the same.

Small runs go with every test run; the long ones (thousands of steps on each database) are
slow. More of them: ``LEDGER_EXAMPLES=500 LEDGER_STEPS=200 pytest tests/loyalty/wallet -k machine``.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loyalty import checkup, errors, importing, wallet
from loyalty.customers import external_id
from loyalty.ids import new_id
from loyalty.importing.people import PeopleBatch, Person
from loyalty.program import TierRule
from loyalty.wallet.tables import lot
from tests.conftest import _server, databases
from tests.loyalty.wallet.model import NEVER, RATE_BP, Model, Purchase
from tests.servers.shared import copy_of_template
from tests.world import ZONE, World, lines, open_world

STEPS = int(os.environ.get("LEDGER_STEPS", "50"))
EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "40"))
ALONE = 60
PRICES = st.one_of(st.sampled_from((1, 33, 100_00, 150_00)), st.integers(1, 20_000))
ITEMS = st.lists(st.tuples(st.integers(1, 4), PRICES), min_size=1, max_size=3)
DAYS = st.one_of(st.none(), st.integers(1, 30))


class Ledger(RuleBasedStateMachine):
    """One customer's wallet, in a database and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = Model()
        self.bought: list[tuple[int, Purchase]] = []
        self.stack = AsyncExitStack()
        self.world: World = self.run(self.stack.enter_async_context(open_world(self.open())))
        tiers = (TierRule(key="bronze", threshold=0, earn_rate_bp=RATE_BP),)
        self.run(self.world.set_program(tiers=tiers, stamp_cards=(), confirm_above=10**6))
        self.who: int = self.run(self.world.customer())
        known = {"system": "import", "value": "7", "customer_id": self.who}
        self.write(lambda s: s.execute(sa.insert(external_id).values(known)) and None)

    def open(self) -> str:
        """A database of the machine's own."""
        raise NotImplementedError

    def run(self, coroutine: Any) -> Any:
        """Run to the end."""
        return self.runner.run(coroutine)

    def write(self, unit: Any) -> Any:
        """Run a unit in a transaction."""
        return self.run(self.world.db.transact(unit))

    def teardown(self) -> None:
        """Everything adds up at the end, the rollups too."""
        try:
            assert self.run(self.world.db.read(checkup.check)).faults == ()
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    @rule(points=st.integers(1, 300), days=DAYS, wait=st.integers(0, 3))
    def grant(self, points: int, days: int | None, wait: int) -> None:
        now = self.world.now
        expires = None if days is None else now + timedelta(days=days + wait)
        active = now + timedelta(days=wait)
        self.run(self.world.grant(self.who, points, expires_at=expires, active_from=active))
        self.model.accrue(points, now=now, active=active, expires=expires)

    @rule(points=st.integers(1, 200), days=DAYS, since=st.one_of(st.none(), st.integers(1, 40)))
    def bring(self, points: int, days: int | None, since: int | None) -> None:
        """A row of a file of opening balances; the same dates a second time add nothing."""
        now = self.world.now
        expires = None if days is None else now + timedelta(days=days)
        earned = None if since is None else now - timedelta(days=since)
        options = importing.Options(now=now, time_zone=ZONE, language="ru", currency="RUB")
        person = Person(2, "7", {}, None, points, expires, earned)
        batch = PeopleBatch(people=[person], rows=1)
        for _ in range(2):
            done = self.write(lambda s: importing.write_customers(s, batch=batch, options=options))
            fresh = (expires, earned) not in self.model.imported
            assert done.summary.points == (points if fresh else 0)
            if fresh:
                self.model.imported.add((expires, earned))
                self.model.accrue(points, now=now, active=now, expires=expires, earned=earned)

    @rule(points=st.integers(-150, 150).filter(bool), days=DAYS)
    def adjust(self, points: int, days: int | None) -> None:
        now = self.world.now
        expires = None if days is None else now + timedelta(days=days)
        number = new_id()

        def ask(session: Any) -> Any:
            return wallet.request_adjustment(
                session,
                adjustment_id=number,
                customer_id=self.who,
                points=points,
                reason="Counted by hand",
                actor="staff:1",
                alone_up_to=ALONE,
                now=now,
                expires_at=expires,
            )

        if -points > sum(item.free for item in self.model.free_to_take(now)):
            with pytest.raises(errors.PointsInvalid):
                self.write(ask)
            return
        asked = self.write(ask)
        assert asked.status == "waiting" or abs(points) <= ALONE
        if asked.status == "waiting":
            self.the_balances_agree()
            self.write(
                lambda s: wallet.approve_adjustment(
                    s, adjustment_id=number, actor="staff:2", now=now
                )
            )
        self.model.adjust(points, now, expires)

    @rule(hours=st.one_of(st.none(), st.integers(1, 72)))
    def pause(self, hours: int | None) -> None:
        now = self.world.now
        until = None if hours is None else now + timedelta(hours=hours)
        self.write(
            lambda s: wallet.pause_spending(
                s, customer_id=self.who, reason="Odd taps", until=until, actor="staff:1", now=now
            )
        )
        self.model.frozen_until = until or NEVER

    @precondition(lambda self: self.model.frozen_until)
    @rule()
    def release(self) -> None:
        now = self.world.now
        self.write(
            lambda s: wallet.release_spending(s, customer_id=self.who, actor="staff:1", now=now)
        )
        self.model.frozen_until = None

    @rule(items=ITEMS, thirds=st.integers(0, 4))
    def sell(self, items: list[tuple[int, int]], thirds: int) -> None:
        """Spend so many thirds of what may be spent; the fourth is one point too many."""
        now = self.world.now
        limit = sum(quantity * price for quantity, price in items) * 3000 // 10_000 // 100
        most = min(limit, self.model.available(now))
        redeem = most * thirds // 3 if thirds < 4 else most + 1
        receipt = lines(*items, sold_at=now)
        refusals: tuple[type[Exception], ...] = ()
        if redeem and self.model.frozen(now):
            refusals = (errors.RedemptionFrozen,)
        elif redeem > limit or redeem > self.model.available(now):
            refusals = (errors.RedemptionTooLarge, errors.InsufficientPoints)
        if refusals:
            with pytest.raises(refusals):
                self.run(self.world.sell(self.who, receipt, redeem=redeem))
            return
        sold = self.run(self.world.sell(self.who, receipt, redeem=redeem))
        bought = self.model.sell(items, redeem, now)
        assert sold.earned == bought.earned
        self.bought.append((sold.purchase_id, bought))

    @precondition(lambda self: self.bought)
    @rule(which=st.integers(0, 50), place=st.integers(0, 2), quantity=st.integers(1, 4))
    def take_back(self, which: int, place: int, quantity: int) -> None:
        purchase_id, bought = self.bought[which % len(self.bought)]
        place %= len(bought.lines)
        left = bought.lines[place].quantity - bought.lines[place].returned
        asked = [(place + 1, quantity * 1000)]
        if quantity > left:
            with pytest.raises((errors.NothingToReturn, errors.ReturnExceedsPurchase)):
                self.run(self.world.take_back(purchase_id, asked))
            return
        self.run(self.world.take_back(purchase_id, asked))
        self.model.give_back(bought, {place: quantity}, self.world.now)

    @precondition(lambda self: self.bought)
    @rule(which=st.integers(0, 50))
    def take_all_back(self, which: int) -> None:
        purchase_id, bought = self.bought[which % len(self.bought)]
        left = {
            n: line.quantity - line.returned
            for n, line in enumerate(bought.lines)
            if line.quantity > line.returned
        }
        if not left:
            with pytest.raises(errors.NothingToReturn):
                self.run(self.world.take_back(purchase_id))
            return
        self.run(self.world.take_back(purchase_id))
        self.model.give_back(bought, left, self.world.now)

    @rule(points=st.integers(1, 100), hours=st.integers(1, 24 * 20))
    def hold(self, points: int, hours: int) -> None:
        now = self.world.now
        until = now + timedelta(hours=hours)
        place = self.world.db.transact(
            lambda s: wallet.place_hold(
                s,
                customer_id=self.who,
                points=points,
                source_kind="test",
                source_id=str(new_id()),
                expires_at=until,
                now=now,
            )
        )
        if self.model.frozen(now) or points > self.model.available(now):
            with pytest.raises((errors.RedemptionFrozen, errors.InsufficientPoints)):
                self.run(place)
            return
        self.model.hold(self.run(place).id, points, now, until)

    @precondition(lambda self: self.model.holds)
    @rule(which=st.integers(0, 10))
    def void(self, which: int) -> None:
        hold_id = sorted(self.model.holds)[which % len(self.model.holds)]
        for expected in (True, False):
            ended = self.write(lambda s: wallet.void_hold(s, hold_id=hold_id, now=self.world.now))
            assert ended is expected
        self.model.release(hold_id)

    @precondition(lambda self: self.model.holds)
    @rule(which=st.integers(0, 10))
    def confirm(self, which: int) -> None:
        hold_id = sorted(self.model.holds)[which % len(self.model.holds)]
        held, now = self.model.holds[hold_id], self.world.now
        points = sum(n for _, n in held.shares)
        items = [(1, points * 300), (1, points * 100)]
        sell = self.world.sell(self.who, lines(*items, sold_at=now), redeem=points, hold_id=hold_id)
        if self.model.frozen(now) or held.until <= now:
            with pytest.raises((errors.RedemptionFrozen, errors.HoldAlreadyResolved)):
                self.run(sell)
            return
        sold = self.run(sell)
        bought = self.model.sell(items, points, now, held=self.model.release(hold_id))
        self.bought.append((sold.purchase_id, bought))

    @rule()
    def time_out(self) -> None:
        now = self.world.now
        due = [number for number, held in self.model.holds.items() if held.until <= now]
        assert self.write(lambda s: wallet.time_out_holds(s, now=now)) == len(due)
        for number in due:
            self.model.release(number)

    @rule()
    def expire(self) -> None:
        self.write(lambda s: wallet.expire_due(s, now=self.world.now))
        self.model.expire(self.world.now, [bought for _, bought in self.bought])

    @rule(hours=st.one_of(st.integers(1, 24 * 12), st.just(24 * 373)))
    def pass_time(self, hours: int) -> None:
        self.world.pass_time(hours=hours)

    @invariant()
    def the_balances_agree(self) -> None:
        if not hasattr(self, "who"):
            return
        owned = self.run(self.world.balance(self.who))
        now, model = self.world.now, self.model
        held = sum(n for one in model.holds.values() for _, n in one.shares)
        assert (owned.available, owned.pending, owned.posted, owned.debt, owned.held) == (
            model.available(now),
            model.pending(now),
            model.posted,
            model.debt,
            held,
        )
        query = sa.select(lot).where(lot.c.remaining > 0)
        rows = self.run(self.world.db.read(lambda s: s.execute(query).all()))
        assert model.standing() == sorted(
            (row.remaining, row.held, row.active_from, row.expires_at or NEVER, row.earned_at)
            for row in rows
        )


class SqliteLedger(Ledger):
    """On SQLite."""

    def open(self) -> str:
        """A copy of the migrated template."""
        folder = tempfile.TemporaryDirectory()
        self.stack.callback(folder.cleanup)
        return copy_of_template(_server("sqlite_template"), Path(folder.name))


class PostgresLedger(Ledger):
    """On PostgreSQL."""

    def open(self) -> str:
        """An empty database, given back at the end."""
        name = databases().take()
        self.stack.callback(databases().give_back, name)
        return databases().url(name)


class QuickLedger(SqliteLedger):
    """On SQLite, a short walk."""


def _walk(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


QuickLedger.TestCase.settings = _walk(8, 25)
SqliteLedger.TestCase.settings = _walk(EXAMPLES, STEPS)
PostgresLedger.TestCase.settings = _walk(EXAMPLES, STEPS)
_LONG = (pytest.mark.slow, pytest.mark.timeout(1200))
TestQuickLedger = QuickLedger.TestCase
TestSqliteLedger = _LONG[0](_LONG[1](SqliteLedger.TestCase))
TestPostgresLedger = _LONG[0](_LONG[1](PostgresLedger.TestCase))
