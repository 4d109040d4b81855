"""`regulars import`, `export`, `report`, `demo` from the terminal: words, JSON, exit codes."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from loyalty import clock

TEXT = "customer,date,amount\nA,2026-01-05,450\nB,05.01.2026,12.50\nB,never,1\n"

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, sqlite_database: str) -> Run:
    """Run a command against a database of the test's own."""
    monkeypatch.setenv("DATABASE_URL", sqlite_database)
    monkeypatch.setenv("LANGUAGE", "en")
    for name in ("TIME_ZONE", "CURRENCY", "BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object) -> Result:
        from regulars import app

        return CliRunner().invoke(app, [str(one) for one in arguments])

    return invoke


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A small file with one bad row."""
    path = tmp_path / "sales.csv"
    path.write_text(TEXT)
    return path


def figures(result: Result) -> dict[str, Any]:
    """The JSON on standard output."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_file_comes_in_and_its_bad_row_is_named(run: Run, sales: Path, tmp_path: Path) -> None:
    rejected = tmp_path / "rejected.csv"
    result = run("import", "purchases", sales, "--report", rejected)
    assert result.exit_code == 0, result.output
    assert "3 rows read." in result.stdout
    assert "2 purchases added." in result.stdout
    assert "line 4: “never” is not a date that we can read" in result.stdout
    assert "sales.csv" in result.stderr  # the progress bar
    rows = list(csv.reader(rejected.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["line", "code", "reason"]
    assert rows[1][:2] == ["4", "date"]


def test_in_russian(run: Run, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "ru")
    result = run("import", "purchases", sales)
    assert "Прочитано 3 строки." in result.stdout
    assert "строка 4: «never» не читается как дата" in result.stdout


def test_json_and_the_same_file_again(run: Run, sales: Path) -> None:
    first = figures(run("import", "purchases", sales, "--json", "--earn"))
    assert (first["purchases"], first["rows_rejected"], first["points"]) == (2, 1, 22)
    assert first["first_rejected"][0]["line"] == 4
    again = figures(run("import", "purchases", sales, "--json", "--earn"))
    assert (again["purchases"], again["purchases_known"]) == (0, 2)


def test_a_dry_run_writes_nothing(run: Run, sales: Path) -> None:
    tried = run("import", "purchases", sales, "--dry-run")
    assert "nothing was written" in tried.stdout
    assert "2 purchases added." in tried.stdout
    assert figures(run("import", "purchases", sales, "--json"))["purchases"] == 2


def test_columns_left_out_are_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("id,date,amount,mood,weather\nA,2026-01-05,450,good,rain\n")
    assert "not used: mood, weather." in run("import", "purchases", path, "--dry-run").stdout
    found = figures(run("import", "purchases", path, "--json"))
    assert (found["purchases"], found["ignored_columns"]) == (1, ["mood", "weather"])
    path.write_text("client_id,name,shoe size\nA,Anna,38\n")
    assert figures(run("import", "customers", path, "--json"))["ignored_columns"] == ["shoe size"]


def test_own_fields_by_map_dry_and_then_for_good(run: Run, tmp_path: Path) -> None:
    path, report = tmp_path / "cars.csv", tmp_path / "wrong.csv"
    path.write_text("id,insured,car\nA,31.05.2027,12\nB,soon,Lada\nC,2027-06-30,\n")
    command = ("import", "customers", path, "--map")
    mapped = (*command, "customer=id,field:renewal=insured,field:car:text=car", "--json")
    tried = figures(run(*mapped, "--dry-run"))
    assert (tried["customers_created"], tried["rows_rejected"]) == (2, 1)
    run("export", "customers", tmp_path / "nobody.csv")
    assert "field:" not in (tmp_path / "nobody.csv").read_text(encoding="utf-8-sig")
    assert figures(run(*mapped, "--report", report))["customers_created"] == 2
    assert report.read_text(encoding="utf-8-sig").splitlines()[1] == (
        "3,own_date,“soon” is not a date; the field renewal holds dates"
    )
    run("export", "customers", tmp_path / "out.csv")
    header, first, *_ = (tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()
    assert header.endswith(",points_expire_at,field:car:text,field:renewal:date")
    assert first.endswith(",12,2027-05-31")
    again = run("import", "customers", tmp_path / "out.csv").stdout
    assert "everything in this file was imported before" in again
    wrong = run(*command, "customer=id,field:renewal:number=insured")
    assert (wrong.exit_code, "of another kind: date" in wrong.stderr) == (2, True)


def test_the_same_file_again_says_so(run: Run, sales: Path) -> None:
    assert "462.50" in run("import", "purchases", sales).stdout
    again = run("import", "purchases", sales).stdout
    assert "everything in this file was imported before (2 rows)" in again
    assert "Sold" not in again
    assert "added" not in again
    assert "1 row rejected" in again


def test_nobody_is_counted_twice(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,name,points,points_expire_at\nA,Anna,5,\nA,,5,2099-01-01\nB,Boris,,\n")
    first = run("import", "customers", path).stdout
    assert "2 new customers." in first
    assert "already" not in first
    assert "filled" not in first
    again = run("import", "customers", path).stdout
    assert "everything in this file was imported before (3 rows)" in again
    path.write_text("id,name,city\nA,Anna,Kazan\nB,Boris,\nC,Vera,\n")
    more = run("import", "customers", path).stdout
    assert "1 new customer." in more
    assert "2 customers were there already." in more
    assert "1 profile filled in." in more


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "purchases", "none.csv"), "There is no file none.csv"),
        (("import", "purchases", "."), "is a folder"),
        (("import", "purchases", "SALES", "--map", "amount=total"), "no column “total”"),
        (("import", "purchases", "SALES", "--map", "amount=9"), "customer, date, amount"),
        (("import", "purchases", "SALES", "--map", "colour=1"), "no field “colour”"),
        (("import", "purchases", "SALES", "--map", "card=customer"), "customer, date, amount"),
        (("import", "purchases", "SALES", "--map", "amount=1,amount=2"), "“amount” twice"),
        (("import", "purchases", "SALES", "--map", "amount"), "--map is not understood"),
        (("import", "purchases", "SALES", "--profile", "sap"), "no profile “sap”"),
        (("import", "purchases", "SALES", "--date-format", "day"), "not a date format"),
        (("import", "purchases", "SALES", "--time-zone", "Mars/Base"), "no time zone"),
        (("import", "purchases", "SALES", "--delimiter", "ab"), "not a delimiter"),
        (("import", "purchases", "SALES", "--report", "no/such/folder"), "Cannot write"),
        (("import", "purchases", "SALES", "--system", ""), "--system is a name"),
        (("import", "customers", "none.csv"), "There is no file none.csv"),
        (("export", "purchases", "no/such/folder.csv"), "Cannot write"),
        (("export", "purchases", "sales.txt"), ".csv, .csv.gz or .xlsx at its end, not sales.txt"),
        (("report", "weather"), "no report weather"),
        (("report", "sales", "--from", "soon"), "--from is a day"),
        (("report", "sales", "--from", "2026-02-01", "--to", "2026-01-01"), "later than"),
        (("report", "sales", "--outlet", "Nowhere"), "no outlet"),
    ],
)
def test_used_wrongly_is_one_sentence(
    run: Run, sales: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*(sales if one == "SALES" else one for one in arguments))
    assert result.exit_code == 2, result.output
    assert words in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("regulars: ")


def test_nothing_usable_is_a_fault(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("customer,date,amount\nA,never,1\n")
    result = run("import", "purchases", path)
    assert result.exit_code == 1
    assert "No row could be taken" in result.stderr


def test_out_and_in_again(run: Run, sales: Path, tmp_path: Path) -> None:
    run("import", "purchases", sales)
    for name in ("out.csv", "out.csv.gz", "out.xlsx"):
        assert figures(run("export", "purchases", tmp_path / name, "--json"))["rows"] == 2
    people = run("export", "customers", tmp_path / "people.csv")
    assert "2 rows written" in people.stdout
    assert (tmp_path / "out.csv.gz").read_bytes().startswith(b"\x1f\x8b")
    for name in ("out.csv.gz", "out.xlsx"):
        back = run("import", "purchases", tmp_path / name, "--system", "x").stdout
        assert "imported before (2 rows)" in back
    back = run("import", "customers", tmp_path / "people.csv", "--system", "x").stdout
    assert "imported before (2 rows)" in back


def test_reports(run: Run, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", "purchases", sales, "--earn")
    report = figures(run("report", "sales", "--json"))
    assert (report["revenue"], report["receipts"], report["buyers"]) == ("462.50", 2, 2)
    empty = figures(run("report", "sales", "--from", "2025-01-01", "--to", "2025-01-31", "--json"))
    assert (empty["receipts"], empty["repeat_rate"], empty["average_receipt"]) == (0, None, None)
    assert figures(run("report", "points", "--json"))["outstanding"] == 22
    words = run("report", "sales").stdout
    assert "Revenue, net of returns" in words
    assert "₽462.50" in words
    monkeypatch.setenv("LANGUAGE", "ru")
    assert "462,50\xa0₽" in run("report", "sales").stdout


@pytest.mark.slow
def test_the_demo_opens_once(run: Run) -> None:
    filled = figures(run("demo", "--json"))
    assert filled["customers"] == 2_000
    assert filled["purchases"] > 20_000
    assert run("reconcile").exit_code == 0
    again = run("demo")
    assert again.exit_code == 2
    assert "has customers already" in again.stderr


def test_the_terminal_lives_in_the_demos_time(
    run: Run, sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_offset", timedelta())
    ahead = timedelta(days=7)
    with closing(sqlite3.connect(sqlite_database.removeprefix("sqlite:///"))) as connection:
        row = (int(ahead.total_seconds()), "2026-01-01 00:00:00")
        connection.execute(
            "INSERT INTO installation (id, stamp, clock_offset_s, running, created_at)"
            " VALUES (1, 'demo', ?, 0, ?)",
            row,
        )
        connection.commit()
        assert run("staff", "add", "Vera", "--role", "owner").exit_code == 0
        (added,) = connection.execute("SELECT created_at FROM staff").fetchone()
    assert datetime.fromisoformat(added).replace(tzinfo=UTC) > clock.real_now() + ahead / 2
