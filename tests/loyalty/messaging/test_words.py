"""Our own words and the marketer's, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty.messaging import Context, Message, placeholders, render, template_names

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
RECEIPT = {"purchase_id": 1, "total": 45000, "earned": 22, "balance": 100, "pending": 22}
VALUES: dict[str, dict[str, Any]] = {
    "receipt": RECEIPT,
    "returned": {"amount": 45000, "earned_reversed": 22, "spent_returned": 5, "balance": 1},
    "welcome_points": {"points": 100},
    "birthday_points": {"points": 200, "last_day": "2026-03-17"},
    "tier_warned": {
        "tier": {"ru": "Золото", "en": "Gold"},
        "to_keep": 340000,
        "last_day": "2026-03-31",
    },
    "referral_reward": {"points": 100, "side": "friend", "balance": 200},
    "new_account_used_your_phone": {"hours": 72},
    "consent_changed": {"granted": True},
    "staff_answer": {"text": "10 < 20"},
    "talk_waits": {},
    "undone": {"amount": 45000, "balance": 100},
}


def said(template: str, language: str = "en", *, now: datetime = NOW, **values: Any) -> str:
    """The text of one of our messages."""
    context = Context(
        language=language, time_zone="Europe/Moscow", currency="RUB", now=now, created_at=NOW
    )
    payload = {"template": template, "values": VALUES.get(template, {}) | values}
    return render(payload, context=context).text


def test_a_receipt_says_what_was_earned_and_from_when() -> None:
    assert said("receipt", "ru").replace("\u00a0", " ").splitlines() == [
        "🎉 <b>+22 балла</b> за 450 ₽ · тратить можно с завтрашнего дня",
        "На карте: <b>100 баллов</b>",
    ]
    assert "ready tomorrow" in said("receipt")
    assert "ready today" in said("receipt", now=NOW + timedelta(hours=16))
    assert "ready" not in said("receipt", now=NOW + timedelta(days=1))
    assert "ready" not in said("receipt", pending=0)


def test_a_receipt_names_the_debt_that_was_covered_and_what_is_left_of_it() -> None:
    assert said("receipt", "ru", pending=0, debt_repaid=15, debt=45).splitlines()[1:] == [
        "↩️ Из них погасили долг после возврата: 15",
        "Осталось в долгу: 45 баллов",
        "На карте: <b>100 баллов</b>",
    ]
    assert "Of these, 15 covered what you owed" in said("receipt", debt_repaid=15)
    assert "owe" not in said("receipt", debt_repaid=15).replace("what you owed", "")
    assert "owe" not in said("receipt", debt=45), "the debt is the balance's news, not the sale's"


def test_a_receipt_says_what_was_paid_with_points() -> None:
    assert "Paid with points: 1" in said("receipt", redeemed=1)
    assert "Paid" not in said("receipt")
    assert "Thank you" in said("receipt", earned=0)


def test_a_receipt_tells_what_else_the_purchase_brought() -> None:
    silver = {"ru": "Серебро", "en": "Silver"}
    extras: dict[str, Any] = {
        "discount": 4500,
        "gift_paid": 10000,
        "parts": [
            {"points": 22, "rate_bp": 750, "name": silver, "base": True},
            {"points": 50, "rate_bp": None, "name": {"ru": "Кофе <1>", "en": "Coffee <1>"}},
            {"points": 0, "rate_bp": 100, "name": silver},
        ],
        "stamps": [{"name": {"ru": "Кофейная карта", "en": "Coffee card"}, "stamps": 2, "of": 4}],
        "gifts": [{"name": {"ru": "Кофе в подарок", "en": "Free coffee"}}],
        "tier": silver,
    }
    text = said("receipt", "ru", **extras).replace("\u00a0", " ")
    assert text.splitlines()[1:] == [
        "<i>7,5 % Серебро + 50 Кофе &lt;1&gt;</i>",
        "🎟 Вы сэкономили 45 ₽",
        "💳 Оплачено подарочной картой: 100 ₽",
        "Кофейная карта: ●●○○ 🎁",
        "🎁 Вам подарок: <b>Кофе в подарок</b>",
        "🏆 Ваш новый уровень: <b>Серебро</b>. Поздравляем!",
        "На карте: <b>100 баллов</b>",
    ]
    assert "7.5 % Silver + 50 Coffee" in said("receipt", **extras)
    context = Context(
        language="en", time_zone="Europe/Moscow", currency="RUB", now=NOW, created_at=NOW
    )
    message = render({"template": "receipt", "values": RECEIPT | extras}, context=context)
    assert [b["data"] for row in message.buttons for b in row] == ["offers"]


def test_a_return_tells_of_stamps_and_the_gift_card() -> None:
    text = said("returned", "ru", stamps=2, gift_returned=10000).replace("\u00a0", " ")
    assert "Снято штампов: 2" in text
    assert "Вернули на подарочную карту: 100 ₽" in text
    assert "Stamps" not in said("returned")


def test_a_return_names_debt_only_when_there_is_any() -> None:
    assert "Owed" not in said("returned")
    assert "Owed: 3 points" in said("returned", debt=3)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_every_template_speaks_both_languages(name: str) -> None:
    russian, english = said(name, "ru"), said(name, "en")
    assert russian
    assert english
    assert russian != english
    assert "{" not in russian + english


def test_every_template_is_looked_at() -> None:
    assert template_names() == sorted(VALUES)


def test_words_given_as_they_are_stay_so() -> None:
    context = Context(
        language="ru", time_zone="Europe/Moscow", currency="RUB", now=NOW, created_at=NOW
    )
    buttons = [[{"text": "A", "data": "a"}]]
    message = render({"text": "<b>Hi</b>", "buttons": buttons}, context=context)
    assert message == Message("<b>Hi</b>", buttons)
    with pytest.raises(LookupError):
        render({"template": "none"}, context=context)


def test_placeholders_are_filled_and_escaped() -> None:
    text = "{name|friend}, you have {balance}"
    assert placeholders.fill(text, {"name": "<b>Ann", "balance": "5 points"}) == (
        "&lt;b&gt;Ann, you have 5 points"
    )
    assert placeholders.fill(text, {"name": "", "balance": "1 point"}).startswith("friend, ")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("Hello, {name|you}! {balance}", []),
        ("<b>Hello</b> <a href='https://example.com'>there</a>", []),
        ("", ["empty"]),
        ("{nmae}", ["unknown_variable:nmae"]),
        ("{name}", ["fallback_missing:name"]),
        ("{balance", ["stray_brace"]),
        ("<b>Hello", ["unclosed_tag:b"]),
        ("<script>x</script>", ["unknown_tag:script"]),
        ("<b><i>x</b></i>", ["unclosed_tag:b"]),
        ("x" * 4097, ["too_long"]),
        ("🎉" * 2049, ["too_long"]),
        ("🎉" * 2048, []),
        ("<b> </b>", ["empty"]),
        ("1 < 2", ["stray_angle"]),
        ("1 <2 и 3> 2", ["stray_angle"]),
        ("<b/>x", ["stray_angle"]),
        ("x <!-- y -->", ["stray_angle"]),
        ("2 > 1 &amp; {name|<3}", []),
    ],
)
def test_a_marketer_s_text_is_checked(text: str, problems: list[str]) -> None:
    assert list(placeholders.problems_of(text)) == problems


def test_a_language_left_out_is_a_problem() -> None:
    assert list(placeholders.problems_of_texts({"en": "Hi"})) == ["language_missing:ru"]
