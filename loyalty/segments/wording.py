"""Phrases of conditions; ``describing`` puts the values in."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from loyalty.segments.ready_made import (
    ACTIVE,
    ADVOCATES,
    AT_RISK,
    BIRTHDAY_MONTH,
    BIRTHDAY_WEEK,
    LOST,
    NEWCOMERS,
    NO_PURCHASES,
    ONE_TIME,
    POINTS_EXPIRING,
    SLEEPING,
    VIP,
)
from loyalty.segments.rules import Is
from loyalty.texts import N_, Translator

READY_MADE: dict[str, str] = {
    NEWCOMERS: N_("Newcomers"),
    ACTIVE: N_("Active buyers"),
    AT_RISK: N_("At risk of leaving"),
    SLEEPING: N_("Sleeping buyers"),
    LOST: N_("Lost buyers"),
    ONE_TIME: N_("Bought once"),
    NO_PURCHASES: N_("Have not bought yet"),
    VIP: N_("VIP"),
    ADVOCATES: N_("Fans of the place"),
    BIRTHDAY_WEEK: N_("Birthday this week"),
    BIRTHDAY_MONTH: N_("Birthday this month"),
    POINTS_EXPIRING: N_("Points are expiring"),
}
"""What the ready-made segments are called."""

PHRASES: dict[str, str] = {
    "language": N_("language {how}"),
    "sex": N_("sex {how}"),
    "city": N_("city {how}"),
    "time_zone": N_("time zone {how}"),
    "home_outlet": N_("home outlet {how}"),
    "source": N_("came from {how}"),
    "status": N_("card {how}"),
    "joined_days_ago": N_("joined {how}"),
    "birthday_in_days": N_("birthday {how}"),
    "age": N_("age {how}"),
    "orders": N_("purchases: {how}"),
    "spent": N_("spent {how}"),
    "average_receipt": N_("average receipt {how}"),
    "last_purchase_days_ago": N_("last purchase {how}"),
    "first_purchase_days_ago": N_("first purchase {how}"),
    "lifecycle": N_("as a buyer {how}"),
    "bought": N_("purchases of {goods}: {how}"),
    "bought_sum": N_("spent on {goods} {how}"),
    "bought_days_ago": N_("last bought {goods} {how}"),
    "points": N_("points to spend: {how}"),
    "points_expiring": N_("points that expire: {how}"),
    "tier": N_("tier {how}"),
    "to_next_tier": N_("left to the next tier {how}"),
    "to_next_tier_share": N_("left to the next tier {how}"),
    "stamps": N_("stamps on “{key}”: {how}"),
    "vouchers": N_("vouchers to use: {how}"),
    "friends_brought": N_("friends brought: {how}"),
    "rating_last": N_("last rating {how}"),
    "rating_average": N_("average rating {how}"),
    "event": N_("times “{key}” happened: {how}"),
    "messages_received": N_("messages received{key}: {how}"),
    "messages_clicked": N_("messages tapped{key}: {how}"),
    "field_text": N_("own field “{key}” {how}"),
    "field_number": N_("own field “{key}” {how}"),
    "field_days_until": N_("day “{key}” {how}"),
    "field_date": N_("day “{key}” {how}"),
}

YES_NO: dict[str, tuple[str, str]] = {
    "birthday_known": (N_("birthday is known"), N_("birthday is not known")),
    "birthday_this_month": (N_("birthday this month"), N_("birthday not this month")),
    "reachable": (N_("can be written to in Telegram"), N_("cannot be written to in Telegram")),
    "ads_consent": (N_("agreed to offers: {way}"), N_("did not agree to offers: {way}")),
    "was_brought": (N_("brought by a friend"), N_("came without a friend")),
}

LISTS: dict[str, tuple[str, str]] = {
    "tag": (N_("has the tag “{value}”"), N_("has no tag “{value}”")),
    "interest": (N_("likes “{value}”"), N_("did not say they like “{value}”")),
}

KNOWN = {"known": N_("known"), "unknown": N_("not known")}
TIER_EDGES = {">=": N_("{value} or higher"), "<=": N_("{value} or lower")}
OF_NUMBERS = {
    ">=": N_("at least {value}"),
    ">": N_("more than {value}"),
    "<=": N_("at most {value}"),
    "<": N_("less than {value}"),
    "=": N_("exactly {value}"),
    "!=": N_("not {value}"),
}
OF_DATES = {
    ">=": N_("on {value} or later"),
    "<=": N_("on {value} or earlier"),
    "=": N_("on {value}"),
}
OF_WORDS = {
    "=": N_("— {value}"),
    "in": N_("— {value}"),
    "!=": N_("other than {value}"),
    "not_in": N_("other than {value}"),
    "contains": N_("contains {value}"),
}

AHEAD = frozenset({"birthday_in_days", "field_days_until"})


def days_ago(_: Translator, op: str, n: int, low: int) -> Markup:
    """ "More than 90 days ago"; ``low`` is the lower end of two."""
    least = _.number(low)
    match op:
        case ">=":
            return _.plural("{n} day ago or earlier", "{n} days ago or earlier", n)
        case ">":
            return _.plural("more than {n} day ago", "more than {n} days ago", n)
        case "<=":
            return _.plural("at most {n} day ago", "at most {n} days ago", n)
        case "<":
            return _.plural("less than {n} day ago", "less than {n} days ago", n)
        case "!=":
            return _.plural("not {n} day ago", "not {n} days ago", n)
        case "between":
            return _.plural("from {low} to {n} day ago", "from {low} to {n} days ago", n, low=least)
        case _:
            return _.plural("exactly {n} day ago", "exactly {n} days ago", n)


def days_until(_: Translator, op: str, n: int, low: int) -> Markup:
    """ "In at most 7 days"; ``low`` as above."""
    least = _.number(low)
    match op:
        case ">=":
            return _.plural("in {n} day or later", "in {n} days or later", n)
        case ">":
            return _.plural("in more than {n} day", "in more than {n} days", n)
        case "<=":
            return _.plural("in at most {n} day", "in at most {n} days", n)
        case "<":
            return _.plural("in less than {n} day", "in less than {n} days", n)
        case "!=":
            return _.plural("not in {n} day", "not in {n} days", n)
        case "between":
            return _.plural("in {low} to {n} day", "in {low} to {n} days", n, low=least)
        case _:
            return _.plural("in exactly {n} day", "in exactly {n} days", n)


def is_whether(asked: Is) -> bool:
    """Whether a count asks only if there was any: "at least 1", "0", "less than 1"."""
    value: Any = asked.value
    return (asked.op, value) in (
        (">=", 1),
        (">", 0),
        ("=", 0),
        ("<=", 0),
        ("<", 1),
    )
