"""Errors of the domain: a code and facts, no text and no status.

Each face turns ``code`` and ``facts`` into its own answer (a sentence in the customer's
language, an HTTP problem). Four families say what kind of answer is due.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


def _code_of(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class DomainError(Exception):
    """A refusal of the domain; ``facts`` are safe to show to the person who asked."""

    code: ClassVar[str] = "domain_error"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(f"{self.code} {facts}" if facts else self.code)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _code_of(cls.__name__)


class NotFound(DomainError):
    """There is no such thing."""


class Conflict(DomainError):
    """It was possible a moment ago, or will be; the state of things forbids it now."""


class NotAllowed(DomainError):
    """Who asks may not do this."""


class Invalid(DomainError):
    """What was asked makes no sense."""


# --- not found ---------------------------------------------------------------------------


class CustomerNotFound(NotFound):
    """No customer by that card, code, phone or id."""


class PurchaseNotFound(NotFound):
    """No purchase by that id or receipt number."""


class StaffNotFound(NotFound):
    """No staff member by that id, chat or login."""


class OutletNotFound(NotFound):
    """No outlet by that name or id."""


class DraftNotFound(NotFound):
    """No sale draft by that id."""


class HoldNotFound(NotFound):
    """No hold by that id."""


class ChainNotFound(NotFound):
    """No chain by that key."""


class ProgramDraftNotFound(NotFound):
    """There is no draft of the program: it was published or dropped, or never begun."""


class ProgramVersionNotFound(NotFound):
    """No version of the program by that id."""


class TierNotFound(NotFound):
    """The program has no tier by that key."""


class ReferralNotFound(NotFound):
    """Nobody has brought this friend."""


class AnomalyNotFound(NotFound):
    """No flag by that id."""


class VoucherNotFound(NotFound):
    """No voucher by that code. Facts: ``code``."""


class PromotionNotFound(NotFound):
    """No promotion by that id."""


class DryRunNotFound(NotFound):
    """No dry run by that id."""


class AdjustmentNotFound(NotFound):
    """No correction by that id waits for anybody."""


# --- conflict ----------------------------------------------------------------------------


class InsufficientPoints(Conflict):
    """Facts: ``available``, ``requested``."""


class HoldAlreadyResolved(Conflict):
    """A hold ends exactly once. Facts: ``status``."""


class DraftClosed(Conflict):
    """The sale was already recorded, cancelled or timed out. Facts: ``status``, ``purchase_id``."""


class DuplicateReceipt(Conflict):
    """The outlet has already recorded this receipt number that day. Facts: ``purchase_id``."""


class IdempotencyConflict(Conflict):
    """The same key came with another request."""


class RequestInFlight(Conflict):
    """The same key is being handled right now."""


class ReturnExceedsPurchase(Conflict):
    """More is returned than was bought. Facts: ``line``, ``left``."""


class NothingToReturn(Conflict):
    """Everything of this purchase has been returned already."""


class InvitationUsed(Conflict):
    """The invitation was used or has expired."""


class AlreadyJoined(Conflict):
    """This person is a customer already."""


class PhoneTaken(Conflict):
    """The phone belongs to another customer's card."""


class NameTaken(Conflict):
    """Another one goes by this name. Facts: ``name``."""


class ConfirmationRequired(Conflict):
    """The customer has to confirm with a tap. Facts: ``hold_id``."""


class ProgramChanged(Conflict):
    """Somebody else has changed the draft of the program meanwhile. Facts: ``edition``."""


class NothingToPublish(Conflict):
    """The draft says what is in force already."""


class VersionHasBegun(Conflict):
    """This version of the program is or was in force: it cannot be taken back."""


class ClaimExpired(Conflict):
    """The link on a receipt was good for 72 hours."""


class DatabaseBusy(Conflict):
    """The work was tried several times and kept colliding with other work."""


class ReferralDecided(Conflict):
    """The referral does not wait for a decision. Facts: ``status``."""


class LateAttach(Conflict):
    """The sale was too long ago to find its customer. Facts: ``minutes`` (how long one may)."""


class AlreadyAttached(Conflict):
    """The sale belongs to another customer."""


class VoucherNotStarted(Conflict):
    """The voucher is good later only. Facts: ``starts_at``."""


class VoucherExpired(Conflict):
    """The voucher was good until ``ends_at`` (or None)."""


class VoucherUsedUp(Conflict):
    """The voucher has been used as often as it may be."""


class VoucherCustomerLimit(Conflict):
    """This customer has used the voucher as often as one may. Facts: ``limit``."""


class VoucherBelowMinimum(Conflict):
    """The receipt is too small for the voucher. Facts: ``minimum`` (minor units)."""


class VoucherBlocked(Conflict):
    """The voucher was closed by hand, or taken back."""


