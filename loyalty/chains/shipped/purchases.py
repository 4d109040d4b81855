"""After a purchase: thanks for the first, how it was, time to buy it again."""

from __future__ import annotations

from typing import Any

from loyalty.chains.shipped.parts import (
    CARD,
    COUPON,
    HELP,
    at,
    button,
    local,
    message,
    percent_coupon,
    preset,
    wait,
)

POST_PURCHASE = preset(
    "post_purchase",
    title=local("После первой покупки", "After the first purchase"),
    about=local(
        "Благодарит за первую покупку и дарит 50 баллов на 30 дней, на пятый день советует, что "
        "подойдёт к купленному, на десятый дарит 10 % на следующую, если другого купона нет. Кто "
        "вернулся раньше, остального не получает. Совет точнее, если заполнен каталог товаров.",
        "Thanks for the first purchase with 50 points for 30 days, on day 5 suggests what goes "
        "with it, on day 10 gives 10 % off the next, unless they hold another coupon. Who comes "
        "back earlier gets no more of it. The advice is better with a catalogue of goods.",
    ),
    enabled=True,
    urgency="post_purchase",
    trigger={
        "kind": "event",
        "event": "purchase.recorded",
        "occurrence": "purchase",
        "first": True,
    },
    steps=[
        wait(days=1),
        {"kind": "gift", "id": "points", "points": 50, "points_days": 30},
        message(
            "thanks",
            "💛 {name|Здравствуйте}, спасибо за первую покупку!\n\n"
            "Мы добавили вам 50 баллов на память: на карте уже {balance}. Баллами можно "
            "оплатить часть следующей покупки, а как именно, расскажем по кнопке.",
            "💛 {name|Hello}, thank you for your first purchase!\n\n"
            "We have added 50 points to remember it by: {balance} on your card now. They pay "
            "for a part of the next one; the button tells you how.",
            HELP,
        ),
        wait(days=5),
        message(
            "goes_with",
            "✨ В прошлый раз вы выбрали: {last_product|кое-что из любимого многими}.\n\n"
            "К этому отлично подойдёт {goes_with|новинка, о которой с радостью расскажем на "
            "месте}. Заглядывайте попробовать!",
            "✨ Last time you chose {last_product|something many people love}.\n\n"
            "It goes very well with {goes_with|something new we will gladly show you}. "
            "Come by and try!",
            CARD,
        ),
        wait(days=10),
        # One coupon at a time: who still holds that of the welcome is not given another.
        {
            "kind": "condition",
            "id": "no_coupon",
            "rule": {"field": "vouchers", "op": "=", "value": 0},
        },
        percent_coupon(
            "coupon",
            "10 % на следующую покупку",
            "10 % off the next purchase",
            percent=10,
            up_to=50_000,
            valid_days=14,
        ),
        message(
            "next",
            "🎟 {name|Здравствуйте}, давно не виделись!\n\n"
            "Для вас 10 % на следующую покупку по купону {code}. Он действует до {until}, "
            "а баллы за покупку придут как обычно.",
            "🎟 {name|Hello}, we have not seen you for a while!\n\n"
            "Here is 10 % off your next purchase with coupon {code}. It is good until {until}, "
            "and the purchase brings points as usual.",
            COUPON,
        ),
    ],
    exits=["purchase_returned", "bought_since_start"],
)


def _star(score: int) -> dict[str, Any]:
    label = f"{score} ⭐"
    return button(label, label, f"rate:{{purchase}}:{score}")


RATING = preset(
    "rating",
    title=local("Оценка покупки", "How was it?"),
    about=local(
        "Через два часа после покупки просит оценку одним касанием. Не спрашивает, если покупку "
        "вернули или уже оценили.",
        "Two hours after a purchase asks how it was, with one tap. Does not ask when it was "
        "returned or has been rated.",
    ),
    enabled=True,
    trigger={"kind": "event", "event": "purchase.recorded", "occurrence": "purchase"},
    steps=[
        wait(hours=2),
        message(
            "ask",
            "💛 {name|Здравствуйте}, спасибо, что заглянули!\n\n"
            "Как вам {outlet|у нас}? Поставьте оценку — это одно касание.",
            "💛 {name|Hello}, thank you for coming by!\n\n"
            "How did you like {outlet|it here}? Rate us, it is just one tap.",
            [_star(score) for score in range(1, 6)],
        ),
    ],
    exits=["purchase_returned", "purchase_rated"],
)

REPLENISHMENT = preset(
    "replenishment",
    title=local("Пора пополнить запас", "Time to stock up"),
    about=local(
        "Напоминает о товаре, когда он должен закончиться. Нужно указать на странице товаров, "
        "на сколько дней хватает каждой категории; после трёх покупок срок считается по самому "
        "гостю. Замолкает, как только товар куплен.",
        "Reminds of goods when they should be running out. Needs the number of days each "
        "category lasts (page Goods); after three purchases the guest's own rhythm counts. "
        "Falls silent as soon as they are bought.",
    ),
    enabled=False,
    trigger={"kind": "replenish"},
    steps=[
        at(11),
        message(
            "remind",
            "🛒 {name|Здравствуйте}, похоже, пора пополнить запас!\n\n"
            "В прошлый раз вы брали: {last_product|то, что теперь вот-вот закончится}. "
            "Мы всё приготовили, ждём вас.",
            "🛒 {name|Hello}, it looks like time to stock up!\n\n"
            "Last time you took {last_product|what must be running out by now}. "
            "We have it ready for you.",
            CARD,
        ),
    ],
    exits=["bought_category"],
    re_entry={"one_at_a_time": True},
)

FAMILY = (POST_PURCHASE, RATING, REPLENISHMENT)
