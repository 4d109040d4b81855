"""The shapes that conditions are made of.

A fact of a customer is a value of one row, or a sum over some rows. Somebody without such rows
has the fact's ``without`` value (0, or None: unknown). What is unknown fits no comparison but
"is not" and "is none of", so a condition and its opposite never both leave somebody out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from loyalty import clock
from loyalty.customers import customer
from loyalty.db.types import UtcDateTime
from loyalty.segments.saved import Saved

Bool = sa.ColumnElement[bool]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
WHOLE = sa.BigInteger()

NEGATIVE = frozenset({"!=", "not_in", "unknown"})
"""Operators that the unknown fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a condition is asked in. ``each``: customer by customer (few of them, or a part of an
    "any of"), else for everybody at once."""

    now: datetime
    time_zone: str
    saved: Saved
    each: bool = False

    @property
    def today(self) -> date:
        """The business day."""
        return clock.local_date(self.now, self.time_zone)

    def first_day(self, days: int) -> date:
        """The first of the last ``days`` business days, today included."""
        return self.today - timedelta(days=days - 1)


def whole_sum(column: Any) -> Any:
    """A sum as a whole number (PostgreSQL's of big ones is a decimal); of nothing 0."""
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), WHOLE)


def times(value: Any, factor: Any) -> Any:
    """A condition's value, or both of its ends, multiplied."""
    return tuple(n * factor for n in value) if isinstance(value, tuple) else value * factor


def compare(column: Any, op: str, value: Any) -> Bool:
    """A number, text or date against a value; NULL gives NULL (see ``definitely``)."""
    found: Bool
    if op in _COMPARE:
        found = _COMPARE[op](column, value)
    elif op == "between":
        found = column.between(*value)
    elif op == "in":
        found = column.in_(value)
    elif op == "not_in":
        found = column.not_in(value)
    elif op == "known":
        found = column.is_not(None)
    else:
        found = column.is_(None)
    return found


def fits(op: str, value: Any, known: Any) -> bool:
    """The same about one value in hand; None is unknown."""
    if known is None:
        return op in NEGATIVE
    if op in _COMPARE:
        return bool(_COMPARE[op](known, value))
    if op == "between":
        return bool(value[0] <= known <= value[1])
    if op in ("in", "not_in"):
        return (known in value) == (op == "in")
    return op == "known"


def definitely(column: Any, op: str, value: Any) -> Bool:
    """``compare`` for a column that may be NULL: yes or no, never NULL."""
    asked = compare(column, op, value)
    if op in ("known", "unknown"):
        return asked
    if op in NEGATIVE:
        return sa.or_(column.is_(None), asked)
    return sa.and_(column.is_not(None), asked)


