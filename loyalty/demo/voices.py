"""What the demo's guests think: a month of ratings, and a few talks, one of them waiting."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, feedback
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.ids import new_id
from loyalty.receipts import purchase

DAYS = 30
_MOST = 150
# One purchase in so many is rated, and so many of ten ratings have each score.
_EVERY = 8
_SCORES = (5, 5, 5, 5, 5, 4, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class _Words:
    scores: dict[int, tuple[str, ...]]
    question: str
    reply: str
    thanks: str
    late: str
    waiting: str


_WORDS = {
    "ru": _Words(
        {
            5: (
                "Лучший капучино в районе, спасибо!",
                "Бариста помнит, что я беру без сахара. Приятно.",
                "Быстро, вкусно, с улыбкой",
            ),
            4: ("Вкусно, но музыка громковата", "Хотелось бы больше мест у окна"),
            3: ("Долго ждали, хотя людей почти не было",),
            2: ("Кофе принесли остывшим, переделывать не захотели",),
        },
        "Добрый день! Вы по воскресеньям во сколько открываетесь?",
        "Здравствуйте! По воскресеньям ждём вас с девяти утра.",
        "Спасибо, до встречи!",
        "Мы поговорили со сменой и проверили кофемашину. Приходите, угостим вас капучино.",
        "А овсяное молоко у вас бывает без доплаты?",
    ),
    "en": _Words(
        {
            5: (
                "The best cappuccino around, thank you!",
                "They remember that I take no sugar. Lovely.",
                "Quick, tasty and with a smile",
            ),
            4: ("Tasty, but the music is a little loud", "More seats by the window, please"),
            3: ("A long wait, and hardly anybody there",),
            2: ("The coffee came cold, and nobody wanted to make it anew",),
        },
        "Hello! When do you open on Sundays?",
        "Hello! On Sundays we are here from nine in the morning.",
        "Thank you, see you!",
        "We have talked to the team and checked the machine. Come by, the next one is on us.",
        "Is oat milk ever free of charge?",
    ),
}


def leave(session: Session, *, marketer: str, language: str, now: datetime) -> int:
    """Leave ratings of the last month and three talks; how many ratings.

    ``marketer`` is the actor who answers.
    """
    rng, words = random.Random(11), _WORDS.get(language, _WORDS["en"])
    bought = _recent(session, now)[::_EVERY][:_MOST]
    rows = Rows()
    sad: tuple[Any, datetime] | None = None
    for place, item in enumerate(bought):
        score = _SCORES[place % len(_SCORES)]
        said = rng.choice(words.scores[score]) if rng.random() < 0.45 else None
        at = min(item.sold_at + timedelta(hours=2, minutes=rng.randint(1, 90)), now)
        rating_id = _rate(rows, item, score, said, at)
        if score == 2 and sad is None:
            sad = rating_id, at
    rows.put(session)
    if sad is not None:
        _settled(session, sad[0], words, marketer=marketer, at=sad[1], now=now)
    people = list(dict.fromkeys(item.customer_id for item in bought[1::3]))
    for customer_id in people[:1]:
        _asked(session, customer_id, words, marketer=marketer, at=now - timedelta(days=3))
    for customer_id in people[1:2]:
        _write(session, customer_id, words.waiting, now - timedelta(minutes=50))
    return len(bought)


def _recent(session: Session, now: datetime) -> list[Any]:
    query = (
        sa.select(
            purchase.c.id,
            purchase.c.customer_id,
            purchase.c.outlet_id,
            purchase.c.staff_id,
            purchase.c.sold_at,
        )
        .join(customer, customer.c.id == purchase.c.customer_id)
        .where(
            purchase.c.sold_at > now - timedelta(days=DAYS),
            purchase.c.sold_at < now - timedelta(hours=4),
            purchase.c.returned == 0,
            customer.c.status == "active",
        )
        .order_by(purchase.c.sold_at.desc(), purchase.c.id.desc())
    )
    return list(session.execute(query).all())


def _rate(rows: Rows, item: Any, score: int, said: str | None, at: datetime) -> int:
    rating_id = new_id()
    rows.insert(
        feedback.rating,
        {
            "id": rating_id,
            "customer_id": item.customer_id,
            "purchase_id": item.id,
            "outlet_id": item.outlet_id,
            "staff_id": item.staff_id,
            "score": score,
            "text": said,
            "rated_at": at,
            "updated_at": at,
        },
    )
    events.record(
        rows,
        type="purchase.rated",
        customer_id=item.customer_id,
        actor=f"customer:{item.customer_id}",
        data={"purchase_id": str(item.id), "score": score, "before": None},
        now=at,
    )
    return rating_id


def _settled(
    session: Session, rating_id: int, words: _Words, *, marketer: str, at: datetime, now: datetime
) -> None:
    """A low score that was talked about and settled."""
    query = sa.select(feedback.rating).where(feedback.rating.c.id == rating_id)
    rated = session.execute(query).one()
    said = feedback.comment(
        session,
        customer_id=rated.customer_id,
        purchase_id=rated.purchase_id,
        text=words.scores[2][0],
        key=f"demo:{rating_id}",
        now=at,
    )
    if said.talk_id is None:
        return
    moment = min(at + timedelta(hours=1), now)
    _answer(session, said.talk_id, words.late, marketer, moment)
    feedback.close(session, talk_id=said.talk_id, actor=marketer, now=moment)


def _asked(
    session: Session, customer_id: int, words: _Words, *, marketer: str, at: datetime
) -> None:
    """A question, its answer, and thanks for it: the next word is ours again, if any."""
    talk_id = _write(session, customer_id, words.question, at)
    _answer(session, talk_id, words.reply, marketer, at + timedelta(minutes=12))
    _write(session, customer_id, words.thanks, at + timedelta(minutes=14))
    _answer(session, talk_id, "💛", marketer, at + timedelta(minutes=20))


def _write(session: Session, customer_id: int, text: str, at: datetime) -> int:
    key = f"demo:{new_id()}"
    return feedback.write(session, customer_id=customer_id, text=text, key=key, now=at).talk_id


def _answer(session: Session, talk_id: int, text: str, marketer: str, at: datetime) -> None:
    key = f"demo:{new_id()}"
    feedback.answer(session, talk_id=talk_id, text=text, key=key, actor=marketer, now=at)
