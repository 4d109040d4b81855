"""Referrals: who brought whom; both get points once the friend's first receipt has stood.

``attach`` writes an invitation down; ``on_sale`` and ``on_return`` follow the friend's receipts
inside the sale; ``settle_due`` rewards both; beyond the month's number staff ``approve`` or
``decline`` what is in the ``queue``; ``overview`` is what the bot shows.
"""

from loyalty.referrals.asking import Friend, Overview, Waiting, overview, queue
from loyalty.referrals.attaching import Attached, Refusal, attach, code_of, normalize_code
from loyalty.referrals.following import (
    DECLINED,
    INVITED,
    PENDING,
    REVIEW,
    REWARDED,
    on_return,
    on_sale,
)
from loyalty.referrals.settling import Settled, approve, decline, next_due, settle_due
from loyalty.referrals.tables import referral

__all__ = [
    "DECLINED",
    "INVITED",
    "PENDING",
    "REVIEW",
    "REWARDED",
    "Attached",
    "Friend",
    "Overview",
    "Refusal",
    "Settled",
    "Waiting",
    "approve",
    "attach",
    "code_of",
    "decline",
    "next_due",
    "normalize_code",
    "on_return",
    "on_sale",
    "overview",
    "queue",
    "referral",
    "settle_due",
]
