"""A day of the calendar for those it concerns: a sample to make one's own from."""

from __future__ import annotations

from loyalty.chains.shipped.parts import OFFERS, local, message, preset

SEASONAL = preset(
    "seasonal",
    title=local("К празднику", "For the season"),
    about=local(
        "Образец: каждый год 20 декабря в 12:00 поздравляет активных гостей с наступающим. "
        "Поставьте свой день, свой сегмент (например, марку машины или город) и свои слова, "
        "затем включите.",
        "A sample: every year on 20 December at 12:00 wishes active guests a happy new year. Put "
        "in a day, a segment (a car make, a city) and words of your own, then switch it on.",
    ),
    enabled=False,
    trigger={
        "kind": "calendar",
        "month": 12,
        "day": 20,
        "hour": 12,
        "rule": {"any": [{"segment": "active"}, {"segment": "at_risk"}]},
    },
    steps=[
        message(
            "greeting",
            "🎄 {name|Здравствуйте}, с наступающим Новым годом!\n\n"
            "Спасибо, что этот год вы провели с нами. Загляните до праздников: на карте "
            "{balance}, есть на что порадовать себя и близких.",
            "🎄 {name|Hello}, a happy new year to you!\n\n"
            "Thank you for spending this one with us. Drop in before the holidays: you have "
            "{balance} to treat yourself and those you love.",
            OFFERS,
        ),
    ],
)

FAMILY = (SEASONAL,)
