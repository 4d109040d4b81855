"""What promotions take off a receipt: discounts, free pieces, bundles. Pure sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loyalty.amounts import share, split
from loyalty.promotions import bundles
from loyalty.promotions.bundles import Stock
from loyalty.promotions.engine import Facts, Live
from loyalty.promotions.model import REDUCING, Bundle, Discount, NthFree, Progressive
from loyalty.receipts import Line


@dataclass(frozen=True, slots=True)
class Applied:
    """What a promotion took off, minor units; only those that did are told."""

    version_id: int
    promotion_id: int
    amount: int


@dataclass(slots=True)
class Reduction:
    """Further discount and free pieces by line (in the receipt's order), and whose they are.

    A line's discount never exceeds its net. ``free_pieces``: pieces nobody paid for, so that
    they earn no stamp.
    """

    discounts: list[int]
    free_pieces: list[int]
    applied: list[Applied] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Σ discounts, minor units."""
        return sum(self.discounts)


class _Basket:
    """What is left to pay of each line while promotions take their turn.

    A piece that was given away or went into a bundle is used up: it takes no part in another
    such promotion, but what it still costs (``used``) may be lowered by a discount.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.open = [line.net for line in lines]
        self.used = [0] * len(lines)
        self.pieces = [line.pieces for line in lines]
        self.free = [0] * len(lines)

    def left(self, place: int) -> int:
        """What is still to be paid for the line."""
        return self.open[place] + self.used[place]

    def lower(self, places: Sequence[int], total: int) -> int:
        """Take ``total`` (at most what is left there) off these lines; what was taken."""
        lefts = [self.left(i) for i in places]
        for i, left, part in zip(places, lefts, split(total, lefts), strict=True):
            if part:
                of_used = part * self.used[i] // left
                self.used[i] -= of_used
                self.open[i] -= part - of_used
        return total


def reduce(chosen: Sequence[Live], lines: Sequence[Line], facts: Facts) -> Reduction:
    """Let the chosen promotions lower what is paid, each from what those before it left.

    A percentage is floored once for the promotion and split by the largest remainder. The sum
    does not depend on the order of the lines.
    """
    reducing = chosen and [one for one in chosen if isinstance(one.rules.effect, REDUCING)]
    if not reducing:
        return Reduction([0] * len(lines), [0] * len(lines))
    # Sorted, because a kopeck of rounding goes to the earlier line, and a later promotion may
    # mean that line only.
    order = sorted(range(len(lines)), key=lambda i: _sorting(lines[i]))
    basket = _Basket([lines[i] for i in order])
    found = Reduction([0] * len(lines), [0] * len(lines))
    for one in reducing:
        effect = one.rules.effect
        places = one.ready.goods.within(basket.lines)
        amount = _WAYS[type(effect)](basket, one, places, facts)
        if amount:
            found.applied.append(Applied(one.id, one.promotion_id, amount))
    for place, i in enumerate(order):
        found.discounts[i] = lines[i].net - basket.left(place)
        wholly = found.discounts[i] and not basket.left(place)
        found.free_pieces[i] = lines[i].pieces if wholly else basket.free[place]
    return found


def _sorting(line: Line) -> tuple[str, str, str, int, int, int, int, bool, bool]:
    return (
        line.category or "",
        line.sku or "",
        line.name or "",
        line.amount,
        line.discount,
        line.quantity_milli,
        line.price,
        line.no_earn,
        line.no_redeem,
    )


def _discount(basket: _Basket, one: Live, places: Sequence[int], facts: Facts) -> int:
    del facts
    effect = one.rules.effect
    if not isinstance(effect, Discount):
        raise TypeError("not a discount")
    left = sum(basket.left(i) for i in places)
    if effect.amount is not None:
        return basket.lower(places, min(effect.amount, left))
    off = share(left, effect.rate_bp or 0)
    return basket.lower(places, off if effect.up_to is None else min(off, effect.up_to))


def _progressive(basket: _Basket, one: Live, places: Sequence[int], facts: Facts) -> int:
    effect = one.rules.effect
    if not isinstance(effect, Progressive):
        raise TypeError("not a progressive discount")
    left = sum(basket.left(i) for i in places)
    height = facts.purchases_before
    if effect.by == "receipt":
        # The step is that of the goods as they came in, so another promotion lowers nobody's.
        height = sum(basket.lines[i].net for i in places)
    rate_bp = max((step.rate_bp for step in effect.steps if step.threshold <= height), default=0)
    return basket.lower(places, share(left, rate_bp))


def _nth_free(basket: _Basket, one: Live, places: Sequence[int], facts: Facts) -> int:
    del facts
    effect = one.rules.effect
    if not isinstance(effect, NthFree):
        raise TypeError("not a free piece")
    there = [i for i in places if basket.pieces[i]]
    to_give = sum(basket.pieces[i] for i in there) // effect.n
    taken = 0
    for i in sorted(there, key=lambda i: basket.open[i] / basket.pieces[i]):
        given = min(to_give, basket.pieces[i])
        if not given:
            break
        worth = basket.open[i] * given // basket.pieces[i]
        basket.open[i] -= worth
        basket.pieces[i] -= given
        basket.free[i] += given
        taken += worth
        to_give -= given
    return taken


def _bundle(basket: _Basket, one: Live, places: Sequence[int], facts: Facts) -> int:
    del facts
    wanted = one.ready.wanted
    stock = [
        Stock(i, parts, basket.pieces[i], basket.open[i])
        for i in places
        if basket.pieces[i] and (parts := wanted.parts_of(basket.lines[i]))
    ]
    found = bundles.find(wanted, stock)
    if found is None:
        return 0
    parts_off = split(found.saving, found.worth)
    for item, pieces, worth, off in zip(stock, found.taken, found.worth, parts_off, strict=True):
        basket.open[item.place] -= worth
        basket.pieces[item.place] -= pieces
        basket.used[item.place] += worth - off
    return found.saving


_Way = Callable[[_Basket, Live, Sequence[int], Facts], int]
_WAYS: dict[type[Any], _Way] = {
    Discount: _discount,
    Progressive: _progressive,
    NthFree: _nth_free,
    Bundle: _bundle,
}
