"""The wallet: accounts, lots, holds, debt, entries.

``lock`` gives wallets under lock for a sale or a return; ``moves`` are whole units (grant,
adjust, expire, freeze); ``holds`` set points aside; ``queries`` answer; ``adjustments`` are what
staff do by hand; ``reconcile`` checks the invariants I1–I7 (``purchase_rules`` what purchases
and returns say of them, ``rollups`` the sums kept beside), ``repair`` mends.
"""

from loyalty.wallet.adjustments import (
    Adjustment,
    approve_adjustment,
    clean_reason,
    decline_adjustment,
    freeze_note,
    pause_spending,
    release_spending,
    request_adjustment,
    waiting_adjustments,
)
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
from loyalty.wallet.merging import MERGED, move_all
from loyalty.wallet.moves import (
    BROKEN,
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
from loyalty.wallet.reconcile import Fault, broken_accounts, check_rollups, reconcile
from loyalty.wallet.repair import Mended, repair, repair_rollups
from loyalty.wallet.state import Cause, Wallet

__all__ = [
    "BROKEN",
    "MERGED",
    "Adjustment",
    "Balance",
    "Cause",
    "EntryView",
    "Expired",
    "Expiring",
    "Fault",
    "Granted",
    "Hold",
    "Lot",
    "Mended",
    "Pending",
    "Wallet",
    "adjust",
    "approve_adjustment",
    "balance",
    "broken_accounts",
    "check_rollups",
    "clean_reason",
    "decline_adjustment",
    "expire_due",
    "expiring",
    "freeze",
    "freeze_note",
    "get_hold",
    "grant",
    "history",
    "lock",
    "move_all",
    "next_due",
    "open_account",
    "pause_spending",
    "pending",
    "place_hold",
    "reconcile",
    "release_spending",
    "repair",
    "repair_rollups",
    "request_adjustment",
    "take_hold",
    "time_out_holds",
    "unfreeze",
    "void_hold",
    "waiting_adjustments",
]
