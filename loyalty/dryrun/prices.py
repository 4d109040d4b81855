"""What a reward costs: the cheapest item that was sold and fits it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from loyalty.dryrun.model import Rules
from loyalty.program.effects import AmountOff, FreeDelivery, GiftItem, VoucherGift
from loyalty.promotions.model import Goal
from loyalty.promotions.scopes import Goods
from loyalty.receipts import Line

_KNOWN_GOODS = 20_000


def key_of(gift: VoucherGift) -> str:
    """By what rewards of one kind are counted together."""
    return json.dumps(gift.effect.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


class Prices:
    """Looks at the goods that go by and keeps the lowest price for every reward."""

    def __init__(self, *rules: Rules) -> None:
        self._gifts = {key_of(gift): gift for side in rules for gift in _gifts(side)}
        self._scopes = [
            (key, Goods(gift.effect.scope))
            for key, gift in self._gifts.items()
            if isinstance(gift.effect, (GiftItem, FreeDelivery))
        ]
        self._lowest: dict[str, int] = {}
        # (sku, category) → rewards it fits, or nothing: the same goods come again and again.
        self._fitting: dict[tuple[str | None, str | None], list[str]] = {}

    def see(self, line: Line) -> None:
        """Take note of what a line costs a piece."""
        if not line.price or not self._scopes:
            return
        goods = (line.sku, line.category)
        fitting = self._fitting.get(goods)
        if fitting is None:
            if len(self._fitting) >= _KNOWN_GOODS:
                self._fitting.clear()
            fitting = self._fitting[goods] = [
                key
                for key, scope in self._scopes
                if scope.covers(line) and (scope.everything or goods != (None, None))
            ]
        for key in fitting:
            if line.price < self._lowest.get(key, line.price + 1):
                self._lowest[key] = line.price

    def cost(self, key: str) -> int | None:
        """Minor units one such reward costs; None if that cannot be told."""
        effect = self._gifts[key].effect
        if isinstance(effect, AmountOff):
            return effect.amount
        lowest = self._lowest.get(key)
        if lowest is None:
            return None
        if isinstance(effect, GiftItem):
            each = lowest if effect.up_to is None else min(lowest, effect.up_to)
            return each * effect.quantity
        return lowest

    def sum(self, rewards: Mapping[str, int]) -> dict[str, Any]:
        """How many ``rewards`` (by key) there are, what they cost, how many are not counted."""
        cost = uncounted = 0
        for key, number in rewards.items():
            each = self.cost(key)
            if each is None:
                uncounted += number
            else:
                cost += each * number
        return {"number": sum(rewards.values()), "cost": cost, "uncounted": uncounted}


def _gifts(rules: Rules) -> list[VoucherGift]:
    found = []
    for card in rules.program.stamp_cards:
        found += [card.reward, *(prize.gift for prize in card.interim)]
    for one in rules.live:
        effect = one.rules.effect
        if isinstance(effect, Goal) and isinstance(effect.gift, VoucherGift):
            found.append(effect.gift)
    return found
