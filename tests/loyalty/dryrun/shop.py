"""A shop with promotions and a random history of sales, and replays of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, dryrun, promotions, purchases, vouchers
from loyalty.db import Rows
from loyalty.dryrun import Bought, Outcome, Question, Rules
from loyalty.program import AmountOff, LocalText, Program
from loyalty.promotions import Promotion
from loyalty.purchases import Line, Receipt
from loyalty.receipts import purchase
from tests.world import ZONE, World

NAME = LocalText(ru="Утро", en="Morning")
GOODS = (("cap", "coffee", 200_00), ("bun", "bakery", 90_00), ("jar", "goods", 1490_00))
PROMOTIONS: Sequence[Mapping[str, Any]] = (
    {"effect": {"kind": "rate", "extra_bp": 300}, "when": {"scope": {"categories": ["bakery"]}}},
    {"effect": {"kind": "multiplier", "times_bp": 20_000}, "when": {"weekdays": [6, 7]}},
    {
        "effect": {"kind": "points", "points": 30, "valid_days": 20},
        "when": {"scope": {"categories": ["coffee"]}, "from_minute": 360, "to_minute": 720},
        "priority": 3,
    },
    {"effect": {"kind": "nth_free", "n": 3}, "when": {"scope": {"categories": ["coffee"]}}},
    {"effect": {"kind": "discount", "rate_bp": 700}, "when": {"segments": ["tier:silver"]}},
    {"effect": {"kind": "progressive", "by": "purchases",
                "steps": [{"threshold": 4, "rate_bp": 200}, {"threshold": 9, "rate_bp": 400}]}},
    {"effect": {"kind": "discount", "amount": 50_00}, "when": {"members_only": False,
                "minimum": 2000_00}},
    {"effect": {"kind": "goal", "measure": "purchases", "target": 3, "period": "week",
                "gift": {"kind": "points", "points": 70}}},
    {"effect": {"kind": "stamps", "card": "coffee", "stamps": 1}, "when": {"first_purchase": True}},
    {"effect": {"kind": "per_step", "points": 5, "step": 500_00},
     "when": {"not_segments": ["newcomers"]}},
)  # fmt: skip


async def promote(world: World, rules: Mapping[str, Any], *, on: bool = True) -> int:
    """A promotion, switched on or left a draft; its id."""
    made = Promotion.model_validate({"name": NAME, **rules})

    def unit(session: Session) -> int:
        draft = promotions.save(session, None, made, "staff:1", world.now)
        if on:
            promotions.switch_on(session, draft.live.promotion_id, "staff:1", world.now)
        return draft.live.promotion_id

    return await world.db.transact(unit)


async def trade(
    world: World, chance: random.Random, *, guests: int = 6, sales: int = 60, days: float = 200
) -> list[int]:
    """A random history through the real door: lines, discounts, points spent, codes, no cards."""
    people = []
    for n in range(guests):
        world.pass_time(hours=1)
        birthday: dict[str, Any] = {"birth_day": 1 + n, "birth_month": 1 + chance.randrange(12)}
        people.append(
            await world.customer(
                points=chance.choice((0, 40)), tags=["vip"] if n % 2 else None, **birthday
            )
        )
    codes = [await _code(world) for _ in range(3)]
    for _ in range(sales):
        world.pass_time(hours=days * 24 / sales * chance.uniform(0.2, 1.8))
        who = chance.choice([*people, people[0], None])
        receipt = _receipt(world, chance)
        redeem = 0
        if who is not None and chance.random() < 0.4:
            redeem = await _spendable(world, who, receipt)
            redeem = chance.choice((redeem, redeem // 2))
        used = [chance.choice(codes)] if chance.random() < 0.2 else []
        if used and redeem:
            redeem = min(redeem, await _spendable(world, who, receipt, used))
        await world.sell(who, receipt, redeem=redeem, vouchers=used)
    return people


async def _code(world: World) -> str:
    def unit(session: Session) -> str:
        rows = Rows()
        issued = vouchers.issue(
            rows, kind="promo_code", name=NAME, effect=AmountOff(amount=35_00), source_kind="staff",
            created_by="staff:1", now=world.now,
        )  # fmt: skip
        rows.put(session)
        return issued.code

    return await world.db.transact(unit)


async def _spendable(
    world: World, who: int | None, receipt: Receipt, codes: Sequence[str] = ()
) -> int:
    quote = await world.db.read(
        lambda s: purchases.quote(
            s,
            customer_id=who,
            receipt=receipt,
            vouchers=codes,
            may_redeem=True,
            now=world.now,
            outlet_id=world.outlet_id,
            time_zone=ZONE,
        )
    )
    return min(quote.max_redeem, 500)


def _receipt(world: World, chance: random.Random) -> Receipt:
    lines = []
    for sku, category, price in chance.sample(GOODS, chance.randint(1, 3)):
        pieces = chance.randint(1, 4)
        amount = pieces * price
        lines.append(
            Line(
                sku=sku,
                category=category,
                price=price,
                amount=amount,
                quantity_milli=pieces * 1000,
                discount=chance.choice((0, 0, 11_37)),
                no_earn=chance.random() < 0.1,
                no_redeem=chance.random() < 0.1,
            )
        )
    return Receipt(sold_at=world.now, lines=lines, other_paid=chance.choice((0, 0, 0, 33_33)))


@dataclass
class Replayed:
    """What came of a replay, and every purchase of it."""

    result: dict[str, Any]
    seen: dict[int, tuple[Outcome, Outcome]]


async def compare(
    world: World,
    program: Program | None = None,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
    live: Any = None,
) -> Replayed:
    """Replay ``program`` (None: as it is) beside what is in force."""
    seen: dict[int, tuple[Outcome, Outcome]] = {}

    def note(bought: Bought, old: Outcome, new: Outcome) -> None:
        seen[bought.id] = (old, new)

    def unit(session: Session) -> dict[str, Any]:
        rules = dryrun.in_force(session, now=world.now)
        candidate = Rules(program or rules.program, rules.live if live is None else live)
        question = Question(
            baseline=rules,
            candidate=candidate,
            from_day=from_day,
            to_day=to_day or clock.local_date(world.now + timedelta(days=1), ZONE),
            time_zone=ZONE,
        )
        return dryrun.replay(session, question, watch=note)

    return Replayed(await world.db.read(unit), seen)


async def recorded(world: World) -> dict[int, Any]:
    """Purchases with a card as they were recorded."""
    query = sa.select(purchase).where(purchase.c.customer_id.is_not(None))
    rows = await world.db.read(lambda s: s.execute(query).all())
    return {row.id: row for row in rows}
