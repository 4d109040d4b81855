"""What promotions add to the points of a receipt, and where each point comes from. Pure sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from loyalty.amounts import BASIS, MINOR_UNITS, points_for, split
from loyalty.promotions.engine import Facts, Live
from loyalty.promotions.model import (
    BonusStamps,
    ExtraRate,
    FixedPoints,
    Multiplier,
    PointsPerStep,
)
from loyalty.receipts import Line

# Shares are summed over one denominator: rates and factors in basis points, money in kopecks.
_WHOLE = BASIS * BASIS * MINOR_UNITS

PartKind = Literal["base", "rate", "multiplier", "points", "per_step"]


@dataclass(frozen=True, slots=True)
class Part:
    """Points of a receipt that come from one rule.

    ``version_id``: the promotion's version, None for the tier's own rate. ``rate_bp``: the
    tier's rate, a promotion's extra rate, or by how much a multiplier multiplies.
    ``valid_days``: an end of their own; None: as the program says.
    """

    kind: PartKind
    version_id: int | None
    points: int
    rate_bp: int | None = None
    valid_days: int | None = None

    def as_json(self) -> dict[str, Any]:
        """What a purchase keeps of it."""
        kept: dict[str, Any] = {
            "kind": self.kind,
            "version": None if self.version_id is None else str(self.version_id),
            "points": self.points,
            "rate_bp": self.rate_bp,
        }
        return kept if self.valid_days is None else {**kept, "valid_days": self.valid_days}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Part:
        """The part that ``as_json`` kept.

        Raises:
            KeyError: it has no kind or no points.
        """
        version = kept.get("version")
        return cls(
            kind=kept["kind"],
            version_id=None if version is None else int(version),
            points=kept["points"],
            rate_bp=kept.get("rate_bp"),
            valid_days=kept.get("valid_days"),
        )


@dataclass(frozen=True, slots=True)
class Accrual:
    """Points of a receipt; the parts and the lines each add up to ``points`` exactly."""

    points: int
    parts: list[Part]
    by_line: list[int]
    # Stamps that promotions add, by card.
    stamps: dict[str, int] = field(default_factory=dict)


def accrue(
    chosen: Sequence[Live],
    lines: Sequence[Line],
    *,
    bases: Sequence[int],
    rate_bp: int,
    facts: Facts,
    free_pieces: Sequence[int] = (),
) -> Accrual:
    """What the receipt earns: the tier's rate, and the chosen promotions on top.

    ``bases``: minor units of each line paid with money. All shares of it (rates, multipliers)
    are added exactly and floored once; the parts get theirs by the largest remainder. Whole
    points are added to that. ``free_pieces`` (of ``reduce``) earn no points by the piece.
    A receipt nothing was paid for earns nothing.
    """
    del facts
    paid = sum(bases)
    if not chosen or not paid:
        points = points_for(paid, rate_bp)
        parts = [Part("base", None, points, rate_bp)] if points else []
        return Accrual(points, parts, split(points, bases) if points else [0] * len(bases))
    counting = _Counting(lines, bases, rate_bp, free_pieces)
    for one in chosen:
        counting.take(one)
    return counting.finish()


class _Counting:
    """The sums of one receipt while its promotions are counted."""

    def __init__(
        self, lines: Sequence[Line], bases: Sequence[int], rate_bp: int, free: Sequence[int]
    ) -> None:
        self._lines, self._bases, self._free = lines, bases, free
        self._rate_bp = rate_bp
        # Shares: who, and how much (numerators over _WHOLE), by part and by line.
        self._shares: list[tuple[PartKind, int | None, int | None]] = [("base", None, rate_bp)]
        factor = rate_bp * BASIS
        self._by_line = [base * factor for base in bases]
        self._numerators = [sum(self._by_line)]
        self._whole: list[tuple[Part, list[int]]] = []
        self._stamps: dict[str, int] = {}

    def take(self, one: Live) -> None:
        """Count what this promotion gives."""
        effect = one.rules.effect
        if isinstance(effect, ExtraRate):
            self._share("rate", one, effect.extra_bp * BASIS, effect.extra_bp)
        elif isinstance(effect, Multiplier):
            more = self._rate_bp * (effect.times_bp - BASIS)
            self._share("multiplier", one, more, effect.times_bp)
        elif isinstance(effect, FixedPoints):
            places = one.ready.goods.within(self._lines)
            pieces = 1 if effect.per == "receipt" else sum(map(self._paid_pieces, places))
            self._add("points", one, places, effect.points * pieces, effect.valid_days)
        elif isinstance(effect, PointsPerStep):
            places = one.ready.goods.within(self._lines)
            steps = sum(self._bases[i] for i in places) // effect.step
            self._add("per_step", one, places, effect.points * steps, None)
        elif isinstance(effect, BonusStamps):
            self._stamps[effect.card] = self._stamps.get(effect.card, 0) + effect.stamps

    def _paid_pieces(self, place: int) -> int:
        if not self._bases[place]:
            return 0
        free = self._free[place] if self._free else 0
        return max(0, self._lines[place].pieces - free)

    def _share(self, kind: PartKind, one: Live, factor: int, rate_bp: int) -> None:
        total = 0
        for i in one.ready.goods.within(self._lines):
            more = self._bases[i] * factor
            self._by_line[i] += more
            total += more
        self._shares.append((kind, one.id, rate_bp))
        self._numerators.append(total)

    def _add(
        self, kind: PartKind, one: Live, places: Sequence[int], points: int, days: int | None
    ) -> None:
        if not points or not places:
            return
        weights = [0] * len(self._lines)
        for i in places:
            weights[i] = self._bases[i]
        if not any(weights):
            # Given for goods that cost nothing now: it is theirs all the same.
            weights[places[0]] = 1
        self._whole.append((Part(kind, one.id, points, None, days), split(points, weights)))

    def finish(self) -> Accrual:
        """The points, floored once, shared out to parts and lines."""
        points = sum(self._numerators) // _WHOLE
        shared = split(points, self._numerators)
        parts = [
            Part(kind, version_id, part, rate_bp)
            for (kind, version_id, rate_bp), part in zip(self._shares, shared, strict=True)
            if part
        ]
        by_line = split(points, self._by_line)
        for part, of_lines in self._whole:
            parts.append(part)
            points += part.points
            by_line = [a + b for a, b in zip(by_line, of_lines, strict=True)]
        return Accrual(points, parts, by_line, self._stamps)
