"""Who has not been for a while: a reminder, what they liked, an offer, a call."""

from __future__ import annotations

from loyalty.chains.shipped.parts import (
    CARD,
    COUPON,
    OFFERS,
    at,
    local,
    message,
    percent_coupon,
    preset,
    wait,
)

WIN_BACK = preset(
    "win_back",
    title=local("Вернуть гостя: 30, 60, 90 дней", "Win back: 30, 60, 90 days"),
    about=local(
        "Через 30 дней без покупок напоминает о себе, через 60 о любимом товаре, через 90 дарит "
        "15 % на 14 дней, ещё через неделю ставит звонок в список сотрудников. Решите, кто "
        "звонит, и включите.",
        "After 30 days without a purchase says hello, after 60 reminds of what they bought, after "
        "90 gives 15 % for 14 days, a week later puts a call on the staff's list. Decide who "
        "calls, then switch it on.",
    ),
    enabled=False,
    trigger={"kind": "silence", "days": 30},
    steps=[
        at(12),
        message(
            "reminder",
            "👋 {name|Здравствуйте}, вас не было уже месяц, и мы скучаем!\n\n"
            "На карте {balance}. Будете рядом, заглядывайте: мы рады вам в любой день.",
            "👋 {name|Hello}, it has been a month, and we miss you!\n\n"
            "There are {balance} on your card. When you are nearby, drop in: you are welcome "
            "any day.",
            CARD,
        ),
        wait(days=30),
        at(12),
        message(
            "bought_before",
            "💛 {name|Здравствуйте}, помните, что вы у нас выбирали? {last_product|Ваше "
            "любимое} по-прежнему здесь.\n\nЗайдите за ним на этой неделе, будем рады встрече.",
            "💛 {name|Hello}, do you remember what you used to take? {last_product|Your "
            "favourite} is still here.\n\nCome and get it this week, it would be good to see you.",
            CARD,
        ),
        wait(days=60),
        at(12),
        percent_coupon(
            "offer",
            "15 %, чтобы вы вернулись",
            "15 % to have you back",
            percent=15,
            up_to=100_000,
            valid_days=14,
        ),
        message(
            "personal",
            "🎁 {name|Здравствуйте}, это только для вас: 15 % на любую покупку.\n\n"
            "Купон {code} действует до {until}. Очень хотим увидеть вас снова!",
            "🎁 {name|Hello}, this one is just for you: 15 % off anything you like.\n\n"
            "Coupon {code} is good until {until}. We would love to see you again!",
            COUPON,
        ),
        {"kind": "wait", "days": 7, "since": "previous"},
        {
            "kind": "task",
            "id": "call",
            "title": local(
                "Позвонить: гость не был больше 90 дней и не откликнулся на купон",
                "Call: no visit for over 90 days, and the coupon has not helped",
            ),
            "due_days": 3,
        },
    ],
    exits=["bought_since_start"],
)

WIN_BACK_MONTHS = preset(
    "win_back_months",
    title=local("Вернуть гостя: спустя полгода", "Win back: after half a year"),
    about=local(
        "Через 180 дней без покупок пишет «мы скучаем», через 3 дня напоминает о купленном "
        "раньше, ещё через неделю дарит 20 % на 14 дней, а для лучших гостей ставит звонок. "
        "Число дней меняется в начале цепочки.",
        "After 180 days without a purchase says “we miss you”, 3 days later reminds of what they "
        "bought, a week after that gives 20 % for 14 days; for your best guests it puts a call "
        "on the list instead. Change the days in the chain's start.",
    ),
    enabled=False,
    urgency="win_back",
    trigger={"kind": "silence", "days": 180},
    steps=[
        at(12),
        message(
            "miss_you",
            "🤍 {name|Здравствуйте}, мы давно не виделись и очень соскучились.\n\n"
            "За это время у нас появилось много нового. Посмотрите, что приготовлено для вас.",
            "🤍 {name|Hello}, it has been a long time and we miss you.\n\n"
            "There is a lot that is new here. See what we have for you.",
            OFFERS,
        ),
        {"kind": "wait", "days": 3, "since": "previous"},
        message(
            "bought_before",
            "✨ Раньше вы выбирали у нас {last_product|то, что вам нравилось}. Хорошая "
            "новость: всё на месте, и вкус к хорошему не забывается.\n\nКарта по-прежнему ваша, "
            "на ней {balance}.",
            "✨ You used to choose {last_product|things you liked} here. Good news: it is all "
            "still in its place.\n\nThe card is still yours, with {balance} on it.",
            CARD,
        ),
        {"kind": "wait", "days": 7, "since": "previous"},
        {
            "kind": "condition",
            "id": "ordinary",
            "rule": {"not": {"segment": "vip"}},
            "otherwise": "call",
        },
        percent_coupon(
            "offer",
            "20 % в честь встречи",
            "20 % for a reunion",
            percent=20,
            up_to=100_000,
            valid_days=14,
        ),
        message(
            "personal",
            "🎁 {name|Здравствуйте}, давайте встретимся снова: дарим вам 20 % на любую "
            "покупку.\n\nКупон {code} действует до {until}, и он только ваш.",
            "🎁 {name|Hello}, let us meet again: 20 % off anything, from us to you.\n\n"
            "Coupon {code} is good until {until}, and it is yours alone.",
            COUPON,
            then="end",
        ),
        {
            "kind": "task",
            "id": "call",
            "title": local(
                "Позвонить: один из лучших гостей не был полгода",
                "Call: one of the best guests has not been for half a year",
            ),
            "due_days": 3,
        },
    ],
    exits=["bought_since_start"],
)

FAMILY = (WIN_BACK, WIN_BACK_MONTHS)
