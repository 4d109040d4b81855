"""Whether a voucher may be used now; every reason why not has its own error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loyalty.errors import (
    VoucherBelowMinimum,
    VoucherBlocked,
    VoucherCustomerLimit,
    VoucherEmpty,
    VoucherExpired,
    VoucherInactive,
    VoucherNeedsCustomer,
    VoucherNotCombinable,
    VoucherNotStarted,
    VoucherNotYours,
    VoucherUsedUp,
    VoucherWrongSegment,
)
from loyalty.vouchers.model import BLOCKED, EXPIRED, INACTIVE, REDEEMED, Voucher


def check(
    voucher: Voucher,
    *,
    customer_id: int | None,
    segments: frozenset[str],
    uses: int,
    total: int,
    now: datetime,
) -> None:
    """Nothing, if ``voucher`` may be used in a receipt of ``total`` minor units.

    ``segments`` are the customer's, ``uses`` how often this customer has used it.

    Raises:
        VoucherBlocked, VoucherInactive, VoucherExpired, VoucherNotStarted, VoucherUsedUp,
        VoucherEmpty: the voucher itself is not good now.
        VoucherNeedsCustomer, VoucherNotYours, VoucherWrongSegment, VoucherCustomerLimit: not
            for this customer.
        VoucherBelowMinimum: not for so small a receipt.
    """
    _check_state(voucher, now)
    _check_customer(voucher, customer_id, segments, uses)
    if total < voucher.minimum:
        raise VoucherBelowMinimum(minimum=voucher.minimum)


def _check_state(voucher: Voucher, now: datetime) -> None:
    if voucher.status == BLOCKED:
        raise VoucherBlocked()
    # Used up comes before expired: of the two it is what really happened to it.
    limit = voucher.total_limit
    if voucher.is_gift_card and (voucher.status == REDEEMED or not voucher.balance):
        raise VoucherEmpty()
    if voucher.status == REDEEMED or (limit is not None and voucher.used >= limit):
        raise VoucherUsedUp()
    if voucher.status == EXPIRED or (voucher.ends_at is not None and voucher.ends_at <= now):
        raise VoucherExpired(ends_at=voucher.ends_at)
    if voucher.status == INACTIVE:
        raise VoucherInactive()
    if voucher.starts_at is not None and now < voucher.starts_at:
        raise VoucherNotStarted(starts_at=voucher.starts_at)


def _check_customer(
    voucher: Voucher, customer_id: int | None, segments: frozenset[str], uses: int
) -> None:
    limit = voucher.customer_limit
    needed = voucher.customer_id is not None or voucher.segment is not None or limit is not None
    if needed and customer_id is None:
        raise VoucherNeedsCustomer()
    if voucher.customer_id is not None and voucher.customer_id != customer_id:
        raise VoucherNotYours()
    if voucher.segment is not None and voucher.segment not in segments:
        raise VoucherWrongSegment(segment=voucher.segment)
    if limit is not None and uses >= limit:
        raise VoucherCustomerLimit(limit=limit)


def check_together(vouchers: Sequence[Voucher]) -> None:
    """Nothing, if these may be used on one receipt; gift cards go with everything.

    Raises:
        VoucherNotCombinable: one of several does not combine.
    """
    takers = [voucher for voucher in vouchers if not voucher.is_gift_card]
    if len(takers) > 1 and not all(voucher.combines for voucher in takers):
        raise VoucherNotCombinable()