class VoucherInactive(Conflict):
    """The gift card has not been paid for yet."""


class VoucherEmpty(Conflict):
    """Nothing is left on the gift card."""


class VoucherNoItems(Conflict):
    """Nothing in the receipt is what the voucher is for."""


class VoucherNotCombinable(Conflict):
    """These vouchers do not go together on one receipt."""


class VoucherCodeTaken(Conflict):
    """Another voucher has this code (or one that looks the same)."""


class VoucherAlreadyActive(Conflict):
    """Only a gift card that is not active yet can be made active. Facts: ``status``."""


class AdjustmentDecided(Conflict):
    """The correction was approved or declined before. Facts: ``status``."""


class AccountBroken(Conflict):
    """The points do not add up: they are mended, not released by hand."""


# --- not allowed -------------------------------------------------------------------------


class PresenceRequired(NotAllowed):
    """Spending needs a fresh card, a fresh code or the customer's tap."""


class RedemptionFrozen(NotAllowed):
    """Points of this account cannot be spent now. Facts: ``until`` (or None), ``reason``."""


class CustomerBlocked(NotAllowed):
    """The owner has closed the program to this customer."""


class ConsentMissing(NotAllowed):
    """The customer has not agreed. Facts: ``purpose``."""


class VoucherNotYours(NotAllowed):
    """The voucher belongs to another customer."""


class VoucherWrongSegment(NotAllowed):
    """The voucher is for customers of another segment. Facts: ``segment``."""


class VoucherNeedsCustomer(NotAllowed):
    """The voucher needs a customer's card with it."""


class NotNewHere(NotAllowed):
    """Only who joins through a receipt's link gets its points; they were a customer before."""


class OwnCard(NotAllowed):
    """Staff cannot sell to their own card."""


class VelocityExceeded(NotAllowed):
    """The owner's limit of sales is reached. Facts: ``of`` ("card" or "cashier"), ``limit``."""


class RoleMissing(NotAllowed):
    """The staff member's role does not allow this. Facts: ``needed``."""


class TooManyTries(NotAllowed):
    """Facts: ``retry_after_s``."""


class WrongCredentials(NotAllowed):
    """Login, password or one-time code do not fit; which of them is not said."""


class NotYourContact(NotAllowed):
    """The shared contact is somebody else's."""


class SecondPersonNeeded(NotAllowed):
    """Whoever asked for a correction does not decide about it."""


# --- invalid -----------------------------------------------------------------------------


class AmountInvalid(Invalid):
    """Not an amount of money. Facts: ``text``."""


class AmountOutOfRange(Invalid):
    """Facts: ``minimum``, ``maximum`` (minor units)."""


class PointsInvalid(Invalid):
    """Not a whole, positive number of points."""


class RedemptionTooLarge(Invalid):
    """Facts: ``max_redeem``, ``requested``, ``reason``."""


class PhoneInvalid(Invalid):
    """Not a phone number we can read."""


class BirthdayInvalid(Invalid):
    """Not a date of birth."""


class TimeOutOfRange(Invalid):
    """A moment too far from now to be true. Facts: ``field``, ``earliest``, ``latest``."""


class ReceiptInvalid(Invalid):
    """Facts: ``field``, ``problem``."""


class CodeInvalid(Invalid):
    """Not a code of ours."""


class ProgramInvalid(Invalid):
    """Facts: ``problems`` (list of field and problem)."""


class PublicationInPast(Invalid):
    """Rules begin now or later, never earlier."""


class ChainInvalid(Invalid):
    """Facts: ``problems``."""


class StampsInvalid(Invalid):
    """Not a number of stamps for a card there is. Facts: ``maximum``."""


class VoucherCodeInvalid(Invalid):
    """A code of one's own has 3 to 32 letters and digits."""


class VoucherInvalid(Invalid):
    """What was asked of a new voucher does not fit together. Facts: ``field``, ``problem``."""


class DryRunPeriod(Invalid):
    """The days of a dry run are no period that has begun."""


class PromotionInvalid(Invalid):
    """Facts: ``problems`` (list of field and problem)."""


class PasswordTooShort(Invalid):
    """Facts: ``minimum``."""


class ReasonInvalid(Invalid):
    """Too short or too long. Facts: ``minimum``, ``maximum`` (characters)."""


def all_codes() -> dict[str, type[DomainError]]:
    """Every error a face must be able to put into words, by code."""
    found: dict[str, type[DomainError]] = {}
    families = (NotFound, Conflict, NotAllowed, Invalid)
    stack: list[type[DomainError]] = list(families)
    while stack:
        cls = stack.pop()
        stack.extend(cls.__subclasses__())
        if cls not in families:
            found[cls.code] = cls
    return found
