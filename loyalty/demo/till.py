"""The demo's tills: sales with everything they bring, returns and what happens at night."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from loyalty import clock, stamps, vouchers
from loyalty.amounts import points_to_money
from loyalty.db.rows import Rows
from loyalty.demo import baskets
from loyalty.demo.cards import Cards
from loyalty.demo.codes import Codes
from loyalty.demo.friends import Friends
from loyalty.demo.goals import Goals
from loyalty.demo.guests import Guest, Visit, basket
from loyalty.demo.ladder import Ladder
from loyalty.demo.member import LastSale, Member
from loyalty.demo.points import Points
from loyalty.demo.returning import take_back
from loyalty.demo.selling import Sale, Shop
from loyalty.errors import VoucherNoItems
from loyalty.ids import new_id
from loyalty.program import Program
from loyalty.purchases import Discount, Line, Receipt
from loyalty.purchases.benefits import Benefits
from loyalty.purchases.pricing import Priced, price, redeem_limit
from loyalty.purchases.sale_rows import pricing_of
from loyalty.vouchers import Voucher
from loyalty.wallet import Cause, Wallet
from loyalty.wallet.tables import lot as lot_table

RETURNED_SHARE = 0.012
"""Of plain sales, those of which a line comes back."""


class Till:
    """All tills of the chain, its members, and the rows not yet written."""

    def __init__(
        self, shop: Shop, codes: Codes, rows: Rows, uses: Rows, rng: random.Random
    ) -> None:
        self.shop, self.codes, self.rows, self.rng = shop, codes, rows, rng
        # Uses of vouchers are written after the vouchers they are of.
        self._uses = uses
        self.version = shop.versions[0][1]
        self.totals: Counter[str] = Counter()
        self.members: dict[int, Member] = {}
        zone = shop.time_zone
        self.ladder = Ladder(rows, time_zone=zone)
        self.cards = Cards(rows, uses, rng, self.program.stamp_cards[0], time_zone=zone)
        self.friends = Friends(rows, rng, self._reward_friend, time_zone=zone)
        self.points = Points(rows, self.totals, time_zone=zone)
        self.goals = Goals(rows, self.points.give)
        self._zone = clock.zone(zone)
        self._day = date.min
        self._birthdays: dict[tuple[int, int], list[Member]] = defaultdict(list)

    @property
    def program(self) -> Program:
        """The rules in force."""
        return self.version.program

    def join(self, guest: Guest) -> None:
        """A guest takes a card and gets the welcome points."""
        wallet = Wallet(guest.customer_id, 0, 0, 0, None, None)
        member = Member(guest, wallet, self.program.tiers[0].key)
        self.members[guest.customer_id] = member
        if guest.born is not None:
            self._birthdays[guest.born[1], guest.born[0]].append(member)
        if guest.source == "friend":
            known = guest.friend_of
            self.friends.join(member, self.members[known.customer_id] if known else None)
        if not guest.is_from_till:
            self.points.give(
                member,
                self.program.welcome_points,
                kind="welcome",
                source=("phone", f"demo:{guest.phone}"),
                at=guest.joined_at.astimezone(UTC),
                days=self.program.expiry_days,
            )

    def night(self, midnight: datetime, day: date, now: datetime) -> None:
        """What the night does: points end, tiers are reviewed, birthdays ahead are paid."""
        self.friends.settle(min(midnight, now), self.program)
        self._day = day
        self.points.begin_day(midnight, day, now)
        for begins, version in self.shop.versions:
            if begins <= midnight:
                self.version = version
        self.ladder.begin_day(day, self.program, now)
        at = midnight + timedelta(hours=7)
        if at <= now:
            self._pay_birthdays(day, at)

    def _pay_birthdays(self, day: date, at: datetime) -> None:
        rules = self.program
        ahead = day + timedelta(days=rules.birthday_days_before)
        dates = clock.kept_on(ahead, leap_day=rules.leap_day)
        for member in chain.from_iterable(self._birthdays.get(key, ()) for key in dates):
            self.points.give(
                member,
                rules.birthday_points,
                kind="birthday",
                source=("birthday", f"{member.customer_id}:{ahead.year}"),
                at=at,
                days=rules.birthday_valid_days,
            )

    def sell(self, visit: Visit) -> None:
        """One sale, with the points it earns and spends; now and then something comes back."""
        at = visit.at.astimezone(UTC)
        self.friends.settle(at, self.program)
        member = self.members[visit.guest.customer_id] if visit.guest is not None else None
        receipt = Receipt(sold_at=at, lines=self._order(visit, member))
        which = self.rng.randrange(2) if visit.cashier is None else visit.cashier
        cashier = self.shop.cashiers[visit.outlet][which]
        outlet_id = self.shop.outlets[visit.outlet]
        self.totals["purchases"] += 1
        self.totals["lines"] += len(receipt.lines)
        if member is None:
            self._sell_without_card(receipt, outlet_id, cashier)
            return
        live = self.shop.calendar.live(at)
        facts = None
        if live:
            facts = baskets.facts_of(
                member, self.program, at=at, zone=self._zone, outlet_id=outlet_id
            )
        sale = Sale(
            id=new_id(),
            member=member,
            at=at,
            outlet_id=outlet_id,
            cashier=cashier,
            basket=baskets.fill(receipt, live, facts),
        )
        self._take_code(sale)
        self._ring_up(sale)

    def close(self, now: datetime) -> None:
        """Write what became of every member, code and invitation."""
        self.friends.settle(now, self.program)
        for member in self.members.values():
            member.wallet.finish(self.rows)
            member.put_sums(self.rows)
            self.cards.close(member, now)
        self.ladder.close()
        self.goals.close()
        self.codes.close(now)
        self.friends.close()

    def put(self, session: Session) -> None:
        """Write what has happened since the last time."""
        self._let_go()
        self.rows.put(session)
        self._uses.put(session)

    def _let_go(self) -> None:
        """Lots that are spent to the last point: nothing will happen to them any more."""
        for member in self.members.values():
            wallet = member.wallet
            if all(lot.remaining for lot in wallet.lots):
                continue
            for lot in wallet.lots:
                if lot.is_new and not lot.remaining:
                    self.rows.insert(lot_table, lot.row(wallet.customer_id))
            wallet.lots = [lot for lot in wallet.lots if lot.remaining]

    # --- a sale ------------------------------------------------------------------------------

    def _order(self, visit: Visit, member: Member | None) -> tuple[Line, ...]:
        order = list(visit.order) or basket(self.rng, visit, self.shop.chain)
        if member is not None and not member.orders and member.guest.friend_of is not None:
            # A friend is shown what is good here.
            order.append((self.shop.chain.good("syr"), 1))
            order.append((self.shop.chain.good("chz"), 1))
            order = list({good.sku: (good, pieces) for good, pieces in order}.values())
        return tuple(baskets.line_of(good, pieces, self.shop.currency) for good, pieces in order)

    def _sell_without_card(self, receipt: Receipt, outlet_id: int, cashier: int) -> None:
        found = baskets.fill(receipt, (), None)
        priced = price(receipt, redeem=0, rate_bp=0)
        purchase_id = new_id()
        row = baskets.purchase_row(
            found, priced, purchase_id=purchase_id, customer_id=None, outlet_id=outlet_id,
            cashier=cashier, day=self._day, redeem=0, rate_bp=0, version_id=self.version.id,
            gift_paid=0, pricing=None,
        )  # fmt: skip
        baskets.put(self.rows, row, baskets.line_rows(purchase_id, receipt, priced))
        self.totals["revenue"] += receipt.total

    def _take_code(self, sale: Sale) -> None:
        """A reward, a promo code or a coupon lowers the basket, if one comes to mind."""
        found, member = sale.basket, sale.member
        lines = found.receipt.lines
        voucher = self.cards.reward_for(member, lines, sale.at)
        sale.reward = voucher is not None
        if voucher is None and not member.guest.diary:
            voucher = self.codes.wanted(member, found.receipt.total, sale.at)
        if voucher is None:
            return
        try:
            off, free = vouchers.reduction(
                voucher, lines, [line.net for line in lines], found.free_pieces
            )
        except VoucherNoItems:
            sale.reward = False
            return
        baskets.take_off(found, off, free)
        found.discounts.append(Discount(amount=sum(off), voucher=voucher))
        if sale.reward:
            self.cards.use(
                member, purchase_id=sale.id, amount=sum(off), actor=sale.actor, at=sale.at
            )
        else:
            self._use(voucher, sale, sum(off))

    def _use(self, voucher: Voucher, sale: Sale, amount: int) -> None:
        self.codes.use(
            voucher,
            customer_id=sale.member.customer_id,
            purchase_id=sale.id,
            amount=amount,
            actor=sale.actor,
            at=sale.at,
        )

    def _ring_up(self, sale: Sale) -> None:
        member, receipt = sale.member, sale.basket.receipt
        sale.total = receipt.total
        sale.redeem = self._redeem(member, receipt, sale.at)
        tier = member.tier
        rate = self.program.tier(tier).earn_rate_bp
        priced = price(
            receipt,
            redeem=sale.redeem,
            rate_bp=rate,
            chosen=sale.basket.chosen,
            facts=sale.basket.facts,
            free_pieces=sale.basket.free_pieces,
        )
        self._post(sale, priced)
        self.ladder.spent_before(member)
        member.count(self._day, sale.at, sale.total)
        benefits = self._bring(sale, priced)
        self._pay_by_gift_card(sale)
        pricing = pricing_of(sale.basket, priced, sale.gifts, tier=tier, benefits=benefits)
        row = baskets.purchase_row(
            sale.basket, priced, purchase_id=sale.id, customer_id=member.customer_id,
            outlet_id=sale.outlet_id, cashier=sale.cashier, day=self._day, redeem=sale.redeem,
            rate_bp=rate, version_id=self.version.id,
            gift_paid=sum(gift.amount for gift in sale.gifts), pricing=pricing,
        )  # fmt: skip
        lines = baskets.line_rows(sale.id, receipt, priced)
        baskets.put(self.rows, row, lines)
        self.totals["revenue"] += sale.total
        if self._is_taken_back(sale, row, lines):
            return
        number = benefits.stamps.get(self.cards.rule.key, 0)
        last = LastSale(sale.id, sale.at, priced.earned, number)
        if not sale.redeem:
            member.last_plain = last
        if number:
            member.last_stamped = last

    def _redeem(self, member: Member, receipt: Receipt, at: datetime) -> int:
        if self.rng.random() > member.guest.thrift:
            return 0
        most = min(member.wallet.available(at), redeem_limit(receipt, self.program))
        return most if most >= 10 else 0

    def _post(self, sale: Sale, priced: Priced) -> None:
        """The points that are spent and earned."""
        wallet = sale.member.wallet
        cause = Cause("purchase", str(sale.id), sale.actor, sale.at)
        if sale.redeem:
            wallet.redeem(self.rows, points=sale.redeem, cause=cause, lines=priced.points_by_line())
            self.totals["spent"] += sale.redeem
        if priced.earned:
            wallet.accrue(
                self.rows,
                points=priced.earned,
                kind="accrual",
                cause=cause,
                active_from=sale.at + timedelta(days=self.program.pending_days),
                expires_at=self.points.end(self.program.expiry_days),
                purchase_id=sale.id,
            )
            self.points.watch(wallet)
            self.totals["issued"] += priced.earned

    def _bring(self, sale: Sale, priced: Priced) -> Benefits:
        """Beside points: a tier, goals, stamps, a friend's reward on its way."""
        member, found = sale.member, sale.basket
        self.ladder.after_sale(member, self.program, sale.at, sale.actor)
        benefits = Benefits(tier=member.tier)
        if found.goals:
            paid = sale.total - points_to_money(sale.redeem)
            benefits.goals = self.goals.step(
                member, found, priced, day=self._day, at=sale.at, paid=paid, actor=sale.actor
            )
        rule = self.cards.rule
        number = stamps.pieces(rule, found.receipt.lines, found.free_pieces)
        if number:
            benefits.stamps[rule.key] = number
            self.cards.give(
                member,
                number,
                purchase_id=sale.id,
                outlet_id=sale.outlet_id,
                day=self._day,
                actor=sale.actor,
                at=sale.at,
            )
        self.friends.after_sale(
            member,
            self.program,
            purchase_id=sale.id,
            total=sale.total,
            redeemed=sale.redeem,
            at=sale.at,
        )
        return benefits

    def _pay_by_gift_card(self, sale: Sale) -> None:
        to_pay = sale.total - points_to_money(sale.redeem)
        found = self.codes.gift_card(to_pay, sale.at)
        if found is None:
            return
        card, amount = found
        sale.gifts = (Discount(amount=amount, voucher=card),)
        self._use(card, sale, amount)

    def _is_taken_back(
        self, sale: Sale, row: dict[str, Any], lines: Sequence[dict[str, Any]]
    ) -> bool:
        """Now and then a line of a plain sale comes back a few minutes later."""
        if sale.redeem or sale.gifts or sale.basket.chosen or sale.basket.discounts:
            return False
        if self.rng.random() >= RETURNED_SHARE or self.friends.waits_for(sale.id, sale.member):
            return False
        at = sale.at + timedelta(minutes=self.rng.randint(1, 4))
        amount = take_back(
            self.rows,
            self.rng,
            self.cards,
            sale.member,
            row,
            lines,
            actor=sale.actor,
            day=self._day,
            at=at,
        )
        if amount:
            self.totals["returns"] += 1
            self.totals["revenue"] -= amount
        return amount > 0

    def _reward_friend(
        self, member: Member, points: int, source: tuple[str, str], at: datetime
    ) -> None:
        days = self.program.expiry_days
        self.points.give(member, points, kind="referral", source=source, at=at, days=days)
