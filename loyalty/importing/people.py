"""Customers of another system: who they are, and the points they bring along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import clock, customers, wallet
from loyalty.customers import customer
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.importing import lookups, mapping, own
from loyalty.importing.levels import Levels
from loyalty.importing.lookups import key_of
from loyalty.importing.model import Options, Outcome, Summary
from loyalty.importing.problems import Rejected, RowProblem
from loyalty.importing.reading import start
from loyalty.importing.seen import Seen
from loyalty.importing.sources import Cells, Source
from loyalty.importing.values import (
    instant_parser,
    latest_sale,
    our_id,
    parse_birthday,
    parse_phone,
    parse_points,
    region,
    unescape,
)
from loyalty.wallet import Cause

BATCH_ROWS = 1_000
_LIMITS = {"tier": 60, "customer": 120, "name": 120, "email": 254, "city": 120}
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]{2,}$")
_PROFILE = ("name", "phone", "email", "city", "joined_at", "birth_day", "birth_month", "birth_year")
_OWN = "fields"
_LEVEL = ("tier", "tier_since")


@dataclass(slots=True)
class Person:
    """One row: a customer's profile as far as the file knows it, and an opening balance."""

    line: int
    customer: str | None
    values: dict[str, Any]
    # Our own id of the customer, when the file is an export of ours.
    ours: int | None = None
    points: int = 0
    points_expire_at: datetime | None = None
    points_earned_at: datetime | None = None
    tier: str | None = None
    # Fields of their own, by key, as they are written; empty cells are left out.
    own: dict[str, str] = field(default_factory=dict)

    @property
    def phone(self) -> str | None:
        """The phone in international form."""
        phone: str | None = self.values.get("phone")
        return phone

    @property
    def lot(self) -> str:
        """What makes its points one lot: whose they are and their dates."""
        until, since = self.points_expire_at, self.points_earned_at
        parts = [self.customer or self.phone or "", until.isoformat() if until else ""]
        # A file without that column keeps the names that it had before there was one.
        return "|".join(parts + ([since.isoformat()] if since else []))


@dataclass(slots=True)
class PeopleBatch:
    """A piece of the file that is written in one transaction."""

    people: list[Person] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0
    own: list[own.OwnColumn] = field(default_factory=list)


