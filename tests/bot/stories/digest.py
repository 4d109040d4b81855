"""What a story leaves behind, without the ids and moments that differ from run to run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.consent import consent
from loyalty.customers import customer, telegram_chat
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.messaging.tables import outbox
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase, purchase_return
from loyalty.stamps.tables import stamp_balance
from loyalty.vouchers.tables import voucher
from loyalty.wallet import reconcile
from loyalty.wallet.tables import account, entry, lot

_WHAT: dict[str, list[sa.Column[Any]]] = {
    "customers": [
        customer.c.status, customer.c.name, customer.c.phone, customer.c.language,
        customer.c.time_zone, sa.func.substr(customer.c.source, 1, 9), customer.c.birth_day,
        customer.c.birth_month,
        customer.c.birth_year, customer.c.quiet_start, customer.c.quiet_end,
        customer.c.interests, customer.c.erase_after.is_not(None).label("leaving"),
        customer.c.merged_into.is_not(None).label("merged"),
    ],
    "chats": [
        telegram_chat.c.telegram_id, telegram_chat.c.language, telegram_chat.c.step,
        telegram_chat.c.customer_id.is_not(None).label("member"), telegram_chat.c.reachable,
    ],
    "consents": [consent.c.purpose, consent.c.granted, consent.c.language, consent.c.text_version],
    "accounts": [account.c.posted, account.c.held, account.c.debt],
    "entries": [entry.c.kind, entry.c.amount, entry.c.balance_after],
    "lots": [lot.c.granted, lot.c.remaining],
    "drafts": [sale_draft.c.status, sale_draft.c.amount, sale_draft.c.redeem, sale_draft.c.lines],
    "purchases": [
        purchase.c.total, purchase.c.redeemed, purchase.c.earned, purchase.c.returned,
        purchase.c.discount,
    ],
    "returns": [
        purchase_return.c.amount, purchase_return.c.money_back, purchase_return.c.undo,
        purchase_return.c.earned_reversed, purchase_return.c.spent_returned,
    ],
    "vouchers": [voucher.c.kind, voucher.c.status, voucher.c.used],
    "stamps": [stamp_balance.c.card_key, stamp_balance.c.stamps, stamp_balance.c.debt],
    "ratings": [rating.c.score, rating.c.text],
    "talks": [talk.c.kind, talk.c.status],
    "words": [talk_message.c.text],
}  # fmt: skip


def digest(session: Session) -> dict[str, list[str]]:
    """Rows as sorted texts by name, messages on their way by kind; and the books are in order."""
    assert not reconcile(session)
    found = {
        name: sorted(repr(tuple(row)) for row in session.execute(sa.select(*columns)))
        for name, columns in _WHAT.items()
    }
    payloads = session.execute(sa.select(outbox.c.payload)).scalars()
    counted = Counter(str(p.get("template") or p.get("step")) for p in payloads)
    found["messages"] = sorted(f"{name}: {n}" for name, n in counted.items())
    return found
