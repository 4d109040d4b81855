"""Invitations in the panel: the queue, deciding, the list by state, who brings the most."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock
from loyalty.events import event
from loyalty.referrals import referral
from tests.admin import market, shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import ZONE, World

HOME = "/admin/referrals"


async def _people(world: World, *names: str) -> list[int]:
    world.now = clock.now() - timedelta(hours=1)
    return [await world.customer(name=name, chat=900 + n) for n, name in enumerate(names)]


async def _status(world: World, friend: int) -> str:
    query = sa.select(referral.c.status).where(referral.c.friend_id == friend)
    return str(await world.db.read(lambda s: s.execute(query).scalar_one()))


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def test_the_queue_is_decided(world: World, owner: Visitor) -> None:
    anna, boris, vera = await _people(world, "Anna<b>", "Boris", "Vera")
    await market.brought(world, anna, boris, "review", 60_000)
    await market.brought(world, anna, vera, "review", 70_000)
    _, page, _ = await owner.get(HOME)
    said = words(page)
    assert "Anna<b> brought Boris" in said
    assert "Friend's first receipt ₽600" in said
    assert "Anna<b>" not in page
    before = (await world.balance(anna)).posted
    status, page, _ = await owner.post(f"{HOME}/{boris}/approve")
    assert (status, await _status(world, boris)) == (200, "rewarded")
    assert (await world.balance(anna)).posted - before == 100
    status, page, _ = await owner.post(f"{HOME}/{vera}/decline", reason="same_person")
    assert (status, await _status(world, vera)) == (200, "declined")
    assert "decided" in words(page)
    assert "Marina" in words(page)
    status, page, _ = await owner.post(f"{HOME}/{vera}/approve")
    assert (status, "decided about this already" in words(page)) == (409, True)
    rows = await world.db.read(lambda s: s.execute(sa.select(event)).all())
    noted = {row.type: row for row in rows if row.actor.startswith("staff:")}
    assert noted["referral.decline_reason"].data["reason"] == "same_person"
    assert "referral.approved" in noted
    for path in (f"{HOME}/5/approve", f"{HOME}/{2**63}/decline"):
        assert (await owner.post(path))[0] == 404


async def test_a_row_speaks_of_its_own_month(world: World, owner: Visitor) -> None:
    anna, boris, vera, gleb = await _people(world, "Anna", "Boris", "Vera", "Gleb")
    await market.brought(world, anna, boris, "rewarded", 60_000)
    await market.brought(world, anna, vera, "review", 60_000)
    long_ago = world.now - timedelta(days=45)
    for friend, status in ((gleb, "review"), (await world.customer(name="Dan"), "rewarded")):
        await market.brought(world, anna, friend, status, 60_000)
        moved = sa.update(referral).where(referral.c.friend_id == friend)
        decided = long_ago if status == "rewarded" else None
        change = moved.values(due_at=long_ago, decided_at=decided)
        await world.db.transact(lambda s, change=change: s.execute(change))  # type: ignore[misc]
    _, page, _ = await owner.get(HOME)
    said = words(page)
    assert "Beyond 10 rewards in one month it is up to you." in said
    month = long_ago.astimezone(clock.zone(ZONE))
    assert f"Anna brought Gleb Rewards in {month:%B %Y} 1" in said
    assert "Anna brought Vera Rewards this month 1" in said
    assert "this month already" not in said


async def test_the_list_by_state_and_the_most_eager(world: World, owner: Visitor) -> None:
    ids = await _people(world, "Anna", "Boris", "Vera", "Gleb", "")
    await market.brought(world, ids[0], ids[1], "rewarded", 60_000)
    await market.brought(world, ids[0], ids[2], "pending", 60_000)
    await market.brought(world, ids[3], ids[4], "invited")
    _, page, _ = await owner.get(HOME)
    said = words(page)
    assert "Gleb → Without a name" in said
    assert "Anna 2 friends came 1 reward" in said
    _, page, _ = await owner.get(f"{HOME}?state=pending")
    assert "Anna → Vera" in words(page)
    assert "Anna → Boris" not in words(page)
    for odd in ("state=x", "before=1-1", "before=x", "state=pending&before=99999999999999999-5"):
        assert (await owner.get(f"{HOME}?{odd}"))[0] == 200, odd
    owner.headers["Accept-Language"] = "ru"
    _, page, _ = await owner.get(HOME)
    assert "Anna пришли 2 друга 1 награда" in words(page)


async def test_the_list_goes_on(world: World, owner: Visitor) -> None:
    ids = await _people(world, "Anna", *(f"Friend {n:02d}" for n in range(33)))
    for friend in ids[1:]:
        await market.brought(world, ids[0], friend, "invited")
    _, page, _ = await owner.get(HOME)
    first = [name for name in (f"Friend {n:02d}" for n in range(33)) if f"→ {name}" in words(page)]
    assert len(first) == 30
    link = page.partition("before=")[2].partition('"')[0]
    _, page, _ = await owner.get(f"{HOME}?before={link}")
    rest = [name for name in (f"Friend {n:02d}" for n in range(33)) if f"→ {name}" in words(page)]
    assert (len(rest), set(first) & set(rest)) == (3, set())


@pytest.mark.parametrize("role", ["marketer", "analyst"])
async def test_only_the_owner_decides(world: World, visitor: Visitor, role: str) -> None:
    anna, boris = await _people(world, "Anna", "Boris")
    await market.brought(world, anna, boris, "review", 60_000)
    await shop.hire(world, role)
    await visitor.sign_in(role)
    status, page, _ = await visitor.get(HOME)
    assert (status, "/approve" in page) == (200, False)
    for do in ("approve", "decline"):
        assert (await visitor.post(f"{HOME}/{boris}/{do}"))[0] == 403
    assert await _status(world, boris) == "review"
