"""Referrals: who brought whom; both get points once the friend's first receipt has stood."""

from loyalty.referrals.following import on_return, on_sale
from loyalty.referrals.tables import referral

__all__ = ["on_return", "on_sale", "referral"]
