"""What chains do beside writing: gifts, tags, webhooks, calls. Each once for its touch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, stamps, tasks, vouchers, wallet, webhooks
from loyalty.chains.model import GiftStep, StampGift, TagStep, TaskStep, VoucherGift, WebhookStep
from loyalty.chains.outcome import Act
from loyalty.customers import customer
from loyalty.db.rows import Rows
from loyalty.errors import DomainError, StampsInvalid
from loyalty.events import SYSTEM, record
from loyalty.program import Program

log = logging.getLogger(__name__)

CHAIN = "chain"
"""Where a gift comes from, on the ledger and on coupons."""


def carry_out(
    session: Session, acts: Sequence[Act], *, rules: Program, now: datetime, time_zone: str
) -> list[int]:
    """Do what was decided; touches of what could not be done, which stops nothing else.

    Locks the wallets of those who get points or stamps, in id order. A coupon's code is noted in
    the pass's ``subject``.
    """
    failed = []
    for act in sorted(acts, key=lambda one: (one.item.customer_id, one.touch_id)):
        try:
            _do(session, act, rules=rules, now=now, time_zone=time_zone)
        except DomainError as refused:
            # Refused before anything was written: no account, a card that is no more.
            log.error("a step of %s failed: %s", act.item.source, refused.code)
            act.item.subject.pop("code", None)
            failed.append(act.touch_id)
    return failed


def _do(session: Session, act: Act, *, rules: Program, now: datetime, time_zone: str) -> None:
    step = act.step
    if isinstance(step, GiftStep):
        _give(session, act, step, rules=rules, now=now, time_zone=time_zone)
    elif isinstance(step, TagStep):
        _tag(session, act, step, now=now)
    elif isinstance(step, WebhookStep):
        _tell(session, act, step, now=now)
    elif isinstance(step, TaskStep):
        tasks.open(
            session,
            key=f"touch:{act.touch_id}",
            customer_id=act.item.customer_id,
            source=act.item.source,
            title={"ru": step.title.ru, "en": step.title.en},
            due_at=now + timedelta(days=step.due_days),
            now=now,
        )


def _give(
    session: Session, act: Act, step: GiftStep, *, rules: Program, now: datetime, time_zone: str
) -> None:
    if step.points is not None:
        days = rules.expiry_days if step.points_days is None else step.points_days
        today = clock.local_date(now, time_zone)
        wallet.grant(
            session,
            customer_id=act.item.customer_id,
            points=step.points,
            kind="gift",
            source_kind=CHAIN,
            source_id=str(act.touch_id),
            actor=SYSTEM,
            now=now,
            expires_at=None if days is None else clock.end_of_validity(today, days, time_zone),
        )
    elif step.stamps is not None:
        _stamp(session, act, step.stamps, rules=rules, now=now, time_zone=time_zone)
    elif step.voucher is not None:
        _coupon(session, act, step.voucher, now=now, time_zone=time_zone)


def _stamp(
    session: Session, act: Act, gift: StampGift, *, rules: Program, now: datetime, time_zone: str
) -> None:
    card = rules.stamp_card(gift.card)
    if card is None:
        raise StampsInvalid(maximum=0)
    stamps.grant(
        session,
        rule=card,
        customer_id=act.item.customer_id,
        stamps=gift.count,
        cause_kind=CHAIN,
        cause_id=str(act.touch_id),
        actor=SYSTEM,
        day=clock.local_date(now, time_zone),
        now=now,
        time_zone=time_zone,
    )


def _coupon(
    session: Session, act: Act, gift: VoucherGift, *, now: datetime, time_zone: str
) -> None:
    rows = Rows()
    issued = vouchers.issue(
        rows,
        kind=vouchers.COUPON,
        name=gift.name,
        effect=gift.effect,
        source_kind=CHAIN,
        created_by=SYSTEM,
        now=now,
        customer_id=act.item.customer_id,
        issue_key=f"touch:{act.touch_id}",
        valid_days=gift.valid_days,
        time_zone=time_zone,
        minimum=gift.minimum,
    )
    rows.put(session)
    until = issued.ends_at.isoformat() if issued.ends_at else None
    act.item.subject |= {"code": issued.code, "code_until": until}


def _tag(session: Session, act: Act, step: TagStep, *, now: datetime) -> None:
    row = session.execute(
        sa.select(customer.c.tags).where(customer.c.id == act.item.customer_id).with_for_update()
    ).one()
    tags = [str(tag) for tag in row.tags or []]
    has = step.tag in tags
    if has != step.remove:
        return
    kept = [tag for tag in tags if tag != step.tag] if step.remove else [*tags, step.tag]
    session.execute(
        sa.update(customer).where(customer.c.id == act.item.customer_id).values(tags=kept)
    )
    rows = Rows()
    data = {"tag": step.tag, "removed": step.remove, "source": act.item.source}
    record(
        rows,
        type="customer.tagged",
        customer_id=act.item.customer_id,
        actor=SYSTEM,
        data=data,
        now=now,
    )
    rows.put(session)


def _tell(session: Session, act: Act, step: WebhookStep, *, now: datetime) -> None:
    webhooks.enqueue(
        session,
        type="chain.step",
        key=f"touch:{act.touch_id}",
        data={
            "customer_id": str(act.item.customer_id),
            "chain": act.item.source.partition(":")[2],
            "step": act.step.id,
            "name": step.name,
            "occurrence": act.item.occurrence,
        },
        now=now,
    )
