"""The demo's promo codes, leaflet coupons and gift cards: made by hand, used through the year."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, vouchers
from loyalty.db.rows import Rows
from loyalty.demo.catalogue import Chain, minor
from loyalty.demo.member import Member
from loyalty.errors import DomainError
from loyalty.program import AmountOff, GiftItem, LocalText, PercentOff, Scope
from loyalty.segments import NEWCOMERS
from loyalty.vouchers import Voucher

LEAFLETS, LEAFLETS_USED = 50, 17
GIFT_CARD_USES = 18
"""About how often a gift card pays, in the whole year."""


@dataclass(slots=True)
class _Shared:
    """A promo code and who has used it how often; how likely it comes to mind at a sale."""

    voucher: Voucher
    chance: float
    uses: dict[int, int] = field(default_factory=dict)


class Codes:
    """Vouchers that are nobody's own, in memory; the rules of ``loyalty.vouchers``."""

    def __init__(self, rows: Rows, uses: Rows, rng: random.Random) -> None:
        self._rows, self._uses, self._rng = rows, uses, rng
        self.shared: list[_Shared] = []
        self.leaflets: list[Voucher] = []
        # In the order in which they will pay, a card as often as it is named.
        self.gift_cards: list[Voucher] = []
        self.leaflet_chance = self.gift_chance = 0.0
        self.from_day: datetime | None = None
        self._changed: dict[int, Voucher] = {}

    def wanted(self, member: Member, total: int, at: datetime) -> Voucher | None:
        """A code this member uses now, if one comes to mind and is good for this receipt."""
        for item in self.shared:
            if self._rng.random() < item.chance and self._is_good(item, member, total, at):
                return item.voucher
        if self.leaflets and self._rng.random() < self.leaflet_chance:
            first = self.leaflets[0]
            if self._fits(first, member, 0, total, at):
                return first
        return None

    def gift_card(self, to_pay: int, at: datetime) -> tuple[Voucher, int] | None:
        """A gift card that pays some of ``to_pay`` minor units now, and how much."""
        if self.from_day is None or at < self.from_day or not to_pay:
            return None
        if self._rng.random() >= self.gift_chance:
            return None
        while self.gift_cards:
            card = self.gift_cards.pop(0)
            if card.balance:
                return card, min(card.balance, to_pay)
        return None

    def use(
        self,
        voucher: Voucher,
        *,
        customer_id: int,
        purchase_id: int,
        amount: int,
        actor: str,
        at: datetime,
    ) -> None:
        """Claim a use, as a sale does."""
        scratch = Rows()
        vouchers.use(
            scratch,
            voucher,
            customer_id=customer_id,
            purchase_id=purchase_id,
            amount=amount,
            actor=actor,
            now=at,
        )
        for row in scratch.rows_of(vouchers.voucher_use):
            self._uses.insert(vouchers.voucher_use, row)
        self._changed[voucher.id] = voucher
        if self.leaflets and voucher is self.leaflets[0]:
            self.leaflets.pop(0)
        for item in self.shared:
            if item.voucher is voucher:
                item.uses[customer_id] = item.uses.get(customer_id, 0) + 1

    def close(self, now: datetime) -> None:
        """Write what became of them."""
        for item in self.shared:
            over = item.voucher.ends_at
            if over is not None and over <= now and item.voucher.status == vouchers.ACTIVE:
                item.voucher.status = vouchers.EXPIRED
                self._changed[item.voucher.id] = item.voucher
        for voucher in self._changed.values():
            self._rows.update(
                vouchers.voucher,
                {
                    "id": voucher.id,
                    "used": voucher.used,
                    "balance": voucher.balance,
                    "status": voucher.status,
                },
            )

    def _is_good(self, item: _Shared, member: Member, total: int, at: datetime) -> bool:
        uses = item.uses.get(member.customer_id, 0)
        return self._fits(item.voucher, member, uses, total, at)

    def _fits(self, voucher: Voucher, member: Member, uses: int, total: int, at: datetime) -> bool:
        is_new = at - member.guest.joined_at <= timedelta(days=30)
        try:
            vouchers.check(
                voucher,
                customer_id=member.customer_id,
                segments=frozenset({NEWCOMERS} if is_new else ()),
                uses=uses,
                total=total,
                now=at,
            )
        except DomainError:
            return False
        return True


