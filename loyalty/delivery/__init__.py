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
from loyalty.delivery.clicks import note_link, note_tap
from loyalty.delivery.settling import (
    DEAD,
    MAX_ATTEMPTS,
    REJECTED,
    Kind,
    Outcome,
    Settled,
    close_chat,
    code_of,
    count_lost,
    halt_chain,
    settle,
)
from loyalty.delivery.shaping import Outgoing
from loyalty.delivery.testing import send_test
from loyalty.delivery.tracking import (
    PATH,
    Links,
    Tracked,
    find_link,
    kept_for_links,
    split_mark,
    tracked,
)

__all__ = [
    "DEAD",
    "LEASE",
    "MAX_ATTEMPTS",
    "PATH",
    "REJECTED",
    "Claimed",
    "Kind",
    "Links",
    "Outcome",
    "Outgoing",
    "Place",
    "Settled",
    "Tracked",
    "begin",
    "claim",
    "close_chat",
    "code_of",
    "count_lost",
    "find_link",
    "give_up",
    "halt_chain",
    "is_anything_due",
    "keep",
    "kept_for_links",
    "next_due",
    "note_link",
    "note_tap",
    "postpone",
    "recover",
    "release",
    "send_test",
    "settle",
    "split_mark",
    "tracked",
]
