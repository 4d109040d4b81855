"""Every rule and default of the program. Money in minor units, rates in basis points."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from loyalty.clock import LeapDay
from loyalty.program.effects import GiftItem, LocalText, Rules, Scope, VoucherGift

KNOWN_TIERS = {
    "bronze": LocalText(ru="Бронза", en="Bronze"),
    "silver": LocalText(ru="Серебро", en="Silver"),
    "gold": LocalText(ru="Золото", en="Gold"),
}
"""The tiers that need no name of their own in the rules."""

_COFFEE = Scope(categories=("coffee", "кофе"))

_NAMED_BY = {"till_categories": "category", "caps_by_segment": "segment"}

# Bounds against slips of the hand: points or pieces, and minor units of money.
_MOST = 1_000_000_000
_MOST_MONEY = 100_000_000_000


def _wrong(code: str, message: str, where: dict[str, str]) -> PydanticCustomError:
    # The path goes on from the part that is being checked: see ``checking``.
    return PydanticCustomError(code, message, where)


class Perk(Rules):
    """Something a tier gives beside its rate; shown in the bot and to tills."""

    kind: Literal["free_delivery", "early_access", "text"]
    text: LocalText
    # For a till or a site to know the perk by.
    code: str | None = Field(default=None, max_length=32, pattern=r"^[A-Za-z0-9_-]+$")


class TierRule(Rules):
    """A tier: reached at ``threshold`` minor units of net spend in 12 months."""

    key: str = Field(min_length=1, max_length=16, pattern=r"^[a-z0-9_]+$")
    threshold: int = Field(ge=0, le=_MOST_MONEY)
    earn_rate_bp: int = Field(ge=0, le=10_000)
    name: LocalText | None = None
    perks: tuple[Perk, ...] = Field(default=(), max_length=10)

    def title(self, language: str) -> str:
        """What customers call it."""
        name = self.name or KNOWN_TIERS.get(self.key)
        return name.said_in(language) if name else self.key


class InterimPrize(Rules):
    """A gift on the way to a full stamp card."""

    at: int = Field(ge=1, le=50)
    gift: VoucherGift


class StampCardRule(Rules):
    """A stamp card: so many paid items of the scope, then the reward."""

    key: str = Field(min_length=1, max_length=16, pattern=r"^[a-z0-9_]+$")
    name: LocalText
    scope: Scope = Scope()
    stamps: int = Field(ge=1, le=50)
    reward: VoucherGift
    # Stamps a customer may get a day at one outlet; an outlet's own (by id) goes first.
    daily_cap: int | None = Field(default=None, ge=1, le=1000)
    outlet_caps: dict[str, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)
    interim: tuple[InterimPrize, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _prizes_lie_on_the_way(self) -> Self:
        taken: set[int] = set()
        for n, prize in enumerate(self.interim):
            where = {"path": f"interim.{n}.at"}
            if prize.at >= self.stamps:
                raise _wrong("prize_on_the_way", "a prize lies before the last stamp", where)
            if prize.at in taken:
                raise _wrong("used_twice", "one prize at a place", where)
            taken.add(prize.at)
        return self


COFFEE_CARD = StampCardRule(
    key="coffee",
    name=LocalText(ru="Кофейная карта", en="Coffee card"),
    scope=_COFFEE,
    stamps=4,
    reward=VoucherGift(
        name=LocalText(ru="Кофе в подарок", en="Free coffee"),
        effect=GiftItem(scope=_COFFEE),
        valid_days=60,
    ),
)
"""Every fifth coffee free: four paid stamps, the fifth is free and earns none."""


class TillCategory(Rules):
    """A button of the till for a kind of goods; ``category`` as promotions and cards name it."""

    category: str = Field(min_length=1, max_length=100)
    name: LocalText


class ReferralRule(Rules):
    """What a friend's first real receipt brings to both. Points whole, money minor units."""

    enabled: bool = True
    points: int = Field(default=100, ge=0, le=_MOST)
    friend_points: int = Field(default=100, ge=0, le=_MOST)
    minimum: int = Field(default=500_00, ge=0, le=_MOST_MONEY)
    monthly_limit: int = Field(default=10, ge=0, le=_MOST)


class Guards(Rules):
    """When something looks odd (a flag for the owner), and when a till is refused outright."""

    # Flags: so many in a day, or the last hour for a cashier.
    card_sales_flag: int = Field(default=10, ge=1, le=_MOST)
    cashier_sales_per_hour_flag: int = Field(default=60, ge=1, le=_MOST)
    cashier_one_card_flag: int = Field(default=4, ge=1, le=_MOST)
    cashier_returns_flag: int = Field(default=5, ge=1, le=_MOST)
    # Refusals; None: flagged only.
    card_sales_limit: int | None = Field(default=None, ge=1, le=_MOST)
    cashier_sales_per_hour_limit: int | None = Field(default=None, ge=1, le=_MOST)
    late_attach_minutes: int = Field(default=15, ge=0, le=1440)


class QuietHours(Rules):
    """Local hours in which no marketing leaves; may cross midnight. Minutes of the day."""

    start_minute: int = Field(default=21 * 60, ge=0, lt=1440)
    end_minute: int = Field(default=9 * 60, ge=0, lt=1440)


