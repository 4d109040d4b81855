"""Who comes into a segment: told from being in it by a row for everybody who is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from loyalty import clock
from loyalty.chains.model import SegmentTrigger
from loyalty.chains.store import Chain
from loyalty.chains.tables import chain_member
from loyalty.chains.triggers_common import Place, Window, standing, starts_query
from loyalty.customers import customer
from loyalty.db.fast import is_postgres
from loyalty.db.types import BigId, UtcDateTime


def leave(place: Place, item: Chain) -> int:
    """Forget who is not in the segment any more, so that coming back is coming; how many."""
    inside = sa.exists().where(
        customer.c.id == chain_member.c.customer_id, *standing(), _rule(place, item)
    )
    gone = sa.delete(chain_member).where(chain_member.c.chain_id == item.id, ~inside)
    return int(place.session.execute(gone).rowcount)  # type: ignore[attr-defined]


def come(place: Place, item: Chain, window: Window) -> int:
    """Note who is in the segment and was not, as of ``window.until``; how many."""
    query = sa.select(
        sa.literal(item.id, BigId), customer.c.id, sa.literal(window.until, UtcDateTime)
    ).where(*_outside(place, item), *window.of(customer.c.id))
    insert = postgresql.insert if is_postgres(place.session) else sqlite.insert
    statement = (
        insert(chain_member)
        .from_select(["chain_id", "customer_id", "since"], query, include_defaults=False)
        .on_conflict_do_nothing()
    )
    return int(place.session.execute(statement).rowcount)  # type: ignore[attr-defined]


def segment_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any]:
    """Those noted as of ``window.until``. The day they came (business zone) makes it one: who
    leaves and comes back on one day has not been away."""
    return (
        _starts(place, window.until)
        .select_from(chain_member)
        .join(customer, customer.c.id == chain_member.c.customer_id)
        .where(
            chain_member.c.chain_id == item.id,
            chain_member.c.since == window.until,
            *standing(),
            *window.of(chain_member.c.customer_id),
        )
    )


def coming_starts(place: Place, item: Chain, at: datetime) -> sa.Select[Any]:
    """Who will have come by ``at`` if nothing but time passes: for looking ahead."""
    return _starts(place, at).select_from(customer).where(*_outside(place, item))


def _starts(place: Place, at: datetime) -> sa.Select[Any]:
    day = clock.local_date(at, place.time_zone)
    return starts_query(
        customer.c.id,
        occurrence=sa.literal(day.isoformat(), sa.Text),
        starts_at=sa.cast(sa.literal(at, UtcDateTime), UtcDateTime)
        if is_postgres(place.session)
        else sa.literal(at, UtcDateTime),
    )


def _outside(place: Place, item: Chain) -> list[sa.ColumnElement[bool]]:
    known = sa.exists().where(
        chain_member.c.chain_id == item.id, chain_member.c.customer_id == customer.c.id
    )
    return [*standing(), ~known, _rule(place, item)]


def _rule(place: Place, item: Chain) -> sa.ColumnElement[bool]:
    trigger = item.definition.trigger
    assert isinstance(trigger, SegmentTrigger)
    return place.holds(trigger.rule)
