"""Making vouchers: a coupon inside a sale, a promo code by hand, a thousand codes at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events
from loyalty.amounts import MAX_AMOUNT
from loyalty.db.rows import Rows
from loyalty.errors import VoucherCodeTaken, VoucherInvalid
from loyalty.ids import new_id
from loyalty.program.effects import LocalText, Rules
from loyalty.vouchers.codes import COUPON_LENGTH, GIFT_CARD_LENGTH, chosen, draw, look_alikes
from loyalty.vouchers.model import ACTIVE, COUPON, GIFT_CARD, INACTIVE, KINDS, Issued
from loyalty.vouchers.tables import voucher

MOST_AT_ONCE = 10_000
"""Codes in one batch."""

LONGEST_DAYS = 3650
"""Days a voucher may be good for; without a date it is good for ever."""


def issue(
    rows: Rows,
    *,
    kind: str,
    name: LocalText,
    effect: Rules | None,
    source_kind: str,
    created_by: str,
    now: datetime,
    customer_id: int | None = None,
    issue_key: str | None = None,
    valid_days: int | None = None,
    ends_at: datetime | None = None,
    starts_at: datetime | None = None,
    time_zone: str | None = None,
    minimum: int = 0,
    amount: int | None = None,
    code: str | None = None,
    segment: str | None = None,
    combines: bool = False,
    total_limit: int | None = None,
    customer_limit: int | None = None,
    active: bool | None = None,
) -> Issued:
    """Add a new voucher to the unit's rows; its code is random unless ``code`` is given.

    ``minimum`` and ``amount`` (a gift card's money) in minor units. With ``valid_days`` it is
    good through that last day in ``time_zone``, or for exactly so many days without one. A
    coupon is good for one use, a promo code for any number, if no limit is given. A gift card
    begins inactive unless ``active``. ``issue_key`` is unique: what caused it causes it once.
    A ``code`` of one's own may be taken: ``create`` looks first.

    Raises:
        VoucherInvalid: parts that do not fit together (facts ``field``, ``problem``).
        VoucherCodeInvalid: ``code`` is not 3 to 32 letters and digits.
    """
    _check_parts(kind, effect, amount, minimum, total_limit, customer_limit)
    ends_at = _end(starts_at, now, valid_days, ends_at, time_zone)
    if kind == COUPON and total_limit is None:
        total_limit = 1
    if active is None:
        active = kind != GIFT_CARD
    row: dict[str, Any] = {
        "id": new_id(),
        "code": _draw(kind) if code is None else chosen(code),
        "kind": kind,
        "name": name.model_dump(mode="json"),
        "customer_id": customer_id,
        "status": ACTIVE if active else INACTIVE,
        "effect": None if effect is None else effect.model_dump(mode="json"),
        "minimum": minimum,
        "segment": segment,
        "combines": combines,
        "total_limit": total_limit,
        "customer_limit": customer_limit,
        "used": 0,
        "granted": amount,
        "balance": amount,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "source_kind": source_kind,
        "issue_key": issue_key,
        "created_by": created_by,
        "created_at": now,
        "activated_at": now if active else None,
    }
    rows.insert(voucher, row)
    if customer_id is not None:
        _tell_owner(rows, row)
    return Issued(row["id"], row["code"], name, ends_at, issue_key)


def _draw(kind: str) -> str:
    return draw(GIFT_CARD_LENGTH if kind == GIFT_CARD else COUPON_LENGTH)


def _tell_owner(rows: Rows, row: dict[str, Any]) -> None:
    data = {"voucher_id": row["id"], "kind": row["kind"], "source": row["source_kind"]}
    events.record(
        rows,
        type="voucher.issued",
        customer_id=row["customer_id"],
        actor=row["created_by"],
        data=data,
        now=row["created_at"],
    )


def _end(
    starts_at: datetime | None,
    now: datetime,
    valid_days: int | None,
    ends_at: datetime | None,
    time_zone: str | None,
) -> datetime | None:
    begins = max(starts_at or now, now)
    if valid_days is not None:
        if not 1 <= valid_days <= LONGEST_DAYS:
            raise VoucherInvalid(field="valid_days", problem="out_of_range")
        if time_zone is None:
            return begins + timedelta(days=valid_days)
        first_day = clock.local_date(begins, time_zone)
        return clock.end_of_validity(first_day, valid_days, time_zone)
    if ends_at is not None and ends_at <= begins:
        raise VoucherInvalid(field="ends_at", problem="before_start")
    return ends_at


def _check_parts(
    kind: str,
    effect: Rules | None,
    amount: int | None,
    minimum: int,
    total_limit: int | None,
    customer_limit: int | None,
) -> None:
    if kind not in KINDS:
        raise VoucherInvalid(field="kind", problem="unknown")
    if kind == GIFT_CARD:
        if effect is not None:
            raise VoucherInvalid(field="effect", problem="not_for_gift_card")
        if amount is None or not 1 <= amount <= MAX_AMOUNT:
            raise VoucherInvalid(field="amount", problem="out_of_range")
        if total_limit is not None or customer_limit is not None:
            raise VoucherInvalid(field="total_limit", problem="not_for_gift_card")
    elif effect is None:
        raise VoucherInvalid(field="effect", problem="missing")
    elif amount is not None:
        raise VoucherInvalid(field="amount", problem="only_for_gift_card")
    for field, limit in (("total_limit", total_limit), ("customer_limit", customer_limit)):
        if limit is not None and limit < 1:
            raise VoucherInvalid(field=field, problem="out_of_range")
    if not 0 <= minimum <= MAX_AMOUNT:
        raise VoucherInvalid(field="minimum", problem="out_of_range")


def create(session: Session, *, created_by: str, now: datetime, **parts: Any) -> Issued:
    """Make one voucher by hand (``parts`` as for ``issue``), with an event for the audit.

    Raises:
        VoucherCodeTaken: another has this code, or one that looks the same.
        VoucherInvalid, VoucherCodeInvalid: as ``issue``.
    """
    own = parts.get("code")
    if own is not None:
        names = look_alikes(chosen(own))
        taken = sa.select(voucher.c.id).where(voucher.c.code.in_(names)).limit(1)
        if session.execute(taken).scalar_one_or_none() is not None:
            raise VoucherCodeTaken()
    parts.setdefault("source_kind", "staff")
    rows = Rows()
    made = issue(rows, created_by=created_by, now=now, **parts)
    _note(rows, "voucher.created", {"voucher_id": made.id}, created_by, now)
    rows.put(session)
    return made


def issue_many(
    session: Session,
    *,
    count: int,
    batch_key: str,
    created_by: str,
    now: datetime,
    **parts: Any,
) -> list[Issued]:
    """Make ``count`` vouchers alike, each with a random code, in one go.

    ``parts`` as for ``issue``. ``batch_key`` (at most 60 characters) makes the batch one: the
    same key again gives the vouchers that were made, and makes none.

    Raises:
        VoucherInvalid: not 1 to ``MOST_AT_ONCE`` of them, a code of one's own, or as ``issue``.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise VoucherInvalid(field="count", problem="out_of_range")
    if parts.get("code") is not None:
        raise VoucherInvalid(field="code", problem="one_for_many")
    if not 1 <= len(batch_key) <= 60:
        raise VoucherInvalid(field="batch_key", problem="out_of_range")
    keys = [f"batch:{batch_key}:{n}" for n in range(1, count + 1)]
    made = _made_before(session, keys)
    if made:
        return made
    parts.setdefault("source_kind", "staff")
    rows = Rows()
    issued = [issue(rows, created_by=created_by, now=now, issue_key=key, **parts) for key in keys]
    data = {"batch": batch_key, "count": count, "first_id": issued[0].id}
    _note(rows, "voucher.batch_created", data, created_by, now)
    rows.put(session)
    return issued


def _made_before(session: Session, keys: list[str]) -> list[Issued]:
    v = voucher.c
    query = sa.select(v.id, v.code, v.name, v.ends_at, v.issue_key)
    if session.execute(query.where(v.issue_key == keys[0])).one_or_none() is None:
        return []
    prefix = keys[0].removesuffix("1")
    found = session.execute(
        query.where(v.issue_key.startswith(prefix, autoescape=True)).order_by(v.id)
    )
    return [
        Issued(row.id, row.code, LocalText.model_validate(row.name), row.ends_at, row.issue_key)
        for row in found
    ]


def _note(rows: Rows, type: str, data: dict[str, Any], actor: str, now: datetime) -> None:
    events.record(rows, type=type, customer_id=None, actor=actor, data=data, now=now)
