"""Returns at a till: looked at first, then recorded once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy.orm import Session

from admin.api.answers import ReturnedLineOut, ReturnOut
from admin.api.door import Call, Done
from admin.api.fields import money_text, quantity_text
from admin.api.requests import ReturnIn
from loyalty import purchases
from loyalty.errors import ReceiptInvalid, ReturnExceedsPurchase
from loyalty.purchases import ReturnedLine, ReturnResult
from loyalty.purchases.till import get_sale, lines_of


def take_back(session: Session, call: Call, body: ReturnIn) -> Done:
    """``POST /purchases/{id}/returns``."""
    if call.query.get("preview"):
        return preview(session, call, body)
    purchase_id, lines = _asked(session, call, body)
    done = purchases.record_return(
        session,
        purchase_id=purchase_id,
        lines=lines,
        actor=call.till.actor,
        now=call.now,
        key=_key(call),
    )
    return Done(_out(done), 201, done.customer_id)


def preview(session: Session, call: Call, body: ReturnIn) -> Done:
    """``POST /purchases/{id}/returns/preview``, also ``…/returns?preview=true``."""
    purchase_id, lines = _asked(session, call, body)
    shown = purchases.preview_return(session, purchase_id=purchase_id, lines=lines, now=call.now)
    return Done(_out(shown), customer_id=shown.customer_id)


def _asked(
    session: Session, call: Call, body: ReturnIn
) -> tuple[int, Sequence[ReturnedLine] | None]:
    """The purchase, if it is this outlet's, and what of it comes back."""
    purchase_id = call.number("id")
    get_sale(session, purchase_id=purchase_id, outlet_id=call.till.outlet_id)
    return purchase_id, _lines(session, purchase_id, body)


def _lines(session: Session, purchase_id: int, body: ReturnIn) -> Sequence[ReturnedLine] | None:
    """What comes back, a line named twice added up; a line without a quantity: what is left."""
    if body.lines is None:
        return None
    left = {line.n: line.left_milli for line in lines_of(session, purchase_id=purchase_id)}
    wanted: dict[int, int] = {}
    for line in body.lines:
        if line.n not in left:
            raise ReceiptInvalid(field=f"lines[{line.n}]", problem="unknown")
        quantity = left[line.n] if line.quantity is None else line.quantity
        if quantity == 0:
            raise ReturnExceedsPurchase(line=line.n, left="0")
        wanted[line.n] = wanted.get(line.n, 0) + quantity
    return [ReturnedLine(n=n, quantity_milli=milli) for n, milli in wanted.items()]


def _key(call: Call) -> str:
    """The till's own key, as one of all tills' (64 characters at most)."""
    return "pos:" + hashlib.sha256(f"{call.till.actor}\n{call.key}".encode()).hexdigest()[:60]


def _out(result: ReturnResult) -> ReturnOut:
    return ReturnOut(
        return_id=str(result.return_id) if result.return_id is not None else None,
        purchase_id=str(result.purchase_id),
        amount=money_text(result.amount),
        money_back=money_text(result.money_back),
        earned_reversed=result.earned_reversed,
        spent_returned=result.spent_returned,
        debt_added=result.debt_added,
        debt=result.debt,
        balance=result.balance,
        lines=[
            ReturnedLineOut(n=line.n, quantity=quantity_text(line.quantity_milli))
            for line in result.lines
        ],
    )
