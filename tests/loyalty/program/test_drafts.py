"""The draft: begun, edited by several, published at a time, taken back; what purchases keep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import program
from loyalty.errors import (
    DomainError,
    NothingToPublish,
    ProgramChanged,
    ProgramDraftNotFound,
    ProgramInvalid,
    ProgramVersionNotFound,
    PublicationInPast,
    VersionHasBegun,
)
from loyalty.events import event
from loyalty.program import Program, drafts, history
from loyalty.program.drafts import Draft
from loyalty.receipts import purchase
from tests.world import World

OWNER = "staff:1"


async def start(world: World) -> Draft:
    return await world.db.transact(lambda s: drafts.start(s, actor=OWNER, now=world.now))


async def save(world: World, draft: Draft, **rules: Any) -> Draft:
    """Save the draft with some rules replaced."""
    changed = draft.program.model_dump(mode="json") | rules
    return await world.db.transact(
        lambda s: drafts.save(
            s, draft_id=draft.id, edition=draft.edition, rules=changed, actor=OWNER, now=world.now
        )
    )


async def publish(
    world: World, draft: Draft, *, after: timedelta | None = None, note: str | None = None
) -> program.Version:
    at = world.now + after if after is not None else None
    return await world.db.transact(
        lambda s: drafts.publish(
            s,
            draft_id=draft.id,
            edition=draft.edition,
            at=at,
            note=note,
            actor=OWNER,
            now=world.now,
        )
    )


async def cancel(world: World, version_id: int, *, in_use: bool = False) -> None:
    await world.db.transact(
        lambda s: history.cancel(
            s, version_id=version_id, in_use=in_use, actor=OWNER, now=world.now
        )
    )


async def listed(world: World) -> list[history.Published]:
    return await world.db.read(lambda s: history.listing(s, now=world.now))


async def in_force(world: World) -> program.Version:
    return await world.db.read(lambda s: program.current(s, now=world.now))


async def kinds(world: World) -> list[str]:
    """What the audit trail says of the program."""
    query = sa.select(event.c.type).where(event.c.type.like("program.%")).order_by(event.c.id)
    return [row[0] for row in await world.db.read(lambda s: s.execute(query).all())]


async def test_a_draft_starts_from_what_is_in_force_and_is_one(world: World) -> None:
    assert await world.db.read(drafts.find) is None
    with pytest.raises(ProgramDraftNotFound):
        await world.db.read(drafts.get)
    many = await asyncio.gather(*(start(world) for _ in range(8)))
    assert len({draft.id for draft in many}) == 1
    first = many[0]
    assert (first.edition, first.base_number, first.program) == (1, 1, Program())
    changed = await save(world, first, welcome_points=150)
    assert (changed.edition, changed.program.welcome_points) == (2, 150)
    assert (await start(world)) == changed
    assert (await in_force(world)).program.welcome_points == 100
    assert await kinds(world) == ["program.draft_started", "program.draft_saved"]


async def test_two_editors_never_write_over_each_other(world: World) -> None:
    seen = await start(world)
    tries = await asyncio.gather(
        *(save(world, seen, welcome_points=n) for n in range(5)), return_exceptions=True
    )
    won = [one for one in tries if isinstance(one, Draft)]
    lost = [one for one in tries if isinstance(one, ProgramChanged)]
    assert (len(won), len(lost)) == (1, 4)
    assert lost[0].facts == {"edition": 2}
    assert (await world.db.read(drafts.get)).program == won[0].program
    for late in (save(world, seen), publish(world, seen)):
        with pytest.raises(ProgramChanged):
            await late
    with pytest.raises(ProgramChanged):
        await world.db.transact(
            lambda s: drafts.drop(s, draft_id=seen.id, edition=1, actor=OWNER, now=world.now)
        )


async def test_an_old_form_never_lands_in_a_new_draft(world: World) -> None:
    old = await start(world)
    await world.db.transact(
        lambda s: drafts.drop(s, draft_id=old.id, edition=1, actor=OWNER, now=world.now)
    )
    assert await world.db.read(drafts.find) is None
    new = await start(world)
    assert (new.id, new.edition) != (old.id, old.edition)
    with pytest.raises(ProgramChanged):
        await save(world, old, welcome_points=1)
    assert (await world.db.read(drafts.get)) == new


async def test_single_fields_are_saved_and_checked(world: World) -> None:
    draft = await start(world)

    def one(path: str, value: Any) -> Callable[..., Draft]:
        return lambda s: drafts.save_field(
            s,
            draft_id=draft.id,
            edition=draft.edition,
            path=path,
            value=value,
            actor=OWNER,
            now=world.now,
        )

    draft = await world.db.transact(one("tiers.1.earn_rate_bp", 800))
    draft = await world.db.transact(one("stamp_cards.0.reward.effect.quantity", 2))
    draft = await world.db.transact(one("expiry_days", None))
    assert draft.program.tiers[1].earn_rate_bp == 800
    assert (draft.edition, draft.program.expiry_days) == (4, None)
    for path, value, wrong in (
        ("tiers.9.earn_rate_bp", 1, "tiers.9.earn_rate_bp"),
        ("nothing.at.all", 1, "nothing.at.all"),
        ("pending_days.x", 1, "pending_days.x"),
        ("interest", 1, "interest"),
        ("referral.points", -1, "referral.points"),
    ):
        with pytest.raises(ProgramInvalid) as refusal:
            await world.db.transact(one(path, value))
        assert refusal.value.facts["problems"][0].path == wrong
    assert (await world.db.read(drafts.get)) == draft


async def test_publishing_at_once_and_for_later(world: World) -> None:
    draft = await save(world, await start(world), welcome_points=150)
    for span in (timedelta(0), timedelta(seconds=-1), timedelta(days=-400)):
        with pytest.raises(PublicationInPast):
            await publish(world, draft, after=span)
    second = await publish(world, draft, note="  Summer\u0000 \n rules " + "x" * 300)
    assert (second.number, (await in_force(world)).id) == (2, second.id)
    assert await world.db.read(drafts.find) is None
    with pytest.raises(ProgramChanged):
        await publish(world, draft)

    world.pass_time(days=1)
    draft = await save(world, await start(world), welcome_points=50, expiry_days=None)
    third = await publish(world, draft, after=timedelta(days=7))
    assert (await in_force(world)).id == second.id
    versions = await listed(world)
    assert [(v.number, v.state, v.follows) for v in versions] == [
        (3, "scheduled", 2),
        (2, "in_force", 1),
        (1, "past", None),
    ]
    assert versions[1].ends_at == versions[0].begins_at
    assert versions[1].author == OWNER
    assert (versions[1].note or "").startswith("Summer rules xxx")
    assert len(versions[1].note or "") == drafts.NOTE_LENGTH
    assert [change.path for change in versions[0].changes] == ["expiry_days", "welcome_points"]
    world.pass_time(days=7)
    assert (await in_force(world)).id == third.id
    assert [v.state for v in await listed(world)] == ["in_force", "past", "past"]
    assert (await kinds(world)).count("program.published") == 2
    row = await world.db.read(
        lambda s: s.execute(sa.select(event).where(event.c.type == "program.published")).first()
    )
    assert row is not None
    assert row.data == {"version": second.id, "number": 2}


async def test_nothing_new_is_not_published(world: World) -> None:
    draft = await start(world)
    with pytest.raises(NothingToPublish):
        await publish(world, draft)
    assert await world.db.read(drafts.find) == draft
    changed = await save(world, draft, welcome_points=150)
    await publish(world, changed, after=timedelta(days=2))
    again = await save(world, await start(world), welcome_points=150)
    # By then it would be so anyway; before that it is news.
    with pytest.raises(NothingToPublish):
        await publish(world, again, after=timedelta(days=3))
    assert (await publish(world, again, after=timedelta(days=1))).number == 3


async def test_of_two_who_publish_one_does(world: World) -> None:
    draft = await save(world, await start(world), welcome_points=150)
    tries = await asyncio.gather(*(publish(world, draft) for _ in range(6)), return_exceptions=True)
    assert len([one for one in tries if isinstance(one, program.Version)]) == 1
    assert all(isinstance(one, program.Version | ProgramChanged) for one in tries)
    assert [v.number for v in await listed(world)] == [2, 1]


async def test_a_scheduled_version_is_taken_back(world: World) -> None:
    draft = await save(world, await start(world), welcome_points=150)
    version = await publish(world, draft, after=timedelta(days=2))
    first = await in_force(world)
    refused: list[tuple[Callable[[], Awaitable[None]], type[DomainError]]] = [
        (lambda: cancel(world, version.id, in_use=True), VersionHasBegun),
        (lambda: cancel(world, first.id), VersionHasBegun),
        (lambda: cancel(world, 12345), ProgramVersionNotFound),
    ]
    for call, error in refused:
        with pytest.raises(error):
            await call()
    await cancel(world, version.id)
    with pytest.raises(ProgramVersionNotFound):
        await cancel(world, version.id)
    world.pass_time(days=3)
    assert (await in_force(world)).id == first.id
    assert [(v.number, v.state) for v in await listed(world)] == [
        (2, "cancelled"),
        (1, "in_force"),
    ]
    # Its number stays used, and who holds its id still finds it.
    assert (await world.db.read(lambda s: history.get(s, version.id, now=world.now))).number == 2
    draft = await save(world, await start(world), welcome_points=70)
    assert (await publish(world, draft)).number == 3
    assert "program.cancelled" in await kinds(world)


async def test_a_purchase_keeps_its_version_and_so_does_its_return(world: World) -> None:
    """Rate and pending days change; an old purchase is returned by the rules it was sold by."""
    guest = await world.customer()
    old = await world.sell(guest, 1000_00)
    world.pass_time(hours=1)
    draft = await start(world)
    tiers = draft.program.model_dump(mode="json")["tiers"]
    tiers[0]["earn_rate_bp"] = 1000
    version = await publish(world, await save(world, draft, tiers=tiers, pending_days=0))
    new = await world.sell(guest, 1000_00)
    assert (old.earned, new.earned) == (50, 100)

    kept = await world.db.read(
        lambda s: s.execute(
            sa.select(purchase.c.id, purchase.c.program_version_id, purchase.c.earn_rate_bp)
        ).all()
    )
    by_id = {row.id: (row.program_version_id, row.earn_rate_bp) for row in kept}
    first = (await listed(world))[-1].id
    assert by_id == {old.purchase_id: (first, 500), new.purchase_id: (version.id, 1000)}
    balance = await world.balance(guest)
    # The old points still wait for their day, the new ones can be spent at once.
    assert (balance.available, balance.pending) == (100, 50)

    half = await world.take_back(old.purchase_id, [(1, 500)])
    assert half.earned_reversed == 25
    rest = await world.take_back(old.purchase_id)
    assert rest.earned_reversed == 25
    balance = await world.balance(guest)
    assert (balance.available, balance.pending, balance.debt) == (100, 0, 0)
    assert (await world.take_back(new.purchase_id)).earned_reversed == 100
    assert await world.faults() == []
