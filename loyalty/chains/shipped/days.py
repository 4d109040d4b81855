"""Days of the guests' own: a birthday, the day they joined, the end of something; and the last
day of their points."""

from __future__ import annotations

from typing import Any

from loyalty.chains.shipped.parts import (
    CARD,
    MY_CARD,
    OFFERS,
    POINTS,
    TALK,
    before,
    local,
    message,
    preset,
)

RENEWAL = preset(
    "renewal",
    title=local("Скоро дата", "A date comes near"),
    about=local(
        "Напоминает за 14 и за 3 дня до даты из своего поля гостя: конца абонемента, страховки, "
        "следующего обслуживания. Нужно поле с ключом renewal; другой ключ укажите в начале "
        "цепочки. Перенесли дату, и напоминания подстроятся.",
        "Reminds 14 and 3 days before a date in a field of the guest's own: the end of a "
        "subscription, an insurance, the next service. Needs a field with the key renewal; put "
        "another key into the chain's start. When the date moves, the reminders follow.",
    ),
    enabled=False,
    trigger={"kind": "date", "field": "field:renewal", "days_before": 14},
    steps=[
        before(14),
        message(
            "14",
            "🗓 {name|Здравствуйте}, напоминаем заранее: {until} подходит срок.\n\n"
            "Впереди ещё {days}, можно спокойно выбрать удобный день. Поможем всё оформить.",
            "🗓 {name|Hello}, a word in good time: the date is {until}.\n\n"
            "{days} to go, so there is time to choose a day that suits you. We will see to "
            "the rest.",
            TALK,
            lifetime_hours=None,
        ),
        before(3),
        message(
            "3",
            "⏰ До срока осталось совсем немного: {days}, последний день {until}.\n\n"
            "Напишите нам, и мы всё устроим.",
            "⏰ Not long now: {days} left, the date is {until}.\n\n"
            "Write to us and we will arrange everything.",
            TALK,
            lifetime_hours=None,
        ),
    ],
    exits=["day_moved"],
)

BIRTHDAY_GIFT = preset(
    "birthday_gift",
    title=local("Подарок ко дню рождения", "A gift before the birthday"),
    about=local(
        "За неделю до дня рождения рассказывает о подарочных баллах, когда они уже на карте. "
        "Сколько их и за сколько дней, задаёт программа. Кому цепочка не пишет, тот узнаёт о "
        "баллах простым уведомлением.",
        "A week before the birthday tells of the gift points once they are on the card. How many "
        "and how early is set in the program. Whom the chain does not write to is told by a "
        "plain notice.",
    ),
    enabled=True,
    urgency="birthday",
    trigger={"kind": "event", "event": "points.birthday", "occurrence": "event"},
    steps=[
        message(
            "announce",
            # Who joins on the day itself hears of it after: so not a word of its coming.
            "🎁 {name|Здравствуйте}, подарок к вашему дню рождения уже на карте!\n\n"
            "Теперь у вас {balance}. Порадуйте себя не откладывая, лучше всего до {until}.",
            "🎁 {name|Hello}, our gift for your birthday is on your card already!\n\n"
            "You have {balance} now. Treat yourself soon, best before the end of {until}.",
            POINTS,
            lifetime_hours=72,
        ),
    ],
)

BIRTHDAY = preset(
    "birthday",
    title=local("С днём рождения", "Happy birthday"),
    about=local(
        "Поздравляет в сам день в 10:00 по времени гостя. Родившихся 29 февраля в обычный год "
        "поздравляет в день, который выбран в программе.",
        "Greets on the day itself at 10:00 where the guest lives. Who was born on 29 February is "
        "greeted in other years on the day chosen in the program.",
    ),
    enabled=True,
    trigger={"kind": "date", "field": "birthday"},
    steps=[
        before(0, 10),
        message(
            "greeting",
            "🎂 {name|Дорогой гость}, с днём рождения!\n\n"
            # It may come a day or two late: so not a word of today.
            "Пусть всё будет так, как вы любите. А если захочется отметить с нами, "
            "будем очень рады: на карте {balance}.",
            "🎂 {name|Dear guest}, happy birthday!\n\n"
            "May everything be just as you like it. And if you feel like celebrating with "
            "us, we would be delighted: you have {balance} on your card.",
            MY_CARD,
            lifetime_hours=72,
        ),
    ],
    exits=["day_moved"],
)

ANNIVERSARY = preset(
    "anniversary",
    title=local("Годовщина знакомства", "Anniversary"),
    about=local(
        "Раз в год, в день вступления, благодарит за то, что гость с вами.",
        "Once a year, on the day they joined, thanks the guest for staying with you.",
    ),
    enabled=True,
    trigger={"kind": "date", "field": "joined"},
    steps=[
        before(0, 12),
        message(
            "thanks",
            "🥂 {name|Здравствуйте}, а у нас с вами праздник: годовщина знакомства!\n\n"
            "Спасибо, что остаётесь с нами. Загляните отметить, а мы проверим, нет ли для вас "
            "чего-нибудь приятного.",
            "🥂 {name|Hello}, we have something to celebrate: the anniversary of the day you "
            "became our guest!\n\nThank you for staying with us. Come by and mark it together; "
            "see what there is for you.",
            OFFERS,
        ),
    ],
    exits=["day_moved"],
)


def _reminder(days: int, ru: str, en: str) -> list[dict[str, Any]]:
    return [before(days), message(str(days), ru, en, CARD, lifetime_hours=None)]


BONUS_EXPIRY = preset(
    "bonus_expiry",
    title=local("Баллы скоро сгорят", "Points about to expire"),
    about=local(
        "За 14, 3 и 1 день до последнего дня баллов напоминает, сколько их и до какого числа. "
        "Замолкает, когда они потрачены.",
        "14, 3 and 1 days before the last day of points tells how many there are and until when. "
        "Falls silent once they are spent.",
    ),
    enabled=True,
    trigger={"kind": "expiry", "days_before": 14},
    steps=[
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
    exits=["points_spent"],
)

FAMILY = (BONUS_EXPIRY, BIRTHDAY_GIFT, BIRTHDAY, ANNIVERSARY, RENEWAL)
