"""What happened around them: friends, ratings, events, messages and taps."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from loyalty import clock
from loyalty.events import event
from loyalty.feedback.tables import rating
from loyalty.messaging.tables import click, outbox, touch
from loyalty.referrals.tables import referral
from loyalty.segments.asking.base import (
    NEGATIVE,
    Around,
    Bool,
    Rows,
    compare,
    fits,
    times,
    whole_sum,
)
from loyalty.segments.rules import Is

_HAVE_BOUGHT = ("pending", "rewarded", "review")
_SERVICE = "service"


def _count(rows: Rows, asked: Is, around: Around, counted: Any = None) -> Bool:
    number = sa.func.count() if counted is None else sa.func.count(sa.distinct(counted))
    without = fits(asked.op, asked.value, 0)
    return rows.together(compare(number, asked.op, asked.value), around, without=without)


def _since(column: Any, asked: Is, around: Around) -> list[Bool]:
    """Rows of the last ``days`` business days."""
    if asked.days is None:
        return []
    return [column >= clock.start_of_day(around.first_day(asked.days), around.time_zone)]


FRIENDS = Rows(
    source=referral,
    owner=referral.c.referrer_id,
    where=(referral.c.status.in_(_HAVE_BOUGHT),),
)
"""Friends somebody brought who have bought enough to count."""


def _friends(asked: Is, around: Around) -> Bool:
    return _count(FRIENDS, asked, around)


def _was_brought(asked: Is, around: Around) -> Bool:
    del around
    found = Rows(source=referral, owner=referral.c.friend_id).any()
    return found if asked.value else sa.not_(found)


def last_rating(op: str, value: Any) -> Bool:
    """The score of the last rating; it is unknown of who never rated."""
    later = rating.alias()
    is_last = sa.not_(
        sa.select(sa.literal_column("1"))
        .where(
            later.c.customer_id == rating.c.customer_id,
            sa.tuple_(later.c.rated_at, later.c.id) > sa.tuple_(rating.c.rated_at, rating.c.id),
        )
        .correlate(rating)
        .exists()
    )
    rows = Rows(source=rating, owner=rating.c.customer_id, where=(is_last,))
    return rows.one(compare(rating.c.score, op, value), without=op in NEGATIVE)


def _rating_last(asked: Is, around: Around) -> Bool:
    del around
    return last_rating(asked.op, asked.value)


def _rating_average(asked: Is, around: Around) -> Bool:
    # Hundredths against a sum and a count, multiplied out: nothing is rounded.
    total, count = whole_sum(rating.c.score) * 100, sa.func.count()
    rows = Rows(source=rating, owner=rating.c.customer_id)
    fit = compare(total, asked.op, times(asked.value, count))
    return rows.together(fit, around, without=asked.op in NEGATIVE)


def _event(asked: Is, around: Around) -> Bool:
    where = [event.c.type == asked.key, *_since(event.c.at, asked, around)]
    return _count(Rows(source=event, owner=event.c.customer_id, where=where), asked, around)


def _source(asked: Is) -> str | None:
    """The source of a message, as touches name it."""
    if asked.key is None:
        return None
    return asked.key if ":" in asked.key else f"chain:{asked.key}"


def _received(asked: Is, around: Around) -> Bool:
    """Offers and reminders that arrived; receipts and answers are not counted."""
    o, source = outbox.c, _source(asked)
    where = [
        o.state == "sent",
        o.message_class != _SERVICE,
        *_since(o.left_at, asked, around),
    ]
    rows: sa.FromClause = outbox
    if source is not None:
        rows = outbox.join(touch, touch.c.id == o.touch_id)
        where.append(touch.c.source == source)
    return _count(Rows(source=rows, owner=o.customer_id, where=where), asked, around)


def _clicked(asked: Is, around: Around) -> Bool:
    """Messages with at least one tap on a button or link; two taps in one count once."""
    source = _source(asked)
    where = _since(click.c.at, asked, around)
    if source is not None:
        where.append(click.c.source == source)
    rows = Rows(source=click, owner=click.c.customer_id, where=where)
    return _count(rows, asked, around, click.c.outbox_id)


ASKED = {
    "friends_brought": _friends,
    "was_brought": _was_brought,
    "rating_last": _rating_last,
    "rating_average": _rating_average,
    "event": _event,
    "messages_received": _received,
    "messages_clicked": _clicked,
}
