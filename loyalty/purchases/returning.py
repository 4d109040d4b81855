"""Returns: what was spent comes back, what was earned is taken, debt for what is gone.

Any number of times, up to what was bought, and never refused because points were spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, events, messaging, program
from loyalty.customers import customer, telegram_chat
from loyalty.db.engine import AlreadyThere
from loyalty.db.rows import Rows
from loyalty.errors import PurchaseNotFound
from loyalty.ids import new_id
from loyalty.purchases.giving_up import give_up, recount_moments, roll_up, stamps_to_take
from loyalty.purchases.goal_gifts import take_gifts
from loyalty.purchases.model import ReturnedLine, ReturnResult
from loyalty.purchases.return_plan import Plan, lock_purchase, plan_return
from loyalty.receipts import purchase, purchase_line, purchase_return
from loyalty.staff import outlet
from loyalty.wallet import Cause, Wallet, lock
from loyalty.wallet.tables import lot


def preview_return(
    session: Session,
    *,
    purchase_id: int,
    lines: Sequence[ReturnedLine] | None = None,
    now: datetime,
) -> ReturnResult:
    """What ``record_return`` would do now. Writes nothing, locks nothing.

    Raises:
        PurchaseNotFound, NothingToReturn, ReturnExceedsPurchase, ReceiptInvalid: as there.
    """
    plan = plan_return(session, purchase_id, lines, for_update=False)
    wallet = None
    if plan.bought.customer_id is not None:
        wallet = lock(session, [plan.bought.customer_id], for_update=False)[plan.bought.customer_id]
    zone = _zone(session, plan)
    cause = Cause("return", "0", "system", now)
    return _apply(session, Rows(), plan, wallet, cause=cause, zone=zone, return_id=None)


def record_return(
    session: Session,
    *,
    purchase_id: int,
    lines: Sequence[ReturnedLine] | None = None,
    actor: str,
    now: datetime,
    key: str,
    undo: bool = False,
    silent: bool = False,
) -> ReturnResult:
    """Take goods back, all that is left or by line; the same ``key`` gives the same return.

    ``undo``: the sale is taken back as if it had not been (``undoing``): it counts as no receipt
    of the customer's, and spent points keep their own expiry. ``silent``: nothing to tell.

    Locks the customer's account, then the purchase, then the vouchers it used.

    Raises:
        PurchaseNotFound: no such purchase.
        NothingToReturn: all of it came back before.
        ReturnExceedsPurchase: more than is left of a line.
        ReceiptInvalid: a line that the purchase does not have.
        AlreadyThere: the purchase found its customer this very moment; the door runs it again.
    """
    customer_id = _customer_of(session, purchase_id)
    wallet = lock(session, [customer_id])[customer_id] if customer_id is not None else None
    if wallet is None:
        # Nothing else keeps two returns of it apart, or one from the sale finding its customer.
        lock_purchase(session, purchase_id)
        if _customer_of(session, purchase_id) is not None:
            raise AlreadyThere()
    known = _known_return(session, key=key, now=now, wallet=wallet)
    if known is not None:
        return known
    plan = plan_return(session, purchase_id, lines, for_update=True)
    if plan.bought.customer_id != customer_id:
        raise AlreadyThere()  # a paper card's purchases went to its owner meanwhile
    rows = Rows()
    return_id = new_id()
    zone = _zone(session, plan)
    cause = Cause("return", str(return_id), actor, now)
    result = _apply(
        session, rows, plan, wallet, cause=cause, zone=zone, return_id=return_id, undo=undo
    )
    taken = give_up(session, rows, plan, cause=cause)
    result = replace(result, stamps_taken=taken)
    if undo and wallet is not None:
        take_gifts(session, rows, plan, wallet, cause=cause)
        result = replace(result, balance=wallet.available(now), debt=wallet.debt)
    _receipt_rows(session, rows, plan, result, actor=actor, now=now, key=key, undo=undo)
    if wallet is not None:
        wallet.finish(rows)
        if not silent:
            _tell(session, rows, plan, result, now=now, undo=undo)
    _event(rows, result, actor=actor, now=now, undo=undo)
    rows.put(session)
    if undo and customer_id is not None:
        recount_moments(session, customer_id)
    return result


def _event(rows: Rows, result: ReturnResult, *, actor: str, now: datetime, undo: bool) -> None:
    events.record(
        rows,
        type="purchase.returned",
        customer_id=result.customer_id,
        actor=actor,
        data={
            "purchase_id": str(result.purchase_id),
            "return_id": str(result.return_id),
            "amount": result.amount,
            "earned_reversed": result.earned_reversed,
            "spent_returned": result.spent_returned,
            **({"undo": True} if undo else {}),
        },
        now=now,
    )


def _customer_of(session: Session, purchase_id: int) -> int | None:
    query = sa.select(purchase.c.customer_id).where(purchase.c.id == purchase_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise PurchaseNotFound()
    found: int | None = row.customer_id
    return found


def _zone(session: Session, plan: Plan) -> str:
    query = sa.select(outlet.c.time_zone).where(outlet.c.id == plan.bought.outlet_id)
    return session.execute(query).scalar_one_or_none() or "UTC"


def _apply(
    session: Session,
    rows: Rows,
    plan: Plan,
    wallet: Wallet | None,
    *,
    cause: Cause,
    zone: str,
    return_id: int | None,
    undo: bool = False,
) -> ReturnResult:
    owed = 0
    if wallet is not None:
        shares = _with_expiry(session, plan, now=cause.at, zone=zone, undo=undo)
        wallet.give_back(rows, shares=shares, cause=cause)
        owed = wallet.claw_back(
            rows, points=plan.to_reverse, purchase_id=plan.bought.id, cause=cause
        )
    return ReturnResult(
        return_id=return_id,
        purchase_id=plan.bought.id,
        customer_id=plan.bought.customer_id,
        amount=plan.amount,
        money_back=plan.money_back,
        earned_reversed=plan.to_reverse,
        spent_returned=plan.spent_returned,
        debt_added=owed,
        balance=wallet.available(cause.at) if wallet else 0,
        debt=wallet.debt if wallet else 0,
        gift_returned=plan.gift_returned,
        stamps_taken=stamps_to_take(session, plan),
        lines=tuple(
            ReturnedLine(n=line.row.n, quantity_milli=line.after - line.before)
            for line in plan.lines
            if line.after > line.before
        ),
    )


def _with_expiry(
    session: Session, plan: Plan, *, now: datetime, zone: str, undo: bool
) -> list[tuple[int, int, datetime | None]]:
    """The origin's expiry for points given back, or 14 days from now if that is closer.

    An undone sale gives no such respite, unless they have run out in those very minutes.
    """
    if not plan.origins:
        return []
    rules = program.by_id(session, plan.bought.program_version_id).program
    earliest = clock.end_of_validity(
        clock.local_date(now, zone), rules.returned_points_min_days, zone
    )
    query = sa.select(lot.c.id, lot.c.expires_at).where(
        lot.c.id.in_([lot_id for lot_id, _ in plan.origins])
    )
    expiry = {row.id: row.expires_at for row in session.execute(query)}

    def until(lot_id: int) -> datetime | None:
        own: datetime | None = expiry.get(lot_id)
        return own if own is None or (undo and own > now) else max(own, earliest)

    return [(lot_id, n, until(lot_id)) for lot_id, n in plan.origins]


def _receipt_rows(
    session: Session,
    rows: Rows,
    plan: Plan,
    result: ReturnResult,
    *,
    actor: str,
    now: datetime,
    key: str,
    undo: bool,
) -> None:
    bought = plan.bought
    rows.insert(
        purchase_return,
        {
            "id": result.return_id,
            "purchase_id": bought.id,
            "customer_id": bought.customer_id,
            "at": now,
            "actor": actor,
            "import_key": key,
            "amount": result.amount,
            "money_back": result.money_back,
            "earned_reversed": result.earned_reversed,
            "spent_returned": result.spent_returned,
            "debt": result.debt_added,
            "lines": [
                {"n": line.n, "quantity_milli": line.quantity_milli} for line in result.lines
            ],
            "gift_returned": result.gift_returned,
            "effects": {"stamps": dict(result.stamps_taken)} if result.stamps_taken else None,
            "undo": undo,
        },
    )
    rows.update(purchase, {"id": bought.id, "returned": bought.returned + result.amount})
    for line in plan.lines:
        if line.after > line.before:
            rows.update(
                purchase_line,
                {"purchase_id": bought.id, "n": line.row.n, "returned_milli": line.after},
            )
    if bought.customer_id is not None:
        roll_up(session, rows, plan, receipts=-1 if undo else 0)


def _tell(
    session: Session,
    rows: Rows,
    plan: Plan,
    result: ReturnResult,
    *,
    now: datetime,
    undo: bool,
) -> None:
    query = (
        sa.select(telegram_chat.c.telegram_id)
        .join(customer, customer.c.id == telegram_chat.c.customer_id)
        .where(customer.c.id == plan.bought.customer_id, telegram_chat.c.reachable)
    )
    chat_id = session.execute(query).scalar_one_or_none()
    if chat_id is None:
        return
    messaging.enqueue(
        rows,
        customer_id=plan.bought.customer_id,
        chat_id=chat_id,
        message_class=messaging.SERVICE,
        key=f"returned:{result.return_id}",
        payload={
            "template": "undone" if undo else "returned",
            "values": {
                "purchase_id": str(plan.bought.id),
                "amount": result.amount,
                "earned_reversed": result.earned_reversed,
                "spent_returned": result.spent_returned,
                "gift_returned": result.gift_returned,
                "stamps": sum(result.stamps_taken.values()),
                "balance": result.balance,
                "debt": result.debt,
            },
        },
        now=now,
    )


def _known_return(
    session: Session, *, key: str, now: datetime, wallet: Wallet | None
) -> ReturnResult | None:
    query = sa.select(purchase_return).where(purchase_return.c.import_key == key)
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    result = ReturnResult(
        return_id=row.id,
        purchase_id=row.purchase_id,
        customer_id=row.customer_id,
        amount=row.amount,
        money_back=row.money_back,
        earned_reversed=row.earned_reversed,
        spent_returned=row.spent_returned,
        debt_added=row.debt,
        balance=wallet.available(now) if wallet else 0,
        debt=wallet.debt if wallet else 0,
        gift_returned=row.gift_returned,
        stamps_taken=(row.effects or {}).get("stamps") or {},
        lines=tuple(ReturnedLine(n=i["n"], quantity_milli=i["quantity_milli"]) for i in row.lines),
    )
    return replace(result, replayed=True)
