"""Who somebody is, as marketers say it: ready-made segments from facts at hand, and rules.

``ready_made`` tells a sale which of the ready-made segments its customer is in; ``rules`` are
typed trees checked when saved, ``compiling`` turns one into SQL over customers, ``store`` keeps
the shop's own.
"""

from loyalty.segments.catalogue import FIELDS
from loyalty.segments.checking import check, conditions
from loyalty.segments.compiling import (
    PEOPLE,
    Sampled,
    count,
    matching,
    members_of,
    sample,
    where,
)
from loyalty.segments.describing import Names, describe, segment_title
from loyalty.segments.fields import GROUPS, OPERATORS, Extra, Field
from loyalty.segments.ready_made import (
    ACTIVE,
    ACTIVE_DAYS,
    ADVOCATES,
    AT_RISK,
    AT_RISK_DAYS,
    BIRTHDAY_MONTH,
    BIRTHDAY_WEEK,
    BIRTHDAY_WEEK_DAYS,
    EVERY_READY_MADE,
    EXPIRING_DAYS,
    LIFECYCLE,
    LOST,
    NEWCOMER_DAYS,
    NEWCOMERS,
    NO_PURCHASES,
    ONE_TIME,
    POINTS_EXPIRING,
    READY_MADE,
    SLEEPING,
    SLEEPING_DAYS,
    VIP,
    in_birthday_week,
    lifecycle,
    ready_made,
)
from loyalty.segments.rules import All, AnyOf, InSegment, Is, Not, Rule
from loyalty.segments.saved import Saved, saved
from loyalty.segments.store import Stored, archive, get, listing, save

__all__ = [
    "ACTIVE",
    "ACTIVE_DAYS",
    "ADVOCATES",
    "AT_RISK",
    "AT_RISK_DAYS",
    "BIRTHDAY_MONTH",
    "BIRTHDAY_WEEK",
    "BIRTHDAY_WEEK_DAYS",
    "EVERY_READY_MADE",
    "EXPIRING_DAYS",
    "FIELDS",
    "GROUPS",
    "LIFECYCLE",
    "LOST",
    "NEWCOMERS",
    "NEWCOMER_DAYS",
    "NO_PURCHASES",
    "ONE_TIME",
    "OPERATORS",
    "PEOPLE",
    "POINTS_EXPIRING",
    "READY_MADE",
    "SLEEPING",
    "SLEEPING_DAYS",
    "VIP",
    "All",
    "AnyOf",
    "Extra",
    "Field",
    "InSegment",
    "Is",
    "Names",
    "Not",
    "Rule",
    "Sampled",
    "Saved",
    "Stored",
    "archive",
    "check",
    "conditions",
    "count",
    "describe",
    "get",
    "in_birthday_week",
    "lifecycle",
    "listing",
    "matching",
    "members_of",
    "ready_made",
    "sample",
    "save",
    "saved",
    "segment_title",
    "where",
]
