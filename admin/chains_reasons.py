"""Why a message left or did not, and what is wrong with a chain, in words of people."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from loyalty.chains.past import PastDay
from loyalty.texts import N_, Translator

REASONS: dict[str, str] = {
    # The policy's own.
    "no_consent": N_("no consent to advertising"),
    "unreachable": N_("cannot be reached in Telegram"),
    "late": N_("its time had passed"),
    "paused": N_("paused"),
    "quiet_hours": N_("quiet hours"),
    "segment_invalid": N_("the rule about customers cannot be read"),
    "another_first": N_("another message goes first"),
    "trigger_first": N_("another message went that day"),
    "cap_day": N_("enough messages that day"),
    "cap_week": N_("enough messages that week"),
    "cap_all_week": N_("enough messages that week"),
    "holdout": N_("in the control group"),
    "told_by_chain": N_("a chain tells of it"),
    # What a chain was about is no more.
    "points_spent": N_("the points were spent"),
    "spent": N_("the points were spent"),
    "nothing_expires": N_("no points expire that day any more"),
    "has_bought": N_("the customer has bought already"),
    "bought_since_start": N_("the customer has bought meanwhile"),
    "purchase_returned": N_("the purchase was returned"),
    "purchase_rated": N_("the purchase is rated already"),
    "later_purchase": N_("a later purchase of that day is asked about"),
    "asked_already": N_("another purchase of that day was asked about"),
    "ordered": N_("the order was placed, the cart emptied or another one begun"),
    "bought_category": N_("these goods were bought meanwhile"),
    "day_moved": N_("the day has moved"),
    "left_segment": N_("the customer is not in the segment any more"),
    "rule": N_("the customer fits a reason to stop"),
    "exited": N_("no longer needed"),
    "ended": N_("no longer needed"),
    "overtaken": N_("a nearer reminder replaced it"),
    "just_given": N_("the points had only just come"),
    "superseded": N_("a nearer reminder replaced it"),
    "outage": N_("a nearer reminder replaced it"),
    "taken_out": N_("taken out of the chain by hand"),
    "chain_off": N_("the chain was switched off"),
    "withdrawn": N_("the customer opted out"),
    "customer_gone": N_("the customer has left the program"),
    "erased": N_("the customer has left the program"),
    "cannot_be_worded": N_("the text could not be filled in"),
    "no_phone": N_("there is no phone number to call"),
    "failed": N_("it could not be done: look at the step"),
    "no_code": N_("there was no coupon to tell about"),
    "top_tier": N_("no level is above the customer's"),
    "tier_kept": N_("the level is safe by now"),
    "no_stamp_cards": N_("the program has no stamp card"),
    # How sending ended.
    "blocked": N_("the customer has blocked the bot"),
    "rejected": N_("Telegram refused it"),
    "dead": N_("could not be sent after several tries"),
    "unknown": N_("perhaps delivered: the connection broke off"),
    "lease_lost": N_("sending was interrupted"),
    "cancelled": N_("cancelled"),
    "skipped": N_("not sent"),
    "other": N_("another reason"),
}
"""Every reason a touch, a message or a way through a chain can carry."""

OUTCOMES: dict[str, str] = {
    "sent": N_("sent"),
    "done": N_("done"),
    "unknown": N_("perhaps delivered"),
    "leaving": N_("waiting to leave"),
    "waiting": N_("waits"),
    "skipped": N_("not sent"),
    "held_out": N_("not sent on purpose"),
}
FILTERS: dict[str, str] = OUTCOMES | {
    "done": N_("given or done"),
    "skipped": N_("not sent, not given"),
    "held_out": N_("left out on purpose"),
}
"""The same of a whole chain, whose steps are of many kinds."""
_OF_GIFTS = {
    "done": N_("gift given"),
    "skipped": N_("gift not given"),
    "held_out": N_("gift not given on purpose"),
}
_OF_DEEDS = {
    "done": N_("done"),
    "skipped": N_("not done"),
    "held_out": N_("not done on purpose"),
}
_BY_KIND = {"gift": _OF_GIFTS, "tag": _OF_DEEDS, "task": _OF_DEEDS, "webhook": _OF_DEEDS}
COLOURS = {
    "sent": "good", "done": "good", "unknown": "waiting", "leaving": "waiting",
    "waiting": "waiting", "skipped": "plain", "held_out": "plain",
}  # fmt: skip

PROBLEMS: dict[str, str] = {
    "language_missing:ru": N_("The Russian text is missing."),
    "language_missing:en": N_("The English text is missing."),
    "no_message": N_("The chain does nothing yet: add a message or another step."),
    "no_date_to_wait_for": N_(
        "This chain is about no day, so there is nothing to count back from."
    ),
    "id_taken": N_("Two parts have the same name. Remove one and add it anew."),
    "leads_back": N_("It leads back up. A chain goes only forward."),
    "leads_nowhere": N_("The step it leads to is gone. Choose another one."),
    "unreachable": N_("Nobody can come to this step: the steps above lead past it."),
    "one_of_two": N_("Choose what to look at."),
    "one_gift": N_("Choose what to give."),
    "shares_too_big": N_("Together the shares are more than 100 %."),
    "data_or_url": N_("Choose what the button opens."),
    "unknown_variable": N_("The button asks for something this chain does not know."),
    "data_length": N_("What the button opens is too long."),
    "not_a_link": N_("A link begins with https://"),
    "link_broken": N_("This link leads nowhere: copy the whole address anew."),
    "caption_too_long": N_("With a picture a text has at most 1,024 characters."),
    "subject_missing": N_("Say which value tells one time from another."),
    "code_without_gift": N_("It tells a coupon's code, and somebody may come here without one."),
    "date_missing": N_("Choose the day."),
    "no_such_day": N_("That month has no such day."),
    "event_name": N_(
        "An event is called by small Latin letters and digits, as your site sends it."
    ),
    "rule_empty": N_("Say who these words are for: without a condition they are for everybody."),
    "empty": N_("Fill this in."),
    "too_long": N_("Too long: at most 4,096 characters."),
    "stray_brace": N_("A curly bracket stands alone: open and close each one."),
    "stray_angle": N_(
        "An angle bracket stands alone: Telegram takes it for a tag. Say it in words."
    ),
    "no_draft": N_("There is nothing to publish."),
    "never_published": N_("Publish the chain first."),
    "draft_too_long": N_("The chain is far too long."),
    # What the machine says of values it cannot read.
    "missing": N_("Fill this in."),
    "string_too_short": N_("Fill this in."),
    "string_too_long": N_("Too long."),
    "too_many_items": N_("Too many of them."),
    "too_long_list": N_("Too many of them."),
    "greater_than_equal": N_("Too small."),
    "less_than_equal": N_("Too large."),
    "greater_than": N_("Too small."),
    "less_than": N_("Too large."),
    "string_pattern_mismatch": N_("This cannot be read. Choose or type it again."),
    "union_tag_invalid": N_("Choose one."),
    "union_tag_not_found": N_("Choose one."),
    "date_from_datetime_parsing": N_("A day, like 2026-06-01."),
}
_VARIABLE: dict[str, str] = {
    "unknown_variable": N_("There is no variable “{name}”."),
    "fallback_missing": N_("Not everybody has “{name}”: say what to write instead."),
    "unknown_tag": N_("Telegram does not know the tag “{name}”."),
    "unclosed_tag": N_("The tag “{name}” is not closed."),
}
_NEEDS: dict[str, str] = {
    "card_missing": N_("The stamp card it gives stamps on is not in the program."),
    "picture_missing": N_("Its picture is gone: choose another one."),
    "segment_missing": N_("A segment it asks about is gone."),
    "paces_missing": N_("Say for some category of goods after how many days it runs out."),
    "site_silent": N_("Connect your site: nothing about carts and views has come from it yet."),
    "dates_missing": N_("Nobody has a date yet: import it or write it on a guest's card."),
    "webhook_missing": N_("Add an address for webhooks: nobody would hear of it."),
}
"""What a chain needs beside itself."""
_UNREADABLE = N_("This cannot be read. Choose or type it again.")
LANGUAGES = {"ru": N_("In Russian"), "en": N_("In English")}


def say_reason(t: Translator, code: str | None) -> Markup | None:
    """Why, in words; None where there is nothing to tell."""
    if code is None:
        return None
    kind, _, rest = code.partition(":")
    if kind in REASONS:
        return t(REASONS[kind])
    del rest
    return t(REASONS["other"])


def say_outcome(t: Translator, outcome: str, kind: str) -> Markup:
    """How a decision ended, one of ``OUTCOMES``, in words that fit the ``kind`` of its step, or
    the class of its message: a gift is given, a message is sent."""
    return t(_BY_KIND.get(kind, OUTCOMES).get(outcome, OUTCOMES[outcome]))


def say_need(t: Translator, code: str) -> Markup:
    """What a chain needs beside itself."""
    return t(_NEEDS[code]) if code in _NEEDS else say_problem(t, code)


def say_past(t: Translator, past: PastDay) -> Markup:
    """That a chain has come too late for a day, and when it begins instead."""
    day = t.day(past.day, year=True)
    if past.next is None:
        return t("Its day, {day}, is past: nobody begins it any more. Choose another day.", day=day)
    following = t.day(past.next, year=True)
    return t("This year's day, {day}, is past: it next begins on {next}.", day=day, next=following)


def say_problem(t: Translator, code: str, facts: Any = None) -> Markup:
    """What is wrong with a part of a chain, and how it is mended."""
    del facts
    head, _, rest = code.partition(":")
    if code in PROBLEMS:
        return t(PROBLEMS[code])
    if head in LANGUAGES and rest:
        return t("{language}: {problem}", language=t(LANGUAGES[head]), problem=say_problem(t, rest))
    if head in _VARIABLE and rest:
        return t(_VARIABLE[head], name=rest)
    if head in PROBLEMS:
        return t(PROBLEMS[head])
    return t(_UNREADABLE)


def known_problem(code: str) -> bool:
    """Whether there are words of its own for a problem."""
    head, _, rest = code.partition(":")
    if head in LANGUAGES and rest:
        return known_problem(rest)
    return code in PROBLEMS or head in PROBLEMS or head in _VARIABLE or code in _NEEDS
