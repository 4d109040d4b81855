"""What a voucher takes off a receipt, line by line. Pure sums, minor units."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from loyalty.amounts import share, split
from loyalty.errors import VoucherNoItems
from loyalty.program.effects import AmountOff, FreeDelivery, GiftItem, PercentOff, Scope
from loyalty.receipts import Line
from loyalty.vouchers.model import Voucher

Taken = tuple[list[int], list[int]]


def reduction(
    voucher: Voucher,
    lines: Sequence[Line],
    nets: Sequence[int],
    free_pieces: Sequence[int] = (),
) -> Taken:
    """What comes off each line (never more than its net), and how many of its pieces are free.

    ``nets`` is what each line costs after what was taken off before, ``free_pieces`` how many
    of its pieces are free already. The pieces counted here are only those that this voucher
    makes free. A gift card takes nothing off: it pays.

    Raises:
        VoucherNoItems: nothing in the receipt is what the voucher is for.
    """
    effect = voucher.effect
    if effect is None:
        return [0] * len(lines), [0] * len(lines)
    before = list(free_pieces) or [0] * len(lines)
    if isinstance(effect, GiftItem):
        discounts, free = _gift_items(effect, lines, nets, before)
    else:
        discounts = _money_off(effect, lines, nets)
        free = [0] * len(lines)
    if not any(discounts):
        raise VoucherNoItems()
    for i, line in enumerate(lines):
        # What costs nothing any more was not paid for, whatever made it so.
        if discounts[i] and discounts[i] == nets[i]:
            free[i] = line.pieces - before[i]
    return discounts, free


def _in_scope(scope: Scope, lines: Sequence[Line], nets: Sequence[int]) -> list[int]:
    """What each line costs if the scope covers it, else 0."""
    return [
        net if scope.covers(sku=line.sku, category=line.category) else 0
        for line, net in zip(lines, nets, strict=True)
    ]


def _money_off(
    effect: PercentOff | AmountOff | FreeDelivery, lines: Sequence[Line], nets: Sequence[int]
) -> list[int]:
    costs = _in_scope(effect.scope, lines, nets)
    if isinstance(effect, FreeDelivery):
        return costs
    if isinstance(effect, AmountOff):
        total = min(effect.amount, sum(costs))
    else:
        total = share(sum(costs), effect.rate_bp)
        if effect.up_to is not None:
            total = min(total, effect.up_to)
    return split(total, costs)


def _gift_items(
    effect: GiftItem, lines: Sequence[Line], nets: Sequence[int], before: Sequence[int]
) -> Taken:
    """The cheapest pieces first; of equal ones those of the earlier line."""
    costs = _in_scope(effect.scope, lines, nets)
    paid = [line.pieces - free for line, free in zip(lines, before, strict=True)]
    open_lines = [i for i, cost in enumerate(costs) if cost > 0 and paid[i] > 0]
    open_lines.sort(key=lambda i: (Fraction(costs[i], paid[i]), i))
    discounts, free = [0] * len(lines), [0] * len(lines)
    left = effect.quantity
    for i in open_lines:
        pieces = min(left, paid[i])
        off = costs[i] * pieces // paid[i]
        if effect.up_to is not None:
            off = min(off, effect.up_to * pieces)
        discounts[i], free[i] = off, pieces
        left -= pieces
        if not left:
            break
    return discounts, free
