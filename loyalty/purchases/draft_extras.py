"""What a cashier adds to a sale beside its sum: vouchers and stamps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from loyalty import program
from loyalty.errors import StampsInvalid
from loyalty.purchases.draft_rows import Draft, change, lock, release
from loyalty.purchases.drafts import quote_of
from loyalty.staff import Staff

MAX_STAMPS = 20
"""Stamps a cashier may count in one sale."""


def add_voucher(
    session: Session, *, draft_id: int, staff: Staff, code: str, now: datetime
) -> Draft:
    """Use a voucher in this sale; the same code twice is one. Points are chosen anew.

    Raises:
        VoucherNotFound and the other refusals of a voucher: what the sale as it stands refuses.
        AmountOutOfRange: no sum was typed yet.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    codes = list(dict.fromkeys((*draft.vouchers, code)))
    quote_of(session, draft=replace(draft, redeem=0, vouchers=codes), now=now)
    return change(session, draft, now, vouchers=codes, redeem=0)


def drop_vouchers(session: Session, *, draft_id: int, staff: Staff, now: datetime) -> Draft:
    """Take all vouchers out of this sale; points are chosen anew.

    Raises:
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = release(session, lock(session, draft_id, staff, now), now)
    return change(session, draft, now, vouchers=None, redeem=0)


def set_stamps(
    session: Session, *, draft_id: int, staff: Staff, card_key: str, stamps: int, now: datetime
) -> Draft:
    """How many stamps the cashier counted for a card; 0 for none.

    Raises:
        StampsInvalid: not between none and ``MAX_STAMPS``, or no such card.
        DraftNotFound, DraftClosed: see ``draft_rows.lock``.
    """
    draft = lock(session, draft_id, staff, now)
    card = program.current(session, now=now).program.stamp_card(card_key)
    if card is None or not 0 <= stamps <= MAX_STAMPS:
        raise StampsInvalid(maximum=MAX_STAMPS)
    counted = {**draft.stamps, card_key: stamps}
    return change(session, draft, now, stamps={key: n for key, n in counted.items() if n} or None)
