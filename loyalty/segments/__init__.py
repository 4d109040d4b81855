"""Who somebody is, as marketers say it: ready-made segments from facts at hand, and rules.

``ready_made`` tells a sale which of the ready-made segments its customer is in; ``rules`` are
typed trees checked when saved, ``compiling`` turns one into SQL over customers, ``store`` keeps
the shop's own.
"""

from loyalty.segments.ready_made import (
    ACTIVE,
    ACTIVE_DAYS,
    AT_RISK,
    AT_RISK_DAYS,
    BIRTHDAY_MONTH,
    BIRTHDAY_WEEK,
    BIRTHDAY_WEEK_DAYS,
    LIFECYCLE,
    LOST,
    NEWCOMER_DAYS,
    NEWCOMERS,
    NO_PURCHASES,
    ONE_TIME,
    READY_MADE,
    SLEEPING,
    SLEEPING_DAYS,
    VIP,
    in_birthday_week,
    lifecycle,
    ready_made,
)
from loyalty.segments.rules import All, AnyOf, InSegment, Is, Not, Rule

__all__ = [
    "ACTIVE",
    "ACTIVE_DAYS",
    "AT_RISK",
    "AT_RISK_DAYS",
    "BIRTHDAY_MONTH",
    "BIRTHDAY_WEEK",
    "BIRTHDAY_WEEK_DAYS",
    "LIFECYCLE",
    "LOST",
    "NEWCOMERS",
    "NEWCOMER_DAYS",
    "NO_PURCHASES",
    "ONE_TIME",
    "READY_MADE",
    "SLEEPING",
    "SLEEPING_DAYS",
    "VIP",
    "All",
    "AnyOf",
    "InSegment",
    "Is",
    "Not",
    "Rule",
    "in_birthday_week",
    "lifecycle",
    "ready_made",
]
