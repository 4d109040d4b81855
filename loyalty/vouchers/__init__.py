"""Vouchers: promo codes, coupons and gift cards.

``codes`` reads and draws them, ``reading`` finds them (under lock for a sale), ``checking`` says
why one may not be used, ``reductions`` what it takes off, ``using`` claims a use and gives it
back, ``issuing`` makes new ones, ``tending`` activates, blocks, takes back and expires them,
``listing`` shows them, ``reconcile`` checks the sums.
"""

from loyalty.vouchers.checking import check, check_together
from loyalty.vouchers.codes import chosen, draw, grouped, normalize
from loyalty.vouchers.issuing import MOST_AT_ONCE, create, issue, issue_many
from loyalty.vouchers.listing import (
    TRIES_PER_MINUTE,
    Checked,
    Page,
    Past,
    check_code,
    ensure_may_try,
    get,
    listing,
    mine,
    note_wrong,
    past,
    uses_of,
)
from loyalty.vouchers.model import (
    ACTIVE,
    BLOCKED,
    COUPON,
    EXPIRED,
    GIFT_CARD,
    INACTIVE,
    KINDS,
    PROMO_CODE,
    REDEEMED,
    STATUSES,
    Issued,
    Voucher,
)
from loyalty.vouchers.reading import find, read, uses_by
from loyalty.vouchers.reconcile import reconcile
from loyalty.vouchers.reductions import reduction
from loyalty.vouchers.tables import voucher, voucher_use
from loyalty.vouchers.tending import (
    activate,
    block,
    expire_due,
    is_issued,
    unblock,
    unused_of,
    void,
    void_unused,
)
from loyalty.vouchers.using import RolledBack, roll_back, use

__all__ = [
    "ACTIVE",
    "BLOCKED",
    "COUPON",
    "EXPIRED",
    "GIFT_CARD",
    "INACTIVE",
    "KINDS",
    "MOST_AT_ONCE",
    "PROMO_CODE",
    "REDEEMED",
    "STATUSES",
    "TRIES_PER_MINUTE",
    "Checked",
    "Issued",
    "Page",
    "Past",
    "RolledBack",
    "Voucher",
    "activate",
    "block",
    "check",
    "check_code",
    "check_together",
    "chosen",
    "create",
    "draw",
    "ensure_may_try",
    "expire_due",
    "find",
    "get",
    "grouped",
    "is_issued",
    "issue",
    "issue_many",
    "listing",
    "mine",
    "normalize",
    "note_wrong",
    "past",
    "read",
    "reconcile",
    "reduction",
    "roll_back",
    "unblock",
    "unused_of",
    "use",
    "uses_by",
    "uses_of",
    "void",
    "void_unused",
    "voucher",
    "voucher_use",
]
