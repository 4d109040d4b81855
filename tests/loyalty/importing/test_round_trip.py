"""Out to a file and in again: into the same database nothing comes, into another all of it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import exporting
from loyalty.db import Database
from loyalty.receipts import purchase, purchase_return
from tests.loyalty.importing.helpers import (
    NOW,
    check,
    import_customers,
    import_purchases,
    state,
)

SALES = (
    "customer,phone,sold_at,number,register,sku,quantity,price,outlet\n"
    "A,,2026-01-05 10:00,1,,cap,2,220,Park\n"
    "A,,2026-01-05 10:00,1,,crs,1,160,Park\n"
    "A,,2026-01-05 10:00,1,2,cap,1,220,Park\n"  # the same number on another till
    "B,,2026-01-06 10:00,,,esp,1,140,\n"
    "B,,2026-01-06 10:00,,,esp,1,140,\n"  # and once more
    ",,2026-01-06 11:00,7,,esp,1,140,\n"
    ",+79161234567,2026-01-06 11:00,8,,esp,1,140,Park\n"
    "A,,2026-01-07 10:00,9,,tea,1,180,Park\n"
    "A,,2026-01-07 10:00,9,,cap,-1,220,Park\n"  # goods and returns on one receipt
    "A,,2026-01-07 10:00,9,,mug,-1,900,Park\n"  # of which one finds no purchase
)
PEOPLE = (
    "id,name,phone,points,points_expire_at\n"
    "A,Anna,,70,2026-12-31\nA,,,30,\nB,Boris,,5,\n,Vera,+79161234567,1,\n"
)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def export(db: Database, kind: str, path: Path) -> Path:
    write: Any = getattr(exporting, f"export_{kind}")
    extra = {"now": NOW} if kind == "customers" else {}
    writer = exporting.open_writer(path)
    await db.read(lambda s: write(s, writer, time_zone="Europe/Moscow", **extra))
    writer.close()
    return path


async def fill(db: Database, folder: Path) -> None:
    (folder / "sales.csv").write_text(SALES)
    (folder / "people.csv").write_text(PEOPLE)
    await import_customers(db, folder / "people.csv")
    result = await import_purchases(db, folder / "sales.csv")
    assert (result.rejected, result.summary.purchases) == ([], 7)
    assert (result.summary.returns, result.summary.unlinked_lines) == (1, 1)


async def forget_where_it_came_from(db: Database) -> None:
    """As if a till had recorded everything: no key and no other system's id."""

    def unit(session: Any) -> None:
        session.execute(sa.update(purchase).values(import_key=None, source="pos"))
        session.execute(sa.update(purchase_return).values(import_key=None))
        session.execute(sa.text("DELETE FROM external_id"))

    await db.transact(unit)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "xlsx"])
@pytest.mark.parametrize("system", ["import", "another"])
async def test_into_the_same_database_nothing_comes(
    db: Database, tmp_path: Path, ending: str, system: str
) -> None:
    await fill(db, tmp_path)
    await forget_where_it_came_from(db)
    before = await state(db)
    sales = await export(db, "purchases", tmp_path / f"out.{ending}")
    people = await export(db, "customers", tmp_path / f"people_out.{ending}")
    sold = await import_purchases(db, sales, system=system)
    assert (sold.rejected, sold.summary.rows_known) == ([], sold.summary.rows)
    assert (sold.summary.customers_created, sold.summary.revenue) == (0, 0)
    brought = await import_customers(db, people, system=system)
    assert (brought.rejected, brought.summary.points) == ([], 0)
    assert (brought.summary.customers_created, brought.summary.customers_known) == (0, 3)
    assert await state(db) == before
    await check(db)


@pytest.mark.parametrize("direction", ["there", "back"])
async def test_into_another_database_it_comes_once(
    sqlite_database: str, postgres_database: str, tmp_path: Path, direction: str
) -> None:
    ours, theirs = Database(sqlite_database), Database(postgres_database)
    if direction == "back":
        ours, theirs = theirs, ours
    try:
        await fill(ours, tmp_path)
        sales = await export(ours, "purchases", tmp_path / "out.csv.gz")
        first = await import_purchases(theirs, sales)
        assert (first.rejected, first.summary.purchases) == ([], 7)
        assert (first.summary.return_lines, first.summary.unlinked_lines) == (1, 1)
        before = await state(theirs)
        again = await import_purchases(theirs, sales, system="another")
        assert again.summary.rows_known == again.summary.rows
        assert await state(theirs) == before
        await check(theirs)
    finally:
        await ours.close()
        await theirs.close()


async def test_the_first_file_may_have_come_before(
    sqlite_database: str, postgres_database: str, tmp_path: Path
) -> None:
    """Receipts with a number are known by it too, wherever the export was made."""
    ours, theirs = Database(sqlite_database), Database(postgres_database)
    try:
        await fill(ours, tmp_path)
        await fill(theirs, tmp_path)
        sales = await export(ours, "purchases", tmp_path / "out.csv")
        again = await import_purchases(theirs, sales)
        # Only the two without a number cannot be told from new ones.
        assert (again.summary.purchases, again.summary.revenue) == (2, 28000)
        assert (again.summary.returns, again.summary.unlinked_lines) == (0, 0)
    finally:
        await ours.close()
        await theirs.close()


async def test_a_receipt_id_of_another_system_is_a_number(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    head = "customer,sold_at,receipt_id,price\n"
    path.write_text(head + "A,2026-01-05,P17,100\nA,2026-01-05,P17,50\nA,2026-01-05,P18,1\n")
    result = await import_purchases(db, path)
    assert (result.summary.purchases, result.summary.revenue) == (2, 15100)
    rows = await db.read(lambda s: s.execute(sa.select(purchase.c.number)).scalars().all())
    assert sorted(rows) == ["P17", "P18"]


@pytest.mark.parametrize("name", ["out.txt", "out", "out.gz", "out.csv.zip", "xlsx"])
def test_an_unknown_ending_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(exporting.UnknownEnding):
        exporting.open_writer(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
