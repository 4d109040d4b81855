"""Rating a purchase: one's own, changeable for a month, once however often it is tapped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import feedback
from loyalty.errors import PurchaseNotFound, RatingClosed, WordsInvalid
from loyalty.events import event
from loyalty.receipts import purchase_return
from tests.world import World


async def rate(world: World, customer_id: int, purchase_id: int, score: int) -> feedback.Rated:
    """Give stars now."""
    return await world.db.transact(
        lambda s: feedback.rate(
            s, customer_id=customer_id, purchase_id=purchase_id, score=score, now=world.now
        )
    )


async def say(world: World, customer_id: int, purchase_id: int, text: str) -> feedback.Commented:
    """Add words."""
    return await world.db.transact(
        lambda s: feedback.comment(
            s,
            customer_id=customer_id,
            purchase_id=purchase_id,
            text=text,
            key=f"update:{text[:20]}",
            now=world.now,
        )
    )


async def events_of(world: World, type_: str) -> list[Any]:
    """The data of every event of the type, oldest first."""
    query = sa.select(event.c.data).where(event.c.type == type_).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def test_a_score_is_given_repeated_and_changed(world: World) -> None:
    anna = await world.customer()
    bought = (await world.sell(anna, 45_000)).purchase_id
    first = await rate(world, anna, bought, 3)
    assert (first.before, first.changed) == (None, True)
    again = await rate(world, anna, bought, 3)
    assert (again.before, again.changed, again.rating_id) == (3, False, first.rating_id)
    world.pass_time(days=29)
    other = await rate(world, anna, bought, 5)
    assert (other.before, other.score, other.changed) == (3, 5, True)
    assert await world.db.read(lambda s: feedback.last_score(s, anna)) == 5
    told = await events_of(world, "purchase.rated")
    assert [(item["score"], item["before"]) for item in told] == [(3, None), (5, 3)]
    assert {item["purchase_id"] for item in told} == {str(bought)}


async def test_the_last_score_is_that_of_the_newest_rating(world: World) -> None:
    anna = await world.customer()
    assert await world.db.read(lambda s: feedback.last_score(s, anna)) is None
    for score in (5, 2):
        bought = (await world.sell(anna, 45_000)).purchase_id
        world.pass_time(hours=3)
        await rate(world, anna, bought, score)
    assert await world.db.read(lambda s: feedback.last_score(s, anna)) == 2


async def test_after_a_month_it_stands(world: World) -> None:
    anna = await world.customer()
    rated, unrated = [(await world.sell(anna, 45_000)).purchase_id for _ in range(2)]
    await rate(world, anna, rated, 4)
    world.pass_time(days=31)
    assert (await rate(world, anna, rated, 4)).changed is False
    for purchase_id in (rated, unrated):
        with pytest.raises(RatingClosed) as refused:
            await rate(world, anna, purchase_id, 1)
        assert refused.value.facts == {"days": 30}
    assert await world.db.read(lambda s: feedback.last_score(s, anna)) == 4


async def test_only_purchases_of_ones_own(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    bought = (await world.sell(anna, 45_000)).purchase_id
    await rate(world, anna, bought, 5)
    for purchase_id in (bought, 5, 2**62):
        with pytest.raises(PurchaseNotFound):
            await rate(world, boris, purchase_id, 1)
        with pytest.raises(PurchaseNotFound):
            await say(world, boris, purchase_id, "Not mine")
    with pytest.raises(ValueError, match="no score of 6"):
        await rate(world, anna, bought, 6)
    kept = await world.db.read(lambda s: feedback.ratings(s, customer_id=anna))
    assert [(item.score, item.text) for item in kept] == [(5, None)]


async def test_what_was_undone_at_the_till_is_not_rated(world: World) -> None:
    anna = await world.customer()
    bought = (await world.sell(anna, 45_000)).purchase_id
    await world.take_back(bought)
    assert (await rate(world, anna, bought, 2)).score == 2
    undone = sa.update(purchase_return).values(undo=True)
    await world.db.transact(lambda s: s.execute(undone))
    with pytest.raises(PurchaseNotFound):
        await rate(world, anna, bought, 1)


async def test_two_taps_of_one_moment_leave_one_rating(world: World) -> None:
    anna = await world.customer()
    bought = (await world.sell(anna, 45_000)).purchase_id
    await asyncio.gather(*(rate(world, anna, bought, score) for score in (5, 5, 4, 5)))
    kept = await world.db.read(lambda s: feedback.ratings(s, customer_id=anna))
    assert len(kept) == 1
    told = await events_of(world, "purchase.rated")
    assert told[-1]["score"] == kept[0].score


async def test_words_of_a_low_score_begin_a_talk(world: World) -> None:
    anna = await world.customer(name="Anna", chat=77)
    bought = (await world.sell(anna, 45_000)).purchase_id
    rated = await rate(world, anna, bought, 2)
    said = await say(world, anna, bought, "Cold coffee <b>&</b>")
    again = await say(world, anna, bought, "Cold coffee <b>&</b>")
    assert said.talk_id is not None
    assert again == said
    thread = await world.db.read(lambda s: feedback.thread(s, said.talk_id or 0))
    assert [line.text for line in thread.lines] == ["Cold coffee <b>&</b>"]
    assert (thread.talk.kind, thread.talk.status, thread.talk.score) == ("rating", "open", 2)
    assert (thread.talk.purchase_id, thread.talk.total) == (bought, 45_000)
    assert thread.talk.outlet == "Main Street"
    kept = await world.db.read(lambda s: feedback.ratings(s, score=2))
    assert [(item.id, item.talk_id) for item in kept] == [(rated.rating_id, said.talk_id)]


async def test_words_of_a_high_score_stay_with_it(world: World) -> None:
    anna = await world.customer()
    bought = (await world.sell(anna, 45_000)).purchase_id
    with pytest.raises(PurchaseNotFound):
        await say(world, anna, bought, "Before the stars")
    await rate(world, anna, bought, 4)
    assert (await say(world, anna, bought, "  Lovely \x00")).talk_id is None
    for text in ("", " \n ", "x" * 2001):
        with pytest.raises(WordsInvalid) as refused:
            await say(world, anna, bought, text)
        assert refused.value.facts["limit"] == 2000
    kept = await world.db.read(lambda s: feedback.ratings(s, customer_id=anna))
    assert kept[0].text == "Lovely"
    assert await world.db.read(feedback.waiting) == 0


async def test_averages_by_outlet_and_cashier(world: World) -> None:
    anna = await world.customer()
    began = world.now
    for score in (5, 4, 2):
        bought = (await world.sell(anna, 45_000)).purchase_id
        await rate(world, anna, bought, score)
    await say(world, anna, bought, "Slow")
    until = world.pass_time(minutes=1)
    outlets = await world.db.read(lambda s: feedback.by_outlet(s, since=began, until=until))
    assert [(m.id, m.name, m.count, m.tenths, m.low, m.worded) for m in outlets] == [
        (world.outlet_id, "Main Street", 3, 37, 1, 1)
    ]
    cashiers = await world.db.read(lambda s: feedback.by_cashier(s, since=began, until=until))
    assert [(m.name, m.tenths) for m in cashiers] == [("Olga", 37)]
    assert await world.db.read(lambda s: feedback.spread(s, since=began, until=until)) == {
        5: 1,
        4: 1,
        2: 1,
    }
    assert await world.db.read(lambda s: feedback.by_outlet(s, since=until, until=until)) == []
