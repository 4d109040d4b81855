"""What leaves now: claims rows of the outbox, asks the policy again, settles how it ended.

The states of a row: ``queued → claimed → sending → sent``, or ``unknown``, ``blocked``,
``rejected``, ``dead``, ``skipped``, ``cancelled``. ``claim`` takes rows with a lease, ``begin``
re-checks and words them and commits ``sending`` before anything is called, ``settle`` writes
down the outcomes, ``recover`` ends what a dead process left behind, ``release`` gives claimed
rows back. Leases run on real time, everything else on the business's.
"""

from loyalty.delivery.beginning import Place, begin, give_up
from loyalty.delivery.claiming import (
    LEASE,
    Claimed,
    claim,
    is_anything_due,
    keep,
    next_due,
    postpone,
    recover,
    release,
)
from loyalty.delivery.settling import (
    MAX_ATTEMPTS,
    Kind,
    Outcome,
    Settled,
    close_chat,
    halt_chain,
    settle,
)
from loyalty.delivery.shaping import Outgoing

__all__ = [
    "LEASE",
    "MAX_ATTEMPTS",
    "Claimed",
    "Kind",
    "Outcome",
    "Outgoing",
    "Place",
    "Settled",
    "begin",
    "claim",
    "close_chat",
    "give_up",
    "halt_chain",
    "is_anything_due",
    "keep",
    "next_due",
    "postpone",
    "recover",
    "release",
    "settle",
]
