"""Shorthands of these tests: a till that gives stamps, uses rewards and takes stamps back."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import stamps, vouchers
from loyalty.db import Rows
from loyalty.ids import new_id
from loyalty.program import (
    GiftItem,
    InterimPrize,
    LocalText,
    PercentOff,
    StampCardRule,
    VoucherGift,
)
from loyalty.program.rules import COFFEE_CARD
from loyalty.stamps import Given, Standing, TakenBack
from tests.world import World

NAME = LocalText(ru="Подарок", en="A gift")
DAY = date(2026, 3, 2)
COOKIE = VoucherGift(name=NAME, effect=PercentOff(rate_bp=1000), valid_days=30)


def card(n: int, *, interim: tuple[int, ...] = (), **parts: Any) -> StampCardRule:
    """A card of ``n`` stamps with prizes on the way."""
    reward = VoucherGift(name=NAME, effect=GiftItem(), valid_days=60)
    prizes = tuple(InterimPrize(at=at, gift=COOKIE) for at in interim)
    return StampCardRule(key="coffee", name=NAME, stamps=n, reward=reward, interim=prizes, **parts)


async def give(
    world: World,
    customer_id: int,
    n: int,
    *,
    rule: StampCardRule = COFFEE_CARD,
    gift: int = 0,
    outlet_id: int | None = None,
    day: date = DAY,
    cause: str | None = None,
) -> Given:
    """Stamps as a sale gives them."""

    def unit(session: Session) -> Given:
        rows = Rows()
        today = stamps.earned_today(session, customer_id=customer_id, outlet_id=outlet_id, day=day)
        given = stamps.give(
            rows,
            rule=rule,
            standing=stamps.standings(session, customer_id=customer_id).get(rule.key),
            stamps=n,
            today=today.get(rule.key, 0),
            customer_id=customer_id,
            outlet_id=outlet_id,
            day=day,
            cause_kind="purchase",
            cause_id=cause or str(new_id()),
            actor="system",
            now=world.now,
            gift=gift,
            time_zone="Europe/Moscow",
        )
        rows.put(session)
        return given

    return await world.db.transact(unit)


async def take(
    world: World,
    customer_id: int,
    n: int,
    *,
    rule: StampCardRule = COFFEE_CARD,
    outlet_id: int | None = None,
    day: date = DAY,
) -> TakenBack:
    """Stamps as a return takes them."""

    def unit(session: Session) -> TakenBack:
        rows = Rows()
        done = stamps.take_back(
            session,
            rows,
            customer_id=customer_id,
            card_rules={rule.key: rule},
            taken={rule.key: n},
            cause_kind="return",
            cause_id=str(new_id()),
            actor="system",
            day=day,
            now=world.now,
            outlet_id=outlet_id,
        )
        rows.put(session)
        return done[rule.key]

    return await world.db.transact(unit)


async def spend(world: World, customer_id: int, voucher_id: int) -> int:
    """Use a reward; the purchase's id."""
    purchase_id = new_id()

    def unit(session: Session) -> int:
        code = vouchers.get(session, voucher_id=voucher_id).code
        rows = Rows()
        (found,) = vouchers.read(session, [code], lock=True)
        vouchers.check(
            found, customer_id=customer_id, segments=frozenset(), uses=0, total=1, now=world.now
        )
        vouchers.use(
            rows,
            found,
            customer_id=customer_id,
            purchase_id=purchase_id,
            amount=1,
            actor="system",
            now=world.now,
        )
        rows.put(session)
        return purchase_id

    return await world.db.transact(unit)


async def standing(world: World, customer_id: int, key: str = "coffee") -> Standing:
    """Where the customer stands."""
    found = await world.db.read(lambda s: stamps.standings(s, customer_id=customer_id))
    return found.get(key, Standing(key))


async def rewards(world: World, customer_id: int) -> list[tuple[str, str]]:
    """Issue keys (after the customer) and states of everything stamps brought, oldest first."""
    v = vouchers.voucher.c
    query = sa.select(v.issue_key, v.status).where(v.customer_id == customer_id).order_by(v.id)
    found = await world.db.read(lambda s: s.execute(query).all())
    return [
        ("void" if key.startswith("void:") else key.removeprefix(f"stamps:{customer_id}:"), status)
        for key, status in found
    ]


async def faults(world: World) -> list[Any]:
    """What the sums of stamps and vouchers say."""

    def ask(session: Session) -> list[Any]:
        return [*stamps.reconcile(session), *vouchers.reconcile(session)]

    return await world.db.read(ask)
