"""The program: versioned rules an owner edits; a purchase keeps the version it was priced by.

``rules`` are the rules themselves, ``effects`` the parts they are made of, ``versions`` what is
in force when. Import by name: ``drafts`` (edit and publish), ``history`` (all versions, taking
one back), ``differences`` and ``cautions`` between two programs, ``checking`` (what is wrong, by
field), ``fields`` and ``wording`` (what each setting is called and how its value is said).
"""

from loyalty.program.effects import (
    AmountOff,
    FreeDelivery,
    Gift,
    GiftItem,
    LocalText,
    PercentOff,
    PointsGift,
    Rules,
    Scope,
    StampsGift,
    VoucherEffect,
    VoucherGift,
)
from loyalty.program.rules import (
    KNOWN_TIERS,
    Caps,
    Guards,
    InterimPrize,
    Perk,
    Program,
    QuietHours,
    ReferralRule,
    StampCardRule,
    TierRule,
    TillCategory,
)
from loyalty.program.versions import Version, by_id, current, ensure_default, program_version

__all__ = [
    "KNOWN_TIERS",
    "AmountOff",
    "Caps",
    "FreeDelivery",
    "Gift",
    "GiftItem",
    "Guards",
    "InterimPrize",
    "LocalText",
    "PercentOff",
    "Perk",
    "PointsGift",
    "Program",
    "QuietHours",
    "ReferralRule",
    "Rules",
    "Scope",
    "StampCardRule",
    "StampsGift",
    "TierRule",
    "TillCategory",
    "Version",
    "VoucherEffect",
    "VoucherGift",
    "by_id",
    "current",
    "ensure_default",
    "program_version",
]