def days_ago(column: Any, op: str, value: Any, now: datetime) -> Bool:
    """Whole days (of 24 hours) since a moment against a number of them, as one or two bounds on
    the column itself."""

    def edge(days: int) -> sa.BindParameter[datetime]:
        return sa.bindparam(None, now - timedelta(days=days), type_=UtcDateTime)

    if op == "between":
        low, high = value
        return sa.and_(column <= edge(low), column > edge(high + 1))
    if op == ">=":
        return sa.and_(column <= edge(value))
    if op == ">":
        return sa.and_(column <= edge(value + 1))
    if op == "<=":
        return sa.and_(column > edge(value + 1))
    if op == "<":
        return sa.and_(column > edge(value))
    same = sa.and_(column <= edge(value), column > edge(value + 1))
    return same if op == "=" else sa.not_(same)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of other tables about customers, ``owner`` says of whom."""

    source: sa.FromClause
    owner: sa.ColumnElement[Any]
    where: Sequence[Bool] = ()

    def any(self) -> Bool:
        """Whether the customer has such a row."""
        return self._of_one().exists()

    def someone(self, around: Around) -> Bool:
        """As ``any``, but for everybody at once the rows are read once."""
        if around.each:
            return self.any()
        return customer.c.id.in_(self.owners().group_by(None))

    def one(self, fit: Bool, *, without: bool) -> Bool:
        """Whether the customer's only row fits; ``without``: whether no row fits too."""
        if not without:
            return self._of_one().where(fit).exists()
        # A NULL in the row must not fit by accident.
        return sa.not_(self._of_one().where(sa.not_(sa.func.coalesce(fit, sa.false()))).exists())

    def together(self, fit: Bool, around: Around, *, without: bool) -> Bool:
        """Whether the customer's rows together fit (``fit`` is about aggregates); ``without``:
        whether none at all fits too."""
        unfit = sa.not_(sa.func.coalesce(fit, sa.false()))
        having = unfit if without else fit
        if around.each:
            grouped = self._of_one().group_by(self.owner).having(having).exists()
            return sa.not_(grouped) if without else grouped
        owners = self.owners().having(having)
        if not without:
            return customer.c.id.in_(owners)
        # An outer join: NOT IN of a long list may be looked through anew for every customer.
        them, people = owners.subquery(), customer.alias()
        rest = (
            sa.select(people.c.id)
            .outerjoin(them, them.c.owner == people.c.id)
            .where(them.c.owner.is_(None))
        )
        return customer.c.id.in_(rest)

    def sum_of_one(self, column: Any) -> Any:
        """The sum of a column over the customer's rows, 0 without any."""
        query = sa.select(whole_sum(column)).select_from(self.source)
        mine = query.where(self.owner == customer.c.id, *self.where)
        return mine.correlate(customer).scalar_subquery()

    def owners(self) -> sa.Select[Any]:
        """Everybody who has such rows, one line each."""
        return (
            sa.select(self.owner.label("owner"))
            .select_from(self.source)
            .where(self.owner.is_not(None), *self.where)
            .group_by(self.owner)
        )

    def _of_one(self) -> sa.Select[Any]:
        return (
            sa.select(sa.literal_column("1"))
            .select_from(self.source)
            .where(self.owner == customer.c.id, *self.where)
            .correlate(customer)
        )


class IdList(sa.types.TypeDecorator[list[int]]):
    """Many ids as one value: an array on PostgreSQL, a JSON list on SQLite."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The type that carries it."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(sa.BigInteger()))
        return dialect.type_descriptor(sa.JSON())


class Among(FunctionElement[bool]):
    """Whether a column is one of many ids, however many they are."""

    name = "among"
    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], ids: Sequence[int]) -> None:
        super().__init__(column, sa.bindparam(None, list(ids), type_=IdList(), unique=True))


@compiles(Among, "postgresql")
def _among_array(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} = ANY({ids})"


@compiles(Among)
def _among_list(element: Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - compiled parts


class HasItem(FunctionElement[bool]):
    """Whether a JSON list holds a text; no list holds none."""

    name = "has_item"
    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], item: str) -> None:
        super().__init__(column, sa.bindparam(None, item, type_=sa.String(), unique=True))


@compiles(HasItem, "postgresql")
def _has_jsonb(element: HasItem, compiler: SQLCompiler, **kw: Any) -> str:
    column, item = (compiler.process(one, **kw) for one in element.clauses)
    return f"COALESCE({column} @> jsonb_build_array(CAST({item} AS TEXT)), FALSE)"


@compiles(HasItem)
def _has_json(element: HasItem, compiler: SQLCompiler, **kw: Any) -> str:
    column, item = (compiler.process(one, **kw) for one in element.clauses)
    found = f"SELECT 1 FROM json_each({column}) AS j WHERE j.value = {item}"  # noqa: S608 - as above
    return f"EXISTS ({found})"


class TextOf(FunctionElement[str]):
    """A value of a JSON object as text, alike on both databases; NULL if it is not there."""

    name = "text_of"
    inherit_cache = True
    type = sa.String()

    def __init__(self, column: sa.ColumnElement[Any], key: str) -> None:
        super().__init__(column, sa.bindparam(None, key, type_=sa.String(), unique=True))


@compiles(TextOf, "postgresql")
def _text_of_jsonb(element: TextOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(one, **kw) for one in element.clauses)
    return f"({column} ->> CAST({key} AS TEXT))"


@compiles(TextOf)
def _text_of_json(element: TextOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = (compiler.process(one, **kw) for one in element.clauses)
    # Yes and no would come out as 1 and 0, which only SQLite does.
    value = "CASE j.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE"
    where = f"json_each({column}) AS j WHERE j.key = {key}"
    return f"(SELECT {value} CAST(j.value AS TEXT) END FROM {where})"  # noqa: S608 - as above
