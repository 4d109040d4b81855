"""Titles of refusals: one short sentence for whoever reads the till's log or screen."""

from __future__ import annotations

from loyalty.texts import N_, Translator, plain

_TITLES = {
    # of HTTP
    "bad_request": N_("The request could not be read"),
    "json_invalid": N_("The body is not valid JSON"),
    "validation_failed": N_("Some fields are not right"),
    "idempotency_key_missing": N_("The Idempotency-Key header is missing"),
    "idempotency_key_invalid": N_("The Idempotency-Key header has 1 to 128 plain characters"),
    "key_invalid": N_("The key is missing, wrong or was taken back"),
    "not_found": N_("There is nothing at this address"),
    "method_not_allowed": N_("This address does not take this method"),
    "body_too_large": N_("The body is too large"),
    "unsupported_media_type": N_("Send JSON, as application/json"),
    "too_many_requests": N_("Too many requests, please slow down"),
    "internal_error": N_("Something broke on our side; try again with the same key"),
    # not found
    "customer_not_found": N_("No customer by this card, code, phone or id"),
    "code_invalid": N_("This card is not known"),
    "phone_invalid": N_("This is not a phone number"),
    "purchase_not_found": N_("No such purchase at this outlet"),
    "hold_not_found": N_("No such hold at this outlet"),
    "voucher_not_found": N_("No voucher by this code"),
    # conflict
    "insufficient_points": N_("There are not enough points"),
    "redemption_too_large": N_("More points than may be spent on this receipt"),
    "confirmation_required": N_("The customer is asked to confirm in their chat"),
    "hold_already_resolved": N_("The hold has ended already"),
    "duplicate_receipt": N_("This receipt number was recorded before"),
    "idempotency_conflict": N_("The key was used for another request"),
    "request_in_flight": N_("This request is being handled right now"),
    "return_exceeds_purchase": N_("More than is left of the line"),
    "nothing_to_return": N_("Everything of this purchase came back before"),
    "receipt_invalid": N_("Something in this receipt is not right"),
    "amount_out_of_range": N_("The sum of the receipt is too large"),
    "time_out_of_range": N_("The moment is too far from now"),
    "card_blank": N_("A new paper card: record the sale with it, and it is the guest's"),
    "already_attached": N_("This purchase has its customer already"),
    "late_attach": N_("It is too late to add a customer to this purchase"),
    "claim_expired": N_("The link on this receipt is out of date"),
    "database_busy": N_("We are very busy this second; try again with the same key"),
    "velocity_exceeded": N_("Too many sales in a short time: please call the manager"),
    "points_invalid": N_("Not a whole, positive number of points"),
    # vouchers
    "voucher_not_started": N_("The voucher is not valid yet"),
    "voucher_expired": N_("The voucher is out of date"),
    "voucher_used_up": N_("The voucher was used up"),
    "voucher_customer_limit": N_("The customer has used this voucher before"),
    "voucher_below_minimum": N_("The receipt is too small for the voucher"),
    "voucher_blocked": N_("The voucher is blocked"),
    "voucher_inactive": N_("The gift card is not active yet"),
    "voucher_empty": N_("Nothing is left on the gift card"),
    "voucher_no_items": N_("Nothing on the receipt is what the voucher is for"),
    "voucher_not_combinable": N_("These vouchers do not go together"),
    "voucher_not_yours": N_("The voucher belongs to somebody else"),
    "voucher_wrong_segment": N_("The voucher is for other customers"),
    "voucher_needs_customer": N_("The voucher needs a customer's card"),
    # not allowed
    "presence_required": N_("Spending needs a fresh card, a fresh code or the customer's tap"),
    "redemption_frozen": N_("Points on this card cannot be spent for now"),
    "customer_blocked": N_("This card is closed"),
    "own_card": N_("Nobody sells to their own card"),
    "too_many_tries": N_("Too many wrong codes, please wait"),
}

_BY_STATUS = {
    403: N_("This is not allowed"),
    404: N_("There is no such thing"),
    409: N_("This is not possible now"),
}


def title_of(_: Translator, code: str, status: int) -> str:
    """The title of a refusal."""
    message = _TITLES.get(code) or _BY_STATUS.get(status) or _TITLES["bad_request"]
    return plain(_(message))


def known_codes() -> set[str]:
    """Codes with a title of their own."""
    return set(_TITLES)
