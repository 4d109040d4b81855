"""Guests' own fields out of a file and into one: typed, checked, repeatable, round about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import customers, exporting
from loyalty.customers import customer, external_id
from loyalty.customers.own_fields import OwnField
from loyalty.db import Database
from loyalty.importing import FileProblem
from loyalty.importing.mapping import parse_map
from tests.loyalty.importing.helpers import NOW, Result, import_customers

PEOPLE = (
    "id,ends,visits,make,mood\n"
    "A,31.05.2027,12,Lada,good\n"
    "B,2027-06-30 00:00:00,1 200,УАЗ Патриот,\n"
    "C,soon,3,,\n"
    "D,,many,,bad\n"
    "E,31.02.2027,,,\n"
    "F,,,'=1+1,\n"
)
MAP = "customer=id,field:renewal=ends,field:visits=visits,field:make=make,field:mood:text=5"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, empty database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


async def bring(db: Database, path: Path, text: str, mapped: str | None = None) -> Result:
    """Import a file of that text."""
    path.write_text(text, encoding="utf-8")
    return await import_customers(db, path, columns=parse_map(mapped))


async def kept(db: Database) -> dict[str, Any]:
    """Own fields by the number elsewhere."""
    query = sa.select(external_id.c.value, customer.c.fields).join_from(
        external_id, customer, customer.c.id == external_id.c.customer_id
    )
    return {row.value: row.fields for row in await db.read(lambda s: s.execute(query).all())}


async def test_values_are_of_the_kind_of_their_field(db: Database, tmp_path: Path) -> None:
    result = await bring(db, tmp_path / "people.csv", PEOPLE, MAP)
    assert result.codes == {4: "own_date", 5: "own_number", 6: "own_date"}
    assert result.rejected[0].text("en") == "“soon” is not a date; the field renewal holds dates"
    assert "целое число" in result.rejected[1].text("ru")
    assert await kept(db) == {
        "A": {"renewal": "2027-05-31", "visits": 12, "make": "Lada", "mood": "good"},
        "B": {"renewal": "2027-06-30", "visits": 1200, "make": "УАЗ Патриот"},
        "F": {"make": "=1+1"},
    }
    assert await db.read(customers.own_fields) == {
        "renewal": OwnField("renewal", "date"),
        "visits": OwnField("visits", "number", "visits"),
        "make": OwnField("make", "text", "make"),
        "mood": OwnField("mood", "text", "mood"),
    }


async def test_the_file_knows_own_fields_best_and_an_empty_cell_says_nothing(
    db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    text = "id,field:renewal,field:make\nA,2027-05-31,Lada\n"
    first = await bring(db, path, text)
    again = await bring(db, path, text)
    assert (first.summary.customers_created, again.summary.customers_updated) == (1, 0)
    moved = await bring(db, path, text.replace("2027-05-31,Lada", "2028-05-31,"))
    assert (moved.summary.customers_known, moved.summary.customers_updated) == (1, 1)
    assert await kept(db) == {"A": {"renewal": "2028-05-31", "make": "Lada"}}


async def test_dates_in_a_format_of_the_owners(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,field:renewal\nA,05/31/2027\nB,31/05/2027\n")
    result = await import_customers(db, path, date_format="%m/%d/%Y")
    assert result.codes == {3: "own_date"}
    assert await kept(db) == {"A": {"renewal": "2027-05-31"}}


async def test_a_list_takes_only_what_is_in_it(db: Database, tmp_path: Path) -> None:
    await db.transact(
        lambda s: customers.define_field(
            s, key="size", kind="choice", label="Размер", choices=["S", "M"], actor="x", now=NOW
        )
    )
    result = await bring(db, tmp_path / "a.csv", "id,field:size\nA,m\nB,XXL\n")
    assert result.codes == {3: "own_choice"}
    assert await kept(db) == {"A": {"size": "M"}}


@pytest.mark.parametrize(
    ("mapped", "code"),
    [
        ("customer=id,field:Срок=ends", "own_field"),
        ("customer=id,field:a:colour=ends", "own_field"),
        ("customer=id,field:a=nowhere", "unknown_column"),
        ("customer=id,field:a=ends,field:A=visits", "twice"),
        ("customer=id,field:renewal:number=ends", "own_kind"),
    ],
)
async def test_what_cannot_be_read_so_is_said_at_once(
    db: Database, tmp_path: Path, mapped: str, code: str
) -> None:
    with pytest.raises(FileProblem) as told:
        await bring(db, tmp_path / "people.csv", PEOPLE, mapped)
    assert told.value.code == code
    assert await kept(db) == {}


def test_the_spelling_in_map() -> None:
    assert parse_map("customer=Client, no.,field:renewal : date = Ends, on,name=N") == {
        "customer": "Client, no.",
        "field:renewal:date": "Ends, on",
        "name": "N",
    }


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "xlsx"])
async def test_out_and_in_again(db: Database, tmp_path: Path, ending: str) -> None:
    text = (
        "id,points,points_expire_at,field:renewal,field:make:text,field:visits\n"
        "A,10,2099-01-01,2027-05-31,12,7\nA,5,,,,\nB,0,,,=Lada,-3\n"
    )
    await bring(db, tmp_path / "people.csv", text)
    before = await kept(db)
    path = tmp_path / f"out.{ending}"
    writer = exporting.open_writer(path)
    await db.read(
        lambda s: exporting.export_customers(s, writer, now=NOW, time_zone="Europe/Moscow")
    )
    writer.close()
    same = await import_customers(db, path)
    assert (same.rejected, same.summary.customers_updated) == ([], 0)

    def forget(session: Any) -> None:
        session.execute(sa.update(customer).values(fields=None))
        session.execute(sa.text("DELETE FROM event WHERE type = 'field.defined'"))

    await db.transact(forget)
    back = await import_customers(db, path)
    assert (back.rejected, back.summary.customers_updated) == ([], 2)
    assert await kept(db) == before
    assert before["A"] == {"renewal": "2027-05-31", "make": "12", "visits": 7}


async def test_a_file_without_own_fields_is_as_it_was(db: Database, tmp_path: Path) -> None:
    await bring(db, tmp_path / "people.csv", "id,name\nA,Anna\n")
    path = tmp_path / "out.csv"
    writer = exporting.open_writer(path)
    await db.read(
        lambda s: exporting.export_customers(s, writer, now=NOW, time_zone="Europe/Moscow")
    )
    writer.close()
    header = path.read_text(encoding="utf-8-sig").splitlines()[0]
    assert header == ",".join(exporting.CUSTOMERS)
