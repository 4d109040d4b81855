"""Outgoing webhooks: the shop's other systems are told what happens, signed, with retries.

``endpoints`` says where to and what of, ``queue_events`` reads the journal into
``webhook_delivery``, ``enqueue`` adds what a chain's step tells, ``claim`` and ``settle`` are for
whoever makes the calls. Secrets are derived from ``SECRET_KEY`` and never stored. At least once,
in no promised order: a receiver knows a copy by the ``id`` in the body.
"""

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
    "CHAIN_STEP",
    "DELIVERY_HEADER",
    "EVENTS",
    "EVENT_HEADER",
    "SIGNATURE_HEADER",
    "TEST",
    "TYPES",
    "enqueue",
    "enqueue_step",
    "is_genuine",
    "queue_events",
    "secret_of",
    "signature",
]
