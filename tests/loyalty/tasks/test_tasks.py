"""The call list: a task comes once, is taken, and ends once."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events, tasks
from loyalty.customers import ERASED
from loyalty.errors import StaffNotFound, TaskClosed, TaskNotFound, WordsInvalid
from loyalty.tasks.tables import task
from tests.world import World

TITLE = {"ru": "Позвонить и узнать, как дела", "en": "Call and ask how things are"}


async def opened(world: World, customer_id: int, key: str = "touch:1", **more: Any) -> int | None:
    return await world.db.transact(
        lambda s: tasks.open(
            s,
            key=key,
            customer_id=customer_id,
            source="chain:win_back",
            title=TITLE,
            due_at=world.now + timedelta(days=more.pop("days", 3)),
            now=world.now,
            **more,
        )
    )


async def happened(world: World, customer_id: int) -> list[tuple[str, str, dict[str, Any]]]:
    def unit(session: Session) -> list[tuple[str, str, dict[str, Any]]]:
        e = events.event.c
        query = (
            sa.select(e.type, e.actor, e.data)
            .where(e.customer_id == customer_id, e.type.like("task.%"))
            .order_by(e.id)
        )
        return [(row.type, row.actor, row.data) for row in session.execute(query)]

    return await world.db.read(unit)


async def test_a_task_is_there_once_however_often_it_is_asked_for(world: World) -> None:
    person = await world.customer(name="Пётр", phone="+79990000001", home_outlet_id=world.outlet_id)
    first = await opened(world, person)
    assert first is not None
    assert await opened(world, person) is None
    found = await world.db.read(lambda s: tasks.listing(s))
    assert [(one.id, one.name, one.phone, one.status) for one in found] == [
        (first, "Пётр", "+79990000001", "open")
    ]
    assert found[0].title == TITLE
    assert found[0].outlet_id == world.outlet_id
    assert [kind for kind, _, _ in await happened(world, person)] == ["task.opened"]


async def test_whoever_is_erased_is_not_called(world: World) -> None:
    person = await world.customer(status=ERASED)
    assert await opened(world, person) is None
    assert await opened(world, 12345) is None
    assert await world.db.read(lambda s: tasks.listing(s)) == []


async def test_taken_closed_and_listed_by_whom_and_where(world: World) -> None:
    one, two = await world.customer(name="Анна"), await world.customer(name="Олег")
    late = await opened(world, one, "touch:1", days=5)
    soon = await opened(world, two, "touch:2", days=1, outlet_id=world.outlet_id)
    assert late is not None
    assert soon is not None
    staff_id = world.staff_id
    await world.db.transact(
        lambda s: tasks.assign(s, task_id=late, staff_id=staff_id, actor="staff:1", now=world.now)
    )

    def looks(session: Session) -> list[list[int]]:
        return [
            [each.id for each in found]
            for found in (
                tasks.listing(session),
                tasks.listing(session, assignee_id=staff_id),
                tasks.listing(session, unassigned=True),
                tasks.listing(session, outlet_id=world.outlet_id),
                tasks.listing(session, limit=1),
                tasks.listing(session, limit=1, offset=1),
            )
        ]

    # One more than the limit says that there are more.
    assert await world.db.read(looks) == [
        [soon, late], [late], [soon], [soon], [soon, late], [late]
    ]  # fmt: skip
    await world.db.transact(
        lambda s: tasks.close(
            s, task_id=soon, outcome="will_come", note=" Зайдёт в субботу ", actor="staff:7",
            now=world.now,
        )
    )  # fmt: skip
    done = (await world.db.read(lambda s: tasks.listing(s, status="done")))[0]
    assert (done.outcome, done.note, done.closed_by) == ("will_come", "Зайдёт в субботу", "staff:7")
    assert await world.db.read(tasks.counts) == {"open": 1, "done": 1}
    assert await happened(world, two) == [
        ("task.opened", "system", {"task_id": str(soon), "source": "chain:win_back"}),
        # What was said on the phone is not for the audit trail.
        ("task.done", "staff:7", {"task_id": str(soon), "outcome": "will_come"}),
    ]


async def test_what_ended_ends_once(world: World) -> None:
    person = await world.customer()
    task_id = await opened(world, person)
    assert task_id is not None

    def end(session: Session, outcome: Any = "reached") -> None:
        tasks.close(session, task_id=task_id, outcome=outcome, actor="staff:1", now=world.now)

    await world.db.transact(end)
    await world.db.transact(end)  # the button was tapped twice
    assert len(await happened(world, person)) == 2
    with pytest.raises(TaskClosed):
        await world.db.transact(lambda s: end(s, "no_answer"))
    with pytest.raises(TaskClosed):
        await world.db.transact(
            lambda s: tasks.drop(s, task_id=task_id, actor="staff:1", now=world.now)
        )
    with pytest.raises(TaskClosed):
        await world.db.transact(
            lambda s: tasks.assign(
                s, task_id=task_id, staff_id=None, actor="staff:1", now=world.now
            )
        )


async def test_dropped_is_off_the_list(world: World) -> None:
    person = await world.customer()
    task_id = await opened(world, person)
    assert task_id is not None

    def drop(session: Session) -> None:
        tasks.drop(session, task_id=task_id, actor="staff:1", now=world.now)

    await world.db.transact(drop)
    await world.db.transact(drop)
    assert await world.db.read(lambda s: tasks.listing(s)) == []
    assert [kind for kind, _, _ in await happened(world, person)] == [
        "task.opened",
        "task.dropped",
    ]


async def test_refusals(world: World) -> None:
    person = await world.customer()
    task_id = await opened(world, person)
    assert task_id is not None
    with pytest.raises(TaskNotFound):
        await world.db.read(lambda s: tasks.get(s, 1))
    with pytest.raises(TaskNotFound):
        await world.db.transact(lambda s: tasks.drop(s, task_id=1, actor="staff:1", now=world.now))
    with pytest.raises(StaffNotFound):
        await world.db.transact(
            lambda s: tasks.assign(s, task_id=task_id, staff_id=5, actor="staff:1", now=world.now)
        )
    with pytest.raises(WordsInvalid):
        await world.db.transact(
            lambda s: tasks.close(
                s, task_id=task_id, outcome="reached", note="я" * 1001, actor="staff:1",
                now=world.now,
            )
        )  # fmt: skip
    stored = await world.db.read(lambda s: s.execute(sa.select(task.c.status)).scalar_one())
    assert stored == "open"
