"""A shop with everything on, for stories: promotions of every kind, stamps, goals, codes, cards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from loyalty import checkup, errors, promotions, purchases, stamps, vouchers
from loyalty.db import Rows
from loyalty.program import GiftItem, LocalText, PercentOff, Scope, TierRule
from loyalty.promotions import Promotion, goal_progress
from loyalty.purchases import Line, PurchaseResult, Receipt
from loyalty.receipts import customer_stats, purchase, purchase_line
from tests.world import START, ZONE, World, open_world

ATTACH_WITHIN = timedelta(days=30)
NAME = LocalText(ru="Имя", en="Name")
COFFEE = {"scope": {"categories": ["coffee"]}}
POINTS_GIFT = {"kind": "points", "points": 30}
STAMPS_GIFT = {"kind": "stamps", "card": "coffee", "stamps": 2}
PRIZE = {"name": NAME, "effect": GiftItem(scope=Scope(categories=("coffee",)))}

# When, what, and with which priority.
OFFERS: tuple[tuple[dict[str, Any], dict[str, Any], int], ...] = (
    ({**COFFEE, "min_pieces": 3}, {"kind": "nth_free", "n": 3}, 9),
    (
        {},
        {
            "kind": "bundle",
            "items": [{**COFFEE}, {"scope": {"categories": ["cake"]}}],
            "price": 99_99,
        },
        8,
    ),
    ({"minimum": 900_00}, {"kind": "discount", "rate_bp": 333, "up_to": 70_00}, 7),
    ({"members_only": False, "minimum": 50}, {"kind": "discount", "amount": 7}, 6),
    ({"scope": {"categories": ["cake"]}}, {"kind": "rate", "extra_bp": 777}, 5),
    ({}, {"kind": "multiplier", "times_bp": 15_000}, 4),
    ({"minimum": 300_00}, {"kind": "points", "points": 11, "valid_days": 9}, 3),
    (COFFEE, {"kind": "points", "points": 3, "per": "piece"}, 2),
    ({}, {"kind": "per_step", "points": 2, "step": 70_00}, 1),
    ({**COFFEE, "min_pieces": 2}, {"kind": "stamps", "card": "coffee", "stamps": 1}, 0),
    (
        {},
        {"kind": "goal", "measure": "purchases", "target": 2, "period": "day", "gift": STAMPS_GIFT},
        -1,
    ),
    (
        COFFEE,
        {"kind": "goal", "measure": "spend", "target": 400_00, "gift": POINTS_GIFT},
        -2,
    ),
)

PRICES = st.one_of(st.sampled_from((1, 33, 60, 99, 199_99, 250_00)), st.integers(1, 50_000))
GOODS = st.lists(
    st.tuples(
        st.sampled_from(("coffee", "cake", None)),
        st.one_of(st.integers(1, 5).map(lambda n: n * 1000), st.sampled_from((350, 2500))),
        PRICES,
        st.integers(0, 20),  # percent off at the till
        st.sampled_from(("", "no_earn", "no_redeem")),
    ),
    min_size=1,
    max_size=4,
)


@dataclass(frozen=True)
class Plan:
    """A sale to be made."""

    goods: list[tuple[str | None, int, int, int, str]]
    points: int
    gift: int
    code: bool
    coupon: bool
    counted: int
    hours_ago: int
    # Sold without a card first, and then found its customer.
    late: bool

    def receipt(self, now: datetime) -> Receipt:
        lines = []
        for category, milli, price, percent, flag in self.goods:
            amount = price * milli // 1000
            lines.append(
                Line(
                    category=category,
                    amount=amount,
                    price=price,
                    quantity_milli=milli,
                    discount=amount * percent // 100,
                    no_earn=flag == "no_earn",
                    no_redeem=flag == "no_redeem",
                )
            )
        return Receipt(sold_at=now - timedelta(hours=self.hours_ago), lines=tuple(lines))


PLANS = st.builds(
    Plan,
    goods=GOODS,
    points=st.sampled_from((0, 1, 50, 10_000)),
    gift=st.sampled_from((0, 1, 45_00, 90_000_00)),
    code=st.booleans(),
    coupon=st.booleans(),
    counted=st.sampled_from((0, 0, 2)),
    hours_ago=st.sampled_from((0, 0, 11, 200)),
    late=st.sampled_from((False, False, True)),
)


@dataclass
class Stage:
    """The shop, and a loop to run it on."""

    world: World
    runner: asyncio.Runner
    coupons: dict[int, set[str]] = field(default_factory=dict)

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def read(self, unit: Any) -> Any:
        return self.run(self.world.db.read(unit))

    def write(self, unit: Any) -> Any:
        return self.run(self.world.db.transact(unit))

    def customer(self) -> int:
        self.world.now = START
        who: int = self.run(self.world.customer(points=400))
        return who

    def voucher(self, **parts: Any) -> str:
        def unit(session: Session) -> str:
            rows = Rows()
            made = vouchers.issue(
                rows,
                name=NAME,
                source_kind="staff",
                created_by="staff:1",
                now=self.world.now - timedelta(days=30),
                active=True,
                **parts,
            )
            rows.put(session)
            return made.code

        code: str = self.write(unit)
        return code

    def codes(self, who: int, plan: Plan) -> list[str]:
        """What the customer shows; each story has codes of its own."""
        found = []
        if plan.code:
            effect = PercentOff(rate_bp=1234)
            found.append(self.voucher(kind="promo_code", effect=effect, combines=True))
        if plan.gift:
            found.append(self.voucher(kind="gift_card", effect=None, amount=plan.gift))
            found.append(self.voucher(kind="gift_card", effect=None, amount=33_33))
        has_coffee = any(
            category == "coffee" and price > 60 for category, _, price, *_ in plan.goods
        )
        if plan.coupon and has_coffee and not plan.late:
            mine = self.read(lambda s: vouchers.mine(s, customer_id=who, now=self.world.now))
            found += [item.code for item in mine][:1]
        return found

    def sell(self, who: int, plan: Plan) -> PurchaseResult:
        """A sale that does what its quote said."""
        receipt, codes = plan.receipt(self.world.now), self.codes(who, plan)
        owner = None if plan.late else who
        counted = {"coffee": plan.counted} if plan.counted and not plan.late else None
        asked: dict[str, Any] = {
            "customer_id": owner,
            "receipt": receipt,
            "redeem": 0 if plan.late else plan.points,
            "vouchers": codes,
            "stamps": counted,
            "may_redeem": True,
            "now": self.world.now,
            "outlet_id": self.world.outlet_id,
            "time_zone": ZONE,
        }
        try:
            quoted = self.read(lambda s: purchases.quote(s, **asked))
        except errors.VoucherNoItems:  # nothing costs enough to take anything off
            asked["vouchers"] = codes = []
            quoted = self.read(lambda s: purchases.quote(s, **asked))
        sold: PurchaseResult = self.run(
            self.world.sell(owner, receipt, redeem=quoted.redeem, vouchers=codes, stamps=counted)
        )
        same = ("total", "to_pay", "gross", "discount", "gift_paid", "stamps", "parts")
        for name in same:
            assert getattr(quoted, name) == getattr(sold, name), name
        assert quoted.earn == (sold.earned if owner else 0)
        assert sold.to_pay >= 0
        return sold

    def attach(self, who: int, purchase_id: int) -> PurchaseResult | None:
        """The sale is the customer's from now on; None where it is refused, as it must be then."""

        def unit(session: Session) -> PurchaseResult:
            return purchases.attach(
                session,
                purchase_id=purchase_id,
                customer_id=who,
                actor="staff:1",
                now=self.world.now,
                within=ATTACH_WITHIN,
            )

        refused = self._refused(purchase_id)
        if refused is None:
            found: PurchaseResult = self.write(unit)
            return found
        before = self.state(who)
        with pytest.raises(refused):
            self.write(unit)
        assert self.state(who) == before
        return None

    def _refused(self, purchase_id: int) -> type[errors.DomainError] | None:
        """Why a sale cannot be given to anybody any more."""
        p = purchase.c
        query = sa.select(p.sold_at, p.returned, p.total).where(p.id == purchase_id)
        sold = self.read(lambda s: s.execute(query).one())
        if self.world.now - sold.sold_at > ATTACH_WITHIN:
            return errors.LateAttach
        # Lines may be left that cost nothing.
        return errors.PurchaseNotFound if sold.returned >= sold.total > 0 else None

    def left(self, purchase_id: int) -> dict[int, int]:
        """Thousandths that may still come back, by line."""
        left = purchase_line.c.quantity_milli - purchase_line.c.returned_milli
        query = (
            sa.select(purchase_line.c.n, left)
            .where(purchase_line.c.purchase_id == purchase_id, left > 0)
            .order_by(purchase_line.c.n)  # A story that is told again draws the same.
        )
        return {row[0]: row[1] for row in self.read(lambda s: s.execute(query).all())}

    def take_back(self, purchase_id: int, part: dict[int, int]) -> purchases.ReturnResult:
        """A return that does what its preview said."""
        asked = [purchases.ReturnedLine(n=n, quantity_milli=milli) for n, milli in part.items()]
        seen = self.read(
            lambda s: purchases.preview_return(
                s, purchase_id=purchase_id, lines=asked, now=self.world.now
            )
        )
        done: purchases.ReturnResult = self.run(
            self.world.take_back(purchase_id, list(part.items()))
        )
        for name in purchases.ReturnResult.__dataclass_fields__:
            if name != "return_id":
                assert getattr(seen, name) == getattr(done, name), name
        assert done.money_back >= 0
        return done

    def faults(self, *customers: int) -> list[str]:
        """What does not add up, of these customers or of nobody's."""
        found = self.read(checkup.check).faults
        return [str(fault) for fault in found if fault.customer_id in (0, *customers)]

    def state(self, who: int) -> dict[str, Any]:
        """All that the customer has, told in a way that does not depend on how it came."""

        def unit(session: Session) -> dict[str, Any]:
            g, s, p = goal_progress.c, customer_stats.c, purchase.c
            goals = sa.select(g.promotion_id, g.period, g.purchases, g.spent).where(
                g.customer_id == who
            )
            sums = sa.select(s.orders, s.spent, s.window_spent).where(s.customer_id == who)
            bought = sa.select(p.returned).where(p.customer_id == who).order_by(p.id)
            mine = stamps.standings(session, customer_id=who).values()
            return {
                "goals": sorted(tuple(row) for row in session.execute(goals)),
                "sums": [tuple(row) for row in session.execute(sums)],
                "returned": list(session.execute(bought).scalars()),
                "stamps": [one.stamps + 4 * one.cards - one.debt for one in mine],
            }

        found: dict[str, Any] = self.read(unit)
        owned = self.run(self.world.balance(who))
        return {**found, "points": owned.posted - owned.debt}


