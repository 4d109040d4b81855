"""Joining by a friend's link writes the invitation down, and never stands in the way of joining."""

from __future__ import annotations

from sqlalchemy.orm import Session

from loyalty import consent, customers, joining
from loyalty.joining import Agreement, Joined
from loyalty.tokens import Keys
from tests.loyalty.referrals.friends import code, status_of, told
from tests.world import ZONE, World

KEYS = Keys("a secret for tests")
PHONE = "+79991234567"


async def join(world: World, payload: str) -> Joined:
    """Join from a chat that was opened by a link."""
    agreement = Agreement(version=1, language="ru", at=world.now, evidence="update:1")

    def unit(session: Session) -> Joined:
        consent.ensure_texts(session, now=world.now)
        customers.open_chat(session, telegram_id=77, language="ru", now=world.now)
        return joining.join(
            session,
            keys=KEYS,
            telegram_id=77,
            phone=PHONE,
            name="Оля",
            agreement=agreement,
            source=joining.source_of(session, payload),
            time_zone=ZONE,
            now=world.now,
        )

    return await world.db.transact(unit)


async def test_a_friend_comes_by_a_link(world: World) -> None:
    anna = await world.customer()
    payload = f"r_{await code(world, anna)}"
    joined = await join(world, payload)
    assert joined.welcome == 100
    assert await status_of(world, joined.customer_id) == "invited"
    assert await join(world, payload) == Joined(
        customer_id=joined.customer_id, created=False, welcome=0
    )
    assert await told(world, anna) == ["referral.invited"]


async def test_an_old_customer_joins_and_nobody_brought_them(world: World) -> None:
    anna = await world.customer()
    known = await world.customer(status="anonymous", phone=PHONE)
    await world.sell(known, 100_00)
    joined = await join(world, f"r_{await code(world, anna)}")
    assert joined.customer_id == known
    assert await status_of(world, known) is None


async def test_a_code_of_nobody_s_changes_nothing(world: World) -> None:
    joined = await join(world, "r_ZZZZZZZZ")
    assert joined.created
    assert await status_of(world, joined.customer_id) is None
