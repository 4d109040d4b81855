"""Refusals that a cashier reads in the till's own words; the rest is said as to everybody."""

from __future__ import annotations

from bot.words import Locale, sentence
from loyalty.errors import DomainError
from loyalty.texts import N_, Translator

_CLOSED = {
    "recorded": N_("This sale is already recorded."),
    "undone": N_("This sale was undone already."),
    "cancelled": N_("This sale was cancelled. Scan the card again to start anew."),
    "moved": N_("Another cashier has scanned this card since and is ringing up the sale."),
    "changed": N_("The sale has changed since. Please check it and confirm again."),
    "expired": N_("This sale has been waiting too long. Scan the card again to start anew."),
}

_SAID = {
    "draft_not_found": N_("This sale is not yours. Scan the customer's card to start your own."),
    "role_missing": N_(
        "This is for cashiers only. If you work at a till, ask the owner for a new link."
    ),
    "outlet_not_found": N_("You have no outlet yet. Please ask the owner for one."),
    "voucher_customer_limit": N_("The customer has used this code as often as one may."),
    "voucher_not_yours": N_("This coupon is another customer's."),
    "code_invalid": N_("This is not a card of ours. Ask the customer to open their card again."),
}


def refusal(_: Translator, error: DomainError, locale: Locale) -> str:
    """The sentence for a refusal; never empty."""
    status = str(error.facts.get("status"))
    if error.code == "draft_closed" and status == "elsewhere":
        return _(
            "This sale was begun at {outlet}. Change back to that outlet to finish or cancel it.",
            outlet=str(error.facts.get("outlet")),
        )
    if error.code == "draft_closed" and status in _CLOSED:
        return _(_CLOSED[status])
    if error.code == "redemption_too_large" and error.facts.get("reason") == "tap":
        return _(
            "Up to {points} can be spent at the till at once.",
            points=_.points(int(error.facts["max_redeem"])),
        )
    if error.code == "amount_invalid" and "either" in error.facts:
        more, less = (_.money(int(one), locale.currency) for one in error.facts["either"])
        return _(
            "Is that {more} or {less}? Please type it without doubt: 1200 or 1200.50",
            more=more,
            less=less,
        )
    if error.code in _SAID:
        return _(_SAID[error.code])
    return sentence(_, error, locale)
