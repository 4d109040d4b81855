"""There is no such thing."""

from __future__ import annotations

from loyalty.errors.base import NotFound


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


class CardBlank(NotFound):
    """A printed card of ours that nobody has yet: its first scan at a till makes it somebody's."""


class VoucherNotFound(NotFound):
    """No voucher by that code. Facts: ``code``."""


class PromotionNotFound(NotFound):
    """No promotion by that id."""


class DryRunNotFound(NotFound):
    """No dry run by that id."""


class AdjustmentNotFound(NotFound):
    """No correction by that id waits for anybody."""


class TaskNotFound(NotFound):
    """No task of the call list by that id."""


class ProductNotFound(NotFound):
    """No goods of that number in the catalogue. Facts: ``sku``."""


class SourceNotFound(NotFound):
    """There is no poster or other source of attraction of this key."""


class EntryNotFound(NotFound):
    """The customer's points have no entry by that id."""


class TalkNotFound(NotFound):
    """No talk with a customer by that id."""


class SegmentNotFound(NotFound):
    """No segment by that key."""


class WebhookNotFound(NotFound):
    """There is no such endpoint or delivery."""
