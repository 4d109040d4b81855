"""People moved through their chains with time going on and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from loyalty.chains.advance import in_order
from loyalty.chains.asking import needless
from loyalty.chains.moving import move
from loyalty.chains.outcome import Decided, Plan
from loyalty.chains.world import Pass, World, fitting, read
from loyalty.errors import SegmentInvalid

MOST_LOOKS = 400
"""Looks at one customer within a day: more than any chain can need."""


def look_ahead(
    session: Session,
    passes: Sequence[Pass],
    *,
    now: datetime,
    until: datetime,
    time_zone: str,
) -> Iterator[Decided]:
    """What would be decided about these passes from ``now`` up to ``until``, day by day.

    The same code as the planner's moves them, as if nothing else happened meanwhile: nobody buys,
    nobody spends, no date is changed. Rules about customers are asked anew for each day. The
    passes are left where they come to.
    """
    if not passes:
        return
    world = read(session, passes, now=now, time_zone=time_zone)
    world.needless = needless(session, passes, world.people)
    ids = {item.customer_id for item in passes}
    by_customer: dict[int, list[Pass]] = {}
    for item in passes:
        by_customer.setdefault(item.customer_id, []).append(item)
    begins = now
    while begins < until:
        ends = min(begins + timedelta(days=1), until)
        if begins > now:
            world.fitting = fitting(session, passes, ids, now=begins, time_zone=time_zone)
        for items in by_customer.values():
            yield from _day(world, items, begins, ends)
        begins = ends


def _day(
    world: World, items: Sequence[Pass], begins: datetime, ends: datetime
) -> Iterator[Decided]:
    world.now = begins
    for _ in range(MOST_LOOKS):
        waiting = [item for item in items if item.status == "active"]
        if not waiting:
            return
        moment = max(world.now, min(item.due_at for item in waiting))
        if moment >= ends:
            return
        world.now = moment
        plan = Plan()
        for item in in_order(world, [one for one in waiting if one.due_at <= moment]):
            try:
                move(world, plan, item)
            except SegmentInvalid:
                item.status, item.reason = "exited", "segment_invalid"
        yield from plan.decided
