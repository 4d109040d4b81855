"""What a customer is told of a till's hold: the question, and what was spent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.orm import Session

from loyalty import messaging, wallet
from loyalty.customers import telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import PresenceRequired
from loyalty.texts import Translator, translator

YES, NO = "spend:yes:", "spend:no:"
"""What the two buttons of the question send back, before the hold's id."""


def _chat(session: Session, customer_id: int) -> Any:
    query = sa.select(telegram_chat.c.telegram_id, telegram_chat.c.language).where(
        telegram_chat.c.customer_id == customer_id, telegram_chat.c.reachable
    )
    return session.execute(query).one_or_none()


def question(
    _: Translator, *, points: int, outlet: str, total: int | None, currency: str, seconds: int
) -> str:
    """The question with the time that is left to answer it; ``total`` in minor units."""
    said = [_("🔐 Spend <b>{points}</b> at {outlet}?", points=_.points(points), outlet=outlet)]
    if total is not None:
        said.append(_("Sum of the purchase: {total}", total=_.money(total, currency)))
    said.append(time_left(_, seconds))
    return "\n".join(said)


def time_left(_: Translator, seconds: int) -> Markup:
    """The line that counts down."""
    left = max(0, seconds)
    return _("⏳ Time left: <b>{left}</b>", left=f"{left // 60}:{left % 60:02d}")


def ask(
    session: Session,
    rows: Rows,
    placed: wallet.Hold,
    *,
    outlet: str,
    total: int | None,
    currency: str,
    seconds: int,
    now: datetime,
) -> None:
    """Ask the customer whether the points may be spent: it names outlet, points and sum.

    Raises:
        PresenceRequired: the customer has no chat to be asked in.
    """
    chat = _chat(session, placed.customer_id)
    if chat is None:
        raise PresenceRequired(reason="no_chat")
    _ = translator(chat.language)
    said = question(
        _, points=placed.amount, outlet=outlet, total=total, currency=currency, seconds=seconds
    )
    messaging.enqueue(
        rows,
        customer_id=placed.customer_id,
        chat_id=chat.telegram_id,
        message_class=messaging.SERVICE,
        key=f"ask:{placed.id}",
        payload={
            "text": said,
            "buttons": [
                [
                    {"text": str(_("✅ Yes, spend")), "tap": f"{YES}{placed.id}"},
                    {"text": str(_("No")), "tap": f"{NO}{placed.id}"},
                ]
            ],
        },
        now=now,
        deadline=placed.expires_at,
    )


def tell(
    session: Session,
    rows: Rows,
    *,
    hold_id: int,
    customer_id: int,
    points: int,
    left: int,
    now: datetime,
) -> None:
    """Tell the customer what was spent and what is left."""
    chat = _chat(session, customer_id)
    if chat is None:
        return
    _ = translator(chat.language)
    said = [
        _("✅ You have spent {points}.", points=_.points(points)),
        _("Balance: <b>{points}</b>", points=_.points(left)),
    ]
    messaging.enqueue(
        rows,
        customer_id=customer_id,
        chat_id=chat.telegram_id,
        message_class=messaging.SERVICE,
        key=f"spent:{hold_id}",
        payload={"text": "\n".join(said)},
        now=now,
    )