class CustomerFile:
    """An open file of customers, its columns known. ``batches`` reads it once.

    ``ignored`` names the columns that are not used.

    Raises:
        FileProblem: it cannot be read, or its columns are not clear.
    """

    def __init__(self, path: Path, options: Options) -> None:
        self.options = options
        self.source = Source(path, delimiter=options.delimiter)
        try:
            self._rows, first = start(self.source)
            columns, owns = own.split(options.columns)
            found, named = mapping.resolve(columns, first, fields=mapping.CUSTOMER_FIELDS)
            mapping.require(found, first, ("customer", "phone"))
            self.own, headed = own.own_columns(owns, first, recognize=not columns)
            named = named or headed
            self.columns: Mapping[str, int] = found
            used = found | {own.PREFIX + one.key: one.place for one in self.own}
            self.ignored = mapping.ignored(used, first, named=named)
            self._width = max(used.values()) + 1
            self._instant = instant_parser(
                date_format=options.date_format,
                time_zone=options.time_zone,
                latest=latest_sale(options.now),
            )
            if named:
                next(self._rows)
        except BaseException:
            self.source.close()
            raise
        self._home = region(options.currency)
        self._lots = Seen()

    def close(self) -> None:
        """Let go of the file."""
        self._lots.close()
        self.source.close()

    def batches(self) -> Iterator[PeopleBatch]:
        """The file in pieces, each a transaction's worth.

        Raises:
            FileProblem: the file is damaged further down.
        """
        batch = PeopleBatch(own=self.own)
        for line, cells in self._rows:
            batch.rows += 1
            try:
                if isinstance(cells, str):
                    raise RowProblem(cells)
                batch.people.append(self._read(line, cells))
            except RowProblem as problem:
                batch.rejected.append(Rejected(line, problem.code, problem.facts))
            if batch.rows >= BATCH_ROWS:
                yield batch
                batch = PeopleBatch(own=self.own)
        if batch.rows:
            yield batch

    def _read(self, line: int, cells: Cells) -> Person:
        if len(cells) < self._width:
            raise RowProblem("columns", found=len(cells), needed=self._width)

        def cell(name: str) -> str | None:
            place = self.columns.get(name)
            text = unescape(cells[place].strip()) if place is not None else ""
            if len(text) > _LIMITS.get(name, 1_000):
                raise RowProblem("too_long", field=name, limit=_LIMITS.get(name, 1_000))
            return text or None

        values: dict[str, Any] = {name: cell(name) for name in ("name", "city", "email")}
        if values["email"] and not _EMAIL.match(values["email"]):
            raise RowProblem("email", text=values["email"][:3] + "…")
        if phone := cell("phone"):
            values["phone"] = parse_phone(phone, home=self._home)
        if joined := cell("joined_at"):
            values["joined_at"] = self._instant(joined)[0]
        if born := cell("birthday"):
            day, month, year = parse_birthday(born, today=self.options.now.date())
            values |= {"birth_day": day, "birth_month": month, "birth_year": year}
        person = Person(line, cell("customer"), {k: v for k, v in values.items() if v is not None})
        if person.customer is None and person.phone is None:
            raise RowProblem("no_customer")
        person.ours = our_id(cell("regulars_id"), kinds="C")
        person.points = parse_points(cell("points") or "0")
        if expires := cell("points_expire_at"):
            person.points_expire_at = self._expiry(expires)
        if earned := cell("points_earned_at"):
            person.points_earned_at = min(self._instant(earned)[0], self.options.now)
        person.tier = cell("tier")
        for column in self.own:
            if text := unescape(cells[column.place].strip()):
                person.own[column.key] = text
        if person.points and self._lots.take(person.lot):
            raise RowProblem("points_twice")
        return person

    def _expiry(self, text: str) -> datetime:
        """The instant after the last valid day that the file names."""
        zone = self.options.time_zone
        try:
            last = date.fromisoformat(text[:10])
        except ValueError:
            found = re.match(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", text)
            try:
                last = date(int(found[3]), int(found[2]), int(found[1])) if found else date.min
            except ValueError:
                last = date.min
        if not 1970 <= last.year <= 9000:
            raise RowProblem("date", text=text[:40])
        expires_at = clock.end_of_validity(last, 0, zone)
        if expires_at <= self.options.now:
            raise RowProblem("points_expired", text=text[:10])
        return expires_at


def write_customers(session: Session, *, batch: PeopleBatch, options: Options) -> Outcome:
    """Write a batch: new customers are added, empty fields of known ones filled.

    The opening balance is granted once per customer and expiry date, however often the file
    is read; not at all to a customer that was exported from this very database.

    Raises:
        AlreadyThere: somebody wrote one of its customers meanwhile; run it again.
    """
    try:
        return _write(session, batch, options)
    except Exception as problem:
        if isinstance(problem, IntegrityError) or is_unique_violation(problem):
            raise AlreadyThere() from problem
        raise


def _write(session: Session, batch: PeopleBatch, options: Options) -> Outcome:
    summary = Summary(rows=batch.rows, rows_rejected=len(batch.rejected))
    people, rejected = _with_own(session, batch, options)
    by_value, by_phone = lookups.find_customers(
        session,
        system=options.system,
        values={person.customer for person in batch.people if person.customer},
        phones={person.phone for person in batch.people if person.phone},
    )
    met, created = set[int](), set[int]()
    ours = lookups.find_ours(session, {one.ours for one in batch.people if one.ours is not None})
    known = _profiles(session, {*by_value.values(), *by_phone.values(), *ours}, held=batch.own)
    rows, links, changes = Rows(), Rows(), dict[int, dict[str, Any]]()
    levels = Levels(session, now=options.now)
    granted: list[tuple[int, Person]] = []
    for person, theirs in people:
        owner = by_value.get(person.customer or "")
        if person.ours in ours:
            owner = person.ours
        of_phone = by_phone.get(person.phone or "")
        if owner is not None and of_phone is not None and owner != of_phone:
            rejected.append(Rejected(person.line, "phone_taken"))
            continue
        if person.tier and levels.key(person.tier) is None:
            facts = {"text": person.tier, "tiers": levels.names(options.language)}
            rejected.append(Rejected(person.line, "tier", facts))
            continue
        owner = owner or of_phone
        if owner is None:
            owner = customers.create(
                rows,
                status="anonymous",
                language=options.language,
                now=options.now,
                phone=person.phone,
                source=options.system,
            )
            wallet.open_account(rows, customer_id=owner)
            known[owner] = {"phone": person.phone}
            created.add(owner)
        elif owner not in created:
            met.add(owner)
        linked = person.customer in by_value or person.ours in ours
        if person.customer and not linked:
            by_value[person.customer] = owner
            lookups.link(links, system=options.system, value=person.customer, customer_id=owner)
        if person.phone:
            by_phone[person.phone] = owner
        changed = changes.setdefault(owner, {})
        _fill(known[owner], person.values, changed)
        _set_own(known[owner], theirs, changed)
        if person.tier:
            levels.raise_to(known[owner], person.tier, changed, now=options.now)
        if person.points and person.ours not in ours:
            granted.append((owner, person))
    summary.rows_rejected += len(rejected)
    summary.customers_created, summary.customers_known = len(created), len(met)
    rows.put(session)
    # After the customers they name, some of whom are new.
    links.put(session)
    for owner, fields in changes.items():
        if fields:
            rows.update(customer, {"id": owner, **{name: fields[name] for name in sorted(fields)}})
            summary.customers_updated += owner in met
    _grant(session, rows, granted, options, summary)
    rows.put(session)
    return Outcome(summary, rejected)


def _with_own(
    session: Session, batch: PeopleBatch, options: Options
) -> tuple[list[tuple[Person, dict[str, Any]]], list[Rejected]]:
    """The people of a batch with the values of their own fields, and rows that have wrong ones."""
    reader = own.Reader(session, batch.own, (person.own for person in batch.people), options)
    read: list[tuple[Person, dict[str, Any]]] = []
    rejected: list[Rejected] = []
    for person in batch.people:
        try:
            read.append((person, reader.values(person.own)))
        except RowProblem as problem:
            rejected.append(Rejected(person.line, problem.code, problem.facts))
    return read, rejected


def _profiles(session: Session, ids: set[int], *, held: object) -> dict[int, dict[str, Any]]:
    columns = [customer.c.id, *(customer.c[name] for name in (*_PROFILE, *_LEVEL, _OWN))]
    query = sa.select(*columns).where(customer.c.id.in_(ids))
    if held:
        # Own fields are one document: whoever changes another of them waits.
        query = query.order_by(customer.c.id).with_for_update(key_share=True)
    return {row.id: dict(row._mapping) for row in session.execute(query)}


def _fill(known: dict[str, Any], values: Mapping[str, Any], changes: dict[str, Any]) -> None:
    """What the customer has told us stays; only what is empty is filled from the file."""
    birthday_known = known.get("birth_day") is not None
    for name, value in values.items():
        if known.get(name) is None and not (name.startswith("birth_") and birthday_known):
            known[name] = changes[name] = value


def _set_own(known: dict[str, Any], values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Own fields are the shop's, not the customer's word: the file knows them best."""
    old = known.get(_OWN) or {}
    if any(old.get(key) != value for key, value in values.items()):
        known[_OWN] = changes[_OWN] = {**old, **values}


def _grant(
    session: Session,
    rows: Rows,
    granted: list[tuple[int, Person]],
    options: Options,
    summary: Summary,
) -> None:
    if not granted:
        return
    keys: dict[str, tuple[int, Person]] = {}
    for owner, person in granted:
        identity = f"b|{options.system}|{person.lot}"
        keys.setdefault(key_of(identity, "points"), (owner, person))
    sql = (
        "SELECT source_id FROM entry WHERE source_id {in}"
        " AND source_kind = 'import' AND kind = 'import'"
    )
    for row in lookups.fetch_in(session, sql, keys):
        del keys[str(row[0])]
    wallets = wallet.lock(session, sorted({owner for owner, _ in keys.values()}))
    for key, (owner, person) in keys.items():
        lot_id, _ = wallets[owner].accrue(
            rows,
            points=person.points,
            kind="import",
            cause=Cause("import", key, "system", options.now),
            active_from=options.now,
            expires_at=person.points_expire_at,
        )
        if person.points_earned_at is not None:
            lot = next(item for item in wallets[owner].lots if item.id == lot_id)
            lot.earned_at = person.points_earned_at
        summary.points += person.points
    for locked in wallets.values():
        locked.finish(rows)