def write(
    session: Session,
    rows: Rows,
    uses: Rows,
    rng: random.Random,
    chain: Chain,
    *,
    currency: str,
    time_zone: str,
    author: str,
    customers: int,
    visits: int,
    now: datetime,
) -> Codes:
    """Make the vouchers as the marketer did through the year."""
    today = clock.local_date(now, time_zone)

    def ago(days: int, at: time = time(10, 20)) -> datetime:
        return clock.local_instant(today - timedelta(days=days), at, time_zone)

    codes = Codes(rows, uses, rng)

    def promo(code: str, chance: float, days_ago: int, **parts: Any) -> None:
        vouchers.create(
            session,
            created_by=author,
            now=ago(days_ago),
            kind=vouchers.PROMO_CODE,
            code=code,
            customer_limit=1,
            **parts,
        )
        codes.shared.append(_Shared(vouchers.read(session, [code], lock=False)[0], chance))

    promo(
        "HELLO10", 0.04, 150, segment=NEWCOMERS, effect=PercentOff(rate_bp=1000),
        name=LocalText(ru="Скидка новичкам", en="Newcomers' discount"),
    )  # fmt: skip
    promo(
        "GRAIN100", 0.03, 90, effect=AmountOff(amount=minor(100, currency)),
        minimum=minor(500, currency), total_limit=max(3, customers // 50),
        name=LocalText(ru="Код от блогера", en="A blogger's code"),
    )  # fmt: skip
    promo(
        "SUNNY", 0.02, 210, effect=PercentOff(rate_bp=1500), total_limit=1000,
        starts_at=ago(205, time(0)), ends_at=ago(140, time(0)),
        name=LocalText(ru="Летняя скидка", en="Summer discount"),
    )  # fmt: skip
    _leaflets(session, codes, chain, author=author, now=ago(100), ends_at=ago(-40, time(0)))
    codes.leaflet_chance = 4 * LEAFLETS_USED / visits
    _gift_cards(session, codes, currency, author=author, made_at=ago(125), sold_at=ago(120))
    codes.gift_chance = 4 * GIFT_CARD_USES / visits
    return codes


def _leaflets(
    session: Session,
    codes: Codes,
    chain: Chain,
    *,
    author: str,
    now: datetime,
    ends_at: datetime,
) -> None:
    name = LocalText(ru="Круассан с листовки", en="A croissant from the leaflet")
    made = vouchers.issue_many(
        session,
        count=LEAFLETS,
        batch_key="leaflets",
        created_by=author,
        now=now,
        kind=vouchers.COUPON,
        name=name,
        effect=GiftItem(scope=Scope(categories=(chain.category("bakery"),))),
        ends_at=ends_at,
    )
    used = [item.code for item in made[:LEAFLETS_USED]]
    codes.leaflets = vouchers.read(session, used, lock=False)


def _gift_cards(
    session: Session,
    codes: Codes,
    currency: str,
    *,
    author: str,
    made_at: datetime,
    sold_at: datetime,
) -> None:
    """Three not sold yet, three untouched, four begun, two emptied."""
    cards: list[str] = []
    for roubles in (2000, 2000, 1000, 1000, 2000, 3000, 3000, 2000, 3000, 5000, 500, 1000):
        made = vouchers.create(
            session,
            created_by=author,
            now=made_at,
            kind=vouchers.GIFT_CARD,
            name=LocalText(ru="Подарочная карта", en="Gift card"),
            effect=None,
            amount=minor(roubles, currency),
        )
        if len(cards) >= 3:
            vouchers.activate(session, voucher_id=made.id, actor=author, now=sold_at)
        cards.append(made.code)
    begun, emptied = cards[6:10], cards[10:]
    found = {item.code: item for item in vouchers.read(session, cards[3:], lock=False)}
    order = [*emptied * 2, *begun, *emptied * 4]
    codes.gift_cards = [found[code] for code in order]
    codes.from_day = sold_at