@contextmanager
def open_stage(url: str) -> Iterator[Stage]:
    """The shop on the database at ``url``."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = Stage(runner.run(stack.enter_async_context(open_world(url))), runner)
        coffee = {
            "key": "coffee",
            "name": NAME,
            "scope": Scope(categories=("coffee",)),
            "stamps": 4,
            "reward": {"kind": "voucher", **PRIZE},
            "interim": [{"at": 2, "gift": {"kind": "voucher", **PRIZE}}],
            "daily_cap": 6,
        }
        rules = {
            "tiers": (
                TierRule(key="bronze", threshold=0, earn_rate_bp=500),
                TierRule(key="silver", threshold=1000_00, earn_rate_bp=777),
            ),
            "stamp_cards": (coffee,),
            "redeem_share_bp": 10_000,
            "confirm_above": 10**6,
            "pending_days": 0,
        }
        runner.run(stage.world.set_program(**rules))

        def unit(session: Session) -> None:
            for when, effect, priority in OFFERS:
                made = Promotion.model_validate(
                    {"name": NAME, "when": when, "effect": effect, "priority": priority}
                )
                draft = promotions.save(session, None, made, "staff:1", START)
                promotions.switch_on(session, draft.live.promotion_id, "staff:1", START)

        stage.write(unit)
        try:
            yield stage
        finally:
            runner.run(stack.aclose())
