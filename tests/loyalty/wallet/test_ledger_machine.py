"""Thousands of random steps against the plain model: the same balances after every one."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loyalty import errors, wallet
from tests.conftest import _fresh_database, _server
from tests.loyalty.wallet.model import Model, Purchase
from tests.servers.shared import TEMPLATE, copy_of_template, run_sql
from tests.world import World, lines, open_world

STEPS = int(os.environ.get("LEDGER_STEPS", "40"))
EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "12"))


class Ledger(RuleBasedStateMachine):
    """One customer's wallet, in a database and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = Model()
        self.bought: list[tuple[int, Purchase]] = []
        self.held: dict[int, int] = {}
        self.stack = AsyncExitStack()
        self.world: World = self.run(self.stack.enter_async_context(open_world(self.open())))
        self.who: int = self.run(self.world.customer())
        self.number = 0

    def open(self) -> str:
        """A database of the machine's own."""
        raise NotImplementedError

    def run(self, coroutine: Any) -> Any:
        """Run to the end."""
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        """The whole ledger adds up at the end."""
        try:
            assert self.run(self.world.faults()) == []
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    @rule(
        points=st.integers(1, 300),
        days=st.one_of(st.none(), st.integers(1, 30)),
        wait=st.integers(0, 3),
    )
    def grant(self, points: int, days: int | None, wait: int) -> None:
        now = self.world.now
        expires = None if days is None else now + timedelta(days=days + wait)
        active = now + timedelta(days=wait)
        self.run(self.world.grant(self.who, points, expires_at=expires, active_from=active))
        self.model.accrue(points, now=now, active=active, expires=expires)

    @rule(quantity=st.integers(1, 5), price=st.integers(1, 40_000), redeem=st.integers(0, 150))
    def sell(self, quantity: int, price: int, redeem: int) -> None:
        now = self.world.now
        limit = quantity * price * 3000 // 10_000 // 100
        receipt = lines((quantity, price), sold_at=now)
        if redeem > limit or redeem > self.model.available(now):
            refusals = (errors.RedemptionTooLarge, errors.InsufficientPoints)
            with pytest.raises(refusals):
                self.run(self.world.sell(self.who, receipt, redeem=redeem))
            return
        sold = self.run(self.world.sell(self.who, receipt, redeem=redeem))
        bought = self.model.sell(quantity, price, redeem, now)
        assert sold.earned == bought.earned
        self.bought.append((sold.purchase_id, bought))

    @precondition(lambda self: self.bought)
    @rule(which=st.integers(0, 50), quantity=st.integers(1, 5))
    def take_back(self, which: int, quantity: int) -> None:
        purchase_id, bought = self.bought[which % len(self.bought)]
        left = bought.quantity - bought.returned
        if not left or quantity > left:
            with pytest.raises((errors.NothingToReturn, errors.ReturnExceedsPurchase)):
                self.run(self.world.take_back(purchase_id, [(1, quantity * 1000)]))
            return
        self.run(self.world.take_back(purchase_id, [(1, quantity * 1000)]))
        self.model.give_back(bought, quantity, self.world.now)

    @rule(points=st.integers(1, 100))
    def hold(self, points: int) -> None:
        now = self.world.now
        self.number += 1
        place = self.world.db.transact(
            lambda s: wallet.place_hold(
                s,
                customer_id=self.who,
                points=points,
                source_kind="test",
                source_id=str(self.number),
                expires_at=now + timedelta(days=3650),
                now=now,
            )
        )
        if points > self.model.available(now):
            with pytest.raises(errors.InsufficientPoints):
                self.run(place)
            return
        placed = self.run(place)
        self.model.hold(placed.id, points, now)
        self.held[placed.id] = points

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10))
    def void(self, which: int) -> None:
        hold_id = sorted(self.held)[which % len(self.held)]
        ended = self.run(
            self.world.db.transact(
                lambda s: wallet.void_hold(s, hold_id=hold_id, now=self.world.now)
            )
        )
        assert ended
        self.model.release(hold_id)
        del self.held[hold_id]

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10))
    def confirm(self, which: int) -> None:
        hold_id = sorted(self.held)[which % len(self.held)]
        points, now = self.held.pop(hold_id), self.world.now
        price = points * 400
        receipt = lines((1, price), sold_at=now)
        sold = self.run(self.world.sell(self.who, receipt, redeem=points, hold_id=hold_id))
        bought = self.model.sell(1, price, points, now, held=self.model.release(hold_id))
        self.bought.append((sold.purchase_id, bought))

    @rule()
    def expire(self) -> None:
        self.run(self.world.db.transact(lambda s: wallet.expire_due(s, now=self.world.now)))
        self.model.expire(self.world.now, [bought for _, bought in self.bought])

    @rule(hours=st.integers(1, 24 * 12))
    def pass_time(self, hours: int) -> None:
        self.world.pass_time(hours=hours)

    @invariant()
    def the_balances_agree(self) -> None:
        if not hasattr(self, "who"):
            return
        owned = self.run(self.world.balance(self.who))
        now, model = self.world.now, self.model
        assert (owned.available, owned.pending, owned.posted, owned.debt, owned.held) == (
            model.available(now),
            model.pending(now),
            model.posted,
            model.debt,
            sum(self.held.values()),
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
        """A database from the migrated template, dropped at the end."""
        server = _server("postgres_template")
        name, url = _fresh_database(server, TEMPLATE)
        self.stack.callback(run_sql, server, f"DROP DATABASE {name} WITH (FORCE)")
        return url


_SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SqliteLedger.TestCase.settings = _SETTINGS
PostgresLedger.TestCase.settings = _SETTINGS
TestSqliteLedger = SqliteLedger.TestCase
TestPostgresLedger = pytest.mark.slow(PostgresLedger.TestCase)
