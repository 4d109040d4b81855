"""What a receipt earns and what may be spent on it: pure sums over its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.amounts import money_to_points, points_for, points_to_money, share, split
from loyalty.program import Program
from loyalty.purchases.model import Receipt
from loyalty.wallet.lots import Shares


@dataclass(frozen=True, slots=True)
class Priced:
    """A receipt with its sums shared out to its lines (all lists run along the lines)."""

    earn_base: int
    earned: int
    # Minor units of each line paid with points; they add up to the points' worth exactly.
    points_paid: Sequence[int]
    # Whole points per line, by the largest remainder: a return by line gives these back.
    points: Sequence[int]
    base_of: Sequence[int]
    earned_of: Sequence[int]

    def points_by_line(self) -> Shares:
        """[(line number from 1, points), …] for the redemption's entry."""
        return [(n, points) for n, points in enumerate(self.points, 1) if points]


def redeem_limit(receipt: Receipt, program: Program) -> int:
    """The most points the program lets be spent on this receipt, whoever pays."""
    eligible = sum(line.amount - line.discount for line in receipt.lines if not line.no_redeem)
    return money_to_points(share(eligible, program.redeem_share_bp))


def price(receipt: Receipt, *, redeem: int, rate_bp: int) -> Priced:
    """Share ``redeem`` points out to the lines and count what the money part earns.

    Only what is paid in money earns: a line's base is its net amount less its share of the
    points. Floored once per receipt; lines get their share by the largest remainder.
    """
    nets = [line.amount - line.discount for line in receipt.lines]
    payable = [0 if line.no_redeem else net for line, net in zip(receipt.lines, nets, strict=True)]
    points_paid = split(points_to_money(redeem), payable)
    other = split(min(receipt.other_paid, sum(nets)), nets)
    bases = [
        0 if line.no_earn else max(0, net - paid - less)
        for line, net, paid, less in zip(receipt.lines, nets, points_paid, other, strict=True)
    ]
    earned = points_for(sum(bases), rate_bp)
    return Priced(
        earn_base=sum(bases),
        earned=earned,
        points_paid=points_paid,
        points=split(redeem, payable),
        base_of=bases,
        earned_of=split(earned, bases),
    )
