"""What somebody left behind on the shop's site: a cart, or goods they only looked at."""

from __future__ import annotations

from loyalty.chains.shipped.parts import (
    CARD,
    COUPON,
    button,
    local,
    message,
    percent_coupon,
    preset,
    wait,
)

_CART_HOURS = 24

ABANDONED_CART = preset(
    "abandoned_cart",
    title=local("Брошенная корзина", "Abandoned cart"),
    about=local(
        "Напоминает о корзине через час, через сутки называет товар, через двое суток дарит 10 % "
        "ещё на сутки. Нужен сайт, который передаёт события cart_updated и order_placed "
        "(см. руководство интегратора). Замолкает, когда заказ сделан или корзина пуста.",
        "Reminds of a cart after an hour, names the goods after a day, after two days gives 10 % "
        "for another day. Needs a site that sends the events cart_updated and order_placed (see "
        "the integrator's guide). Falls silent once it was ordered or emptied.",
    ),
    enabled=False,
    trigger={
        "kind": "event",
        "event": "cart_updated",
        "occurrence": "subject",
        "subject": "cart_id",
    },
    steps=[
        wait(hours=1),
        message(
            "remind",
            "🛍 {name|Здравствуйте}, вы кое-что оставили в корзине.\n\n"
            "Мы её сохранили: оформить заказ можно в любой момент, ничего искать заново "
            "не придётся.",
            "🛍 {name|Hello}, you have left something in your cart.\n\n"
            "We have kept it for you: finish the order whenever you like, nothing to look for "
            "again.",
            lifetime_hours=_CART_HOURS,
        ),
        wait(days=1),
        message(
            "goods",
            "✨ Ваш выбор всё ещё ждёт вас: {last_product|всё, что вы отложили, на месте}.\n\n"
            "На карте {balance}: ими можно оплатить часть заказа.",
            "✨ Your choice is still waiting: {last_product|everything you put aside}.\n\n"
            "You have {balance}: they can pay for a part of the order.",
            CARD,
            lifetime_hours=_CART_HOURS,
        ),
        wait(days=2),
        percent_coupon(
            "coupon",
            "10 % на заказ из корзины",
            "10 % off the order in your cart",
            percent=10,
            up_to=50_000,
            valid_days=1,
        ),
        message(
            "discount",
            "🎟 {name|Здравствуйте}, дарим 10 % на заказ из вашей корзины!\n\n"
            "Купон {code} действует до {until}. Если передумали, ничего страшного: "
            "больше напоминать не будем.",
            "🎟 {name|Hello}, here is 10 % off what is in your cart!\n\n"
            "Coupon {code} is good until {until}. If you have changed your mind, never mind: "
            "we will not remind you again.",
            COUPON,
            lifetime_hours=_CART_HOURS,
        ),
    ],
    exits=["ordered"],
)

ABANDONED_VIEW = preset(
    "abandoned_view",
    title=local("Смотрели, но не купили", "Looked and left"),
    about=local(
        "Через четыре часа один раз напоминает о товаре, который гость рассматривал на сайте, "
        "не чаще раза в неделю. Нужен сайт, который передаёт события product_viewed.",
        "Four hours later reminds once of goods the guest looked at on the site, at most once a "
        "week. Needs a site that sends the event product_viewed.",
    ),
    enabled=False,
    trigger={"kind": "event", "event": "product_viewed", "occurrence": "event"},
    steps=[
        wait(hours=4),
        message(
            "remind",
            "👀 {name|Здравствуйте}, вам что-то приглянулось?\n\n"
            "Если остались вопросы, спросите нас прямо здесь: подскажем и поможем выбрать.",
            "👀 {name|Hello}, did something catch your eye?\n\n"
            "If you have a question, ask us right here: we will gladly help you choose.",
            button("💬 Спросить", "💬 Ask us", "talk"),
            lifetime_hours=_CART_HOURS,
        ),
    ],
    # Who has filled a cart since is reminded of that.
    exits=["ordered", {"field": "event", "key": "cart_updated", "days": 2, "op": ">=", "value": 1}],
    re_entry={"days": 7, "one_at_a_time": True},
)

FAMILY = (ABANDONED_CART, ABANDONED_VIEW)
