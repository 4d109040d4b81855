"""The chains that come with the program: the words an owner can change, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty.chains.model import Definition

_CARD_BUTTON = {"texts": {"ru": "💳 Моя карта", "en": "💳 My card"}, "data": "card"}
_BALANCE_BUTTON = {"texts": {"ru": "✨ Мои баллы", "en": "✨ My points"}, "data": "balance"}

_WELCOME: Mapping[str, Any] = {
    "title": {"ru": "Знакомство", "en": "Welcome"},
    "trigger": {"kind": "event", "event": "customer.joined", "occurrence": "once"},
    "steps": [
        {
            "kind": "message",
            "id": "hello",
            "texts": {
                "ru": (
                    "👋 {name|Привет}, рады знакомству!\n\n"
                    "Всё просто: покажите карту на кассе — и с каждой покупки вам вернутся баллы. "
                    "Один балл — как один рубль скидки.\n\n"
                    "Сколько их накопилось, видно в любой момент. Ждём в гости!"
                ),
                "en": (
                    "👋 {name|Hello}, so glad to meet you!\n\n"
                    "It is simple: show your card at the till and every purchase brings points "
                    "back. Each point is money off a purchase.\n\n"
                    "You can see them at any moment. Come by soon!"
                ),
            },
            "buttons": [[_CARD_BUTTON]],
        },
        {"kind": "wait", "days": 2, "since": "start"},
        {
            "kind": "message",
            "id": "card",
            "texts": {
                "ru": (
                    "💳 Ваша карта всегда под рукой — прямо здесь, в чате.\n\n"
                    "Нажмите кнопку, покажите код кассиру, и баллы посчитаются сами. "
                    "Ничего распечатывать и запоминать не нужно."
                ),
                "en": (
                    "💳 Your card is always at hand, right here in the chat.\n\n"
                    "Tap the button, show the code at the till, and the points take care of "
                    "themselves. Nothing to print, nothing to remember."
                ),
            },
            "buttons": [[_CARD_BUTTON]],
        },
        {"kind": "wait", "days": 5, "since": "start"},
        {"kind": "condition", "test": "has_bought", "otherwise": "waiting"},
        {
            "kind": "message",
            "id": "thanks",
            "texts": {
                "ru": (
                    "💛 {name|Здравствуйте}, спасибо, что были у нас!\n\n"
                    "Сейчас у вас {balance} — можно потратить в следующий раз. До встречи!"
                ),
                "en": (
                    "💛 {name|Hello}, thank you for coming by!\n\n"
                    "You have {balance} to spend next time. See you soon!"
                ),
            },
            "buttons": [[_BALANCE_BUTTON]],
            "then": "end",
        },
        {
            "kind": "message",
            "id": "waiting",
            "texts": {
                "ru": (
                    "🎁 {name|Здравствуйте}, ваши баллы вас ждут.\n\n"
                    "На карте {balance}: загляните, когда будете рядом, и оплатите ими часть "
                    "покупки."
                ),
                "en": (
                    "🎁 {name|Hello}, your points are waiting for you.\n\n"
                    "On your card: {balance}. Drop in when you are nearby and let them pay "
                    "for a part of it."
                ),
            },
            "buttons": [[_CARD_BUTTON]],
        },
    ],
}


def _reminder(days: int, ru: str, en: str) -> list[dict[str, Any]]:
    return [
        {"kind": "wait_before", "days": days, "hour": 10},
        {
            "kind": "message",
            "id": str(days),
            "texts": {"ru": ru, "en": en},
            "buttons": [[_CARD_BUTTON]],
            "lifetime_hours": None,
        },
    ]


_BONUS_EXPIRY: Mapping[str, Any] = {
    "title": {"ru": "Баллы скоро сгорят", "en": "Points about to expire"},
    "trigger": {"kind": "expiry", "days_before": 14},
    "steps": [
        *_reminder(
            14,
            "⏳ {name|Здравствуйте}, успейте потратить {expiring}: последний день — {until}.\n\n"
            "Впереди ещё {days}. Хороший повод заглянуть к нам!",
            "⏳ {name|Hello}, you have {expiring} to use up: the last day is {until}.\n\n"
            "{days} to go. A good reason to drop in!",
        ),
        *_reminder(
            3,
            "⏰ Осталось всего ничего: {days}, чтобы потратить {expiring}.\n\n"
            "Последний день — {until}. Покажите карту на кассе и оплатите ими часть покупки.",
            "⏰ Not long now: {days} left to use {expiring}.\n\n"
            "The last day is {until}. Show your card at the till and pay a part with them.",
        ),
        *_reminder(
            1,
            "🔥 {name|Здравствуйте}, не потеряйте {expiring}! Последний день — {until}.\n\n"
            "Всего на карте {balance}. Ждём вас!",
            "🔥 {name|Hello}, do not lose {expiring}! The last day is {until}.\n\n"
            "On your card altogether: {balance}. We are looking forward to seeing you!",
        ),
    ],
    "exits": ["points_spent"],
}


def _star(score: int) -> dict[str, Any]:
    label = f"{score} ⭐"
    return {"texts": {"ru": label, "en": label}, "data": f"rate:{{purchase}}:{score}"}


_RATING: Mapping[str, Any] = {
    "title": {"ru": "Оценка покупки", "en": "How was it?"},
    "trigger": {"kind": "event", "event": "purchase.recorded", "occurrence": "purchase"},
    "steps": [
        {"kind": "wait", "hours": 2, "since": "start"},
        {
            "kind": "message",
            "id": "ask",
            "texts": {
                "ru": (
                    "💛 {name|Здравствуйте}, спасибо, что заглянули!\n\n"
                    "Как вам {outlet|у нас}? Поставьте оценку — это одно касание."
                ),
                "en": (
                    "💛 {name|Hello}, thank you for coming by!\n\n"
                    "How did you like {outlet|it here}? Rate us, it is just one tap."
                ),
            },
            "buttons": [[_star(score) for score in range(1, 6)]],
        },
    ],
    "exits": ["purchase_returned", "purchase_rated"],
}

WELCOME, BONUS_EXPIRY, RATING = "welcome", "bonus_expiry", "rating"

SHIPPED: Mapping[str, Definition] = {
    WELCOME: Definition.model_validate(_WELCOME),
    BONUS_EXPIRY: Definition.model_validate(_BONUS_EXPIRY),
    RATING: Definition.model_validate(_RATING),
}
"""By key; switched on when they are first written down."""
