"""The domain's refusals in people's words: one sentence for every code, in every language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from loyalty.errors import DomainError
from loyalty.texts import N_, Translator


@dataclass(frozen=True, slots=True)
class Locale:
    """What amounts and moments are worded in."""

    currency: str = "RUB"
    time_zone: str = "Europe/Moscow"


Facts = Mapping[str, Any]
Say = Callable[[Translator, Facts, Locale], Markup]

_PLAIN = {
    "customer_not_found": N_("I could not find such a customer. Please check and try again 🔎"),
    "purchase_not_found": N_("I could not find this purchase."),
    "staff_not_found": N_("I could not find this team member."),
    "outlet_not_found": N_("I could not find this place."),
    "draft_not_found": N_("This sale is gone. Please scan the card again."),
    "hold_not_found": N_("This request is gone. Please start again."),
    "adjustment_not_found": N_("I could not find this correction."),
    "adjustment_decided": N_("This correction has been decided already."),
    "account_broken": N_(
        "The points on this card do not add up, so they are kept safe until that is mended."
    ),
    "second_person_needed": N_("Somebody else has to decide about this."),
    "program_draft_not_found": N_("These rules are no longer being edited."),
    "program_version_not_found": N_("There are no such rules."),
    "program_changed": N_("Somebody else has changed these rules meanwhile."),
    "nothing_to_publish": N_("Nothing has changed in these rules."),
    "version_has_begun": N_("These rules are in force already."),
    "publication_in_past": N_("Rules can begin now or later, not in the past."),
    "chain_not_found": N_("I could not find this chain of messages."),
    "tier_not_found": N_("There is no such level any more."),
    "referral_not_found": N_("I could not find this invitation."),
    "referral_decided": N_("This invitation does not wait for a decision any more."),
    "anomaly_not_found": N_("I could not find this note."),
    "promotion_not_found": N_("I could not find this promotion."),
    "entry_not_found": N_("I could not find this line of your history."),
    "dry_run_not_found": N_("I could not find this dry run."),
    "dry_run_period": N_("Please choose a first day that is not after the last one."),
    "hold_already_resolved": N_("This has been settled already."),
    "draft_closed": N_("This sale is closed already. Please scan the card again for a new one."),
    "duplicate_receipt": N_("A receipt with this number was recorded today already."),
    "idempotency_conflict": N_("This request came before with other content."),
    "request_in_flight": N_("One moment, this is being done right now ⏳"),
    "return_exceeds_purchase": N_("That is more than what is left to return."),
    "undo_refused": N_("This sale cannot be undone any more. Please return it instead."),
    "nothing_to_return": N_("Everything from this purchase has been returned already."),
    "invitation_used": N_(
        "This invitation was used or has expired. Please ask your manager for a new one."
    ),
    "already_joined": N_("You are with us already 🙂"),
    "phone_taken": N_("This phone number belongs to another card."),
    "name_taken": N_("This name is taken already. Please choose another one."),
    "confirmation_required": N_("The customer has to confirm this in their own chat."),
    "claim_expired": N_("The link on this receipt is out of date."),
    "not_new_here": N_("This link is for new guests: you are with us already 🙂"),
    "time_out_of_range": N_("This moment is too far from now. Please check it."),
    "database_busy": N_("We are very busy this second. Please try again in a moment 🙏"),
    "presence_required": N_(
        "To pay with points, please scan a fresh card or type the fresh code under it."
    ),
    "customer_blocked": N_("This card is closed. Please talk to the manager."),
    "consent_missing": N_("This needs the customer's agreement first."),
    "own_card": N_("You cannot sell to your own card. Please ask a colleague."),
    "role_missing": N_("Your role does not allow this."),
    "wrong_credentials": N_("The name, the password or the one-time code does not fit."),
    "not_your_contact": N_(
        "This is somebody else's number. Please share your own with the button below 👇"
    ),
    "amount_invalid": N_("I could not read the sum. Please type it like 450 or 450.50"),
    "reason_invalid": N_("Please write the reason in a few words."),
    "points_invalid": N_("Please type a whole number of points, like 50"),
    "phone_invalid": N_("I could not read this phone number."),
    "name_invalid": N_("Please type just your name, like Anna 🙂"),
    "zone_invalid": N_("I do not know this time zone. Please choose one from the list."),
    "source_not_found": N_("I could not find this poster."),
    "birthday_invalid": N_("I could not read the date. Please type it like 05.06 or 05.06.1990"),
    "receipt_invalid": N_("Something in this receipt is not right. Please check it."),
    "code_invalid": N_(
        "I do not know this code. Perhaps it is out of date: please refresh the card and try again."
    ),
    "promotion_invalid": N_("This promotion does not fit together. Please check it."),
    "program_invalid": N_("These rules do not fit together. Please check them."),
    "segment_invalid": N_("This rule about customers does not fit together. Please check it."),
    "segment_not_found": N_("There is no such segment any more."),
    "webhook_invalid": N_("This address cannot be told anything. Please check it."),
    "webhook_not_found": N_("There is no such address any more."),
    "chain_invalid": N_("Something in this chain of messages is not right. Please check it."),
    "card_blank": N_("This paper card is new: it becomes somebody's when a till scans it."),
    "card_taken": N_("This paper card has its owner already."),
    "late_attach": N_("This sale was too long ago to put it on a card."),
    "already_attached": N_("This sale is on somebody else's card."),
    "stamps_invalid": N_("That is not a number of stamps one can give at once."),
    "voucher_not_found": N_("I do not know this code. Please check it letter by letter 🔎"),
    "voucher_used_up": N_("This code has been used up already."),
    "voucher_customer_limit": N_("You have used this code as often as one may."),
    "voucher_blocked": N_("This code is closed. Please talk to the manager."),
    "voucher_inactive": N_("This gift card has not been activated yet."),
    "voucher_empty": N_("Nothing is left on this gift card."),
    "voucher_no_items": N_("There is nothing in this receipt that the code is for."),
    "voucher_not_combinable": N_("These codes do not go together on one receipt."),
    "voucher_code_taken": N_("There is a code like this already. Please choose another one."),
    "voucher_already_active": N_("This gift card cannot be activated: it is in use or closed."),
    "voucher_not_yours": N_("This code is for another customer."),
    "voucher_wrong_segment": N_("This offer is not for this card."),
    "voucher_needs_customer": N_("Please scan the customer's card first, then enter the code."),
    "product_invalid": N_("These goods cannot be kept so. Please check what was typed."),
    "own_field_invalid": N_("There can be no such field. Please check what was typed."),
    "own_value_invalid": N_("This does not fit into the field. Please check it."),
    "picture_invalid": N_("A picture is a PNG, JPEG, WebP or GIF of up to 5 MB."),
    "voucher_code_invalid": N_("A code has 3 to 32 letters and digits."),
    "task_not_found": N_("I could not find this call."),
    "staff_has_no_chat": N_("Connect your own Telegram first, then we can send it to you."),
    "task_closed": N_("This call is over already."),
    "product_not_found": N_("I could not find these goods."),
    "talk_not_found": N_("I could not find this talk."),
    "talk_closed": N_("This talk is closed."),
    "other_talk_open": N_("There is another talk that is not closed yet."),
    "voucher_invalid": N_("Something about this voucher is not right. Please check it."),
}


def _insufficient(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    return _(
        "There are not enough points: {available} on the card.",
        available=_.points(int(facts.get("available", 0))),
    )


def _out_of_range(_: Translator, facts: Facts, locale: Locale) -> Markup:
    return _(
        "The sum can be from {minimum} to {maximum}.",
        minimum=_.money(int(facts.get("minimum", 1)), locale.currency),
        maximum=_.money(int(facts.get("maximum", 0)), locale.currency),
    )


def _too_large(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    most = int(facts.get("max_redeem", 0))
    if not most:
        return _("Points cannot be used for this purchase.")
    return _("For this purchase up to {points} can be used.", points=_.points(most))


def _frozen(_: Translator, facts: Facts, locale: Locale) -> Markup:
    until = facts.get("until")
    if isinstance(until, datetime) and until.year < 9000:
        return _(
            "Points on this card cannot be spent until {moment}: we are keeping them safe 🔐",
            moment=_.moment(until, locale.time_zone),
        )
    return _("Points on this card cannot be spent for now. Please talk to the manager.")


def _not_started(_: Translator, facts: Facts, locale: Locale) -> Markup:
    starts_at = facts.get("starts_at")
    if not isinstance(starts_at, datetime):
        return _("This code is not good yet.")
    return _("This code is good from {moment}.", moment=_.moment(starts_at, locale.time_zone))


def _expired(_: Translator, facts: Facts, locale: Locale) -> Markup:
    ends_at = facts.get("ends_at")
    if not isinstance(ends_at, datetime):
        return _("This code has run out.")
    return _("This code was good until {moment}.", moment=_.moment(ends_at, locale.time_zone))


def _below_minimum(_: Translator, facts: Facts, locale: Locale) -> Markup:
    return _(
        "This code is good from {sum} in one receipt.",
        sum=_.money(int(facts.get("minimum", 0)), locale.currency),
    )


def _velocity(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    limit = int(facts.get("limit", 1))
    if facts.get("of") == "cashier":
        return _.plural(
            "You have recorded {n} sale within an hour, no more are possible. "
            "Please call the manager.",
            "You have recorded {n} sales within an hour, no more are possible. "
            "Please call the manager.",
            limit,
        )
    return _.plural(
        "This card has had {n} purchase today, no more are possible. Please call the manager.",
        "This card has had {n} purchases today, no more are possible. Please call the manager.",
        limit,
    )


def _too_many(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    seconds = max(1, int(facts.get("retry_after_s", 60)))
    return _.plural(
        "Too many tries. Please wait {n} second.",
        "Too many tries. Please wait {n} seconds.",
        seconds,
    )


def _rating_closed(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    return _.plural(
        "A purchase can be rated within {n} day. You can still write to us in the menu 💬",
        "A purchase can be rated within {n} days. You can still write to us in the menu 💬",
        int(facts.get("days", 30)),
    )


def _too_many_messages(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    minutes = max(1, -(-int(facts.get("retry_after_s", 60)) // 60))
    return _.plural(
        "We have got all your messages and are reading them 🙏 You can write more in {n} minute.",
        "We have got all your messages and are reading them 🙏 You can write more in {n} minutes.",
        minutes,
    )


def _words_invalid(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    if not int(facts.get("length", 0)):
        return _("Please write a few words.")
    return _(
        "This is a little long: {length} characters, and {limit} fit. Please make it shorter or "
        "send it in parts.",
        length=_.number(int(facts.get("length", 0))),
        limit=_.number(int(facts.get("limit", 2000))),
    )


def _too_short(_: Translator, facts: Facts, locale: Locale) -> Markup:
    del locale
    return _.plural(
        "The password needs at least {n} character.",
        "The password needs at least {n} characters.",
        int(facts.get("minimum", 8)),
    )


_WITH_FACTS: dict[str, Say] = {
    "insufficient_points": _insufficient,
    "amount_out_of_range": _out_of_range,
    "redemption_too_large": _too_large,
    "redemption_frozen": _frozen,
    "too_many_tries": _too_many,
    "password_too_short": _too_short,
    "voucher_not_started": _not_started,
    "voucher_expired": _expired,
    "voucher_below_minimum": _below_minimum,
    "velocity_exceeded": _velocity,
    "rating_closed": _rating_closed,
    "too_many_messages": _too_many_messages,
    "words_invalid": _words_invalid,
}


def known_codes() -> set[str]:
    """Codes that have a sentence of their own."""
    return {*_PLAIN, *_WITH_FACTS}


def sentence(_: Translator, error: DomainError, locale: Locale | None = None) -> Markup:
    """What to tell the person who met ``error``: one polite sentence, escaped."""
    say = _WITH_FACTS.get(error.code)
    if say is not None:
        return say(_, error.facts, locale or Locale())
    if error.code in _PLAIN:
        return _(_PLAIN[error.code])
    return _("That did not work. Please try again.")
