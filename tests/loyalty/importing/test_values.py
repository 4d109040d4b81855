"""Cells as values: what is understood, what is refused."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.importing import mapping, values
from loyalty.importing.problems import FileProblem, RowProblem

LATEST = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("450", 45000),
        ("450.5", 45050),
        ("11.77", 1177),
        ("1 200,50 ₽", 120050),
        ("1\u00a0200", 120000),
        ("1,200.50", 120050),
        ("-12.30", -1230),
        ("−5", -500),
        ("(7.25)", -725),
        ("0", 0),
        ("14.665", 1467),
        ("11.770000000000001", 1177),
        ("0.001", 0),
        ("+3", 300),
        ("12 руб.", 1200),
    ],
)
def test_money(text: str, amount: int) -> None:
    assert values.parse_money(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1e9",
        "nan",
        "inf",
        "1,200",
        "1.2.3",
        "--5",
        "٣",
        "１２",
        "0x10",
        "9" * 60,
        "=1+1",
    ],
)
def test_what_is_no_money(text: str) -> None:
    with pytest.raises(RowProblem) as problem:
        values.parse_money(text)
    assert problem.value.code == "amount"


def test_an_impossible_sum() -> None:
    for text in ("1000000000", "10000000.01", "-99999999999"):
        with pytest.raises(RowProblem) as problem:
            values.parse_money(text)
        assert problem.value.code == "too_large"


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_money_written_is_money_read(amount: int) -> None:
    sign, whole = ("-", -amount) if amount < 0 else ("", amount)
    assert values.parse_money(f"{sign}{whole // 100}.{whole % 100:02d}") == amount


@given(st.text(max_size=60))
def test_no_text_breaks_a_parser(text: str) -> None:
    read = values.instant_parser(date_format=None, time_zone="Europe/Moscow", latest=LATEST)
    parsers: list[Any] = [values.parse_money, values.parse_quantity, values.parse_price]
    parsers += [values.parse_points, read, lambda t: values.parse_phone(t, home="RU")]
    parsers += [lambda t: values.parse_birthday(t, today=LATEST.date())]
    for parser in parsers:
        with contextlib.suppress(RowProblem):  # the only thing it may raise
            assert parser(text) is not None


def test_quantities() -> None:
    assert values.parse_quantity("6") == 6000
    assert values.parse_quantity("0.350") == 350
    assert values.parse_quantity("-80995") == -80_995_000
    for text in ("0", "x", "", "2000000"):
        with pytest.raises(RowProblem):
            values.parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        ("2026-01-05", "2026-01-05T09:00:00", date(2026, 1, 5)),
        ("19970112", "1997-01-12T09:00:00", date(1997, 1, 12)),
        ("05.01.2026", "2026-01-05T09:00:00", date(2026, 1, 5)),
        ("5.1.2026 8:26", "2026-01-05T05:26:00", date(2026, 1, 5)),
        ("2026-01-05 00:30:00", "2026-01-04T21:30:00", date(2026, 1, 5)),
        ("2026-01-05T00:30:00Z", "2026-01-05T00:30:00", date(2026, 1, 5)),
        ("2026-01-05T22:30:00+00:00", "2026-01-05T22:30:00", date(2026, 1, 6)),
    ],
)
def test_dates_without_a_format(text: str, moment: str, day: date) -> None:
    read = values.instant_parser(date_format=None, time_zone="Europe/Moscow", latest=LATEST)
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read(text) == (expected, day)


def test_dates_with_a_format() -> None:
    read = values.instant_parser(date_format="%m/%d/%Y", time_zone="UTC", latest=LATEST)
    assert read("02/03/2026") == (datetime(2026, 2, 3, 12, tzinfo=UTC), date(2026, 2, 3))
    with pytest.raises(RowProblem):
        read("2026-02-03")
    for wrong in ("%Y-%Q", "day", "%d"):
        with pytest.raises(FileProblem) as problem:
            values.instant_parser(date_format=wrong, time_zone="UTC", latest=LATEST)
        assert problem.value.code == "bad_format"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("31.02.2026", "date"),
        ("yesterday", "date"),
        ("", "date"),
        ("01/02/2026", "date"),
        ("2099-01-01", "future"),
        ("1812-09-07", "ancient"),
        ("0001-01-01", "ancient"),
        ("9999-12-31T23:59:59-12:00", "future"),
    ],
)
def test_bad_dates(text: str, code: str) -> None:
    read = values.instant_parser(date_format=None, time_zone="Europe/Moscow", latest=LATEST)
    with pytest.raises(RowProblem) as problem:
        read(text)
    assert problem.value.code == code


def test_phones() -> None:
    assert values.parse_phone("8 (916) 123-45-67", home="RU") == "+79161234567"
    assert values.parse_phone("+7 701 123 45 67", home="RU") == "+77011234567"
    with pytest.raises(RowProblem):  # would quietly become a Kazakh number
        values.parse_phone("87011234567", home="RU")
    with pytest.raises(RowProblem):
        values.parse_phone("12", home="RU")


def test_birthdays() -> None:
    today = date(2026, 3, 2)
    assert values.parse_birthday("1990-06-05", today=today) == (5, 6, 1990)
    assert values.parse_birthday("05.06.1990", today=today) == (5, 6, 1990)
    assert values.parse_birthday("29.02", today=today) == (29, 2, None)
    assert values.parse_birthday("06-05", today=today) == (5, 6, None)
    for text in ("31.02.1990", "1700-01-01", "2030-01-01", "june"):
        with pytest.raises(RowProblem):
            values.parse_birthday(text, today=today)


def test_a_map_may_name_columns_with_commas() -> None:
    columns = mapping.parse_map("customer=Client, main,amount=3")
    assert columns == {"customer": "Client, main", "amount": "3"}
    for text, code in (("customer", "bad_map"), ("amount=", "bad_map"), ("a=1,a=2", "twice")):
        with pytest.raises(FileProblem) as problem:
            mapping.parse_map(text)
        assert problem.value.code == code


def test_columns_by_name_number_or_header() -> None:
    header = ["Код клиента", "Дата чека", "Сумма", "5"]
    fields = mapping.PURCHASE_FIELDS
    found, named = mapping.resolve({}, header, fields=fields)
    assert (found, named) == ({"customer": 0, "sold_at": 1, "amount": 2}, True)
    found, named = mapping.resolve({"customer": "1", "amount": "3"}, header, fields=fields)
    assert (found, named) == ({"customer": 0, "amount": 2}, False)
    with pytest.raises(FileProblem):  # a number is a place, whatever the headers say
        mapping.resolve({"amount": "5"}, header, fields=fields)
    with pytest.raises(FileProblem) as problem:
        mapping.resolve({"amount": "total"}, header, fields=fields)
    assert "Дата чека" in problem.value.text("en")
    with pytest.raises(FileProblem) as problem:
        mapping.resolve({"colour": "1"}, header, fields=fields)
    assert "Дата чека" in problem.value.text("ru")


@pytest.mark.parametrize(
    "name",
    ["id", "ID", "client_id", "customer id", "Клиент", "ID клиента", "клиент_id", "№ карты"],
)
@pytest.mark.parametrize("fields", [mapping.PURCHASE_FIELDS, mapping.CUSTOMER_FIELDS])
def test_headers_of_the_customer(name: str, fields: tuple[str, ...]) -> None:
    found, _ = mapping.resolve({}, ["date", name, "amount"], fields=fields)
    assert found["customer"] == 1


def test_an_id_beside_a_client_is_not_the_client() -> None:
    header = ["id", "date", "client_id", "amount", "", ""]
    found, named = mapping.resolve({}, header, fields=mapping.PURCHASE_FIELDS)
    assert found["customer"] == 2
    assert mapping.ignored(found, header, named=named) == ["id"]
    assert mapping.ignored({"amount": 1}, ["7", "12.5", "x"], named=False) == ["1", "3"]
    assert mapping.ignored({"amount": 2}, ["a", "", "b", "a"], named=True) == ["a", "2", "a"]
