"""Promotions and the points of a receipt in words, in both languages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from loyalty.program import LocalText, PointsGift, Scope, StampsGift, VoucherGift
from loyalty.promotions import Names, Part, breakdown, describe, explain
from loyalty.promotions.model import (
    BonusStamps,
    Bundle,
    BundleItem,
    Discount,
    ExtraRate,
    FixedPoints,
    Goal,
    Multiplier,
    NthFree,
    PointsPerStep,
    Progressive,
    Step,
)
from loyalty.texts import translator
from tests.loyalty.promotions.builders import CAKE, NAME, promo
from tests.loyalty.promotions.test_model import EVERY

RU, EN = translator("ru"), translator("en")
BOTH = Scope(categories=("coffee", "кофе"))
COUPON = VoucherGift(name=NAME, effect={"kind": "free_delivery"})


def plain(text: str) -> str:
    """Without the spaces that do not break."""
    return str(text).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("effect", "russian", "english"),
    [
        (
            ExtraRate(extra_bp=250),
            "+2,5 % баллами за «кофе»",
            "+2.5 % in points for “coffee”",
        ),
        (Multiplier(times_bp=15_000), "баллы ×1,5 за «кофе»", "points ×1.5 for “coffee”"),
        (FixedPoints(points=1), "+1 балл за «кофе»", "+1 point for “coffee”"),
        (
            FixedPoints(points=2, valid_days=3),
            "+2 балла за «кофе» (действуют 3 дня)",
            "+2 points for “coffee” (good for 3 days)",
        ),
        (
            FixedPoints(points=5, per="piece"),
            "+5 баллов за каждую штуку: «кофе»",
            "+5 points for every piece of “coffee”",
        ),
        (
            PointsPerStep(points=10, step=200_00),
            "+10 баллов за каждые 200 ₽ на «кофе»",
            "+10 points for every full ₽200 spent on “coffee”",
        ),
        (
            BonusStamps(card="coffee", stamps=2),
            "+2 штампа на «Кофе» за «кофе»",
            "+2 stamps on “Кофе” for “coffee”",
        ),
        (
            BonusStamps(card="lunch", stamps=1),
            "+1 штамп за «кофе»",
            "+1 stamp for “coffee”",
        ),
        (
            Discount(rate_bp=1000, up_to=500_00),
            "скидка 10 % на «кофе», но не больше 500 ₽",
            "10 % off “coffee”, at most ₽500",
        ),
        (Discount(amount=50_50), "скидка 50,50 ₽ на «кофе»", "₽50.50 off “coffee”"),
        (
            Progressive(steps=(Step(threshold=1000_00, rate_bp=500),)),
            "скидка на «кофе»: 5 % при сумме от 1 000 ₽",
            "discount on “coffee”: 5 % on ₽1,000 or more",
        ),
        (
            Progressive(
                by="purchases",
                steps=(Step(threshold=0, rate_bp=300), Step(threshold=1, rate_bp=500)),
            ),
            "скидка на «кофе»: 3 % сразу, 5 % после 1 покупки",
            "discount on “coffee”: 3 % at once, 5 % after 1 purchase",
        ),
        (
            NthFree(n=3),
            "из каждых 3 штук самая недорогая в подарок: «кофе»",
            "of every 3 pieces the cheapest is free: “coffee”",
        ),
        (
            Bundle(
                items=(BundleItem(scope=BOTH), BundleItem(scope=CAKE, quantity=2), BundleItem()),
                price=350_00,
            ),
            "«кофе» + «cake» ×2 + любой товар вместе за 350 ₽",
            "“coffee” + “cake” ×2 + any item together for ₽350",
        ),
        (
            Goal(target=3, gift=PointsGift(points=100)),
            "3 покупки за неделю – подарок: 100 баллов",
            "3 purchases within a week – a gift: 100 points",
        ),
        (
            Goal(measure="spend", target=3000_00, period="days", days=10, gift=COUPON),
            "покупки на 3 000 ₽ за 10 дней – подарок: «Утренний кофе»",
            "purchases for ₽3,000 within 10 days – a gift: “Morning coffee”",
        ),
        (
            Goal(target=5, period="month", gift=StampsGift(card="coffee", stamps=1)),
            "5 покупок за месяц – подарок: 1 штамп на «Кофе»",
            "5 purchases within a month – a gift: 1 stamp on “Кофе”",
        ),
    ],
)
def test_what_it_does(effect: Any, russian: str, english: str) -> None:
    rules, names = promo(effect, scope=BOTH), Names(cards={"coffee": "Кофе"})
    assert plain(describe(RU, rules, names=names)) == russian
    assert plain(describe(EN, rules, names=names)) == english


@pytest.mark.parametrize(
    ("when", "russian", "english"),
    [
        ({}, "", ""),
        (
            {"weekdays": (1, 2, 3, 4, 5), "from_minute": 480, "to_minute": 660},
            ", будни 8:00–11:00",
            ", weekdays 8:00–11:00",
        ),
        ({"weekdays": (7, 6), "from_minute": 1080}, ", выходные с 18:00", ", weekends from 18:00"),
        ({"weekdays": (1, 3), "to_minute": 545}, ", пн, ср до 9:05", ", Mon, Wed until 9:05"),
        ({"weekdays": (1, 2, 3, 4, 5, 6, 7)}, "", ""),
        (
            {"starts_on": date(2026, 6, 1), "ends_on": date(2026, 6, 10)},
            ", с 1 июня 2026 по 10 июня 2026",
            ", from 1 June 2026 to 10 June 2026",
        ),
        ({"starts_on": date(2026, 6, 1)}, ", с 1 июня 2026", ", from 1 June 2026 on"),
        (
            {"ends_on": date(2026, 6, 1)},
            ", по 1 июня 2026 включительно",
            ", up to and including 1 June 2026",
        ),
        ({"minimum": 500_00}, ", при чеке от 500 ₽", ", receipts from ₽500"),
        ({"min_pieces": 2}, ", от 2 штук", ", from 2 pieces"),
        ({"outlets": ("1",)}, ", только здесь: «Мира, 5»", ", only at “Мира, 5”"),
        ({"outlets": ("1", "9")}, ", только в 2 точках", ", at 2 places only"),
        ({"first_purchase": True}, ", за первую покупку", ", on the first purchase"),
        (
            {"first_purchase": False},
            ", начиная со второй покупки",
            ", from the second purchase on",
        ),
        ({"birthday_week": True}, ", в неделю дня рождения", ", in the week of the birthday"),
        (
            {"segments": ("tier:gold",), "not_segments": ("lost",)},
            ", для «Золото», не для «lost»",
            ", for “Золото”, not for “lost”",
        ),
    ],
)
def test_when_and_for_whom(when: dict[str, Any], russian: str, english: str) -> None:
    rules = promo(Discount(rate_bp=1000), **when)
    names = Names(outlets={"1": "Мира, 5"}, segments={"tier:gold": "Золото"})
    assert plain(describe(RU, rules, names=names)) == "скидка 10 % на покупку" + russian
    assert plain(describe(EN, rules, names=names)) == "10 % off a purchase" + english


def test_without_named_goods() -> None:
    said = {
        FixedPoints(points=5, per="piece"): "+5 баллов за каждую штуку",
        PointsPerStep(points=1, step=100_00): "+1 балл за каждые 100 ₽",
        NthFree(n=21): "из каждой 21 штуки самая недорогая в подарок",
    }
    for effect, russian in said.items():
        assert plain(describe(RU, promo(effect))) == russian


def test_a_minimum_of_the_named_goods() -> None:
    rules = promo(FixedPoints(points=5), scope=CAKE, minimum=300_00)
    assert plain(describe(RU, rules)) == "+5 баллов за «cake», если на них потрачено от 300 ₽"


def test_customers_are_not_told_whom_we_take_them_for() -> None:
    rules = promo(Discount(rate_bp=1000), segments=("sleeping",), members_only=False)
    assert plain(describe(RU, rules)) == "скидка 10 % на покупку, для «sleeping», можно и без карты"
    assert plain(describe(RU, rules, audience=False)) == "скидка 10 % на покупку"


def test_one_that_stands_alone_says_so() -> None:
    rules = promo(Discount(rate_bp=1000), exclusive=True)
    assert describe(RU, rules).endswith(", не вместе с другими акциями")


def test_long_lists_are_cut_and_names_escaped() -> None:
    many = Scope(categories=tuple(f"c{n}" for n in range(7)))
    assert plain(describe(EN, promo(FixedPoints(points=5), scope=many))).endswith(
        "“c0”, “c1”, “c2”, “c3”, “c4” and 2 more"
    )
    sly = Scope(skus=("<b>{x}</b>",))
    assert "&lt;b&gt;{x}&lt;/b&gt;" in describe(RU, promo(FixedPoints(points=5), scope=sly))


def test_every_promotion_has_a_sentence_in_both_languages() -> None:
    for rules in EVERY:
        russian, english = plain(describe(RU, rules)), plain(describe(EN, rules))
        assert russian != english
        assert "{" not in russian + english


PARTS = [
    Part("base", None, 75, 500),
    Part("rate", 7, 15, 100),
    Part("multiplier", 8, 75, 20_000),
    Part("points", 9, 1050),
    Part("per_step", 10, 0),
]


def test_the_points_of_a_receipt_are_explained() -> None:
    names = {9: NAME, 7: LocalText(ru="Счастливый час", en="Happy hour")}
    assert plain(explain(EN, [PARTS[0], PARTS[3]], names, tier="Silver")) == (
        "5 % Silver + 1,050 Morning coffee"
    )
    assert plain(explain(RU, PARTS, names, tier="Серебро")) == (
        "5 % Серебро + 1 % Счастливый час + ×2 акция + 1 050 Утренний кофе"
    )
    # As a purchase keeps them, and with nothing known but what is in it.
    assert plain(explain(EN, [part.as_json() for part in PARTS[:2]], {})) == "5 % + 1 % promotion"
    assert explain(EN, [], {}) == ""


def test_the_points_of_a_receipt_line_by_line() -> None:
    said = [(plain(text), points) for text, points in breakdown(EN, PARTS, {9: NAME})]
    assert said == [
        ("5 %", 75),
        ("1 % promotion", 15),
        ("×2 promotion", 75),
        ("1,050 Morning coffee", 1050),
    ]
