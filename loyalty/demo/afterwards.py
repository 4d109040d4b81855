"""What stands open when the demo's year is over: decisions to take, debts, a draft to publish.

Done through the program's own doors, a few of each, by the people of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import jobs, purchases, referrals, tiers, wallet
from loyalty.demo.member import LastSale, Member
from loyalty.ids import new_id
from loyalty.program import Program, drafts
from loyalty.receipts import purchase

RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who acts, as actors: ``staff:ID``."""

    owner: str
    marketer: str


@dataclass(frozen=True, slots=True)
class _Words:
    sorry: str
    banquet: str
    mistake: str
    lost_phone: str


_WORDS = {
    "ru": _Words(
        "Извинение за долгий заказ",
        "Банкет: баллы обещала управляющая",
        "Начислено по ошибке, чек чужой",
        "Потеряла телефон, просит приостановить",
    ),
    "en": _Words(
        "An apology for the long wait",
        "A banquet: the manager has promised these points",
        "Given by mistake, another guest's receipt",
        "Has lost her phone and asks us to wait",
    ),
}


def leave_open(
    session: Session,
    members: Sequence[Member],
    people: People,
    *,
    language: str,
    program: Program,
    time_zone: str,
    now: datetime,
) -> int:
    """Leave behind what people are to look at; how many goods were returned for it."""
    free = [m for m in members if m.orders and not m.guest.diary]
    returns = _debts(session, free, now=now)
    _corrections(session, free, people, language, program, now=now)
    _friends(session, people, time_zone=time_zone, now=now)
    _draft(session, people, now=now)
    for job, moment in (
        (tiers.REVIEW, tiers.last_review(now, time_zone)),
        (tiers.WARNING, tiers.last_warning(now, time_zone, program.tier_warning_days)),
    ):
        jobs.start_run(session, job=job, scheduled_for=moment, now=moment)
        jobs.finish_run(session, job=job, scheduled_for=moment, result="", now=moment)
    return returns


def _debts(session: Session, members: Sequence[Member], *, now: datetime) -> int:
    """Returns after the points were spent, and after the free coffee was drunk; how many."""
    # Last night's returns, a little before the sums were made.
    at, returned = now - timedelta(minutes=20), set[int]()
    for will_owe in (_points_lost, _stamps_lost):
        for member in members:
            sale = will_owe(member)
            if sale is None or now - sale.sold_at > RECENT or member.customer_id in returned:
                continue
            returned.add(member.customer_id)
            purchases.record_return(
                session,
                purchase_id=sale.purchase_id,
                actor=_actor_of(session, sale.purchase_id),
                now=at,
                key=f"demo:return:{sale.purchase_id}",
            )
            break
    return len(returned)


def _points_lost(member: Member) -> LastSale | None:
    """A sale whose points have been spent since."""
    sale = member.last_plain
    return sale if sale is not None and sale.earned > member.wallet.posted else None


def _stamps_lost(member: Member) -> LastSale | None:
    """A sale that filled a card whose reward has been used since."""
    sale, standing = member.last_stamped, member.standing
    if sale is None or standing is None or member.rewards or not standing.cards:
        return None
    return sale if sale.stamps > standing.stamps else None


def _actor_of(session: Session, purchase_id: int) -> str:
    query = sa.select(purchase.c.staff_id).where(purchase.c.id == purchase_id)
    return f"staff:{session.execute(query).scalar_one()}"


def _corrections(
    session: Session,
    members: Sequence[Member],
    people: People,
    language: str,
    program: Program,
    *,
    now: datetime,
) -> None:
    """Two corrections, one that waits for a second person, a paused wallet, a tier by hand."""
    words = _WORDS.get(language, _WORDS["en"])
    whole = [member for member in members if member.wallet.posted > 60 and not member.wallet.debt]
    asked = (
        (timedelta(days=12), 150, words.sorry),
        (timedelta(hours=30), program.adjustment_alone_up_to + 500, words.banquet),
        (timedelta(hours=3), -40, words.mistake),
    )
    for member, (ago, points, reason) in zip(whole, asked, strict=False):
        wallet.request_adjustment(
            session,
            adjustment_id=new_id(),
            customer_id=member.customer_id,
            points=points,
            reason=reason,
            actor=people.marketer,
            alone_up_to=program.adjustment_alone_up_to,
            now=now - ago,
        )
    for member in whole[len(asked) : len(asked) + 1]:
        wallet.pause_spending(
            session,
            customer_id=member.customer_id,
            reason=words.lost_phone,
            until=None,
            actor=people.owner,
            now=now - timedelta(days=2),
        )
    for member in whole[len(asked) + 1 : len(asked) + 2]:
        tiers.grant(
            session,
            customer_id=member.customer_id,
            tier=program.tiers[-1].key,
            actor=people.owner,
            reason="partner",
            now=now - timedelta(days=20),
        )


def _friends(session: Session, people: People, *, time_zone: str, now: datetime) -> None:
    """Of the review queue one is rewarded and one is not; the others wait."""
    waiting = referrals.queue(session, now=now, time_zone=time_zone)
    if len(waiting) < 3:
        return
    for decide, item, ago in (
        (referrals.approve, waiting[0], timedelta(days=1, hours=2)),
        (referrals.decline, waiting[1], timedelta(days=1)),
    ):
        decide(
            session,
            friend_id=item.friend_id,
            actor=people.owner,
            now=now - ago,
            time_zone=time_zone,
        )


def _draft(session: Session, people: People, *, now: datetime) -> None:
    """Three changes of the program that the marketer has in mind."""
    at = now - timedelta(hours=26)
    draft = drafts.start(session, actor=people.marketer, now=at)
    rules = draft.program.model_dump(mode="json")
    rules["tiers"][1]["earn_rate_bp"] = 800
    rules["referral"]["friend_points"] = 150
    rules["pending_days"] = 0
    drafts.save(
        session,
        draft_id=draft.id,
        edition=draft.edition,
        rules=rules,
        actor=people.marketer,
        now=at + timedelta(minutes=6),
    )
