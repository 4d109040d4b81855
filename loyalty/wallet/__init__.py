"""The wallet: accounts, lots, holds, debt, entries.

``lock`` gives wallets under lock for a sale or a return; ``moves`` are whole units (grant,
adjust, expire, freeze); ``holds`` set points aside; ``queries`` answer; ``reconcile`` checks
the invariants I1–I7.
"""

from loyalty.wallet.holds import (
    Hold,
    get_hold,
    place_hold,
    take_hold,
    time_out_holds,
    void_hold,
)
from loyalty.wallet.locking import lock
from loyalty.wallet.lots import Lot
from loyalty.wallet.moves import (
    Expired,
    Granted,
    adjust,
    expire_due,
    freeze,
    grant,
    open_account,
    unfreeze,
)
from loyalty.wallet.queries import (
    Balance,
    EntryView,
    Expiring,
    Pending,
    balance,
    expiring,
    history,
    next_due,
    pending,
)
from loyalty.wallet.reconcile import Fault, reconcile
from loyalty.wallet.state import Cause, Wallet

__all__ = [
    "Balance",
    "Cause",
    "EntryView",
    "Expired",
    "Expiring",
    "Fault",
    "Granted",
    "Hold",
    "Lot",
    "Pending",
    "Wallet",
    "adjust",
    "balance",
    "expire_due",
    "expiring",
    "freeze",
    "get_hold",
    "grant",
    "history",
    "lock",
    "next_due",
    "open_account",
    "pending",
    "place_hold",
    "reconcile",
    "take_hold",
    "time_out_holds",
    "unfreeze",
    "void_hold",
]
