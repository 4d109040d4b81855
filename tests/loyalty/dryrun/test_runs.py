"""A run as a row: asked once, replayed by a process, called off, outlived; nothing is blocked."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, dryrun, errors, promotions
from loyalty.dryrun import Run
from loyalty.dryrun.running import ATTEMPTS, DEAD_S, Runner
from loyalty.dryrun.tables import dry_run
from loyalty.program import drafts
from tests.loyalty.dryrun import shop
from tests.world import ZONE, World

# Says how far it is and then nothing more, until it is ended.
HANGS = (
    sys.executable,
    "-c",
    'import signal; print(\'{"done": 3, "total": 9}\', flush=True); signal.pause()',
)
CRASHES = (sys.executable, "-c", 'import os; print(\'{"done": 1, "total": 2}\'); os.abort()')


@pytest.fixture
async def runner_of(world: World) -> AsyncIterator[Callable[..., Runner]]:
    """`runner_of(command=…)` replays for the test's database until its end."""
    async with AsyncExitStack() as stack:

        def make(**options: object) -> Runner:
            runner = Runner(world.db, **options)  # type: ignore[arg-type]
            runner.start()
            stack.push_async_callback(runner.close)
            return runner

        yield make


async def _draft(world: World, rate_bp: int = 900) -> None:
    def unit(session):  # type: ignore[no-untyped-def]
        draft = drafts.start(session, actor="staff:1", now=world.now)
        drafts.save_field(
            session, draft_id=draft.id, edition=draft.edition, path="tiers.0.earn_rate_bp",
            value=rate_bp, actor="staff:1", now=world.now,
        )  # fmt: skip

    await world.db.transact(unit)


async def _ask(world: World, first: date | None = None) -> Run:
    return await world.db.transact(
        lambda s: dryrun.ask_program(
            s, from_day=first, to_day=None, time_zone=ZONE, author="staff:1", now=world.now
        )
    )


async def _get(world: World, run: Run) -> Run:
    return await world.db.read(lambda s: dryrun.get(s, run.id))


async def test_a_draft_is_replayed(world: World, runner_of: Callable[..., Runner]) -> None:
    await shop.trade(world, random.Random(2), sales=25)
    await _draft(world)
    runner = runner_of()
    run = await _ask(world)
    assert run.status == dryrun.QUEUED
    runner.wake()
    await runner.rest()
    done = await _get(world, run)
    assert done.status == dryrun.DONE
    assert done.result is not None
    assert done.done == done.total == done.result["purchases"] > 10
    before, after = done.result["baseline"], done.result["candidate"]
    assert after["issued"] > before["issued"]
    sold = await shop.recorded(world)
    assert before["issued"] == sum(row.earned for row in sold.values())


async def test_one_question_has_one_answer(world: World) -> None:
    await _draft(world)
    run = await _ask(world)
    assert (await _ask(world)).id == run.id
    assert (await _ask(world, world.now.date())).id != run.id
    await shop.promote(world, shop.PROMOTIONS[0])  # the rules in force are others now
    other = await _ask(world)
    assert other.id != run.id
    await world.db.transact(lambda s: dryrun.cancel(s, run_id=other.id, now=world.now))
    assert (await _ask(world)).id not in (run.id, other.id)


@pytest.mark.parametrize("days", [(1, 0), (-5, -9)])
async def test_days_that_are_no_period(world: World, days: tuple[int, int]) -> None:
    await _draft(world)
    first, last = (world.now.date() + timedelta(days=n) for n in days)
    with pytest.raises(errors.DryRunPeriod):
        await world.db.transact(
            lambda s: dryrun.ask_program(
                s, from_day=first, to_day=last, time_zone=ZONE, author="x", now=world.now
            )
        )


async def test_nothing_to_ask_about(world: World) -> None:
    with pytest.raises(errors.ProgramDraftNotFound):
        await _ask(world)
    with pytest.raises(errors.DryRunNotFound):
        await world.db.read(lambda s: dryrun.get(s, 1))


