"""Goals through the demo's year: how far members are, and the gift when they are there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Protocol

from loyalty import promotions
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.program import PointsGift
from loyalty.promotions import GoalStep
from loyalty.purchases.basket import Basket
from loyalty.purchases.pricing import Priced


class Give(Protocol):
    """Post points to a member."""

    def __call__(
        self,
        member: Member,
        points: int,
        *,
        kind: str,
        source: tuple[str, str],
        at: datetime,
        days: int | None,
        actor: str,
    ) -> None: ...


class Goals:
    """Goal progress in memory; the rules of ``loyalty.promotions.goals``."""

    def __init__(self, rows: Rows, give: Give) -> None:
        self._rows, self._give = rows, give
        self._progress: dict[int, dict[tuple[int, date], dict[str, Any]]] = {}

    def step(
        self,
        member: Member,
        basket: Basket,
        priced: Priced,
        *,
        day: date,
        at: datetime,
        paid: int,
        actor: str,
    ) -> list[GoalStep]:
        """Count a sale of which ``paid`` minor units were paid in money."""
        mine = self._progress.setdefault(member.customer_id, {})
        lines = basket.receipt.lines
        steps = promotions.goals_step(
            basket.goals,
            {
                key: (row["purchases"], row["spent"], row["reached_at"] is not None)
                for key, row in mine.items()
            },
            day=day,
            paid=paid,
            lines=lines,
            paid_of=[
                line.net - points for line, points in zip(lines, priced.points_paid, strict=True)
            ],
        )
        for step in steps:
            key = (step.live.promotion_id, step.period)
            row = mine.setdefault(key, self._row(member, step))
            row["purchases"] += step.purchases_delta
            row["spent"] += step.spent_delta
            gift = step.gift
            if step.reached_now and isinstance(gift, PointsGift):
                row["reached_at"] = at
                name = f"{member.customer_id}:{step.live.promotion_id}:{step.period.isoformat()}"
                self._give(
                    member,
                    gift.points,
                    kind="gift",
                    source=("goal", name),
                    at=at,
                    days=gift.valid_days,
                    actor=actor,
                )
        return steps

    def close(self) -> None:
        """Write how far everybody is."""
        for mine in self._progress.values():
            for row in mine.values():
                self._rows.insert(promotions.goal_progress, row)

    @staticmethod
    def _row(member: Member, step: GoalStep) -> dict[str, Any]:
        return {
            "customer_id": member.customer_id,
            "promotion_id": step.live.promotion_id,
            "period": step.period,
            "purchases": 0,
            "spent": 0,
            "reached_at": None,
            "ends_on": step.ends_on,
        }
