"""Levels: the next one is near, it is reached, it is about to be lost."""

from __future__ import annotations

from loyalty.chains.shipped.parts import CARD, LEVEL, at, local, message, preset, wait

TIER_PROGRESS = preset(
    "tier_progress",
    title=local("До уровня рукой подать", "Almost at the next level"),
    about=local(
        "Когда до следующего уровня остаётся меньше 15 %, говорит, сколько ещё нужно. Не чаще "
        "раза в 60 дней.",
        "When less than 15 % is missing to the next level, tells how much. At most once in 60 "
        "days.",
    ),
    enabled=True,
    trigger={"kind": "segment", "rule": {"field": "to_next_tier_share", "op": "<", "value": 1500}},
    steps=[
        at(12),
        message(
            "near",
            "🏅 {name|Здравствуйте}, следующий уровень совсем рядом!\n\n"
            "Осталось {to_next_tier}, и баллов с каждой покупки станет больше.",
            "🏅 {name|Hello}, the next level is very near!\n\n"
            "Just {to_next_tier} more, and every purchase will bring you more points.",
            LEVEL,
        ),
    ],
    exits=["left_segment"],
    re_entry={"days": 60, "one_at_a_time": True},
)

TIER_REACHED = preset(
    "tier_reached",
    title=local("Новый уровень", "A new level"),
    about=local(
        "На следующий день после нового уровня поздравляет и показывает, что он даёт. О самом "
        "уровне гость узнаёт сразу из чека.",
        "The day after a new level was reached congratulates and shows what it gives. The level "
        "itself is on the receipt at once.",
    ),
    enabled=True,
    urgency="tier_progress",
    trigger={
        "kind": "event",
        "event": "tier.changed",
        "occurrence": "event",
        "where": {"rise": True},
    },
    steps=[
        wait(days=1),
        at(12),
        message(
            "reached",
            "🏆 {name|Здравствуйте}, поздравляем: ваш уровень теперь «{tier}»!\n\n"
            "Он уже работает на вас. Посмотрите, что он даёт, по кнопке ниже.",
            "🏆 {name|Hello}, congratulations: your level is now “{tier}”!\n\n"
            "It works for you already. Tap below to see what it gives you.",
            LEVEL,
        ),
    ],
)

TIER_WARNING = preset(
    "tier_warning",
    title=local("Уровень под вопросом", "A level in danger"),
    about=local(
        "За 30 дней до понижения говорит, сколько не хватает, и напоминает ещё раз через 20 "
        "дней. Замолкает, когда уровень сохранён. Кому цепочка не пишет, тот узнаёт об этом "
        "простым уведомлением.",
        "30 days before a level is lowered tells what is missing, and once more 20 days later. "
        "Falls silent once the level is kept. Whom the chain does not write to is told by a "
        "plain notice.",
    ),
    enabled=True,
    urgency="tier_progress",
    trigger={"kind": "event", "event": "tier.warned", "occurrence": "event"},
    steps=[
        message(
            "month",
            "⏳ {name|Здравствуйте}, ваш уровень «{tier}» действует до {until}.\n\n"
            "Чтобы он остался с вами, нужны покупки ещё на {to_keep}. Времени достаточно!",
            "⏳ {name|Hello}, your level “{tier}” is yours until {until}.\n\n"
            "Purchases for {to_keep} more will keep it. There is plenty of time!",
            LEVEL,
        ),
        wait(days=20),
        at(12),
        message(
            "last_days",
            "⏰ Уровень «{tier}» с вами до {until}, это ещё {days}.\n\n"
            "Покупки ещё на {to_keep}, и он останется вашим. Ждём вас!",
            "⏰ Your level “{tier}” stays until {until}: {days} more.\n\n"
            "Spend {to_keep} more, and you keep it. See you soon!",
            CARD,
        ),
    ],
)

FAMILY = (TIER_PROGRESS, TIER_REACHED, TIER_WARNING)
