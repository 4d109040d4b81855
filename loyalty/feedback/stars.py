"""One to five stars for a purchase, and the words to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db.rows import Rows
from loyalty.errors import PurchaseNotFound, RatingClosed
from loyalty.feedback import talking
from loyalty.feedback.tables import rating
from loyalty.feedback.words import clean_words
from loyalty.ids import new_id
from loyalty.messaging.outbox import insert_new
from loyalty.receipts import purchase, purchase_return
from loyalty.staff import outlet

RATE_WITHIN = timedelta(days=30)
"""So long a purchase can be rated, and so long a rating can be changed."""

WORST, BEST = 1, 5
SORRY = 3
"""Up to this score we ask what went wrong, and the words open a talk with the staff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A rating as it stands. ``before`` is the score until now, None if there was none."""

    rating_id: int
    purchase_id: int
    score: int
    before: int | None
    has_words: bool

    @property
    def changed(self) -> bool:
        """Whether this call gave the first score or another one."""
        return self.before != self.score


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """Words to a rating; ``talk_id`` if they went to the staff as the beginning of a talk."""

    score: int
    talk_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A purchase that is spoken about. ``total`` in minor units; ``score`` None: not rated."""

    total: int
    sold_at: datetime
    outlet: str | None
    score: int | None


def rate(
    session: Session, *, customer_id: int, purchase_id: int, score: int, now: datetime
) -> Rated:
    """Give a purchase of one's own its stars, or other stars than before; event
    ``purchase.rated``. The same score again changes nothing.

    Raises:
        ValueError: the score is not from 1 to 5.
        PurchaseNotFound: no such purchase, somebody else's, or one that was undone.
        RatingClosed: it is too late; facts ``days``.
    """
    if not WORST <= score <= BEST:
        raise ValueError(f"no score of {score}")
    bought = _own(session, customer_id, purchase_id)
    known = _standing(session, purchase_id)
    if known is None:
        if now - (bought.attached_at or bought.sold_at) > RATE_WITHIN:
            raise RatingClosed(days=RATE_WITHIN.days)
        row = {
            "id": new_id(),
            "customer_id": customer_id,
            "purchase_id": purchase_id,
            "outlet_id": bought.outlet_id,
            "staff_id": bought.staff_id,
            "score": score,
            "text": None,
            "rated_at": now,
            "updated_at": now,
        }
        if insert_new(session, rating, [row]):
            _note(session, customer_id, purchase_id, score, None, now)
            return _rated(purchase_id, row["id"], score, None, None)
        # Another tap of the same moment was first.
        known = _standing(session, purchase_id)
        assert known is not None
    if known.score == score:
        return _rated(purchase_id, known.id, score, score, known.text)
    if now - known.rated_at > RATE_WITHIN:
        raise RatingClosed(days=RATE_WITHIN.days)
    session.execute(
        sa.update(rating).where(rating.c.id == known.id).values(score=score, updated_at=now)
    )
    _note(session, customer_id, purchase_id, score, known.score, now)
    return _rated(purchase_id, known.id, score, known.score, known.text)


def comment(
    session: Session, *, customer_id: int, purchase_id: int, text: str, key: str, now: datetime
) -> Commented:
    """Add words to a rating; with a low score they open a talk with the staff.

    ``key`` makes the message to the staff one (the update that brought it). Words that come
    again take the place of the former ones.

    Raises:
        PurchaseNotFound: this customer has not rated such a purchase.
        CustomerNotFound: they were erased while they were writing.
        WordsInvalid: nothing is written, or too much.
        TooManyMessages: as many as one may write in an hour are written.
    """
    words = clean_words(text)
    talking.hold_person(session, customer_id)
    known = _standing(session, purchase_id)
    if known is None or known.customer_id != customer_id:
        raise PurchaseNotFound()
    if known.text != words:
        session.execute(
            sa.update(rating).where(rating.c.id == known.id).values(text=words, updated_at=now)
        )
    if known.score > SORRY:
        return Commented(score=known.score, talk_id=None)
    written = talking.write(
        session, customer_id=customer_id, text=words, key=key, now=now, rating_id=known.id
    )
    return Commented(score=known.score, talk_id=written.talk_id)


def last_score(session: Session, customer_id: int) -> int | None:
    """The score a customer gave last; None if they have rated nothing."""
    query = (
        sa.select(rating.c.score)
        .where(rating.c.customer_id == customer_id)
        .order_by(rating.c.rated_at.desc(), rating.c.id.desc())
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def subject(session: Session, *, customer_id: int, purchase_id: int) -> Subject:
    """A purchase of one's own, as a question about it needs it.

    Raises:
        PurchaseNotFound: no such purchase, somebody else's, or one that was undone.
    """
    bought = _own(session, customer_id, purchase_id)
    query = sa.select(rating.c.score).where(rating.c.purchase_id == purchase_id)
    return Subject(
        total=bought.total,
        sold_at=bought.sold_at,
        outlet=bought.outlet,
        score=session.execute(query).scalar_one_or_none(),
    )


def rated_among(session: Session, purchase_ids: list[int]) -> set[int]:
    """Which of these purchases are rated."""
    query = sa.select(rating.c.purchase_id).where(rating.c.purchase_id.in_(purchase_ids))
    return set(session.execute(query).scalars())


def _own(session: Session, customer_id: int, purchase_id: int) -> Any:
    undone = (
        sa.select(purchase_return.c.id)
        .where(purchase_return.c.purchase_id == purchase.c.id, purchase_return.c.undo == sa.true())
        .exists()
    )
    query = sa.select(
        purchase.c.outlet_id,
        purchase.c.staff_id,
        purchase.c.sold_at,
        purchase.c.attached_at,
        purchase.c.total,
        outlet.c.name.label("outlet"),
    )
    query = query.outerjoin(outlet, outlet.c.id == purchase.c.outlet_id).where(
        purchase.c.id == purchase_id,
        purchase.c.customer_id == customer_id,
        purchase.c.unlinked_return == sa.false(),
        ~undone,
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise PurchaseNotFound()
    return found


def _standing(session: Session, purchase_id: int) -> Any:
    query = sa.select(rating).where(rating.c.purchase_id == purchase_id).with_for_update()
    return session.execute(query).one_or_none()


def _rated(purchase_id: int, id_: int, score: int, before: int | None, text: str | None) -> Rated:
    return Rated(
        rating_id=id_, purchase_id=purchase_id, score=score, before=before, has_words=bool(text)
    )


def _note(
    session: Session,
    customer_id: int,
    purchase_id: int,
    score: int,
    before: int | None,
    now: datetime,
) -> None:
    rows = Rows()
    events.record(
        rows,
        type="purchase.rated",
        customer_id=customer_id,
        actor=f"customer:{customer_id}",
        data={"purchase_id": str(purchase_id), "score": score, "before": before},
        now=now,
    )
    rows.put(session)