class Caps(Rules):
    """How many marketing messages a customer gets, by local calendar."""

    trigger_per_day: int = Field(default=1, ge=0, le=1000)
    trigger_per_week: int = Field(default=4, ge=0, le=1000)
    mass_per_day: int = Field(default=1, ge=0, le=1000)
    mass_per_week: int = Field(default=2, ge=0, le=1000)
    marketing_per_week: int = Field(default=5, ge=0, le=1000)


class SegmentCaps(Rules):
    """Caps of the guests in a segment instead of everybody's; of several rows that match
    somebody, each cap is the most favourable."""

    segment: str = Field(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9_:.-]+$")
    caps: Caps = Caps()


class Program(Rules):
    """Every rule and default of the program. Money in minor units, rates in basis points."""

    tiers: tuple[TierRule, ...] = Field(
        default=(
            TierRule(key="bronze", threshold=0, earn_rate_bp=500),
            TierRule(key="silver", threshold=1_000_000, earn_rate_bp=700),
            TierRule(key="gold", threshold=2_000_000, earn_rate_bp=1000),
        ),
        max_length=12,
    )
    tier_warning_days: int = Field(default=30, ge=0, le=90)
    stamp_cards: tuple[StampCardRule, ...] = Field(default=(COFFEE_CARD,), max_length=20)
    # Buttons of the bot's till; none: those that stamp cards and promotions are about.
    till_categories: tuple[TillCategory, ...] = Field(default=(), max_length=8)
    referral: ReferralRule = ReferralRule()
    guards: Guards = Guards()
    pending_days: int = Field(default=1, ge=0, le=90)
    redeem_share_bp: int = Field(default=3000, ge=0, le=10_000)
    redeem_minimum: int = Field(default=1, ge=1, le=_MOST)
    confirm_above: int = Field(default=500, ge=0, le=_MOST)
    confirm_seconds: int = Field(default=120, ge=30, le=600)
    expiry_days: int | None = Field(default=365, ge=1, le=3650)
    expiry_grace_days: int = Field(default=7, ge=0, le=60)
    reminder_lead_hours: int = Field(default=24, ge=0, le=168)
    returned_points_min_days: int = Field(default=14, ge=0, le=365)
    return_window_days: int = Field(default=14, ge=0, le=365)
    # A correction by hand of more points than this waits for a second person.
    adjustment_alone_up_to: int = Field(default=1000, ge=0, le=_MOST)
    welcome_points: int = Field(default=100, ge=0, le=_MOST)
    birthday_points: int = Field(default=200, ge=0, le=_MOST)
    birthday_days_before: int = Field(default=7, ge=0, le=60)
    birthday_valid_days: int = Field(default=14, ge=1, le=365)
    # Of birthdays and every other yearly day: where 29 February is kept in years without one.
    leap_day: LeapDay = "feb_28"
    quiet_hours: QuietHours = QuietHours()
    caps: Caps = Caps()
    caps_by_segment: tuple[SegmentCaps, ...] = Field(default=(), max_length=12)
    messages_per_second: int = Field(default=25, ge=1, le=1000)
    global_holdout_bp: int = Field(default=500, ge=0, le=5000)
    chain_holdout_bp: int = Field(default=1000, ge=0, le=5000)
    # Below this many customers nobody is held out: so few can tell nothing apart, and would
    # only miss their reminders.
    holdout_from_customers: int = Field(default=100, ge=0, le=_MOST)
    phone_change_freeze_hours: int = Field(default=72, ge=0, le=720)
    # A slip of the hand can be taken back by the cashier for so long after the sale.
    undo_minutes: int = Field(default=5, ge=0, le=60)
    # Between asking to be erased and being erased: time to change one's mind.
    erasure_days: int = Field(default=3, ge=0, le=30)

    @model_validator(mode="after")
    def _ladders_stand(self) -> Self:
        if not self.tiers or self.tiers[0].threshold != 0:
            where = {"path": "tiers.0.threshold"}
            raise _wrong("first_tier_at_zero", "the first tier begins at zero", where)
        for n, (lower, upper) in enumerate(pairwise(self.tiers), start=1):
            if upper.threshold <= lower.threshold:
                raise _wrong("tiers_go_up", "tiers go up", {"path": f"tiers.{n}.threshold"})
        for name, keys in (
            ("tiers", [tier.key for tier in self.tiers]),
            ("stamp_cards", [card.key for card in self.stamp_cards]),
            ("till_categories", [one.category.casefold() for one in self.till_categories]),
            ("caps_by_segment", [one.segment for one in self.caps_by_segment]),
        ):
            for n, key in enumerate(keys):
                if key in keys[:n]:
                    field = _NAMED_BY.get(name, "key")
                    where = {"path": f"{name}.{n}.{field}"}
                    raise _wrong("used_twice", "every key is used once", where)
        return self

    def tier(self, key: str) -> TierRule:
        """The tier called ``key``; the lowest if there is none by that name any more."""
        return next((tier for tier in self.tiers if tier.key == key), self.tiers[0])

    def stamp_card(self, key: str) -> StampCardRule | None:
        """The stamp card called ``key``."""
        return next((card for card in self.stamp_cards if card.key == key), None)