async def test_a_promotion_on_top_of_what_is_on(world: World) -> None:
    first = await shop.promote(world, shop.PROMOTIONS[0])
    tried = await shop.promote(
        world,
        {"effect": {"kind": "discount", "amount": 100}, "when": {"starts_on": "2030-01-01"}},
        on=False,
    )

    def ask(promotion_id: int):  # type: ignore[no-untyped-def]
        return world.db.transact(
            lambda s: dryrun.ask_promotion(
                s, promotion_id=promotion_id, from_day=None, to_day=None, time_zone=ZONE,
                author="staff:1", now=world.now,
            )
        )  # fmt: skip

    run = await ask(tried)
    assert (run.about["undated"], run.about["without"]) == (True, False)
    rules = await world.db.read(lambda s: s.execute(sa.select(dry_run.c.rules)).scalar_one())
    question = dryrun.Question.of_json(rules["question"])
    assert [one.promotion_id for one in question.baseline.live] == [first]
    assert [one.promotion_id for one in question.candidate.live] == [first, tried]
    assert question.candidate.live[1].rules.when.starts_on is None
    # One that is on is shown beside what is in force without it.
    alone = await ask(first)
    assert alone.about["without"] is True
    await world.db.transact(lambda s: promotions.archive(s, first, "staff:1", world.now))


async def test_a_child_that_crashes(world: World, runner_of: Callable[..., Runner]) -> None:
    await _draft(world)
    run = await _ask(world)
    await runner_of(command=CRASHES).rest()
    assert (await _get(world, run)).status == dryrun.FAILED
    # What failed may be asked again.
    assert (await _ask(world)).id != run.id


async def test_the_service_answers_meanwhile_and_calls_off(
    world: World, runner_of: Callable[..., Runner]
) -> None:
    who = await world.customer()
    await _draft(world)
    run = await _ask(world)
    runner = runner_of(command=HANGS)
    sales = 0
    while (await _get(world, run)).done != 3:  # every turn is a sale that goes through
        await world.sell(who, 100_00)
        sales += 1
    assert sales > 0
    assert (await _get(world, run)).status == dryrun.RUNNING
    await world.db.transact(lambda s: dryrun.cancel(s, run_id=run.id, now=world.now))
    await runner.rest()
    ended = await _get(world, run)
    assert (ended.status, ended.result) == (dryrun.CANCELLED, None)
    # It is over for good.
    again = await world.db.transact(lambda s: dryrun.cancel(s, run_id=run.id, now=world.now))
    assert again.finished_at == ended.finished_at


async def test_a_run_outlives_its_process(world: World, runner_of: Callable[..., Runner]) -> None:
    await world.sell(await world.customer(), 100_00)
    await _draft(world)
    run = await _ask(world)
    long_ago = clock.real_now() - timedelta(seconds=DEAD_S + 1)
    left = sa.update(dry_run).values(status=dryrun.RUNNING, beat_at=long_ago, attempts=1)
    await world.db.transact(lambda s: s.execute(left) and None)
    await runner_of().rest()
    assert (await _get(world, run)).status == dryrun.DONE


async def test_one_that_always_kills_its_process_is_given_up(
    world: World, runner_of: Callable[..., Runner]
) -> None:
    await _draft(world)
    run = await _ask(world)
    left = sa.update(dry_run).values(status=dryrun.RUNNING, beat_at=None, attempts=ATTEMPTS)
    await world.db.transact(lambda s: s.execute(left) and None)
    await runner_of().rest()
    assert (await _get(world, run)).status == dryrun.FAILED


async def test_a_service_that_stops_leaves_it_for_the_next(world: World) -> None:
    await world.sell(await world.customer(), 100_00)
    await _draft(world)
    run = await _ask(world)
    first = Runner(world.db, command=HANGS)
    first.start()
    while (await _get(world, run)).done != 3:
        await world.db.ping()
    await first.close()
    assert (await _get(world, run)).status == dryrun.QUEUED
    second = Runner(world.db)
    second.start()
    await second.rest()
    await second.close()
    assert (await _get(world, run)).status == dryrun.DONE
