"""A shop with chains of its own, customers put down as rows, and a planner at any hour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, events, wallet
from loyalty.chains.model import Definition
from loyalty.chains.tables import chain, chain_cursor, chain_version, enrolment
from loyalty.customers import customer
from loyalty.db import Rows
from loyalty.goods.tables import category_pace
from loyalty.ids import new_id
from loyalty.receipts import customer_stats, purchase, purchase_line
from loyalty.staff import outlet
from tests.world import ZONE, World, open_world

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = {"kind": "tag", "id": "tag", "tag": "met"}
Pass = tuple[int, str, str]
"""Customer, chain, occurrence."""


@dataclass
class Shop:
    """``now`` is when the planner runs."""

    world: World
    now: datetime = START
    # Customers by a name of the test's own.
    people: dict[str, int] = field(default_factory=dict)

    async def run(self, unit: Any) -> Any:
        """Something in a transaction of its own."""
        return await self.world.db.transact(unit)

    async def chain(
        self,
        key: str,
        trigger: Mapping[str, Any],
        *,
        enabled_at: datetime | None = None,
        **more: Any,
    ) -> int:
        """A chain that is on since ``enabled_at`` (None: for a year)."""
        id_ = new_id()
        on_since = enabled_at or START - timedelta(days=365)
        row = {"id": id_, "key": key, "enabled": True, "enabled_at": on_since}

        def unit(session: Session) -> None:
            session.execute(sa.insert(chain).values(**row, created_at=on_since))

        await self.run(unit)
        await self.publish(id_, trigger, **more)
        return id_

    async def publish(
        self, chain_id: int, trigger: Mapping[str, Any], *, number: int = 1, **more: Any
    ) -> None:
        """A version of a chain."""
        document = {"title": {"ru": "Цепь", "en": "Chain"}, "steps": [STEP], **more}
        definition = Definition.model_validate({**document, "trigger": trigger})

        def unit(session: Session) -> None:
            session.execute(
                sa.insert(chain_version).values(
                    id=new_id(),
                    chain_id=chain_id,
                    number=number,
                    definition=definition.model_dump(mode="json"),
                    published_at=self.now,
                    author="test",
                )
            )

        await self.run(unit)

    async def person(self, name: str, **fields: Any) -> int:
        """A member of a year's standing, unless told otherwise."""
        id_ = self.people[name] = new_id()
        row = {
            "id": id_,
            "status": "active",
            "language": "ru",
            "created_at": START - timedelta(days=400),
            "joined_at": START - timedelta(days=400),
            **fields,
        }

        def unit(session: Session) -> None:
            session.execute(sa.insert(customer).values(**row))
            rows = Rows()
            wallet.open_account(rows, customer_id=id_)
            rows.put(session)

        await self.run(unit)
        return id_

    async def change(self, name: str, **fields: Any) -> None:
        """Something else is true of somebody."""
        id_ = self.people[name]
        await self.run(
            lambda s: (
                s.execute(sa.update(customer).where(customer.c.id == id_).values(**fields)) and None
            )
        )

    async def place(self, name: str, zone: str) -> int:
        """One more outlet."""
        id_ = new_id()
        row = {"id": id_, "name": name, "time_zone": zone, "created_at": START}
        await self.run(lambda s: s.execute(sa.insert(outlet).values(**row)) and None)
        return id_

    async def buys(
        self, name: str, at: datetime, category: str | None = None, *, returned: bool = False
    ) -> int:
        """A receipt of one line, as it is after a sale and perhaps a return."""
        id_, who = new_id(), self.people[name]

        def unit(session: Session) -> None:
            session.execute(sa.insert(purchase).values(**_receipt(id_, who, at)))
            session.execute(sa.insert(purchase_line).values(**_line(id_, category, returned)))
            rows = Rows()
            rows.add(
                customer_stats,
                {
                    "customer_id": who,
                    "orders": 1,
                    "spent": 0 if returned else 10_000,
                    "first_purchase_at": at,
                    "last_purchase_at": at,
                    "window_spent": 0,
                    "window_from": None,
                },
            )
            rows.put(session)

        await self.run(unit)
        return id_

    async def pace(self, category: str, days: int) -> None:
        """How long a category lasts."""
        row = {"category": category, "days": days, "at": START, "by": "test"}
        await self.run(lambda s: s.execute(sa.insert(category_pace).values(**row)) and None)

    async def happens(
        self,
        name: str,
        type_: str,
        data: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
    ) -> int:
        """An event of ours."""

        def unit(session: Session) -> int:
            rows = Rows()
            id_ = events.record(
                rows,
                type=type_,
                customer_id=self.people[name],
                actor="system",
                data=data or {},
                now=at or self.now,
            )
            rows.put(session)
            return id_

        recorded: int = await self.run(unit)
        return recorded

    async def site(
        self, name: str, type_: str, data: Mapping[str, Any], *, at: datetime | None = None
    ) -> int:
        """An event of the shop's site, told at ``now``, of what happened ``at``."""
        when = (at or self.now).isoformat()
        return await self.happens(name, type_, {"occurred_at": when, "data": dict(data)})

    async def plan(self, at: datetime | None = None, **options: Any) -> int:
        """The planner runs until it has nothing more to do; how many it enrolled."""
        self.now = at or self.now
        enrolled = 0
        for _ in range(200):
            done: chains.Planned = await self.run(
                lambda s: chains.plan(s, now=self.now, time_zone=ZONE, **options)
            )
            enrolled += done.enrolled
            if not done.more:
                return enrolled
        raise AssertionError("the planner does not come to an end")

    async def passes(self, key: str | None = None) -> list[Any]:
        """Rows of enrolments with the names of people, in the order they begin."""
        query = (
            sa.select(enrolment, chain.c.key)
            .join(chain, chain.c.id == enrolment.c.chain_id)
            .order_by(enrolment.c.due_at, enrolment.c.customer_id, enrolment.c.occurrence)
        )
        if key is not None:
            query = query.where(chain.c.key == key)
        return list(await self.world.db.read(lambda s: s.execute(query).all()))

    async def occurrences(self, key: str | None = None) -> list[tuple[str, str]]:
        """Who is enrolled, by which occurrence."""
        names = {id_: name for name, id_ in self.people.items()}
        return [(names[row.customer_id], row.occurrence) for row in await self.passes(key)]

    async def end(self, name: str, *, at: datetime) -> None:
        """Whatever somebody is on is over."""
        id_ = self.people[name]
        await self.run(
            lambda s: (
                s.execute(
                    sa.update(enrolment)
                    .where(enrolment.c.customer_id == id_, enrolment.c.status == "active")
                    .values(status="done", ended_at=at, due_at=None)
                )
                and None
            )
        )

    async def set_enabled(self, key: str, *, enabled: bool) -> None:
        """Switch a chain on or off, now."""
        await self.run(lambda s: chains.set_enabled(s, key=key, enabled=enabled, now=self.now))

    async def ahead(self, key: str, *, days: int, limit: int = 100) -> list[chains.Candidate]:
        """Who would start in the days ahead."""

        def unit(session: Session) -> list[chains.Candidate]:
            return chains.candidates(
                session,
                chains.get(session, key=key),
                from_=self.now,
                until=self.now + timedelta(days=days),
                time_zone=ZONE,
                limit=limit,
            )

        found: list[chains.Candidate] = await self.world.db.read(unit)
        return found

    async def next(self) -> datetime | None:
        """When the planner should look again."""
        moment: datetime | None = await self.world.db.read(
            lambda s: chains.next_due(s, now=self.now, time_zone=ZONE)
        )
        return moment

    async def cursors(self) -> Sequence[Any]:
        """How far the planner has come."""
        query = sa.select(chain_cursor)
        return list(await self.world.db.read(lambda s: s.execute(query).all()))


def _receipt(id_: int, customer_id: int, at: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "customer_id": customer_id,
        "source": "pos",
        "business_date": at.astimezone(UTC).date(),
        "sold_at": at,
        "recorded_at": at,
        "gross": 10_000,
        "total": 10_000,
    }


def _line(purchase_id: int, category: str | None, returned: bool) -> dict[str, Any]:
    return {
        "purchase_id": purchase_id,
        "n": 1,
        "category": category,
        "quantity_milli": 1000,
        "price": 10_000,
        "amount": 10_000,
        "returned_milli": 1000 if returned else 0,
    }


@asynccontextmanager
async def open_shop(url: str) -> AsyncIterator[Shop]:
    """A shop on the database at ``url`` (migrated, empty)."""
    async with open_world(url) as world:
        yield Shop(world)
