"""Every table, imported so that ``metadata`` is whole (migrations and tests need it all)."""

from loyalty import consent, customers, events, inbox, jobs, program, receipts, staff
from loyalty.chains import tables as chains
from loyalty.db import installation
from loyalty.db.types import metadata
from loyalty.messaging import tables as messaging
from loyalty.purchases import tables as purchases
from loyalty.wallet import tables as wallet

__all__ = [
    "chains",
    "consent",
    "customers",
    "events",
    "inbox",
    "installation",
    "jobs",
    "messaging",
    "metadata",
    "program",
    "purchases",
    "receipts",
    "staff",
    "wallet",
]
