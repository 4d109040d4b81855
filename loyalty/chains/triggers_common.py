"""What the triggers share: a window of time over a slice of customers, relations made of values,
and the one statement that enrols whoever a query finds.

A trigger says who starts as a query of ``customer_id, occurrence, starts_at, day, subject``; the
planner inserts what it finds, the preview reads it. So both see the same people.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loyalty import clock, ids, program, segments
from loyalty.chains.model import ReEntry
from loyalty.chains.store import Chain
from loyalty.chains.tables import enrolment
from loyalty.customers import customer
from loyalty.db.fast import is_postgres
from loyalty.db.types import BigId, JsonValue, UtcDateTime, sqlite_time
from loyalty.staff import outlet

USEFUL = timedelta(days=7)
"""A start that is older is not made any more."""

_BLOCK = 1 << 17
_ROUNDS = 40
_ANY = sa.types.NullType()
_COLUMNS = ("customer_id", "occurrence", "starts_at", "day", "subject")


@dataclass(slots=True)
class Place:
    """Where and when a planner stands: ``now``, the business zone, and what is read once.

    ``rules_at``: the moment rules about customers are asked at; None: ``now``. ``seen_zones``:
    those customers were found to live in.
    """

    session: Session
    now: datetime
    time_zone: str
    rules_at: datetime | None = None
    seen_zones: frozenset[str] = frozenset()
    _zones: frozenset[str] | None = None
    _saved: Any = None
    _leap_day: clock.LeapDay | None = None

    @property
    def outlet_zones(self) -> frozenset[str]:
        """Zones of the outlets and of the business."""
        if self._zones is None:
            found = self.session.execute(sa.select(outlet.c.time_zone).distinct()).scalars()
            self._zones = frozenset(found) | {self.time_zone}
        return self._zones

    @property
    def leap_day(self) -> clock.LeapDay:
        """Where the program keeps 29 February in years that have none."""
        if self._leap_day is None:
            self._leap_day = program.current(self.session, now=self.now).program.leap_day
        return self._leap_day

    def holds(self, rule: segments.Rule) -> sa.ColumnElement[bool]:
        """A rule as a condition over ``customer``."""
        if self._saved is None:
            self._saved = segments.saved(self.session, now=self.now)
        return segments.where(
            rule,
            now=self.rules_at or self.now,
            time_zone=self.time_zone,
            saved=self._saved,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Starts after ``from_`` up to ``until``, of customers with ids after ``low`` up to
    ``high`` (None: of all), and only those ``among`` whom it is asked about, if it says so.
    ``zones``: those customers may live in (None: not known)."""

    from_: datetime
    until: datetime
    low: int | None = None
    high: int | None = None
    zones: frozenset[str] | None = None
    among: tuple[int, ...] | None = None

    @classmethod
    def of_some(cls, from_: datetime, until: datetime, among: Collection[int] | None) -> Window:
        """A window of these customers only; None: of all."""
        if not among:
            return cls(from_, until)
        ids = tuple(sorted(among))
        return cls(from_, until, low=ids[0] - 1, high=ids[-1], among=ids)

    def has(self, moment: datetime) -> bool:
        """Whether a start falls into it."""
        return self.from_ < moment <= self.until

    def shifted(self, span: timedelta) -> Window:
        """The same window moved by ``span``."""
        return replace(self, from_=self.from_ + span, until=self.until + span)

    def of(self, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        """The slice of customers as conditions on a column that holds their ids."""
        found = [] if self.low is None else [column > self.low]
        found += [] if self.high is None else [column <= self.high]
        return found if self.among is None else [*found, column.in_(self.among)]


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of values as a table in a query."""

    columns: Mapping[str, sa.types.TypeEngine[Any]]
    rows: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def of(self, session: Session, name: str) -> sa.FromClause:
        """The relation under a name, for either database."""
        if is_postgres(session):
            document = json.dumps(self.rows, default=_iso)
            typed = [sa.column(key, type_) for key, type_ in self.columns.items()]
            body = sa.cast(sa.literal(document, sa.Text), postgresql.JSONB)
            rows = sa.func.jsonb_to_recordset(body)
            return rows.table_valued(*typed).render_derived(name, with_types=True)
        document = json.dumps(self.rows, default=_sqlite)
        each = sa.func.json_each(sa.literal(document, sa.Text)).table_valued("value").alias()
        values = [
            sa.type_coerce(sa.func.json_extract(each.c.value, f"$.{key}"), type_).label(key)
            for key, type_ in self.columns.items()
        ]
        # The limit is a fence: else SQLite reads the document again for every row it joins.
        return sa.select(*values).limit(-1).subquery(name)


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"cannot write a {type(value).__name__}")


def _sqlite(value: Any) -> str:
    return sqlite_time(value) if isinstance(value, datetime) else _iso(value)


def subject(session: Session, **values: sa.ColumnElement[Any] | str) -> sa.ColumnElement[Any]:
    """A JSON object of texts, built by the database."""
    build = sa.func.jsonb_build_object if is_postgres(session) else sa.func.json_object
    pairs: list[Any] = []
    for name, value in values.items():
        pairs += [sa.literal(name, sa.Text), sa.cast(value, sa.Text)]
    return sa.type_coerce(build(*pairs), JsonValue)


def days_later(
    session: Session, moment: sa.ColumnElement[Any], days: sa.ColumnElement[int] | int
) -> sa.ColumnElement[Any]:
    """``moment`` and so many times 24 hours; ``days`` may be a column."""
    count = sa.literal(days, sa.Integer) if isinstance(days, int) else days
    if is_postgres(session):
        # Hours: a day of PostgreSQL's is as long as the session's zone makes it.
        hours = sa.func.make_interval(0, 0, 0, 0, sa.cast(count * 24, sa.Integer))
        return sa.type_coerce(sa.type_coerce(moment, _ANY) + hours, UtcDateTime)
    text = sa.type_coerce(moment, sa.Text)
    ahead = sa.cast(count, sa.Text).concat(" days")
    # What stands after the seconds is kept as it is: ``datetime`` would drop it.
    later = sa.func.datetime(text, ahead).concat(sa.func.substr(text, 20))
    return sa.type_coerce(later, UtcDateTime)


def standing() -> list[sa.ColumnElement[bool]]:
    """Somebody stands behind this card: a member, not blocked, not erased, not merged."""
    # Written out, so that every plan of the statement can use what is known of the values.
    return [
        customer.c.status == sa.literal_column("'active'"),
        customer.c.merged_into.is_(None),
    ]


def starts_query(
    customer_id: sa.ColumnElement[int],
    *,
    occurrence: sa.ColumnElement[Any],
    starts_at: sa.ColumnElement[Any],
    day: sa.ColumnElement[Any] | None = None,
    about: sa.ColumnElement[Any] | None = None,
) -> sa.Select[Any]:
    """A query of starts, with its columns named and typed as the planner reads them."""
    nothing: sa.ColumnElement[Any] = sa.literal_column("NULL")
    return sa.select(
        customer_id.label("customer_id"),
        sa.cast(occurrence, sa.String(64)).label("occurrence"),
        starts_at.label("starts_at"),
        (sa.cast(nothing, sa.Date) if day is None else day).label("day"),
        (sa.cast(nothing, JsonValue) if about is None else about).label("subject"),
    )


def enrol(session: Session, item: Chain, starts: sa.Select[Any]) -> int:
    """Enrol everybody ``starts`` finds, as far as re-entry allows; how many were new.

    The caller holds the chain (``triggers_progress.take``), so re-entry is judged by one planner
    at a time; that nobody starts twice is the unique row's doing.
    """
    rules = item.definition.re_entry
    free = not (rules.never or rules.days or rules.one_at_a_time)
    total = 0
    for _ in range(1 if free else _ROUNDS):
        new = _insert(session, item, allowed(session, item, starts))
        total += new
        if not new:
            break
    return total


def allowed(session: Session, item: Chain, starts: sa.Select[Any]) -> sa.Select[Any]:
    """Those of ``starts`` that are new and may begin: of several of one customer only the first,
    if one pass stands in the way of another."""
    found = starts.subquery("found")
    mine = sa.and_(enrolment.c.chain_id == item.id, enrolment.c.customer_id == found.c.customer_id)
    known = sa.exists().where(mine, enrolment.c.occurrence == found.c.occurrence)
    fresh = sa.select(*(found.c[name] for name in _COLUMNS)).where(~known)
    rules = item.definition.re_entry
    for held in _held_back(session, rules, mine, found.c.starts_at):
        fresh = fresh.where(~held)
    if not (rules.never or rules.days or rules.one_at_a_time):
        return fresh
    order = (found.c.starts_at, found.c.occurrence)
    place = sa.func.row_number().over(partition_by=found.c.customer_id, order_by=order)
    ranked = fresh.add_columns(place.label("place")).subquery("ranked")
    return sa.select(*(ranked.c[name] for name in _COLUMNS)).where(ranked.c.place == 1)


def _held_back(
    session: Session,
    rules: ReEntry,
    mine: sa.ColumnElement[bool],
    starts_at: sa.ColumnElement[Any],
) -> list[sa.ColumnElement[bool]]:
    """What keeps somebody from coming in again, as it was when the start was due: so a planner
    that comes late finds what one in time would have found."""
    found: list[sa.ColumnElement[bool]] = []
    if rules.never:
        found.append(sa.exists().where(mine))
    if rules.days:
        back = days_later(session, starts_at, -rules.days)
        found.append(sa.exists().where(mine, enrolment.c.enrolled_at > back))
    if rules.one_at_a_time:
        over = sa.and_(
            enrolment.c.status != sa.literal_column("'active'"),
            enrolment.c.ended_at.is_not(None),
            enrolment.c.ended_at <= starts_at,
        )
        found.append(sa.exists().where(mine, enrolment.c.enrolled_at <= starts_at, ~over))
    return found


def _insert(session: Session, item: Chain, starts: sa.Select[Any]) -> int:
    found = starts.subquery("new")
    first = ids.block(_BLOCK)
    number = sa.func.row_number().over(order_by=(found.c.starts_at, found.c.customer_id))
    values: dict[str, sa.ColumnElement[Any]] = {
        "id": sa.cast(sa.literal(first, sa.BigInteger) - 1 + number, BigId),
        "chain_id": sa.literal(item.id, BigId),
        "chain_version_id": sa.literal(item.version_id, BigId),
        "customer_id": found.c.customer_id,
        "occurrence": found.c.occurrence,
        "step": sa.literal_column("0"),
        "status": sa.literal_column("'active'"),
        "due_at": found.c.starts_at,
        "enrolled_at": found.c.starts_at,
        "day": found.c.day,
        "subject": found.c.subject,
    }
    # "WHERE true": or SQLite takes ON CONFLICT for a join's ON.
    query = sa.select(*values.values()).where(sa.true())
    insert = postgresql.insert if is_postgres(session) else sqlite.insert
    statement = (
        insert(enrolment)
        .from_select(list(values), query, include_defaults=False)
        .on_conflict_do_nothing(index_elements=["customer_id", "chain_id", "occurrence"])
    )
    done = session.execute(statement)
    if is_postgres(session):
        return int(done.rowcount)  # type: ignore[attr-defined]
    # Python's driver counts nothing where the statement begins with a WITH.
    return int(session.execute(sa.text("SELECT changes()")).scalar_one())
