"""Possible a moment ago, or soon; the state of things forbids it now."""

from __future__ import annotations

from loyalty.errors.base import Conflict


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


class CardTaken(Conflict):
    """The paper card has its owner already."""


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


class UndoRefused(Conflict):
    """The sale cannot be undone (any more). Facts: ``reason``: ``late``, ``returned``, ``done``
    or ``not_yours``."""


class RatingClosed(Conflict):
    """The purchase was too long ago to rate it, or to change the rating. Facts: ``days``."""


class StaffHasNoChat(Conflict):
    """They have not connected a Telegram of their own."""


class TalkClosed(Conflict):
    """The talk is closed: it is reopened before it is answered."""


class TaskClosed(Conflict):
    """The task of the call list is over: somebody has done or dropped it."""


class OtherTalkOpen(Conflict):
    """The customer has another talk that is not closed. Facts: ``talk_id``."""


class TooManyMessages(Conflict):
    """The customer has written as often as one may in an hour. Facts: ``retry_after_s``."""
