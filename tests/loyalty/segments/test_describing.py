"""Rules in words: every field and operator in both languages, with the right forms."""

from __future__ import annotations

import re
from typing import Any

import pytest

from loyalty import segments
from loyalty.segments import FIELDS, GROUPS, OPERATORS, Names
from loyalty.texts import LANGUAGES, translator
from tests.loyalty.segments.test_asking import every_condition

_LATIN = re.compile(r"[A-Za-z_]{3,}")
_FINE = {"Telegram", "VIP", "cart_updated"}


def said(document: Any, language: str = "ru", **names: Any) -> str:
    rule = segments.check(document)
    return str(segments.describe(rule, translator(language), names=Names(**names)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_condition_can_be_said(language: str) -> None:
    for document in every_condition():
        text = said(document, language)
        assert "{" not in text, document
        if language == "ru":
            left = set(_LATIN.findall(text)) - _FINE
            assert not left, (document, text)
        else:
            assert not re.search("[а-яё]", text, re.IGNORECASE), (document, text)


def test_every_label_is_in_both_languages() -> None:
    russian = translator("ru")
    labels = [*GROUPS.values(), *OPERATORS.values()]
    for known in FIELDS.values():
        assert known.group in GROUPS
        assert set(known.operators) <= set(OPERATORS)
        labels += [known.label, *(label for _, label in known.choices)]
        for extra in known.extras:
            labels += [extra.label, *(label for _, label in extra.choices)]
    for label in set(labels) - {"Telegram"}:
        assert re.search("[а-яё]", str(russian(label)), re.IGNORECASE), label


@pytest.mark.parametrize(
    ("document", "russian", "english"),
    [
        (
            {
                "all": [
                    {"field": "bought_days_ago", "op": ">", "value": 183, "category": "масло"},
                    {"field": "last_purchase_days_ago", "op": ">", "value": 21},
                ]
            },
            "Последний раз покупали «масло» больше 183 дней назад"
            " и последняя покупка больше 21 дня назад",
            "Last bought “масло” more than 183 days ago and last purchase more than 21 days ago",
        ),
        (
            {"field": "spent", "op": ">=", "value": 500_000, "days": 2},
            "Потрачено не меньше 5 000 ₽ за последние 2 дня",
            "Spent at least ₽5,000 in the last 2 days",
        ),
        (
            {"field": "to_next_tier_share", "op": "<", "value": 1500},
            "До следующего уровня осталось меньше 15 %",
            "Left to the next tier less than 15 %",
        ),
        (
            {"any": [{"segment": "vip"}, {"not": {"segment": "ours"}}]},
            "В сегменте «VIP» или не так: в сегменте «Наши &lt;b&gt;»",
            "In the segment “VIP” or not: in the segment “Наши &lt;b&gt;”",
        ),
        (
            {"field": "tier", "op": ">=", "value": "silver"},
            "Уровень Серебро или выше",
            "Tier Silver or higher",
        ),
        (
            {"field": "birthday_in_days", "op": "<=", "value": 1},
            "День рождения не позже чем через 1 день",
            "Birthday in at most 1 day",
        ),
        (
            {"field": "bought", "op": "=", "value": 0, "category": "чай", "days": 30},
            "Не покупали «чай» за последние 30 дней",
            "Did not buy “чай” in the last 30 days",
        ),
        (
            {"field": "home_outlet", "op": "in", "value": ["7", "8"]},
            "Своя точка — Арбат или 8",
            "Home outlet — Арбат or 8",
        ),
        ({"all": []}, "Все гости", "All customers"),
    ],
)
def test_what_a_marketer_reads(document: Any, russian: str, english: str) -> None:
    names = {"segments": {"ours": "Наши <b>"}, "outlets": {"7": "Арбат"}}
    assert said(document, "ru", **names).replace("\xa0", " ") == russian
    assert said(document, "en", **names).replace("\xa0", " ") == english


def test_parts_in_parts_are_kept_together() -> None:
    either = {"any": [{"segment": "vip"}, {"segment": "lost"}]}
    text = said({"all": [{"field": "reachable", "value": True}, either]})
    assert text == ("Можно написать в Telegram и (в сегменте «VIP» или в сегменте «Ушедшие»)")


def test_every_ready_made_segment_has_a_name() -> None:
    for language in LANGUAGES:
        titles = {
            segments.segment_title(key, translator(language)) for key in segments.EVERY_READY_MADE
        }
        assert len(titles) == len(segments.EVERY_READY_MADE)
    assert segments.segment_title("tier:gold", translator("ru")) == "Уровень «Золото»"
