"""What changes between two programs, what is wrong with one, what to know before: in words."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.errors import ProgramInvalid
from loyalty.program import Program
from loyalty.program.cautions import cautions
from loyalty.program.checking import check, validate
from loyalty.program.differences import differences
from loyalty.program.fields import SECTIONS, say
from loyalty.program.wording import describe, value_at
from loyalty.texts import translator


def rules(**changed: Any) -> dict[str, Any]:
    """The default rules as JSON, with some replaced."""
    return Program().model_dump(mode="json") | changed


def sentences(old: Program, new: Program, language: str, **more: Any) -> list[str]:
    """The differences, each as a sentence without unbreakable spaces."""
    t = translator(language)
    said = [change.said(t, "RUB", **more).sentence for change in differences(old, new)]
    return [text.replace("\u00a0", " ").replace("\u202f", " ") for text in said]


def changed(**how: Any) -> Program:
    """The default program with some rules replaced."""
    return Program.model_validate(rules(**how))


def test_rates_and_terms_are_told_with_their_units() -> None:
    tiers = rules()["tiers"]
    tiers[1]["earn_rate_bp"] = 850
    tiers[2]["threshold"] = 25_000_50
    new = changed(
        tiers=tiers,
        expiry_days=None,
        pending_days=0,
        quiet_hours={"start_minute": 22 * 60 + 30, "end_minute": 540},
        referral={"enabled": False, "minimum": 0},
        leap_day="mar_1",
    )
    assert sentences(Program(), new, "ru") == [
        "Серебро: начисление 7 % → 8,5 %",
        "Золото: порог 20 000 ₽ → 25 000,50 ₽",
        "Ожидание перед тратой: 1 день → нет",
        "Сгорание: 365 дней → не сгорают",
        "29 февраля в другие годы: 28 февраля → 1 марта",
        "Награды за друзей: включены → выключены",
        "Первый чек друга от: 500 ₽ → любая сумма",
        "Тихие часы с: 21:00 → 22:30",
    ]
    assert sentences(Program(), new, "en")[:4] == [
        "Silver: earning 7% → 8.5%",
        "Gold: threshold ₽20,000 → ₽25,000.50",
        "Wait before spending: 1 day → none",
        "Expiry: 365 days → never expire",
    ]
    assert sentences(new, new, "ru") == []


def test_tiers_come_go_and_are_renamed() -> None:
    tiers = rules()["tiers"]
    del tiers[2]
    tiers[1]["name"] = {"ru": "Свои {люди}", "en": "Friends <b>"}
    perk = {"kind": "free_delivery", "text": {"ru": "Везём даром", "en": "We bring it"}}
    tiers.append(
        {
            "key": "vip",
            "threshold": 50_000_00,
            "earn_rate_bp": 1500,
            "name": {"ru": "ВИП", "en": "VIP"},
            "perks": [perk],
        }
    )
    assert sentences(Program(), changed(tiers=tiers), "ru") == [
        "Серебро: название Серебро / Silver → Свои {люди} / Friends <b>",
        "Новый уровень: ВИП (15 %, от 50 000 ₽, Везём даром)",
        "Уровень убран: Золото (10 %, от 20 000 ₽)",
    ]


def test_stamp_cards_tell_every_part() -> None:
    cards = rules()["stamp_cards"]
    card = cards[0]
    card["stamps"] = 9
    card["daily_cap"] = 2
    card["outlet_caps"] = {"77": 5}
    card["scope"] = {"categories": ["чай"], "skus": ["T-1"]}
    card["reward"]["effect"] = {"kind": "percent", "rate_bp": 5000, "up_to": 300_00}
    prize = {**card["reward"], "effect": {"kind": "amount", "amount": 100_00}, "minimum": 500_00}
    card["interim"] = [{"at": 5, "gift": prize}]
    found = sentences(Program(), changed(stamp_cards=cards), "ru", outlets={"77": "На <углу>"})
    assert found == [
        "Кофейная карта: категории coffee, кофе → чай",
        "Кофейная карта: артикулы нет → T-1",
        "Кофейная карта: сколько штампов собрать 4 штампа → 9 штампов",
        "Кофейная карта: не больше в день без ограничения → 2 штампа",
        "Кофейная карта: не больше в день в точке На <углу> без ограничения → 5 штампов",
        "Кофейная карта: награда Кофе в подарок: 1 штука бесплатно (кофе), срок 60 дней"
        " → Кофе в подарок: скидка 50 %, не дороже 300 ₽, срок 60 дней",
        "Кофейная карта: приз на штампе 5 без приза"
        " → Кофе в подарок: скидка 100 ₽, срок 60 дней, в чеке от 500 ₽",
    ]
    card["reward"]["effect"]["scope"] = {"categories": ["Tea & <Coffee>"]}
    assert "скидка 50 % (Tea & <Coffee>), не дороже 300 ₽" in " ".join(
        sentences(Program(), changed(stamp_cards=cards), "ru")
    )
    gone = sentences(Program(), changed(stamp_cards=[]), "en")
    assert gone == [
        "Stamp card removed: Coffee card (4 stamps (coffee) → "
        "Free coffee: 1 item free (coffee), for 60 days)"
    ]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_setting_has_a_place_and_words(language: str) -> None:
    t, program = translator(language), Program()
    told = {field.path for section in SECTIONS for field in section.fields}
    flat = {
        f"{name}.{inner}" if inner else name
        for name, value in rules().items()
        if name not in ("tiers", "stamp_cards", "till_categories", "caps_by_segment")
        for inner in (value if isinstance(value, dict) else [""])
    }
    assert told == flat
    for section in SECTIONS:
        for field in section.fields:
            said = say(field, value_at(program, field.path), t, "RUB")
            assert said
            assert "None" not in said
    assert all(rows for _, rows in describe(program, t, "RUB"))


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"pending_days": -1}, "pending_days", "Не меньше: 0 дней."),
    ({"redeem_share_bp": 10_001}, "redeem_share_bp", "Не больше: 100 %."),
    ({"quiet_hours": {"start_minute": 1440}}, "quiet_hours.start_minute", "Не больше: 23:59."),
    ({"welcome_points": "много"}, "welcome_points", "Целое число, например 30."),
    ({"welcome_points": 1.5}, "welcome_points", "Целое число, например 30."),
    ({"welcome_points": None}, "welcome_points", "Целое число, например 30."),
    ({"caps": {"mass_per_day": 1001}}, "caps.mass_per_day", "Не больше: 1 000 сообщений."),
    ({"leap_day": "feb_30"}, "leap_day", "Выберите"),
    ({"interest": 3}, "interest", "Такой настройки нет."),
    ({"tiers": []}, "tiers.0.threshold", "Самый низкий уровень начинается с 0"),
    ({"stamp_cards": "x"}, "stamp_cards", "Так не получится."),
]


@pytest.mark.parametrize(("how", "path", "said"), WRONG)
def test_problems_name_their_field_in_plain_words(
    how: dict[str, Any], path: str, said: str
) -> None:
    problem = validate(rules(**how))[0]
    assert problem.path == path
    text = problem.said(translator("ru"), "RUB").replace("\u00a0", " ")
    assert text.startswith(said)
    for language in ("ru", "en"):
        assert "Input should" not in problem.said(translator(language), "RUB")


def test_ladders_are_checked_where_they_break() -> None:
    tiers = rules()["tiers"]
    tiers[2]["threshold"] = tiers[1]["threshold"]
    assert validate(rules(tiers=tiers))[0][:2] == ("tiers.2.threshold", "tiers_go_up")
    tiers = [*rules()["tiers"], {"key": "gold", "threshold": 9_000_000, "earn_rate_bp": 1}]
    assert validate(rules(tiers=tiers))[0][:2] == ("tiers.3.key", "used_twice")
    tiers[3]["key"] = "platinum"
    assert [p.path for p in validate(rules(tiers=tiers))] == ["tiers.3.name.ru", "tiers.3.name.en"]
    tiers[3]["key"] = "Большой ключ"
    assert validate(rules(tiers=tiers))[0][:2] == ("tiers.3.key", "letters")


def test_stamp_cards_are_checked_where_they_break() -> None:
    card = rules()["stamp_cards"][0]
    for at, code in ((4, "prize_on_the_way"), (0, "at_least")):
        wrong = {**card, "interim": [{"at": at, "gift": card["reward"]}]}
        assert validate(rules(stamp_cards=[wrong]))[0][:2] == (
            "stamp_cards.0.interim.0.at",
            code,
        )
    reward = {**card["reward"], "effect": {"kind": "gift_item", "quantity": 99}}
    assert validate(rules(stamp_cards=[{**card, "reward": reward}]))[0][:2] == (
        "stamp_cards.0.reward.effect.quantity",
        "at_most",
    )
    reward = {**card["reward"], "effect": {"kind": "magic"}}
    assert validate(rules(stamp_cards=[{**card, "reward": reward}]))[0][:2] == (
        "stamp_cards.0.reward.effect",
        "choose",
    )
    caps = {**card, "outlet_caps": {"7": 0}}
    assert validate(rules(stamp_cards=[caps]))[0].path == "stamp_cards.0.outlet_caps.7"
    with pytest.raises(ProgramInvalid) as refusal:
        check(rules(stamp_cards=[{**card, "outlet_caps": {"Main": 1}}]))
    assert refusal.value.facts["problems"][0].path == "stamp_cards.0.outlet_caps.Main"
    assert check(Program()) == Program()


def test_cautions_say_what_happens_to_guests() -> None:
    tiers = rules()["tiers"]
    tiers[0]["earn_rate_bp"] = 3000
    tiers[1] |= {"threshold": 12_000_00, "earn_rate_bp": 600}
    del tiers[2]
    new = changed(
        tiers=tiers,
        expiry_days=90,
        pending_days=3,
        stamp_cards=[],
        quiet_hours={"start_minute": 0, "end_minute": 0},
    )
    found = cautions(Program(), new, by_tier={"gold": 21, "silver": 1}, by_card={"coffee": 5})
    assert [caution.code for caution in found] == [
        "expiry_new_points_only",
        "pending_new_points_only",
        "tier_starts_higher",
        "tier_earns_less",
        "tier_removed",
        "tier_out_of_order",
        "rate_high",
        "card_removed",
        "no_quiet_hours",
    ]
    said = [caution.said(translator("ru")) for caution in found]
    assert said[4].startswith("Уровень «Золото» исчезнет. Его гости считаются на уровне «Бронза»")
    assert said[4].endswith("Это касается 21 гостя.")
    assert said[7].endswith("Это касается 5 гостей.")
    assert cautions(Program(), Program()) == []
    longer, shorter = (rules()["stamp_cards"][0] | {"stamps": n} for n in (6, 3))
    for card, code in ((longer, "card_longer"), (shorter, "card_shorter")):
        assert [c.code for c in cautions(Program(), changed(stamp_cards=[card]))] == [code]
