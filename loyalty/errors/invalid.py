"""What was asked makes no sense."""

from __future__ import annotations

from loyalty.errors.base import Invalid


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


class NameInvalid(Invalid):
    """Not a name: nothing in it can be read aloud."""


class ZoneInvalid(Invalid):
    """No time zone of this name."""


class OwnFieldInvalid(Invalid):
    """A field of a guest's own that cannot be. Facts: ``problem`` (``key``, ``kind``, ``label``,
    ``choices``, ``other_kind``, ``too_many``, ``unknown``), ``key``, ``limit``."""


class OwnValueInvalid(Invalid):
    """Not a value of this field. Facts: ``field`` (its name), ``kind``, ``limit``."""


class ProductInvalid(Invalid):
    """Goods cannot be kept so. Facts: ``field``, ``problem`` (``empty``, ``too_long``,
    ``out_of_range``, ``not_a_link``, ``itself``, ``too_many``)."""


class WordsInvalid(Invalid):
    """Nothing is written, or more than fits. Facts: ``length``, ``limit`` (characters)."""


class SegmentInvalid(Invalid):
    """A rule about customers that cannot be asked. Facts: ``problems`` (list of field, problem)."""


class WebhookInvalid(Invalid):
    """Not an address other systems can be told at. Facts: ``problem``."""


class PictureInvalid(Invalid):
    """Not a picture that can be sent. Facts: ``problem`` (empty, too_large, unknown_kind),
    ``maximum`` (bytes)."""
