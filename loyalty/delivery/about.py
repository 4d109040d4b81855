"""What a chain's message is about, and whether that still stands at the moment it leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains import subjects
from loyalty.chains.advance import pass_of
from loyalty.chains.model import Definition, ExpiryTrigger
from loyalty.chains.store import definition_of
from loyalty.chains.tables import chain, chain_version, enrolment
from loyalty.chains.world import Pass
from loyalty.delivery import exits
from loyalty.delivery.exits import Fitting, Gone, id_of
from loyalty.messaging.people import Person

__all__ = ["About", "Gone", "Known", "about_payload", "id_of", "known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What one pass through a chain is about. ``sample``: the words are only shown, so that what
    is not there yet (a coupon to be given) gets an example."""

    definition: Definition
    subject: Mapping[str, Any] = field(default_factory=dict)
    day: date | None = None
    sample: bool = False

    @property
    def is_about_points(self) -> bool:
        """Whether the day is the last day of points."""
        return isinstance(self.definition.trigger, ExpiryTrigger) and self.day is not None

    @property
    def purchase_id(self) -> int | None:
        """The purchase it is about."""
        return id_of(self.subject.get("purchase"))

    @property
    def event_id(self) -> int | None:
        """The event of the shop's site it is about."""
        return id_of(self.subject.get("event"))

    @property
    def category(self) -> str | None:
        """The category of goods it is about."""
        found = self.subject.get("category")
        return str(found) if found else None


@dataclass(frozen=True, slots=True)
class Known:
    """What was read for a batch of messages at once: their passes by id, and whether the chains
    of their versions are switched on."""

    passes: Mapping[int, Pass] = field(default_factory=dict)
    enabled: Mapping[int, bool] = field(default_factory=dict)


def known(session: Session, payloads: Iterable[Mapping[str, Any]]) -> Known:
    """Two statements for a batch, instead of two for each message; what is odd in it is left out
    and met again when that message is worded."""
    asked = [(id_of(one.get("chain_version")), id_of(one.get("enrolment"))) for one in payloads]
    versions = sorted({version for version, _ in asked if version is not None})
    if not versions:
        return Known()
    of_versions = sa.select(chain_version.c.id, chain.c.enabled).join_from(
        chain_version, chain, chain.c.id == chain_version.c.chain_id
    )
    found = session.execute(of_versions.where(chain_version.c.id.in_(versions)))
    enabled = {row.id: bool(row.enabled) for row in found}
    ids = sorted({pass_id for _, pass_id in asked if pass_id is not None})
    passes = {}
    for row in session.execute(_PASSES.where(enrolment.c.id.in_(ids))).all() if ids else ():
        with contextlib.suppress(LookupError, ValueError):  # a version that cannot be read
            passes[row.id] = _as_pass(session, row)
    return Known(passes, enabled)


def about_payload(
    session: Session,
    payload: Mapping[str, Any],
    person: Person,
    *,
    now: datetime,
    time_zone: str,
    fitting: Fitting | None = None,
    known: Known | None = None,
) -> About:
    """What a message in the outbox is about. ``fitting`` and ``known``: what ``exits.fitting``
    and ``known`` have found for the batch it leaves with.

    Raises:
        Gone: the chain was switched off, the pass has ended since, or an exit holds by now.
        LookupError: there is no such version.
    """
    version_id = int(payload["chain_version"])
    definition = definition_of(session, version_id)
    known = known or Known()
    _check_enabled(session, version_id, known)
    occurrence = str(payload.get("occurrence", ""))
    item = _pass(session, payload, known)
    subject: dict[str, Any] = dict(item.subject) if item is not None else {}
    purchase_id = item.purchase_id if item else subjects.purchase_of(definition, occurrence)
    if purchase_id is not None:
        subject["purchase"] = purchase_id
        _check_purchase(session, definition, purchase_id)
    if item is not None:
        if item.status == "exited":
            raise Gone(item.reason or "exited")
        step_id = str(payload["step"])
        exits.check(session, item, step_id, person, fitting, now=now, time_zone=time_zone)
    day = item.day if item is not None else subjects.day_of(definition, occurrence)
    return About(definition=definition, subject=subject, day=day)


_PASSES = sa.select(enrolment, chain.c.key).join(chain, chain.c.id == enrolment.c.chain_id)


def _as_pass(session: Session, row: Any) -> Pass:
    item = pass_of(session, row, row.key)
    item.status, item.reason = row.status, row.reason
    return item


def _pass(session: Session, payload: Mapping[str, Any], known: Known) -> Pass | None:
    enrolment_id = id_of(payload.get("enrolment"))
    if enrolment_id is None:
        return None
    if enrolment_id in known.passes:
        return known.passes[enrolment_id]
    row = session.execute(_PASSES.where(enrolment.c.id == enrolment_id)).one_or_none()
    return None if row is None else _as_pass(session, row)


def _check_enabled(session: Session, version_id: int, known: Known) -> None:
    enabled = known.enabled.get(version_id)
    if enabled is None:
        query = (
            sa.select(chain.c.enabled)
            .join(chain_version, chain_version.c.chain_id == chain.c.id)
            .where(chain_version.c.id == version_id)
        )
        enabled = session.execute(query).scalar_one()
    if not enabled:
        raise Gone("paused")


def _check_purchase(session: Session, definition: Definition, purchase_id: int) -> None:
    tests = {test for test in definition.exits if isinstance(test, str)}
    if not tests & {"purchase_returned", "purchase_rated"}:
        return
    became = subjects.become_of(session, [purchase_id]).get(purchase_id, frozenset())
    for test in definition.exits:
        if isinstance(test, str) and test in became:
            raise Gone(test)
