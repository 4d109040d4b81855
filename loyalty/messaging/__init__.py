"""Messages: the policy that decides, the rows that wait to leave, the words they say.

``enqueue`` puts a message on its way with the rows of a unit; ``decide`` says whether a message
may leave, from facts alone; ``render`` words our own messages, ``placeholders`` the marketer's.
Who sends them, and what today's facts are, is the business of ``loyalty.delivery``.
"""

from loyalty.messaging.outbox import (
    AFTER_CHAIN,
    CHAIN_MAY_TAKE,
    MASS,
    SERVICE,
    SERVICE_DEADLINE,
    TRIGGER,
    cancel_queued,
    enqueue,
    enqueue_once,
)
from loyalty.messaging.policy import (
    Decision,
    Facts,
    HeldOut,
    Left,
    PolicyRules,
    Send,
    Skip,
    Wait,
    decide,
    rank,
)
from loyalty.messaging.templates import Context, Message, render, template_names

__all__ = [
    "AFTER_CHAIN",
    "CHAIN_MAY_TAKE",
    "MASS",
    "SERVICE",
    "SERVICE_DEADLINE",
    "TRIGGER",
    "Context",
    "Decision",
    "Facts",
    "HeldOut",
    "Left",
    "Message",
    "PolicyRules",
    "Send",
    "Skip",
    "Wait",
    "cancel_queued",
    "decide",
    "enqueue",
    "enqueue_once",
    "rank",
    "render",
    "template_names",
]
