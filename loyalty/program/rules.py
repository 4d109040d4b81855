"""Every rule and default of the program. Money in minor units, rates in basis points."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from loyalty.program.effects import GiftItem, LocalText, Rules, Scope, VoucherGift

_TIER_NAMES = {
    "bronze": LocalText(ru="Бронза", en="Bronze"),
    "silver": LocalText(ru="Серебро", en="Silver"),
    "gold": LocalText(ru="Золото", en="Gold"),
}

_COFFEE = Scope(categories=("coffee", "кофе"))


class Perk(Rules):
    """Something a tier gives beside its rate; shown in the bot and to tills."""

    kind: Literal["free_delivery", "early_access", "text"]
    text: LocalText
    # For a till or a site to know the perk by.
    code: str | None = Field(default=None, max_length=32, pattern=r"^[A-Za-z0-9_-]+$")


class TierRule(Rules):
    """A tier: reached at ``threshold`` minor units of net spend in 12 months."""

    key: str = Field(min_length=1, max_length=16, pattern=r"^[a-z0-9_]+$")
    threshold: int = Field(ge=0)
    earn_rate_bp: int = Field(ge=0, le=10_000)
    name: LocalText | None = None
    perks: tuple[Perk, ...] = ()

    def title(self, language: str) -> str:
        """What customers call it."""
        name = self.name or _TIER_NAMES.get(self.key)
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
    daily_cap: int | None = Field(default=None, ge=1)
    outlet_caps: dict[str, int] = Field(default_factory=dict)
    interim: tuple[InterimPrize, ...] = ()

    @model_validator(mode="after")
    def _prizes_lie_on_the_way(self) -> Self:
        places = [prize.at for prize in self.interim]
        if len(set(places)) != len(places) or any(at >= self.stamps for at in places):
            raise ValueError("an interim prize lies before the last stamp, one at a place")
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


class ReferralRule(Rules):
    """What a friend's first real receipt brings to both. Points whole, money minor units."""

    enabled: bool = True
    points: int = Field(default=100, ge=0)
    friend_points: int = Field(default=100, ge=0)
    minimum: int = Field(default=500_00, ge=0)
    monthly_limit: int = Field(default=10, ge=0)


class Guards(Rules):
    """When something looks odd (a flag for the owner), and when a till is refused outright."""

    # Flags: so many in a day, or the last hour for a cashier.
    card_sales_flag: int = Field(default=10, ge=1)
    cashier_sales_per_hour_flag: int = Field(default=60, ge=1)
    cashier_one_card_flag: int = Field(default=4, ge=1)
    cashier_returns_flag: int = Field(default=5, ge=1)
    # Refusals; None: flagged only.
    card_sales_limit: int | None = Field(default=None, ge=1)
    cashier_sales_per_hour_limit: int | None = Field(default=None, ge=1)
    late_attach_minutes: int = Field(default=15, ge=0, le=1440)


class QuietHours(Rules):
    """Local hours in which no marketing leaves; may cross midnight. Minutes of the day."""

    start_minute: int = Field(default=21 * 60, ge=0, lt=1440)
    end_minute: int = Field(default=9 * 60, ge=0, lt=1440)


class Caps(Rules):
    """How many marketing messages a customer gets, by local calendar."""

    trigger_per_day: int = Field(default=1, ge=0)
    trigger_per_week: int = Field(default=4, ge=0)
    mass_per_day: int = Field(default=1, ge=0)
    mass_per_week: int = Field(default=2, ge=0)
    marketing_per_week: int = Field(default=5, ge=0)


class Program(Rules):
    """Every rule and default of the program. Money in minor units, rates in basis points."""

    tiers: tuple[TierRule, ...] = (
        TierRule(key="bronze", threshold=0, earn_rate_bp=500),
        TierRule(key="silver", threshold=1_000_000, earn_rate_bp=700),
        TierRule(key="gold", threshold=2_000_000, earn_rate_bp=1000),
    )
    tier_warning_days: int = Field(default=30, ge=0, le=90)
    stamp_cards: tuple[StampCardRule, ...] = (COFFEE_CARD,)
    referral: ReferralRule = ReferralRule()
    guards: Guards = Guards()
    pending_days: int = Field(default=1, ge=0, le=90)
    redeem_share_bp: int = Field(default=3000, ge=0, le=10_000)
    redeem_minimum: int = Field(default=1, ge=1)
    confirm_above: int = Field(default=500, ge=0)
    confirm_seconds: int = Field(default=120, ge=30, le=600)
    expiry_days: int | None = Field(default=365, ge=1, le=3650)
    expiry_grace_days: int = Field(default=7, ge=0, le=60)
    reminder_lead_hours: int = Field(default=24, ge=0, le=168)
    returned_points_min_days: int = Field(default=14, ge=0, le=365)
    return_window_days: int = Field(default=14, ge=0, le=365)
    # A correction by hand of more points than this waits for a second person.
    adjustment_alone_up_to: int = Field(default=1000, ge=0)
    welcome_points: int = Field(default=100, ge=0)
    birthday_points: int = Field(default=200, ge=0)
    birthday_days_before: int = Field(default=7, ge=0, le=60)
    birthday_valid_days: int = Field(default=14, ge=1, le=365)
    quiet_hours: QuietHours = QuietHours()
    caps: Caps = Caps()
    messages_per_second: int = Field(default=25, ge=1, le=1000)
    global_holdout_bp: int = Field(default=500, ge=0, le=5000)
    chain_holdout_bp: int = Field(default=1000, ge=0, le=5000)
    # Below this many customers nobody is held out: so few can tell nothing apart, and would
    # only miss their reminders.
    holdout_from_customers: int = Field(default=100, ge=0)
    phone_change_freeze_hours: int = Field(default=72, ge=0, le=720)

    @model_validator(mode="after")
    def _ladders_stand(self) -> Self:
        if not self.tiers or self.tiers[0].threshold != 0:
            raise ValueError("the first tier begins at zero")
        thresholds = [tier.threshold for tier in self.tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("tiers go up")
        for keys in ([t.key for t in self.tiers], [card.key for card in self.stamp_cards]):
            if len(set(keys)) != len(keys):
                raise ValueError("every key is used once")
        return self

    def tier(self, key: str) -> TierRule:
        """The tier called ``key``; the lowest if there is none by that name any more."""
        return next((tier for tier in self.tiers if tier.key == key), self.tiers[0])

    def stamp_card(self, key: str) -> StampCardRule | None:
        """The stamp card called ``key``."""
        return next((card for card in self.stamp_cards if card.key == key), None)
