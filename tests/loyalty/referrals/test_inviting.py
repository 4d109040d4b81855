"""Who may be brought by whom: new friends only, the first code, never in a ring."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import errors, purchases, referrals
from loyalty.customers import customer, phone_seen
from loyalty.referrals import Attached, Refusal, referral
from tests.loyalty.referrals.friends import attach, bring, code, told
from tests.world import World


async def test_everybody_has_a_code_and_keeps_it(world: World) -> None:
    who = await world.customer()
    first = await code(world, who)
    assert len(first) == 8
    assert await code(world, who) == first
    others = [await world.customer() for _ in range(10)]
    ten = await asyncio.gather(*(code(world, other) for other in others))
    assert len({first, *ten}) == 11
    with pytest.raises(errors.CustomerNotFound):
        await code(world, 12345)


async def test_a_code_is_read_however_it_is_typed(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    own = await code(world, anna)
    typed = f"  r_{own[:4].lower()}-{own[4:].lower()} "
    assert referrals.normalize_code(typed) == own
    assert await attach(world, boris, typed) == Attached(anna)
    assert await attach(world, boris, typed) == Attached(anna)
    assert await told(world, anna) == ["referral.invited"]


async def test_codes_that_do_not_count(world: World) -> None:
    anna, boris, vera = [await world.customer() for _ in range(3)]
    assert await attach(world, boris, "ZZZZZZZZ") is Refusal.UNKNOWN_CODE
    assert await attach(world, boris, "") is Refusal.UNKNOWN_CODE
    assert await bring(world, anna, anna) is Refusal.OWN_CODE
    assert await bring(world, boris, anna) == Attached(anna)
    assert await bring(world, boris, vera) is Refusal.ALREADY_INVITED
    blocked = await world.customer(status="blocked")
    assert await bring(world, vera, blocked) is Refusal.UNKNOWN_CODE
    await world.set_program(referral={"enabled": False})
    assert await bring(world, vera, anna) is Refusal.CLOSED


async def test_a_friend_with_a_receipt_is_no_new_friend(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    await world.sell(boris, 10_00)
    assert await bring(world, boris, anna) is Refusal.NOT_NEW


async def test_a_sale_that_was_undone_was_none(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    sold = await world.sell(boris, 10_00)
    await world.db.transact(
        lambda s: purchases.record_return(
            s, purchase_id=sold.purchase_id, actor="staff:1", now=world.now, key="u", undo=True
        )
    )
    assert await bring(world, boris, anna) == Attached(anna)


async def test_a_phone_that_was_here_before_is_no_new_friend(world: World) -> None:
    """Also after the card was erased: the keyed hash of the phone outlives it."""
    anna = await world.customer()
    again = await world.customer(phone_hash="a" * 64)
    fresh = await world.customer(phone_hash="b" * 64)
    rows = [
        {"phone_hash": "a" * 64, "welcomed_at": world.now - timedelta(days=400)},
        {"phone_hash": "b" * 64, "welcomed_at": world.now},
    ]
    await world.db.transact(lambda s: s.execute(sa.insert(phone_seen), rows) and None)
    assert await bring(world, again, anna) is Refusal.NOT_NEW
    assert await bring(world, fresh, anna) == Attached(anna)


@pytest.mark.parametrize("length", [2, 3, 6])
async def test_no_ring_of_any_length(world: World, length: int) -> None:
    people = [await world.customer() for _ in range(length)]
    for friend, referrer in zip(people[1:], people, strict=False):
        assert await bring(world, friend, referrer) == Attached(referrer)
    assert await bring(world, people[0], people[-1]) is Refusal.CIRCLE
    other = await world.customer()
    assert await bring(world, people[0], other) == Attached(other)


@pytest.mark.parametrize("length", [2, 4, 5])
async def test_no_ring_though_all_come_at_once(world: World, length: int) -> None:
    """Two name each other; of four in a ring opposite pairs share no account."""
    for _ in range(5):
        people = [await world.customer() for _ in range(length)]
        codes = {who: await code(world, who) for who in people}
        pairs = list(zip(people, [*people[1:], people[0]], strict=True))
        done = await asyncio.gather(
            *(attach(world, friend, codes[referrer]) for friend, referrer in pairs)
        )
        assert sum(isinstance(one, Attached) for one in done) == length - 1
        assert done.count(Refusal.CIRCLE) == 1


async def test_the_first_of_many_codes_at_once_wins(world: World) -> None:
    friend = await world.customer()
    codes = [await code(world, await world.customer()) for _ in range(8)]
    done = await asyncio.gather(*(attach(world, friend, one) for one in codes))
    assert sum(isinstance(one, Attached) for one in done) == 1
    assert done.count(Refusal.ALREADY_INVITED) == 7
    count = sa.select(sa.func.count()).select_from(referral)
    assert await world.db.read(lambda s: s.execute(count).scalar_one()) == 1


async def test_a_sale_at_the_same_moment_is_seen(world: World) -> None:
    """Whichever comes first: an invitation after a receipt is refused."""
    anna = await world.customer()
    own = await code(world, anna)
    for _ in range(5):
        friend = await world.customer()
        outcome, _ = await asyncio.gather(attach(world, friend, own), world.sell(friend, 10_00))
        known = await attach(world, friend, own)
        assert known == outcome
        assert outcome in (Attached(anna), Refusal.NOT_NEW)


async def test_an_erased_customer_s_code_is_nobody_s(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    own = await code(world, anna)
    await world.db.transact(
        lambda s: (
            s.execute(sa.update(customer).where(customer.c.id == anna).values(status="erased"))
            and None
        )
    )
    assert await attach(world, boris, own) is Refusal.UNKNOWN_CODE
