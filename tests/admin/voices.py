"""Guests with something to say, for the panel's tests and pictures."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from loyalty import clock, feedback
from loyalty.ids import new_id
from tests.world import World

WORDS = {
    5: "Лучший капучино в городе, а Ольга помнит, как меня зовут!",
    4: "Вкусно, но музыка громковата",
    2: "Ждал двадцать минут, кофе принесли холодным <b>совсем</b>",
}


async def guest(world: World, name: str, chat: int, *scores: int) -> int:
    """A guest with a purchase and a rating for each score, with words where there are any."""
    world.now = clock.now() - timedelta(hours=3)
    customer_id = await world.customer(name=name, chat=chat)
    for score in scores:
        bought = (await world.sell(customer_id, 45_000)).purchase_id
        world.pass_time(minutes=20)

        def unit(session: Session, score: int = score, bought: int = bought) -> None:
            feedback.rate(
                session, customer_id=customer_id, purchase_id=bought, score=score, now=world.now
            )
            if score in WORDS:
                feedback.comment(
                    session,
                    customer_id=customer_id,
                    purchase_id=bought,
                    text=WORDS[score],
                    key=str(new_id()),
                    now=world.now,
                )

        await world.db.transact(unit)
    return customer_id


async def writes(world: World, customer_id: int, text: str) -> int:
    """A guest's words to the staff; the talk they are in."""
    return (
        await world.db.transact(
            lambda s: feedback.write(
                s, customer_id=customer_id, text=text, key=str(new_id()), now=world.now
            )
        )
    ).talk_id
