"""Asking for a dry run, looking at it, calling it off: the rows. Who replays is ``running``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import clock, promotions
from loyalty import program as programs
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.dryrun.model import Question, Rules
from loyalty.dryrun.tables import dry_run
from loyalty.errors import DryRunNotFound, DryRunPeriod, ProgramVersionNotFound
from loyalty.ids import new_id
from loyalty.program import drafts
from loyalty.promotions import Live

PROGRAM, PROMOTION = "program", "promotion"
QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
UNDER_WAY = (QUEUED, RUNNING)

# Answers are looked at before something is switched on; a quarter later nobody does.
_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A dry run as its row tells it. ``about`` says what was compared: see ``_about``."""

    id: int
    kind: str
    subject_id: int | None
    status: str
    from_day: date | None
    to_day: date
    done: int
    total: int
    about: dict[str, Any]
    result: dict[str, Any] | None
    author: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_under_way(self) -> bool:
        """Whether there is still something to wait for."""
        return self.status in UNDER_WAY


def in_force(session: Session, *, now: datetime) -> Rules:
    """The program and the promotions that a sale at ``now`` goes by."""
    revision = promotions.current_revision(session)
    program = programs.current(session, now=now).program
    return Rules(program, promotions.live_at(session, revision))


def ask_program(
    session: Session,
    *,
    from_day: date | None,
    to_day: date | None,
    time_zone: str,
    author: str,
    now: datetime,
    version_id: int | None = None,
) -> Run:
    """Replay the program's draft (or the version ``version_id``) beside what is in force.

    The days are inclusive; None: from the first, to the last day. The same question on the same
    day has one answer, which may be there already.

    Raises:
        ProgramDraftNotFound: nothing is being edited.
        ProgramVersionNotFound: there is no such version.
        DryRunPeriod: the days are no period.
    """
    rules = in_force(session, now=now)
    about: dict[str, Any]
    if version_id is None:
        draft = drafts.get(session)
        program, subject_id = draft.program, draft.id
        about = {"edition": draft.edition}
    else:
        try:
            version = programs.by_id(session, version_id)
        except LookupError as problem:
            raise ProgramVersionNotFound from problem
        program, subject_id = version.program, version.id
        about = {"version": version.number}
    question = _question(
        rules, replace(rules, program=program), from_day, to_day, time_zone, now=now
    )
    return _ask(session, PROGRAM, subject_id, question, about, author=author, now=now)


def ask_promotion(
    session: Session,
    *,
    promotion_id: int,
    from_day: date | None,
    to_day: date | None,
    time_zone: str,
    author: str,
    now: datetime,
) -> Run:
    """Replay what is in force with the promotion's latest rules beside what is in force.

    One that is on already and has no newer draft is shown beside what is in force without it.
    Its dates are left aside: it is replayed as if it had been on all the time.

    Raises:
        PromotionNotFound: there is none by that id.
        DryRunPeriod: the days are no period.
    """
    rules = in_force(session, now=now)
    listed = promotions.get(session, promotion_id)
    newest = listed.newest.live
    others = tuple(one for one in rules.live if one.promotion_id != promotion_id)
    undated = newest.rules.when.starts_on is not None or newest.rules.when.ends_on is not None
    when = newest.rules.when.model_copy(update={"starts_on": None, "ends_on": None})
    always = newest.rules.model_copy(update={"when": when})
    tried = Live(newest.id, promotion_id, newest.number, always)
    alone = listed.running is not None and not listed.has_draft
    baseline = replace(rules, live=others) if alone else rules
    candidate = replace(rules, live=(*others, tried))
    about = {"name": newest.rules.name.model_dump(), "undated": undated, "without": alone}
    question = _question(baseline, candidate, from_day, to_day, time_zone, now=now)
    return _ask(session, PROMOTION, promotion_id, question, about, author=author, now=now)


def _question(
    baseline: Rules,
    candidate: Rules,
    from_day: date | None,
    to_day: date | None,
    time_zone: str,
    *,
    now: datetime,
) -> Question:
    today = clock.local_date(now, time_zone)
    last = min(to_day or today, today)
    # A year is replayed before the first day, and there is no day before the first of all.
    if from_day is not None and not date(1900, 1, 1) <= from_day <= last:
        raise DryRunPeriod()
    if last < date(1900, 1, 1):
        raise DryRunPeriod()
    return Question(
        baseline=baseline,
        candidate=candidate,
        from_day=from_day,
        to_day=last,
        time_zone=time_zone,
    )


def _ask(
    session: Session,
    kind: str,
    subject_id: int,
    question: Question,
    about: dict[str, Any],
    *,
    author: str,
    now: datetime,
) -> Run:
    asked = question.as_json()
    today = clock.local_date(now, question.time_zone).isoformat()
    fingerprint = _fingerprint([kind, str(subject_id), today, asked])
    r = dry_run.c
    there = sa.select(r.id).where(r.fingerprint == fingerprint, r.status.in_((*UNDER_WAY, DONE)))
    known = session.execute(there).scalar_one_or_none()
    if known is not None:
        return get(session, known)
    session.execute(sa.delete(dry_run).where(r.finished_at < now - _KEPT))
    run_id = new_id()
    try:
        session.execute(
            sa.insert(dry_run).values(
                id=run_id,
                kind=kind,
                rules={"question": asked, "about": about},
                subject_id=subject_id,
                from_day=question.from_day,
                to_day=question.to_day,
                status=QUEUED,
                fingerprint=fingerprint,
                author=author,
                created_at=now,
            )
        )
    except IntegrityError as problem:
        if not is_unique_violation(problem):
            raise
        raise AlreadyThere from problem  # asked by somebody else this moment
    return get(session, run_id)


def _fingerprint(asked: Any) -> str:
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


_R = dry_run.c
_COLUMNS = (
    _R.id,
    _R.kind,
    _R.subject_id,
    _R.status,
    _R.from_day,
    _R.to_day,
    _R.done,
    _R.total,
    _R.rules["about"].label("about"),
    _R.author,
    _R.created_at,
    _R.started_at,
    _R.finished_at,
)


def get(session: Session, run_id: int) -> Run:
    """A run with its result, if it has one.

    Raises:
        DryRunNotFound: there is none by that id.
    """
    query = sa.select(*_COLUMNS, _R.result).where(_R.id == run_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise DryRunNotFound()
    return Run(**row._mapping)


def latest(session: Session, *, kind: str, subject_id: int, limit: int = 5) -> list[Run]:
    """The last runs about one subject, the youngest first, without their results."""
    query = (
        sa.select(*_COLUMNS)
        .where(_R.kind == kind, _R.subject_id == subject_id)
        .order_by(_R.id.desc())
        .limit(limit)
    )
    return [Run(**row._mapping, result=None) for row in session.execute(query)]


def cancel(session: Session, *, run_id: int, now: datetime) -> Run:
    """Call a run off; one that is over stays as it is. Who replays it stops at the next beat.

    Raises:
        DryRunNotFound: there is none by that id.
    """
    session.execute(
        sa.update(dry_run)
        .where(_R.id == run_id, _R.status.in_(UNDER_WAY))
        .values(status=CANCELLED, finished_at=now)
    )
    return get(session, run_id)
