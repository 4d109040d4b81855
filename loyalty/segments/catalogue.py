"""The list of fields; see ``loyalty.segments.fields`` for what each part means."""

from __future__ import annotations

from loyalty.segments.fields import (
    BOOL_OPS,
    CHOICE_OPS,
    DATE_OPS,
    NUMBER_OPS,
    TEXT_OPS,
    Extra,
    Field,
)
from loyalty.segments.ready_made import ACTIVE, AT_RISK, LOST, SLEEPING
from loyalty.texts import N_

_LONGEST_DAYS = 36_500
_MOST_MONEY = 100_000_000_000

_WINDOW = Extra(name="days", label=N_("in the last … days"), kind="days")
_GOODS = (
    Extra(name="category", label=N_("Category"), kind="text", source="categories"),
    Extra(name="sku", label=N_("Article"), kind="text"),
    Extra(name="name", label=N_("Words in the name"), kind="text"),
    Extra(name="outlet", label=N_("Outlet"), kind="choice", source="outlets"),
)
_PURPOSES = (
    ("ads:telegram", N_("Telegram")),
    ("ads:email", N_("E-mail")),
    ("ads:sms", N_("SMS")),
    ("ads:push", N_("Push messages")),
    ("ads:phone", N_("Phone calls")),
    ("ads:post", N_("Letters")),
)
_OWN = Extra(name="key", label=N_("Own field"), kind="text", required=True, source="fields")
_CHAIN = Extra(name="key", label=N_("Chain"), kind="choice", source="chains")


def _yes_no(key: str, group: str, label: str, *extras: Extra) -> Field:
    return Field(key=key, group=group, label=label, kind="bool", operators=BOOL_OPS, extras=extras)


def _number(key: str, group: str, label: str, *extras: Extra, places: int = 0) -> Field:
    return Field(
        key=key,
        group=group,
        label=label,
        kind="number",
        operators=NUMBER_OPS,
        extras=extras,
        places=places,
    )


def _money(key: str, group: str, label: str, *extras: Extra) -> Field:
    return Field(
        key=key,
        group=group,
        label=label,
        kind="money",
        operators=NUMBER_OPS,
        extras=extras,
        minimum=-_MOST_MONEY,
        maximum=_MOST_MONEY,
        places=2,
    )


def _days(key: str, group: str, label: str, *extras: Extra, minimum: int = 0) -> Field:
    return Field(
        key=key,
        group=group,
        label=label,
        kind="days",
        operators=NUMBER_OPS,
        extras=extras,
        minimum=minimum,
        maximum=_LONGEST_DAYS,
    )


_PROFILE = (
    Field(
        key="language",
        group="profile",
        label=N_("Language"),
        kind="choice",
        operators=CHOICE_OPS,
        choices=(("ru", N_("Russian")), ("en", N_("English"))),
    ),
    Field(
        key="sex",
        group="profile",
        label=N_("Sex"),
        kind="choice",
        operators=(*CHOICE_OPS, "known", "unknown"),
        choices=(("f", N_("Woman")), ("m", N_("Man"))),
    ),
    Field(key="city", group="profile", label=N_("City"), kind="text", operators=TEXT_OPS),
    Field(
        key="time_zone",
        group="profile",
        label=N_("Time zone"),
        kind="text",
        operators=CHOICE_OPS,
    ),
    Field(
        key="home_outlet",
        group="profile",
        label=N_("Home outlet"),
        kind="choice",
        operators=(*CHOICE_OPS, "known", "unknown"),
        source="outlets",
    ),
    Field(
        key="source",
        group="profile",
        label=N_("Where they came from"),
        kind="choice",
        operators=(*CHOICE_OPS, "known", "unknown"),
        source="sources",
    ),
    Field(
        key="status",
        group="profile",
        label=N_("Card"),
        kind="choice",
        operators=CHOICE_OPS,
        choices=(
            ("active", N_("Member")),
            ("anonymous", N_("Paper card without an owner")),
            ("blocked", N_("Blocked card")),
        ),
    ),
    _days("joined_days_ago", "profile", N_("Days since joining")),
    _yes_no("birthday_known", "profile", N_("Birthday is known")),
    _yes_no("birthday_this_month", "profile", N_("Birthday this month")),
    _days("birthday_in_days", "profile", N_("Days until the birthday")),
    _number("age", "profile", N_("Age")),
)

