"""An invitation for a friend, at the moments people like us best."""

from __future__ import annotations

from loyalty.chains.shipped.parts import INVITE, at, local, message, preset, wait

_SELDOM = {"days": 90, "one_at_a_time": True}

REFERRAL = preset(
    "referral",
    title=local("Позовите друга: после пятёрки", "Bring a friend: after five stars"),
    about=local(
        "Через два дня после оценки 5 предлагает позвать друга, не чаще раза в 90 дней. Баллы "
        "обоим обещает программа; выключите цепочку, если приглашения в программе выключены.",
        "Two days after a rating of 5 suggests to bring a friend, at most once in 90 days. The "
        "points for both come from the program; switch it off if invitations are off there.",
    ),
    enabled=True,
    trigger={
        "kind": "event",
        "event": "purchase.rated",
        "occurrence": "event",
        "where": {"score": 5},
    },
    steps=[
        wait(days=2),
        at(12),
        message(
            "invite",
            "🤝 {name|Здравствуйте}, спасибо за пятёрку, нам очень приятно!\n\n"
            "Наверняка и кому-то из друзей у нас понравится. Отправьте приглашение: подарочные "
            "баллы получите вы оба.",
            "🤝 {name|Hello}, thank you for the five stars, they made our day!\n\n"
            "Surely a friend of yours would like it here too. Send an invitation: you both get "
            "points as a gift.",
            INVITE,
        ),
    ],
    re_entry=_SELDOM,
)

REFERRAL_REWARD = preset(
    "referral_reward",
    title=local("Позовите друга: после подарка", "Bring a friend: after a reward"),
    about=local(
        "На следующий день после подарка за штампы предлагает позвать друга, не чаще раза в 90 "
        "дней, и только если последняя оценка гостя не ниже 4.",
        "The day after a stamp reward suggests to bring a friend, at most once in 90 days, and "
        "only if the guest's last rating is 4 or better.",
    ),
    enabled=True,
    urgency="referral",
    trigger={"kind": "event", "event": "stamps.reward", "occurrence": "event"},
    steps=[
        wait(days=1),
        at(12),
        {
            "kind": "condition",
            "id": "content",
            "rule": {"not": {"field": "rating_last", "op": "<", "value": 4}},
        },
        message(
            "invite",
            "🎁 {name|Здравствуйте}, карточка собрана, подарок ваш: здорово!\n\n"
            "Вместе веселее: позовите друга, и за его первую покупку баллы придут вам обоим.",
            "🎁 {name|Hello}, a full stamp card and a gift of your own: well done!\n\n"
            "It is more fun together: bring a friend, and their first purchase brings points to "
            "both of you.",
            INVITE,
        ),
    ],
    # The purchases came back, and the reward with them.
    exits=[{"field": "event", "key": "voucher.taken_back", "days": 5, "op": ">=", "value": 1}],
    re_entry=_SELDOM,
)

FAMILY = (REFERRAL, REFERRAL_REWARD)
