"""Purchases out of files: receipts, returns, points, and the same file once more."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty import importing
from loyalty.customers import customer, external_id
from loyalty.db import Database
from loyalty.importing import FileProblem, reading
from loyalty.importing.seen import Seen
from loyalty.receipts import (
    customer_day,
    customer_stats,
    purchase,
    purchase_line,
    purchase_return,
)
from loyalty.staff import outlet
from loyalty.wallet.tables import account, lot
from tests.loyalty.importing.helpers import check, import_purchases, options, state

HEAD = "customer,sold_at,amount\n"
LONG = "customer,sold_at,number,sku,name,quantity,price\n"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


def write(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


async def rows_of(db: Database, table: sa.Table, *order: str) -> list[Any]:
    query = sa.select(table).order_by(*(table.c[name] for name in order))
    return list(await db.read(lambda s: s.execute(query).all()))


async def test_plain_rows_with_repeats_and_zeros(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "A,2026-01-05,450\nA,2026-01-05,450\nB,2026-01-06,0\n")
    first = await import_purchases(db, path)
    assert (first.summary.purchases, first.summary.customers_created) == (3, 2)
    assert first.summary.revenue == 90000
    before = await state(db)
    again = await import_purchases(db, path)
    assert (again.summary.purchases, again.summary.purchases_known) == (0, 3)
    assert await state(db) == before
    stats = await rows_of(db, customer_stats, "spent")
    assert [(row.orders, row.spent) for row in stats] == [(1, 0), (2, 90000)]
    [status] = {row.status for row in await rows_of(db, customer, "id")}
    assert status == "anonymous"
    assert {row.value for row in await rows_of(db, external_id, "value")} == {"A", "B"}
    await check(db)


async def test_a_longer_file_adds_only_what_is_new(db: Database, tmp_path: Path) -> None:
    text = HEAD + "A,2026-01-05,450\n"
    await import_purchases(db, write(tmp_path, text))
    longer = await import_purchases(db, write(tmp_path, text + text.removeprefix(HEAD)))
    assert (longer.summary.purchases, longer.summary.purchases_known) == (1, 1)


async def test_another_system_is_another_identity(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "A,2026-01-05,450\n")
    await import_purchases(db, path)
    other = await import_purchases(db, path, system="till")
    assert (other.summary.purchases, other.summary.customers_created) == (1, 1)


async def test_bad_rows_are_named_and_the_rest_comes_in(db: Database, tmp_path: Path) -> None:
    text = HEAD + (
        "A,2026-01-05,450\n"  # 2
        "A,31.02.2026,450\n"
        "A,2026-01-05,a lot\n"
        "A,2026-01-05,1e9\n"
        "A,2026-01-05,1000000000\n"
        "A,2031-01-05,450\n"
        "A\n"
        ",2026-01-05,0\n"
        f"{'x' * 121},2026-01-05,1\n"  # 10
        "B,2026-01-05,-100\n"
        ",2026-01-05,70\n"
    )
    result = await import_purchases(db, write(tmp_path, text))
    assert result.codes == {
        3: "date",
        4: "amount",
        5: "amount",
        6: "too_large",
        7: "future",
        8: "columns",
        9: "adjustment",
        10: "too_long",
    }
    assert (result.summary.purchases, result.summary.anonymous) == (2, 1)
    assert (result.summary.unlinked_lines, result.summary.unlinked) == (1, 10000)
    assert all(one.text("ru") for one in result.rejected)
    await check(db)


async def test_rows_of_a_number_are_one_receipt(db: Database, tmp_path: Path) -> None:
    text = LONG + (
        "A,2026-01-05 10:00,1,cap,Cappuccino,2,220\n"
        "B,2026-01-05 10:01,2,esp,Espresso,1,140.50\n"
        "A,2026-01-05 10:00,1,crs,Croissant,0.5,161\n"
        "C,2026-01-05 10:00,1,crs,Croissant,1,160\n"  # receipt 1 is A's
        "A,2026-01-06 10:00,1,crs,Croissant,1,160\n"  # the till starts from 1 every day
    )
    result = await import_purchases(db, write(tmp_path, text))
    assert result.codes == {5: "other_customer"}
    found = await rows_of(db, purchase, "sold_at")
    assert [(row.number, row.total) for row in found] == [("1", 52050), ("2", 14050), ("1", 16000)]
    lines = await rows_of(db, purchase_line, "purchase_id", "n")
    first = [line for line in lines if line.purchase_id == found[0].id]
    assert [(line.n, line.sku, line.quantity_milli, line.amount) for line in first] == [
        (1, "cap", 2000, 44000),
        (2, "crs", 500, 8050),
    ]
    assert (await import_purchases(db, write(tmp_path, text))).summary.purchases == 0
    await check(db)


async def test_a_receipt_torn_too_far_apart(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 5)
    monkeypatch.setattr(reading, "_OPEN_ROWS", 5)
    other = "".join(f"B,2026-01-05 11:00,{n},esp,Espresso,1,140\n" for n in range(100, 120))
    line = "A,2026-01-05 10:00,1,cap,Cappuccino,1,220\n"
    result = await import_purchases(db, write(tmp_path, LONG + line + line + other + line))
    assert result.codes == {24: "too_far"}
    assert result.summary.revenue == 44000 + 20 * 14000


async def test_returns_find_the_newest_purchase(db: Database, tmp_path: Path) -> None:
    text = LONG + (
        "A,2026-01-05 10:00,1,cap,Cappuccino,2,220\n"
        "A,2026-01-07 10:00,2,cap,Cappuccino,1,220\n"
        "A,2026-01-08 10:00,C3,cap,Cappuccino,-2,220\n"
        "A,2026-01-08 10:00,C3,esp,Espresso,-1,140\n"
        "B,2026-01-08 11:00,C4,cap,Cappuccino,-1,220\n"
        ",2026-01-08 11:00,C5,cap,Cappuccino,-1,220\n"
        "A,2026-01-06 10:00,C6,cap,Cappuccino,-1,500\n"  # nobody paid as much
    )
    result = await import_purchases(db, write(tmp_path, text))
    summary = result.summary
    assert (summary.returns, summary.return_lines, summary.returned) == (2, 1, 44000)
    assert (summary.unlinked_lines, summary.unlinked) == (4, 14000 + 22000 * 2 + 50000)
    bought = [row for row in await rows_of(db, purchase, "sold_at") if not row.unlinked_return]
    assert [row.returned for row in bought] == [22000, 22000]
    loose = [row for row in await rows_of(db, purchase, "sold_at") if row.unlinked_return]
    assert sorted(row.total for row in loose) == [-50000, -22000, -22000, -14000]
    before = await state(db)
    again = await import_purchases(db, write(tmp_path, text))
    assert (again.summary.returns, again.summary.unlinked_lines) == (0, 0)
    assert await state(db) == before
    await check(db)


async def test_goods_and_returns_on_one_receipt_of_an_outlet(db: Database, tmp_path: Path) -> None:
    head = LONG.replace("\n", ",outlet\n")
    text = head + (
        "A,2026-01-05 10:00,1,cap,Cappuccino,1,220,Park\n"
        "A,2026-01-06 10:00,1,esp,Espresso,1,140,Park\n"
        "A,2026-01-06 10:00,1,cap,Cappuccino,-1,220,Park\n"
        "A,2026-01-06 10:00,1,tea,Tea,-1,180,Park\n"
    )
    result = await import_purchases(db, write(tmp_path, text))
    assert (result.summary.purchases, result.summary.returns) == (2, 1)
    assert (result.summary.outlets_created, result.summary.unlinked) == (1, 18000)
    assert [row.name for row in await rows_of(db, outlet, "id")] == ["Park"]
    assert (await import_purchases(db, write(tmp_path, text))).summary.purchases_known == 2
    await check(db)


async def test_history_earns_as_a_sale_would(db: Database, tmp_path: Path) -> None:
    text = LONG + (
        "A,2026-01-05 10:00,1,cap,Cappuccino,2,220\n"
        "A,2026-01-05 10:00,1,crs,Croissant,1,160\n"
        "B,2026-01-05 10:05,2,mac,Macaron,1,19\n"  # less than a point
    )
    result = await import_purchases(db, write(tmp_path, text), earn=True)
    assert result.summary.points == 30
    [made] = await rows_of(db, lot, "id")
    assert made.active_from.isoformat() == "2026-01-06T07:00:00+00:00"
    assert made.expires_at.isoformat() == "2027-01-05T21:00:00+00:00"
    found = {row.number: row for row in await rows_of(db, purchase, "id")}
    assert (found["1"].earned, found["1"].earn_rate_bp, found["1"].earn_base) == (30, 500, 60000)
    lines = await rows_of(db, purchase_line, "purchase_id", "n")
    assert sum(line.earned for line in lines) == 30
    assert sorted(row.posted for row in await rows_of(db, account, "posted")) == [0, 30]
    await check(db)


async def test_an_earning_return_takes_the_points_back(db: Database, tmp_path: Path) -> None:
    text = LONG + (
        "A,2026-01-05 10:00,1,cap,Cappuccino,2,220\n"
        "A,2026-01-05 10:00,1,crs,Croissant,1,160\n"
        "A,2026-01-08 10:00,C3,cap,Cappuccino,-1,220\n"
    )
    result = await import_purchases(db, write(tmp_path, text), earn=True)
    assert (result.summary.points, result.summary.points_reversed) == (30, 11)
    later = LONG + "A,2026-01-09 10:00,C4,cap,Cappuccino,-1,220\n"
    again = await import_purchases(db, write(tmp_path, later))  # even without --earn
    assert again.summary.points_reversed == 11
    [row] = await rows_of(db, account, "customer_id")
    assert row.posted == 8
    assert sum(one.earned_reversed for one in await rows_of(db, purchase_return, "id")) == 22
    await check(db)


async def test_an_import_that_broke_off_is_simply_run_again(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 10)
    text = HEAD + "".join(f"{n % 7},2026-01-{n % 28 + 1:02d},{n % 5}.50\n" for n in range(95))
    path = write(tmp_path, text)
    half = await import_purchases(db, path, batches=4, earn=True)
    assert half.summary.purchases == 40
    rest = await import_purchases(db, path, earn=True)
    assert (rest.summary.purchases_known, rest.summary.purchases) == (40, 55)
    await check(db)


async def test_a_phone_finds_the_customer_who_is_there(db: Database, tmp_path: Path) -> None:
    people = write(tmp_path, "customer,phone\nX,+79161234567\n", "people.csv")
    file = importing.CustomerFile(people, options(system="crm"))
    for batch in file.batches():
        await db.transact(
            lambda s, b=batch: importing.write_customers(s, batch=b, options=file.options)
        )
    file.close()
    head = "phone,sold_at,amount\n"
    path = write(tmp_path, head + "8 916 123-45-67,2026-01-05,450\n87011234567,2026-01-05,1\n")
    result = await import_purchases(db, path)
    assert result.codes == {3: "phone"}
    assert (result.summary.purchases, result.summary.customers_created) == (1, 0)
    [stats] = await rows_of(db, customer_stats, "spent")
    assert stats.spent == 45000


@pytest.mark.parametrize(
    ("text", "changes", "code"),
    [
        ("a,b,c\n1,2,3\n", {}, "not_recognized"),
        (
            "customer,date,amount\nA,2026-01-05,1\n",
            {"columns": {"amount": "total"}},
            "unknown_column",
        ),
        ("customer,date\nA,2026-01-05\n", {}, "not_recognized"),
        ("date,amount\n2026-01-05,1\n", {}, "not_recognized"),
        ("customer,date,amount\n", {"date_format": "%d"}, "bad_format"),
        ("customer,date,amount\n", {"profile": "excel"}, "unknown_profile"),
    ],
)
def test_a_file_that_cannot_be_understood(
    tmp_path: Path, text: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(FileProblem) as problem:
        importing.PurchaseFile(write(tmp_path, text), options(**changes))
    assert problem.value.code == code


def test_columns_by_number_with_and_without_a_header(tmp_path: Path) -> None:
    columns = {"customer": "1", "sold_at": "2", "amount": "3"}
    for text, line in (("A;05.01.2026;1\n", 1), ("who;when;how much\nA;05.01.2026;1\n", 2)):
        file = importing.PurchaseFile(write(tmp_path, text), options(columns=columns))
        [batch] = file.batches()
        file.close()
        assert [sale.line for sale in batch.sales] == [line]


@pytest.mark.parametrize("in_memory", [3, 1000])
def test_counting_moves_to_a_file_and_goes_on(in_memory: int) -> None:
    seen = Seen(in_memory=in_memory)
    assert [seen.take(key) for key in "abcabca"] == [0, 0, 0, 1, 1, 1, 2]
    seen.close()


_ROW = st.tuples(
    st.sampled_from(["A", "B", ""]),
    st.integers(1, 3),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["cap", "esp"]),
    st.integers(-2, 3),
    st.sampled_from(["10", "25.50", "0", "x"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(_ROW, max_size=25), earn=st.booleans())
async def test_twice_is_once(db: Database, rows: list[Any], earn: bool) -> None:
    """import(file) + import(file) = import(file), whatever is in the file."""
    text = LONG + "".join(
        f"{who},2026-01-0{day} 10:00,{number},{sku},name,{quantity},{price}\n"
        for who, day, number, sku, quantity, price in rows
    )
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), text)
        first = await import_purchases(db, path, earn=earn, system="s" + str(hash(text))[:20])
        before = await state(db)
        again = await import_purchases(db, path, earn=earn, system="s" + str(hash(text))[:20])
    assert again.summary.purchases == 0
    assert again.summary.returns == 0
    assert again.codes == first.codes
    assert await state(db) == before
    await check(db)


async def test_days_and_the_window_of_tiers_follow_the_file(db: Database, tmp_path: Path) -> None:
    """A linked return counts on the day of its purchase, an unlinked one on its own; what a
    sale has counted for the tiers is forgotten, so that the next one counts anew."""
    path = tmp_path / "sales.csv"
    path.write_text(
        "customer,sold_at,number,sku,quantity,price\n"
        "A,2026-01-05 23:30,1,cap,2,100\n"
        "A,2026-01-06 00:30,2,tea,1,50\n"
        "A,2026-01-09 10:00,3,cap,-1,100\n"
        "A,2026-01-10 10:00,4,cake,-1,30\n"
    )
    await import_purchases(db, path)
    days = await db.read(lambda s: s.execute(sa.select(customer_day)).all())
    assert sorted((row.day.isoformat(), row.orders, row.spent) for row in days) == [
        ("2026-01-05", 1, 100_00),
        ("2026-01-06", 1, 50_00),
        ("2026-01-10", 0, -30_00),
    ]
    counted = sa.update(customer_stats).values(window_from=date(2025, 3, 1), window_spent=120_00)
    await db.transact(lambda s: s.execute(counted) and None)
    path.write_text("customer,sold_at,number,sku,quantity,price\nA,2026-01-12 10:00,5,cap,1,100\n")
    await import_purchases(db, path)
    [stats] = await db.read(lambda s: s.execute(sa.select(customer_stats)).all())
    assert (stats.window_from, stats.window_spent, stats.spent) == (None, 0, 220_00)
    await check(db)


async def test_a_known_phone_before_a_new_customer(db: Database, tmp_path: Path) -> None:
    """The number of a known customer is kept beside new customers of the same batch."""
    path = tmp_path / "sales.csv"
    path.write_text("phone,sold_at,amount\n+79161234567,2026-01-05,10\n")
    await import_purchases(db, path)
    path.write_text(
        "customer,phone,sold_at,amount\nA,+79161234567,2026-01-06,10\nB,,2026-01-06,10\n"
    )
    result = await import_purchases(db, path)
    assert (result.summary.purchases, result.summary.customers_created) == (2, 1)
    await check(db)
