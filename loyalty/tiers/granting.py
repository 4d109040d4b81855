"""A tier given by hand: a floor that the review never goes below."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty import program as programs
from loyalty.customers import ERASED, customer
from loyalty.db.rows import Rows
from loyalty.errors import CustomerNotFound, TierNotFound
from loyalty.tiers.levels import UNKNOWN, change, order
from loyalty.tiers.standing import lock_accounts

REASONS = ("goodwill", "partner", "other_program", "team", "other")
"""Why a tier is given: codes, since events keep no free text."""


def grant(
    session: Session,
    *,
    customer_id: int,
    tier: str | None,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """Give a tier as a floor, or take the floor away (None): the tier itself then stays until
    a review lowers it. ``reason`` is one of ``REASONS``; any other counts as "other".

    Locks the account; the event is ``tier.granted``, with ``tier.changed`` if the tier rose.

    Raises:
        TierNotFound: the program has no such tier.
        CustomerNotFound: no such customer, or an erased one.
    """
    program = programs.current(session, now=now).program
    if tier is not None and order(program, tier) == UNKNOWN:
        raise TierNotFound()
    lock_accounts(session, [customer_id])
    known = session.execute(
        sa.select(customer.c.tier, customer.c.tier_floor, customer.c.status).where(
            customer.c.id == customer_id
        )
    ).one_or_none()
    if known is None or known.status == ERASED:
        raise CustomerNotFound()
    if known.tier_floor == tier:
        return
    rows = Rows()
    rows.update(customer, {"id": customer_id, "tier_floor": tier})
    events.record(
        rows,
        type="tier.granted",
        customer_id=customer_id,
        actor=actor,
        data={"floor": tier, "reason": reason if reason in REASONS else "other"},
        now=now,
    )
    if tier is not None and order(program, tier) > order(program, known.tier):
        change(
            rows,
            customer_id=customer_id,
            old=known.tier,
            new=tier,
            rise=True,
            reason="granted",
            spent=0,
            now=now,
            actor=actor,
        )
    rows.put(session)
