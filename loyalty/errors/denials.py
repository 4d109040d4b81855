"""Who asks may not do this."""

from __future__ import annotations

from loyalty.errors.base import NotAllowed


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
