"""Who has just joined: how it works, the card, a reason for the first or the second visit."""

from __future__ import annotations

from loyalty.chains.shipped.parts import (
    COUPON,
    MY_CARD,
    local,
    message,
    percent_coupon,
    preset,
    wait,
)

WELCOME = preset(
    "welcome",
    title=local("Знакомство", "Welcome"),
    about=local(
        "Здоровается с новым гостем и показывает, как пользоваться картой. На пятый день дарит "
        "купон 10 % на 7 дней: на первую покупку или, если она уже была, на следующую.",
        "Greets a new guest and shows how the card works. On day 5 gives a 10 % coupon for "
        "7 days: for the first purchase or, if there was one already, for the next.",
    ),
    enabled=True,
    trigger={"kind": "event", "event": "customer.joined", "occurrence": "once"},
    steps=[
        message(
            "hello",
            "👋 {name|Привет}, рады знакомству!\n\n"
            "Всё просто: покажите карту на кассе, и с каждой покупки вам вернутся баллы. "
            "Ими можно оплатить часть следующей.\n\n"
            "Сколько накопилось, видно в любой момент. Ждём в гости!",
            "👋 {name|Hello}, so glad to meet you!\n\n"
            "It is simple: show your card at the till and every purchase brings points back. "
            "They pay for a part of the next one.\n\n"
            "You can see them at any moment. Come by soon!",
            MY_CARD,
        ),
        wait(days=2),
        message(
            "card",
            "💳 Ваша карта всегда под рукой: прямо здесь, в чате.\n\n"
            "Нажмите кнопку и покажите код кассиру. Баллы и штампы посчитаются сами, "
            "ничего распечатывать и запоминать не нужно.",
            "💳 Your card is always at hand, right here in the chat.\n\n"
            "Tap the button and show the code at the till. Points and stamps take care of "
            "themselves: nothing to print, nothing to remember.",
            MY_CARD,
        ),
        wait(days=5),
        {"kind": "condition", "id": "bought", "test": "has_bought", "otherwise": "first"},
        percent_coupon(
            "second",
            "10 % на следующую покупку",
            "10 % off the next purchase",
            percent=10,
            up_to=50_000,
            valid_days=7,
        ),
        message(
            "thanks",
            "💛 {name|Здравствуйте}, спасибо, что были у нас!\n\n"
            "Чтобы увидеться снова поскорее, дарим вам 10 % на следующую покупку. "
            "Купон {code} ждёт вас до {until}: просто покажите карту на кассе.",
            "💛 {name|Hello}, thank you for coming by!\n\n"
            "To see you again soon, here is 10 % off your next purchase. Coupon {code} is good "
            "until {until}: just show your card at the till.",
            COUPON,
            then="end",
        ),
        percent_coupon(
            "first",
            "10 % на первую покупку",
            "10 % off the first purchase",
            percent=10,
            up_to=50_000,
            valid_days=7,
        ),
        message(
            "waiting",
            "🎁 {name|Здравствуйте}, ваши баллы вас ждут: на карте {balance}.\n\n"
            "А к ним подарок: 10 % на первую покупку. Купон {code} действует до "
            "{until}. Загляните, когда будете рядом!",
            "🎁 {name|Hello}, your points are waiting for you: {balance} on your card.\n\n"
            "And a gift beside them: 10 % off your first purchase. Coupon {code} is good "
            "until {until}, so drop in when you are nearby!",
            COUPON,
        ),
    ],
)

FAMILY = (WELCOME,)
