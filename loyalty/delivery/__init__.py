"""What leaves now: claims rows of the outbox, asks the policy again, settles how it ended.

The states of a row: ``queued → claimed → sending → sent``, or ``unknown``, ``blocked``,
``rejected``, ``dead``, ``skipped``, ``cancelled``. ``claim`` takes rows with a lease, ``begin``
re-checks and words them and commits ``sending`` before anything is called, ``settle`` writes
down the outcomes, ``recover`` ends what a dead process left behind, ``release`` gives claimed
rows back. Leases run on real time, everything else on the business's.
"""

from loyalty.delivery.beginning import Outgoing, Place, begin
from loyalty.delivery.claiming import LEASE, Claimed, claim, next_due, recover, release
from loyalty.delivery.settling import MAX_ATTEMPTS, Outcome, Settled, settle

__all__ = [
    "LEASE",
    "MAX_ATTEMPTS",
    "Claimed",
    "Outcome",
    "Outgoing",
    "Place",
    "Settled",
    "begin",
    "claim",
    "next_due",
    "recover",
    "release",
    "settle",
]
