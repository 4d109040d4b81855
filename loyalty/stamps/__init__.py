"""Stamp cards: stamps for paid pieces, rewards for full cards, and both back with a return.

``model`` is the pure counting, ``moving`` writes it (in a sale, a return, by hand), ``history``
shows it, ``reconcile`` checks the sums.
"""

from loyalty.stamps.history import StampEntry, history
from loyalty.stamps.model import Standing, capped, pieces, prize_key
from loyalty.stamps.moving import (
    SOURCE,
    Given,
    TakenBack,
    earned_today,
    give,
    grant,
    move_all,
    standings,
    take_back,
)
from loyalty.stamps.reconcile import reconcile
from loyalty.stamps.tables import stamp_balance, stamp_entry

__all__ = [
    "SOURCE",
    "Given",
    "StampEntry",
    "Standing",
    "TakenBack",
    "capped",
    "earned_today",
    "give",
    "grant",
    "history",
    "move_all",
    "pieces",
    "prize_key",
    "reconcile",
    "stamp_balance",
    "stamp_entry",
    "standings",
    "take_back",
]
