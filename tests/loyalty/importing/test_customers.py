"""Customers out of files: profiles, opening balances, and what is never overwritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import exporting
from loyalty.customers import customer
from loyalty.db import Database
from loyalty.wallet.tables import account, lot
from tests.loyalty.importing.helpers import (
    NOW,
    check,
    import_customers,
    import_purchases,
    state,
)

TEXT = (
    "customer,name,phone,email,birthday,city,points,points_expire_at\n"
    "1,Анна,+79161234567,anna@example.org,05.06.1990,Москва,150,2026-12-31\n"
    "1,,,,,,50,2027-01-31\n"
    "2,Борис,,,29.02,,0,\n"
    "3,Вера,8 916 123-45-67,,,,,\n"  # the phone is Anna's: the same person
    "4,Глеб,,nonsense,,,,\n"
    "5,Дина,,,31.02,,,\n"
    "6,Ева,,,,,10.5,\n"
    "7,Жан,,,,,10,2020-01-01\n"
    ",Никто,,,,,,\n"
)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def rows_of(db: Database, table: sa.Table, order: str) -> list[Any]:
    return list(await db.read(lambda s: s.execute(sa.select(table).order_by(table.c[order])).all()))


async def test_profiles_and_opening_balances(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(TEXT, encoding="cp1251")
    result = await import_customers(db, path)
    assert result.codes == {
        6: "email",
        7: "birthday",
        8: "points",
        9: "points_expired",
        10: "no_customer",
    }
    assert (result.summary.customers_created, result.summary.points) == (2, 200)
    anna, boris = await rows_of(db, customer, "name")
    assert (anna.name, anna.phone, anna.birth_day, anna.birth_year) == (
        "Анна",
        "+79161234567",
        5,
        1990,
    )
    assert (boris.birth_day, boris.birth_month, boris.birth_year) == (29, 2, None)
    assert anna.status == "anonymous"
    lots = await rows_of(db, lot, "expires_at")
    assert [row.remaining for row in lots] == [150, 50]
    assert lots[0].expires_at.isoformat() == "2026-12-31T21:00:00+00:00"
    before = await state(db)
    again = await import_customers(db, path)
    assert (again.summary.customers_created, again.summary.points) == (0, 0)
    assert await state(db) == before
    assert sum(row.posted for row in await rows_of(db, account, "customer_id")) == 200
    await check(db)


async def test_what_a_customer_has_told_us_stays(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("customer,name\n1,Anna\n")
    await import_customers(db, path)
    path.write_text("customer,name,city\n1,Somebody else,Moscow\n")
    result = await import_customers(db, path)
    assert result.summary.customers_updated == 1
    [row] = await rows_of(db, customer, "id")
    assert (row.name, row.city) == ("Anna", "Moscow")


async def test_a_phone_of_somebody_else_is_refused(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("customer,phone\n1,+79161234567\n2,+79161234568\n1,+79161234568\n")
    assert (await import_customers(db, path)).codes == {4: "phone_taken"}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
async def test_what_is_exported_can_be_imported(
    sqlite_database: str, postgres_database: str, tmp_path: Path, suffix: str
) -> None:
    """Out of one database, into the other: the same sums, customers and points."""
    ours, theirs = Database(sqlite_database), Database(postgres_database)
    sales = tmp_path / "sales.csv"
    sales.write_text(
        "customer,sold_at,number,sku,name,category,quantity,price,outlet\n"
        "A,2026-01-05 10:00,1,cap,=cmd|' /C calc'!A0,Coffee,2,220,Park\n"
        "A,2026-01-05 10:00,1,crs,@SUM(A1),Bakery,0.5,161.01,Park\n"
        ",2026-01-06 10:00,2,crs,Croissant,Bakery,1,160,Park\n"
        "A,2026-01-07 10:00,C3,cap,Cappuccino,Coffee,-1,220,Park\n"
        "A,2026-01-07 11:00,C4,tea,Tea,Tea,-1,180,Park\n"
    )
    people = tmp_path / "people.csv"
    people.write_text(
        "customer,name,phone,birthday,points,points_expire_at\n"
        "A,-Anna,+79161234567,06-05,70,2026-12-31\nA,,,,30,\n"
    )
    out = [tmp_path / f"sales_out{suffix}", tmp_path / f"people_out{suffix}"]
    try:
        await import_customers(ours, people)
        await import_purchases(ours, sales)
        for path, export, extra in (
            (out[0], exporting.export_purchases, {}),
            (out[1], exporting.export_customers, {"now": NOW}),
        ):
            writer = exporting.open_writer(path)
            await ours.read(
                lambda s, e=export, w=writer, x=extra: e(s, w, time_zone="Europe/Moscow", **x)
            )
            writer.close()
        if suffix == ".csv":
            text = out[0].read_text(encoding="utf-8-sig")
            assert "'=cmd" in text
            assert ",=" not in text
        brought = await import_customers(theirs, out[1])
        sold = await import_purchases(theirs, out[0])
        assert (brought.rejected, sold.rejected) == ([], [])
        assert (brought.summary.points, sold.summary.customers_created) == (100, 0)
        assert (sold.summary.revenue, sold.summary.returned, sold.summary.unlinked) == (
            44000 + 8051 + 16000,
            22000,
            18000,
        )
        await check(theirs)
        for db in (ours, theirs):
            [row] = await rows_of(db, customer, "id")
            assert (row.name, row.phone, row.birth_day) == ("-Anna", "+79161234567", 5)
    finally:
        await ours.close()
        await theirs.close()
