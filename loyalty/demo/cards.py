"""Stamp cards through the demo's year, and the rewards they bring."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from loyalty import clock, stamps, vouchers
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.ids import new_id
from loyalty.program import StampCardRule
from loyalty.receipts import Line
from loyalty.stamps.model import RETURNED, add, prize_key
from loyalty.vouchers import Voucher
from loyalty.vouchers.codes import ALPHABET, COUPON_LENGTH

USES_REWARD = 0.62
"""How likely a reward is used when there is something to use it on."""


class Cards:
    """The coffee card of every member; rules of ``loyalty.stamps`` and ``loyalty.vouchers``."""

    def __init__(
        self, rows: Rows, uses: Rows, rng: random.Random, rule: StampCardRule, *, time_zone: str
    ) -> None:
        self._rows, self._uses, self._rng, self.rule = rows, uses, rng, rule
        self._time_zone = time_zone
        self._name = rule.reward.name.model_dump(mode="json")
        self._effect = rule.reward.effect.model_dump(mode="json")
        # What a reward does, for the sums: all are alike.
        self._pattern = Voucher(
            id=0, code="", kind=vouchers.COUPON, name=rule.reward.name, customer_id=None,
            status=vouchers.ACTIVE, effect=rule.reward.effect, minimum=0, segment=None,
            combines=True, total_limit=1, customer_limit=None, used=0, granted=None, balance=None,
            starts_at=None, ends_at=None, source_kind=stamps.SOURCE, issue_key=None,
        )  # fmt: skip
        self.given = self.used = 0

    def reward_for(self, member: Member, lines: Sequence[Line], at: datetime) -> Voucher | None:
        """The member's oldest reward, if they use one on these goods now."""
        while member.rewards and member.rewards[0]["ends_at"] <= at:
            self._put(member.rewards.pop(0), vouchers.EXPIRED)
        if not member.rewards or member.guest.is_from_till:
            return None
        scope = self.rule.scope
        if not any(scope.covers(sku=line.sku, category=line.category) for line in lines):
            return None
        if self._rng.random() >= USES_REWARD:
            return None
        self._pattern.id = member.rewards[0]["id"]
        return self._pattern

    def use(
        self, member: Member, *, purchase_id: int, amount: int, actor: str, at: datetime
    ) -> None:
        """The member's oldest reward took ``amount`` minor units off a purchase."""
        reward = member.rewards.pop(0)
        reward["used"] = 1
        self._put(reward, vouchers.REDEEMED)
        self.used += 1
        self._uses.insert(
            vouchers.voucher_use,
            {
                "id": new_id(),
                "voucher_id": reward["id"],
                "customer_id": member.customer_id,
                "purchase_id": purchase_id,
                "at": at,
                "amount": amount,
                "actor": actor,
            },
        )

    def give(
        self,
        member: Member,
        number: int,
        *,
        purchase_id: int,
        outlet_id: int,
        day: date,
        actor: str,
        at: datetime,
    ) -> None:
        """Stamps of a sale; full cards bring rewards."""
        standing = member.standing or stamps.Standing(self.rule.key)
        move = add(self.rule, standing, earned=number)
        member.standing = move.standing
        cause = ("purchase", str(purchase_id))
        self._entries(member, move.entries, cause, outlet_id, day, actor, at)
        for prize in move.given:
            key = prize_key(member.customer_id, self.rule, prize)
            member.rewards.append(self._reward(member.customer_id, key, day, actor, at))
            self.given += 1

    def take_back(
        self,
        member: Member,
        number: int,
        *,
        return_id: int,
        outlet_id: int,
        day: date,
        actor: str,
        at: datetime,
    ) -> None:
        """Stamps off the open card, which must hold so many."""
        assert member.standing is not None
        standing = member.standing
        member.standing = stamps.Standing(
            standing.card_key, standing.stamps - number, standing.debt, standing.cards
        )
        cause = ("return", str(return_id))
        self._entries(member, {RETURNED: -number}, cause, outlet_id, day, actor, at)

    def close(self, member: Member, now: datetime) -> None:
        """Write where the member's card stands, and the rewards in their hands."""
        for reward in member.rewards:
            over = reward["ends_at"] <= now
            self._put(reward, vouchers.EXPIRED if over else vouchers.ACTIVE)
        member.rewards = [reward for reward in member.rewards if reward["ends_at"] > now]
        standing = member.standing
        if standing is not None:
            row = {name: getattr(standing, name) for name in standing.__dataclass_fields__}
            self._rows.insert(stamps.stamp_balance, {"customer_id": member.customer_id, **row})

    def _entries(
        self,
        member: Member,
        entries: dict[str, int],
        cause: tuple[str, str],
        outlet_id: int,
        day: date,
        actor: str,
        at: datetime,
    ) -> None:
        for kind, amount in entries.items():
            self._rows.insert(
                stamps.stamp_entry,
                {
                    "id": new_id(),
                    "customer_id": member.customer_id,
                    "card_key": self.rule.key,
                    "outlet_id": outlet_id,
                    "day": day,
                    "at": at,
                    "amount": amount,
                    "kind": kind,
                    "source_kind": cause[0],
                    "source_id": cause[1],
                    "actor": actor,
                },
            )

    def _reward(
        self, customer_id: int, key: str, day: date, actor: str, at: datetime
    ) -> dict[str, Any]:
        return {
            "id": new_id(),
            "code": "".join(self._rng.choices(ALPHABET, k=COUPON_LENGTH)),
            "kind": vouchers.COUPON,
            "name": self._name,
            "customer_id": customer_id,
            "status": vouchers.ACTIVE,
            "effect": self._effect,
            "minimum": self.rule.reward.minimum,
            "combines": True,
            "total_limit": 1,
            "used": 0,
            "ends_at": clock.end_of_validity(day, self.rule.reward.valid_days, self._time_zone),
            "source_kind": stamps.SOURCE,
            "issue_key": key,
            "created_by": actor,
            "created_at": at,
            "activated_at": at,
        }

    def _put(self, reward: dict[str, Any], status: str) -> None:
        reward["status"] = status
        self._rows.insert(vouchers.voucher, reward)
