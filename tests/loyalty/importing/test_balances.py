"""Opening balances with their dates: lots like any other, however often the file is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import clock, importing, wallet
from loyalty.customers import customer, external_id
from loyalty.importing.mapping import parse_map
from loyalty.wallet.tables import lot
from tests.loyalty.importing.helpers import check, import_customers, options, state
from tests.world import ZONE, World

MAP = parse_map("customer=id,balance=left,expires=until,earned=since,tier=level")
HEAD = "id;left;until;since;level\n"


def write(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "balances.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return path


async def bring(world: World, path: Path, **changes: Any) -> Any:
    return await import_customers(world.db, path, columns=MAP, now=world.now, **changes)


async def the_customer(world: World, number: str) -> int:
    query = sa.select(external_id.c.customer_id).where(external_id.c.value == number)
    return int(await world.db.read(lambda s: s.execute(query).scalar_one()))


async def lots_of(world: World, customer_id: int) -> list[tuple[int, str | None, str]]:
    query = sa.select(lot).where(lot.c.customer_id == customer_id)
    rows = await world.db.read(lambda s: s.execute(query).all())
    return sorted(
        (
            row.remaining,
            row.expires_at and clock.last_valid_day(row.expires_at, ZONE).isoformat(),
            row.earned_at.date().isoformat(),
        )
        for row in rows
    )


async def test_each_row_with_dates_of_its_own_is_a_lot(world: World, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "7;100;2026-12-31;2025-12-31;Silver",
        "7;50;2026-06-30;2025-06-30;",
        "7;30;2026-12-31;2025-11-30;",
        "7;20;;;",
        "8;0;;;Бронза",
    )
    result = await bring(world, path)
    assert (result.rejected, result.summary.points) == ([], 200)
    who = await the_customer(world, "7")
    assert await lots_of(world, who) == [
        (20, None, "2026-03-02"),
        (30, "2026-12-31", "2025-11-30"),
        (50, "2026-06-30", "2025-06-30"),
        (100, "2026-12-31", "2025-12-31"),
    ]
    before = await state(world.db)
    again = await bring(world, path)
    world.pass_time(days=3)
    later = await bring(world, path)
    assert (again.summary.points, later.summary.points) == (0, 0)
    assert await state(world.db) == before
    await check(world.db)


async def test_bad_rows_are_named_and_the_rest_comes_in(world: World, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1;-5;;;",
        "2;10.5;;;",
        "3;lots;;;",
        "4;10;2026-03-01;;",
        "5;10;soon;;",
        "6;10;;2027-01-01;",
        "7;10;2026-03-02;;",
        "7;10;2026-03-02;;",
        "8;10;;;Platinum",
        "9;99999999999;;;",
    )
    result = await bring(world, path)
    assert result.codes == {
        2: "points_negative",
        3: "points",
        4: "points",
        5: "points_expired",
        6: "date",
        7: "future",
        9: "points_twice",
        10: "tier",
        11: "points",
    }
    assert result.summary.points == 10
    said = {one.line: one.text("ru") for one in result.rejected}
    assert said[10] == "«Platinum»: такого уровня нет, есть Бронза, Серебро, Золото"
    assert said[2] == "остаток -5 меньше нуля"


async def test_imported_points_are_spent_and_expire_in_turn(world: World, tmp_path: Path) -> None:
    who_number = "7"
    await bring(world, write(tmp_path, f"{who_number};40;2026-03-20;;", f"{who_number};40;;;"))
    who = await the_customer(world, who_number)
    await world.db.transact(
        lambda s: s.execute(sa.update(customer).values(status="active")) and None
    )
    await world.grant(who, 40, expires_at=world.now + timedelta(days=300))
    await world.grant(who, 40, expires_at=world.now + timedelta(days=5))
    await world.sell(who, 1000_00, redeem=100)
    left = [item for item in await lots_of(world, who) if item[0] == 40]
    assert [item[1] for item in left] == [None]  # never-expiring points are spent last
    world.pass_time(days=200)
    await world.db.transact(partial(wallet.expire_due, now=world.now))
    assert (await world.balance(who)).posted == 20 + 40 + 45
    # The last day has passed for none of them: the file's dates hold whatever the rules become.
    await world.set_program(expiry_days=1)
    assert (await world.balance(who)).posted == 20 + 40 + 45
    await check(world.db)


async def test_a_level_comes_along_once_and_never_down(world: World, tmp_path: Path) -> None:
    gold = await world.customer(tier="gold", phone="+79161234567")
    path = tmp_path / "levels.csv"
    path.write_text("customer,phone,tier\n1,+79161234567,silver\n2,,Серебро\n2,,gold\n3,,\n")
    result = await import_customers(world.db, path, now=world.now)
    assert result.rejected == []
    tiers = await world.db.read(
        lambda s: dict(s.execute(sa.select(customer.c.id, customer.c.tier)).all())  # type: ignore[arg-type]
    )
    numbers = {n: await the_customer(world, n) for n in "123"}
    assert (tiers[gold], tiers[numbers["2"]], tiers[numbers["3"]]) == ("gold", "silver", "bronze")
    lowered = sa.update(customer).where(customer.c.id == numbers["2"]).values(tier="bronze")
    await world.db.transact(lambda s: s.execute(lowered) and None)
    await import_customers(world.db, path, now=world.now)
    query = sa.select(customer.c.tier).where(customer.c.id == numbers["2"])
    assert await world.db.read(lambda s: s.execute(query).scalar_one()) == "bronze"


@pytest.mark.parametrize("batch", [2, 1000])
async def test_batches_make_no_difference(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(importing.people, "BATCH_ROWS", batch)
    rows = [f"{n % 3};{10 + n};2026-0{4 + n % 2}-10;2026-01-0{1 + n // 6};" for n in range(12)]
    result = await bring(world, write(tmp_path, *rows, rows[0]))
    assert (result.codes, result.summary.points) == ({14: "points_twice"}, 186)
    assert (await bring(world, write(tmp_path, *rows))).summary.points == 0
    await check(world.db)


def test_a_field_has_one_column_whatever_it_is_called() -> None:
    with pytest.raises(importing.FileProblem) as problem:
        parse_map("customer=1,balance=2,points=3")
    assert (problem.value.code, problem.value.facts) == ("twice", {"field": "points"})
    assert options(columns=MAP).columns["points_earned_at"] == "since"
    assert datetime(2026, 3, 2, 9, 0, tzinfo=UTC) == options().now
