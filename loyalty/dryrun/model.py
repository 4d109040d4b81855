"""What a dry run compares, what it is told of a past purchase, and what comes of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from loyalty.program import Program
from loyalty.promotions import Live, Promotion
from loyalty.receipts import Line

ALL = 1_000_000_000_000
"""As many points as the rules let: what is wanted by who spent the most that was allowed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A program with the promotions that are on beside it."""

    program: Program
    live: tuple[Live, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What the run's row keeps."""
        return {
            "program": self.program.model_dump(mode="json"),
            "promotions": [
                [one.id, one.promotion_id, one.number, one.rules.model_dump(mode="json")]
                for one in self.live
            ],
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Rules:
        """The rules that ``as_json`` kept.

        Raises:
            pydantic.ValidationError: today's code does not read them.
        """
        live = tuple(
            Live(version_id, promotion_id, number, Promotion.model_validate(rules))
            for version_id, promotion_id, number, rules in kept["promotions"]
        )
        return cls(Program.model_validate(kept["program"]), live)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is replayed: by which rules, over which days (inclusive; None: from the first)."""

    baseline: Rules
    candidate: Rules
    from_day: date | None
    to_day: date
    time_zone: str

    def as_json(self) -> dict[str, Any]:
        """What the run's row and the process that replays are given."""
        return {
            "baseline": self.baseline.as_json(),
            "candidate": self.candidate.as_json(),
            "from_day": self.from_day.isoformat() if self.from_day else None,
            "to_day": self.to_day.isoformat(),
            "time_zone": self.time_zone,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Question:
        """The question that ``as_json`` kept.

        Raises:
            pydantic.ValidationError: today's code does not read its rules.
        """
        first = kept["from_day"]
        return cls(
            baseline=Rules.of_json(kept["baseline"]),
            candidate=Rules.of_json(kept["candidate"]),
            from_day=date.fromisoformat(first) if first else None,
            to_day=date.fromisoformat(kept["to_day"]),
            time_zone=kept["time_zone"],
        )


class Points(NamedTuple):
    """Points from elsewhere (a welcome, a correction, a friend). Negative: taken by hand."""

    kind: str
    points: int
    earned_at: datetime
    active_from: datetime
    expires_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Guest:
    """Who bought. ``orders`` and ``last_at``: what is not replayed, since it is too long ago."""

    id: int | None
    floor: str | None = None
    joined_at: datetime | None = None
    birth_day: int | None = None
    birth_month: int | None = None
    tags: Sequence[str] = ()
    orders: int = 0
    last_at: datetime | None = None
    points: Sequence[Points] = ()


@dataclass(slots=True, kw_only=True)
class Bought:
    """A past purchase, as it was before promotions and vouchers took anything off.

    ``other``: minor units of each line paid by means that earn nothing. ``voucher_off`` and
    ``voucher_free``: what vouchers took off and gave free, by line. ``wants``: points that were
    spent (``ALL``: the most that was allowed). ``returned`` of ``total`` minor units came back.
    ``fixed``: what was taken off stays as it was, since the card was added after the sale.
    """

    id: int
    outlet_id: int | None
    day: date
    at: datetime
    local: datetime
    zone: str
    lines: Sequence[Line]
    total: int
    returned: int = 0
    wants: int = 0
    other: Sequence[int] = ()
    voucher_off: Sequence[int] = ()
    voucher_free: Sequence[int] = ()
    # Stamps the cashier counted beside the lines, by card.
    counted: Mapping[str, int] = field(default_factory=dict)
    fixed: bool = False
    # What was counted for one side and is the same for the other (see ``taking``).
    taken: dict[tuple[int, ...], Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What one purchase comes to by one set of rules. Points whole, money in minor units.

    ``returned`` points went back with goods; ``rewards`` are effects (see ``Prices``) by key.
    """

    earned: int = 0
    gifts: int = 0
    spent: int = 0
    returned: int = 0
    discount: int = 0
    stamps: int = 0
    rewards: list[str] = field(default_factory=list)