_REACH = (
    _yes_no("reachable", "reach", N_("Can be written to in Telegram")),
    _yes_no(
        "ads_consent",
        "reach",
        N_("Agreed to offers"),
        Extra(name="key", label=N_("Way of writing"), kind="choice", choices=_PURPOSES),
    ),
)

_PURCHASES = (
    _number("orders", "purchases", N_("Number of purchases"), _WINDOW),
    _money("spent", "purchases", N_("Sum of purchases"), _WINDOW),
    _money("average_receipt", "purchases", N_("Average receipt"), _WINDOW),
    _days("last_purchase_days_ago", "purchases", N_("Days since the last purchase")),
    _days("first_purchase_days_ago", "purchases", N_("Days since the first purchase")),
    Field(
        key="lifecycle",
        group="purchases",
        label=N_("How recently they bought"),
        kind="choice",
        operators=CHOICE_OPS,
        choices=(
            (ACTIVE, N_("Active buyers")),
            (AT_RISK, N_("At risk of leaving")),
            (SLEEPING, N_("Sleeping buyers")),
            (LOST, N_("Lost buyers")),
        ),
    ),
    _number("bought", "purchases", N_("Purchases with certain goods"), *_GOODS, _WINDOW),
    _money("bought_sum", "purchases", N_("Sum spent on certain goods"), *_GOODS, _WINDOW),
    _days("bought_days_ago", "purchases", N_("Days since certain goods were bought"), *_GOODS),
)

_POINTS = (
    _number("points", "points", N_("Points they can spend")),
    _number(
        "points_expiring",
        "points",
        N_("Points that will expire"),
        Extra(name="days", label=N_("in the next … days"), kind="days", required=True),
    ),
    Field(
        key="tier",
        group="points",
        label=N_("Tier"),
        kind="choice",
        operators=(*CHOICE_OPS, ">=", "<="),
        source="tiers",
    ),
    _money("to_next_tier", "points", N_("Sum left to the next tier")),
    Field(
        key="to_next_tier_share",
        group="points",
        label=N_("Share left to the next tier"),
        kind="share",
        operators=NUMBER_OPS,
        maximum=10_000,
        places=2,
    ),
)

_GIFTS = (
    _number(
        "stamps",
        "gifts",
        N_("Stamps on a card"),
        Extra(
            name="key",
            label=N_("Stamp card"),
            kind="choice",
            required=True,
            source="stamp_cards",
        ),
    ),
    _number("vouchers", "gifts", N_("Vouchers they can use")),
)

_FRIENDS = (
    _number("friends_brought", "friends", N_("Friends brought who have bought")),
    _yes_no("was_brought", "friends", N_("Was brought by a friend")),
    _number("rating_last", "friends", N_("Last rating")),
    _number("rating_average", "friends", N_("Average rating"), places=2),
)

_MESSAGES = (
    _number(
        "event",
        "messages",
        N_("Something happened"),
        Extra(name="key", label=N_("What happened"), kind="text", required=True, source="events"),
        _WINDOW,
    ),
    _number("messages_received", "messages", N_("Messages received"), _CHAIN, _WINDOW),
    _number("messages_clicked", "messages", N_("Messages they tapped in"), _CHAIN, _WINDOW),
)

_OWN_FIELDS = (
    Field(
        key="tag",
        group="own",
        label=N_("Tag"),
        kind="choice",
        operators=CHOICE_OPS,
        source="tags",
    ),
    Field(
        key="interest",
        group="own",
        label=N_("What they like"),
        kind="choice",
        operators=CHOICE_OPS,
        source="categories",
    ),
    Field(
        key="field_text",
        group="own",
        label=N_("Own field: words"),
        kind="text",
        operators=TEXT_OPS,
        extras=(_OWN,),
    ),
    Field(
        key="field_number",
        group="own",
        label=N_("Own field: number"),
        kind="number",
        operators=NUMBER_OPS,
        extras=(_OWN,),
        minimum=-1_000_000_000,
    ),
    _days("field_days_until", "own", N_("Own field: days until the date"), _OWN, minimum=-36_500),
    Field(
        key="field_date",
        group="own",
        label=N_("Own field: date"),
        kind="date",
        operators=DATE_OPS,
        extras=(_OWN,),
    ),
)

FIELDS: dict[str, Field] = {
    one.key: one
    for one in (
        *_PROFILE,
        *_REACH,
        *_PURCHASES,
        *_POINTS,
        *_GIFTS,
        *_FRIENDS,
        *_MESSAGES,
        *_OWN_FIELDS,
    )
}
"""Every field by its name, in the order a form shows them."""
