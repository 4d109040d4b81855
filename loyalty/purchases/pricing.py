"""What a receipt earns and what may be spent on it: pure sums over its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loyalty import promotions
from loyalty.amounts import money_to_points, points_for, points_to_money, share, split
from loyalty.program import Program
from loyalty.promotions import Facts, Live, Part
from loyalty.receipts import Line, Receipt
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
    # Where the points come from: the tier's rate and each promotion's share.
    parts: Sequence[Part] = ()
    # Stamps that promotions add, by card.
    stamps: dict[str, int] = field(default_factory=dict)

    def points_by_line(self) -> Shares:
        """[(line number from 1, points), …] for the redemption's entry."""
        return [(n, points) for n, points in enumerate(self.points, 1) if points]


def redeem_limit(receipt: Receipt, program: Program) -> int:
    """The most points the program lets be spent on this receipt, whoever pays."""
    eligible = sum(line.net for line in receipt.lines if not line.no_redeem)
    return money_to_points(share(eligible, program.redeem_share_bp))


def price(
    receipt: Receipt,
    *,
    redeem: int,
    rate_bp: int,
    chosen: Sequence[Live] = (),
    facts: Facts | None = None,
    free_pieces: Sequence[int] = (),
) -> Priced:
    """Share ``redeem`` points out to the lines and count what the money part earns.

    Only what is paid in money earns: a line's base is its net amount less its share of the
    points. ``chosen`` are the promotions that apply. Floored once per receipt; lines get their
    share by the largest remainder.
    """
    nets = [line.net for line in receipt.lines]
    payable = [0 if line.no_redeem else net for line, net in zip(receipt.lines, nets, strict=True)]
    points_paid = split(points_to_money(redeem), payable)
    other = split(min(receipt.other_paid, sum(nets)), nets)
    bases = [
        0 if line.no_earn else max(0, net - paid - less)
        for line, net, paid, less in zip(receipt.lines, nets, points_paid, other, strict=True)
    ]
    points, parts, by_line, stamps = accrual(
        receipt.lines,
        bases=bases,
        rate_bp=rate_bp,
        chosen=chosen,
        facts=facts,
        free_pieces=free_pieces,
    )
    return Priced(
        earn_base=sum(bases),
        earned=points,
        points_paid=points_paid,
        points=split(redeem, payable),
        base_of=bases,
        earned_of=by_line,
        parts=parts,
        stamps=stamps,
    )


def accrual(
    lines: Sequence[Line],
    *,
    bases: Sequence[int],
    rate_bp: int,
    chosen: Sequence[Live],
    facts: Facts | None,
    free_pieces: Sequence[int] = (),
) -> tuple[int, Sequence[Part], Sequence[int], dict[str, int]]:
    """(points, where from, points by line, stamps of promotions) for what was paid in money."""
    if chosen and facts is not None:
        found = promotions.accrue(
            chosen, lines, bases=bases, rate_bp=rate_bp, facts=facts, free_pieces=free_pieces
        )
        return found.points, found.parts, found.by_line, dict(found.stamps)
    points = points_for(sum(bases), rate_bp)
    parts = (Part(kind="base", version_id=None, points=points, rate_bp=rate_bp, valid_days=None),)
    return points, parts if points else (), split(points, bases), {}
