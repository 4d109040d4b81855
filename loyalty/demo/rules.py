"""The demo's program: the default one, with a past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.demo.afterwards import People
from loyalty.demo.catalogue import minor
from loyalty.program import Program, Version, drafts, ensure_default

CHANGED_DAYS_AGO = 200
EARLIER_BIRTHDAY_POINTS = 150


def publish(
    session: Session,
    *,
    currency: str,
    time_zone: str,
    people: People,
    opened: datetime,
    now: datetime,
) -> Sequence[tuple[datetime, Version]]:
    """Publish what was in force first and what is now; each with the midnight it began at."""
    # Whoever tries the demo is one guest: left out as a control, they would see no message at all.
    rules = _in_money(
        Program(global_holdout_bp=0, chain_holdout_bp=0, birthday_points=EARLIER_BIRTHDAY_POINTS),
        currency,
    )
    first = ensure_default(session, now=opened, rules=rules)
    day = clock.local_date(now, time_zone) - timedelta(days=CHANGED_DAYS_AGO)
    begins = clock.start_of_day(day, time_zone)
    at = begins - timedelta(hours=8)
    draft = drafts.start(session, actor=people.owner, now=at)
    draft = drafts.save_field(
        session,
        draft_id=draft.id,
        edition=draft.edition,
        path="birthday_points",
        value=Program().birthday_points,
        actor=people.owner,
        now=at,
    )
    second = drafts.publish(
        session, draft_id=draft.id, edition=draft.edition, at=begins, actor=people.owner, now=at
    )
    return (opened, first), (begins, second)


def _in_money(rules: Program, currency: str) -> Program:
    """Sums that fit what a coffee costs in this money."""
    ratio = minor(1, currency)
    tiers = tuple(
        tier.model_copy(update={"threshold": tier.threshold * ratio // 100}) for tier in rules.tiers
    )
    referral = rules.referral.model_copy(update={"minimum": rules.referral.minimum * ratio // 100})
    return rules.model_copy(update={"tiers": tiers, "referral": referral})
