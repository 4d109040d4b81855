"""Every single setting of the program by its path: what it is called and what it is counted in.

The form, the differences between versions and the words of a refusal all speak by this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from loyalty.texts import N_, Translator

Unit = Literal[
    "points", "money", "rate", "days", "hours", "minutes", "seconds", "clock", "messages",
    "purchases", "returns", "customers", "rewards", "stamps", "pieces", "per_second", "flag",
    "text", "goods", "choice",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting. ``label`` and the other texts are message keys.

    ``nothing`` is how an absent value is said: with it the setting may be left empty.
    ``zero`` is how 0 is said where "0 days" would sound odd. ``choices``: the values there are,
    each with how it is said. ``rare``: few ever touch it.
    """

    path: str
    label: str
    unit: Unit
    hint: str | None = None
    nothing: str | None = None
    zero: str | None = None
    choices: tuple[tuple[str, str], ...] = ()
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together, with their heading."""

    key: str
    title: str
    fields: tuple[Field, ...]


_TIERS = Section(
    "tiers",
    N_("Earning and tiers"),
    (
        Field(
            path="tier_warning_days",
            label=N_("Warning before a lower tier"),
            unit="days",
            hint=N_("How long before the monthly review a guest hears of it."),
            zero=N_("no warning"),
            rare=True,
        ),
    ),
)
_SPENDING = Section(
    "spending",
    N_("Paying with points"),
    (
        Field(
            path="redeem_share_bp", label=N_("Share of a receipt"), unit="rate",
            hint=N_("The most of a receipt that points may pay."),
        ),
        Field(path="redeem_minimum", label=N_("Smallest payment"), unit="points"),
        Field(
            path="confirm_above", label=N_("Guest confirms above"), unit="points",
            hint=N_("Larger payments wait for a tap in the guest's own chat."),
        ),
        Field(path="confirm_seconds", label=N_("Time to confirm"), unit="seconds", rare=True),
    ),
)  # fmt: skip
_LIFE = Section(
    "life",
    N_("Pending and expiry"),
    (
        Field(
            path="pending_days",
            label=N_("Wait before spending"),
            unit="days",
            hint=N_("0: new points can be spent at once."),
            zero=N_("none"),
        ),
        Field(
            path="expiry_days",
            label=N_("Expiry"),
            unit="days",
            hint=N_("Days after the purchase. Empty: points never expire."),
            nothing=N_("never expire"),
        ),
        Field(
            path="return_window_days",
            label=N_("Days for a return"),
            unit="days",
            hint=N_("A friend's reward waits as long."),
            zero=N_("none"),
        ),
        Field(
            path="returned_points_min_days",
            label=N_("Points given back last at least"),
            unit="days",
            rare=True,
        ),
        Field(
            path="reminder_lead_hours",
            label=N_("Reminder before expiry"),
            unit="hours",
            hint=N_("Points do not expire earlier than this after the reminder."),
            rare=True,
        ),
        Field(
            path="expiry_grace_days",
            label=N_("Wait for the reminder at most"),
            unit="days",
            zero=N_("no waiting"),
            rare=True,
        ),
    ),
)
_GIFTS = Section(
    "gifts",
    N_("Welcome and birthday"),
    (
        Field(path="welcome_points", label=N_("Welcome gift"), unit="points", zero=N_("no gift")),
        Field(path="birthday_points", label=N_("Birthday gift"), unit="points", zero=N_("no gift")),
        Field(
            path="birthday_days_before", label=N_("Given before the birthday"), unit="days",
            zero=N_("on the day"),
        ),
        Field(path="birthday_valid_days", label=N_("Birthday points last"), unit="days"),
        Field(
            path="leap_day", label=N_("29 February, in other years"), unit="choice", rare=True,
            hint=N_("For birthdays, anniversaries and every other yearly day."),
            choices=(("feb_28", N_("on 28 February")), ("mar_1", N_("on 1 March"))),
        ),
    ),
)  # fmt: skip
_REFERRAL = Section(
    "referral",
    N_("Bring a friend"),
    (
        Field(path="referral.enabled", label=N_("Rewards for friends"), unit="flag"),
        Field(path="referral.points", label=N_("The guest gets"), unit="points"),
        Field(path="referral.friend_points", label=N_("The friend gets"), unit="points"),
        Field(
            path="referral.minimum",
            label=N_("Friend's first receipt from"),
            unit="money",
            zero=N_("any amount"),
        ),
        Field(
            path="referral.monthly_limit",
            label=N_("Rewards a month without a check"),
            unit="rewards",
            hint=N_("Further ones wait until you have looked at them."),
        ),
    ),
)
_MESSAGES = Section(
    "messages",
    N_("Messages"),
    (
        Field(path="quiet_hours.start_minute", label=N_("Quiet hours from"), unit="clock"),
        Field(
            path="quiet_hours.end_minute",
            label=N_("Quiet hours until"),
            unit="clock",
            hint=N_("The same time twice: no quiet hours."),
        ),
        Field(
            path="caps.marketing_per_week", label=N_("All offers, in 7 days"), unit="messages"
        ),
        Field(path="caps.trigger_per_day", label=N_("Automatic, a day"), unit="messages"),
        Field(path="caps.trigger_per_week", label=N_("Automatic, in 7 days"), unit="messages"),
        Field(path="caps.mass_per_day", label=N_("Campaigns, a day"), unit="messages"),
        Field(path="caps.mass_per_week", label=N_("Campaigns, in 7 days"), unit="messages"),
        Field(
            path="messages_per_second", label=N_("Sending speed"), unit="per_second",
            hint=N_("30 is Telegram's limit for a free bot."), rare=True,
        ),
        Field(
            path="global_holdout_bp", label=N_("Guests without any offers"), unit="rate",
            hint=N_("A control group: it shows what offers bring."), rare=True,
        ),
        Field(
            path="chain_holdout_bp", label=N_("Control group of each chain"), unit="rate", rare=True
        ),
        Field(
            path="holdout_from_customers", label=N_("Control groups from"), unit="customers",
            rare=True,
        ),
    ),
)  # fmt: skip
CAPS_FIELDS: tuple[Field, ...] = (
    Field(path="marketing_per_week", label=N_("All offers, in 7 days"), unit="messages"),
    Field(path="trigger_per_day", label=N_("Automatic, a day"), unit="messages"),
    Field(path="trigger_per_week", label=N_("Automatic, in 7 days"), unit="messages"),
    Field(path="mass_per_day", label=N_("Campaigns, a day"), unit="messages"),
    Field(path="mass_per_week", label=N_("Campaigns, in 7 days"), unit="messages"),
)
"""Of a row of the caps by segment."""

_GUARDS = Section(
    "guards",
    N_("Guards"),
    (
        Field(
            path="guards.card_sales_flag",
            label=N_("Flag: one card in a day"),
            unit="purchases",
            hint=N_("From this many on you are told; nothing is refused."),
        ),
        Field(
            path="guards.card_sales_limit",
            label=N_("Refuse: one card in a day"),
            unit="purchases",
            hint=N_("Empty: no limit."),
            nothing=N_("no limit"),
        ),
        Field(
            path="guards.cashier_sales_per_hour_flag",
            label=N_("Flag: one cashier in an hour"),
            unit="purchases",
        ),
        Field(
            path="guards.cashier_sales_per_hour_limit",
            label=N_("Refuse: one cashier in an hour"),
            unit="purchases",
            nothing=N_("no limit"),
        ),
        Field(
            path="guards.cashier_one_card_flag",
            label=N_("Flag: one cashier, one card, in a day"),
            unit="purchases",
        ),
        Field(
            path="guards.cashier_returns_flag",
            label=N_("Flag: returns by a cashier in a day"),
            unit="returns",
        ),
        Field(
            path="guards.late_attach_minutes",
            label=N_("Card shown after the sale"),
            unit="minutes",
            hint=N_("How long a sale can still be put on a card."),
            zero=N_("never"),
        ),
        Field(
            path="adjustment_alone_up_to",
            label=N_("Correction by one person up to"),
            unit="points",
            hint=N_("Larger ones need a second person."),
        ),
        Field(
            path="undo_minutes",
            label=N_("A cashier may undo a sale for"),
            unit="minutes",
            hint=N_("Later the sale is returned instead."),
            zero=N_("never"),
        ),
        Field(
            path="erasure_days",
            label=N_("Wait before erasing a guest"),
            unit="days",
            hint=N_("A guest who asks to be erased may change their mind meanwhile."),
            zero=N_("no waiting"),
        ),
        Field(
            path="phone_change_freeze_hours",
            label=N_("Pause after a change of account"),
            unit="hours",
            hint=N_("A known phone in a new Telegram account: points wait this long."),
            zero=N_("no pause"),
        ),
    ),
)
SECTIONS: tuple[Section, ...] = (
    _TIERS,
    _SPENDING,
    _LIFE,
    _GIFTS,
    Section("stamps", N_("Stamp cards"), ()),
    Section("till_categories", N_("Buttons of the till"), ()),
    _REFERRAL,
    _MESSAGES,
    Section("caps_by_segment", N_("More or fewer messages for some"), ()),
    _GUARDS,
)
"""The settings in the order in which people read them."""

TIER_FIELDS: tuple[Field, ...] = (
    Field(
        path="threshold",
        label=N_("Threshold"),
        unit="money",
        hint=N_("Purchases in 12 months."),
        zero=N_("everybody"),
    ),
    Field(path="earn_rate_bp", label=N_("Earning"), unit="rate", zero=N_("earns nothing")),
)
CARD_FIELDS: tuple[Field, ...] = (
    Field(path="scope.categories", label=N_("Categories"), unit="goods", nothing=N_("all goods")),
    Field(path="scope.skus", label=N_("Article numbers"), unit="goods", nothing=N_("none")),
    Field(path="stamps", label=N_("Stamps to collect"), unit="stamps"),
    Field(
        path="daily_cap", label=N_("At most a day"), unit="stamps", nothing=N_("no limit")
    ),
)  # fmt: skip
GIFT_UNITS: dict[str, Unit] = {
    "rate_bp": "rate", "amount": "money", "quantity": "pieces", "up_to": "money",
    "valid_days": "days", "minimum": "money", "at": "stamps", "daily_cap": "stamps",
}  # fmt: skip

_BY_PATH = {field.path: field for section in SECTIONS for field in section.fields}
_BY_NAME = {field.path: field for field in (*TIER_FIELDS, *CARD_FIELDS, *CAPS_FIELDS)}


def unit_of(path: str) -> Unit:
    """What the setting at ``path`` is counted in; plain text where it is no number."""
    if path in _BY_PATH:
        return _BY_PATH[path].unit
    name = path.rpartition(".")[2]
    if name in _BY_NAME:
        return _BY_NAME[name].unit
    return "stamps" if ".outlet_caps." in path else GIFT_UNITS.get(name, "text")


def percent(rate_bp: int, language: str) -> str:
    """A rate as people write it: 750 is "7,5 %" or "7.5%"."""
    whole, rest = divmod(rate_bp, 100)
    figures = f"{whole}.{rest:02d}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"{figures.replace('.', ',')}\u00a0%" if language == "ru" else f"{figures}%"


def _counted(unit: Unit, n: int, t: Translator) -> str:
    """A number with its noun in the right form."""
    plural = t.plural
    match unit:
        case "days":
            return plural("{n} day", "{n} days", n)
        case "hours":
            return plural("{n} hour", "{n} hours", n)
        case "minutes":
            return plural("{n} minute", "{n} minutes", n)
        case "seconds":
            return plural("{n} second", "{n} seconds", n)
        case "messages":
            return plural("{n} message", "{n} messages", n)
        case "purchases":
            return plural("{n} purchase", "{n} purchases", n)
        case "returns":
            return plural("{n} return", "{n} returns", n)
        case "customers":
            return plural("{n} guest", "{n} guests", n)
        case "rewards":
            return plural("{n} reward", "{n} rewards", n)
        case "stamps":
            return plural("{n} stamp", "{n} stamps", n)
        case "pieces":
            return plural("{n} item", "{n} items", n)
        case "per_second":
            return plural("{n} a second", "{n} a second", n)
        case _:
            return t.points(n)


def say_value(unit: Unit, value: Any, t: Translator, currency: str) -> str:
    """A value with its unit, as text (not escaped where it came from a person)."""
    match unit:
        case "money":
            return t.money(value, currency)
        case "rate":
            return percent(value, t.language)
        case "clock":
            return f"{value // 60:02d}:{value % 60:02d}"
        case "flag":
            return str(t("on") if value else t("off"))
        case "goods":
            return ", ".join(value)
        case "text":
            return str(value)
        case _:
            # Plain text: the template escapes, and a number never needs it.
            return str(_counted(unit, value, t))


def say(field: Field, value: Any, t: Translator, currency: str) -> str:
    """The value of ``field`` as people say it: "365 days", "never expire"."""
    if value is None or value == ():
        return str(t(field.nothing)) if field.nothing else "–"
    if value == 0 and value is not False and field.zero:
        return str(t(field.zero))
    if field.choices:
        return str(t(dict(field.choices)[value]))
    return say_value(field.unit, value, t, currency)
