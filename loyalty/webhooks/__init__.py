"""Outgoing webhooks: the shop's other systems are told what happens, signed, with retries.

``endpoints`` says where to and what of, ``queue_events`` reads the journal into
``webhook_delivery``, ``enqueue`` adds what a chain's step tells, ``claim`` and ``settle`` are for
whoever makes the calls. Secrets are derived from ``SECRET_KEY`` and never stored. At least once,
in no promised order: a receiver knows a copy by the ``id`` in the body.
"""

from loyalty.webhooks.addresses import LONGEST_URL, is_public
from loyalty.webhooks.claiming import (
    AT_ONCE,
    LARGEST_BODY,
    LEASE,
    MAX_ATTEMPTS,
    Call,
    Claimed,
    Outcome,
    claim,
    is_anything_due,
    release,
    settle,
    sweep,
)
from loyalty.webhooks.endpoints import (
    MOST,
    Delivery,
    Endpoint,
    add,
    change,
    deliveries,
    disable,
    enable,
    get,
    listing,
    remove,
    resend,
    rotate,
    send_test,
    waiting,
)
from loyalty.webhooks.naming import (
    CHAIN_STEP,
    DELIVERY_HEADER,
    EVENT_HEADER,
    EVENTS,
    SIGNATURE_HEADER,
    TEST,
    TYPES,
)
from loyalty.webhooks.queueing import enqueue, enqueue_step, queue_events
from loyalty.webhooks.signing import is_genuine, secret_of, signature

__all__ = [
    "AT_ONCE",
    "CHAIN_STEP",
    "DELIVERY_HEADER",
    "EVENTS",
    "EVENT_HEADER",
    "LARGEST_BODY",
    "LEASE",
    "LONGEST_URL",
    "MAX_ATTEMPTS",
    "MOST",
    "SIGNATURE_HEADER",
    "TEST",
    "TYPES",
    "Call",
    "Claimed",
    "Delivery",
    "Endpoint",
    "Outcome",
    "add",
    "change",
    "claim",
    "deliveries",
    "disable",
    "enable",
    "enqueue",
    "enqueue_step",
    "get",
    "is_anything_due",
    "is_genuine",
    "is_public",
    "listing",
    "queue_events",
    "release",
    "remove",
    "resend",
    "rotate",
    "secret_of",
    "send_test",
    "settle",
    "signature",
    "sweep",
    "waiting",
]
