"""Every shipped chain as a row: what starts it, what it says and when, what ends it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from loyalty import clock
from tests.scheduler.stories import cues
from tests.scheduler.stories.play import Line, Story, after, at, tomorrow
from tests.world import ZONE

LATE = "late"


def _in_days(now: datetime, days: int) -> date:
    return clock.local_date(now, ZONE) + timedelta(days=days)


def _birthday(days: int) -> Any:
    def fields(now: datetime) -> dict[str, Any]:
        day = _in_days(now, days)
        return {"birth_day": day.day, "birth_month": day.month}

    return fields


def _joined_years_ago(now: datetime) -> dict[str, Any]:
    day = clock.add_months(_in_days(now, 3), -48)
    return {"joined_at": clock.start_of_day(day, ZONE) + timedelta(hours=15)}


def _field(now: datetime) -> dict[str, Any]:
    return {"fields": {"renewal": _in_days(now, 20).isoformat()}}


def _day_before_christmas_fair(now: datetime) -> datetime:
    """Half past ten on the next 19 December."""
    year = now.year + (clock.local_date(now, ZONE) >= date(now.year, 12, 19))
    return clock.start_of_day(date(year, 12, 19), ZONE) + timedelta(hours=10, minutes=30)


_HELLO = Line("hello", after(), ("Анна", "рады знакомству"), ("glad to meet you",), "card")
_CARD = Line("card", after(days=2), ("Ваша карта всегда",), ("always at hand",), "card")

STORIES = (
    Story(
        chain="welcome",
        cue=cues.join,
        lines=(
            _HELLO,
            _CARD,
            Line(
                "waiting",
                after(days=5),
                ("10 % на первую покупку", "Купон"),
                ("10 % off your first purchase", "Coupon"),
                "offers",
            ),
        ),
        late=(("hello", "skipped", "overtaken"), ("card", "send", None)),
        gifts=("first",),
    ),
    Story(
        name="welcome, with a purchase",
        chain="welcome",
        cue=cues.join_and_buy,
        lines=(
            _HELLO,
            _CARD,
            Line(
                "thanks",
                after(days=5),
                ("спасибо, что были у нас", "10 % на следующую"),
                ("thank you for coming", "10 % off your next"),
                "offers",
            ),
        ),
        late=(("hello", "skipped", "overtaken"), ("card", "send", None)),
        gifts=("second",),
    ),
    Story(
        chain="post_purchase",
        scene=cues.lay_out_goods,
        cue=cues.buy_goods,
        lines=(
            Line(
                "thanks",
                after(days=1),
                ("первую покупку", "50 баллов"),
                ("first purchase",),
                "help",
            ),
            Line(
                "goes_with",
                after(days=5),
                ("Капучино", "Круассан"),
                ("Капучино", "Круассан"),
                "card",
            ),
            Line("next", after(days=10), ("10 % на следующую",), ("10 % off your next",), "offers"),
        ),
        late=(("points", "skipped", LATE), ("thanks", "skipped", LATE)),
        leave=cues.buy,
        ends="bought_since_start",
        gifts=("points", "coupon"),
    ),
    Story(
        chain="rating",
        cue=cues.buy,
        lines=(
            Line(
                "ask",
                after(hours=2),
                ("Main Street", "оценку"),
                ("Main Street", "Rate us"),
                "rate:{purchase}:1",
            ),
        ),
        late=(("ask", "skipped", LATE),),
        leave=cues.give_back,
        ends="purchase_returned",
    ),
    Story(
        chain="replenishment",
        scene=cues.lay_out_goods,
        cue=cues.buy_goods,
        lines=(
            Line(
                "remind",
                at(11, days=30),
                ("пополнить запас", "Капучино"),
                ("stock up", "Капучино"),
                "card",
            ),
        ),
        late=(("remind", "skipped", LATE),),
        leave=cues.buy_goods,
        ends="bought_category",
    ),
    Story(
        chain="bonus_expiry",
        cue=cues.points_for_20_days,
        lines=(
            Line(
                "14",
                tomorrow(10, days=6),
                ("40 баллов", "14 дней"),
                ("40 points", "14 days"),
                "card",
            ),
            Line(
                "3", tomorrow(10, days=17), ("40 баллов", "3 дня"), ("40 points", "3 days"), "card"
            ),
            Line(
                "1",
                tomorrow(10, days=19),
                ("не потеряйте 40 баллов",),
                ("do not lose 40 points",),
                "card",
            ),
        ),
        late=(("14", "send", None),),
        leave=cues.spend_points,
        ends="points_spent",
    ),
    Story(
        chain="birthday_gift",
        person=_birthday(8),
        cue=cues.wait,
        lines=(
            Line(
                "announce",
                tomorrow(10),
                ("подарок к вашему дню рождения", "200 баллов"),
                ("gift for your birthday", "200 points"),
                "balance",
            ),
        ),
        late=(("announce", "send", None),),
    ),
    Story(
        chain="birthday",
        person=_birthday(3),
        cue=cues.wait,
        lines=(
            Line(
                "greeting", tomorrow(10, days=3), ("с днём рождения",), ("happy birthday",), "card"
            ),
        ),
        late=(("greeting", "send", None),),
        leave=cues.change_birthday,
        ends="day_moved",
    ),
    Story(
        chain="anniversary",
        person=_joined_years_ago,
        cue=cues.wait,
        lines=(
            Line(
                "thanks",
                tomorrow(12, days=3),
                ("годовщина знакомства",),
                ("the anniversary of the day",),
                "offers",
            ),
        ),
        late=(("thanks", "skipped", LATE),),
    ),
    Story(
        chain="renewal",
        person=_field,
        cue=cues.wait,
        lines=(
            Line(
                "14",
                tomorrow(10, days=6),
                ("напоминаем заранее", "14 дней"),
                ("14 days to go",),
                "talk",
            ),
            Line(
                "3",
                tomorrow(10, days=17),
                ("осталось совсем немного: 3 дня",),
                ("3 days left",),
                "talk",
            ),
        ),
        late=(("14", "send", None),),
        leave=cues.change_field,
        ends="day_moved",
    ),
    Story(
        chain="tier_progress",
        cue=cues.buy_for(8_600_00),
        lines=(
            Line(
                "near", at(12), ("следующий уровень", "1 400"), ("next level", "1,400"), "balance"
            ),
        ),
        late=(("near", "send", None),),
        leave=cues.buy_for(5_000_00),
        ends="left_segment",
    ),
    Story(
        chain="tier_reached",
        cue=cues.buy_for(12_000_00),
        lines=(
            Line(
                "reached",
                at(12, days=1),
                ("поздравляем", "Серебро"),
                ("congratulations", "Silver"),
                "balance",
            ),
        ),
        late=(("reached", "skipped", LATE),),
    ),
    Story(
        chain="tier_warning",
        cue=cues.warn_of_level,
        lines=(
            Line("month", after(), ("Серебро", "10 000"), ("Silver", "10,000"), "balance"),
            Line("last_days", at(12, days=20), ("Серебро", "10 000"), ("Silver", "10,000"), "card"),
        ),
        late=(("month", "skipped", LATE),),
        leave=cues.buy_for(12_000_00),
        ends="tier_kept",
    ),
    Story(
        chain="referral",
        cue=cues.buy_and_rate(5),
        lines=(
            Line(
                "invite",
                at(12, days=2),
                ("спасибо за пятёрку",),
                ("thank you for the five stars",),
                "invite",
            ),
        ),
        late=(("invite", "skipped", LATE),),
    ),
    Story(
        chain="referral_reward",
        cue=cues.fill_a_stamp_card,
        lines=(
            Line("invite", at(12, days=1), ("карточка собрана",), ("a full stamp card",), "invite"),
        ),
        late=(("invite", "skipped", LATE),),
        leave=cues.give_back,
        ends="rule",
    ),
    Story(
        chain="abandoned_cart",
        cue=cues.fill_a_cart,
        lines=(
            Line(
                "remind", after(hours=1), ("оставили в корзине",), ("left something in your cart",)
            ),
            Line(
                "goods", after(days=1), ("ждёт вас", "Чайник"), ("still waiting", "Чайник"), "card"
            ),
            Line("discount", after(days=2), ("10 % на заказ",), ("10 % off what is in",), "offers"),
        ),
        late=(
            ("remind", "skipped", LATE),
            ("goods", "skipped", LATE),
            ("coupon", "skipped", LATE),
            ("discount", "skipped", LATE),
        ),
        leave=cues.order,
        ends="ordered",
        gifts=("coupon",),
    ),
    Story(
        chain="abandoned_view",
        cue=cues.view_goods,
        lines=(Line("remind", after(hours=4), ("приглянулось",), ("catch your eye",), "talk"),),
        late=(("remind", "skipped", LATE),),
        leave=cues.order,
        ends="ordered",
    ),
    Story(
        chain="win_back",
        scene=cues.lay_out_goods,
        cue=cues.buy_goods,
        lines=(
            Line("reminder", at(12, days=30), ("уже месяц",), ("a month",), "card"),
            Line("bought_before", at(12, days=60), ("Капучино",), ("Капучино",), "card"),
            Line("personal", at(12, days=90), ("15 %", "Купон"), ("15 %", "Coupon"), "offers"),
        ),
        late=(("reminder", "skipped", LATE),),
        leave=cues.buy,
        ends="bought_since_start",
        gifts=("offer",),
    ),
    Story(
        chain="win_back_months",
        scene=cues.lay_out_goods,
        cue=cues.buy_goods,
        lines=(
            Line("miss_you", at(12, days=180), ("давно не виделись",), ("a long time",), "offers"),
            Line("bought_before", at(12, days=183), ("Капучино",), ("Капучино",), "card"),
            Line("personal", at(12, days=190), ("20 %", "Купон"), ("20 %", "Coupon"), "offers"),
        ),
        late=(("miss_you", "skipped", LATE), ("bought_before", "send", None)),
        leave=cues.buy,
        ends="bought_since_start",
        gifts=("offer",),
    ),
    Story(
        chain="seasonal",
        begin=_day_before_christmas_fair,
        cue=cues.buy,
        lines=(Line("greeting", tomorrow(12), ("с наступающим",), ("happy new year",), "offers"),),
        late=(("greeting", "skipped", LATE),),
    ),
)
