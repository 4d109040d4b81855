"""A line that comes back in the demo: points, stamps and sums, as a real return leaves them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from loyalty.amounts import points_for
from loyalty.db.rows import Rows
from loyalty.demo.cards import Cards
from loyalty.demo.member import Member
from loyalty.ids import new_id
from loyalty.purchases.model import MILLI
from loyalty.receipts import purchase_return
from loyalty.wallet import Cause


def take_back(
    rows: Rows,
    rng: random.Random,
    cards: Cards,
    member: Member,
    bought: dict[str, Any],
    lines: Sequence[dict[str, Any]],
    *,
    actor: str,
    day: date,
    at: datetime,
) -> int:
    """One line of a sale that was paid in money alone; minor units that came back.

    Nothing happens if its stamps are no longer on the open card.
    """
    line = rng.choice(lines)
    given = (bought["pricing"] or {}).get("stamps", {})
    taken = line["quantity_milli"] // MILLI if _is_stamped(cards, line) and given else 0
    if taken and (member.standing is None or member.standing.stamps < taken):
        return 0
    return_id = new_id()
    left = points_for(bought["earn_base"] - line["earn_base"], bought["earn_rate_bp"])
    reversed_ = max(0, bought["earned"] - left)
    owed = 0
    if reversed_:
        owed = member.wallet.claw_back(
            rows,
            points=reversed_,
            purchase_id=bought["id"],
            cause=Cause("return", str(return_id), actor, at),
        )
    if taken:
        cards.take_back(
            member,
            taken,
            return_id=return_id,
            outlet_id=bought["outlet_id"],
            day=day,
            actor=actor,
            at=at,
        )
    bought["returned"] = line["amount"]
    line["returned_milli"] = line["quantity_milli"]
    rows.insert(
        purchase_return,
        {
            "id": return_id,
            "purchase_id": bought["id"],
            "customer_id": member.customer_id,
            "at": at,
            "actor": actor,
            "amount": line["amount"],
            "money_back": line["amount"],
            "earned_reversed": reversed_,
            "debt": owed,
            "lines": [{"n": line["n"], "quantity_milli": line["quantity_milli"]}],
            "effects": {"stamps": {cards.rule.key: taken}} if taken else None,
        },
    )
    member.take_off(line["amount"])
    return int(line["amount"])


def _is_stamped(cards: Cards, line: dict[str, Any]) -> bool:
    return cards.rule.scope.covers(sku=line["sku"], category=line["category"])
