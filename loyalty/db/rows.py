"""The one writer: rooms return their rows, and this puts a whole unit down at once.

On PostgreSQL the unit is one statement (a writing CTE per table, rows handed over as JSON);
on SQLite one prepared statement per table and kind. Round trips are the cost of a sale, not
the database (see docs/performance in the benchmarks' table).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from loyalty.db.fast import driver_connection, execute, is_postgres
from loyalty.db.types import sqlite_time

_PG = postgresql.dialect()  # type: ignore[no-untyped-call]

Shape = tuple[str, sa.Table, tuple[str, ...]]
"""A kind of write (insert, update, add), its table, its columns in order."""


class Rows:
    """Rows to be written together, in the order tables were first named.

    ``insert`` adds a new row, ``update`` sets columns of the row with that primary key (the
    caller holds its lock), ``add`` inserts a rollup row or adds the numbers to the one there.
    """

    def __init__(self) -> None:
        self._writes: dict[Shape, list[Mapping[str, Any]]] = {}
        self._updated: dict[tuple[Any, ...], Mapping[str, Any]] = {}

    def insert(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """A new row of ``table``; every column without a server default must be named."""
        self._put("insert", table, row)

    def update(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """New values for the row of ``table`` whose primary key ``row`` names.

        Named again, the row gets both: a statement cannot update a row twice.
        """
        key = (table, *(row[name] for name in _keys(table)))
        before = self._updated.get(key)
        if before is not None:
            self._writes[("update", table, tuple(before))].remove(before)
            row = {**before, **row}
        self._updated[key] = row
        self._put("update", table, row)

    def add(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """A rollup row: integers add up; ``first_``/``last_`` instants take min/max."""
        self._put("add", table, row)

    def _put(self, kind: str, table: sa.Table, row: Mapping[str, Any]) -> None:
        self._writes.setdefault((kind, table, tuple(row)), []).append(row)

    def __bool__(self) -> bool:
        return any(self._writes.values())

    def rows_of(self, table: sa.Table) -> list[Mapping[str, Any]]:
        """What is about to be written to ``table``, for facts that later rooms need."""
        return [row for (_, t, _c), rows in self._writes.items() if t is table for row in rows]

    def put(self, session: Session) -> None:
        """Write everything, in the session's transaction, and forget it.

        Raises:
            sqlalchemy or driver IntegrityError: a unique row was there already.
        """
        self._writes = {shape: rows for shape, rows in self._writes.items() if rows}
        self._updated = {}
        if not self._writes:
            return
        if is_postgres(session):
            shapes = tuple((shape, _ceiling(len(rows))) for shape, rows in self._writes.items())
            execute(session, _postgres_sql(shapes), _encode(list(self._writes.values())))
        else:
            connection = driver_connection(session)
            for shape, rows in self._writes.items():
                connection.executemany(_sqlite_sql(shape), [_sqlite_values(row) for row in rows])
        self._writes = {}


def _json_default(value: Any) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(f"cannot write a {type(value).__name__}")


# One encoder and one document for a whole unit: making an encoder costs more than using it.
_encode = json.JSONEncoder(
    default=_json_default, ensure_ascii=False, separators=(",", ":"), check_circular=False
).encode


# Nearly every value: asked for by its exact type, which costs a fifth of three isinstance.
_AS_IT_IS = frozenset({int, str, bool, float, type(None)})


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return sqlite_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _sqlite_values(row: Mapping[str, Any]) -> list[Any]:
    """The row's values as SQLite takes them, in the order of its shape's columns (its own)."""
    return [value if type(value) in _AS_IT_IS else _sqlite_value(value) for value in row.values()]


@lru_cache(maxsize=256)
def _keys(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def _merge(table: sa.Table, name: str) -> str:
    """How a rollup column takes in a new value."""
    new, old = f"excluded.{name}", f"{table.name}.{name}"
    if table.c[name].info.get("merge") == "max":
        return f"{name} = CASE WHEN {old} IS NULL OR {new} > {old} THEN {new} ELSE {old} END"
    if name.startswith("first_"):
        return f"{name} = CASE WHEN {new} < {old} THEN {new} ELSE {old} END"
    if name.startswith("last_"):
        return f"{name} = CASE WHEN {new} > {old} THEN {new} ELSE {old} END"
    if name.endswith("_bits"):
        return f"{name} = {old} | {new}"
    return f"{name} = {old} + {new}"


def _add_tail(table: sa.Table, columns: tuple[str, ...]) -> str:
    keys = _keys(table)
    merged = ", ".join(_merge(table, name) for name in columns if name not in keys)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {merged}"


@lru_cache(maxsize=1024)
def _sqlite_sql(shape: Shape) -> str:
    kind, table, columns = shape
    if kind == "update":
        keys = _keys(table)
        sets = ", ".join(f"{n} = ?{i}" for i, n in enumerate(columns, 1) if n not in keys)
        where = " AND ".join(f"{n} = ?{i}" for i, n in enumerate(columns, 1) if n in keys)
        return f"UPDATE {table.name} SET {sets} WHERE {where}"  # noqa: S608 - names of our tables
    marks = ", ".join(f"?{i}" for i in range(1, len(columns) + 1))
    sql = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    return sql + (_add_tail(table, columns) if kind == "add" else "")


def _ceiling(count: int) -> int:
    """``count`` rounded up to a power of eight, so that few statement texts serve all units."""
    ceiling = 1
    while ceiling < count:
        ceiling *= 8
    return ceiling


@lru_cache(maxsize=1024)
def _postgres_sql(shapes: tuple[tuple[Shape, int], ...]) -> str:
    parts = [_postgres_part(shape, number, most) for number, (shape, most) in enumerate(shapes)]
    *heads, last = parts
    if not heads:
        return last
    ctes = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(heads, 1))
    return f"WITH {ctes} {last}"


def _postgres_part(shape: Shape, number: int, most: int) -> str:
    kind, table, columns = shape
    typed = ", ".join(f"{name} {table.c[name].type.compile(dialect=_PG)}" for name in columns)
    source = f"jsonb_to_recordset($1::jsonb->{number}) AS x({typed})"
    names = ", ".join(columns)
    if kind == "update":
        keys = _keys(table)
        sets = ", ".join(f"{n} = x.{n}" for n in columns if n not in keys)
        where = " AND ".join(f"{table.name}.{n} = x.{n}" for n in keys)
        # The planner takes a JSON set for a hundred rows and would scan the whole table for
        # them; the limit tells it how few there are.
        few = f"(SELECT * FROM {source} LIMIT {most}) AS x"  # noqa: S608
        return f"UPDATE {table.name} SET {sets} FROM {few} WHERE {where}"  # noqa: S608
    sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {source}"  # noqa: S608
    return sql + (_add_tail(table, columns) if kind == "add" else "")
