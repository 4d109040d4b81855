"""Every table, imported so that ``metadata`` is whole (migrations and tests need it all)."""

from loyalty import (
    consent,
    customers,
    events,
    idempotency,
    inbox,
    jobs,
    program,
    receipts,
    staff,
)
from loyalty.chains import tables as chains
from loyalty.db import installation
from loyalty.db.types import metadata
from loyalty.dryrun import tables as dryrun
from loyalty.feedback import tables as feedback
from loyalty.goods import tables as goods
from loyalty.guards import tables as guards
from loyalty.messaging import tables as messaging
from loyalty.promotions import tables as promotions
from loyalty.purchases import tables as purchases
from loyalty.referrals import tables as referrals
from loyalty.segments import tables as segments
from loyalty.stamps import tables as stamps
from loyalty.tasks import tables as tasks
from loyalty.vouchers import tables as vouchers
from loyalty.wallet import tables as wallet
from loyalty.webhooks import tables as webhooks

__all__ = [
    "chains",
    "consent",
    "customers",
    "dryrun",
    "events",
    "feedback",
    "goods",
    "guards",
    "idempotency",
    "inbox",
    "installation",
    "jobs",
    "messaging",
    "metadata",
    "program",
    "promotions",
    "purchases",
    "receipts",
    "referrals",
    "segments",
    "staff",
    "stamps",
    "tasks",
    "vouchers",
    "wallet",
    "webhooks",
]
