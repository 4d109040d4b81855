"""Sales, points and customers' figures against small histories counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import purchases
from loyalty.ids import new_id
from loyalty.receipts import purchase
from loyalty.reports import dashboard, points, sales
from tests.world import START, ZONE, World


async def _unlinked(world: World, customer_id: int | None, amount: int, day: date) -> None:
    row = {
        "id": new_id(), "customer_id": customer_id, "outlet_id": world.outlet_id,
        "source": "import", "business_date": day, "gross": amount, "total": amount,
        "sold_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        "recorded_at": world.now, "unlinked_return": True,
    }  # fmt: skip
    await world.db.transact(lambda s: s.execute(sa.insert(purchase).values(**row)))


async def test_nothing_sold_divides_by_nothing(world: World) -> None:
    found = await world.db.read(lambda s: sales.sales(s))
    assert (found.revenue, found.receipts, found.buyers) == (0, 0, 0)
    assert found.repeat_rate is None
    assert found.average_receipt is None
    assert found.known_share is None
    assert await world.db.read(sales.span) is None


async def test_returns_lower_revenue_and_nothing_else(world: World) -> None:
    anna, boris = await world.customer(), await world.customer()
    await world.sell(anna, 10_000)
    world.pass_time(days=1)
    second = await world.sell(anna, 20_001)
    await world.sell(boris, 5_000)
    await world.sell(None, 3_000)
    await world.take_back(second.purchase_id)
    await _unlinked(world, boris, -700, date(2026, 3, 3))
    found = await world.db.read(lambda s: sales.sales(s))
    assert found.gross == 38_001
    assert found.returned == 20_701
    assert found.revenue == 17_300
    assert found.known_revenue == 14_300
    assert (found.receipts, found.buyers, found.repeat_buyers) == (4, 2, 1)
    assert found.repeat_rate == 0.5
    assert found.average_receipt == 4_325


async def test_a_sale_undone_at_the_till_counts_nowhere(world: World) -> None:
    anna = await world.customer()
    await world.sell(anna, 10_000)
    slip = await world.sell(anna, 99_000)
    before = await world.db.read(lambda s: sales.sales(s))
    assert (before.receipts, before.repeat_buyers) == (2, 1)

    def undo(session: Session) -> None:
        purchases.record_return(
            session, purchase_id=slip.purchase_id, actor="staff:1", now=world.now, key="slip",
            undo=True,
        )  # fmt: skip

    await world.db.transact(undo)
    for start in (None, START.date()):
        found = await world.db.read(lambda s, start=start: sales.sales(s, start=start))
        assert (found.gross, found.returned, found.revenue) == (10_000, 0, 10_000)
        assert (found.receipts, found.buyers, found.repeat_buyers) == (1, 1, 0)


async def test_a_period_is_made_of_business_days(world: World) -> None:
    anna = await world.customer()
    # 23:30 and 00:30 in Moscow: one night, two business days and two months.
    for moment in (
        datetime(2026, 3, 31, 20, 30, tzinfo=UTC),
        datetime(2026, 3, 31, 21, 30, tzinfo=UTC),
    ):
        world.now = moment
        await world.sell(anna, 10_000)
    march, april = date(2026, 3, 31), date(2026, 4, 1)
    for start, end, receipts in (
        (march, march, 1), (april, april, 1), (march, april, 2), (None, march, 1),
        (april, None, 1), (date(2026, 4, 2), None, 0),
    ):  # fmt: skip
        found = await world.db.read(lambda s, a=start, b=end: sales.sales(s, start=a, end=b))
        assert found.receipts == receipts, (start, end)
    months = await world.db.read(
        lambda s: sales.by_month(s, start=date(2026, 2, 1), end=date(2026, 5, 31))
    )
    assert [(m.month.month, m.revenue, m.receipts, m.buyers) for m in months] == [
        (2, 0, 0, 0), (3, 10_000, 1, 1), (4, 10_000, 1, 1), (5, 0, 0, 0),
    ]  # fmt: skip
    assert await world.db.read(sales.span) == (march, april)


async def test_the_rollup_says_the_same_as_a_recount(world: World) -> None:
    people = [await world.customer() for _ in range(4)]
    for number in range(11):
        world.pass_time(hours=7)
        sale = await world.sell(people[number * number % 3], 10_000 + number)
        if number % 4 == 0:
            await world.take_back(sale.purchase_id)
    await _unlinked(world, people[3], -500, date(2026, 3, 3))
    quick = await world.db.read(lambda s: sales.sales(s))
    counted = await world.db.read(lambda s: sales.sales(s, start=date(2000, 1, 1)))
    assert (quick.buyers, quick.repeat_buyers) == (counted.buyers, counted.repeat_buyers)
    assert quick.revenue == counted.revenue


async def test_an_outlet_of_its_own(world: World) -> None:
    await world.sell(await world.customer(), 10_000)
    here = await world.db.read(lambda s: sales.sales(s, outlet_id=world.outlet_id))
    elsewhere = await world.db.read(lambda s: sales.sales(s, outlet_id=1))
    assert (here.receipts, here.buyers) == (1, 1)
    assert (elsewhere.receipts, elsewhere.buyers) == (0, 0)


async def test_points_moved_add_up_to_the_ledger(world: World) -> None:
    anna = await world.customer(points=200)
    sale = await world.sell(anna, 100_000, redeem=150)
    await world.grant(anna, 40, expires_at=world.now + timedelta(days=3))
    world.pass_time(days=1, hours=1)
    await world.take_back(sale.purchase_id)
    flow = await world.db.read(lambda s: points.flow(s, time_zone=ZONE))
    assert flow.issued == 200 + 40 + sale.earned
    assert flow.spent == 0
    assert flow.taken_back == sale.earned
    balance = await world.balance(anna)
    assert flow.change == balance.posted == 240

    standing = await world.db.read(lambda s: points.standing(s, now=world.now))
    assert (standing.outstanding, standing.pending, standing.holders) == (240, 0, 1)
    assert standing.liability == 24_000
    world.pass_time(days=10)
    later = await world.db.read(lambda s: points.standing(s, now=world.now))
    assert (later.outstanding, later.lapsed) == (200, 40)

    before = START.date() - timedelta(days=1)
    none = await world.db.read(lambda s: points.flow(s, time_zone=ZONE, end=before))
    assert none.change == 0


async def test_points_by_the_month_they_end_in(world: World) -> None:
    anna = await world.customer(points=7)
    # Midnight after 31 March in Moscow: the last valid day is still of March.
    for moment, amount in (
        (datetime(2026, 3, 31, 21, tzinfo=UTC), 10),
        (datetime(2026, 4, 30, 21, tzinfo=UTC), 20),
        (datetime(2026, 4, 10, 21, tzinfo=UTC), 5),
    ):
        await world.grant(anna, amount, expires_at=moment)
    months = await world.db.read(lambda s: points.by_expiry_month(s, now=world.now, time_zone=ZONE))
    assert [(m.month, m.points) for m in months] == [
        (date(2026, 3, 1), 10), (date(2026, 4, 1), 25), (None, 7),
    ]  # fmt: skip


async def test_the_dashboard_compares_like_with_like(world: World) -> None:
    anna = await world.customer()
    for day, amount in ((3, 10_000), (20, 40_000)):
        world.now = datetime(2026, 3, day, 9, tzinfo=UTC)
        await world.sell(anna, amount)
    world.now = datetime(2026, 4, 5, 9, tzinfo=UTC)
    await world.sell(anna, 15_000)

    def unit(session: Session) -> dashboard.Dashboard:
        return dashboard.dashboard(session, now=world.now, time_zone=ZONE)

    board = await world.db.read(unit)
    assert board.this_month is not None
    assert board.last_month is not None
    assert (board.this_month.revenue, board.last_month.revenue) == (15_000, 10_000)
    assert board.period.kind == "recent"
    assert (board.period.start, len(board.months)) == (date(2025, 5, 1), 12)
    assert board.sales.revenue == sum(m.revenue for m in board.months) == 65_000
    assert board.years == [2026]
