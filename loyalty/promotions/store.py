"""Promotions in the database: every change is a new row; tills follow a counter of revisions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.errors import PromotionNotFound
from loyalty.ids import new_id
from loyalty.promotions.engine import Live
from loyalty.promotions.goals import period_of
from loyalty.promotions.model import Promotion
from loyalty.promotions.tables import goal_progress, promotion_version

Status = Literal["draft", "on", "off", "archived"]

_KEPT = 4096
_versions: dict[int, Live] = {}
# By engine, since a process may have several databases open (tests do).
_revisions: WeakKeyDictionary[Any, dict[int, tuple[Live, ...]]] = WeakKeyDictionary()
_TOUCHED = "promotions_touched"


@dataclass(frozen=True, slots=True)
class Stored:
    """One state of a promotion: its rules and what became of it then."""

    live: Live
    status: Status
    revision: int | None
    author: str
    created_at: datetime

    @property
    def rules(self) -> Promotion:
        """What it says."""
        return self.live.rules


@dataclass(frozen=True, slots=True)
class Listed:
    """A promotion as its owner sees it.

    ``newest``: the latest rules, perhaps a draft. ``running``: what tills use now, or None.
    ``status``: on or off or archived since it was last switched, draft if it never was.
    """

    promotion_id: int
    status: Status
    newest: Stored
    running: Stored | None

    @property
    def has_draft(self) -> bool:
        """Whether there are changes that tills do not have yet."""
        return self.newest.status == "draft"


_V = promotion_version.c
# As text: the database's own JSON would be parsed anew for a version that is known already.
_COLUMNS = (
    _V.id,
    _V.promotion_id,
    _V.number,
    _V.status,
    _V.revision,
    sa.cast(_V.rules, sa.Text).label("rules"),
    _V.author,
    _V.created_at,
)


def _live(row: sa.Row[Any]) -> Live:
    known = _versions.get(row.id)
    if known is None:
        if len(_versions) >= _KEPT:
            _versions.clear()
        rules = Promotion.model_validate(json.loads(row.rules))
        known = Live(row.id, row.promotion_id, row.number, rules)
        _versions[row.id] = known
    return known


def _stored(row: sa.Row[Any]) -> Stored:
    return Stored(_live(row), row.status, row.revision, row.author, row.created_at)


def _history(session: Session, promotion_id: int | None = None) -> dict[int, list[Stored]]:
    """States by promotion, the latest first."""
    query = sa.select(*_COLUMNS).order_by(_V.promotion_id, _V.number.desc())
    if promotion_id is not None:
        query = query.where(_V.promotion_id == promotion_id)
    found: dict[int, list[Stored]] = {}
    for row in session.execute(query):
        found.setdefault(row.promotion_id, []).append(_stored(row))
    return found


def _listed(promotion_id: int, states: list[Stored]) -> Listed:
    switched = next((state for state in states if state.status != "draft"), None)
    return Listed(
        promotion_id=promotion_id,
        status="draft" if switched is None else switched.status,
        newest=states[0],
        running=switched if switched is not None and switched.status == "on" else None,
    )


def listing(session: Session, *, archived: bool = False) -> list[Listed]:
    """All promotions, the youngest first; archived ones only if asked for."""
    every = [_listed(key, states) for key, states in _history(session).items()]
    every.sort(key=lambda one: -one.promotion_id)
    return [one for one in every if archived or one.status != "archived"]


def get(session: Session, promotion_id: int) -> Listed:
    """One promotion.

    Raises:
        PromotionNotFound: there is none by that id.
    """
    return _listed(promotion_id, _states(session, promotion_id))


def history(session: Session, promotion_id: int) -> list[Stored]:
    """Every state of a promotion, the latest first.

    Raises:
        PromotionNotFound: there is none by that id.
    """
    return _states(session, promotion_id)


def _states(session: Session, promotion_id: int) -> list[Stored]:
    found = _history(session, promotion_id).get(promotion_id)
    if not found:
        raise PromotionNotFound()
    return found


def save(
    session: Session, promotion_id: int | None, rules: Promotion, author: str, now: datetime
) -> Stored:
    """Keep these rules as a draft of a promotion (None: of a new one); tills see nothing of it.

    Raises:
        PromotionNotFound: there is none by that id.
        AlreadyThere: somebody changed it this very moment; the door runs the unit again.
    """
    number = 1
    if promotion_id is None:
        promotion_id = new_id()
    else:
        number = _states(session, promotion_id)[0].live.number + 1
    return _append(session, promotion_id, number, "draft", rules, author, now)


def switch_on(session: Session, promotion_id: int, author: str, now: datetime) -> Stored:
    """Let tills use the latest rules from the next sale on.

    Raises:
        PromotionNotFound: there is none by that id.
        AlreadyThere: somebody switched this very moment; the door runs the unit again.
    """
    return _switch(session, promotion_id, "on", author, now)


def switch_off(session: Session, promotion_id: int, author: str, now: datetime) -> Stored:
    """Stop it from the next sale on; purchases made with it keep what they got.

    Raises: as ``switch_on``.
    """
    return _switch(session, promotion_id, "off", author, now)


def archive(session: Session, promotion_id: int, author: str, now: datetime) -> Stored:
    """Stop it and put it away.

    Raises: as ``switch_on``.
    """
    return _switch(session, promotion_id, "archived", author, now)


def _switch(
    session: Session, promotion_id: int, status: Status, author: str, now: datetime
) -> Stored:
    newest = _states(session, promotion_id)[0]
    if newest.status == status:
        return newest
    stored = _append(
        session, promotion_id, newest.live.number + 1, status, newest.rules, author, now
    )
    rows = Rows()
    events.record(
        rows,
        type=f"promotion.{status}",
        customer_id=None,
        actor=author,
        data={"promotion_id": str(promotion_id), "version": stored.live.number},
        now=now,
    )
    rows.put(session)
    return stored


def _append(
    session: Session,
    promotion_id: int,
    number: int,
    status: Status,
    rules: Promotion,
    author: str,
    now: datetime,
) -> Stored:
    revision = None if status == "draft" else current_revision(session) + 1
    live = Live(new_id(), promotion_id, number, rules)
    try:
        session.execute(
            sa.insert(promotion_version).values(
                id=live.id,
                promotion_id=promotion_id,
                number=number,
                status=status,
                revision=revision,
                rules=rules.model_dump(mode="json"),
                author=author,
                created_at=now,
            )
        )
    except IntegrityError as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise
    # What this transaction wrote may yet be rolled back: nothing read in it now is kept. On
    # SQLite other units share it.
    connection = session.connection()
    connection.info[_TOUCHED] = connection.get_transaction()
    return Stored(live, status, revision, author, now)


def current_revision(session: Session) -> int:
    """How often anything was switched; grows by one each time, 0 at first."""
    return session.execute(sa.select(sa.func.max(_V.revision))).scalar_one() or 0


def live_at(session: Session, revision: int) -> tuple[Live, ...]:
    """The promotions that were on after switch number ``revision``, in the order they apply.

    A revision never changes once it was committed, so each is read once per process.
    """
    if not revision:
        return ()
    cache = _revisions.setdefault(session.get_bind().engine, {})
    known = cache.get(revision)
    if known is None:
        known = _read_at(session, revision)
        if not _is_touched(session):
            if len(cache) >= 64:
                cache.clear()
            cache[revision] = known
    return known


def _is_touched(session: Session) -> bool:
    """Whether a promotion was changed in the transaction that runs now."""
    connection = session.connection()
    changed = connection.info.get(_TOUCHED)
    return changed is not None and changed is connection.get_transaction()


def _read_at(session: Session, revision: int) -> tuple[Live, ...]:
    last = (
        sa.select(sa.func.max(_V.revision))
        .where(_V.revision <= revision)
        .group_by(_V.promotion_id)
        .scalar_subquery()
    )
    query = sa.select(*_COLUMNS).where(_V.revision.in_(last), _V.status == "on")
    found = [_live(row) for row in session.execute(query)]
    return tuple(sorted(found, key=lambda one: one.order))


def by_ids(session: Session, ids: Iterable[int]) -> dict[int, Live]:
    """Versions by id, for purchases that were priced by them; unknown ids are left out."""
    wanted = {int(version_id) for version_id in ids}
    found = {i: known for i in wanted if (known := _versions.get(i)) is not None}
    missing = wanted - found.keys()
    if missing:
        query = sa.select(*_COLUMNS).where(_V.id.in_(sorted(missing)))
        found |= {row.id: _live(row) for row in session.execute(query)}
    return found


@dataclass(frozen=True, slots=True)
class GoalStanding:
    """How far a customer is with a goal in the period that runs now. Spent in minor units."""

    live: Live
    period: date
    ends_on: date
    purchases: int
    spent: int
    reached: bool


def standings(
    session: Session, customer_id: int, goals: Iterable[Live], *, day: date
) -> list[GoalStanding]:
    """How far the customer is on ``day`` with these goals, those not begun included."""
    wanted = {one.promotion_id: (one, *period_of(one.rules, day)) for one in goals}
    if not wanted:
        return []
    g = goal_progress.c
    query = sa.select(g.promotion_id, g.period, g.purchases, g.spent, g.reached_at).where(
        g.customer_id == customer_id,
        g.promotion_id.in_(list(wanted)),
        g.period.in_({first for _, first, _ in wanted.values()}),
    )
    rows = {(row.promotion_id, row.period): row for row in session.execute(query)}
    found = []
    for promotion_id, (one, first, last) in wanted.items():
        row = rows.get((promotion_id, first))
        found.append(
            GoalStanding(
                live=one,
                period=first,
                ends_on=last,
                purchases=row.purchases if row else 0,
                spent=row.spent if row else 0,
                reached=row is not None and row.reached_at is not None,
            )
        )
    return found


def names_of(lives: Iterable[Live]) -> dict[int, Any]:
    """Names by version id, as ``describe.explain`` wants them."""
    return {one.id: one.rules.name for one in lives}
