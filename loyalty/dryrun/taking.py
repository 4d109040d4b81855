"""A past receipt after promotions and vouchers took their part. Pure, and counted once.

Both sets of rules see the same receipt, and mostly the same promotions apply: what both would
count alike is kept with the purchase and counted for the first of them only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loyalty import promotions
from loyalty.amounts import points_for, points_to_money, split
from loyalty.dryrun.model import Bought
from loyalty.program import Scope
from loyalty.program.rules import StampCardRule
from loyalty.promotions import Facts, Live, Part
from loyalty.promotions.scopes import Goods
from loyalty.purchases.pricing import accrual
from loyalty.receipts import Line
from loyalty.stamps import pieces

_KNOWN_GOODS = 20_000

Earned = tuple[int, Sequence[Part], Mapping[str, int]]
"""Points, where from (nothing: the tier's rate alone), stamps of promotions by card."""


class Taken:
    """The lines as they were paid, and what can be asked about them."""

    __slots__ = (
        "_bases",
        "_bought",
        "_earned",
        "_facts",
        "_free",
        "_pieces",
        "chosen",
        "discount",
        "lines",
        "nets",
        "total",
    )

    def __init__(self, bought: Bought, chosen: Sequence[Live], facts: Facts | None) -> None:
        self.chosen = chosen
        # Minor units that promotions took off.
        self.discount = 0
        self._bought, self._facts = bought, facts
        lines, free = bought.lines, bought.voucher_free
        if chosen and facts is not None and not bought.fixed:
            found = promotions.reduce(chosen, lines, facts)
            if found.applied:
                self.discount = found.total
                lines = _lower(lines, found.discounts)
                free = _sum(found.free_pieces, free)
        if any(bought.voucher_off):
            # The same sum off, as far as there is something left to take it off.
            pairs = zip(bought.voucher_off, lines, strict=True)
            lines = _lower(lines, [min(off, line.net) for off, line in pairs])
        self.lines, self._free = lines, free
        self.nets = [line.net for line in lines]
        self.total = sum(self.nets)
        self._bases: dict[int, tuple[Sequence[int], Sequence[int]]] = {}
        self._earned: dict[tuple[int, int], Earned] = {}
        self._pieces: list[tuple[StampCardRule, int]] = []

    def bases(self, spent: int) -> tuple[Sequence[int], Sequence[int]]:
        """By line: what of it earns, and what is not paid with points (as ``pricing.price``)."""
        found = self._bases.get(spent)
        if found is None:
            found = self._bases[spent] = self._count_bases(spent)
        return found

    def _count_bases(self, spent: int) -> tuple[Sequence[int], Sequence[int]]:
        lines, paid_of, other = self.lines, self.nets, self._bought.other
        if spent:
            pairs = zip(lines, self.nets, strict=True)
            payable = [0 if line.no_redeem else net for line, net in pairs]
            shares = split(points_to_money(spent), payable)
            paid_of = [net - paid for net, paid in zip(self.nets, shares, strict=True)]
        bases = paid_of
        if other:
            bases = [max(0, paid - less) for paid, less in zip(paid_of, other, strict=True)]
        for line in lines:
            if line.no_earn:
                pairs = zip(lines, bases, strict=True)
                return [0 if one.no_earn else base for one, base in pairs], paid_of
        return bases, paid_of

    def earned(self, rate_bp: int, spent: int) -> Earned:
        """What the receipt earns at the tier's rate if ``spent`` points pay a part of it."""
        found = self._earned.get((rate_bp, spent))
        if found is None:
            bases, _ = self.bases(spent)
            if self.chosen:
                points, parts, _, stamps = accrual(
                    self.lines,
                    bases=bases,
                    rate_bp=rate_bp,
                    chosen=self.chosen,
                    facts=self._facts,
                    free_pieces=self._free or [0] * len(self.lines),
                )
                found = (points, parts, stamps)
            else:
                found = (points_for(sum(bases), rate_bp), (), {})
            self._earned[(rate_bp, spent)] = found
        return found

    def pieces(self, card: StampCardRule, covered: Covered) -> int:
        """Paid pieces that earn a stamp on the card; ``covered`` is of its scope."""
        for known, number in self._pieces:
            if known is card or known.scope == card.scope:
                return number
        # Lines of other goods have none, so the sale's function need not look at them.
        places = covered.places(self.lines)
        number = 0
        if places:
            free = [self._free[i] for i in places] if self._free else ()
            number = pieces(card, [self.lines[i] for i in places], free)
        self._pieces.append((card, number))
        return number


class Covered:
    """Which goods a scope covers: the same ones come again and again, so it is kept."""

    __slots__ = ("_goods", "_known")

    def __init__(self, scope: Scope) -> None:
        self._goods = Goods(scope)
        self._known: dict[tuple[str | None, str | None], bool] = {}

    def places(self, lines: Sequence[Line]) -> list[int]:
        """The places of the lines that are covered."""
        found = []
        for i, line in enumerate(lines):
            key = (line.sku, line.category)
            known = self._known.get(key)
            if known is None:
                if len(self._known) >= _KNOWN_GOODS:
                    self._known.clear()
                known = self._known[key] = self._goods.covers(line)
            if known:
                found.append(i)
        return found


def _sum(these: Sequence[int], those: Sequence[int]) -> Sequence[int]:
    return [a + b for a, b in zip(these, those, strict=True)] if those else these


def _lower(lines: Sequence[Line], off: Sequence[int]) -> list[Line]:
    return [
        Line(
            amount=line.amount,
            price=line.price,
            quantity_milli=line.quantity_milli,
            sku=line.sku,
            name=line.name,
            category=line.category,
            discount=line.discount + less,
            no_earn=line.no_earn,
            no_redeem=line.no_redeem,
        )
        if less
        else line
        for line, less in zip(lines, off, strict=True)
    ]
