"""What the shop's other systems may be told of, and what stands on the envelope."""

from __future__ import annotations

CHAIN_STEP = "chain.step"
"""A chain has come to a webhook step; told by the chain itself, not read from events."""

TEST = "test"
"""Sent by hand from the panel, to see whether the other side answers."""

EVENTS = (
    "customer.joined",
    "purchase.recorded",
    "purchase.returned",
    "points.expired",
    "tier.changed",
    "consent.changed",
    "message.clicked",
)
"""Types of events that are read from the journal (``loyalty.events``)."""

TYPES = (*EVENTS, CHAIN_STEP)
"""Everything an endpoint may ask for."""

SIGNATURE_HEADER = "X-Regulars-Signature"
EVENT_HEADER = "X-Regulars-Event"
DELIVERY_HEADER = "X-Regulars-Delivery"
